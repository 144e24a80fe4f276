"""An audit for test views in CI: JUnit XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from queries.report_words import number, place, rate_words, sentence, shown
from queries.reports import CheckResult, DatasetResult, Report, by_check, is_grave

#: Details in the text of a JUnit failure.
MOST_DETAILS = 50
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
    # what no check could look at is no pass: an error of its own
    unread = list(report.unread)
    unread += [(shown(name), "not audited since it was indexed") for name in report.unaudited]
    total = {name: count + (len(unread) if name != "failures" else 0) for name, count in total.items()}
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
    if unread:
        count = len(unread)
        yield f"  <testsuite{_attributes(name='not audited', tests=count, failures=0, errors=count)}>\n"
        for name, why in unread:
            yield f"    <testcase{_attributes(name=name, classname='kpaudit', time='0.000')}>\n"
            yield f"      <error{_attributes(message=why, type='not audited')}/>\n    </testcase>\n"
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
        yield f"{', '.join(place(row, 200))}: {sentence(row, 600)}"
    if check.new > MOST_DETAILS:
        yield f"... and {check.new - MOST_DETAILS:,} more"


def _xml(text: object) -> str:
    return escape(_NO_XML.sub("\ufffd", str(text)))


def _attributes(**values: object) -> str:
    clean = {name: _NO_XML.sub("\ufffd", str(value)) for name, value in values.items()}
    return "".join(f" {name}={quoteattr(value)}" for name, value in clean.items())
