"""What reviewers decided, as what an export does: drop, correct, or keep and say so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from queries import sqlfile
from queries.reviews.model import REJECTING, Decision
from queries.reviews.resolve import Resolved, resolve

if TYPE_CHECKING:
    import duckdb

    from queries.store import Store

Joints = dict[int, tuple[float | None, float | None, int | None]]

#: Verdicts for which --drop rejected leaves an annotation out, where nothing says what is right.
_DROPPING = ("bad label", "bad box", "bad keypoints")


@dataclass(frozen=True)
class Correction:
    """What replaces an annotation's values, in the dataset's unit; None leaves them as they are."""

    label: str | None = None
    box: tuple[float, float, float, float] | None = None
    joints: Mapping[int, tuple[float, float, int | None]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.label is not None or self.box is not None or bool(self.joints)


@dataclass(frozen=True)
class Ruling:
    """What the reviewers of one item come to: the majority's verdict; of a tie, the latest's.

    Who is unsure does not vote, unless all are.
    """

    image_id: int
    annotation_id: int | None
    verdict: str
    reviewers: str
    why: str
    #: of those of the winning verdict the one that says what is right: the majority's label, then the latest
    decision: Decision
    #: verdicts that lost and called the record wrong
    outvoted: tuple[str, ...] = ()
    #: others of the winning verdict who say that something else is right
    passed_over: tuple[Decision, ...] = ()


@dataclass
class Plan:
    """What is to be done; `listed` are (action, reason, ruling, before, after) for changes.csv."""

    rejected_images: dict[int, Ruling] = field(default_factory=dict)
    rejected: dict[int, Ruling] = field(default_factory=dict)
    corrections: dict[int, Correction] = field(default_factory=dict)
    listed: list[tuple[str, str, Ruling, str, str]] = field(default_factory=list)
    not_applied: list[tuple[str, Decision]] = field(default_factory=list)
    rulings: list[Ruling] = field(default_factory=list)
    decisions: int = 0


def rulings(found: Iterable[Resolved]) -> tuple[list[Ruling], list[tuple[str, Decision]]]:
    """The rulings on records as they are, and (why not, decision) of decisions that don't hold any more."""
    items: dict[tuple[int, int | None], list[tuple[int, Decision]]] = {}
    stale: list[tuple[str, Decision]] = []
    for place, one in enumerate(found):
        if one.gone:
            what = "image" if one.image_id is None else "annotation"
            stale.append((f"the {what} is not in the index any more", one.decision))
        elif one.changed:
            stale.append(("the annotation has changed since it was judged", one.decision))
        else:
            items.setdefault((one.image_id, one.annotation_id), []).append((place, one.decision))
    return [_ruling(*item, [d for _, d in sorted(said, key=_time)]) for item, said in items.items()], stale


def _time(said: tuple[int, Decision]) -> tuple[Any, str]:
    return said[1].at, said[1].decision_id


def _ruling(image_id: int, annotation_id: int | None, said: Sequence[Decision]) -> Ruling:
    votes = Counter(decision.verdict for decision in said)
    if len(votes) > 1:
        del votes["unsure"]
    most = max(votes.values())
    leading = [verdict for verdict, count in votes.items() if count == most]
    verdict = next(d.verdict for d in reversed(said) if d.verdict in leading)
    winners = [d for d in said if d.verdict == verdict]
    chosen = _right(winners)
    verdicts = dict.fromkeys(d.verdict for d in said)
    told = [f"{v}: {', '.join(d.reviewer for d in said if d.verdict == v)}" for v in verdicts]
    why = ""
    if len(verdicts) > 1:
        why = (
            f"{most} of {len(said)} reviewers"
            if len(leading) == 1
            else "reviewers disagree evenly: the latest counts"
        )
    labels = Counter(d.label for d in winners if d.label is not None)
    if len(labels) > 1:
        named = ", ".join(f"{label} {count}" for label, count in labels.most_common())
        why = f"{why}; they name {named}".removeprefix("; ")
    return Ruling(
        image_id,
        annotation_id,
        verdict,
        ", ".join(d.reviewer for d in said) if len(verdicts) == 1 else "; ".join(told),
        why,
        chosen,
        tuple(v for v in votes if v != verdict and v in REJECTING),
        tuple(
            d
            for d in winners
            if (d.label is not None and d.label != chosen.label)
            or (d.proposal is not None and d.proposal != chosen.proposal)
        ),
    )


def _right(winners: Sequence[Decision]) -> Decision:
    """Of decisions with one verdict, in time's order, the one that is followed."""
    labels = Counter(d.label for d in winners if d.label is not None)
    if labels:
        most = max(labels.values())
        label = next(d.label for d in reversed(winners) if labels.get(d.label) == most)
        winners = [d for d in winners if d.label == label]
    proposing = [d for d in winners if d.proposal is not None]
    return (proposing or winners)[-1]


def plan(
    store: Store, con: duckdb.DuckDBPyConnection, dataset: int, decisions: Sequence[Decision], drop: bool
) -> Plan:
    """Decides what each standing decision on a dataset does to the export; `drop` is --drop rejected."""
    sql = sqlfile.statements("export/plan.sql")
    found = resolve(store, dataset, decisions)
    ruled, stale = rulings(found)
    made = Plan(not_applied=stale, rulings=ruled, decisions=len(decisions))
    ids = [ruling.annotation_id for ruling in ruled if ruling.annotation_id is not None]
    now = _present(con, sql, dataset, ids)
    joints_of = dict(con.execute(sql["joints_of"]).fetchall())
    for ruling in ruled:
        _decide(made, ruling, now, joints_of, drop)
    return made


