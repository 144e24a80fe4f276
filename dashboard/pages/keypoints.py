"""Per joint: is it labelled, occluded, visible; with which others; where in its box; how long its bones."""

import pandas as pd
import streamlit as st

from dashboard import (
    charts,
    charts_points,
    compare,
    compare_keypoints,
    data,
    joints,
    palette,
    show,
    state,
    stats,
)
from dashboard.data import Narrow
from dashboard.state import Current, Door
from dashboard.text import clean, count, md, share

_SAMPLE = 20_000
_CELLS = 32


def _skeleton(now: Current) -> tuple[str, int] | None:
    """The skeleton to look at and how many annotations have keypoints; None where there is nothing."""
    found = data.frame("skeletons", now.filters)
    if found.empty:
        show.nothing("No selected annotation has a skeleton: there are no keypoints to show.")
        return None
    if not found["with_keypoints"].any():
        show.nothing(
            f"No keypoints: none of the {found['annotations'].sum():,} selected annotations has a labelled "
            "joint. "
            "This dataset gives boxes and classes only."
        )
        return None
    names = found["skeleton"].tolist()
    chosen = names[0]
    if len(names) > 1:
        rows = found.set_index("skeleton")["annotations"]
        chosen = st.selectbox(
            "Skeleton", names, format_func=lambda n: f"{clean(n)} ({count(rows[n], 'annotation')})"
        )
    row = found[found["skeleton"] == chosen].iloc[0]
    with_keypoints, total = int(row["with_keypoints"]), int(row["annotations"])
    st.markdown(
        f"Skeleton **{md(chosen)}**: {with_keypoints:,} of {count(total, 'annotation')} "
        f"({share(with_keypoints, total)}) have at least one labelled joint."
        + ("" if now.recorded else " This format has no visibility flag: a joint is given or not.")
    )
    return chosen, with_keypoints


def _states(now: Current, skeleton: str) -> None:
    st.subheader("The state of each joint", anchor=False)
    frame = data.frame("joint_states", now.filters, skeleton=skeleton, by="all")
    long = joints.in_states(frame)
    colors = {s.words: s.color for s in joints.present(frame)}
    order = list(dict.fromkeys(frame["name"]))
    show.chart(
        lambda: charts.bars(
            long, category="name", value="n", color="state", colors=colors, order=order,
            title="Annotations by the state of each joint", category_title="joint", value_title="annotations",
        ),
        long, "joint_states", empty="No annotation with this skeleton is selected.",
        on_click=lambda row: _to_state(now, row), numbers=frame,
    )  # fmt: skip
    outside = data.frame("joint_outside", now.filters, skeleton=skeleton)
    total = int(outside["outside"].sum())
    known, labelled = (int(outside[name].max()) for name in ("known", "labelled"))
    if not known:
        show.nothing("Whether joints lie outside the frame can't be told: no image's size is known.")
        return
    if not total:
        st.markdown(f"None of the {known:,} labelled keypoints lies outside its image.")
        return
    outside = outside[outside["outside"] > 0].reset_index(drop=True)
    show.chart(
        lambda: charts.bars(
            outside,
            category="name",
            value="outside",
            order=outside["name"].tolist(),
            title="Labelled keypoints outside the frame",
            category_title="joint",
            value_title="keypoints outside their image",
        ),
        outside,
        "joint_outside",
        empty="",
        caption=f"{total:,} of {known:,} ({share(total, known)})"
        + (f"; of {labelled - known:,} the image's size is not known." if labelled > known else "."),
        on_click=lambda row: Door(now.filters, Narrow(joint=row["name"], state="outside")),
    )


def _to_state(now: Current, row: dict) -> Door:
    return Door(now.filters, Narrow(joint=row["name"], state=joints.state_called(row["state"]).narrow))


def _groups(now: Current, skeleton: str) -> None:
    st.subheader("By class and by split", anchor=False)
    left, right = st.columns([0.3, 0.7])
    by = left.segmented_control("Group", ["class", "split"], default="class", required=True, key="joint_by")
    frame = data.frame("joint_states", now.filters, skeleton=skeleton, by=by)
    present = joints.present(frame)
    words = [s.words for s in present]
    chosen = right.segmented_control(
        "State", words, default=words[0], required=True, key=f"joint_state_{len(words)}"
    )
    asked = joints.state_called(chosen)
    long = joints.in_states(frame)
    long = long[long["state"] == chosen].reset_index(drop=True)
    groups = list(dict.fromkeys(frame["grp"]))
    if by == "split":
        groups = list(charts.split_colors(groups))

    def door(row: dict) -> Door:
        narrowed = {"labels" if by == "class" else "splits": (row["grp"],)}
        return Door(now.filters.with_(**narrowed), Narrow(joint=row["name"], state=asked.narrow))

    names = list(dict.fromkeys(frame["name"]))
    # The longer list goes down the page, where there is room for it.
    across, down = (("grp", by, groups), ("name", "joint", names))
    if len(names) <= len(groups) or len(names) <= charts.MAX_BESIDE:
        across, down = down, across
    axes = {
        "x": across[0], "x_title": across[1], "x_order": across[2],
        "y": down[0], "y_title": down[1], "y_order": down[2],
    }  # fmt: skip
    show.chart(
        lambda: charts.heat(
            long,
            **axes,
            value="share",
            theme=show.theme(),
            title=f"Share of annotations whose joint is {chosen}",
            value_title=f"share of the {by}'s annotations",
            percent=True,
            top=1,
        ),
        long,
        f"joints_by_{by}",
        empty="Nothing is selected.",
        on_click=door,
    )


