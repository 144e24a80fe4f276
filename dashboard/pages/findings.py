"""What the audit found: by check, what it means and what to do, the worst first."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import charts, data, findings_list, review_data, show, state, stats
from dashboard.data import CATEGORIES, SEVERITIES
from dashboard.state import Current, Door
from dashboard.text import clean, count, md, share

CHECK = "check"

_GROUPS = {"class": ("labels", "class"), "split": ("splits", "split"), "subject": ("subjects", "subject")}
_SHOWN_GROUPS = 30


def _page() -> None:
    show.header("Findings")
    now = state.current()
    frame = data.frame("finding_checks", now.filters)
    if frame.empty:
        st.info(
            "This dataset has not been audited since it was indexed. Run `kpaudit audit`, then reload.",
            icon=":material/rule:",
        )
        return
    _totals(now, frame)
    chosen = _checks(now, frame)
    if chosen is not None:
        _check(now, frame[frame["check_id"] == chosen].iloc[0].to_dict())
    _others(frame)


def _totals(now: Current, frame: pd.DataFrame) -> None:
    counts = frame.groupby("severity")["open"].sum()
    places = st.grid(5, min_column_width=110)
    words = {
        "error": "The record is unusable, or it lies.",
        "warning": "Probably wrong.",
        "info": "Worth a look.",
    }
    for name in SEVERITIES:
        title = name.capitalize() + ("s" if name != "info" else "")
        places.metric(title, f"{counts.get(name, 0):,}", help=words[name])
    places.metric("Suppressed", f"{frame['suppressed'].sum():,}", help="Do not count; with a reason each.")
    ran = frame[frame["status"] == "done"]
    quiet = len(findings_list.kinds(frame).get("found nothing", ()))
    places.metric(
        "Found nothing", f"{quiet:,} of {len(ran):,}",
        help="Checks, of those that ran. What has only suppressed findings, or did not run, is listed at the "
        "foot of the page: it is no pass.",
    )  # fmt: skip
    failed = frame[frame["status"] == "failed"]
    for row in failed.to_dict("records"):
        told = f"**{md(row['check_id'])}** failed to run: {md(row['reason'])}"
        st.warning(told, icon=":material/bug_report:")
    at = pd.Timestamp(frame["audited_at"].max())
    said = f"Audited {at:%Y-%m-%d %H:%M} UTC, in {frame['seconds'].sum():.1f} s."
    if now.filters.words():
        said += " The numbers are of the selection; checks of the whole dataset are left out."
    st.caption(said)


def _checks(now: Current, frame: pd.DataFrame) -> str | None:
    """The checks with findings, to choose from; returns the one that is chosen."""
    found = frame[(frame["open"] > 0) | (frame["suppressed"] > 0)]
    if found.empty:
        findings_list.no_open(frame, " in this selection" if now.filters.words() else "")
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        severities = [name for name in SEVERITIES if (found["severity"] == name).any()]
        grave = st.pills("Severity", severities, selection_mode="multi", key="findings_severity")
        kinds = [name for name in CATEGORIES if (found["category"] == name).any()]
        category = st.pills("Category", kinds, selection_mode="multi", key="findings_category")
    if grave:
        found = found[found["severity"].isin(grave)]
    if category:
        found = found[found["category"].isin(category)]
    asked = st.query_params.get(CHECK)
    if found.empty:
        show.nothing("No check of this severity and category found anything.")
        return asked if asked in set(frame["check_id"]) else None
    measured = review_data.precision(now.dataset)
    # the widths leave room for all of them beside the menu of a small screen; the intervals stand below
    table = pd.DataFrame({
        "severity": found["severity"],
        "check": found["check_id"],
        "open": found["open"],
        "suppressed": found["suppressed"],
        "title": found["title"],
        "of": [_rate(row, False) for row in found.to_dict("records")] if not now.filters.words() else "",
        "agreed": [_agreed(measured.get(name)) for name in found["check_id"]],
    })  # fmt: skip
    show.table(
        table, "finding_checks", empty="", height="content" if len(table) <= 14 else 530,
        hidden=tuple(name for name in ("suppressed", "agreed") if not table[name].any())
        + (("of",) if now.filters.words() else ()),
        columns={
            "severity": st.column_config.TextColumn("severity", width=66),
            "check": st.column_config.TextColumn("check", width=166),
            "open": st.column_config.NumberColumn("findings", format="localized", width=62),
            "suppressed": st.column_config.NumberColumn("suppressed", format="localized", width=80),
            "title": st.column_config.TextColumn("what is wrong", width=250),
            "of": st.column_config.TextColumn("share of records", width=150),
            "agreed": st.column_config.TextColumn("reviewers agreed (95 % interval)", width=190),
        },
        on_click=lambda row: _choose(row["check"]), hint="Choose a row to see its findings.",
    )  # fmt: skip
    if asked in set(frame["check_id"]):
        return asked
    return str(table["check"].iloc[0])


def _choose(check_id: str) -> None:
    st.query_params[CHECK] = check_id
    if findings_list.FIRST in st.query_params:
        del st.query_params[findings_list.FIRST]


def _rate(row: dict[str, Any], interval: bool = True) -> str:
    """`1.2 % of 560 boxes (0.6 % to 2.4 %)`; the interval where the records are few and it is asked for."""
    if pd.isna(row["records"]) or not row["records"]:
        return ""
    flagged, records = int(row["flagged"]), int(row["records"])
    if flagged > records:
        return f"{flagged:,} in {count(records, clean(row['unit']).removesuffix('s'), clean(row['unit']))}"
    low, high = stats.wilson(flagged, records)
    text = f"{share(flagged, records)} of {records:,} {clean(row['unit'])}"
    if records >= 10_000 or not interval:
        return text
    return f"{text} ({share(float(low), 1)} to {share(float(high), 1)})"


def _agreed(found: review_data.Precision | None) -> str:
    """`83 % of 12 (55 % to 95 %)`: how many of the findings that reviewers judged are right."""
    if found is None or not found.judged:
        return ""
    return f"{found.share:.0%} of {found.judged:,} ({found.low:.0%} to {found.high:.0%})"


def _check(now: Current, row: dict[str, Any]) -> None:
    check_id = row["check_id"]
    check = data.check(check_id)
    st.subheader(clean(row["title"]), anchor=False)
    listed = ""
    if row["listed"] < row["findings"]:
        listed = f"; the worst {row['listed']:,} of {row['findings']:,} are listed"
    rate = _rate(row) if not now.filters.words() else ""
    st.markdown(
        f"{findings_list.severity(row['severity'])} · **{md(check_id)}** · {md(row['category'])} · "
        f"{count(row['open'], 'open finding')}{listed}{f', {md(rate)}' if rate else ''}"
    )
    if agreed := _agreed(review_data.precision(now.dataset).get(check_id)):
        st.caption(f"Reviewers judged findings of it, and agreed with {agreed}.")
    if check is not None:
        st.markdown(f"**Why it matters** {md(check.why, 2000)}\n\n**What to do** {md(check.fix, 2000)}")
    for note in row["notes"] if row["notes"] is not None and len(row["notes"]) else ():
        st.caption(f"Note: {md(note, 600)}")
    _settings(row, check)
    _groups(now, check_id)
    suppressed = False
    with st.container(horizontal=True, vertical_alignment="center"):
        if row["suppressed"]:
            which = st.segmented_control(
                "Findings", ["open", "suppressed"], default="open", required=True,
                key=f"findings_which_{check_id}", label_visibility="collapsed",
                format_func=lambda name: f"{row[name]:,} {name}",
            )  # fmt: skip
            suppressed = which == "suppressed"
        if row["images"]:
            st.button(
                _viewer_label(int(row["images"])), icon=":material/grid_view:",
                key="findings_viewer", on_click=state.open_next,
                args=(Door(now.filters.with_(findings=(check_id,))),),
            )  # fmt: skip
            st.button(
                "Review it" if row["open"] == 1 else "Review them", key="findings_review",
                icon=":material/rate_review:", on_click=state.open_next,
                args=(Door(now.filters, page="review", check=check_id),),
            )  # fmt: skip
        if row["open"] > 1 and not suppressed:
            findings_list.suppress_all(now, check_id, int(row["open"]))
    findings_list.show(now, check_id, suppressed)


def _viewer_label(images: int) -> str:
    return "The image in the viewer" if images == 1 else f"All {images:,} images in the viewer"


def _settings(row: dict[str, Any], check: data.Check | None) -> None:
    params = json.loads(row["params"]) if isinstance(row["params"], str) else {}
    if check is None or not params:
        return
    with st.expander("Settings of this check"):
        frame = pd.DataFrame(
            [
                (name, value, check.params[name].default, clean(check.params[name].text, 400))
                for name, value in params.items()
                if name in check.params
            ],
            columns=["setting", "here", "default", "meaning"],
        ).astype({"here": str, "default": str})
        st.dataframe(frame, hide_index=True, height="content",
                     column_config={"meaning": st.column_config.TextColumn(width="large")})  # fmt: skip
        first = next(iter(params))
        st.caption("Changed in kpaudit.toml, beside the data or in the workspace:")
        st.code(f"[checks.{check.id}]\n{first} = {json.dumps(params[first])}", language="toml")


def _groups(now: Current, check_id: str) -> None:
    """Where the findings are: a class, a split or a few subjects often have most of them."""
    asked = now.filters.findings
    if asked is not None and check_id not in asked:
        return
    # of what has the finding already, every share would be all
    filters = now.filters.with_(findings=None)
    found = {
        by: data.frame("finding_groups", filters, check=check_id, by=by, limit=_SHOWN_GROUPS)
        for by in _GROUPS
    }
    found = {by: frame for by, frame in found.items() if len(frame) > 1}
    if not found:
        return
    with st.expander("Where they are: by " + ", ".join(found), expanded=False):
        by = st.segmented_control("By", list(found), default=next(iter(found)), required=True,
                                  key=f"findings_by_{check_id}", label_visibility="collapsed")  # fmt: skip
        frame = found[by].copy()
        low, high = stats.wilson(frame["flagged"].to_numpy(), frame["records"].to_numpy())
        told = frame["records"].notna()
        shares = [share(a, b) for a, b in zip(frame["flagged"], frame["records"].fillna(0), strict=True)]
        frame["share"] = pd.Series(shares, index=frame.index).where(told, "not known")
        between = [f"{share(a, 1)} to {share(b, 1)}" for a, b in zip(low, high, strict=True)]
        frame["interval"] = pd.Series(between, index=frame.index).where(told, "not known")
        frame["records"] = frame["records"].astype(object).where(told, "not known")
        field, word = _GROUPS[by]
        show.chart(
            lambda: charts.bars(
                frame, category="value", value="findings", title=f"Findings by {word}", category_title=word,
                value_title="findings",
                hover=(("records", "records there"), ("share", "share"), ("interval", "95 % interval")),
            ),
            frame, f"finding_groups_{by}", empty="",
            caption=f"The {_SHOWN_GROUPS} with the most." if len(frame) == _SHOWN_GROUPS else "",
            on_click=lambda row: Door(now.filters.with_(**{field: (row["value"],), "findings": (check_id,)})),
        )  # fmt: skip


def _others(frame: pd.DataFrame) -> None:
    """What found nothing, and what could not be asked: silence is no pass."""
    st.subheader("The other checks", anchor=False)
    for name, rows in findings_list.kinds(frame).items():
        with st.expander(f"{count(len(rows), 'check')} {name}"):
            if name == "not run since the dataset was indexed":
                st.caption("Run `kpaudit audit` without `--check`, then reload.")
            st.dataframe(
                _told(rows, name), hide_index=True, placeholder="",
                column_config={
                    "check_id": "check", "title": "what it looks for", "looked": "looked at",
                    "findings": st.column_config.NumberColumn("findings in all", format="localized"),
                    "suppressed": st.column_config.NumberColumn("suppressed", format="localized"),
                    "reason": st.column_config.TextColumn("because", width="large"),
                },
            )  # fmt: skip


def _told(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """What is to be said of checks without open findings, by why they have none."""
    if name.startswith("not run"):
        return rows[["check_id"]]
    if name in ("failed to run", "did not apply", "switched off"):
        return rows[["check_id", "reason"]]
    looked = [
        "" if pd.isna(row["records"]) else f"{int(row['records']):,} {clean(row['unit'])}"
        for row in rows.to_dict("records")
    ]
    more = {"found only what is suppressed": ["suppressed"], "found nothing in this selection": ["findings"]}
    return rows[["check_id", "title", *more.get(name, [])]].assign(looked=looked)


_page()
