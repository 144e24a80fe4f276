"""Flip maps that take no mirrored body to a body: by the bones, by the joints' names, and by the data."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from queries import flip_maps
from queries.audit_context import Audit
from queries.catalogue import Check, Param
from queries.flip_maps import Chart, Distances

if TYPE_CHECKING:
    import pandas as pd

CHECK = Check(
    id="flip-map-breaks-skeleton",
    title="The flip map turns a mirrored body into none",
    category="skeleton",
    severity="error",
    why="Augmentation by mirroring renames the joints by this map. Where it is wrong, every mirrored image "
    "is trained with wrong labels: with Ultralytics' default, fliplr: 0.5, that is half of all images.",
    fix="Correct flip_idx (the finding proposes a map where names tell one; a hand's is the identity), or "
    "train without mirroring (fliplr: 0).",
    of="skeletons",
    needs=("skeletons", "flips"),
    params={
        "ratio": Param(0.5, "how much of what random pairs differ by may mapped pairs of joints differ by"),
        "poses": Param(10, "poses without which distances decide nothing"),
    },
)


def find(audit: Audit) -> pd.DataFrame:
    """One finding per skeleton whose map is wrong."""
    import pandas as pd  # noqa: PLC0415  heavy, and `kpaudit --help` imports every check

    by_skeleton = {poses.skeleton: poses for poses in audit.poses}
    rows = []
    for chart in _charts(audit):
        if any(not 0 <= to < len(chart.flip) for to in chart.flip):
            continue  # a joint that there is not: flip-map-not-involution says so
        poses = by_skeleton.get(chart.name)
        measured = flip_maps.distances(poses, chart.flip) if poses is not None else None
        broken, sides = flip_maps.broken_bones(chart), flip_maps.wrong_sides(chart)
        if broken and flip_maps.proposed(chart) == chart.flip:
            told = _first([f"{_pair(chart, bone)} has no mirror image" for bone in broken])
            audit.note(
                f"{chart.name}: the map is the one that the joints' names tell; it is the list of bones that "
                f"has no two sides ({told})."
            )
            broken = []
        enough = measured is not None and measured.poses >= audit.params["poses"]
        far = bool(enough) and measured.ratio > audit.params["ratio"]
        if broken or sides or far:
            rows.append(
                _row(
                    chart,
                    broken,
                    sides,
                    measured=measured if enough else None,
                    far=far,
                    file_format=audit.dataset["format"],
                )
            )
        elif not chart.bones and not enough:
            few = measured.poses if measured else 0
            audit.note(f"{chart.name}: no bones are known, and {few} poses are too few to judge its map by.")
    return pd.DataFrame(rows)


def _charts(audit: Audit) -> list[Chart]:
    number = audit.dataset["dataset_id"]
    bones = audit.frame("flip_maps.sql:bones", dataset=number)
    charts = []
    for name, joints in audit.frame("flip_maps.sql:joints", dataset=number).groupby("skeleton", sort=True):
        own = bones[bones["skeleton"] == name]
        pairs = zip(own["joint_a"].tolist(), own["joint_b"].tolist(), strict=True)
        columns = (joints[column].tolist() for column in ("name", "canonical"))
        names, canonical = (tuple(column) for column in columns)
        charts.append(Chart(str(name), names, canonical, tuple(pairs), tuple(joints["flip"].tolist())))
    return charts


def _row(
    chart: Chart,
    broken: list[tuple[int, int]],
    sides: list[tuple[int, int]],
    *,
    measured: Distances | None,
    far: bool,
    file_format: str,
) -> dict:
    proposal = flip_maps.proposed(chart)
    own = "flip_idx" if file_format == "yolo" else "the flip map"
    sentences = [s for s in (_bones(chart, broken), _sides(chart, sides), _far(chart, measured, far)) if s]
    sentences[0] = f"{own} {list(chart.flip)}: {sentences[0]}"
    sentences.append(_proposal(chart, proposal, own))
    if file_format == "yolo":
        mend = "a right map" if proposal is None else "the map above"
        if proposal == chart.flip:
            mend = "the right order"
        sentences.append(
            "training with fliplr above 0 (Ultralytics' default is 0.5, half of all images) teaches wrong "
            f"labels on each mirrored image; {mend} mends it, and so does fliplr: 0"
        )
    return {
        "about": chart.name,
        "score": 1.0,
        "detail": ". ".join([sentences[0], *map(_capital, sentences[1:])]),
        "evidence": json.dumps(
            {
                "flip_map": list(chart.flip),
                "proposed": None if proposal in (None, chart.flip) else list(proposal),
                "broken_bones": [
                    {"bone": _pair(chart, bone), "becomes": _pair(chart, [chart.flip[end] for end in bone])}
                    for bone in broken
                ],
                "wrong_sides": [
                    {"joint": chart.names[joint], "becomes": chart.names[chart.flip[joint]],
                     "mirror_image": chart.names[to]}
                    for joint, to in sides
                ],
                "distances": None if measured is None else {
                    "mapped_pairs_differ": round(measured.mapped, 4),
                    "random_pairs_differ": round(measured.random, 4),
                    "ratio": round(measured.ratio, 3), "poses": measured.poses,
                },
            }
        ),
    }  # fmt: skip


def _bones(chart: Chart, broken: list[tuple[int, int]]) -> str:
    if not broken:
        return ""
    told = [f"{_pair(chart, b)} becomes {_pair(chart, [chart.flip[end] for end in b])}" for b in broken]
    whom = "no hand onto a hand" if "thumb_tip" in chart.canonical else "no figure onto a figure"
    return f"it maps {whom}: {len(broken)} of {len(chart.bones)} bones fall on no bone ({_first(told)})"


def _sides(chart: Chart, sides: list[tuple[int, int]]) -> str:
    told = [
        f"{chart.names[joint]} "
        + ("stays" if chart.flip[joint] == joint else f"becomes {chart.names[chart.flip[joint]]}")
        + f" where its mirror image is {chart.names[to]}"
        for joint, to in sides
    ]
    return _first(told)


def _far(chart: Chart, measured: Distances | None, far: bool) -> str:
    if measured is None or not measured.mapped:
        return ""
    told = (
        f"in {measured.poses:,} poses of this dataset, joints that are mapped onto each other differ in "
        f"their distances by {measured.mapped:.3f} box sizes, random ones by {measured.random:.3f}"
    )
    if far:
        worst = [f"{_pair(chart, (a, b))} ({difference:.2f})" for a, b, difference in measured.worst]
        told += f", most of all {', '.join(worst)}"
    return told


def _proposal(chart: Chart, proposal: tuple[int, ...] | None, own: str) -> str:
    if proposal is None:
        return "the joints' names do not tell the right map"
    if proposal == chart.flip:
        return (
            "the joints' names tell this very map: look whether the joints stand in the order of their names"
        )
    if not flip_maps.is_identity(proposal):
        return f"{own} should be {list(proposal)}"
    kind = "hand" if "thumb_tip" in chart.canonical else "figure"
    return (
        f"a mirrored {kind} is the other {kind}, joint for joint: {own} should be the identity, "
        f"{list(proposal)}"
    )


def _pair(chart: Chart, bone: tuple[int, int] | list[int]) -> str:
    return f"{chart.names[bone[0]]} – {chart.names[bone[1]]}"


def _first(told: list[str], most: int = 5) -> str:
    return "; ".join(told[:most]) + (f"; and {len(told) - most} more" if len(told) > most else "")


def _capital(sentence: str) -> str:
    return sentence if sentence.startswith("flip_idx") else sentence[:1].upper() + sentence[1:]
