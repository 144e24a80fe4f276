"""The findings of one check, worst first: each drawn, with its evidence, and suppressed with a reason."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import data, state, viewer_data
from dashboard.data import Filters
from dashboard.text import clean, count, md
from dashboard.viewer_data import Layers

PAGE = 8
FIRST = "first"
_REFUSED = "finding_refused"

_ICONS = {"error": ":material/error:", "warning": ":material/warning:", "info": ":material/info:"}
# The picture beside the words where there is room, else above them.
_STYLE = """<style>
[class*="st-key-finding_row_"] { flex-wrap: wrap !important; }
[class*="st-key-finding_row_"] > :first-child { flex: 0 0 240px !important; }
[class*="st-key-finding_row_"] > :last-child { flex: 1 1 340px !important; min-width: min(100%, 340px); }
[class*="st-key-finding_row_"] img {
    aspect-ratio: 1; object-fit: contain; border-radius: 0.35rem; background: rgba(128, 136, 148, 0.14);
}
</style>"""


def severity(name: str, number: int | None = None) -> str:
    """A severity as Markdown: its icon and its word, so that colour alone never tells it."""
    tone = {"error": "red", "warning": "orange"}.get(name, "blue")
    said = name if number is None else f"{number:,} {name}{'s' if number != 1 and name != 'info' else ''}"
    return f":{tone}[{_ICONS.get(name, '')} {said}]"


def kinds(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The checks of `finding_checks` that have no open finding in the selection, by why: a name and its rows.

    What ran and found nothing is apart from what found something that is suppressed or not selected, could
    not run, or has not been run since the dataset was indexed: only the first is a pass.
    """
    done = (frame["status"] == "done") & (frame["open"] == 0)
    found = {
        "found nothing": frame[done & (frame["findings"] == 0)],
        "found only what is suppressed": frame[done & (frame["suppressed"] > 0)],
        "found nothing in this selection": frame[
            done & (frame["findings"] > 0) & (frame["suppressed"] == 0)
        ],
        "failed to run": frame[frame["status"] == "failed"],
        "did not apply": frame[frame["status"] == "not applicable"],
        "switched off": frame[frame["status"] == "off"],
        "not run since the dataset was indexed": pd.DataFrame(
            {"check_id": [name for name in data.check_ids() if name not in set(frame["check_id"])]}
        ),
    }
    return {name: rows for name, rows in found.items() if len(rows)}


def no_open(frame: pd.DataFrame, where: str) -> None:
    """Said where no finding is open: why, check by check; a success only where checks have looked."""
    found = kinds(frame)
    parts = [f"{count(len(rows), 'check') if i == 0 else f'{len(rows):,}'} {name}"
             for i, (name, rows) in enumerate(found.items())]  # fmt: skip
    clean_run = "found nothing" in found and "failed to run" not in found
    told = st.success if clean_run else st.warning
    icon = ":material/check:" if clean_run else ":material/info:"
    told(f"No finding is open{where}: {', '.join(parts)}.", icon=icon)


def show(now: state.Current, check_id: str, suppressed: bool) -> None:
    """A page of the check's findings that are selected."""
    first = _first()
    rows = _rows(now.filters, check_id, suppressed, first)
    if rows.empty and first:
        first = 0
        rows = _rows(now.filters, check_id, suppressed, first)
    if rows.empty:
        _none(now, suppressed)
        return
    total = int(rows["total"].iloc[0])
    _pager(first, total, "head")
    st.html(_STYLE)
    for row in rows.to_dict("records"):
        _finding(now, row)
    if total > PAGE:
        _pager(first, total, "foot")


def _rows(filters: Filters, check_id: str, suppressed: bool, first: int) -> pd.DataFrame:
    return data.frame(
        "finding_list", filters, check=check_id, suppressed=suppressed, first=first, limit=PAGE
    ).astype(object)


