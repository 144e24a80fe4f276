"""What the last audit found, collected once for every kind of report.

`Report.as_dict` is the documented, versioned shape of `kpaudit audit --json` (README: Reports); the other
kinds are written from the same records by report_text, report_html and the others.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Any

from queries import catalogue, sqlfile
from queries.audit_config import FAIL_ON
from queries.baseline import REPORT_VERSION, Baseline
from queries.catalogue import SEVERITIES
from queries.printing import plain
from queries.report_words import number
from queries.reviews.agreement import Precision
from queries.statistics import wilson
from queries.store import Store

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
    #: what reviewers said of its findings; None where nobody judged one
    agreed: Precision | None = None

    @property
    def known(self) -> int:
        """Listed findings that count no more, as the baseline has them."""
        return max(0, self.listed - self.suppressed - self.new)

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
    """An audit's result.

    `fail_on` is by dataset; `baseline` the file whose findings are not new, `known` those of them that are
    there still, or that nothing can be said of now. `asked` are the checks that the report is limited to,
    `unread` (file, why) of indexes that can't be read, `notes` what else is to be said.
    """

    datasets: tuple[DatasetResult, ...]
    findings: tuple[dict[str, Any], ...]
    fail_on: Mapping[str, str]
    made_at: datetime.datetime
    baseline: str | None = None
    known: tuple[dict[str, Any], ...] = ()
    asked: tuple[str, ...] | None = None
    unread: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    #: found, and beyond the checks' budgets: as a baseline the report knows these too
    unlisted: tuple[dict[str, Any], ...] = ()

    @property
    def not_asked(self) -> int:
        """How many checks of the catalogue the report is not about."""
        return 0 if self.asked is None else len(set(catalogue.sources()) - set(self.asked))

    @property
    def gravest_first(self) -> list[DatasetResult]:
        """The datasets as people want to read of them; the others keep their order."""
        return sorted(
            self.datasets, key=lambda d: (not self.fails(d), *(-d.count(name) for name in SEVERITIES))
        )

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
        """Whether anything counts at or above its dataset's fail_on; what can't be judged is no pass."""
        return bool(self.unread) or any(self.fails(dataset) for dataset in self.datasets)

    @property
    def unaudited(self) -> list[str]:
        """Datasets of whose index, as it is, there is no audit."""
        return [dataset.name for dataset in self.datasets if not dataset.checks]

    @property
    def verdict(self) -> str:
        """`fails at --fail-on error: 2 errors, 1 warning`, for people, in one line."""
        counts = [number(self.count(name), name) for name in SEVERITIES]
        levels = [name for name in FAIL_ON if name in {self.fail_on[d.name] for d in self.datasets}]
        said = f"{'fails' if self.failed else 'passes'} at --fail-on {' / '.join(levels) or 'error'}"
        new = " that the baseline has not" if self.baseline else ""
        rest = f"; {number(len(self.failures), 'check')} failed to run" if self.failures else ""
        missed = len(self.unaudited) + len(self.unread)
        rest += f"; {number(missed, 'dataset')} not audited" if missed else ""
        if not any(c.status in ("done", "failed") for d in self.datasets for c in d.checks):
            rest += "; no check ran"
        return f"{said}: {', '.join(counts)}{new}{rest}"

    def fails(self, dataset: DatasetResult) -> bool:
        """Whether this dataset makes the audit fail."""
        level = self.fail_on[dataset.name]
        broke = level != "never" and (
            not dataset.checks or any(check.status == "failed" for check in dataset.checks)
        )
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
            "unreadable": [{"file": file, "reason": why} for file, why in self.unread],
            "notes": list(self.notes),
            "datasets": [_dataset_dict(d, self.fail_on[d.name]) for d in self.datasets],
            "known": list(self.known),
            "unlisted": list(self.unlisted),
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
    baseline: Baseline | None = None,
    measured: Mapping[str, Mapping[str, Precision]] | None = None,
    unread: Iterable[tuple[str, str]] = (),
    notes: Iterable[str] = (),
) -> Report:
    """The results of the last audit of the datasets (all, or those named), worst findings first.

    `checks` limits the report to these; with `baseline` only findings that are not in it are listed.
    `measured` is the checks' precision by dataset.
    """
    names = set(datasets) if datasets is not None else None
    wanted = [d["dataset_id"] for d in store.datasets if names is None or d["name"] in names]
    chosen = tuple(dict.fromkeys(checks)) if checks is not None else None
    known = list(baseline.entries) if baseline is not None else []
    sql, cursor = sqlfile.statements("report.sql"), store.cursor()
    order = {check.id: n for n, check in enumerate(catalogue.checks())}
    only = list(chosen) if chosen is not None else None
    results = []
    for facts in _rows(cursor, sql["datasets"], datasets=wanted):
        rows = _rows(cursor, sql["checks"], dataset=facts["dataset_id"], checks=only, baseline=known)
        rows.sort(key=lambda row: order.get(row["check_id"], len(order)))
        agreed = (measured or {}).get(facts["name"], {})
        results.append(
            DatasetResult(facts, tuple(_check_result(row, agreed.get(row["check_id"])) for row in rows))
        )
    findings = _rows(
        cursor, sql["findings"], datasets=wanted, checks=only, baseline=known, suppressed=False, limit=1 << 62
    )
    for row in findings:
        row["evidence"] = _evidence(row["evidence"])
    found = {row["key"] for row in _rows(cursor, sql["known"], datasets=wanted, baseline=known)}
    return Report(
        tuple(results),
        tuple(findings),
        dict(fail_on),
        datetime.datetime.now(datetime.UTC).replace(tzinfo=None),
        baseline.name if baseline is not None else None,
        tuple(_known(baseline, results, found)) if baseline is not None else (),
        chosen,
        tuple(unread),
        tuple(notes),
        tuple(_rows(cursor, sql["unlisted"], datasets=wanted, checks=only, baseline=known)),
    )


def _known(
    baseline: Baseline, results: Iterable[DatasetResult], found: set[str]
) -> Iterable[dict[str, Any]]:
    """What of a baseline is true still, so that the report may be the next: a finding that is gone is left
    out, unless its check has not been run now."""
    judged = {
        (dataset.name, check.check)
        for dataset in results
        for check in dataset.checks
        if check.status == "done"
    }
    for key, (check_id, dataset) in baseline.entries.items():
        if key in found or (dataset is not None and (dataset, check_id) not in judged):
            yield {"key": key, "check": check_id, "dataset": dataset}


def _evidence(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:  # a number of more digits than Python reads
        return None


def is_grave(severity: str, fail_on: str) -> bool:
    """Whether a severity is at or above what an audit fails on."""
    return fail_on != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(fail_on)


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


def _check_result(row: Mapping[str, Any], agreed: Precision | None) -> CheckResult:
    return CheckResult(
        row["check_id"],
        *(row[name] for name in ("title", "category", "severity", "status", "reason", "findings", "listed")),
        *(row[name] for name in ("suppressed", "new", "records", "unit")),
        row["flagged"] or 0,
        row["seconds"],
        json.loads(row["params"] or "{}"),
        tuple(row["notes"] or ()),
        agreed,
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
        "agreed": _agreed_dict(check.agreed),
    }  # fmt: skip


def _agreed_dict(found: Precision | None) -> dict[str, Any] | None:
    if found is None:
        return None
    numbers = {name: value for name, value in asdict(found).items() if name != "check_id"}
    return {**numbers, "share": found.share}


def _rows(cursor: Any, sql: str, **params: Any) -> list[dict[str, Any]]:
    cursor.execute(sql, params)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
