"""`kpaudit.toml`: which checks run, how grave they are, their parameters, and what is suppressed and why."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from queries import catalogue
from queries.errors import UsageError, did_you_mean, unknown_name

FILE_NAME = "kpaudit.toml"
FAIL_ON = ("error", "warning", "never")

_TABLES = ("audit", "checks", "suppress")
_LARGEST = float(1 << 62)

# the one that says most comes first
_SUPPRESS_BY = ("key", "image", "about", "subject", "joint", "class", "split", "check")


@dataclass(frozen=True)
class Suppression:
    """Findings that do not count: those that match all of `by`. `until` is the last day (UTC) it holds."""

    by: Mapping[str, str]
    reason: str
    date: datetime.date
    until: datetime.date | None = None

    def holds(self, today: datetime.date) -> bool:
        return self.until is None or today <= self.until

    def matches(self, finding: Mapping[str, str | None], today: datetime.date) -> bool:
        """Whether a finding (key, check, image, class, split, subject, joint) is meant, today."""
        return self.holds(today) and all(finding.get(name) == value for name, value in self.by.items())


@dataclass
class Config:
    """What holds for one dataset, the defaults of the catalogue not repeated."""

    enabled: dict[str, bool] = field(default_factory=dict)
    severity: dict[str, str] = field(default_factory=dict)
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    suppressions: list[Suppression] = field(default_factory=list)
    fail_on: str | None = None
    files: list[str] = field(default_factory=list)
    #: what there is to say of it, a sentence each
    notes: list[str] = field(default_factory=list)

    def severity_of(self, check: catalogue.Check) -> str:
        return self.severity.get(check.id, check.severity)

    def params_of(self, check: catalogue.Check) -> dict[str, Any]:
        return {**check.defaults(), **self.params.get(check.id, {})}

    def describe(self, today: datetime.date) -> dict[str, Any]:
        """What holds today, as plain values: to tell whether an audit was made with the same."""
        return {
            "enabled": self.enabled,
            "severity": self.severity,
            "params": self.params,
            "suppressions": [
                [dict(s.by), s.reason, s.date.isoformat(), s.until.isoformat() if s.until else None]
                for s in self.suppressions
                if s.holds(today)
            ],
        }

    def suppressed(
        self, findings: Iterable[Mapping[str, str | None]], today: datetime.date
    ) -> list[tuple[str, str]]:
        """(key, reason) of the findings that do not count today, by the first entry that means them."""
        # by the value that says most: thousands of entries are not each held against each finding
        meant: dict[tuple[str, str], list[tuple[int, Suppression]]] = {}
        for n, entry in enumerate(self.suppressions):
            name = next(name for name in _SUPPRESS_BY if name in entry.by)
            meant.setdefault((name, entry.by[name]), []).append((n, entry))
        found = []
        for finding in findings:
            hits = [
                (n, entry.reason)
                for name in _SUPPRESS_BY
                for n, entry in meant.get((name, finding.get(name)), ())
                if entry.matches(finding, today)
            ]
            if hits:
                found.append((finding["key"], min(hits)[1]))
        return found


def load(root: Path, workspace: Path, dataset: str, known: Iterable[str] | None = None) -> Config:
    """The configuration of a dataset: `kpaudit.toml` beside its data, then the workspace's, which wins.

    In the workspace's file `[dataset.NAME.checks.ID]` and `[[dataset.NAME.suppress]]` are of one dataset, the
    same without `dataset.NAME` of all; `known` are the names that there are. Raises UsageError, naming file
    and entry, for anything unknown.
    """
    config = Config()
    ours = workspace / FILE_NAME
    beside = (root if root.is_dir() else root.parent) / FILE_NAME
    if not root.exists():
        # the folder above is somebody else's, and so is what lies in it
        config.notes.append(f"{root} is gone, and with it the {FILE_NAME} that may have been beside the data")
    elif beside.is_file() and beside.absolute() != ours.absolute():
        data = _read(beside)
        if "dataset" in data:
            raise UsageError(
                f"{beside}: found a table 'dataset', which goes into the workspace's {ours}; beside the data "
                f"all is of that dataset, expected {', '.join(_TABLES)}"
            )
        _entries(beside, "", data, config)
        config.files.append(str(beside))
    if ours.is_file():
        data = _read(ours)
        own = _table(ours, "dataset", data.pop("dataset", {}))
        names = list(own if known is None else known)
        for name in own:
            if name not in names:
                raise UsageError(f"{ours}: dataset.{name}: {unknown_name('dataset', name, names)}")
        _entries(ours, "", data, config, (*_TABLES, "dataset"))
        if dataset in own:
            _entries(ours, f"dataset.{dataset}.", _table(ours, f"dataset.{dataset}", own[dataset]), config)
        config.files.append(str(ours))
    return config


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(f"{file} can't be read as TOML: {error}") from error


def _entries(
    file: Path, within: str, data: dict[str, Any], config: Config, tables: tuple[str, ...] = _TABLES
) -> None:
    """Takes the tables of a file, or those below `within` (`dataset.NAME.`)."""
    for name in data:
        if name not in tables:
            known = f"{did_you_mean(name, tables)}; known: {', '.join(sorted(tables))}"
            raise UsageError(f"{file}: unknown table {within + name!r}{known}")
    for check_id, entry in _table(file, f"{within}checks", data.get("checks", {})).items():
        where = f"{file}: {within}checks.{check_id}"
        _check(where, check_id, _table(file, f"{within}checks.{check_id}", entry), config)
    entries = data.get("suppress", [])
    if not isinstance(entries, list):
        kind = "a table" if isinstance(entries, dict) else repr(entries)
        raise UsageError(f"{file}: {within}suppress is {kind}, expected [[{within}suppress]] entries")
    for number, entry in enumerate(entries, 1):
        config.suppressions.append(_suppression(f"{file}: {within}suppress entry {number}", entry))
    audit = _table(file, f"{within}audit", data.get("audit", {}))
    for name in audit:
        if name != "fail_on":
            raise UsageError(f"{file}: {within}audit: {unknown_name('setting', name, ['fail_on'])}")
    fail_on = audit.get("fail_on")
    if fail_on is not None:
        if fail_on not in FAIL_ON:
            near = did_you_mean(fail_on, FAIL_ON) if isinstance(fail_on, str) else ""
            known = ", ".join(FAIL_ON)
            raise UsageError(f"{file}: {within}audit.fail_on is {fail_on!r}{near}, expected {known}")
        config.fail_on = fail_on


def _table(file: Path, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{file}: {name} is {value!r}, expected a table")
    return value


def _check(where: str, check_id: str, entry: dict[str, Any], config: Config) -> None:
    try:
        check = catalogue.named(check_id)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error
    for name, value in entry.items():
        if name == "enabled":
            if not isinstance(value, bool):
                raise UsageError(f"{where}.enabled is {value!r}, expected true or false")
            config.enabled[check_id] = value
        elif name == "severity":
            if value not in catalogue.SEVERITIES:
                near = did_you_mean(value, catalogue.SEVERITIES) if isinstance(value, str) else ""
                known = ", ".join(catalogue.SEVERITIES)
                raise UsageError(f"{where}.severity is {value!r}{near}, expected one of {known}")
            config.severity[check_id] = value
        elif name in check.params:
            expected = _unfit(value, check.params[name].default)
            if expected is not None:
                raise UsageError(f"{where}.{name} is {value!r}, expected {expected}")
            config.params.setdefault(check_id, {})[name] = value
        else:
            known = ["enabled", "severity", *check.params]
            raise UsageError(f"{where}: {unknown_name('setting', name, known)}")


def _unfit(value: Any, default: float | int | str) -> str | None:
    """What was expected instead of a parameter's value; None where it is fit."""
    if isinstance(default, str):
        return None if isinstance(value, str) else "a word"
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        return "a number"
    if not abs(value) < _LARGEST:  # NaN is not either
        return "a finite number"
    return "a number of 0 or more" if value < 0 <= default else None


