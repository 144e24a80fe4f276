"""What goes with a verdict, the right class, the joints at fault and a comment; and who said what before."""

from __future__ import annotations

import json

import streamlit as st

from dashboard import review_data, viewer_data
from dashboard.data import NO_CLASS
from dashboard.review_data import MAX_TEXT, Reviews
from dashboard.review_steps import Subject, field
from dashboard.review_url import View
from dashboard.text import clean, md


def show(subject: Subject) -> None:
    """What goes with a verdict; as it was said before, where it was."""
    key, row, mine = subject.key, subject.row, subject.mine
    labels = _labels(subject)
    if row["annotation_id"] is not None and labels:
        likelier = _likelier(subject, labels) if mine is None else None
        preset = likelier if mine is None else mine.label
        st.selectbox(
            "Right class", labels, key=field("label", key), placeholder="not known",
            format_func=lambda v: clean(v, 60),
            index=labels.index(preset) if preset in labels else None,
            help="Goes with “bad label”." + (" Preset by the evidence." if likelier is not None else ""),
        )  # fmt: skip
    own = subject.shown.instance
    if own is not None and own.joints:
        names = {j.index: j.name for j in own.joints}
        st.multiselect(
            "Joints at fault", list(names), key=field("joints", key), placeholder="none",
            default=[j for j in (subject.shown.rings if mine is None else mine.joints) if j in names],
            format_func=lambda j: clean(f"{j} {names[j]}", 40), help="Goes with “bad keypoints”.",
        )  # fmt: skip
    st.text_input(
        "Comment", key=field("comment", key), max_chars=MAX_TEXT, placeholder="stored with the verdict",
        value=mine.comment if mine is not None else "",
    )  # fmt: skip


def _labels(subject: Subject) -> list[str]:
    """The dataset's classes but the record's own: those that it declares, and those that occur."""
    declared = list(subject.now.dataset["classes"] or ())
    occurring = review_data.classes(viewer_data.Filters(subject.filters.dataset))
    known = dict.fromkeys([*declared, *(name for name in occurring if name != NO_CLASS)])
    return [name for name in known if name != subject.row["label"]]


def _likelier(subject: Subject, labels: list[str]) -> str | None:
    """The class that the evidence of a finding names as the likelier one."""
    text = subject.finding["evidence"] if subject.finding is not None else None
    try:
        values = json.loads(text) if text else {}
    except ValueError:
        return None
    if not isinstance(values, dict):
        return None
    named = (v for name, v in values.items() if "likel" in name and isinstance(v, str))
    return next((value for value in named if value in labels), None)


def history(subject: Subject, found: Reviews | None, view: View) -> None:
    """Who said what of this record, every entry of it."""
    if found is None:
        return
    said = found.of_item(subject.names)
    visible = view.others or subject.reviewer in said
    try:
        entries = found.history(subject.names)
    except review_data.KpauditError:
        return
    shown = [d for d in entries if visible or d.reviewer == subject.reviewer]
    if not shown:
        return
    undone = {d.undoes for d in entries if d.undoes is not None}
    lines = []
    for d in reversed([d for d in shown if d.undoes is None]):
        line = f"{d.at.astimezone():%Y-%m-%d %H:%M:%S} **{md(d.reviewer, 40)}**: **{d.verdict}**"
        if d.label is not None:
            line += f", right class {md(d.label, 60)}"
        if d.joints:
            which = ", ".join(map(str, d.joints[:30]))
            line += f", {'joint' if len(d.joints) == 1 else 'joints'} {which} at fault"
        if d.proposal:
            line += f", {len(d.proposal.get('keypoints') or {})} corrected"
        if d.comment:
            line += f": {md(d.comment, 300)}"
        lines.append(f"- ~~{line}~~ taken back" if d.decision_id in undone else f"- {line}")
    st.markdown("**Who said what**\n\n" + "\n".join(lines[:50]))
