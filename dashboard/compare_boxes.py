"""The Boxes page with a second dataset beside the first: distributions as shares, in one unit."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import charts_compare, data, show
from dashboard.compare import Pair, Side
from dashboard.data import Narrow
from dashboard.state import Door
from dashboard.text import count, listed, md

_BINS = 40
_CELL = 420  # as on the page without a comparison
_UNITS = {"pixel": "pixels", "normalized": "shares of the image"}
_PIXELS = {
    "width": ("Box width", "width, pixels", False),
    "height": ("Box height", "height, pixels", False),
    "area": ("Box area", "area, pixels², logarithmic", True),
    "aspect": ("Aspect", "width ÷ height, logarithmic", True),
}
_SHARES = {
    "width": ("Box width", "width, share of the image's width", False),
    "height": ("Box height", "height, share of the image's height", False),
    "area": ("Box area", "area, share of the image's area, logarithmic", True),
    "aspect": ("Aspect", "width share ÷ height share, logarithmic", True),
}


def page(pair: Pair) -> None:
    """The comparison, or why there is none."""
    sizes = [data.frame("compared_sizes", side.filters).iloc[0] for side in pair]
    for side, counted in zip(pair, sizes, strict=True):
        if not counted["usable"]:
            show.nothing(
                f"None of the {count(counted['boxes'], 'selected annotation')} of {md(side.name)} has a box "
                "with a width and a height: nothing to compare."
                if counted["boxes"]
                else f"No box of {md(side.name)} is selected: nothing to compare."
            )
    if not all(counted["usable"] for counted in sizes):
        return
    known = {
        unit: [int(c["usable"] if side.dataset["unit"] == unit else c["sized"])
               for side, c in zip(pair, sizes, strict=True)]
        for unit in _UNITS
    }  # fmt: skip
    units = possible_units([side.dataset["unit"] for side in pair], known)
    st.subheader("Size and shape", anchor=False)
    if len({side.dataset["unit"] for side in pair}) > 1:
        st.markdown(_differ(pair))
    if not units:
        blind = [side for side, n in zip(pair, sizes, strict=True) if not n["sized"]]
        show.nothing(
            f"Neither can be converted into the other's unit: no image's size is known of "
            f"{listed([md(side.name) for side in blind])}. `kpaudit measure` reads sizes from the images."
        )
        return
    unit = units[0]
    if len(units) > 1:
        unit = st.segmented_control(
            "Unit", units, default=units[0], required=True, format_func=_UNITS.get,
            key=f"compare_unit_{pair.first.dataset['dataset_id']}_{pair.second.dataset['dataset_id']}",
        )  # fmt: skip
    for side, counted, n in zip(pair, sizes, known[unit], strict=True):
        _left_out(side, counted, n, unit)
    places = st.grid(2, min_column_width=_CELL)
    for measure in _PIXELS:
        with places.cell():
            _distribution(pair, measure, unit)
    note = "Each dataset's shares are of its own boxes; both have the same bins."
    if unit == "normalized":
        note += " Relative to the image, an aspect of 1 is a square only in a square image."
    st.caption(note)


def possible_units(own: list[str], known: dict[str, list[int]]) -> list[str]:
    """Units in which boxes of both can be told, the one to begin with first.

    That is the unit which both have; where they differ, shares of the image, which do not hang on how
    large the files are.
    """
    usable = [unit for unit, counts in known.items() if all(counts)]
    first = own[0] if own[0] == own[1] else "normalized"
    return sorted(usable, key=lambda unit: unit != first)


def _differ(pair: Pair) -> str:
    words = [f"{md(side.name)} in {_UNITS[side.dataset['unit']]}" for side in pair]
    return f"The units differ: boxes are given of {words[0]}, of {words[1]}."


def _left_out(side: Side, counted: pd.Series, known: int, unit: str) -> None:
    notes = []
    if side.dataset["unit"] != unit:
        notes.append(f"{md(side.name)} is converted to {_UNITS[unit]} by the sizes of its images")
        missing = int(counted["usable"]) - known
        if missing:
            notes[-1] += f", which are not known for {count(missing, 'box', 'boxes')}: left out"
        notes[-1] += "."
    unusable = int(counted["boxes"] - counted["usable"])
    if unusable:
        notes.append(f"Of {md(side.name)} {count(unusable, 'annotation has', 'annotations have')} no box "
                     "with a width and a height.")  # fmt: skip
    if notes:
        st.caption(" ".join(notes))


def _distribution(pair: Pair, measure: str, unit: str) -> None:
    title, value_title, log = (_PIXELS if unit == "pixel" else _SHARES)[measure]
    found = data.frame(
        "compared_boxes", pair.first.filters, g=pair.second.filters.struct(), unit=unit, measure=measure,
        bins=_BINS, log=log,
    )  # fmt: skip
    found.insert(0, "dataset", found.pop("side").map({1: pair.first.name, 2: pair.second.name}))

    def door(row: dict) -> Door:
        side = pair.named(row["dataset"])
        if side.dataset["unit"] != unit:
            return side.door()
        low = None if row["first"] else float(row["low"])
        high = None if row["last"] else float(row["high"])
        return side.door(Narrow(measure=measure, low=low, high=high))

    converted = [md(side.name) for side in pair if side.dataset["unit"] != unit]
    hint = "Click a mark to see its images."
    if converted:
        hint = f"Click a mark to see its images; for {listed(converted)}, all that are selected."
    show.chart(
        lambda: charts_compare.over_each_other(
            found, colors=pair.colors, title=title, value_title=value_title, log=log,
            share_title="share of boxes",
        ),
        found, f"compare_box_{measure}", on_click=door, hint=hint,
        empty="No selected box has a finite size in this unit.",
    )  # fmt: skip
