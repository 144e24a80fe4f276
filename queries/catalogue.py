"""The catalogue of checks: one file a check in `checks/`, with its declaration, in SQL or in Python."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from queries import sqlfile
from queries.errors import unknown_name

#: The order in which checks are listed and reports are written.
CATEGORIES = (
    "records", "boxes", "keypoints", "anatomy", "labels", "skeleton", "demographics", "splits", "balance",
    "images",
)  # fmt: skip

SEVERITIES = ("error", "warning", "info")

#: What a check counts as looked at (`of`), in the words of reports.
UNITS = (
    "files", "records", "images", "annotations", "boxes", "united boxes", "poses", "keypoints", "bones",
    "skeletons", "classes", "subjects", "splits", "groups", "datasets",
)  # fmt: skip

_FIELD = re.compile(r"^-- (\w+)(?: (\w+))?(?: = (\S+))?: (.*)$")
_REQUIRED = ("title", "category", "severity", "of", "why", "fix")
_FIELDS = (*_REQUIRED, "needs", "uses", "budget", "counted", "judged", "unjudged")


@dataclass(frozen=True)
class Param:
    """A number (or word) that a check can be tuned by, and what it means."""

    default: float | int | str
    text: str


@dataclass(frozen=True)
class Check:
    """The declaration of a check.

    `of` is what it looks at, the denominator of its rate; `needs` what the data must have (needs.py);
    `uses` the shared tables that it reads (`checks/tables/`); `budget` how many of its findings are listed,
    the worst first, where it ranks instead of stating facts.

    What a rate is of: all of `of`; or, with `counted`, a column of the census; or, with `judged`, what a
    select of one row returns: how many could be judged, and out of how many (one number where that is the
    same). It runs after the tables of `uses` are made, and may hold `$dataset` and the check's parameters.
    Where none can be judged the check does not apply, and where some can't, a note of its run says how many;
    `unjudged` says why, as the end of that sentence, and may hold parameters, too.
    """

    id: str
    title: str
    category: str
    severity: str
    why: str
    fix: str
    of: str
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    params: Mapping[str, Param] = field(default_factory=lambda: MappingProxyType({}))
    budget: int | None = None
    counted: str | None = None
    judged: str | None = None
    unjudged: str | None = None

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES or self.severity not in SEVERITIES or self.of not in UNITS:
            raise ValueError(f"{self.id}: category {self.category}, severity {self.severity}, of {self.of}")

    def defaults(self) -> dict[str, Any]:
        return {name: param.default for name, param in self.params.items()}


@dataclass(frozen=True)
class Source:
    """A check with what runs it: SQL, or a function of the audit's context that returns findings."""

    check: Check
    sql: str | None = None
    find: Callable[..., Any] | None = None


def parse_header(text: str) -> tuple[dict[str, str], dict[str, Param]]:
    """The fields and params of a SQL file's comment header: `-- name: text`, `-- param x = 1: text`.

    A line that begins with three spaces after the dashes goes on with the one before. The header ends at
    the first line that is none of these.
    """
    fields: dict[str, str] = {}
    params: dict[str, Param] = {}
    last: tuple[str, str] | None = None
    for line in text.splitlines():
        found = _FIELD.match(line)
        if found and found[1] == "param":
            params[found[2]] = Param(_value(found[3]), found[4])
            last = ("param", found[2])
        elif found and not found[2]:
            fields[found[1]] = found[4]
            last = ("field", found[1])
        elif line.startswith("--   ") and last is not None:
            more = line[2:].strip()
            if last[0] == "field":
                fields[last[1]] += f" {more}"
            else:
                old = params[last[1]]
                params[last[1]] = Param(old.default, f"{old.text} {more}")
        else:
            break
    return fields, params


def _value(text: str) -> float | int | str:
    try:
        return json.loads(text)
    except ValueError:
        return text


def from_sql(check_id: str, text: str) -> Check:
    """The declaration in a SQL file's header, whose fields are those of `Check`, one line or more each.

    `needs` and `uses` are lists of names with spaces between them, `param x = 1: text` declares a parameter.
    Raises ValueError naming what is missing, or a field that is none.
    """
    fields, params = parse_header(text)
    if strange := sorted(fields.keys() - {*_FIELDS}):
        told = f"{', '.join(strange)} in its header, expected {', '.join(_FIELDS)}"
        raise ValueError(f"checks/{check_id}.sql: {told}")
    if missing := [name for name in _REQUIRED if name not in fields]:
        raise ValueError(f"checks/{check_id}.sql: no {', '.join(missing)} in its header")
    return Check(
        check_id,
        *(fields[name] for name in ("title", "category", "severity", "why", "fix", "of")),
        needs=tuple(fields.get("needs", "").split()),
        uses=tuple(fields.get("uses", "").split()),
        params=MappingProxyType(params),
        budget=int(fields["budget"]) if "budget" in fields else None,
        counted=fields.get("counted"),
        judged=fields.get("judged"),
        unjudged=fields.get("unjudged"),
    )


@cache
def sources() -> Mapping[str, Source]:
    """Every check by its id, in the order of the categories and then of their ids."""
    found = []
    for entry in resources.files("queries").joinpath("checks").iterdir():
        name, _, suffix = entry.name.rpartition(".")
        if suffix == "sql":
            text = sqlfile.text(f"checks/{entry.name}")
            found.append(Source(from_sql(name, text), sql=text))
        elif suffix == "py" and not name.startswith("_"):
            module = importlib.import_module(f"queries.checks.{name}")
            found.append(Source(module.CHECK, find=module.find))
    found.sort(key=lambda source: (CATEGORIES.index(source.check.category), source.check.id))
    return MappingProxyType({source.check.id: source for source in found})


def checks() -> list[Check]:
    """All checks, in the order of reports."""
    return [source.check for source in sources().values()]


def named(check_id: str) -> Check:
    """The check of that id. Raises UsageError, which lists the known ones."""
    if check_id not in sources():
        raise unknown_name("check", check_id, list(sources()))
    return sources()[check_id].check
