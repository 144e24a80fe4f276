"""Counts and shares of classes by split, their imbalance, and who shows them."""

import pandas as pd
import streamlit as st

from dashboard import charts, data, show, state, stats
from dashboard.data import NO_CLASS, Filters
from dashboard.state import Door
from dashboard.text import count, listed, md, share


def _door(row: dict) -> Door:
    """The images of a class, and of a split where the row has one."""
    filters: Filters = state.current().filters.with_(labels=(row["label"],))
    if isinstance(row.get("split"), str):
        filters = filters.with_(splits=(row["split"],))
    return Door(filters)


def _balance(totals: pd.Series) -> None:
    everything = int(totals.sum())
    totals = totals.drop(NO_CLASS, errors="ignore")  # having none is not a class
    ratio, entropy = stats.imbalance_ratio(totals), stats.normalized_entropy(totals)
    places = st.grid(4, min_column_width=160)
    places.metric("Classes with instances", f"{len(totals):,}")
    places.metric("Instances", f"{everything:,}")
    places.metric(
        "Imbalance ratio", "–" if ratio is None else f"{ratio:,.1f}",
        help="Instances of the most frequent class ÷ of the rarest one that occurs. 1 is balanced.",
    )  # fmt: skip
    places.metric(
        "Normalized entropy", "–" if entropy is None else f"{entropy:.3f}",
        help="Shannon entropy of the class shares ÷ that of as many equally frequent classes. 1 is balanced.",
    )  # fmt: skip
    if len(totals) > 1:
        st.markdown(
            f"The most frequent class is **{md(totals.index[0])}** ({totals.iloc[0]:,}, "
            f"{share(totals.iloc[0], totals.sum())}), the rarest **{md(totals.index[-1])}** "
            f"({totals.iloc[-1]:,}, {share(totals.iloc[-1], totals.sum())})."
        )


def _absent(now: state.Current, present: list[str]) -> None:
    if now.filters.labels is not None:
        return
    absent = [name for name in now.dataset["classes"] or [] if name not in set(present)]
    if absent:
        st.warning(
            f"{count(len(absent), 'declared class has', 'declared classes have')} no instance in this "
            f"selection: {md(listed(absent, 40), 2000)}.",
            icon=":material/block:",
        )


def _counts(now: state.Current, frame: pd.DataFrame, order: list[str]) -> None:
    st.subheader("How many of each class", anchor=False)
    log = st.toggle("Logarithmic axis", help="Shows rare classes beside frequent ones; marks, not bars.")
    colors = charts.split_colors(frame["split"].unique())
    note = show.hidden_note(min(len(order), charts.MAX_CATEGORIES), len(order), "classes")
    show.chart(
        lambda: charts.bars(
            frame, category="label", value="instances", color="split", colors=colors, order=order, log=log,
            title="Instances of each class, by split", category_title="class", value_title="instances",
            hover=(("images", "images"), ("with_keypoints", "with keypoints")),
        ),
        frame, "class_counts", empty="No instance is selected.", caption=note, on_click=_door,
    )  # fmt: skip
    wide = frame.pivot_table(index="label", columns="split", values="instances", fill_value=0, aggfunc="sum")
    wide = wide.loc[order, list(colors)].astype(int)
    table = wide.copy()
    table["instances"] = wide.sum(axis=1)
    table["share"] = 100 * table["instances"] / table["instances"].sum()
    united = data.frame("class_united", now.filters)
    if not united.empty:
        table["united"] = united.groupby("label")["united"].sum().reindex(table.index).fillna(0).astype(int)
    show.table(
        table.reset_index(),
        "classes",
        empty="No instance is selected.",
        columns={
            "label": "class",
            "share": st.column_config.NumberColumn("share", format="%.2f %%"),
            "united": st.column_config.NumberColumn("united boxes", format="localized"),
            **{
                name: st.column_config.NumberColumn(name, format="localized")
                for name in (*colors, "instances")
            },
        },
        caption="Boxes around two hands (united) are counted apart, and are in no other number."
        if not united.empty
        else "",
        on_click=lambda row: _door({"label": row["label"]}),
    )
    only = sorted(set(united["label"]) - set(order)) if not united.empty else []
    if only:
        st.caption(f"With united boxes only: {md(listed(only, 20))}.")


def _heat(frame: pd.DataFrame, order: list[str]) -> None:
    st.subheader("Class × split", anchor=False)
    splits = list(charts.split_colors(frame["split"].unique()))
    if len(splits) < 2:
        st.info("All selected images are in one split: there is nothing to compare.", icon=":material/info:")
        return
    frame = frame.assign(share=frame["instances"] / frame.groupby("split")["instances"].transform("sum"))
    show.chart(
        lambda: charts.heat(
            frame,
            x="split",
            y="label",
            value="share",
            x_order=splits,
            y_order=order,
            theme=show.theme(),
            title="Share of each class in its split",
            x_title="split",
            y_title="class",
            value_title="share of the split's instances",
            percent=True,
        ),
        frame,
        "class_split",
        empty="No instance is selected.",
        caption="A column adds up to 100 %. An empty cell: the class is missing in the split.",
        on_click=_door,
    )


def _subjects(now: state.Current, order: list[str]) -> None:
    st.subheader("Class × subject", anchor=False)
    if not now.dataset["subjects_recorded"]:
        st.info("This dataset records no subject ids.", icon=":material/info:")
        return
    frame = data.frame("class_subject", now.filters)
    show.chart(
        lambda: charts.bars(
            frame, category="label", value="top_share", order=[n for n in order if n in set(frame["label"])],
            title="Share of each class that its most frequent subject shows", category_title="class",
            value_title="share of the class's instances", percent=True,
            hover=(("subjects", "subjects"), ("top_instances", "instances of that subject")),
        ),
        frame, "class_subject", empty="No selected image names its subject.",
        caption="A class that one person dominates teaches that person's hand.",
        on_click=lambda row: Door(now.filters.with_(labels=(row["label"],), subjects=(row["top_subject"],))),
    )  # fmt: skip
    show.table(
        frame,
        "class_subjects",
        empty="No selected image names its subject.",
        columns={
            "label": "class",
            "top_subject": "most frequent subject",
            "top_instances": "its instances",
            "top_share": st.column_config.ProgressColumn(
                "its share", format="percent", min_value=0, max_value=1
            ),
        },
        on_click=lambda row: Door(now.filters.with_(labels=(row["label"],), subjects=(row["top_subject"],))),
    )


def _page() -> None:
    show.header("Classes")
    now = state.current()
    frame = data.frame("class_split", now.filters)
    if frame.empty:
        st.info("No instance is selected.", icon=":material/info:")
        _absent(now, [])
        return
    totals = frame.groupby("label")["instances"].sum().sort_values(ascending=False, kind="stable")
    order = totals.index.tolist()
    _balance(totals)
    _absent(now, order)
    _counts(now, frame, order)
    _heat(frame, order)
    _subjects(now, order)


_page()
