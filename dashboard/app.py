"""The dashboard's router: workspace, dataset picker and shared filters, then the page.

Started by `kpaudit serve` as `streamlit run …/dashboard/app.py`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import streamlit as st

# Streamlit puts this file's folder on the path, not the one that holds the packages.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from dashboard import data, sidebar, state  # noqa: E402
from dashboard.icon import favicon  # noqa: E402
from dashboard.text import md  # noqa: E402


def main() -> None:
    """One run of the script: what is there, what is asked for, the page."""
    st.set_page_config(page_title="kpaudit", page_icon=favicon(), layout="wide")
    chosen = state.navigation()
    try:
        datasets = data.datasets()
    except data.KpauditError as error:
        _nothing_indexed(str(error))
        return
    state.resolve(datasets, chosen.url_path or "overview")
    state.follow()
    sidebar.show(datasets)
    with state.routed():
        chosen.run()


def _nothing_indexed(why: str) -> None:
    st.title("kpaudit", anchor=False)
    st.info(f"There is nothing to show yet: {md(why)}.", icon=":material/folder_open:")
    st.markdown(
        "Index a folder of annotations, or the sample that comes with kpaudit, then reload this page:"
    )
    st.code("kpaudit index PATH\nkpaudit demo", language="shell")


main()
