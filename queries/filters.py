"""The filters that every page shares: one table that yields the query's struct, the URL and the English."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from queries.errors import UsageError

#: What the pages call a value that the source does not give; age_band and the macros say the same.
NOT_RECORDED = "not recorded"
#: The class of an annotation that has none; filters.sql and the queries of the pages say the same.
NO_CLASS = "no class"

#: In which state a joint can be asked for, in English too; NULL visibility is `recorded`, never `visible`.
JOINT_STATES = {
    "unlabelled": "unlabelled",
    "labelled": "labelled",
    "occluded": "occluded",
    "visible": "visible",
    "recorded": "given, visibility not recorded",
    "outside": "outside",
    "invalid": "with a flag other than 0, 1, 2",
    "absent": "not given at all",
}

#: Box measures in the dataset's unit that a range can be asked of, in the words of the pages.
MEASURES = {
    "width": "box width",
    "height": "box height",
    "area": "box area",
    "aspect": "width ÷ height",
    "center_x": "box centre x",
    "center_y": "box centre y",
    "per_image": "boxes per image",
    "unusable": "box without a finite, positive width and height",
}

#: `low` of what must be above zero, as the values of a logarithmic axis must: the least float that is.
ABOVE_ZERO = math.ulp(0.0)


@dataclass(frozen=True)
class _Field:
    name: str
    english: str


_LISTS = (
    _Field("splits", "split"),
    _Field("labels", "class"),
    _Field("subjects", "subject"),
    _Field("genders", "gender"),
    _Field("races", "race"),
    _Field("ages", "age"),
    _Field("findings", "finding"),
)


@dataclass(frozen=True)
class Filters:
    """What is looked at: a dataset, and for each field the values wanted, or None for all of them."""

    dataset: int
    splits: tuple[str, ...] | None = None
    labels: tuple[str, ...] | None = None
    subjects: tuple[str, ...] | None = None
    genders: tuple[str, ...] | None = None
    races: tuple[str, ...] | None = None
    ages: tuple[str, ...] | None = None
    findings: tuple[str, ...] | None = None  # ids of checks: what has a finding of one of them

    def struct(self) -> dict[str, Any]:
        """The `$f` that the macros of filters.sql take."""
        found: dict[str, Any] = {"dataset": self.dataset}
        for field in _LISTS:
            values = getattr(self, field.name)
            found[field.name] = list(values) if values is not None else None
        return found

    def to_query(self) -> dict[str, list[str]]:
        """The URL's parameters, without the dataset (which goes by name)."""
        return {f.english: list(v) for f in _LISTS if (v := getattr(self, f.name)) is not None}

    @classmethod
    def from_query(cls, dataset: int, params: Mapping[str, list[str]]) -> Filters:
        """Reads `to_query`'s parameters back; unknown parameters are other people's and left alone."""
        found = {}
        for field in _LISTS:
            values = tuple(dict.fromkeys(value for value in params.get(field.english, []) if value))
            if values:
                found[field.name] = values
        return cls(dataset, **found)

    def words(self) -> str:
        """The filters in English: `split val, class call or like`; empty where nothing is filtered."""
        parts = []
        for field in _LISTS:
            values = getattr(self, field.name)
            if values is not None:
                parts.append(f"{field.english} {' or '.join(values) or 'none'}")
        return ", ".join(parts)

    def with_(self, **changes: Any) -> Filters:
        """A copy with some fields replaced."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Narrow:
    """What a click asked the viewer for, on top of the filters: the door behind one number.

    `joint` is a name of the skeleton's and goes with `state` (JOINT_STATES); `measure` (MEASURES) with
    `low <= value < high` in the dataset's unit; `problem` is a problem's kind; `leak` asks for the images
    of subjects that are in more than one split; `file` is a source file's path.
    """

    joint: str | None = None
    state: str | None = None
    measure: str | None = None
    low: float | None = None
    high: float | None = None
    problem: str | None = None
    leak: bool | None = None
    file: str | None = None

    def struct(self) -> dict[str, Any]:
        """The `$n` that the macros of filters.sql take."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def to_query(self) -> dict[str, list[str]]:
        """The URL's parameters."""
        found = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                found[field.name] = [repr(value) if isinstance(value, float) else str(value)]
        return found

    @classmethod
    def from_query(cls, params: Mapping[str, list[str]]) -> Narrow:
        """Reads `to_query`'s parameters back. Raises UsageError for a value that is none of the allowed."""
        given = {f.name: params[f.name][0] for f in fields(cls) if params.get(f.name)}
        for name, allowed in (("state", tuple(JOINT_STATES)), ("measure", tuple(MEASURES))):
            if name in given and given[name] not in allowed:
                raise UsageError(f"{name} is {given[name]!r}, expected one of {', '.join(allowed)}")
        found: dict[str, Any] = dict(given)
        for name in ("low", "high"):
            if name in given:
                found[name] = _number(name, given[name])
        if "leak" in given:
            found["leak"] = given["leak"] == "True"
        return cls(**found)

    def words(self) -> str:
        """What is asked for in English; empty where nothing is."""
        parts = []
        if self.joint is not None:
            parts.append(f"joint {self.joint} {JOINT_STATES.get(self.state or '', '')}".strip())
        elif self.state is not None:
            parts.append(f"any joint {JOINT_STATES.get(self.state, self.state)}")
        if self.measure == "unusable":
            parts.append(MEASURES[self.measure])
        elif self.measure is not None:
            low = "" if self.low is None else "0 < " if self.low == ABOVE_ZERO else f"{self.low:g} ≤ "
            high = "" if self.high is None else f" < {self.high:g}"
            parts.append(f"{low}{MEASURES[self.measure]}{high}")
        if self.problem is not None:
            parts.append(f"problem {self.problem}")
        if self.leak:
            parts.append("subjects in more than one split")
        if self.file is not None:
            parts.append(f"file {self.file}")
        return ", ".join(parts)


def _number(name: str, value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        raise UsageError(f"{name} is {value!r}, expected a number")
    return number
