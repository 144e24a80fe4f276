"""Below the record: what the sample says, how far reviewers agree, all decisions and what became of them."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import streamlit as st

from dashboard import review_data, review_url, show, state
from dashboard.review_data import Reviews
from dashboard.review_url import View
from dashboard.text import clean, count, md, share

_BELOW = "kp_review_below"
_LISTED = 2000


def below(now: state.Current, view: View, found: Reviews) -> None:
    """One of the sections, chosen by the reviewer: each costs time that the next picture would wait for."""
    names = ["Agreement", "Decisions"]
    if view.asked.kind == "sample":
        names.insert(0, "What the sample says")
    st.divider()
    former = st.session_state.get(_BELOW)
    st.session_state["review_below"] = former if former in names else None
    chosen = st.segmented_control(
        "Below", names, key="review_below", label_visibility="collapsed",
        on_change=lambda: st.session_state.update({_BELOW: st.session_state["review_below"]}),
    )  # fmt: skip
    if chosen == "Agreement":
        _agreement(found)
    elif chosen == "Decisions":
        _decisions(found, view)
    elif chosen is not None:
        _quality(now, view, found)


def _quality(now: state.Current, view: View, found: Reviews) -> None:
    rows = []
    for q in review_data.quality(found, now.filters, view.asked):
        low, high = q.interval(q.bad_label)
        low_any, high_any = q.interval(q.bad)
        rows.append({
            "class": clean(q.label, 80), "records": q.population, "sample": q.sample, "judged": q.judged,
            "unsure": q.unsure, "bad labels": q.bad_label,
            "share of bad labels": share(q.bad_label, q.judged),
            "95 % interval": _interval(low, high) if q.judged else "",
            "bad in any way": share(q.bad, q.judged),
            "its 95 % interval": _interval(low_any, high_any) if q.judged else "",
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    if not frame.empty:
        frame = frame.sort_values(["judged", "class"], ascending=[False, True], kind="stable")
    show.table(
        frame, "review_quality", empty="Nothing is selected, so there is no sample.",
        caption="Of those judged, by all reviewers; unsure ones and ties are left out. Wilson's intervals, "
        "corrected for the class's size. What was judged with a finding in view counts once the sample has "
        "come as far.",
    )  # fmt: skip


def _interval(low: float, high: float) -> str:
    return f"{share(low, 1)} to {share(high, 1)}"


def _agreement(found: Reviews) -> None:
    said = review_data.agreement(found)
    if not said.decisions:
        show.nothing("Nobody has judged anything of this dataset yet.")
        return
    if said.of_two is not None:
        (pair,) = said.kappa
        _of_two(said, pair)
    else:
        _of_more(said)
    st.markdown("**How often reviewers agreed with a check**: the share of its findings that are right")
    rows = [
        (p.check_id, p.judged, p.right, p.unsure, share(p.right, p.judged),
         _interval(p.low, p.high) if p.judged else "")
        for p in said.precision.values()
    ]  # fmt: skip
    names = ["check", "judged", "right", "unsure", "right of judged", "95 % interval"]
    show.table(
        pd.DataFrame(rows, columns=names), "review_precision",
        empty="No finding has been judged: choose the queue “Findings”.",
        caption="Right: the record was called bad, in whatever way; unsure ones and ties are left out. The "
        "queue begins with the gravest, so a few judged are not all of a check's.",
    )  # fmt: skip


_NUMBERS = {name: st.column_config.NumberColumn(format="%.3f") for name in ("κ", "α")}
_MEANING = "1 is agreement, 0 is what chance gives; none where all said the same"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _of_two(said: review_data.Agreement, pair: tuple[str, str]) -> None:
    st.markdown(f"**Cohen’s κ and Krippendorff’s α** of {md(pair[0], 40)} and {md(pair[1], 40)}: {_MEANING}")
    rows = [
        (clean(name, 80), _rounded(said.of_two.get(name)), _rounded(alpha), n)
        for name, (alpha, n) in said.alpha.items()
        if n
    ]
    show.table(
        pd.DataFrame(rows, columns=["over", "κ", "α", "judged by both"]), "review_agreement",
        columns=_NUMBERS, empty="",
        caption="Of a verdict: against all others; counted are the records that either of them gave it.",
    )  # fmt: skip


def _of_more(said: review_data.Agreement) -> None:
    left, right = st.columns(2)
    with left:
        st.markdown(f"**Krippendorff’s α**: {_MEANING}")
        rows = [(clean(name, 80), _rounded(alpha), n) for name, (alpha, n) in said.alpha.items() if n]
        show.table(
            pd.DataFrame(rows, columns=["over", "α", "judged by several"]), "review_alpha", columns=_NUMBERS,
            empty="No record has been judged by several: share the queue, with some “judged by two”.",
        )  # fmt: skip
    with right:
        st.markdown("**Cohen’s κ** of two reviewers")
        rows = [(clean(a, 60), clean(b, 60), _rounded(k), n) for (a, b), (k, n) in said.kappa.items()]
        show.table(
            pd.DataFrame(rows, columns=["reviewer", "and", "κ", "judged by both"]), "review_kappa",
            columns=_NUMBERS, empty="No two reviewers have judged the same record.",
        )  # fmt: skip


def _decisions(found: Reviews, view: View) -> None:
    decisions = found.standing()
    if not decisions:
        show.nothing("Nobody has judged anything of this dataset yet.")
        return
    decisions = sorted(decisions, key=lambda d: d.at, reverse=True)
    counts = Counter(d.reviewer for d in decisions)
    who = ", ".join(f"{md(name, 40)} {n:,}" for name, n in counts.most_common(20))
    st.markdown(f"**{count(len(decisions), 'decision')}** stand: {who}")
    hidden = _hidden(decisions, view)
    resolved = found.resolved(decisions)
    changed, gone = sum(r.changed for r in resolved), sum(r.gone for r in resolved)
    if changed or gone:
        told = [
            f"of {count(changed, 'decision')} the record has changed since" if changed else "",
            f"of {count(gone, 'decision')} it is gone" if gone else "",
        ]
        said = ", ".join(part for part in told if part)
        st.warning(f"{said[0].upper()}{said[1:]}.", icon=":material/published_with_changes:")
    rows = []
    for r in sorted(resolved, key=lambda r: (not r.gone, not r.changed))[:_LISTED]:
        d = r.decision
        anchored = d.item in hidden and d.reviewer != view.reviewer
        rows.append({
            "time": d.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"), "reviewer": clean(d.reviewer, 40),
            "verdict": "judge it first" if anchored else d.verdict,
            "record": "gone" if r.gone else "changed since" if r.changed else "as judged",
            "class": clean(r.label, 60) if r.label is not None else "",
            "right class": clean(d.label, 60) if d.label is not None and not anchored else "",
            "corrected": "joints" if d.proposal and not anchored else "",
            "comment": "" if anchored else clean(d.comment, 300), "check": d.check_id or "",
            "image": clean(d.item.image_key, 120), "split": clean(d.item.split, 40),
            "annotation": clean(d.item.annotation, 60) if d.item.annotation is not None else "",
            "place": None if r.gone else r.annotation_id or -r.image_id,
        })  # fmt: skip
    show.table(
        pd.DataFrame(rows), "review_decisions", empty="", hidden=("place",), height=360,
        caption=f"The latest {_LISTED:,}." if len(resolved) > _LISTED else "",
        on_click=lambda row: _open(row["place"]), hint="Choose a row to see its record.",
    )  # fmt: skip


def _hidden(decisions: list[review_data.Decision], view: View) -> set[review_data.Item]:
    """Items that the reviewer has not judged: what others said of them would sway the verdict."""
    if view.others:
        return set()
    mine = {d.item for d in decisions if d.reviewer == view.reviewer}
    return {d.item for d in decisions} - mine


def _open(item: float | None) -> None:
    if item is not None and not pd.isna(item):
        review_url.at(review_data.record(int(item)))
