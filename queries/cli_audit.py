"""The commands that judge a dataset: `kpaudit audit`, `checks` and `measure`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from queries import audit_commands, catalogue, printing, report_text
from queries.cli_options import DEFAULT_WORKSPACE, Debug, Quiet, ReportFile, Reviews, WorkspaceDir
from queries.workspace import Workspace


class FailOn(StrEnum):
    """At which findings `kpaudit audit` ends with exit code 1."""

    error = "error"
    warning = "warning"
    never = "never"


def audit(
    check: Annotated[
        list[str] | None, typer.Option("--check", metavar="ID", help="Only these checks.")
    ] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="NAME", help="Only these datasets.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit 1 at findings this grave; error unless said.")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option("--baseline", metavar="FILE", help="A former --json; only what is new counts."),
    ] = None,
    json: ReportFile = None,
    html: ReportFile = None,
    markdown: ReportFile = None,
    junit: ReportFile = None,
    sarif: ReportFile = None,
    reviews: Reviews = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Also what passed and did not apply.")] = False,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run the checks on what is indexed: what is wrong, worst first, and an exit code to gate on."""
    given = {"json": json, "html": html, "markdown": markdown, "junit": junit, "sarif": sarif}
    place = Workspace(workspace)
    code = audit_commands.run(
        place,
        dataset or None,
        check or None,
        fail_on.value if fail_on is not None else None,
        baseline,
        {kind: path for kind, path in given.items() if path is not None},
        sys.stdout,
        quiet,
        verbose,
        printing.waiting(place, quiet),
        reviews,
    )
    if code:
        raise typer.Exit(code)


def checks(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Only these.")] = None,
    debug: Debug = False,
) -> None:
    """The checks: what each finds, why it matters, what to do, and its parameters."""
    found = [catalogue.named(name) for name in ids] if ids else catalogue.checks()
    report_text.catalogue_text(found, sys.stdout)


def measure(
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="NAME", help="Only this one; may be repeated.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Processes that decode; one a core.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Measure unchanged files again.")] = False,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Hash and size the images, and measure how sharp and bright they are; a run that stopped goes on."""
    from queries import measure_commands  # noqa: PLC0415  it decodes images, which the others do not

    measure_commands.run(
        Workspace(workspace), dataset or [], sys.stdout, workers=workers, force=force, quiet=quiet
    )
