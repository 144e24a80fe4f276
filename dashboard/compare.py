"""A second dataset beside the first: the picker, what of the filters applies to it, and its colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import streamlit as st

from dashboard import data, palette, state
from dashboard.data import Filters, Narrow
from dashboard.state import Current, Door
from dashboard.text import clean, listed, md

_KEY = "kp_compare"
_WIDTH = 320
#: What a filter is called where it can't be applied, one and several.
_WORDS = {
    "splits": ("split", "splits"), "labels": ("class", "classes"), "subjects": ("subject", "subjects"),
    "genders": ("gender", "genders"), "races": ("race", "races"), "ages": ("age", "ages"),
}  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One of the two datasets: what is selected of it, and how it is drawn."""

    dataset: Mapping[str, Any]
    filters: Filters
    color: str

    @property
    def name(self) -> str:
        return self.dataset["name"]

    @property
    def recorded(self) -> bool:
        """Whether it has a visibility flag."""
        return bool(self.dataset["visibility_recorded"])

    def door(self, narrow: Narrow | None = None) -> Door:
        """To its images."""
        return Door(self.filters, narrow)


@dataclass(frozen=True)
class Pair:
    """The two datasets, the page's own first."""

    first: Side
    second: Side

    def __iter__(self):
        return iter((self.first, self.second))

    @property
    def colors(self) -> dict[str, str]:
        """Each dataset's colour, in their order."""
        return {side.name: side.color for side in self}

    def named(self, name: str) -> Side:
        return self.first if name == self.first.name else self.second


def picker(now: Current) -> Pair | None:
    """The choice of another dataset, and the two of them where one is chosen."""
    others = [row["name"] for row in data.datasets() if row["dataset_id"] != now.filters.dataset]
    if others:
        st.session_state[_KEY] = now.compare["name"] if now.compare is not None else None
        st.selectbox(
            "Compare with", others, index=None, key=_KEY, placeholder="no other dataset", width=_WIDTH,
            format_func=lambda name: clean(name, 60),
            on_change=lambda: state.compare_with(st.session_state[_KEY]),
        )  # fmt: skip
    if now.uncompared is not None:
        own = now.uncompared == now.dataset["name"]
        st.warning(
            f"{md(now.uncompared)} is this dataset itself: there is nothing to compare."
            if own
            else f"There is no dataset called “{md(now.uncompared)}” here to compare with.",
            icon=":material/help:",
        )
    if now.compare is None:
        return None
    found = data.frame("facets", dataset=now.compare["dataset_id"])
    values = {field: set(found.loc[found["field"] == word, "value"]) for field, word in state.FIELDS.items()}
    values["subjects"] = _subjects(now)
    filters, dropped = applied(now.filters, now.compare["dataset_id"], values)
    blue, red = palette.DATASET_COLORS
    pair = Pair(Side(now.dataset, now.filters, blue), Side(now.compare, filters, red))
    st.caption(_sentence(pair, dropped))
    return pair


def _subjects(now: Current) -> set[str]:
    """Those of the subjects asked for that the other dataset has too."""
    found: set[str] = set()
    for subject in now.filters.subjects or ():
        like = data.frame("subject_search", dataset=now.compare["dataset_id"], text=subject, limit=1_000_000)
        found |= {name for name in like["subject"] if name == subject}
    return found


def applied(
    filters: Filters, dataset: int, values: Mapping[str, set[str]]
) -> tuple[Filters, dict[str, list[str]]]:
    """The filters as far as another dataset has their values, and by field the values that it has not.

    A field of which it has no value at all does not filter it: it would select nothing.
    """
    kept: dict[str, tuple[str, ...]] = {}
    dropped: dict[str, list[str]] = {}
    for field in fields(Filters):
        wanted = getattr(filters, field.name)
        if field.name == "dataset" or wanted is None:
            continue
        known = tuple(v for v in wanted if v in values.get(field.name, ()))
        if known:
            kept[field.name] = known
        if missing := [v for v in wanted if v not in known]:
            dropped[field.name] = missing
    return Filters(dataset, **kept), dropped


def _sentence(pair: Pair, dropped: Mapping[str, Sequence[str]]) -> str:
    """What is selected of the second dataset, where it is not all of it."""
    name = f"**{md(pair.second.name)}**"
    if not pair.first.filters.words():
        return f"Compared with {name}, unfiltered."
    words = pair.second.filters.words()
    kept = f"those apply that it has values for: {md(words)}." if words else "all is shown."
    parts = [f"The filters are of {md(pair.first.name)}; of {name} {kept}"]
    for field, missing in dropped.items():
        one, many = _WORDS[field]
        called = f"{one if len(missing) == 1 else many} {listed([md(v) for v in missing])}"
        if getattr(pair.second.filters, field) is None:
            parts.append(f"It has no {called}, so it is not filtered by {one}.")
        else:
            parts.append(f"It has no {called}.")
    return " ".join(parts)
