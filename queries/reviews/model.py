"""What a reviewer decides, as a record that outlives every index; standard library only."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from queries.errors import KpauditError

VERDICTS = ("good", "bad label", "bad box", "bad keypoints", "wrong split", "reject image", "unsure")

#: Verdicts that say that the record is wrong as it stands.
REJECTING = ("bad label", "bad box", "bad keypoints", "wrong split", "reject image")

MAX_TEXT = 10_000
_MAX_ID = 64
_FARTHEST = 1e12  # no coordinate of any image
_JOINT = re.compile("0|[1-9][0-9]{0,4}")
_MAX_JOINT = 2**15  # the index's keypoint.joint is a smallint


class ReviewError(KpauditError):
    """A decision can't be stored or read; the message says why in one sentence."""


@dataclass(frozen=True)
class Item:
    """What is judged: an image, or one of its annotations by its own id (else by kind and ordinal)."""

    dataset: str
    split: str
    image_key: str
    annotation: str | None = None


@dataclass(frozen=True)
class Decision:
    """One entry of the ledger. Nothing is ever changed or taken out: undoing is an entry of its own.

    `digest` is the annotation's at that moment: another one now says that the record has changed since.
    `joints` are the indices at fault, `label` the right class where known. `proposal` holds corrected values
    in the dataset's unit: {"box": [x, y, w, h], "keypoints": {"8": [x, y, visibility]}}. `undoes` is the
    decision that this one takes back; its verdict is then empty.
    """

    item: Item
    reviewer: str
    verdict: str
    finding_key: str | None = None
    check_id: str | None = None
    joints: tuple[int, ...] = ()
    label: str | None = None
    proposal: Mapping[str, Any] | None = None
    comment: str = ""
    digest: int | None = None
    undoes: str | None = None
    decision_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    at: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))

    def to_json(self) -> str:
        """One line of JSON, which `from_json` reads back."""
        return json.dumps(
            {
                "decision_id": self.decision_id,
                "at": self.at.astimezone(datetime.UTC).isoformat(),
                "reviewer": self.reviewer,
                "dataset": self.item.dataset,
                "split": self.item.split,
                "image_key": self.item.image_key,
                "annotation": self.item.annotation,
                "finding_key": self.finding_key,
                "check_id": self.check_id,
                "verdict": self.verdict,
                "joints": list(self.joints),
                "label": self.label,
                "proposal": self.proposal,
                "comment": self.comment,
                "digest": self.digest,
                "undoes": self.undoes,
            },
            ensure_ascii=False,
        )


def checked(decision: Decision) -> Decision:
    """The decision, or ReviewError in one sentence that says what of it can't be."""
    d = decision
    _check_texts(d)
    if d.undoes is None and d.verdict not in VERDICTS:
        raise ReviewError(f"the verdict is {d.verdict!r}, expected one of {', '.join(VERDICTS)}")
    if d.undoes is not None and d.verdict:
        raise ReviewError("an entry that takes another back has no verdict of its own")
    if any(not _whole(joint) or not 0 <= joint < _MAX_JOINT for joint in d.joints):
        raise ReviewError(f"joints are {_shown(list(d.joints))}, expected numbers from 0")
    if d.digest is not None and not (_whole(d.digest) and -(2**63) <= d.digest < 2**63):
        raise ReviewError(f"the digest is {_shown(d.digest)}, expected a whole number of 64 bits")
    if d.at.tzinfo is None:
        raise ReviewError("the time has no zone")
    try:
        at = d.at.astimezone(datetime.UTC)
    except OverflowError:
        raise ReviewError(f"the time is {d.at.isoformat()}, which is none in UTC") from None
    if d.proposal is not None:
        _check_proposal(d.proposal)
    return replace(d, reviewer=d.reviewer.strip(), at=at)


def _check_texts(d: Decision) -> None:
    """Every text as each store can hold it: SQLite takes anything, PostgreSQL refuses a whole batch."""
    needed = {"reviewer": d.reviewer, "dataset": d.item.dataset, "image_key": d.item.image_key,
              "decision_id": d.decision_id}  # fmt: skip
    for name, value in needed.items():
        if not isinstance(value, str) or not value.strip():
            empty = value is None or (isinstance(value, str) and not value.strip())
            raise ReviewError(f"{name} is {'empty' if empty else _shown(value)}, expected a name")
    texts = {"reviewer": d.reviewer, "dataset": d.item.dataset, "split": d.item.split, "comment": d.comment,
             "image_key": d.item.image_key, "verdict": d.verdict, "decision_id": d.decision_id}  # fmt: skip
    perhaps = {"annotation": d.item.annotation, "finding_key": d.finding_key, "check_id": d.check_id,
               "label": d.label, "undoes": d.undoes}  # fmt: skip
    texts |= {name: value for name, value in perhaps.items() if value is not None}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise ReviewError(f"{name} is {_shown(value)}, expected text")
        longest = _MAX_ID if name in ("decision_id", "undoes", "finding_key") else MAX_TEXT
        if len(value) > longest or "\x00" in value:
            raise ReviewError(f"{name} is longer than {longest:,} characters or holds a NUL")
        if any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ReviewError(f"{name} holds half of a character (a lone surrogate)")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _check_proposal(proposal: Mapping[str, Any]) -> None:
    if not isinstance(proposal, Mapping) or set(proposal) - {"box", "keypoints"} or not proposal:
        raise ReviewError(f"the proposal is {_shown(proposal)}, expected box and keypoints")
    box = proposal.get("box")
    if box is not None and not (_numbers(box, 4) and box[2] > 0 and box[3] > 0):
        raise ReviewError(f"the proposed box is {_shown(box)}, expected [x, y, width, height] above 0")
    joints = proposal.get("keypoints", {})
    if not isinstance(joints, Mapping):
        raise ReviewError("the proposed keypoints are no object of joint: [x, y, visibility]")
    for joint, place in joints.items():
        fits = isinstance(place, (list, tuple)) and len(place) == 3
        fits = fits and (place[2] is None or (_whole(place[2]) and place[2] in (0, 1, 2)))
        if not _JOINT.fullmatch(str(joint)) or not fits or not _numbers(place[:2], 2):
            told = f"the proposed joint {_shown(joint)} is {_shown(place)}"
            raise ReviewError(f"{told}, expected [x, y, 0, 1, 2 or null]")


def _numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, (list, tuple))
        and len(values) == count
        and all(isinstance(v, float) or _whole(v) for v in values)
        and all(abs(v) < _FARTHEST for v in values)  # NaN is not, nor are whole numbers beyond any float
    )


def from_json(text: str) -> Decision:
    """Reads a line that `to_json` wrote. Raises ReviewError for anything else."""
    try:
        data = json.loads(text)
        return checked(
            Decision(
                Item(data["dataset"], data["split"], data["image_key"], data.get("annotation")),
                data["reviewer"],
                data["verdict"] or "",
                data.get("finding_key"),
                data.get("check_id"),
                tuple(data.get("joints") or ()),
                data.get("label"),
                data.get("proposal"),
                data.get("comment") or "",
                data.get("digest"),
                data.get("undoes"),
                data["decision_id"],
                datetime.datetime.fromisoformat(data["at"]),
            )
        )
    except ReviewError:
        raise
    except KeyError as error:
        raise ReviewError(f"the entry has no {error.args[0]}") from error
    except RecursionError:
        raise ReviewError("the entry is no decision: it is nested too deep") from None
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ReviewError(f"the entry is no decision: {' '.join(str(error).split())[:200]}") from error
