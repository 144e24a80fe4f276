"""The commands that write: `kpaudit resplit`, `export`, and the decisions of reviewers."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from queries import resplit_commands
from queries.cli_options import DEFAULT_WORKSPACE, Debug, Reviews, WorkspaceDir
from queries.errors import UsageError, did_you_mean
from queries.store import Store
from queries.workspace import Workspace


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


def resplit(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="A CSV (dataset, key, subject, split_before, split); with --to a folder."
        ),
    ],
    by: Annotated[
        SplitBy, typer.Option("--by", help="What must stay together, beside copies.")
    ] = SplitBy.subject,
    ratios: Annotated[str, typer.Option("--ratios", metavar="NAME=SHARE,...")] = "train=.76,val=.09,test=.15",
    stratify: Annotated[
        Stratify, typer.Option("--stratify", help="What each split has its share of.")
    ] = Stratify.label,
    group: Annotated[
        Group | None,
        typer.Option("--group", help="A demographic field of which each split has its share too."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0)] = 0,
    tolerance: Annotated[
        float, typer.Option("--tolerance", help="How far a split's share may be off.")
    ] = 0.02,
    to: Annotated[
        ExportTo | None,
        typer.Option("--to", help="Write the whole dataset by the new splits, as `export` does."),
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
        str | None,
        typer.Option("--where", metavar="SQL", help="A condition on annotation's and image's columns."),
    ] = None,
    copy_images: Annotated[
        bool, typer.Option("--copy-images", help="yolo: copies instead of links.")
    ] = False,
    reviews: Reviews = None,
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
        which = f"no dataset {name!r}{did_you_mean(name, known)}" if name is not None else (
            "several datasets are indexed, say which with --dataset"
        )  # fmt: skip
        raise UsageError(f"{which}; there are: {', '.join(sorted(known))}")
    return known[name]


reviews_app = typer.Typer(
    help="Decisions of reviewers: out as JSON lines, in, and what they say.", no_args_is_help=True
)


@reviews_app.command("export")
def reviews_export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines; - is stdout.")],
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Write all decisions, undone ones too, as JSON lines."""
    from queries import review_commands  # noqa: PLC0415  SQLAlchemy takes a while to load

    where = review_commands.place(Workspace(workspace), reviews, must_exist=True)
    review_commands.export(where, file, sys.stdout)


@reviews_app.command("import")
def reviews_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON lines that `reviews export` wrote.")],
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Add the decisions of a file, leaving out those that are known."""
    from queries import review_commands  # noqa: PLC0415

    where = review_commands.place(Workspace(workspace), reviews)
    if code := review_commands.import_(where, file, sys.stdout):
        raise typer.Exit(code)


@reviews_app.command("summary")
def reviews_summary(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Of an exported file, not the store.")
    ] = None,
    reviews: Reviews = None,
    workspace: WorkspaceDir = DEFAULT_WORKSPACE,
    debug: Debug = False,
) -> None:
    """Verdicts by reviewer, their agreement, and how often they agreed with each check."""
    from queries import review_commands  # noqa: PLC0415

    where = None
    if file is None:
        where = review_commands.place(Workspace(workspace), reviews, must_exist=True)
    if code := review_commands.summary(where, file, sys.stdout):
        raise typer.Exit(code)
