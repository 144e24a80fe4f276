"""What the keys of the Review page do: judge, undo, skip, back; each writes first and moves on then."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import streamlit as st

from dashboard import review_data, review_edit, review_url, state
from dashboard.data import Filters
from dashboard.review_data import REJECTING, Asked, Decision, Item, Queue, Reviews
from dashboard.review_picture import Shown
from dashboard.text import clean, md
from dashboard.viewer_data import Scene

_NOW = "kp_review_now"
_SAVED = "kp_review_saved"
_TROUBLE = "kp_review_trouble"
_TIMES = "kp_review_times"
_LAST = "kp_review_last"  # the last decision, its record, and what was corrected of it
_PAUSE = 180  # seconds without a verdict that are no part of the rate


@dataclass(frozen=True)
class Subject:
    """The record on the screen, and all that a verdict on it is stored with."""

    now: state.Current
    filters: Filters
    asked: Asked
    reviewer: str
    item: int
    names: Item
    fingerprint: str  # of the index that `item` and `row` are of
    row: dict[str, Any]
    finding: dict[str, Any] | None = None
    shown: Shown | None = None
    source: Scene | None = None
    mine: Decision | None = None  # what the reviewer has said of it already, and stands

    @property
    def key(self) -> str:
        """Stands for the record's names in keys of widgets; an index made anew gives other ids."""
        return names_key(self.names)

    @property
    def queue(self) -> Queue:
        return review_data.queue(self.filters, self.asked)


def names_key(names: Item) -> str:
    """A short text for a record's names."""
    text = repr((names.dataset, names.split, names.image_key, names.annotation))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def on_screen(subject: Subject | None) -> None:
    """Remembers what is drawn: a key that was meant for a former picture is not counted."""
    st.session_state[_NOW] = None if subject is None else subject.key


def field(name: str, key: str) -> str:
    """The key of a widget of the form: another one for each record, so that nothing is carried over."""
    return f"review_{name}_{key}"


def judge(verdict: str, subject: Subject) -> None:
    """Stores a verdict and goes on to the next item; where it can't be stored, everything stays."""
    if _too_early(subject.key):
        return
    st.session_state.pop(_TROUBLE, None)
    review_edit.moved()  # what was dragged just before may come with the very same message
    draft = review_edit.draft(subject.key)
    if draft is not None and draft.joints and verdict not in REJECTING:
        st.session_state[_TROUBLE] = (
            f"The joints are corrected, and the verdict is {verdict}: take the correction back, or judge the "
            "record as bad keypoints"
        )
        return
    try:
        found = review_data.reviews(subject.now.dataset)
        former = found.of_item(subject.names).get(subject.reviewer)
        kept = found.append(_decision(verdict, subject))
        found.known(kept.item, subject.item, subject.row["label"], subject.fingerprint)
    except review_data.KpauditError as error:
        st.session_state[_TROUBLE] = f"Not saved: {error}"
        return
    st.session_state[_LAST] = (kept.decision_id, subject.key, review_edit.end(subject.key))
    _count()
    told = _told(kept, subject, found)
    if former is not None and (subject.mine is None or former.decision_id != subject.mine.decision_id):
        told += f" · in another window you had said **{former.verdict}**"
    st.session_state[_SAVED] = told
    step(subject, found)


def _too_early(key: str | None = None) -> bool:
    """Whether a key came before the picture that it would count for, which then stays where it is."""
    if review_url.overtaken():
        st.session_state[_NOW] = None
        return True
    return key is not None and st.session_state.get(_NOW) != key


def _decision(verdict: str, subject: Subject) -> Decision:
    draft = review_edit.draft(subject.key)
    proposal = None
    if verdict in REJECTING:
        if draft is not None and subject.shown is not None and subject.source is not None:
            proposal = review_edit.proposal(draft, subject.shown, subject.source)
        elif draft is None and subject.mine is not None:
            proposal = subject.mine.proposal  # another verdict on a record takes no correction of it back
    joints: set[int] = set()
    if verdict == "bad keypoints":
        joints = {int(j) for j in st.session_state.get(field("joints", subject.key)) or ()}
        joints |= {int(j) for j in (proposal or {}).get("keypoints", {})}
    label = st.session_state.get(field("label", subject.key)) if verdict == "bad label" else None
    return Decision(
        subject.names, subject.reviewer, verdict,
        subject.finding["finding_key"] if subject.finding else None,
        subject.finding["check_id"] if subject.finding else None,
        tuple(sorted(joints)), label, proposal,
        (st.session_state.get(field("comment", subject.key)) or "").strip(),
        subject.row["digest"],
    )  # fmt: skip