@dataclass(frozen=True)
class _Now:
    label: str | None
    box: tuple[float | None, ...]
    skeleton: str | None
    joints: Joints


def _present(
    con: duckdb.DuckDBPyConnection, sql: Mapping[str, str], dataset: int, ids: list[int]
) -> dict[int, _Now]:
    if not ids:
        return {}
    joints: dict[int, Joints] = {}
    for annotation_id, joint, x, y, v in con.execute(
        sql["decided_joints"], {"annotations": ids, "dataset": dataset}
    ).fetchall():
        joints.setdefault(annotation_id, {})[joint] = (x, y, v)
    rows = con.execute(sql["decided"], {"annotations": ids}).fetchall()
    return {row[0]: _Now(row[1], tuple(row[2]), row[3], joints.get(row[0], {})) for row in rows}


def _decide(
    made: Plan, ruling: Ruling, now: Mapping[int, _Now], joints_of: Mapping[str, int], drop: bool
) -> None:
    verdict = ruling.verdict
    for lost in ruling.outvoted if verdict not in REJECTING else ():
        made.listed.append(("kept", f"{lost} was outvoted", ruling, "", ""))
    for other in ruling.passed_over:
        told = "another reviewer's correction of the same record is followed"
        made.listed.append(("not applied", told, ruling, other.reviewer, _said(other)))
    if verdict == "reject image" and drop:
        made.rejected_images.setdefault(ruling.image_id, ruling)
    elif verdict == "reject image":
        made.listed.append(("kept", "reject image, without --drop rejected", ruling, "", ""))
    else:
        _correct(made, ruling, now, joints_of)
        if verdict == "wrong split":
            made.listed.append(("kept", "wrong split: kpaudit resplit makes new splits", ruling, "", ""))
        elif verdict in _DROPPING:
            _reject(made, ruling, drop)


def _correct(made: Plan, ruling: Ruling, now: Mapping[int, _Now], joints_of: Mapping[str, int]) -> None:
    said = ruling.decision
    if said.label is None and said.proposal is None:
        return
    if ruling.annotation_id is None:
        why = "a correction of a whole image: it names no annotation"
    elif ruling.verdict == "unsure":
        why = "the reviewer was unsure of the correction"
    else:
        if correction := _correction(made, ruling, now[ruling.annotation_id], joints_of):
            made.corrections[ruling.annotation_id] = correction
        return
    made.listed.append(("not applied", why, ruling, "", _said(said)))


def _reject(made: Plan, ruling: Ruling, drop: bool) -> None:
    """Leaves out an annotation that is wrong while nothing says what is right, where asked for."""
    said, verdict = ruling.decision, ruling.verdict
    if ruling.annotation_id is None:
        made.listed.append(("kept", f"{verdict} of a whole image: it names no annotation", ruling, "", ""))
    elif (said.label if verdict == "bad label" else said.proposal) is not None:
        return
    elif drop:
        made.corrections.pop(ruling.annotation_id, None)
        made.rejected[ruling.annotation_id] = ruling
    else:
        made.listed.append(("kept", f"{verdict}, without --drop rejected", ruling, "", ""))


def _correction(made: Plan, ruling: Ruling, now: _Now, joints_of: Mapping[str, int]) -> Correction:
    said = ruling.decision
    proposal = said.proposal or {}
    label = said.label if said.label is not None and said.label != now.label else None
    given = proposal.get("box")
    box = tuple(float(v) for v in given) if given is not None and tuple(given) != now.box else None
    count = joints_of.get(now.skeleton, 0)
    joints: dict[int, tuple[float, float, int | None]] = {}
    beyond = []
    for name, (x, y, v) in (proposal.get("keypoints") or {}).items():
        if int(name) >= count:
            beyond.append(name)
        elif (float(x), float(y), v) != now.joints.get(int(name)):
            joints[int(name)] = (float(x), float(y), v)
    if beyond:
        told = f"joints {', '.join(beyond)} are not among the {count} of its skeleton"
        made.listed.append(("not applied", told, ruling, "", _said(said)))
    return Correction(label, box, joints)


def _said(decision: Decision) -> str:
    return json.dumps({"label": decision.label, "proposal": decision.proposal}, ensure_ascii=False)


def described(correction: Correction, now: _Now | None) -> list[tuple[str, str, str]]:
    """(reason, before, after) of each value that a correction replaces."""
    rows = []
    if correction.label is not None:
        rows.append(("label corrected", (now.label if now else None) or "", correction.label))
    if correction.box is not None:
        rows.append(
            ("box corrected", json.dumps(list(now.box) if now else None), json.dumps(list(correction.box)))
        )
    if correction.joints:
        former = {
            j: list(now.joints[j]) if now and j in now.joints else None for j in sorted(correction.joints)
        }
        after = {j: list(correction.joints[j]) for j in sorted(correction.joints)}
        rows.append(("keypoints corrected", json.dumps(former), json.dumps(after)))
    return rows


def present(con: duckdb.DuckDBPyConnection, dataset: int, ids: list[int]) -> dict[int, _Now]:
    """The values of annotations as the index has them."""
    return _present(con, sqlfile.statements("export/plan.sql"), dataset, ids)