def _together(now: Current, skeleton: str) -> None:
    st.subheader("Which joints are labelled together", anchor=False)
    if not now.recorded:
        show.nothing(
            "Without a visibility flag an annotation has all its joints or none: nothing to compare."
        )
        return
    names = data.frame("joint_states", now.filters, skeleton=skeleton, by="all")["name"].tolist()
    found = stats.co_visibility(data.frame("joint_patterns", now.filters, skeleton=skeleton), len(names))
    numbers = pd.DataFrame(
        [
            (a, b, int(found.both[i, j]), found.annotations)
            for i, a in enumerate(names)
            for j, b in enumerate(names)
        ],
        columns=["joint_a", "joint_b", "both", "annotations"],
    )
    numbers["share"] = numbers["both"] / max(found.annotations, 1)
    show.chart(
        lambda: charts.heat(
            numbers,
            x="joint_a",
            y="joint_b",
            value="share",
            x_order=names,
            y_order=names,
            theme=show.theme(),
            title="Annotations in which both joints are labelled",
            x_title="joint",
            y_title="joint",
            value_title="share of annotations",
            percent=True,
            top=1,
        ),
        numbers if found.annotations else numbers.iloc[:0],
        "joints_together",
        empty="No selected annotation has a labelled joint.",
        caption=f"Of {count(found.annotations, 'annotation')} with at least one labelled joint; the diagonal "
        "is each joint by itself.",
        width=300 + 26 * len(names),
    )


def _in_box(now: Current, skeleton: str) -> None:
    st.subheader("Where a joint lies in its box", anchor=False)
    frame = data.frame("joint_states", now.filters, skeleton=skeleton, by="all")
    names = frame["name"].tolist()
    joint = st.selectbox(
        "Joint", range(len(names)), format_func=lambda i: clean(names[i]), key=f"in_box_{len(names)}"
    )
    found = data.frame("joint_in_box", now.filters, skeleton=skeleton, joint=joint, cells=_CELLS)
    near = found[found["near"].fillna(False)][["cell_x", "cell_y", "keypoints"]]
    far = int(found.loc[~found["near"].fillna(False), "keypoints"].sum())
    show.chart(
        lambda: charts.grid(
            near,
            cells=_CELLS,
            margin=_CELLS // 4,
            box=True,
            theme=show.theme(),
            title=f"Position of {clean(names[joint], 40)} in its box",
            x_title="x, in widths of the box",
            y_title="y, in heights of the box",
            value_title="keypoints",
        ),
        near,
        "joint_in_box",
        empty="No selected annotation has this joint labelled in a box with an area.",
        caption="The line is the box."
        + (
            f" {count(far, 'keypoint lies', 'keypoints lie')} more than a quarter of the box outside it."
            if far
            else ""
        ),
        width=620,
    )
    if not near.empty:
        st.button(
            "See the images with this joint", icon=":material/image_search:", on_click=state.open_next,
            args=(Door(now.filters, Narrow(joint=names[joint])),),
        )  # fmt: skip


def _bones(now: Current, skeleton: str, with_keypoints: int) -> None:
    st.subheader("Bone lengths", anchor=False)
    frame = data.frame("bone_lengths", now.filters, skeleton=skeleton, sample=_SAMPLE)
    frame.insert(0, "name", frame["joint_a"] + " – " + frame["joint_b"])
    colors = [palette.part_color(p if isinstance(p, str) else None, show.theme()) for p in frame["part"]]
    caption = "Length ÷ square root of the box's area: line 1–99 %, bar 25–75 %, point median."
    if with_keypoints > 2 * _SAMPLE:
        caption += f" Of a sample of about {_SAMPLE:,} to {2 * _SAMPLE:,} annotations."
    if now.dataset["unit"] == "normalized":
        caption += " Where an image's size is not known it is taken as square."
    show.chart(
        lambda: charts_points.ranges(
            frame,
            title="Length of each bone, relative to its box",
            category_title="bone",
            value_title="length ÷ √(box area)",
            colors=colors,
        ),
        frame,
        "bone_lengths",
        empty="This skeleton has no bones, or no selected annotation has both ends of one.",
        caption=caption,
        hint="Click a median to see the images with the bone's second joint.",
        on_click=lambda row: Door(now.filters, Narrow(joint=row["joint_b"])),
    )


def _page() -> None:
    show.header("Keypoints")
    now = state.current()
    pair = compare.picker(now)
    if pair is not None:
        compare_keypoints.page(pair)
        return
    found = _skeleton(now)
    if found is None:
        return
    skeleton, with_keypoints = found
    _states(now, skeleton)
    _groups(now, skeleton)
    _together(now, skeleton)
    _in_box(now, skeleton)
    _bones(now, skeleton, with_keypoints)


_page()
