"""The command `kpaudit`. Results go to stdout, progress and errors to stderr; see the README for exit codes."""

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
    catalogue,
    printing,
    readers,
    report_text,
    resplit_commands,
    sandbox,
    skeleton_commands,
    skeletons,
)
from queries import index as indexing
from queries.errors import KpauditError, UsageError
from queries.model import BuildSummary, Options
from queries.store import Store
from queries.workspace import Workspace

app = typer.Typer(
    name="kpaudit",
    help="Audit keypoint, pose and gesture annotation datasets: index, look, find what is wrong.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)

WorkspaceDir = Annotated[
    Path, typer.Option("--workspace", metavar="DIR", help="Where the index and the reviews live.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress on stderr.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Port = Annotated[int, typer.Option("--port", help="The dashboard's port; the next free one if it is taken.")]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Print the address, open nothing.")]
Reviews = Annotated[
    str | None,
    typer.Option("--reviews", metavar="FILE|URL", help="The review store; else reviews.sqlite in the workspace."),
]
Paths = Annotated[list[Path], typer.Argument(metavar="PATH...", help="Folders or annotation files.")]
Images = Annotated[
    Path | None, typer.Option("--images", metavar="DIR|ZIP", help="Where the images are, if not beside.")
]
Name = Annotated[str | None, typer.Option("--name", help="The dataset's name; else its folder's.")]
Format = Annotated[str, typer.Option("--format", help="auto, or a format of `kpaudit formats`.")]
Split = Annotated[str | None, typer.Option("--split", help="The split of all images, whatever the files say.")]
SkeletonFile = Annotated[
    Path | None,
    typer.Option("--skeleton", metavar="FILE", help='{"keypoints": [names], "skeleton": [[1, 2], ...]}'),
]

ReportFile = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there; - is stdout.")]

DEFAULT_WORKSPACE = Path(".kpaudit")
DEFAULT_PORT = 8501
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
    audit_commands.refresh(place, quiet, _waiting(place, quiet))
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
    audit_commands.refresh(place, quiet, _waiting(place, quiet))
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
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT; - reads it from standard input.")],
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


class SplitBy(StrEnum):
    """What `kpaudit resplit` keeps together."""

    subject = "subject"
    image = "image"


class Stratify(StrEnum):
    """What new splits are stratified by."""

    label = "label"
    none = "none"


class Group(StrEnum):
    """A demographic field that new splits are stratified by as well."""

    gender = "gender"
    race = "race"
    age = "age"


class FailOn(StrEnum):
    """At which findings `kpaudit audit` ends with exit code 1."""

    error = "error"
    warning = "warning"
    never = "never"


@app.command()
def audit(
    check: Annotated[list[str] | None, typer.Option("--check", metavar="ID", help="Only these checks.")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", metavar="NAME", help="Only these datasets.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option("--fail-on", help="Exit 1 at findings this grave; error unless said.")
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", metavar="FILE", help="A former --json; only what is new counts.")
    ] = None,
    json: ReportFile = None,
    html: ReportFile = None,
    markdown: ReportFile = None,
    junit: ReportFile = None,
    sarif: ReportFile = None,
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
        _waiting(place, quiet),
    )
    if code:
        raise typer.Exit(code)


@app.command()
def checks(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Only these.")] = None,
    debug: Debug = False,
) -> None:
    """The checks: what each finds, why it matters, what to do, and its parameters."""
    found = [catalogue.named(name) for name in ids] if ids else catalogue.checks()
    report_text.catalogue_text(found, sys.stdout)


@app.command()
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


class ExportTo(StrEnum):
    """The formats that `kpaudit export` writes."""

    coco = "coco"
    yolo = "yolo"
    hagrid = "hagrid"
    csv = "csv"
    parquet = "parquet"


class Drop(StrEnum):
    """What `kpaudit export` leaves out beside the selection."""

    rejected = "rejected"


@app.command()
def resplit(
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="A CSV (dataset, key, subject, split_before, split); with --to a folder."),
    ],
    by: Annotated[SplitBy, typer.Option("--by", help="What must stay together, beside copies.")] = SplitBy.subject,
    ratios: Annotated[str, typer.Option("--ratios", metavar="NAME=SHARE,...")] = "train=.76,val=.09,test=.15",
    stratify: Annotated[Stratify, typer.Option("--stratify", help="What each split has its share of.")] = Stratify.label,
    group: Annotated[
        Group | None, typer.Option("--group", help="A demographic field of which each split has its share too.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    tolerance: Annotated[float, typer.Option("--tolerance", help="How far a split's share may be off.")] = 0.02,
    to: Annotated[
        ExportTo | None, typer.Option("--to", help="Write the whole dataset by the new splits, as `export` does.")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="Needed where there are several.")
    ] = None,
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Make new splits without leaks: whole subjects, stratified, seeded; shows them beside the old ones."""
    store = Store(Workspace(workspace))
    try:
        how: dict[str, Any] = {
            "by": by.value, "ratios": ratios, "stratify": stratify is Stratify.label, "seed": seed,
            "group": group.value if group is not None else None, "tolerance": tolerance,
        }  # fmt: skip
        row = _one_dataset(store, dataset)
        if to is None:
            resplit_commands.run(store, row, out, sys.stdout, **how)
        else:
            resplit_commands.run_whole(store, row, to.value, out, reviews, sys.stdout, **how)
    finally:
        store.close()


@app.command()
def export(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder.")],
    to: Annotated[ExportTo, typer.Option("--to", help="The format.")],
    dataset: Annotated[
        str | None, typer.Option("--dataset", metavar="NAME", help="Needed where there are several.")
    ] = None,
    drop: Annotated[
        Drop | None, typer.Option("--drop", help="Leave out what reviewers rejected and nobody corrected.")
    ] = None,
    split: Annotated[
        list[str] | None, typer.Option("--split", metavar="S", help="Only this one; may be repeated.")
    ] = None,
    class_: Annotated[
        list[str] | None, typer.Option("--class", metavar="C", help="Only this one; may be repeated.")
    ] = None,
    where: Annotated[
        str | None, typer.Option("--where", metavar="SQL", help="A condition on annotation's and image's columns.")
    ] = None,
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="yolo: copies instead of links.")
    ] = False,
    reviews: Annotated[
        str | None, typer.Option("--reviews", metavar="FILE|URL", help="The review store; else the workspace's.")
    ] = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Write a cleaned dataset: corrections applied, rejected records left out, every change listed."""
    from queries import export_commands  # noqa: PLC0415  orjson takes a while to load
    from queries.export.base import Request  # noqa: PLC0415

    request = Request(
        to.value, out, tuple(split or ()), tuple(class_ or ()), where, drop is Drop.rejected, copy_images
    )
    store = Store(Workspace(workspace))
    try:
        export_commands.run(store, _one_dataset(store, dataset), request, reviews, sys.stdout)
    finally:
        store.close()


def _one_dataset(store: Store, name: str | None) -> dict[str, Any]:
    """The dataset of that name, or the only one. Raises UsageError where it is not clear which."""
    known = {row["name"]: row for row in store.datasets}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name not in known:
        which = "several datasets are indexed, say which with --dataset" if name is None else f"no dataset {name!r}"
        raise UsageError(f"{which}; there are: {', '.join(sorted(known))}")
    return known[name]


reviews_app = typer.Typer(help="Decisions of reviewers: out as JSON lines, in, and what they say.", no_args_is_help=True)
app.add_typer(reviews_app, name="reviews")


@reviews_app.command("export")
def reviews_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; - is stdout.")],
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Write all decisions, undone ones too, as JSON lines."""
    from queries import review_commands  # noqa: PLC0415  SQLAlchemy takes a while to load

    review_commands.export(review_commands.place(Workspace(workspace), reviews), file, sys.stdout)


@reviews_app.command("import")
def reviews_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines that `reviews export` wrote.")],
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Add the decisions of a file, leaving out those that are known."""
    from queries import review_commands  # noqa: PLC0415

    if code := review_commands.import_(review_commands.place(Workspace(workspace), reviews), file, sys.stdout):
        raise typer.Exit(code)


@reviews_app.command("summary")
def reviews_summary(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="Of an exported file, not the store.")] = None,
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Verdicts by reviewer, their agreement, and how often they agreed with each check."""
    from queries import review_commands  # noqa: PLC0415

    review_commands.summary(review_commands.place(Workspace(workspace), reviews), file, sys.stdout)


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
                _complain(str(error))
            elif isinstance(error, (OSError, MemoryError)):
                _complain(f"{path}: {str(error) or 'not enough memory'}")
            else:
                _complain(
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
        return indexing.index(workspace, path, options, progress, _waiting(workspace, quiet), force)


def _waiting(workspace: Workspace, quiet: bool) -> Callable[[], None]:
    def told() -> None:
        if not quiet:
            typer.echo(f"kpaudit: waiting for another kpaudit that is writing to {workspace.path}", err=True)

    return told


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


def _complain(message: str) -> None:
    sys.stderr.write(f"kpaudit: {' '.join(message.split())}\n")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: exit code 0 done, 1 findings (audit), 2 wrong usage or unreadable input."""
    given = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = "--debug" in given
    sys.exit(_guarded(lambda: app(given, prog_name="kpaudit", standalone_mode=False), debug))


def _guarded(run: Callable[[], Any], debug: bool) -> int:
    try:
        code = run()
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except typer.Exit as stop:
        return stop.exit_code
    except (typer.Abort, KeyboardInterrupt):
        _complain("interrupted")
        return 130
    except BrokenPipeError:
        # the reader of a pipe has gone: nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except typer.TyperException as error:
        if debug:
            traceback.print_exc()
        _complain(error.format_message())
        return 2
    except KpauditError as error:
        if debug:
            traceback.print_exc()
        _complain(str(error))
        return 2
    except (OSError, MemoryError) as error:
        if debug:
            traceback.print_exc()
        _complain(str(error) or "not enough memory")
        return 2
    except Exception as error:
        if str(error) == "Query interrupted":  # what DuckDB makes of Ctrl-C
            _complain("interrupted")
            return 130
        if debug:
            traceback.print_exc()
        _complain(f"a mistake in kpaudit itself, please report it: {type(error).__name__}: {error} (--debug shows where)")
        return 2
