"""The command `kpaudit`. Results go to stdout, progress and errors to stderr; exit codes: see the README."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from queries import (
    audit_commands,
    cli_audit,
    cli_export,
    printing,
    readers,
    sandbox,
    skeleton_commands,
    skeletons,
)
from queries import index as indexing
from queries.cli_options import (
    DEFAULT_PORT,
    DEFAULT_WORKSPACE,
    Debug,
    Format,
    Images,
    Name,
    NoBrowser,
    Paths,
    Port,
    Quiet,
    Reviews,
    SkeletonFile,
    Split,
    WorkspaceDir,
)
from queries.errors import KpauditError, UsageError
from queries.model import BuildSummary, Options
from queries.workspace import Workspace

app = typer.Typer(
    name="kpaudit",
    help="Audit keypoint, pose and gesture annotation datasets: index, look, find what is wrong.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

TABLE_ROWS = 100_000


class Output(StrEnum):
    """How `kpaudit sql` prints its rows."""

    table = "table"
    json = "json"
    csv = "csv"


@app.command()
def demo(
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    port: Port = DEFAULT_PORT,
    no_browser: NoBrowser = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Index, measure and audit the bundled sample, and open the dashboard."""
    place = Workspace(workspace)
    names = []
    for folder in ("hagrid", "coco_people", "yolo_hands"):
        found = _index_one(place, sample_folder() / folder, Options(name=f"sample-{folder}"), quiet)
        printing.summary(found, sys.stdout)
        names.append(found.name)
    sys.stdout.flush()
    # the sample's images are few: measured at once, so that the checks of images apply
    from queries import measure_commands  # noqa: PLC0415  it decodes images, which the others do not

    measure_commands.run(place, names, sys.stdout, workers=None, force=False, quiet=quiet)
    audit_commands.refresh(place, quiet, printing.waiting(place, quiet))
    _serve(place, port, no_browser, reviews)