def _first() -> int:
    text = st.query_params.get(FIRST, "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _none(now: state.Current, suppressed: bool) -> None:
    if suppressed:
        st.info("None of this check's findings is suppressed.", icon=":material/info:")
    elif now.filters.words():
        st.info("None of this check's findings is in this selection.", icon=":material/search_off:")
    else:
        st.success("None of this check's findings is open.", icon=":material/check:")


def _pager(first: int, total: int, where: str) -> None:
    last = (total - 1) // PAGE * PAGE
    with st.container(horizontal=True, vertical_alignment="center"):
        for name, icon, target, possible, key in (
            ("Previous findings", ":material/chevron_left:", max(first - PAGE, 0), first > 0, "Left"),
            ("Next findings", ":material/chevron_right:", first + PAGE, first < last, "Right"),
        ):
            if last:
                st.button(
                    "\u200b", icon=icon, key=f"findings_{name}_{where}", help=name, disabled=not possible,
                    shortcut=key if where == "head" else None, on_click=_turn, args=(target,),
                )  # fmt: skip
        upto = min(first + PAGE, total)
        said = f"**{first + 1:,}–{upto:,}** of **{count(total, 'finding')}**, worst first"
        if total == 1:
            said = "**1 finding**"
        st.markdown(said, width="content")


def _turn(first: int) -> None:
    if first:
        st.query_params[FIRST] = str(first)
    elif FIRST in st.query_params:
        del st.query_params[FIRST]


def _finding(now: state.Current, row: dict[str, Any]) -> None:
    """One finding: the picture, what is wrong with it, the numbers, the ways on."""
    key = row["finding_key"]
    image = None if pd.isna(row["image_id"]) else int(row["image_id"])
    with st.container(border=True):
        if image is None:
            _words(now, row, None)
            return
        with st.container(horizontal=True, key=f"finding_row_{key}", gap="medium"):
            with st.container():
                _picture(now, row, image)
            with st.container():
                _words(now, row, image)


def _picture(now: state.Current, row: dict[str, Any], image: int) -> None:
    crop = not pd.isna(row["annotation_id"])
    ring = () if pd.isna(row["joint"]) else (int(row["joint"]),)
    item = int(row["annotation_id"]) if crop else image
    tile = viewer_data.tiles(now.dataset, [(item, image)], crop, Layers(labels=not crop, ring=ring))[0]
    st.image(tile.data, width="stretch", alt=clean(f"{row['key']}: {row['detail']}", 160))


def _words(now: state.Current, row: dict[str, Any], image: int | None) -> None:
    st.markdown(f"**{md(data.short_numbers(row['detail']), 600)}**")
    # the sentence on a record begins with the file that the record is in
    about = None if _missing(row["about"]) else row["about"]
    told = about is not None and row["detail"].startswith(f"{about.partition(': ')[0]}, ")
    facts = [
        ("", about if image is None and not told else None),
        ("image", row["key"]),
        ("split", row["split"]),
        ("class", row["label"]),
        ("subject", row["subject"]),
        ("joint", _joint(row)),
        ("about", row["about"] if image is not None else None),
    ]
    said = [f"{name} **{md(value, 80)}**".strip() for name, value in facts if not _missing(value)]
    st.caption(" · ".join([*said, f"score {row['score']:.2f}"]))
    evidence(row["evidence"])
    if not _missing(row["suppressed"]):
        st.caption(f"Suppressed: {md(row['suppressed'])}")
    with st.container(horizontal=True, vertical_alignment="center"):
        if image is not None:
            st.button(
                "Open the image", key=f"finding_open_{row['finding_key']}", icon=":material/image_search:",
                on_click=state.open_next, args=(_door(now, row),),
            )  # fmt: skip
        _suppress(row)


def _door(now: state.Current, row: dict[str, Any]) -> state.Door:
    filters = now.filters.with_(findings=(row["check_id"],))
    place = None if pd.isna(row["annotation_id"]) else int(row["place"])
    return state.Door(filters, image=row["key"], split=row["split"], annotation=place)


def _joint(row: dict[str, Any]) -> str | None:
    if pd.isna(row["joint"]):
        return None
    return f"{int(row['joint'])} {'' if _missing(row['joint_name']) else row['joint_name']}".strip()


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and pd.isna(value))


