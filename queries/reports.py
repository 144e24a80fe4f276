"""What the last audit found, collected once for every kind of report.

`Report.as_dict` is the documented, versioned shape of `kpaudit audit --json` (README: Reports); the other
kinds are written from the same records by report_text, report_html, report_markdown and report_ci.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from queries import catalogue, sqlfile
from queries.audit_config import FAIL_ON
from queries.catalogue import SEVERITIES
from queries.errors import UsageError
from queries.printing import plain
from queries.statistics import wilson
from queries.store import Store

#: Goes up when a name in the shape changes or goes; new names may come without.
REPORT_VERSION = 1

#: The fields of a finding in a report, in order.
FINDING_FIELDS = (
    "key", "check", "severity", "dataset", "split", "image", "file", "source", "subject", "annotation",
    "annotation_id", "label", "joint", "joint_name", "about", "score", "detail", "evidence", "suppressed",
)  # fmt: skip


@dataclass(frozen=True)
class CheckResult:
    """How one check went on one dataset, as check_run has it, and how many of its findings count."""

    check: str
    title: str
    category: str
    severity: str
    status: str
    reason: str | None
    findings: int
    listed: int
    suppressed: int
    #: listed, not suppressed, and not in the baseline
    new: int
    records: int | None
    unit: str
    flagged: int
    seconds: float
    params: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def rate(self) -> tuple[float, float, float] | None:
        """(share of records flagged, Wilson's 95 % interval of it); None where they can't be counted."""
        if self.status != "done" or not self.records or self.flagged > self.records:
            return None
        if self.findings and not self.flagged:
            return None  # they are of something else than what was counted: 0 % would be wrong
        low, high = wilson(self.flagged, self.records)
        return self.flagged / self.records, float(low), float(high)


@dataclass(frozen=True)
class DatasetResult:
    """One dataset: what it holds, and how each check went, in the catalogue's order."""

    facts: Mapping[str, Any]
    checks: tuple[CheckResult, ...]

    @property
    def name(self) -> str:
        return self.facts["name"]

    def count(self, severity: str) -> int:
        """New findings of a severity that are not suppressed."""
        return sum(c.new for c in self.checks if c.severity == severity)


@dataclass(frozen=True)
class Report:
    """An audit's result. `fail_on` is by dataset; `baseline` the file whose findings are not new."""

    datasets: tuple[DatasetResult, ...]
    findings: tuple[dict[str, Any], ...]
    fail_on: Mapping[str, str]
    made_at: datetime.datetime
    baseline: str | None = None
    baseline_keys: frozenset[str] = field(default_factory=frozenset, repr=False)

    def count(self, severity: str) -> int:
        return sum(dataset.count(severity) for dataset in self.datasets)

    @property
    def suppressed(self) -> int:
        return sum(check.suppressed for dataset in self.datasets for check in dataset.checks)

    @property
    def failures(self) -> list[tuple[str, CheckResult]]:
        """(dataset, check) of checks that could not run."""
        return [(d.name, c) for d in self.datasets for c in d.checks if c.status == "failed"]

    @property
    def failed(self) -> bool:
        """Whether anything counts at or above the dataset's fail_on; a check that broke is no pass."""
        return any(self.fails(dataset) for dataset in self.datasets)

    @property
    def verdict(self) -> str:
        """`fails at --fail-on error: 2 errors, 1 warning`, for people, in one line."""
        counts = [number(self.count(name), name) for name in SEVERITIES]
        levels = [name for name in FAIL_ON if name in {self.fail_on[d.name] for d in self.datasets}]
        said = f"{'fails' if self.failed else 'passes'} at --fail-on {' / '.join(levels) or 'error'}"
        new = " that the baseline has not" if self.baseline else ""
        broke = f"; {number(len(self.failures), 'check')} failed to run" if self.failures else ""
        return f"{said}: {', '.join(counts)}{new}{broke}"

    def fails(self, dataset: DatasetResult) -> bool:
        """Whether this dataset makes the audit fail."""
        level = self.fail_on[dataset.name]
        broke = level != "never" and any(check.status == "failed" for check in dataset.checks)
        return broke or any(check.new and is_grave(check.severity, level) for check in dataset.checks)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values: what `--json` writes."""
        return {
            "report": REPORT_VERSION,
            "tool": {"name": "kpaudit", "version": version()},
            "made_at": self.made_at.isoformat(timespec="seconds") + "Z",
            "baseline": self.baseline,
            "failed": self.failed,
            "counts": {**{name: self.count(name) for name in SEVERITIES}, "suppressed": self.suppressed},
            "datasets": [_dataset_dict(d, self.fail_on[d.name]) for d in self.datasets],
            "findings": [{name: plain(row[name]) for name in FINDING_FIELDS} for row in self.findings],
        }


def version() -> str:
    """kpaudit's own version."""
    return metadata.version("kpaudit")


def collect(
    store: Store,
    fail_on: Mapping[str, str],
    datasets: Iterable[str] | None = None,
    checks: Iterable[str] | None = None,
    baseline: Path | None = None,
    limit: int | None = None,
) -> Report:
    """The results of the last audit of the datasets (all, or those named), worst findings first.

    `checks` limits the report to these; with `baseline`, a former `--json` report, only findings that are
    not in it are listed. Raises UsageError for a baseline that is none.
    """
    names = set(datasets) if datasets is not None else None
    wanted = [d["dataset_id"] for d in store.datasets if names is None or d["name"] in names]
    chosen = list(checks) if checks is not None else None
    known = read_baseline(baseline) if baseline is not None else []
    sql, cursor = sqlfile.statements("report.sql"), store.cursor()
    results = []
    for facts in _rows(cursor, sql["datasets"], datasets=wanted):
        rows = _rows(cursor, sql["checks"], dataset=facts["dataset_id"], checks=chosen, baseline=known)
        order = {check.id: n for n, check in enumerate(catalogue.checks())}
        rows.sort(key=lambda row: order.get(row["check_id"], len(order)))
        results.append(DatasetResult(facts, tuple(_check_result(row) for row in rows)))
    findings = _rows(
        cursor, sql["findings"],
        datasets=wanted, checks=chosen, baseline=known, suppressed=False, limit=limit or 1 << 62,
    )  # fmt: skip
    for row in findings:
        row["evidence"] = json.loads(row["evidence"]) if row["evidence"] else None
    return Report(
        tuple(results),
        tuple(findings),
        dict(fail_on),
        datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
        str(baseline) if baseline is not None else None,
        frozenset(known),
    )


def read_baseline(file: Path) -> list[str]:
    """The keys of the findings in a report that `--json` wrote. Raises UsageError where it is none."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--baseline {file} can't be read as JSON: {error}") from error
    found = data.get("report") if isinstance(data, dict) else type(data).__name__
    if found != REPORT_VERSION or not isinstance(data.get("findings"), list):
        raise UsageError(
            f"--baseline {file} is no report that `kpaudit audit --json` wrote: expected report "
            f"{REPORT_VERSION} with findings, found {found!r}"
        )
    try:
        return [str(row["key"]) for row in data["findings"]]
    except (KeyError, TypeError) as error:
        raise UsageError(f"--baseline {file} has a finding without a key") from error


def is_grave(severity: str, fail_on: str) -> bool:
    """Whether a severity is at or above what an audit fails on."""
    return fail_on != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(fail_on)


def number(count: int, noun: str) -> str:
    """`1 error`, `1,204 warnings`; info has no plural."""
    return f"{count:,} {noun}{'' if count == 1 or noun == 'info' else 's'}"


def shown(text: object, limit: int = 400) -> str:
    """A dataset's text on one line: control and direction marks replaced, cut at `limit` characters."""
    seen = (c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in str(text))
    line = " ".join("".join(seen).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def place(row: Mapping[str, Any], limit: int = 80) -> list[str]:
    """Where a finding is, coarse to fine: the image or what else it is about, the annotation, the joint."""
    said = [shown(row["image"] if row["image"] is not None else row["about"] or "the dataset", limit)]
    if row["annotation"] is not None:
        given = f" (id {shown(row['annotation_id'], 40)})" if row["annotation_id"] is not None else ""
        said.append(f"annotation {row['annotation']}{given}")
    if row["joint"] is not None:
        name = f" ({shown(row['joint_name'], 40)})" if row["joint_name"] is not None else ""
        said.append(f"joint {row['joint']}{name}")
    return said


def by_check(report: Report) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The findings of each (dataset, check), worst first."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in report.findings:
        found.setdefault((row["dataset"], row["check"]), []).append(row)
    return found


def with_findings(dataset: DatasetResult) -> list[CheckResult]:
    """The dataset's checks that found something that counts, the gravest and then the most frequent first."""
    hits = (check for check in dataset.checks if check.new)
    return sorted(hits, key=lambda check: (SEVERITIES.index(check.severity), -check.new))


def _check_result(row: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        row["check_id"],
        *(row[name] for name in ("title", "category", "severity", "status", "reason", "findings", "listed")),
        *(row[name] for name in ("suppressed", "new", "records", "unit")),
        row["flagged"] or 0,
        row["seconds"],
        json.loads(row["params"] or "{}"),
        tuple(row["notes"] or ()),
    )


def _dataset_dict(dataset: DatasetResult, fail_on: str) -> dict[str, Any]:
    facts = dataset.facts
    names = ("name", "format", "root", "images", "annotations", "keypoints", "subjects", "build_id")
    at = facts["audited_at"]
    return {
        **{name: facts[name] for name in names},
        "audited_at": at.isoformat(timespec="seconds") + "Z" if at else None,
        "fail_on": fail_on,
        "counts": {name: dataset.count(name) for name in SEVERITIES},
        "checks": [_check_dict(check) for check in dataset.checks],
    }


def _check_dict(check: CheckResult) -> dict[str, Any]:
    rate = check.rate
    return {
        "id": check.check,
        **{name: getattr(check, name) for name in (
            "title", "category", "severity", "status", "reason", "findings", "listed", "suppressed", "new",
            "records", "unit", "flagged",
        )},
        "rate": {"share": rate[0], "low": rate[1], "high": rate[2]} if rate else None,
        "seconds": round(check.seconds, 4),
        "params": plain(check.params),
        "notes": list(check.notes),
    }  # fmt: skip


def _rows(cursor: Any, sql: str, **params: Any) -> list[dict[str, Any]]:
    cursor.execute(sql, params)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
