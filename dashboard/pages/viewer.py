"""Viewer: a gallery of crops or whole images, and one image with everything that is known of it."""

from __future__ import annotations

import streamlit as st

from dashboard import data, show, state, viewer_gallery, viewer_image, viewer_url
from dashboard.text import count, md

show.header("Viewer")
view = viewer_url.read()
if view.wrong is not None:
    st.warning(f"The link can't be followed to the letter: {md(view.wrong)}.", icon=":material/link_off:")
if said := view.narrow.words():
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"Narrowed to: **{md(said)}**", width="content")
        st.button(
            "Remove", icon=":material/close:", key="viewer_clear", type="tertiary",
            on_click=viewer_url.clear_narrow, help="Show all that the filters select",
        )  # fmt: skip
if view.narrow.problem is not None:
    told = data.frame(
        "problem_untied", dataset=state.current().filters.dataset, kind=view.narrow.problem
    ).iloc[0]  # fmt: skip
    if told["untied"]:
        st.caption(
            f"Of {count(told['problems'], 'problem')} the record itself is in no image for "
            f"{told['untied']:,}: in its place these are all images of its file, which "
            "need not have the problem."
        )
if view.image is None:
    viewer_gallery.show(state.current(), view)
else:
    viewer_image.show(state.current(), view)
