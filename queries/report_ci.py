"""An audit for what runs in CI: JUnit XML for test views, SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from queries import catalogue
from queries.printing import plain
from queries.report_text import rate_words
from queries.reports import (
    CheckResult,
    DatasetResult,
    Report,
    by_check,
    is_grave,
    number,
    place,
    shown,
    version,
)

#: Details in the text of a JUnit failure.
MOST_DETAILS = 50
#: GitHub refuses a SARIF run with more results.
MOST_RESULTS = 25_000

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_LINE = re.compile(r"\bline (\d{1,9})\b")

# What XML 1.0 can't hold, escaped or not.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(report: Report) -> Iterator[str]:
    """JUnit XML: a suite a dataset, a case a check.

    A case fails where the check's findings are at or above the dataset's fail_on; graver or not, a check
    that could not run is an error, and one that did not apply or is off is skipped, with the reason.
    """
    rows = by_check(report)
    suites = [(dataset, _counts(report, dataset)) for dataset in report.datasets]
    # the schemas have no `skipped` for all suites together
    names = ("tests", "failures", "errors")
    total = {name: sum(counts[name] for _, counts in suites) for name in names}
    seconds = sum(check.seconds for dataset in report.datasets for check in dataset.checks)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites{_attributes(name='kpaudit', **total, time=f'{seconds:.3f}')}>\n"
    for dataset, counts in suites:
        took = f"{sum(check.seconds for check in dataset.checks):.3f}"
        at = (dataset.facts["audited_at"] or report.made_at).isoformat(timespec="seconds")
        yield f"  <testsuite{_attributes(name=dataset.name, **counts, time=took, timestamp=at)}>\n"
        yield "    <properties>\n"
        for name in ("format", "root", "images", "annotations", "keypoints"):
            yield f"      <property{_attributes(name=name, value=dataset.facts[name])}/>\n"
        yield f"      <property{_attributes(name='fail_on', value=report.fail_on[dataset.name])}/>\n"
        yield "    </properties>\n"
        for check in dataset.checks:
            yield from _case(report, dataset, check, rows.get((dataset.name, check.check), []))
        yield "  </testsuite>\n"
    yield "</testsuites>\n"


def _counts(report: Report, dataset: DatasetResult) -> dict[str, int]:
    level = report.fail_on[dataset.name]
    return {
        "tests": len(dataset.checks),
        "failures": sum(bool(c.new) and is_grave(c.severity, level) for c in dataset.checks),
        "errors": sum(c.status == "failed" for c in dataset.checks),
        "skipped": sum(c.status in ("not applicable", "off") for c in dataset.checks),
    }


def _case(
    report: Report, dataset: DatasetResult, check: CheckResult, rows: list[dict[str, Any]]
) -> Iterator[str]:
    named = _attributes(
        name=check.check, classname=f"kpaudit.{dataset.name}.{check.category}", time=f"{check.seconds:.3f}"
    )
    yield f"    <testcase{named}>\n"
    if check.status == "failed":
        yield f"      <error{_attributes(message=check.reason, type='failed to run')}/>\n"
    elif check.status != "done":
        yield f"      <skipped{_attributes(message=f'{check.status}: {check.reason}')}/>\n"
    elif check.new:
        said = f"{check.title}: {number(check.new, check.severity)}"
        said += " that the baseline has not" if report.baseline else ""
        rate = rate_words(check, interval=True)
        said += f" ({rate})" if rate else ""
        details = "\n".join(_lines(check, rows))
        if is_grave(check.severity, report.fail_on[dataset.name]):
            message = _attributes(message=said, type=check.severity)
            yield f"      <failure{message}>{_xml(details)}</failure>\n"
        else:
            yield f"      <system-out>{_xml(said)}\n{_xml(details)}</system-out>\n"
    yield "    </testcase>\n"


def _lines(check: CheckResult, rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows[:MOST_DETAILS]:
        yield f"{', '.join(place(row, 200))}: {shown(row['detail'], 600)}"
    if check.new > MOST_DETAILS:
        yield f"... and {check.new - MOST_DETAILS:,} more"


def _xml(text: object) -> str:
    return escape(_NO_XML.sub("\ufffd", str(text)))


def _attributes(**values: object) -> str:
    clean = {name: _NO_XML.sub("\ufffd", str(value)) for name, value in values.items()}
    return "".join(f" {name}={quoteattr(value)}" for name, value in clean.items())


def sarif(report: Report) -> Iterator[str]:
    """SARIF 2.1.0, one run: a rule a check, a result a finding that is not suppressed, the worst first.

    A result's file is the annotation file, relative to the dataset's folder; with a baseline all results
    are new ones. GitHub's limit cuts the list, and `properties` of the run says so.
    """
    known = {check.check: check for dataset in report.datasets for check in dataset.checks}
    order = {check_id: n for n, check_id in enumerate(known)}
    left = max(0, len(report.findings) - MOST_RESULTS)
    run = {
        "tool": {
            "driver": {
                "name": "kpaudit",
                "version": version(),
                "informationUri": "https://github.com/kpaudit/kpaudit",
                "rules": [_rule(check) for check in known.values()],
            }
        },
        "automationDetails": {"id": "kpaudit/"},
        "originalUriBaseIds": {
            _base(dataset.name): {
                "description": {"text": f"the folder of dataset {shown(dataset.name, 200)}"}
            }
            for dataset in report.datasets
        },
        "invocations": [
            {
                "executionSuccessful": not report.failures,
                "endTimeUtc": report.made_at.isoformat(timespec="seconds") + "Z",
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": f"{dataset}: {check.check} failed to run: {check.reason}"},
                        "associatedRule": {"id": check.check, "index": order[check.check]},
                    }
                    for dataset, check in report.failures
                ],
            }
        ],
        "properties": {
            "verdict": report.verdict,
            "findings": len(report.findings),
            "left_out": left,
            **({"note": f"the worst {MOST_RESULTS:,} are given: GitHub takes no more"} if left else {}),
        },
    }
    head = json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0"}, ensure_ascii=False, indent=2)
    yield head.removesuffix("\n}") + ',\n  "runs": [\n'
    yield json.dumps(plain(run), ensure_ascii=False, indent=2).removesuffix("\n}") + ',\n  "results": ['
    for n, row in enumerate(report.findings[:MOST_RESULTS]):
        result = plain(_result(row, order, report.baseline is not None))
        yield ("," if n else "") + "\n    " + json.dumps(result, ensure_ascii=False)
    yield "\n  ]\n}\n  ]\n}\n"


def _rule(check: CheckResult) -> dict[str, Any]:
    source = catalogue.sources().get(check.check)
    rule: dict[str, Any] = {
        "id": check.check,
        "shortDescription": {"text": check.title},
        "defaultConfiguration": {"level": _LEVELS[source.check.severity if source else check.severity]},
        "properties": {"category": check.category, "tags": [check.category]},
    }
    if source is not None:
        rule["fullDescription"] = {"text": source.check.why}
        rule["help"] = {"text": source.check.fix}
    return rule


def _base(dataset: str) -> str:
    return f"dataset:{dataset}"


def _result(row: dict[str, Any], order: dict[str, int], baseline: bool) -> dict[str, Any]:
    names = ("dataset", "split", "image", "file", "subject", "label", "about", "score", "evidence")
    evidence = row["evidence"] if isinstance(row["evidence"], dict) else {}
    file = row["source"] or (evidence.get("file") if isinstance(evidence.get("file"), str) else None)
    # of the dataset as a whole: its folder
    uri = quote(file.encode("utf-8", "surrogatepass"), safe="/") if file else "."
    line = _LINE.search(str(evidence.get("locator", "")))
    return {
        "ruleId": row["check"],
        "ruleIndex": order[row["check"]],
        "level": _LEVELS[row["severity"]],
        "message": {"text": f"{', '.join(place(row, 200))}: {shown(row['detail'], 1000)}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": uri, "uriBaseId": _base(row["dataset"])},
                    # GitHub shows no result without one
                    "region": {"startLine": max(1, int(line[1])) if line else 1},
                },
                "logicalLocations": _logical(row),
            }
        ],
        "partialFingerprints": {"kpauditKey/v1": row["key"]},
        "rank": round(100 * row["score"], 2),
        **({"baselineState": "new"} if baseline else {}),
        "properties": {name: row[name] for name in names if row[name] is not None},
    }


def _logical(row: dict[str, Any]) -> list[dict[str, str]]:
    """Dataset, image, annotation and joint, each with the ones above it in its full name."""
    parts = [("dataset", row["dataset"]), ("image", row["image"])]
    parts += [("annotation", None if row["annotation"] is None else str(row["annotation"]))]
    parts += [("joint", None if row["joint"] is None else row["joint_name"] or str(row["joint"]))]
    found, path = [], []
    for kind, name in parts:
        if name is not None:
            path.append(str(name))
            found.append({"name": str(name), "fullyQualifiedName": "/".join(path), "kind": kind})
    return found