def _suppression(where: str, entry: Any) -> Suppression:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is {entry!r}, expected a table")
    known = [*_SUPPRESS_BY, "reason", "date", "until"]
    for name in entry:
        if name not in known:
            raise UsageError(f"{where}: {unknown_name('field', name, known)}")
    by = {name: entry[name] for name in _SUPPRESS_BY if name in entry}
    for name, value in by.items():
        if not isinstance(value, str) or not value:
            raise UsageError(f"{where}: {name} is {value!r}, expected text")
    if not {"key", "check"} & by.keys():
        raise UsageError(f"{where} names no finding: give key, or check (and image, class, ...), as text")
    if "check" in by and by["check"] not in catalogue.sources():
        raise UsageError(f"{where}: {unknown_name('check', by['check'], list(catalogue.sources()))}")
    reason, date, until = entry.get("reason"), entry.get("date"), entry.get("until")
    if not isinstance(reason, str) or not reason.strip():
        raise UsageError(f"{where} gives no reason")
    if not _is_date(date):
        raise UsageError(f"{where} gives no date (date = 2026-01-31)")
    if until is not None and not _is_date(until):
        raise UsageError(f"{where}: until is {until!r}, expected a date")
    return Suppression(by, reason.strip(), date, until)


def _is_date(value: Any) -> bool:
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
