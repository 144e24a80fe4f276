"""Corrected joints of the record that is judged: a draft, moved in the picture or typed, and its proposal."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import review_picture
from dashboard.review_picture import Draft, Place, Shown
from dashboard.text import clean
from dashboard.viewer_data import Instance, Scene

_DRAFT = "kp_review_draft"
_ABSENT: Place = (0.0, 0.0, 0)
_WORDS = {2: "visible", 1: "occluded", 0: "absent", None: "placed"}
_MOST = 100  # records that are corrected and not judged yet
_DIGITS = 9  # of a share of the image's side: a millionth of a pixel


def draft(key: str) -> Draft | None:
    """What is corrected of a record and not saved yet; None where nothing was begun."""
    return _drafts().get(key)


def _drafts() -> dict[str, Draft]:
    return st.session_state.setdefault(_DRAFT, {})


def begin(key: str, former: Mapping[int, Place] | None = None) -> Draft:
    """Begins to correct a record, with what was corrected before, or goes on."""
    drafts = _drafts()
    found = drafts.pop(key, None) or Draft(key, dict(former or {}))
    found.open = True
    drafts[key] = found
    for oldest in list(drafts)[:-_MOST]:
        del drafts[oldest]
    return found


def close(key: str) -> None:
    """Leaves the joints as they are corrected by now: the verdict stores them."""
    moved()
    if (found := draft(key)) is not None:
        found.open = False


def end(key: str) -> Draft | None:
    """Takes what is corrected of a record out and returns it, for it is stored."""
    return _drafts().pop(key, None)


def again(key: str, former: Draft) -> None:
    """Brings back what was stored with a verdict that was taken back."""
    former.open = False
    _drafts()[key] = former


def moved() -> None:
    """Takes over what the picture sent; its callback."""
    message = review_picture.sent()
    found = draft(message.get("item")) if message else None
    # from before a reset, or heard already
    if found is None or message.get("rev") != found.rev or int(message["seq"]) < found.seq:
        return
    found.joints = {int(j): _place(place) for j, place in dict(message["joints"]).items()}
    found.seq = int(message["seq"])


def _place(place: Any) -> Place:
    x, y, v = place
    return (float(x), float(y), None if v is None else int(v))


def swappable(joints: list[dict[str, Any]]) -> bool:
    """Whether the skeleton has a left and a right."""
    return any(row["flip"] is not None and row["flip"] != row["joint"] for row in joints)


def pairs(joints: list[dict[str, Any]], named: Collection[str]) -> list[dict[str, Any]]:
    """Those of the joints that are named, each with its mirror image."""
    wanted = {row["joint"] for row in joints if row["name"] in named}
    return [row for row in joints if row["joint"] in wanted or row["flip"] in wanted]


def swap(
    key: str, own: Instance, joints: list[dict[str, Any]], former: Mapping[int, Place] | None = None
) -> None:
    """Exchanges left and right, on top of what is corrected already."""
    found = begin(key, former)
    places = _places(own) | found.joints
    for row in joints:
        other = row["flip"]
        if other is not None and other != row["joint"]:
            found.joints[row["joint"]] = places.get(other, _ABSENT)
    _tidy(found, own)


def reset(key: str) -> None:
    """Back to the joints as the source gives them."""
    if (found := draft(key)) is not None:
        found.joints = {}
        found.rev += 1


def _tidy(found: Draft, own: Instance) -> None:
    """What is as it was is no correction."""
    places = _places(own)
    found.joints = {j: p for j, p in found.joints.items() if places.get(j, _ABSENT) != p}
    found.rev += 1


def _places(own: Instance) -> dict[int, Place]:
    return {j.index: (*j.place, j.visibility) for j in own.joints if j.labelled}


def proposal(found: Draft | None, shown: Shown, source: Scene) -> dict[str, Any] | None:
    """The draft as decisions hold it: in the dataset's unit.

    Where a joint only took another's place, or changed its flag, the numbers are those of the source.
    """
    if found is None or not found.joints:
        return None
    scene = shown.plain.scene
    mine = next((i for i in source.instances if i.annotation_id == shown.annotation), None)
    exact = {
        pixels.place: own.place
        for pixels, own in zip(shown.instance.joints, mine.joints if mine else (), strict=False)
        if pixels.place is not None and own.place is not None
    }
    made = {}
    former = _places(shown.instance)
    for joint, (x, y, flag) in sorted(found.joints.items()):
        if former.get(joint) == (x, y, flag):
            continue  # back where it was
        # a flag that is none, taken over from the joint on the other side, is no correction
        visibility = flag if flag in _WORDS else 2
        if visibility == 0:
            made[str(joint)] = [0.0, 0.0, 0]
        elif source.unit == "normalized":
            px, py = exact.get((x, y)) or (round(x / scene.width, _DIGITS), round(y / scene.height, _DIGITS))
            made[str(joint)] = [px, py, visibility]
        else:
            made[str(joint)] = [x, y, visibility]
    return {"keypoints": made} if made else None


def pixels(made: Mapping[str, Any] | None, scene: Scene, unit: str) -> dict[int, Place]:
    """A proposal's joints in pixels of the scene; none where it has none."""
    wide, high = (scene.width, scene.height) if unit == "normalized" else (1, 1)
    joints = (made or {}).get("keypoints") or {}
    return {int(joint): (x * wide, y * high, v) for joint, (x, y, v) in joints.items()}


