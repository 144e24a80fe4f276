"""An audit as Markdown for a comment on a pull request: short, and never too long for one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from queries.catalogue import SEVERITIES, Check
from queries.report_words import agreed_words, number, place, quiet_words, rate_words, sentence, shown
from queries.reports import CheckResult, DatasetResult, Report, by_check, version, with_findings

#: GitHub takes 65,536 characters; the rest is for what a CI job puts around it.
MOST_CHARACTERS = 60_000
#: Worst findings that are shown of each check.
EXAMPLES = 5
# Kept free for the sentence that says what was cut, and the last lines.
_RESERVE = 600

_JOINER = "&#8288;"  # no width: a mention or a link that a dataset's text spells is none with it
_MARKUP = re.compile(r"[&<>\\`*_\[\]|~#]")
_LINKS = re.compile(r"(?i)@|:(?=//)|www(?=\.)|\bgh(?=-\d)|:(?=[\w+-]+:)")


def text(value: object, limit: int = 300) -> str:
    """A dataset's text as Markdown shows it literally: no tag, cell, emphasis, mention, link or emoji."""
    safe = _LINKS.sub(lambda found: f"{found[0]}\0", shown(value, limit))
    safe = _MARKUP.sub(lambda found: f"&#{ord(found[0])};", safe)
    # a number after # would be an issue's
    return safe.replace("\0", _JOINER).replace("&#35;", f"&#35;{_JOINER}")


def write(report: Report) -> Iterator[str]:
    """The comment, under MOST_CHARACTERS; what does not fit is left out and said."""
    yield from _fitted(_blocks(report), MOST_CHARACTERS)


def checks_table(checks: Iterable[Check]) -> str:
    """The catalogue as a table, for the README."""
    lines = ["| check | severity | what it finds |", "| --- | --- | --- |"]
    lines += [f"| `{check.id}` | {check.severity} | {cell(check.title)} |" for check in checks]
    return "\n".join(lines)


def cell(value: str) -> str:
    """kpaudit's own words in a table's cell."""
    return value.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def _fitted(blocks: Iterable[tuple[str, str]], most: int) -> Iterator[str]:
    """Blocks (what it is, its text) as long as they fit; a sentence names how many of which did not."""
    length, cut = 0, {}
    for what, block in blocks:
        if length + len(block) > most - _RESERVE and what != "foot":
            cut[what] = cut.get(what, 0) + 1
            continue
        if what == "foot" and cut:
            said = ", ".join(number(count, name) for name, count in cut.items())
            sentence = f"\n_Cut to fit a comment: {said}. `--html` and `--json` have all of them._\n"
            length += len(sentence)
            yield sentence
        length += len(block)
        yield block


def _blocks(report: Report) -> Iterator[tuple[str, str]]:
    said, _, counts = report.verdict.partition(":")
    yield "head", f"## kpaudit: {said}\n\n{counts.strip()}\n"
    for note in (*report.notes, *(f"{file}: {why}" for file, why in report.unread)):
        yield "note", f"\n> {text(note, 600)}\n"
    if len(report.datasets) > 1:
        yield "head", "\n" + _totals(report)
    rows = by_check(report)
    audited = [(dataset, with_findings(dataset)) for dataset in report.gravest_first]
    for dataset, hits in audited:
        failed = [check for check in dataset.checks if check.status == "failed"]
        if hits or failed or not dataset.checks:
            yield "dataset's table", _table(report, dataset, hits, failed)
    for dataset, hits in audited:
        for check in hits:
            yield "check's examples", _examples(dataset, check, rows.get((dataset.name, check.check), []))
    # silence has several reasons: each dataset without findings that count says which are its own
    quiet = [dataset for dataset, hits in audited if dataset.checks and not hits]
    for dataset in quiet:
        told = quiet_words(dataset.checks, report.not_asked)
        yield "dataset without findings", f"\n**{text(dataset.name, 60)}**: {told}.\n"
    yield "foot", f"\n<sub>kpaudit {version()}, {report.made_at:%Y-%m-%d %H:%M} UTC</sub>\n"


def _totals(report: Report) -> str:
    lines = [f"| dataset | images | annotations | {' | '.join(SEVERITIES)} | suppressed |"]
    lines.append("| --- |" + " ---: |" * (3 + len(SEVERITIES)))
    # a table of hundreds of datasets would be all that fits
    for dataset in report.gravest_first[:60]:
        counts = " | ".join(f"{dataset.count(name):,}" for name in SEVERITIES)
        hidden = sum(check.suppressed for check in dataset.checks)
        lines.append(
            f"| {text(dataset.name, 60)} | {dataset.facts['images']:,} | {dataset.facts['annotations']:,} | "
            f"{counts} | {hidden:,} |"
        )
    if len(report.datasets) > 60:
        lines.append(f"| and {len(report.datasets) - 60:,} more |")
    return "\n".join(lines) + "\n"


def _table(report: Report, dataset: DatasetResult, hits: list[CheckResult], failed: list[CheckResult]) -> str:
    verdict = "fails" if report.fails(dataset) else "passes"
    lines = [f"\n### {text(dataset.name, 120)}: {verdict} at {report.fail_on[dataset.name]}\n"]
    if not dataset.checks:
        lines.append("Not audited since it was indexed.")
    # only where there is anything in it
    reviewed = any(check.agreed for check in hits)
    more, rule = (" reviewers agreed |", " --- |") if reviewed else ("", "")
    if hits:
        lines.append(f"| check | severity | findings | of |{more} what |")
        lines.append(f"| --- | --- | ---: | --- |{rule} --- |")
    for check in hits:
        listed = f"{check.new:,}"
        listed += f" (the worst of {check.findings:,})" if check.listed < check.findings else ""
        rate, title = text(rate_words(check)), text(check.title)
        agreed = f" {agreed_words(check)} |" if reviewed else ""
        lines.append(f"| `{check.check}` | {check.severity} | {listed} | {rate} |{agreed} {title} |")
    if failed:
        lines.append("")
        lines += [f"- **failed to run**: `{check.check}`: {text(check.reason)}" for check in failed]
    return "\n".join(lines) + "\n"


def _examples(dataset: DatasetResult, check: CheckResult, rows: list[dict[str, Any]]) -> str:
    examples = rows[:EXAMPLES]
    title = f"<b>{escape(check.check)}</b> in {text(dataset.name, 60)}: {number(check.new, 'finding')}"
    lines = [f"\n<details><summary>{title}</summary>\n", f"{text(check.title)}\n"]
    for row in examples:
        facts = ", ".join(text(fact, 60) for fact in (row["label"], row["split"]) if fact is not None)
        where = " · ".join(text(part) for part in place(row))
        lines.append(f"- **{where}**{f' ({facts})' if facts else ''}: {text(sentence(row))}")
    if check.new > len(examples):
        lines.append(f"- and {check.new - len(examples):,} more")
    return "\n".join(lines) + "\n\n</details>\n"