@app.command("open")
def open_(
    paths: Paths,
    images: Images = None,
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    port: Port = DEFAULT_PORT,
    no_browser: NoBrowser = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Index what has changed, audit it, and open the dashboard."""
    place = Workspace(workspace)
    if _index_all(place, paths, Options(images=_image_root(images)), quiet, force=False) == len(paths):
        raise typer.Exit(2)
    audit_commands.refresh(place, quiet, printing.waiting(place, quiet))
    _serve(place, port, no_browser, reviews)


@app.command()
def index(
    paths: Paths,
    name: Name = None,
    format: Format = "auto",
    images: Images = None,
    split: Split = None,
    skeleton: SkeletonFile = None,
    force: Annotated[bool, typer.Option("--force", help="Read everything again.")] = False,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Index datasets: each PATH is one. What is indexed already and has not changed is not read again."""
    if name is not None and len(paths) > 1:
        raise UsageError(f"--name goes with one PATH, {len(paths)} were given")
    if format != "auto":
        readers.named(format)
    options = Options(
        name,
        format,
        _image_root(images),
        split,
        skeletons.from_file(skeleton) if skeleton is not None else None,
    )
    if _index_all(Workspace(workspace), paths, options, quiet, force):
        raise typer.Exit(2)


@app.command()
def serve(
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    port: Port = DEFAULT_PORT,
    no_browser: NoBrowser = False,
    debug: Debug = False,
) -> None:
    """Open the dashboard on what is indexed."""
    place = Workspace(workspace)
    if not place.index_files():
        raise UsageError(f"no index in {place.path}; make one with: kpaudit index PATH")
    _serve(place, port, no_browser, reviews)


@app.command()
def sql(
    query: Annotated[
        str, typer.Argument(metavar="QUERY", help="One SELECT; - reads it from standard input.")
    ],
    format: Annotated[Output, typer.Option("--format", help="table, json or csv.")] = Output.table,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds until it is stopped.")] = 60.0,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Ask the index in SQL: read-only, without files or network, within limits of time and memory."""
    text = sys.stdin.read() if query == "-" else query
    with sandbox.opened(Workspace(workspace), text, timeout) as (columns, rows):
        if format is Output.json:
            printing.as_json(columns, rows, sys.stdout)
        elif format is Output.csv:
            printing.as_csv(columns, rows, sys.stdout)
        else:
            # a table has to know all its rows before it can print the first
            shown = list(islice(rows, TABLE_ROWS + 1))
            if len(shown) > TABLE_ROWS:
                raise UsageError(f"more than {TABLE_ROWS:,} rows: add a limit, or take --format csv or json")
            printing.as_table(columns, shown, sys.stdout)


for command in (
    cli_audit.audit, cli_audit.checks, cli_audit.measure, cli_export.resplit, cli_export.export,
):  # fmt: skip
    app.command()(command)
app.add_typer(cli_export.reviews_app, name="reviews")


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The dataset's name, as indexed.")],
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Take a dataset out of the workspace; the dataset itself is never touched."""
    indexing.remove(Workspace(workspace), name)


@app.command()
def formats(debug: Debug = False) -> None:
    """The formats that kpaudit reads, with their variants, and what visibility means in each."""
    blocks = [(f"{reader.NAME}: {reader.TITLE}", readers.described(reader)) for reader in readers.READERS]
    printing.as_blocks(blocks, sys.stdout)


@app.command("skeletons")
def skeletons_(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A skeleton, or a JSON file with one.")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="Draw it.")] = None,
    compare: Annotated[
        tuple[str, str] | None, typer.Option("--compare", metavar="A B", help="Two skeletons side by side.")
    ] = None,
    debug: Debug = False,
) -> None:
    """The skeletons that come with kpaudit: list them, show or draw one, compare two."""
    skeleton_commands.run(name, png, compare, sys.stdout)


def sample_folder() -> Path:
    """The generated datasets that come with the package."""
    return Path(__file__).resolve().parent.parent / "sample_data"


def _index_all(workspace: Workspace, paths: list[Path], options: Options, quiet: bool, force: bool) -> int:
    """Indexes each path, printing its summary, and returns of how many nothing could be read."""
    failed = 0
    for path in paths:
        try:
            found = _index_one(workspace, path, options, quiet, force)
        except Exception as error:
            # The others are still worth having, unless Ctrl-C stopped it, which DuckDB makes a RuntimeError.
            if len(paths) == 1 or str(error) == "Query interrupted":
                raise
            failed += 1
            if isinstance(error, KpauditError):
                printing.complain(str(error))
            elif isinstance(error, (OSError, MemoryError)):
                printing.complain(f"{path}: {str(error) or 'not enough memory'}")
            else:
                printing.complain(
                    f"{path}: a mistake in kpaudit itself, please report it: {type(error).__name__}: {error} "
                    "(--debug with this path alone shows where)"
                )
        else:
            printing.summary(found, sys.stdout)
            sys.stdout.flush()
    return failed


def _index_one(
    workspace: Workspace, path: Path, options: Options, quiet: bool, force: bool = False
) -> BuildSummary:
    with printing.progress_bar(path.name or str(path), quiet) as progress:
        return indexing.index(workspace, path, options, progress, printing.waiting(workspace, quiet), force)


def _image_root(images: Path | None) -> Path | None:
    if images is None:
        return None
    if not images.exists():
        raise UsageError(f"--images {images} does not exist")
    if images.is_file() and images.suffix.lower() != ".zip":
        raise UsageError(f"--images {images} is neither a folder nor a .zip")
    return images.resolve()


def _serve(workspace: Workspace, port: int, no_browser: bool, reviews: str | None) -> None:
    """Runs the dashboard in a process of its own until it ends or Ctrl-C."""
    command = [sys.executable, "-m", "dashboard", "--port", str(port)]
    if no_browser:
        command.append("--no-browser")
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH")) if part)
    environment = {**os.environ, "KPAUDIT_WORKSPACE": str(workspace.path), "PYTHONPATH": path}
    if reviews is not None:
        environment["KPAUDIT_REVIEWS"] = reviews if "://" in reviews else str(Path(reviews).absolute())
    with subprocess.Popen(command, env=environment) as process:
        # a service manager stops the command, not its child
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.terminate()
            code = process.wait()
            raise typer.Exit(0) from None
    if code not in (0, -signal.SIGTERM, -signal.SIGINT):
        raise typer.Exit(code if code > 0 else 1)


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exit code 0 done, 1 findings (audit), 2 wrong usage or unreadable input."""
    given = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in given
    sys.exit(_guarded(lambda: app(given, prog_name="kpaudit", standalone_mode=False), debug))


def _guarded(run: Callable[[], Any], debug: bool) -> int:  # noqa: PLR0911
    try:
        code = run()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        printing.complain("interrupted")
        return 130
    except BrokenPipeError:
        # the reader of a pipe has gone: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except typer.TyperException as error:
        if debug:
            traceback.print_exc()
        printing.complain(error.format_message())
        return 2
    except KpauditError as error:
        if debug:
            traceback.print_exc()
        printing.complain(str(error))
        return 2
    except (OSError, MemoryError) as error:
        if debug:
            traceback.print_exc()
        printing.complain(str(error) or "not enough memory")
        return 2
    except Exception as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C
            printing.complain("interrupted")
            return 130
        if debug:
            traceback.print_exc()
        printing.complain(
            f"a mistake in kpaudit itself, please report it: {type(error).__name__}: {error} "
            "(--debug shows where)"
        )
        return 2
