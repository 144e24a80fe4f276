"""What the audit found of the image that the viewer shows."""

from __future__ import annotations

import streamlit as st

from dashboard import data, findings_list, state, viewer_data
from dashboard.data import Filters
from dashboard.text import count, md


def show(now: state.Current, image_id: int) -> None:
    """The image's findings, the gravest first, each with the annotation it is of and its evidence."""
    found = viewer_data.findings(image_id)
    if not found:
        return
    st.subheader(f"{count(len(found), 'finding')} of this image", anchor=False)
    everything = Filters(now.filters.dataset)
    for row in found:
        of = "the image" if row["annotation_id"] is None else f"annotation {row['place'] + 1}"
        severity = findings_list.severity(row["severity"])
        title = f"{severity} **{md(row['check_id'])}** of {of}: {md(row['detail'], 600)}"
        if row["suppressed"] is not None:
            title += f" (suppressed: {md(row['suppressed'])})"
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown(title, width="stretch")
            check = data.check(row["check_id"])
            with st.popover("Why", type="tertiary", icon=":material/help:"):
                if check is not None:
                    st.markdown(
                        f"**{md(check.title)}**\n\n{md(check.why, 2000)}\n\n"
                        f"**What to do** {md(check.fix, 2000)}"
                    )
                findings_list.evidence(row["evidence"])
                st.button(
                    "All findings of this check", key=f"viewer_finding_{row['finding_key']}",
                    on_click=state.open_next,
                    args=(state.Door(everything, page="findings", check=row["check_id"]),),
                )  # fmt: skip