def _told(saved: Decision, subject: Subject, found: Reviews) -> str:
    """`saved 12:03:11 as bad label (like): image …`, and what others had said of it."""
    said = f"saved {saved.at.astimezone():%H:%M:%S} as **{saved.verdict}**"
    if saved.label is not None:
        said += f", right class **{md(saved.label, 40)}**"
    if saved.proposal is not None:
        said += ", with corrected joints"
    others = [d for name, d in found.of_item(subject.names).items() if name != subject.reviewer]
    said += f": {md(_short(subject.names), 60)}"
    return said + "".join(f" · {md(d.reviewer, 30)} said **{d.verdict}**" for d in others[:4])


def _short(names: Item) -> str:
    key = clean(names.image_key, 20)
    return key if names.annotation is None else f"{key}, {clean(names.annotation, 20)}"


def _count() -> None:
    now = time.monotonic()
    times = [t for t in st.session_state.get(_TIMES, []) if now - t < 3600]
    st.session_state[_TIMES] = [*times[-29:], now]


def rate() -> float | None:
    """Verdicts a minute of this session, pauses left out; None where there are too few to say."""
    times = st.session_state.get(_TIMES, [])
    gaps = [b - a for a, b in pairwise(times) if b - a < _PAUSE]
    return 60 * len(gaps) / sum(gaps) if len(gaps) >= 2 and sum(gaps) > 0 else None


def done_places(queue: Queue, found: Reviews | None, reviewer: str) -> np.ndarray:
    """The places of the queue that the reviewer has judged."""
    return queue.places(found.done(reviewer)) if found is not None else np.empty(0, dtype=np.int64)


def step(subject: Subject, found: Reviews | None) -> None:
    """To the next item that is open: after a verdict, and to skip one."""
    queue = subject.queue
    place = queue.place(subject.item)
    done = done_places(queue, found, subject.reviewer)
    if place is not None:
        done = np.union1d(done, [place]) if len(done) + 1 < len(queue) or place in done else done
    _go(queue, queue.next_open(done, place))


def skip(subject: Subject) -> None:
    """Leaves an item open and goes on; what is corrected of it waits there."""
    if _too_early():
        return
    st.session_state.pop(_TROUBLE, None)
    review_edit.moved()
    try:
        found = review_data.reviews(subject.now.dataset)
    except review_data.KpauditError:
        found = None
    step(subject, found)


def back(queue: Queue, place: int) -> None:
    """To an item by its place, judged or not."""
    if _too_early():
        return
    st.session_state.pop(_TROUBLE, None)
    review_edit.moved()
    _go(queue, place)


def _go(queue: Queue, place: int | None) -> None:
    row = review_data.record(int(queue.items[place])) if place is not None else None
    review_url.at(row)
    # until the next picture is drawn no key counts
    st.session_state[_NOW] = None


def undo(now: state.Current, reviewer: str) -> None:
    """Takes the reviewer's last verdict back, and returns to its record."""
    if _too_early():
        return
    st.session_state.pop(_TROUBLE, None)
    try:
        found = review_data.reviews(now.dataset)
        last = found.undo(reviewer)
    except review_data.KpauditError as error:
        st.session_state[_TROUBLE] = f"Not taken back: {error}"
        return
    if last is None:
        st.session_state[_SAVED] = f"there is nothing of {md(reviewer, 30)} to take back"
        return
    st.session_state[_SAVED] = f"taken back: **{last.verdict}** for {md(_short(last.item), 60)}"
    decision, key, draft = st.session_state.get(_LAST) or (None, None, None)
    if decision == last.decision_id and draft is not None:
        review_edit.again(key, draft)
    if last.comment and reviewer not in found.of_item(last.item):
        st.session_state[field("comment", names_key(last.item))] = last.comment  # for the verdict instead
    number = found.number(last.item)
    if number is not None:
        review_url.at(review_data.record(number))
        st.session_state[_NOW] = None


def saved() -> None:
    """What was saved last."""
    told = st.session_state.get(_SAVED)
    hint = "One key is one verdict; Z takes the last one back."
    st.caption(f":material/check_circle: {told}" if told else hint, width="content")


def trouble() -> None:
    """What went wrong, in one sentence; nothing is lost."""
    told = st.session_state.get(_TROUBLE)
    if told:
        st.warning(f"{md(told, 600)}.", icon=":material/warning:")
