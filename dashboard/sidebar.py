"""The dataset picker and the shared filters. They live outside the pages: a page's widgets die with it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard import data, state
from dashboard.data import NO_CLASS, NOT_RECORDED
from dashboard.text import clean, count, md

_LABELS = {"splits": "Split", "labels": "Class", "genders": "Gender", "races": "Race", "ages": "Age",
           "findings": "Finding"}  # fmt: skip
_AGES = ("below 0", "under 18", "18-29", "30-39", "40-49", "50-59", "60 and over", NOT_RECORDED)
_SUBJECTS_OFFERED = 40


def show(datasets: list[dict[str, Any]]) -> None:
    """Draws the sidebar below the menu; every change goes into the URL."""
    now = state.current()
    with st.sidebar:
        names = {row["dataset_id"]: row["name"] for row in datasets}
        st.session_state["kp_dataset"] = now.filters.dataset
        st.selectbox(
            "Dataset", list(names), key="kp_dataset", format_func=lambda i: clean(names.get(i, i)),
            on_change=lambda: state.reset(st.session_state["kp_dataset"]),
        )  # fmt: skip
        offered = _offered(now.filters.dataset)
        for field, label in _LABELS.items():
            if field == "labels" and now.dataset["subjects_recorded"]:
                _values(field, label, offered)
                _subjects(now)
            else:
                _values(field, label, offered)
        if not now.dataset["subjects_recorded"] and now.filters.subjects:
            _subjects(now)
        st.button(
            "Reset filters", icon=":material/filter_alt_off:", on_click=state.reset, width="stretch",
            disabled=not now.filters.words(),
        )  # fmt: skip
        counts = data.frame("selection", now.filters).iloc[0]
        st.caption(
            f"{counts['images']:,} of {count(counts['all_images'], 'image')}, "
            f"{count(counts['annotations'], 'annotation')} selected"
        )
        for file, why in data.broken().items():
            st.warning(f"The index {md(file)} can't be opened: {md(why)}", icon=":material/error:")


def _offered(dataset: int) -> dict[str, list[str]]:
    """For each field the values that occur, the most frequent first, ages by age."""
    found = data.frame("facets", dataset=dataset)
    values = {field: found[found["field"] == name]["value"].tolist() for field, name in state.FIELDS.items()}
    values["ages"] = [band for band in _AGES if band in set(values["ages"])]
    values["labels"] = sorted(values["labels"])
    return values


def _values(field: str, label: str, offered: dict[str, list[str]]) -> None:
    """One filter; not shown where the dataset does not record it, unless a link asks for it."""
    chosen = list(getattr(state.current().filters, field) or ())
    values = offered[field]
    if not chosen and (not values or values in (["unsplit"], [NOT_RECORDED], [NO_CLASS])):
        return
    key = f"kp_{field}"
    st.session_state[key] = chosen
    strange = [value for value in chosen if value not in values]
    st.multiselect(
        label, [*values, *strange], key=key, placeholder="all", format_func=lambda v: clean(v, 60),
        on_change=lambda: state.changed(**{field: tuple(st.session_state[key]) or None}),
    )  # fmt: skip
    if strange:
        st.caption(f"Not in this dataset: {md(', '.join(strange))}")


def _subjects(now: state.Current) -> None:
    """Subjects by search: tens of thousands of ids never go to the browser."""
    text = st.text_input(
        "Subject", key="kp_subject_text", placeholder="part of a subject's id", icon=":material/search:"
    )
    chosen = list(now.filters.subjects or ())
    if not text and not chosen:
        return
    found = data.frame("subject_search", dataset=now.filters.dataset, text=text, limit=_SUBJECTS_OFFERED)
    images = dict(zip(found["subject"], found["images"], strict=True)) if text else {}
    st.session_state["kp_subjects"] = chosen
    st.multiselect(
        "Subjects", list(dict.fromkeys([*chosen, *images])), key="kp_subjects", label_visibility="collapsed",
        placeholder=f"{len(images)} found" if images else "none found",
        format_func=lambda s: clean(s, 24) + (f" ({count(images[s], 'image')})" if s in images else ""),
        on_change=lambda: state.changed(subjects=tuple(st.session_state["kp_subjects"]) or None),
    )  # fmt: skip
