"""`kpaudit.toml`: which checks run, how grave they are, their parameters, and what is suppressed and why."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from queries import catalogue
from queries.errors import UsageError, unknown_name

FILE_NAME = "kpaudit.toml"
FAIL_ON = ("error", "warning", "never")

_SUPPRESS_BY = ("key", "check", "image", "class", "split", "subject", "joint", "about")


@dataclass(frozen=True)
class Suppression:
    """Findings that do not count: those that match all of `by`. It lapses after `until`."""

    by: Mapping[str, str]
    reason: str
    date: datetime.date
    until: datetime.date | None = None

    def matches(self, finding: Mapping[str, str | None], today: datetime.date) -> bool:
        """Whether a finding (key, check, image, class, split, subject, joint) is meant, today."""
        if self.until is not None and today > self.until:
            return False
        return all(finding.get(name) == value for name, value in self.by.items())


@dataclass
class Config:
    """What holds for one dataset, the defaults of the catalogue not repeated."""

    enabled: dict[str, bool] = field(default_factory=dict)
    severity: dict[str, str] = field(default_factory=dict)
    params: dict[str, dict[str, Any]] = field(default_factory=dict)
    suppressions: list[Suppression] = field(default_factory=list)
    fail_on: str | None = None
    files: list[str] = field(default_factory=list)

    def severity_of(self, check: catalogue.Check) -> str:
        return self.severity.get(check.id, check.severity)

    def params_of(self, check: catalogue.Check) -> dict[str, Any]:
        return {**check.defaults(), **self.params.get(check.id, {})}

    def describe(self) -> dict[str, Any]:
        """As plain values, to tell whether an audit was made with the same."""
        return {
            "enabled": self.enabled,
            "severity": self.severity,
            "params": self.params,
            "suppressions": [
                [dict(s.by), s.reason, s.date.isoformat(), s.until.isoformat() if s.until else None]
                for s in self.suppressions
            ],
        }


def load(root: Path, workspace: Path, dataset: str) -> Config:
    """The configuration of a dataset: `kpaudit.toml` beside its data, then the workspace's, which wins.

    In the workspace's file `[dataset.NAME.checks.ID]` and `[[dataset.NAME.suppress]]` are of one dataset, the
    same without `dataset.NAME` of all. Raises UsageError, naming file and entry, for anything unknown.
    """
    config = Config()
    beside = (root if root.is_dir() else root.parent) / FILE_NAME
    for file in (beside, workspace / FILE_NAME):
        if file.is_file():
            _read(file, config, dataset)
    return config


def _read(file: Path, config: Config, dataset: str) -> None:
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} can't be read as TOML: {error}") from error
    own = _table(file, "dataset", data.pop("dataset", {}))
    _entries(file, data, config)
    if dataset in own:
        _entries(file, _table(file, f"dataset.{dataset}", own[dataset]), config)
    config.files.append(str(file))


def _entries(file: Path, data: dict[str, Any], config: Config) -> None:
    for name in data:
        if name not in ("checks", "suppress", "audit"):
            raise UsageError(f"{file}: unknown table {name!r}; known: audit, checks, dataset, suppress")
    for check_id, entry in _table(file, "checks", data.get("checks", {})).items():
        _check(file, check_id, _table(file, f"checks.{check_id}", entry), config)
    entries = data.get("suppress", [])
    if not isinstance(entries, list):
        raise UsageError(f"{file}: suppress is a table, expected [[suppress]] entries")
    for number, entry in enumerate(entries, 1):
        config.suppressions.append(_suppression(f"{file}: suppress entry {number}", entry))
    fail_on = _table(file, "audit", data.get("audit", {})).get("fail_on")
    if fail_on is not None:
        if fail_on not in FAIL_ON:
            raise UsageError(f"{file}: audit.fail_on is {fail_on!r}, expected {', '.join(FAIL_ON)}")
        config.fail_on = fail_on


def _table(file: Path, name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{file}: {name} is {value!r}, expected a table")
    return value


def _check(file: Path, check_id: str, entry: dict[str, Any], config: Config) -> None:
    try:
        check = catalogue.named(check_id)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error
    for name, value in entry.items():
        if name == "enabled":
            if not isinstance(value, bool):
                raise UsageError(f"{file}: checks.{check_id}.enabled is {value!r}, expected true or false")
            config.enabled[check_id] = value
        elif name == "severity":
            if value not in catalogue.SEVERITIES:
                known = ", ".join(catalogue.SEVERITIES)
                raise UsageError(f"{file}: checks.{check_id}.severity is {value!r}, expected one of {known}")
            config.severity[check_id] = value
        elif name in check.params:
            default = check.params[name].default
            fits = isinstance(value, str) if isinstance(default, str) else isinstance(value, (int, float))
            if not fits or isinstance(value, bool):
                kind = "a word" if isinstance(default, str) else "a number"
                raise UsageError(f"{file}: checks.{check_id}.{name} is {value!r}, expected {kind}")
            config.params.setdefault(check_id, {})[name] = value
        else:
            known = ["enabled", "severity", *check.params]
            raise UsageError(f"{file}: checks.{check_id}: {unknown_name('setting', name, known)}")


def _suppression(where: str, entry: Any) -> Suppression:
    if not isinstance(entry, dict):
        raise UsageError(f"{where} is {entry!r}, expected a table")
    unknown = set(entry) - {*_SUPPRESS_BY, "reason", "date", "until"}
    if unknown:
        raise UsageError(
            f"{where}: unknown {', '.join(sorted(unknown))}; known: {', '.join(_SUPPRESS_BY)}, reason, date, until"
        )
    by = {name: entry[name] for name in _SUPPRESS_BY if name in entry}
    if not {"key", "check"} & by.keys() or not all(isinstance(value, str) for value in by.values()):
        raise UsageError(f"{where} names no finding: give key, or check (and image, class, ...), as text")
    if by.get("check", "") not in ("", *catalogue.sources()):
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