def table(found: Draft, shown: Shown, joints: list[dict[str, Any]], flags: bool) -> None:
    """The joints as numbers to retype, for whoever does not drag."""
    own = shown.instance
    places = _places(own) | found.joints
    names = {row["joint"]: row["name"] for row in joints} | {j.index: j.name for j in own.joints}
    order = sorted(names)
    rows = []
    for joint in order:
        x, y, v = places.get(joint, _ABSENT)
        place = (None, None) if v == 0 else (x, y)
        said = "corrected" if joint in found.joints else ""
        rows.append((joint, clean(names[joint], 40), *place, _WORDS.get(v, "placed"), said))
    frame = pd.DataFrame(rows, columns=["#", "joint", "x", "y", "state", "corrected"])
    words = ["visible", "occluded", "absent"] if flags else ["placed", "occluded", "absent"]
    words += sorted(set(frame["state"]) - set(words))
    key = f"review_joints_{found.key}_{found.rev}_{found.seq}"
    st.data_editor(
        frame, key=key, hide_index=True, disabled=("#", "joint", "corrected"), num_rows="fixed", height=280,
        on_change=_typed, args=(key, found, own, order, flags),
        column_config={
            "#": st.column_config.NumberColumn(width=40),
            "x": st.column_config.NumberColumn("x (px)", format="%.1f"),
            "y": st.column_config.NumberColumn("y (px)", format="%.1f"),
            "state": st.column_config.SelectboxColumn(options=words, required=True),
            "corrected": st.column_config.TextColumn(""),
        },
    )  # fmt: skip


def _middle(own: Instance) -> tuple[float, float]:
    places = [j.place for j in own.joints if j.labelled] or [(0.0, 0.0)]
    return tuple(sum(values) / len(places) for values in zip(*places, strict=True))


def _typed(key: str, found: Draft, own: Instance, order: list[int], flags: bool) -> None:
    edited = (st.session_state.get(key) or {}).get("edited_rows") or {}
    flag = {word: value for value, word in _WORDS.items()}
    places = _places(own) | found.joints
    for row, changes in edited.items():
        joint = order[int(row)]
        x, y, v = places.get(joint, _ABSENT)
        v = flag.get(changes["state"], v) if "state" in changes else v
        if ("x" in changes or "y" in changes) and v == 0 and "state" not in changes:
            v = 2 if flags else None  # a joint that is given a place is there
        if v != 0 and places.get(joint, _ABSENT)[2] == 0:
            # said to be there: where the source has it, else amid the others until its numbers are typed
            x, y, _ = _places(own).get(joint, (*_middle(own), None))
        x, y = (changes.get(name, value) for name, value in (("x", x), ("y", y)))
        gone = v == 0 or x is None or y is None
        found.joints[joint] = _ABSENT if gone else (float(x), float(y), v)
    _tidy(found, own)