def evidence_rows(text: Any) -> list[tuple[str, str]]:
    """A finding's evidence as names and values for people; none where there is none."""
    if _missing(text):
        return []
    values = json.loads(text)
    if not isinstance(values, dict):
        return []
    return [
        (clean(name, 60).replace("_", " "), _value(value))
        for name, value in values.items()
        if value is not None
    ]


def evidence(text: Any) -> None:
    """A finding's evidence as a small table; lists and objects as they are."""
    frame = pd.DataFrame(evidence_rows(text), columns=["evidence", "value"])
    if len(frame):
        st.dataframe(
            frame, hide_index=True, height="content" if len(frame) <= 9 else 330,
            column_config={"evidence": st.column_config.TextColumn("evidence", width=160),
                           "value": st.column_config.TextColumn("")},
        )  # fmt: skip


def _value(value: Any) -> str:
    """A value of the evidence for people: objects as `name value, …`, lists of them with semicolons."""
    if isinstance(value, list):
        return clean(
            ("; " if any(isinstance(item, dict) for item in value) else ", ").join(map(_value, value)), 600
        )
    if isinstance(value, dict):
        return ", ".join(
            f"{clean(name, 60).replace('_', ' ')} {_value(item)}" for name, item in value.items()
        )
    if value is None:
        return "not known"
    if isinstance(value, (bool, str)):
        return clean(value if isinstance(value, str) else json.dumps(value), 600)
    return data.figure(value)


def _suppress(row: dict[str, Any]) -> None:
    key = row["finding_key"]
    if not _missing(row["suppressed"]):
        st.button(
            "Let it count again", key=f"finding_restore_{key}", icon=":material/undo:", type="tertiary",
            on_click=_restore, args=(key,),
        )  # fmt: skip
        return
    with st.popover("Suppress", icon=":material/notifications_off:", type="tertiary"):
        st.text_input(
            "Why does this finding not count?", key=f"finding_reason_{key}",
            placeholder="e.g. seen: the hand is really that large",
        )  # fmt: skip
        st.button(
            "Suppress this finding", key=f"finding_suppress_{key}", on_click=_suppress_now,
            args=([key], f"finding_reason_{key}"),
        )  # fmt: skip
        _refused(f"finding_reason_{key}")


def suppress_all(now: state.Current, check_id: str, total: int) -> None:
    """Suppresses every finding of the check that is selected, under one reason."""
    with st.popover(f"Suppress all {total:,}", icon=":material/notifications_off:"):
        st.caption(
            f"All {count(total, 'finding')} of {md(check_id)} in this selection. They stay in the list of "
            "suppressed findings, and can be brought back."
        )
        st.text_input("Why do they not count?", key="finding_reason_all")
        keys = data.frame("finding_keys", now.filters, check=check_id)["finding_key"].tolist()
        st.button(
            "Suppress them", key="finding_suppress_all", on_click=_suppress_now,
            args=(keys, "finding_reason_all"),
        )  # fmt: skip
        _refused("finding_reason_all")


def _suppress_now(keys: list[str], reason_key: str) -> None:
    try:
        data.suppress(keys, st.session_state.get(reason_key) or "")
        st.toast(f"{count(len(keys), 'finding')} suppressed.")
    except data.KpauditError as error:
        st.session_state[_REFUSED] = (reason_key, str(error))


def _refused(reason_key: str) -> None:
    """Beside the button, why the last click on it changed nothing; said once."""
    where, why = st.session_state.get(_REFUSED, (None, ""))
    if where == reason_key:
        del st.session_state[_REFUSED]
        st.warning(f"Not suppressed: {md(why)}.", icon=":material/warning:")


def _restore(key: str) -> None:
    try:
        data.restore([key])
    except data.KpauditError as error:
        st.toast(f"Not restored: {md(error)}.", icon=":material/warning:")
