"""The schema beside an editor: read-only SQL over all datasets of the workspace."""

import pandas as pd
import streamlit as st

from dashboard import data, show, state
from dashboard.text import count, md

_EXAMPLES = {
    "Datasets": "select name, format, unit, visibility_recorded\nfrom dataset;",
    "Instances by dataset, class and split": (
        "select d.name, a.label, i.split, count(*) as instances\nfrom annotation a\n"
        "join image i using (image_id)\njoin dataset d on d.dataset_id = a.dataset_id\n"
        "where a.kind = 'instance'\ngroup by all\norder by instances desc;"
    ),
    "Subjects in more than one split": (
        "select subject, count(distinct split) as splits, count(*) as images\nfrom image\n"
        "where subject is not null\ngroup by dataset_id, subject\nhaving splits > 1\norder by images desc;"
    ),
    "The largest boxes, in pixels": (
        "select i.key, a.label, a.w * a.h as area\nfrom annotation_px a\njoin image i using (image_id)\n"
        "where a.w is not null\norder by area desc\nlimit 100;"
    ),
    "Labelled joints by skeleton": (
        "select a.skeleton, j.name, count(*) as labelled\n"
        "from keypoint k\njoin annotation a using (annotation_id)\n"
        "join joint j on j.skeleton = a.skeleton and j.joint = k.joint\n"
        "where coalesce(k.visibility, 2) > 0\ngroup by all\norder by all;"
    ),
    "Problems by kind": "select kind, count(*) as problems, any_value(message) as example\nfrom problem\n"
    "group by kind\norder by problems desc;",
}
# Side by side where there is room for both: names of tables are not broken in the middle of a word.
_STYLE = """<style>
.st-key-sql_both { flex-wrap: wrap !important; }
.st-key-sql_both > :first-child { flex: 3 1 400px !important; min-width: min(100%, 400px); }
.st-key-sql_both > :last-child { flex: 2 1 300px !important; min-width: min(100%, 300px); }
</style>"""


def _take_example() -> None:
    if st.session_state["sql_example"] is not None:
        st.session_state["sql_text"] = _EXAMPLES[st.session_state["sql_example"]]


def _editor() -> None:
    st.session_state.setdefault("sql_text", st.session_state.get("kp_sql_text", _EXAMPLES["Datasets"]))
    st.selectbox(
        "Examples",
        list(_EXAMPLES),
        index=None,
        key="sql_example",
        placeholder="Start from an example",
        on_change=_take_example,
    )
    text = st.text_area("SQL", key="sql_text", height=260)
    st.session_state["kp_sql_text"] = text
    st.button("Run", icon=":material/play_arrow:", type="primary", shortcut="Ctrl+Enter", on_click=_run)
    st.caption("DuckDB's SQL, read-only; no files and no network; 30 seconds and 10,000 rows at most.")


def _run() -> None:
    st.session_state["kp_sql_answer"] = _answer(st.session_state["sql_text"])


def _answer(text: str) -> tuple[pd.DataFrame | None, str]:
    """A frame and a sentence about it, or no frame and what went wrong."""
    try:
        found = data.run_sql(text)
    except data.KpauditError as error:
        return None, str(error)
    names: list[str] = []
    for name in found.columns:
        again = sum(1 for known in names if known == name or known.startswith(f"{name} ("))
        names.append(f"{name} ({again + 1})" if again else name)
    words = f"{count(len(found.rows), 'row')} in {found.seconds:.2f} s"
    return pd.DataFrame(found.rows, columns=names), words + (", cut there" if found.truncated else "") + "."


def _result() -> None:
    frame, words = st.session_state.get("kp_sql_answer", (None, ""))
    if frame is not None:
        show.table(frame, "sql_result", empty="The query has no rows.", caption=words)
    elif words:
        st.error(md(words, 2000), icon=":material/error:")


def _schema() -> None:
    schema = data.schema()
    st.markdown("**Tables**")
    for table, part in schema.groupby("table", sort=False):
        with st.expander(str(table)):
            lines = [
                f"- **{md(c)}** {md(t)}" + (f": {md(why)}" if why else "")
                for c, t, why in zip(part["column"], part["type"], part["comment"], strict=True)
            ]
            st.markdown("\n".join(lines))
    st.caption("`_px` and `_norm` are views with coordinates in that unit. Nothing fills `finding` and "
               "`image_fact` yet.")  # fmt: skip


def _page() -> None:
    state.through_the_router()
    st.title("SQL", anchor=False)
    st.caption("Over all datasets of the workspace; the filters of the other pages do not apply here.")
    st.html(_STYLE)
    with st.container(horizontal=True, key="sql_both", gap="large"):
        with st.container():
            _editor()
        # Scrolls by itself: the answer below stays in sight of the query.
        with st.container(height=480):
            _schema()
    _result()


_page()
