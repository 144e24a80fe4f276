"""What `kpaudit audit` does: run the checks, print what matters, write the reports, judge."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from queries import audit, audit_config, report_agreement, report_files, report_text, reports
from queries import baseline as baselines
from queries.printing import complain
from queries.reports import Report
from queries.store import Store
from queries.workspace import Workspace

#: What an audit fails on where neither --fail-on nor kpaudit.toml says.
DEFAULT_FAIL_ON = "error"


def refresh(workspace: Workspace, quiet: bool, waiting: Callable[[], None]) -> None:
    """Audits the datasets whose findings are not of the index as it is now, and says how many there are."""
    with _progress(quiet) as progress:
        audited = audit.run(workspace, progress=progress, waiting=waiting, only_stale=True)
    for name, why in audited.failed.items():
        complain(f"{name} was not audited: {why}")
    for note in audited.notes:
        complain(note)


def run(
    workspace: Workspace,
    datasets: list[str] | None,
    checks: list[str] | None,
    fail_on: str | None,
    baseline: Path | None,
    files: Mapping[str, Path],
    out: TextIO,
    quiet: bool = False,
    verbose: bool = False,
    waiting: Callable[[], None] = lambda: None,
    reviews: str | None = None,
) -> int:
    """Audits, prints a summary to `out`, writes the reports asked for and returns the exit code.

    0 or 1 by what was found; 2 where an index can't be read, or a dataset has no audit: the reports are of
    the others. `files` maps a kind of report (json, html, markdown, junit, sarif) to where it goes; `-` is
    `out`, which then has the report alone. A report is written whole or not at all.
    """
    targets = report_files.targets(files, baseline)
    known = baselines.read(baseline) if baseline is not None else None
    datasets = list(dict.fromkeys(datasets)) if datasets is not None else None
    checks = list(dict.fromkeys(checks)) if checks is not None else None
    with _progress(quiet) as progress:
        audited = audit.run(workspace, datasets, checks, progress, waiting)
    store = Store(workspace)
    try:
        # one that another kpaudit has indexed meanwhile is there, and has no audit
        found = [row["name"] for row in store.datasets]
        configs = {name: audited.configs.get(name, audit_config.Config()) for name in found}
        judged = {name: fail_on or config.fail_on or DEFAULT_FAIL_ON for name, config in configs.items()}
        unread = _unread(store)
        measured, notes = report_agreement.measured(workspace, reviews, judged)
        # who names datasets has them all: those that can't be read are none of them
        other = [f"{file} was not looked at: {why}" for file, why in unread] if datasets is not None else []
        gone = {name: "it was removed meanwhile" for name in audited if name not in judged}
        failed = {**audited.failed, **gone}
        names = [name for name in datasets or judged if name not in failed]
        report = reports.collect(
            store, judged, names, checks, known, measured,
            [*(unread if datasets is None else ()), *failed.items()], [*audited.notes, *notes, *other],
        )  # fmt: skip
        for kind, target in targets.items():
            target.write(_WRITERS[kind](report, store), out)
        if all(target.path is not None for target in targets.values()):
            report_text.summary(report, out, verbose)
        return _exit_code(report)
    finally:
        store.close()


def _unread(store: Store) -> list[tuple[str, str]]:
    """(file, why, with what to do) of indexes that can't be read."""
    found = []
    for name, why in store.broken.items():
        # one of another version says so itself, and is replaced; what can't be opened is in the way
        told = why if "index the dataset again" in why else (
            f"it can't be opened ({why.rstrip('.')}); delete it and index the dataset again"
        )  # fmt: skip
        found.append((str(store.workspace.path / "datasets" / name), told))
    return found


def _exit_code(report: Report) -> int:
    for file, why in report.unread:
        complain(f"{file} was not audited: {why}")
    for name in report.unaudited:
        complain(f"{name} was not audited: its index was replaced meanwhile; run kpaudit audit again")
    return 2 if report.unread or report.unaudited else int(report.failed)


def _json(report: Report, store: Store) -> Iterable[str]:
    data = report.as_dict()
    findings = data.pop("findings")
    head = json.dumps(data, ensure_ascii=False, indent=2)
    yield head.removesuffix("\n}") + ',\n  "findings": ['
    for n, row in enumerate(findings):
        yield ("," if n else "") + "\n    " + json.dumps(row, ensure_ascii=False)
    yield ("\n  ]" if findings else "]") + "\n}\n"


def _html(report: Report, store: Store) -> Iterable[str]:
    from queries import report_html  # noqa: PLC0415  it decodes images, which the other reports do not

    return report_html.write(report, store)


def _markdown(report: Report, store: Store) -> Iterable[str]:
    from queries import report_markdown  # noqa: PLC0415

    return report_markdown.write(report)


def _junit(report: Report, store: Store) -> Iterable[str]:
    from queries import report_junit  # noqa: PLC0415

    return report_junit.junit(report)


def _sarif(report: Report, store: Store) -> Iterable[str]:
    from queries import report_sarif  # noqa: PLC0415

    return report_sarif.sarif(report)


_WRITERS: Mapping[str, Callable[[Report, Store], Iterable[str]]] = {
    "json": _json, "html": _html, "markdown": _markdown, "junit": _junit, "sarif": _sarif,
}  # fmt: skip


@contextmanager
def _progress(quiet: bool) -> Iterator[audit.AuditProgress]:
    """A bar of checks done on stderr; nothing where nobody watches or --quiet."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, what: None
        return
    columns = (
        TextColumn("audit"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[what]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("audit", total=None, what="")

        def report(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=max(total, 1), what=what)

        yield report
