"""The head of the Review page: which queue, who reviews, and how it is shared."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from dashboard import data, review_data, review_url, state
from dashboard.review_data import KINDS, MAX_REVIEWERS
from dashboard.review_url import View
from dashboard.text import clean, count, md

_ALL = "all checks, the gravest first"
_MARGINS = (0.03, 0.05, 0.1, 0.15, 0.2)


def show(now: state.Current, view: View) -> None:
    """The queue and its settings; every change goes into the URL."""
    asked = view.asked
    with st.container(horizontal=True, vertical_alignment="bottom", key="review_bar"):
        st.session_state["review_kind"] = asked.kind
        st.segmented_control(
            "Queue", list(KINDS), key="review_kind", format_func=KINDS.get, required=True, width="content",
            on_change=lambda: review_url.ask(queue=st.session_state["review_kind"]),
        )  # fmt: skip
        if asked.kind == "findings":
            _check(now, view)
        elif asked.kind == "sample":
            _sample(view)
        if view.reviewer is not None:
            _team(view)
    if asked.kind == "sample":
        _about_sample(now, view)


def _check(now: state.Current, view: View) -> None:
    frame = data.frame("finding_checks", now.filters)
    counts = {row["check_id"]: int(row["open"]) for row in frame.to_dict("records") if row["images"]}
    offered = ["", *counts]
    chosen = view.asked.check or ""
    if chosen not in offered:
        offered.append(chosen)
    st.session_state["review_check"] = chosen
    st.selectbox(
        "Findings of", offered, key="review_check", width=300,
        format_func=lambda c: f"{clean(c, 60)} ({counts.get(c, 0):,})" if c else _ALL,
        on_change=lambda: review_url.ask(check=st.session_state["review_check"] or None),
        help=elsewhere(frame),
    )  # fmt: skip


def elsewhere(frame: pd.DataFrame) -> str | None:
    """Says which findings no queue has, since they are of no image; `frame` as of `finding_checks`."""
    of = {row["check_id"]: int(row["elsewhere"]) for row in frame.to_dict("records") if row["elsewhere"]}
    if not of:
        return None
    which = ", ".join(f"{md(check)} ({n:,})" for check, n in of.items())
    few = sum(of.values())
    said = f"{count(few, 'finding')} {'is' if few == 1 else 'are'} of no image"
    return f"{said}, but of the dataset, a class or a file, and in no queue; see the page Findings: {which}."


def _sample(view: View) -> None:
    asked = view.asked
    st.session_state["review_margin"] = asked.margin
    st.selectbox(
        "Margin of error", sorted({*_MARGINS, asked.margin}), key="review_margin", width=150,
        format_func=lambda m: f"± {100 * m:g} points",
        on_change=lambda: review_url.ask(margin=f"{st.session_state['review_margin']:g}"),
        help="Half the width of the 95 % interval that each class's share of bad labels will have at most. A "
        "narrower one adds records to the sample; what is judged already stays in it.",
    )  # fmt: skip
    st.session_state["review_seed"] = asked.seed
    st.number_input(
        "Seed", key="review_seed", min_value=0, max_value=2**31, step=1, width=110,
        on_change=lambda: review_url.ask(seed=st.session_state["review_seed"]),
        help="The same seed draws the same records for everybody.",
    )  # fmt: skip


def _about_sample(now: state.Current, view: View) -> None:
    records = review_data.classes(now.filters)
    drawn = {label: review_data.sample_size(n, view.asked.margin) for label, n in records.items()}
    if not drawn:
        return
    sizes = sorted(set(drawn.values()))
    each = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    st.caption(
        f"{sum(drawn.values()):,} of {count(sum(records.values()), 'record')}, {each} of each of "
        f"{count(len(drawn), 'class', 'classes')}, drawn at random: what the audit found is not shown, so "
        "that it sways no verdict.",
        help="1.96² × ½ × ½ ÷ margin² records would do for an endless class: n₀. Of N records it takes "
        "n₀ ÷ (1 + (n₀ − 1) ÷ N). 1.96 stands for 95 %, ½ for the share at which an interval is widest. "
        "Cochran, Sampling Techniques, 1977.",
    )


def _team(view: View) -> None:
    asked = view.asked
    who = md(view.reviewer, 30) + (f", {asked.part} of {asked.of}" if asked.of > 1 else "")
    with st.popover(who, icon=":material/person:"):
        st.session_state["review_name"] = view.reviewer
        st.text_input("Your name", key="review_name", max_chars=100, on_change=_rename)
        st.session_state["review_of"] = asked.of
        st.number_input(
            "Reviewers who share the queue", key="review_of", min_value=1, max_value=MAX_REVIEWERS, step=1,
            on_change=_share,
            help="Each record goes to one of them, by a hash of its name: nobody sees another's.",
        )  # fmt: skip
        if asked.of > 1:
            st.session_state["review_part"] = asked.part
            st.number_input(
                "You are number", key="review_part", min_value=1, max_value=asked.of, step=1,
                on_change=lambda: review_url.ask(part=st.session_state["review_part"]),
            )  # fmt: skip
            st.session_state["review_overlap"] = round(100 * asked.overlap)
            st.slider(
                "Judged by two", 0, 100, key="review_overlap", step=5, format="%d %%",
                on_change=lambda: review_url.ask(overlap=f"{st.session_state['review_overlap'] / 100:g}"),
                help="The share of records that goes to two reviewers, to measure how far they agree.",
            )  # fmt: skip
        st.session_state["review_others"] = view.others
        st.toggle(
            "Show what others said before I judge", key="review_others",
            on_change=lambda: review_url.write(others="yes" if st.session_state["review_others"] else None),
            help="Off: what others said is shown once you have judged the record yourself.",
        )  # fmt: skip
        st.caption("The same queue for a colleague, who gives a name of their own:")
        st.code(review_url.link(), language=None, wrap_lines=True)


def _rename() -> None:
    if st.session_state["review_name"].strip():
        review_url.write(reviewer=st.session_state["review_name"].strip())


def _share() -> None:
    of = st.session_state["review_of"]
    part = min(int(st.query_params.get("part", "1")) if st.query_params.get("part", "1").isdigit() else 1, of)
    review_url.ask(of=of if of > 1 else None, part=part if of > 1 else None)


def ask_name() -> None:
    """Asks who reviews: verdicts are kept with a name, and agreement is between people."""
    with st.form("review_who", width=420):
        st.text_input(
            "Your name", value=review_data.login(), key="review_who_name", max_chars=100,
            help="Verdicts are kept with it, for whoever asks later who said what.",
        )  # fmt: skip
        st.form_submit_button("Start reviewing", type="primary", on_click=_begin)


def _begin() -> None:
    name = st.session_state.get("review_who_name", "").strip()
    if name:
        review_url.write(reviewer=name)
