"""The record that is judged: verdicts, the picture, the evidence beside it, and what goes with a verdict."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import streamlit as st

from dashboard import (
    data,
    findings_list,
    review_bar,
    review_data,
    review_edit,
    review_form,
    review_picture,
    review_steps,
    review_url,
    state,
    viewer_data,
)
from dashboard.data import NO_CLASS
from dashboard.review_data import VERDICTS, Queue, Reviews
from dashboard.review_picture import Shown
from dashboard.review_steps import Subject, field
from dashboard.review_url import View
from dashboard.text import clean, count, md

_ICONS = {
    "good": ":material/thumb_up:", "bad label": ":material/label_off:", "bad box": ":material/crop_free:",
    "bad keypoints": ":material/accessibility_new:", "wrong split": ":material/call_split:",
    "reject image": ":material/hide_image:", "unsure": ":material/help:",
}  # fmt: skip
_WHOLE = "kp_review_whole"
# The picture beside the words where there is room, else above them.
_STYLE = """<style>
.st-key-review_both { flex-wrap: wrap !important; }
.st-key-review_both > :first-child { flex: 9999 1 460px !important; min-width: min(100%, 460px); }
.st-key-review_both > :last-child { flex: 1 1 340px !important; min-width: min(100%, 300px); }
.st-key-review_verdicts, .st-key-review_steps { gap: 0.4rem !important; }
.st-key-review_steps { gap: 0 0.8rem !important; align-items: center; }
/* the picture is what the page is for: as far up as it can be */
[data-testid="stMainBlockContainer"] { padding: 2.4rem clamp(1rem, 3vw, 3rem) 3rem; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.6rem; }
[data-testid="stMainBlockContainer"] h1 { padding: 0.6rem 0 0.2rem; font-size: 1.9rem; }
</style>"""


def show(now: state.Current, view: View, found: Reviews | None) -> None:
    """One item of the queue with everything that is needed to judge it."""
    queue = review_data.queue(now.filters, view.asked)
    done = review_steps.done_places(queue, found, view.reviewer)
    item = _asked_for(now, view, queue)
    gone = view.image if item is None else None
    if item is None:
        place = queue.next_open(done) if len(queue) else None
        item = int(queue.items[place]) if place is not None else None
        if item is not None:
            review_url.at(review_data.record(item))
    row = review_data.record(item) if item is not None else None
    if row is None:
        review_steps.on_screen(None)
        _say_gone(gone)
        _nothing_open(now, view, queue, found)
        return
    subject = _subject(now, view, queue, item, row=row, kept=found)
    st.html(_STYLE)
    # before the picture: whoever sees the next picture has the next record's buttons already
    with st.container(gap="xsmall"):
        _progress(view, queue, len(done), item)
        _buttons(subject, queue, found)
        _say_gone(gone)
    with st.container(horizontal=True, key="review_both", gap="medium"):
        picture = st.container()
        with st.container():
            _beside(subject, found, view)
        with picture:
            _picture(subject, found, view)


def _say_gone(image: str | None) -> None:
    """Of a record that was asked for by its names: the index was made anew, or the link is of another one."""
    if image is not None:
        st.info(
            f"The record of {md(image, 120)} is not in the index (any more); what is said of it is kept.",
            icon=":material/search_off:",
        )


def prepare_next(now: state.Current, view: View, found: Reviews | None) -> None:
    """Makes the next item's picture while this one is looked at."""
    if view.reviewer is None:
        return
    queue = review_data.queue(now.filters, view.asked)
    item = _asked_for(now, review_url.read(now.dataset["name"]), queue)
    place = queue.place(item) if item is not None else None
    if place is None:
        return
    after = queue.next_open(review_steps.done_places(queue, found, view.reviewer), place)
    if after is None or after == place:
        return
    row = review_data.record(int(queue.items[after]))
    if row is None:
        return
    review_data.find(now.dataset["dataset_id"], row["key"], row["split"], row["own"])
    review_data.findings(row["image_id"], row["annotation_id"])
    review_data.joints(row["skeleton"])
    shown = _annotation(queue, after, row)
    review_data.plain(now.dataset, row["image_id"], None if st.session_state.get(_WHOLE) else shown)


def _asked_for(now: state.Current, view: View, queue: Queue) -> int | None:
    if view.image is None:
        return None
    return review_data.find(now.dataset["dataset_id"], view.image, view.split, view.own)


