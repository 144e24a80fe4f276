"""Who is in the dataset: age, gender and race by split and class, intersections, and who is missing."""

import pandas as pd
import streamlit as st

from dashboard import charts, charts_points, data, palette, show, state, stats
from dashboard.data import NOT_RECORDED
from dashboard.state import Current, Door
from dashboard.text import clean, listed, share

_FIELDS = {"gender": "genders", "race": "races", "age": "ages"}
_AGES = ("below 0", "under 18", "18-29", "30-39", "40-49", "50-59", "60 and over")


def _recorded(dataset: int) -> list[str]:
    """The fields of which at least one image has a value."""
    facets = data.frame("facets", dataset=dataset)
    known = facets[facets["value"] != NOT_RECORDED]
    return [field for field in _FIELDS if (known["field"] == field).any()]


def _order(field: str, frame: pd.DataFrame) -> list[str]:
    if field == "age":
        return [band for band in _AGES if band in set(frame["value"])]
    return frame.groupby("value")["images"].sum().sort_values(ascending=False).index.tolist()


def _with_intervals(frame: pd.DataFrame, group: str) -> pd.DataFrame:
    """Adds each row's share of its group and the share's 95 % interval."""
    frame = frame.rename(columns={"images": "part"})
    frame["whole"] = frame.groupby(group)["part"].transform("sum")
    frame["share"] = frame["part"] / frame["whole"]
    frame["low"], frame["high"] = stats.wilson(frame["part"].to_numpy(), frame["whole"].to_numpy())
    return frame.reset_index(drop=True)


def _by_split(now: Current, field: str) -> None:
    st.subheader("By split", anchor=False)
    frame = data.frame("demographic_split", now.filters, field=field)
    frame = frame[frame["value"] != NOT_RECORDED]
    order = _order(field, frame)
    frame = _with_intervals(frame, "split")
    show.chart(
        lambda: charts_points.intervals(
            frame,
            category="value",
            order=order,
            color="split",
            colors=charts.split_colors(frame["split"].unique()),
            title=f"Share of each {field} in its split",
            category_title=field,
            value_title=f"share of the split's images whose {field} is recorded",
        ),
        frame,
        f"{field}_by_split",
        empty=f"No selected image has its {field} recorded.",
        caption="Points with Wilson's 95 % interval. It takes images as independent; several of one person "
        "are not, so the truth is less certain than it looks.",
        on_click=lambda row: Door(
            now.filters.with_(**{_FIELDS[field]: (row["value"],), "splits": (row["split"],)})
        ),
    )


def _by_class(now: Current, field: str) -> None:
    st.subheader("By class", anchor=False)
    frame = data.frame("demographic_class", now.filters, field=field)
    frame = frame[frame["value"] != NOT_RECORDED]
    if frame.empty:
        show.nothing(f"No selected image has its {field} recorded.")
        return
    value = st.selectbox(
        f"Share of which {field}", _order(field, frame), format_func=clean, key=f"share_of_{field}"
    )
    labels = frame["label"].unique()
    # A class where nobody has the value has a share of 0 and an interval, not a gap.
    full = pd.MultiIndex.from_product([frame["value"].unique(), labels], names=["value", "label"])
    frame = frame.set_index(["value", "label"])["images"].reindex(full, fill_value=0).reset_index()
    frame = _with_intervals(frame, "label")
    mine = frame[frame["value"] == value].sort_values("share", ascending=False).reset_index(drop=True)
    overall = mine["part"].sum() / mine["whole"].sum()

    def figure():
        fig = charts_points.intervals(
            mine, category="label", order=mine["label"].tolist(), color="value",
            colors={value: palette.SPLIT_COLORS["train"]}, title=f"Share of {clean(value)} in each class",
            category_title="class", value_title=f"share of the class's images whose {field} is recorded",
        )  # fmt: skip
        fig.add_vline(x=overall, line={"dash": "dot", "width": 2, "color": palette.NEUTRAL})
        return fig

    show.chart(
        figure,
        mine,
        f"{field}_by_class",
        empty="",
        caption=f"Points with Wilson's 95 % interval; dotted: the share over all classes ({overall:.1%}).",
        on_click=lambda row: Door(now.filters.with_(**{_FIELDS[field]: (value,), "labels": (row["label"],)})),
    )


def _cross(now: Current, fields: list[str]) -> None:
    st.subheader("Intersections", anchor=False)
    frame = data.frame("demographic_cross", now.filters)
    unknown = [field for field in _FIELDS if field not in fields]
    images = int(frame["images"].sum())
    frame["share"] = frame["images"] / max(images, 1)
    frame["low"], frame["high"] = stats.wilson(
        frame["images"].to_numpy(), max(images, 1) * (frame["images"] * 0 + 1)
    )
    percent = {n: st.column_config.NumberColumn(w, format="percent")
               for n, w in (("share", "share"), ("low", "95 % from"), ("high", "95 % to"))}  # fmt: skip
    show.table(
        frame, "demographic_cross", empty="No image is selected.",
        hidden=(*unknown, *(() if now.dataset["subjects_recorded"] else ("subjects",))), columns=percent,
        caption="Each combination that occurs, the largest first; sort by a column to see the smallest.",
        on_click=lambda row: Door(
            now.filters.with_(genders=(row["gender"],), ages=(row["age"],), races=(row["race"],))
        ),
    )  # fmt: skip


def _missing(now: Current, fields: list[str]) -> None:
    st.subheader("Who is missing", anchor=False)
    frame = data.frame("demographic_missing", now.filters)
    shown = ["subject", *fields] if now.dataset["subjects_recorded"] else fields
    if not frame[shown].to_numpy().any():
        st.markdown(f"Every selected image has its {listed(shown)} recorded.")
        return
    st.markdown(", ".join(
        f"no {name}: **{int(frame[name].sum()):,}** ({share(frame[name].sum(), frame['images'].sum())})"
        for name in shown
    ).capitalize() + " of the selected images.")  # fmt: skip
    missing = {_FIELDS[f]: (NOT_RECORDED,) for f in fields if frame[f].any()}
    show.table(
        frame[["split", "images", *shown]], "demographic_missing", empty="",
        columns={name: f"no {name}" for name in shown},
        caption="Images of which a value is not recorded, by split.",
        hint="Choose a row to see those of which nothing of this is recorded.",
        on_click=lambda row: Door(now.filters.with_(splits=(row["split"],), **missing)),
    )  # fmt: skip


def _page() -> None:
    show.header("Demographics")
    now = state.current()
    fields = _recorded(now.filters.dataset)
    if not fields:
        show.nothing(
            "This dataset records no age, gender or race. That nothing is recorded does not "
            "mean that the groups are balanced: it can't be told."
        )
        return
    if now.dataset["format"] == "hagrid":
        st.warning(
            "These values were **predicted by neural networks** (FairFace, MiVOLO) from the images; "
            "nobody was asked. They carry those models' errors and categories.",
            icon=":material/robot_2:",
        )
    field = st.segmented_control(
        "Look at", fields, default=fields[0], required=True, key=f"field_{len(fields)}"
    )
    _by_split(now, field)
    _by_class(now, field)
    _cross(now, fields)
    _missing(now, fields)


_page()
