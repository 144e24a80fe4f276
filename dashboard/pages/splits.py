"""What the splits share that they should not, and how far apart they are."""

import pandas as pd
import streamlit as st

from dashboard import charts, charts_points, data, show, state, stats
from dashboard.data import Narrow
from dashboard.state import Current, Door
from dashboard.text import count, md

_LIMIT = 500
_NAMED = 100  # more subjects than this are no longer named one by one in a URL


def _subjects(now: Current, splits: list[str]) -> None:
    st.subheader("Subjects across splits", anchor=False)
    if not now.dataset["subjects_recorded"]:
        show.nothing("No subject ids recorded: whether a person is in two splits can't be told.")
        return
    pairs = data.frame("split_subjects", now.filters)
    leaks = data.frame("split_leaks", now.filters, limit=_LIMIT)
    show.chart(
        lambda: charts.heat(
            pairs,
            x="split_a",
            y="split_b",
            value="subjects",
            x_order=splits,
            y_order=splits,
            theme=show.theme(),
            title="Subjects that two splits share",
            x_title="split",
            y_title="split",
            value_title="subjects",
        ),
        pairs,
        "split_subjects",
        empty="No selected image names its subject.",
        caption="The diagonal is each split's own number. Off the diagonal "
        "everything but an empty cell is a leak.",
        on_click=lambda row: _to_pair(now, row, leaks),
        width=240 + 60 * len(splits),
    )
    if leaks.empty:
        st.success("No subject is in more than one split.", icon=":material/check:")
        return
    total = int(leaks["leaks"].iloc[0])
    wide = leaks.pivot_table(index="subject", columns="split", values="images", aggfunc="sum", sort=False)
    wide = wide[[name for name in splits if name in wide]].fillna(0).astype(int)
    wide.insert(0, "images", wide.sum(axis=1))
    st.warning(f"**{count(total, 'subject')} in more than one split.**", icon=":material/warning:")
    show.table(
        wide.reset_index(),
        "split_leaks",
        empty="",
        columns={
            name: st.column_config.NumberColumn(f"images in {name}") for name in wide if name != "images"
        },
        caption=f"The {len(wide):,} with the most images of {total:,}." if total > len(wide) else "",
        on_click=lambda row: Door(now.filters.with_(subjects=(row["subject"],)), Narrow(leak=True)),
    )
    st.button(
        "See all images of these subjects",
        icon=":material/image_search:",
        on_click=state.open_next,
        args=(Door(now.filters, Narrow(leak=True)),),
    )


def _to_pair(now: Current, row: dict, leaks: pd.DataFrame) -> Door:
    a, b = row["split_a"], row["split_b"]
    if a == b:
        return Door(now.filters.with_(splits=(a,)))
    both = set(leaks.loc[leaks["split"] == a, "subject"]) & set(leaks.loc[leaks["split"] == b, "subject"])
    if len(both) == row["subjects"] <= _NAMED:
        return Door(now.filters.with_(splits=(a, b), subjects=tuple(sorted(both))))
    return Door(now.filters.with_(splits=(a, b)), Narrow(leak=True))


def _keys(now: Current) -> None:
    st.subheader("Images across splits", anchor=False)
    frame = data.frame("split_keys", now.filters, limit=_LIMIT)
    if frame.empty:
        st.success("No image key is in more than one split.", icon=":material/check:")
        return
    total = int(frame["leaks"].iloc[0])
    st.warning(f"**{count(total, 'image')} in more than one split**, by key.", icon=":material/warning:")
    show.table(
        frame, "split_keys", empty="", hidden=("leaks",),
        caption=f"The first {len(frame):,} of {total:,}." if total > len(frame) else "",
        on_click=lambda row: Door(now.filters, None, row["key"]),
        hint="Choose a row to see the image.",
    )  # fmt: skip


def _shift(now: Current, splits: list[str]) -> None:
    st.subheader("Shift of the class shares", anchor=False)
    frame = data.frame("class_split", now.filters)
    if frame["split"].nunique() < 2:
        show.nothing("There are not two splits with instances to compare.")
        return
    counts = frame.pivot_table(
        index="label", columns="split", values="instances", fill_value=0, aggfunc="sum"
    )
    counts = counts[[name for name in splits if name in counts]]
    moved = stats.class_shift(counts)
    for row in moved.itertuples():
        effect = "" if pd.isna(row.cramers_v) else (
            f", Cramér's V **{row.cramers_v:.3f}** ({stats.effect_words(row.cramers_v)} effect)"
        )  # fmt: skip
        st.markdown(
            f"- **{md(row.split_a)}** and **{md(row.split_b)}**: Jensen–Shannon distance "
            f"**{row.js_distance:.3f}**{effect}; {md(row.most_moved)} moves most, "
            f"{row.share_a:.2%} against {row.share_b:.2%}."
        )
    shares = counts / counts.sum()
    widest = (shares.max(axis=1) - shares.min(axis=1)).sort_values(ascending=False)
    long = shares.reset_index().melt("label", var_name="split", value_name="share")
    long["instances"] = counts.reset_index().melt("label")["value"]
    show.chart(
        lambda: charts_points.dots(
            long,
            category="label",
            value="share",
            color="split",
            colors=charts.split_colors(splits),
            order=widest.index.tolist(),
            title="Share of each class in each split, the most moved first",
            category_title="class",
            value_title="share of the split's instances",
        ),
        long,
        "class_shift",
        empty="",
        caption="Jensen–Shannon distance (base 2): 0 the same shares, 1 no class in common. Cramér's V: the "
        "χ² of class against split as an effect size from 0 to 1, which, unlike a p-value, does not grow "
        "with the dataset.",
        on_click=lambda row: Door(now.filters.with_(labels=(row["label"],), splits=(row["split"],))),
        numbers=counts.reset_index(),
    )
    show.table(
        moved,
        "split_shift",
        empty="",
        columns={
            "split_a": "split",
            "split_b": "other split",
            "most_moved": "class that moves most",
            "js_distance": st.column_config.NumberColumn("Jensen–Shannon distance", format="%.4f"),
            "cramers_v": st.column_config.NumberColumn("Cramér's V", format="%.4f"),
            "chi2": st.column_config.NumberColumn("χ²", format="%.1f"),
            "dof": "degrees of freedom",
            "share_a": st.column_config.NumberColumn("its share", format="percent"),
            "share_b": st.column_config.NumberColumn("its share in the other", format="percent"),
        },
    )


def _page() -> None:
    show.header("Splits")
    now = state.current()
    if now.filters.splits is not None:
        # Two splits can't be compared while one is filtered out.
        st.caption("This page compares all splits: the split filter is left aside here.")
        now = state.Current(now.dataset, now.filters.with_(splits=None))
    frame = data.frame("overview_splits", now.filters)
    if frame.empty:
        show.nothing("No image is selected.")
        return
    splits = list(charts.split_colors(frame["split"].tolist()))
    if len(splits) == 1:
        show.nothing(f"All {frame['images'].sum():,} selected images are in one split ({splits[0]}).")
    _subjects(now, splits)
    if len(splits) > 1:
        _keys(now)
        _shift(now, splits)


_page()
