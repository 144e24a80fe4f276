"""An audit for people at a terminal: what is wrong, how much of it, an example of each, worst first."""

from __future__ import annotations

from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from queries.catalogue import CATEGORIES, Check
from queries.reports import CheckResult, DatasetResult, Report, by_check, with_findings

_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def summary(report: Report, out: TextIO, verbose: bool = False) -> None:
    """Each dataset with its findings by check; with `verbose` also what passed and what did not apply."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else 140)
    # the first of each check is its worst
    worst = {key: rows[0] for key, rows in by_check(report).items()}
    for i, dataset in enumerate(report.datasets):
        if i:
            console.print()
        _dataset(console, report, dataset, worst, verbose)
    console.print()
    console.print(_total(report), soft_wrap=True)


def catalogue_text(found: list[Check], out: TextIO) -> None:
    """`kpaudit checks`: every check with what it means and what to do."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else 120)
    for category in CATEGORIES:
        members = [check for check in found if check.category == category]
        if not members:
            continue
        console.print(Text(category, style="bold underline"))
        for check in members:
            console.print(Text.assemble((check.id, "bold"), "  ", (check.severity, _STYLES[check.severity])))
            grid = Table.grid(padding=(0, 2, 0, 2), pad_edge=True)
            grid.add_column(style="dim", no_wrap=True)
            grid.add_column(overflow="fold")
            grid.add_row("what", Text(check.title))
            grid.add_row("why", Text(check.why))
            grid.add_row("fix", Text(check.fix))
            needs = f", needs {', '.join(check.needs)}" if check.needs else ""
            ranked = f", lists the worst {check.budget:,}" if check.budget else ""
            grid.add_row("of", Text(f"{check.of}{needs}{ranked}"))
            for name, param in check.params.items():
                grid.add_row(name, Text(f"= {param.default}: {param.text}"))
            console.print(grid)
        console.print()


def share(value: float) -> str:
    """A share as people read it: 12 %, 0.4 %, 0.017 %, 0 %."""
    percent = value * 100
    if percent == 0:
        return "0 %"
    if percent < 0.0001:
        return "< 0.0001 %"
    if percent < 0.1:
        return f"{percent:.4f}".rstrip("0") + " %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def rate_words(check: CheckResult, interval: bool = False) -> str:
    """`3 of 560 boxes, 0.5 %`, with Wilson's interval where the records are few or `interval` asks."""
    if check.records is None:
        return ""
    rate = check.rate
    if rate is None:
        return f"{check.records:,} {check.unit}"
    text = f"{check.flagged:,} of {check.records:,} {check.unit}, {share(rate[0])}"
    if check.records >= 1000 and not interval:
        return text
    return f"{text} ({share(rate[1])} to {share(rate[2])})"


def _dataset(console: Console, report: Report, dataset: DatasetResult, worst: dict, verbose: bool) -> None:
    facts = dataset.facts
    counts = ", ".join(f"{facts[name]:,} {name}" for name in ("images", "annotations", "keypoints"))
    console.print(Text.assemble((facts["name"], "bold"), f"  ({facts['format']})  {counts}"), soft_wrap=True)
    if not dataset.checks:
        console.print(Text("  not audited since it was indexed", style="yellow"))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in with_findings(dataset):
        listed = f"{check.new:,}" + (f" of {check.findings:,}" if check.listed < check.findings else "")
        table.add_row(
            Text.assemble("  ", (f"{check.severity:8}", _STYLES[check.severity]), check.check),
            listed,
            rate_words(check),
            Text(_example(worst.get((dataset.name, check.check))), style="dim"),
        )
    console.print(table)
    statuses = ("failed", "not applicable", "off")
    rest = {status: [c for c in dataset.checks if c.status == status] for status in statuses}
    for check in rest["failed"]:
        console.print(Text(f"  failed  {check.check}: {check.reason}", style="bold red"), soft_wrap=True)
    passed = [c for c in dataset.checks if c.status == "done" and not c.new]
    line = f"  {len(passed)} checks found nothing{' new' if report.baseline else ''}"
    suppressed = sum(c.suppressed for c in dataset.checks)
    line += f", {len(rest['not applicable'])} did not apply"
    line += f", {len(rest['off'])} are off" if rest["off"] else ""
    line += f"; {suppressed:,} findings are suppressed" if suppressed else ""
    console.print(Text(line), soft_wrap=True)
    if verbose:
        for check in passed:
            console.print(Text(f"    found nothing   {check.check}  {rate_words(check)}"), soft_wrap=True)
        for status in ("not applicable", "off"):
            for check in rest[status]:
                console.print(Text(f"    {status:15} {check.check}: {check.reason}"), soft_wrap=True)
        for check in dataset.checks:
            for note in check.notes:
                console.print(Text(f"    note            {check.check}: {note}"), soft_wrap=True)


def _example(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    where = row["image"] or row["about"] or ""
    return f"{where}: {row['detail']}" if where else row["detail"]


def _total(report: Report) -> Text:
    return Text(report.verdict, style="bold red" if report.failed else "")
