"""The picture that is judged: a component of our own, an image with its annotations as SVG over it.

Python hands it pixels of the image and gets pixels back; nothing of it is asked of another host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import palette, review_data, viewer_data
from dashboard.draw import bone_part
from dashboard.review_data import Plain
from dashboard.text import clean
from dashboard.viewer_data import Instance, Joint, Scene

_FOLDER = Path(__file__).with_name("review_component")
_picture = st.components.v2.component(
    "kpaudit_review_picture",
    html=(_FOLDER / "picture.html").read_text(encoding="utf-8"),
    css=(_FOLDER / "picture.css").read_text(encoding="utf-8"),
    js=(_FOLDER / "picture.js").read_text(encoding="utf-8"),
)
#: Fields of the form that give the keys back once they are filled: what comes next is a verdict.
FIELDS = ("label", "comment")
#: What cannot be drawn would be a number that JSON has no word for.
_FAR = 1e7

Place = tuple[float, float, int | None]


@dataclass
class Draft:
    """Corrected joints of one record in pixels; `rev` counts changes made beside the picture, `seq` in it.

    `open` while they can be moved; closed, they wait for the verdict.
    """

    key: str
    joints: dict[int, Place] = field(default_factory=dict)
    seq: int = 0
    rev: int = 0
    open: bool = True


@dataclass(frozen=True)
class Shown:
    """One record's picture: `key` is of its names, `rings` circle joints, `said` is written at its foot."""

    key: str
    plain: Plain
    annotation: int | None
    close: bool
    rings: tuple[int, ...] = ()
    said: str = ""

    @property
    def instance(self) -> Instance | None:
        """The annotation that is judged, in pixels; None where the image is judged as a whole."""
        return next((i for i in self.plain.scene.instances if i.annotation_id == self.annotation), None)


def show(
    dataset: Mapping[str, Any],
    shown: Shown,
    joints: list[dict[str, Any]],
    *,
    draft: Draft | None,
    proposals: Iterable[Mapping[int, Place]],
    on_change: Any,
    flags: bool,
    typed: list[str | None],
) -> None:
    """Draws the picture. `joints` are the skeleton's; with a `draft` they can be moved; `on_change` then."""
    scene, own = shown.plain.scene, shown.instance
    what = f"{scene.key or 'image'}: {own.label or 'annotation'}" if own is not None else scene.key or "image"
    data = {
        "item": shown.key,
        "image": shown.plain.uri,
        "box": shown.plain.box,
        "frame": [scene.width, scene.height],
        "view": _view(scene, shown),
        "alt": clean(what, 160),
        "said": shown.said,
        "instances": _instances(dataset, scene, shown.annotation),
        "someFocus": own is not None,
        "rings": [list(j.place) for j in (own.joints if own else ()) if j.index in shown.rings and _near(j)],
        "bones": [list(pair) for pair in own.bones] if own is not None else [],
        "joints": _joints(own, joints),
        "proposals": [_proposal(own, proposal) for proposal in proposals] if own is not None else [],
        "edit": draft is not None,
        "draft": {str(j): list(place) for j, place in draft.joints.items()} if draft is not None else {},
        "seq": draft.seq if draft is not None else 0,
        "rev": draft.rev if draft is not None else 0,
        "flags": flags,
        "typed": [value or "" for value in typed],
    }
    _picture(key="review_picture", data=data, on_change_change=on_change)


def sent() -> Mapping[str, Any] | None:
    """What the picture has sent, in the callback."""
    found = st.session_state.get("review_picture") or {}
    return found.get("change")


def _view(scene: Scene, shown: Shown) -> list[float]:
    left, top, right, bottom = (
        review_data.close_up(scene, shown.annotation) if shown.close else review_data.whole(scene)
    )
    return [left, top, max(right - left, 1e-3), max(bottom - top, 1e-3)]


def _near(joint: Joint) -> bool:
    return joint.place is not None and all(abs(v) < _FAR for v in joint.place)


def _instances(dataset: Mapping[str, Any], scene: Scene, focus: int | None) -> list[dict[str, Any]]:
    shades = viewer_data.colors(dataset, (i.label for i in scene.instances))
    return [
        {
            "focus": instance.annotation_id == focus,
            "rect": list(instance.rect) if instance.rect and max(map(abs, instance.rect)) < _FAR else None,
            "dashed": instance.united or instance.crowd,
            "color": shades.get(instance.label, palette.NEUTRAL),
            "label": clean(instance.label, 40) if instance.label is not None else "",
            "joints": [
                [*joint.place, joint.visibility, palette.part_color(joint.part), clean(joint.name, 40)]
                for joint in instance.joints
                if joint.labelled and _near(joint)
            ],
            "bones": [
                [*a.place, *b.place, palette.part_color(bone_part(a, b))]
                for a, b in instance.drawn_bones()
                if _near(a) and _near(b)
            ],
        }
        for instance in scene.instances
    ]


def _joints(own: Instance | None, joints: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The skeleton's joints, and those that the record has beyond them; without a place where it has none."""
    if own is None:
        return []
    given = {joint.index: joint for joint in own.joints}
    names = {row["joint"]: row["name"] for row in joints} | {j: given[j].name for j in given}
    found = []
    for number in sorted(names):
        joint = given.get(number)
        x, y = joint.place if joint is not None and joint.labelled and _near(joint) else (None, None)
        visibility = joint.visibility if joint is not None else 0
        found.append({"joint": number, "name": clean(names[number], 40), "x": x, "y": y, "v": visibility})
    return found


def _proposal(own: Instance, proposal: Mapping[int, Place]) -> dict[str, Any]:
    places = {j.index: [*j.place, j.visibility] for j in own.joints if j.labelled and _near(j)}
    places |= {joint: list(place) for joint, place in proposal.items()}
    return {"joints": [[joint, *place] for joint, place in places.items()], "changed": list(proposal)}