def _annotation(queue: Queue, place: int | None, row: dict[str, Any]) -> int | None:
    """The annotation that is drawn: the one that was found, where several share an id."""
    if place is not None and queue.shown[place] > 0:
        return int(queue.shown[place])
    return row["annotation_id"]


def _subject(
    now: state.Current, view: View, queue: Queue, item: int, *, row: dict[str, Any], kept: Reviews | None
) -> Subject:
    place = queue.place(item)
    annotation = _annotation(queue, place, row)
    if annotation is not None and annotation != row["annotation_id"]:
        row = review_data.record(annotation) or row
    finding = None
    if view.asked.kind == "findings":
        found = review_data.findings(row["image_id"], row["annotation_id"])
        wanted = queue.findings[place] if place is not None and queue.findings else None
        finding = next((f for f in found if f["finding_key"] == wanted), found[0] if found else None)
    close = annotation is not None and not st.session_state.get(_WHOLE, False)
    plain = review_data.plain(now.dataset, row["image_id"], annotation if close else None)
    names = review_data.names(now.dataset["name"], row)
    shown = Shown(review_steps.names_key(names), plain, annotation, close, _rings(finding, annotation))
    return Subject(
        now, now.filters, view.asked, view.reviewer, item, names, review_data.fingerprint(), row, finding,
        shown, viewer_data.scene(row["image_id"]),
        kept.of_item(names).get(view.reviewer) if kept is not None else None,
    )  # fmt: skip


def _rings(finding: dict[str, Any] | None, annotation: int | None) -> tuple[int, ...]:
    if finding is None or finding["joint"] is None or finding["annotation_id"] != annotation:
        return ()
    return (int(finding["joint"]),)


def _nothing_open(now: state.Current, view: View, queue: Queue, found: Reviews | None) -> None:
    """There is nothing to judge, or nothing left."""
    if len(queue):
        _progress(view, queue, len(queue), None)
        with st.container(horizontal=True):
            st.button("Look through them", icon=":material/chevron_left:", shortcut="Left", key="review_look",
                      on_click=review_steps.back, args=(queue, len(queue) - 1))  # fmt: skip
            _undo_button(now, view.reviewer, found)
            review_steps.saved()
        review_steps.trouble()
        st.success(f"{md(view.reviewer, 30)} has judged all of this queue.", icon=":material/done_all:")
        return
    if view.asked.of > 1 and len(review_data.queue(now.filters, review_data.whole_queue(view.asked))):
        said = f"None of this queue's records is for number {view.asked.part} of {view.asked.of}."
    elif view.asked.kind == "findings" and not review_data.audited(now.dataset):
        said = "The dataset has not been audited since it was indexed: run `kpaudit audit`, then reload."
    elif view.asked.kind == "findings":
        what = f"{md(view.asked.check)} has" if view.asked.check else "There is"
        said = f"{what} no open finding of an image{' in this selection' if now.filters.words() else ''}."
        if told := review_bar.elsewhere(data.frame("finding_checks", now.filters)):
            said += " " + told
    elif now.filters.words():
        said = "Nothing is selected: take a filter away."
    else:
        said = "The dataset has no records to review."
    st.info(said, icon=":material/inbox:")


def _progress(view: View, queue: Queue, done: int, item: int | None) -> None:
    total = len(queue)
    place = queue.place(item) if item is not None else None
    parts = [f"**{done:,}** of **{count(total, 'record')}** judged"]
    if item is not None:
        known = place is not None
        parts.append(f"this is number {place + 1:,}" if known else "this one is not in the queue any more")
    if (rate := review_steps.rate()) is not None:
        parts.append(f"{rate:.0f} a minute")
        if done < total:
            parts.append(f"{_minutes((total - done) / rate)} left")
    if view.asked.of > 1:
        parts.append(f"reviewer {view.asked.part} of {view.asked.of}")
    st.progress(min(done / total, 1.0) if total else 0.0, text=" · ".join(parts))


