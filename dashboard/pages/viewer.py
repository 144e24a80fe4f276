"""Viewer: a gallery of crops or whole images, and one image with everything that is known of it."""

from __future__ import annotations

import streamlit as st

from dashboard import show, state, viewer_gallery, viewer_image, viewer_url
from dashboard.text import md

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
if view.image is None:
    viewer_gallery.show(state.current(), view)
else:
    viewer_image.show(state.current(), view)
