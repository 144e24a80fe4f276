"""The Keypoints page with a second dataset beside the first, over the joints that both have."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts_compare, charts_points, data, joints, palette, show, state, stats
from dashboard.compare import Pair, Side
from dashboard.data import Narrow
from dashboard.joints import Common
from dashboard.state import Door
from dashboard.text import clean, count, listed, md

_SAMPLE = 20_000
_CELL = 400  # pixels that a map needs to be read: narrower pages put them one below the other
_NAMED = 12  # joints that a sentence lists
#: Keypoints of the smaller dataset up to which a map has so many cells across.
_CELLS = ((100, 8), (2000, 16), (float("inf"), 32))


def page(pair: Pair) -> None:
    """The comparison, or why there is none."""
    found = [_skeletons(side) for side in pair]
    if any(f is None for f in found):
        return
    chosen = _choose(pair, found)
    common = _common(chosen)
    st.markdown(_shared_words(pair, chosen, common))
    if common.shared.empty:
        show.nothing(
            f"The skeletons {md(chosen[0])} and {md(chosen[1])} have no joint in common: there is nothing to "
            "lay side by side."
        )
        return
    for a, b, why in common.close:
        st.caption(f"Not the same, so not compared: {md(a)} ({md(pair.first.name)}) and {md(b)} "
                   f"({md(pair.second.name)}); {md(why)}.")  # fmt: skip
    whole = [int(f.set_index("skeleton")["with_keypoints"][s]) for f, s in zip(found, chosen, strict=True)]
    _states(pair, chosen, common, whole)
    _in_box(pair, chosen, common)
    _bones(pair, chosen, common, whole)


def _skeletons(side: Side) -> pd.DataFrame | None:
    """The skeletons of a dataset that have keypoints; None, and said, where there is none."""
    found = data.frame("skeletons", side.filters)
    found = found[found["with_keypoints"] > 0]
    if found.empty:
        show.nothing(f"No selected annotation of {md(side.name)} has a labelled joint: nothing to compare.")
        return None
    return found


def _choose(pair: Pair, found: list[pd.DataFrame]) -> tuple[str, str]:
    """A skeleton of each; where there are several, pickers, which begin with those that share the most."""
    chosen: list[str] = []
    places = iter(st.columns(2) if any(len(f) > 1 for f in found) else ())
    for n, (side, frame) in enumerate(zip(pair, found, strict=True)):
        names = frame["skeleton"].tolist()
        if n:
            # Stable: of equals the one with the most keypoints, which comes first.
            names.sort(key=lambda name: -len(_common((chosen[0], name)).shared))
        if len(names) > 1:
            rows = frame.set_index("skeleton")["with_keypoints"]
            chosen.append(next(places).selectbox(
                f"Skeleton of {clean(side.name, 60)}", names,
                key=f"compare_skeleton_{n}_{side.dataset['dataset_id']}",
                format_func=lambda s, rows=rows: f"{clean(s)} ({rows[s]:,} with keypoints)",
            ))  # fmt: skip
        else:
            chosen.append(names[0])
    return chosen[0], chosen[1]


def _common(skeletons: tuple[str, str]) -> Common:
    first, second = (data.frame("joint_names", skeleton=name) for name in skeletons)
    return joints.common(first, second, data.close_pairs())


def _shared_words(pair: Pair, skeletons: tuple[str, str], common: Common) -> str:
    words = [
        f"**{count(len(common.shared), 'joint')}** in common, of **{md(pair.first.name)}** "
        f"({md(skeletons[0])}) and **{md(pair.second.name)}** ({md(skeletons[1])})."
    ]
    for side, only in zip(pair, (common.only_a, common.only_b), strict=True):
        if only:
            words.append(
                f"Only in {md(side.name)}, {len(only)}: {listed([md(name) for name in only], _NAMED)}."
            )
    if not common.only_a and not common.only_b:
        words.append("Neither has any other.")
    return " ".join(words)


def shares(frames: dict[str, pd.DataFrame], common: Common, whole: dict[str, int]) -> pd.DataFrame:
    """Per shared joint, dataset and state how many of the annotations with keypoints are in it."""
    rows = []
    for (dataset, frame), end in zip(frames.items(), "ab", strict=True):
        states = frame.set_index("joint")
        for _, joint in common.shared.iterrows():
            at = states.loc[joint[f"joint_{end}"]]
            counted = {
                "labelled": at["visible"] + at["occluded"] + at["recorded"],
                "visible": at["visible"],
                "occluded": at["occluded"],
            }
            rows += [(joint["canonical"], dataset, joint[f"name_{end}"], state, int(n), whole[dataset])
                     for state, n in counted.items()]  # fmt: skip
    made = pd.DataFrame(rows, columns=["joint", "dataset", "own_name", "state", "part", "whole"])
    made["share"] = made["part"] / made["whole"]
    made["low"], made["high"] = stats.wilson(made["part"].to_numpy(), made["whole"].to_numpy())
    return made


def _states(pair: Pair, skeletons: tuple[str, str], common: Common, whole: list[int]) -> None:
    st.subheader("How often each joint is labelled", anchor=False)
    frames = {
        side.name: data.frame("joint_states", side.filters, skeleton=skeleton, by="all")
        for side, skeleton in zip(pair, skeletons, strict=True)
    }
    made = shares(frames, common, dict(zip(frames, whole, strict=True)))
    flagless = [side.name for side in pair if not side.recorded]
    chosen = "labelled"
    if flagless:
        verb = "has" if len(flagless) == 1 else "have"
        st.caption(
            f"{listed([md(name) for name in flagless])} {verb} no visibility flag: a joint is given or "
            "not, and visible and occluded can't be compared."
        )
        made = made[made["state"] == "labelled"]
    else:
        chosen = st.segmented_control(
            "State", ["labelled", "visible", "occluded"], default="labelled", required=True,
            key="compare_state",
        )  # fmt: skip
    shown = made[made["state"] == chosen].reset_index(drop=True)

    def door(row: dict) -> Door:
        return pair.named(row["dataset"]).door(Narrow(joint=row["own_name"], state=chosen))

    totals = " and ".join(f"{n:,} of {md(side.name)}" for side, n in zip(pair, whole, strict=True))
    show.chart(
        lambda: charts_points.intervals(
            shown, category="joint", color="dataset", colors=pair.colors,
            order=common.shared["canonical"].tolist(), title=f"Annotations whose joint is {chosen}",
            category_title="joint", value_title="share of annotations with keypoints",
        ),
        shown, "compare_joint_states", empty="No joint is shared.", numbers=made, on_click=door,
        caption=f"Of the annotations with at least one labelled joint: {totals}. Lines: 95 % intervals.",
    )  # fmt: skip


def _in_box(pair: Pair, skeletons: tuple[str, str], common: Common) -> None:
    st.subheader("Where a joint lies in its box", anchor=False)
    left, right = st.columns(2)
    names = common.shared["canonical"].tolist()
    at = left.selectbox(
        "Joint", range(len(names)), format_func=lambda i: clean(names[i]), key=f"compare_joint_{len(names)}"
    )
    joint = common.shared.iloc[at]
    own = {side.name: joint[f"name_{end}"] for side, end in zip(pair, "ab", strict=True)}

    def maps(cells: int) -> list[pd.DataFrame]:
        return [
            data.frame("joint_in_box", side.filters, skeleton=skeleton, joint=int(joint[f"joint_{end}"]),
                       cells=cells)
            for side, skeleton, end in zip(pair, skeletons, "ab", strict=True)
        ]  # fmt: skip

    totals = [int(frame["keypoints"].sum()) for frame in maps(_CELLS[-1][1])]
    for side, total in zip(pair, totals, strict=True):
        if not total:
            show.nothing(
                f"No selected annotation of {md(side.name)} has {md(own[side.name])} labelled in a box with "
                "an area: where it lies can't be compared."
            )
    if not all(totals):
        return
    # Few keypoints on many cells are dots without a shape.
    cells = next(n for most, n in _CELLS if min(totals) <= most)
    near = [in_shares(frame) for frame in maps(cells)]
    how = right.segmented_control(
        "Show", ["side by side", "difference"], default="side by side", required=True, key="compare_maps"
    )
    numbers = pd.concat([f.assign(dataset=side.name) for side, f in zip(pair, near, strict=True)])
    both = {"cells": cells, "margin": cells // 4, "theme": show.theme()}
    of = " and ".join(
        f"{count(n, 'keypoint')} of {md(side.name)}" for side, n in zip(pair, totals, strict=True)
    )
    caption = f"The line is the box. Of {of}."
    if how == "difference":
        gap = difference(*near)
        top = float(gap["share"].abs().max()) or 1.0
        show.chart(
            lambda: charts_compare.share_map(
                gap, **both, signed=True, top=top, value_title="difference of shares",
                title=f"{clean(names[at], 40)}: {clean(pair.second.name, 30)} minus "
                f"{clean(pair.first.name, 30)}",
            ),
            gap, "compare_in_box_difference", empty="No keypoint is near its box.", width=520,
            caption=f"{caption} Above 0: more often there in {md(pair.second.name)}.", numbers=numbers,
        )  # fmt: skip
    else:
        top = max(float(frame["share"].max()) if len(frame) else 0.0 for frame in near) or 1.0
        places = st.grid(2, min_column_width=_CELL)
        for n, (side, frame) in enumerate(zip(pair, near, strict=True)):
            with places.cell():
                show.chart(
                    lambda frame=frame, side=side: charts_compare.share_map(
                        frame, **both, top=top, title=f"{clean(names[at], 40)} in {clean(side.name, 40)}"
                    ),
                    frame, f"compare_in_box_{n}", empty="No keypoint is near its box.",
                    caption=f"The line is the box. Of {count(totals[n], 'keypoint')}.",
                )  # fmt: skip
    with st.container(horizontal=True):
        for n, side in enumerate(pair):
            st.button(
                f"See the images of {clean(side.name, 60)}", icon=":material/image_search:",
                on_click=state.open_next, key=f"compare_in_box_door_{n}",
                args=(side.door(Narrow(joint=own[side.name], state="labelled")),),
            )  # fmt: skip


def in_shares(frame: pd.DataFrame) -> pd.DataFrame:
    """joint_in_box, near the box alone, as shares of all its keypoints."""
    near = frame[frame["near"].fillna(False)][["cell_x", "cell_y", "keypoints"]].reset_index(drop=True)
    return near.assign(share=near["keypoints"] / frame["keypoints"].sum())


def difference(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """The second's share minus the first's, cell by cell."""
    at = ["cell_x", "cell_y"]
    both = first[[*at, "share"]].merge(second[[*at, "share"]], on=at, how="outer", suffixes=("_a", "_b"))
    both = both.fillna({"share_a": 0.0, "share_b": 0.0})
    return both.assign(share=both["share_b"] - both["share_a"])[[*at, "share"]]


def _bones(pair: Pair, skeletons: tuple[str, str], common: Common, whole: list[int]) -> None:
    st.subheader("Bone lengths", anchor=False)
    found = []
    for side, mine, other in zip(pair, skeletons, reversed(skeletons), strict=True):
        frame = data.frame("compared_bones", side.filters, skeleton=mine, other=other, sample=_SAMPLE)
        found.append(frame.assign(dataset=side.name))
    made = pd.concat(found, ignore_index=True)
    place = {name: i for i, name in enumerate(common.shared["canonical"])}
    ends = zip(made["bone_a"], made["bone_b"], strict=True)
    made["at"] = [tuple(sorted((place[a], place[b]))) for a, b in ends]
    names = list(place)
    made.insert(0, "name", [f"{names[a]} – {names[b]}" for a, b in made["at"]])
    made["far_end"] = [names[b] for _, b in made["at"]]
    made = made.sort_values(["at", "dataset"], kind="stable").drop(columns="at").reset_index(drop=True)
    order = list(dict.fromkeys(made["name"]))
    own = common.shared.set_index("canonical")
    caption = "Length ÷ square root of the box's area: line 1–99 %, bar 25–75 %, point median."
    if max(whole) > 2 * _SAMPLE:
        caption += f" Of a sample of about {_SAMPLE:,} to {2 * _SAMPLE:,} annotations of a larger dataset."
    if any(side.dataset["unit"] == "normalized" for side in pair):
        caption += " Where an image's size is not known it is taken as square."
    missing = [side.name for side in pair if not (made["dataset"] == side.name).any()]
    if missing and len(missing) == 1:
        show.nothing(f"No selected annotation of {md(missing[0])} has both ends of such a bone in a box "
                     "with an area: its bone lengths can't be compared.")  # fmt: skip
        return

    def door(row: dict) -> Door:
        end = "a" if row["dataset"] == pair.first.name else "b"
        name = own.loc[row["far_end"], f"name_{end}"]
        return pair.named(row["dataset"]).door(Narrow(joint=name, state="labelled"))

    show.chart(
        lambda: charts_compare.paired_ranges(
            made, order=order, colors=pair.colors, title="Length of each bone, relative to its box",
            category_title="bone", value_title="length ÷ √(box area)",
            background=palette.BACKGROUND[show.theme()],
        ),
        made, "compare_bone_lengths", caption=caption, on_click=door,
        numbers=made.drop(columns="far_end"),
        empty="Of the joints in common no bone has both ends in an annotation with a box.",
        hint="Click a median to see that dataset's images with the bone's second joint.",
    )  # fmt: skip