def _minutes(minutes: float) -> str:
    if minutes < 1:
        return "less than a minute"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _buttons(subject: Subject, queue: Queue, found: Reviews | None) -> None:
    mine = subject.mine
    place = queue.place(subject.item)
    with st.container(horizontal=True, key="review_verdicts", gap="small"):
        for number, verdict in enumerate(VERDICTS, start=1):
            st.button(
                verdict.capitalize(), key=f"review_say_{verdict}", icon=_ICONS[verdict], shortcut=str(number),
                type="primary" if mine is not None and mine.verdict == verdict else "secondary",
                disabled=found is None, on_click=review_steps.judge, args=(verdict, subject),
            )  # fmt: skip
    with st.container(horizontal=True, key="review_steps", gap="small"):
        st.button(
            "Back", key="review_back", icon=":material/chevron_left:", shortcut="Left", type="tertiary",
            disabled=not place, on_click=review_steps.back, args=(queue, (place or 1) - 1),
        )  # fmt: skip
        st.button(
            "Skip", key="review_skip", icon=":material/chevron_right:", shortcut="Right", type="tertiary",
            on_click=review_steps.skip, args=(subject,),
        )  # fmt: skip
        _undo_button(subject.now, subject.reviewer, found)
        if subject.shown.annotation is not None:
            st.button(
                "Whole image" if subject.shown.close else "Close-up", key="review_whole", shortcut="W",
                icon=":material/zoom_out_map:" if subject.shown.close else ":material/zoom_in_map:",
                type="tertiary", on_click=_turn_whole,
            )  # fmt: skip
            _correct_buttons(subject)
        st.button(
            "Viewer", key="review_viewer", icon=":material/image_search:", type="tertiary",
            help="Opens the image with all that is known of it.", on_click=state.open_next,
            args=(_door(subject),),
        )  # fmt: skip
        review_steps.saved()
    review_steps.trouble()


def _undo_button(now: state.Current, reviewer: str, found: Reviews | None) -> None:
    st.button(
        "Undo", key="review_undo", icon=":material/undo:", shortcut="Z", type="tertiary",
        disabled=found is None, on_click=review_steps.undo, args=(now, reviewer),
    )  # fmt: skip


def _turn_whole() -> None:
    st.session_state[_WHOLE] = not st.session_state.get(_WHOLE, False)


def _door(subject: Subject) -> state.Door:
    row = subject.row
    place = int(row["place"]) if row["annotation_id"] is not None else None
    return state.Door(subject.filters, image=row["key"], split=row["split"], annotation=place)


def _correct_buttons(subject: Subject) -> None:
    joints = review_data.joints(subject.row["skeleton"])
    own = subject.shown.instance
    if own is None or not (joints or own.joints):
        return
    draft = review_edit.draft(subject.key)
    proposal = subject.mine.proposal if subject.mine is not None else None
    former = review_edit.pixels(proposal, subject.shown.plain.scene, subject.source.unit)
    if draft is None or not draft.open:
        st.button(
            "Correct joints", key="review_edit", icon=":material/edit_location_alt:", shortcut="E",
            type="tertiary", on_click=review_edit.begin, args=(subject.key, former),
        )  # fmt: skip
    else:
        st.button(
            "Done correcting", key="review_edit_end", icon=":material/edit_off:", shortcut="E",
            type="tertiary", on_click=review_edit.close, args=(subject.key,),
            help="What is corrected stays, drawn dashed, and is stored with the verdict.",
        )  # fmt: skip
    if draft is not None and (draft.open or draft.joints):
        st.button(
            "As it was", key="review_reset", icon=":material/restart_alt:", shortcut="Q", type="tertiary",
            disabled=not draft.joints, on_click=review_edit.reset, args=(subject.key,),
            help="Takes every correction of this record back.",
        )  # fmt: skip
    named = _exchanged(subject)
    swapped = review_edit.pairs(joints, named) if named else joints
    if review_edit.swappable(swapped):
        st.button(
            "Swap left and right", key="review_swap", icon=":material/swap_horiz:", shortcut="X",
            type="tertiary", on_click=review_edit.swap, args=(subject.key, own, swapped, former),
            help=f"Of what was found: {md(', '.join(sorted(named)), 200)}." if named else None,
        )  # fmt: skip


def _exchanged(subject: Subject) -> set[str]:
    """The joints whose sides look exchanged, where that is what was found; else none, which means all."""
    if subject.finding is None or subject.finding["check_id"] != "left-right-swapped":
        return set()
    evidence = json.loads(subject.finding["evidence"] or "{}")
    named = evidence.get("joints") if isinstance(evidence, dict) else None
    return {name for name in named if isinstance(name, str)} if isinstance(named, list) else set()


