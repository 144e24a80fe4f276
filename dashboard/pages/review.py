"""Review: a queue of records, one key a verdict, corrections, and how far reviewers agree."""

from __future__ import annotations

import streamlit as st

from dashboard import review_bar, review_data, review_item, review_tables, review_url, show, state
from dashboard.text import md


def _page() -> None:
    show.header("Review")
    now = state.current()
    view = review_url.read(now.dataset["name"])
    try:
        found = review_data.reviews(now.dataset)
    except review_data.KpauditError as error:
        found = None
        st.warning(f"Nothing can be saved: {md(error)}.", icon=":material/database_off:")
    review_bar.show(now, view)
    if view.reviewer is None:
        review_bar.ask_name()
    else:
        review_item.show(now, view, found)
    if found is not None:
        review_tables.below(now, view, found)
    review_item.prepare_next(now, view, found)


_page()
