"""An audit for people at a terminal: what is wrong, how much of it, an example of each, worst first."""

from __future__ import annotations

from typing import Any, TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from queries.catalogue import CATEGORIES, Check
from queries.report_words import agreed_words, number, place, quiet_words, rate_words, sentence, shown, state
from queries.reports import DatasetResult, Report, by_check, with_findings

_STATES = {"nothing": "found nothing", "known": "nothing new"}
_STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def summary(report: Report, out: TextIO, verbose: bool = False) -> None:
    """Each dataset with its findings by check; with `verbose` also what passed and what did not apply."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else 140)
    # the first of each check is its worst
    worst = {key: rows[0] for key, rows in by_check(report).items()}
    for i, dataset in enumerate(report.gravest_first):
        if i:
            console.print()
        _dataset(console, report, dataset, worst, verbose)
    console.print()
    for note in report.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True)
    for file, why in report.unread:
        console.print(Text(f"{file}: {why}", style="bold red"), soft_wrap=True)
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


def _dataset(console: Console, report: Report, dataset: DatasetResult, worst: dict, verbose: bool) -> None:
    facts = dataset.facts
    names = ("images", "annotations", "keypoints")
    counts = ", ".join(number(facts[name], name.removesuffix("s")) for name in names)
    head = Text.assemble((shown(facts["name"]), "bold"), f"  ({facts['format']})  {counts}")
    console.print(head, soft_wrap=True)
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
    for check in dataset.checks:
        if check.status == "failed":
            told = f"  failed  {check.check}: {check.reason}"
            console.print(Text(told, style="bold red"), soft_wrap=True)
    rest = [check for check in dataset.checks if state(check) not in ("findings", "failed")]
    line = quiet_words(rest, report.not_asked)
    suppressed = sum(c.suppressed for c in dataset.checks)
    if suppressed:
        line += f"{'; ' if line else ''}{number(suppressed, 'finding')} "
        line += "is suppressed" if suppressed == 1 else "are suppressed"
    if line:
        console.print(Text(f"  {line}"), soft_wrap=True)
    if verbose:
        _details(console, dataset)


def _details(console: Console, dataset: DatasetResult) -> None:
    """What `--verbose` adds: each check without a finding that counts, what reviewers said, and notes."""
    for name in ("nothing", "known", "suppressed", "not applicable", "off"):
        for check in dataset.checks:
            if state(check) == name:
                ran = check.status == "done"
                counted = "" if name == "nothing" else f"{number(check.listed, 'finding')}, "
                told = f"  {counted}{rate_words(check)}" if ran else f": {check.reason}"
                line = f"    {_STATES.get(name, name):15} {check.check}{told}"
                console.print(Text(line), soft_wrap=True)
    for check in dataset.checks:
        if agreed := agreed_words(check):
            told = f"    reviewed        {check.check}: reviewers agreed with {agreed}"
            console.print(Text(told), soft_wrap=True)
    for check in dataset.checks:
        for note in check.notes:
            console.print(Text(f"    note            {check.check}: {note}"), soft_wrap=True)


def _example(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{place(row)[0]}: {sentence(row)}"


def _total(report: Report) -> Text:
    return Text(report.verdict, style="bold red" if report.failed else "")