def _visible(subject: Subject, found: Reviews | None, view: View) -> dict[str, Any]:
    """What stands of the item and may be seen: others' after one's own verdict, or on request."""
    said = found.of_item(subject.names) if found is not None else {}
    if view.others or subject.reviewer in said:
        return said
    return {}


def _picture(subject: Subject, found: Reviews | None, view: View) -> None:
    shown = subject.shown
    draft = review_edit.draft(subject.key)
    waiting = draft is not None and not draft.open and bool(draft.joints)
    proposals = [
        review_edit.pixels(d.proposal, shown.plain.scene, subject.source.unit)
        for d in _visible(subject, found, view).values()
        if d.proposal and (draft is None or (not draft.open and d.reviewer != subject.reviewer))
    ]
    proposals = [p for p in [*proposals, draft.joints if waiting else None] if p]
    said = "dashed: the correction" if proposals else ""
    if waiting:
        said = "dashed: your correction, which the next verdict stores"
    if draft is not None and not draft.open:
        draft = None
    shown = replace(shown, said=said)
    flags = bool(subject.now.recorded)
    joints = review_data.joints(subject.row["skeleton"])
    typed = [st.session_state.get(field(name, subject.key)) for name in review_picture.FIELDS]
    # before it is sent: whoever sees it may press a key at once, which ends this run where it is
    review_steps.on_screen(subject)
    review_picture.show(
        subject.now.dataset, shown, joints, draft=draft, proposals=proposals, on_change=review_edit.moved,
        flags=flags, typed=typed,
    )  # fmt: skip
    if shown.plain.reason is not None:
        reason = shown.plain.reason
        if reason.startswith(("missing", "no image folder")):
            reason = "the file is not on disk (`kpaudit index PATH --images DIR|ZIP` says where images are)"
        else:
            reason = md(reason)
        st.caption(f":material/hide_image: The image is not shown: {reason}.")
    if draft is not None and shown.instance is not None:
        with st.expander("Joints as numbers", key="review_numbers"):
            review_edit.table(draft, shown, joints, flags)


def _beside(subject: Subject, found: Reviews | None, view: View) -> None:
    """What is said of the record, what goes with a verdict, and who said what before."""
    row = subject.row
    label = row["label"]
    whole = row["annotation_id"] is None
    st.subheader("The whole image" if whole else clean(label or NO_CLASS, 60), anchor=False)
    subject_id = row["subject"] and clean(row["subject"], 14)
    facts = [
        ("split", row["split"]), ("subject", subject_id), ("image", row["key"]), ("annotation", row["own"])
    ]  # fmt: skip
    st.caption(" · ".join(f"{name} **{md(value, 60)}**" for name, value in facts if value is not None))
    _changed(subject)
    _evidence(subject)
    review_form.show(subject)
    review_form.history(subject, found, view)


def _changed(subject: Subject) -> None:
    mine = subject.mine
    if mine is not None and mine.digest is not None and mine.digest != subject.row["digest"]:
        when = f"{mine.at.astimezone():%Y-%m-%d %H:%M}"
        st.warning(
            f"The record has changed since you judged it as {mine.verdict} on {when}.",
            icon=":material/published_with_changes:",
        )


def _evidence(subject: Subject) -> None:
    """What the audit found; nothing of it in a sample, which is judged without being swayed."""
    if subject.asked.kind == "sample":
        return
    finding = subject.finding
    found = review_data.findings(subject.row["image_id"], subject.row["annotation_id"])
    if finding is not None:
        st.markdown(f"{findings_list.severity(finding['severity'])} **{md(finding['check_id'])}**: "
                    f"{md(finding['detail'], 600)}")  # fmt: skip
        rows = findings_list.evidence_rows(finding["evidence"])
        if rows:
            # words and not a table: long values are read whole, and nothing needs time to be drawn
            st.caption("\n".join(f"- {md(name, 60)}: **{md(value, 400)}**" for name, value in rows))
    others = [f for f in found if finding is None or f["finding_key"] != finding["finding_key"]]
    if others:
        more = "other finding" if finding is not None else "finding"
        with st.expander(count(len(others), more), expanded=finding is None):
            for other in others:
                of = " (of the image)" if other["annotation_id"] is None and subject.names.annotation else ""
                st.markdown(f"{findings_list.severity(other['severity'])} **{md(other['check_id'])}**{of}: "
                            f"{md(other['detail'], 400)}")  # fmt: skip
