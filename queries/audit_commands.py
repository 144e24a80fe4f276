"""What `kpaudit audit` does: run the checks, print what matters, write the reports, judge."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from queries import audit, audit_config, report_text, reports
from queries.errors import KpauditError, UsageError
from queries.reports import Report
from queries.store import Store
from queries.workspace import Workspace

#: What an audit fails on where neither --fail-on nor kpaudit.toml says.
DEFAULT_FAIL_ON = "error"


def refresh(workspace: Workspace, quiet: bool, waiting: Callable[[], None]) -> None:
    """Audits the datasets whose findings are not of the index as it is now, and says how many there are."""
    with _progress(quiet) as progress:
        audit.run(workspace, progress=progress, waiting=waiting, only_stale=True)


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
) -> int:
    """Audits, prints a summary to `out`, writes the reports asked for and returns the exit code, 0 or 1.

    `files` maps a kind of report (json, html, markdown, junit, sarif) to where it goes; `-` is `out`, which
    then has the report alone. A report is written whole or not at all.
    """
    to_out = [kind for kind, path in files.items() if str(path) == "-"]
    if len(to_out) > 1:
        raise UsageError(f"--{' and --'.join(to_out)} can't both go to stdout: give one of them a file")
    known = reports.read_baseline(baseline) if baseline is not None else None
    for kind, path in files.items():
        if str(path) != "-" and not path.absolute().parent.is_dir():
            raise KpauditError(f"--{kind} {path}: there is no folder {path.absolute().parent}")
    with _progress(quiet) as progress:
        audit.run(workspace, datasets, checks, progress, waiting)
    store = Store(workspace)
    try:
        judged = {}
        for row in store.datasets:
            config = audit_config.load(Path(row["root"]), workspace.path, row["name"])
            judged[row["name"]] = fail_on or config.fail_on or DEFAULT_FAIL_ON
        report = reports.collect(store, judged, datasets, checks, baseline if known is not None else None)
        for kind, path in files.items():
            _write(kind, path, report, store, out)
        if not to_out:
            report_text.summary(report, out, verbose)
        return 1 if report.failed else 0
    finally:
        store.close()


def _write(kind: str, path: Path, report: Report, store: Store, out: TextIO) -> None:
    content = _WRITERS[kind](report, store)
    if str(path) == "-":
        out.writelines(content)
        return
    try:
        handle, beside = tempfile.mkstemp(dir=path.absolute().parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(content)
            os.chmod(beside, 0o666 & ~_umask())
            os.replace(beside, path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KpauditError(f"--{kind} {path} can't be written: {error.strerror}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
    from queries import report_ci  # noqa: PLC0415

    return report_ci.junit(report)


def _sarif(report: Report, store: Store) -> Iterable[str]:
    from queries import report_ci  # noqa: PLC0415

    return report_ci.sarif(report)


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
