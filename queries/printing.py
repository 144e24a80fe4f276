"""What commands print: results as table, JSON or CSV on stdout, progress on stderr."""

from __future__ import annotations

import csv
import datetime
import json
import math
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from queries.model import BuildSummary
from queries.workspace import Workspace


def as_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """A list of objects, one a row; a number that JSON has not (NaN, infinity) is null.

    A column whose name has been used already gets a number: an object would lose it.
    """
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    out.write("[")
    empty = True
    for row in rows:
        record = {name: plain(value) for name, value in zip(names, row, strict=True)}
        out.write(("" if empty else ",") + "\n  " + json.dumps(record, ensure_ascii=False))
        empty = False
    out.write("]\n" if empty else "\n]\n")


def as_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], out: TextIO) -> None:
    """A header and a line a row; NULL is empty, lists and structs are JSON."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(plain(value), "") for value in row])


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], out: TextIO) -> None:
    """A table for people, numbers to the right, as wide as it needs to be where nobody is looking."""
    numeric = [
        any(row[i] is not None for row in rows)
        and all(isinstance(row[i], (int, float)) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]
    table = Table(show_edge=False, header_style="bold", pad_edge=False)
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(Text(name), justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(plain(value), "NULL")) for value in row))
    width = None if out.isatty() else 10_000
    console = Console(file=out, width=width, highlight=False)
    console.print(table)


def as_blocks(blocks: Sequence[tuple[str, Sequence[tuple[str, str]]]], out: TextIO) -> None:
    """Titles with (what, text) pairs below each: for texts too long to stand side by side in a table."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else 120)
    for i, (title, pairs) in enumerate(blocks):
        if i:
            console.print()
        console.print(Text(title, style="bold"))
        grid = Table.grid(padding=(0, 0, 0, 2), pad_edge=True)
        grid.add_column(style="dim")
        grid.add_column(overflow="fold")
        for what, text in pairs:
            grid.add_row(Text(what), Text(text))
        console.print(grid)


def plain(value: Any) -> Any:  # noqa: PLR0911
    """A value as JSON can hold it."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if value is None or isinstance(value, (str, int, bool)):
        return value
    if isinstance(value, (uuid.UUID, datetime.timedelta)):
        return str(value)
    return float(value) if hasattr(value, "__float__") else str(value)


def _cell(value: Any, null: str) -> str:
    if value is None:
        return null
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else str(value)


def summary(found: BuildSummary, out: TextIO) -> None:
    """What an index run read, for people: counts, problems by kind, seconds."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else 120)
    state = "unchanged, nothing to read" if found.unchanged else f"{found.seconds:.2f} s"
    if found.read is not None and not found.unchanged:
        state += f", {found.read:,} of {found.files:,} files read"
    name, root = one_line(found.name), one_line(found.root)
    head = Text(f"{name}  ({found.format}, {root})  {state}", style="bold")
    console.print(head, soft_wrap=True)
    counts = {
        "images": found.images,
        "annotations": found.annotations - found.united,
        **({"united boxes": found.united} if found.united else {}),
        "keypoints": found.keypoints,
        "subjects": found.subjects,
        "files": found.files,
        "problems": sum(found.problems.values()),
    }
    line = "   ".join(f"{name} {count:,}" for name, count in counts.items())
    console.print(Text(f"  {line}"), soft_wrap=True)
    for kind, count in sorted(found.problems.items(), key=lambda item: -item[1]):
        console.print(Text(f"    {kind}  {count:,}", style="yellow"), soft_wrap=True)
    for note in found.notes:
        console.print(Text(f"  note: {note}"), soft_wrap=True)


def one_line(text: object, limit: int = 400) -> str:
    """A dataset's text on one line: control and direction marks replaced, cut at `limit` characters."""
    seen = (c if c.isprintable() else " " if c.isspace() else "\ufffd" for c in str(text))
    line = " ".join("".join(seen).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def complain(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    sys.stderr.write(f"kpaudit: {' '.join(message.split())}\n")


def waiting(workspace: Workspace, quiet: bool) -> Callable[[], None]:
    """What says, once it is called, that another process holds the workspace; nothing with --quiet."""

    def told() -> None:
        if not quiet:
            complain(f"waiting for another kpaudit that is writing to {workspace.path}")

    return told


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[int, int, str], None]]:
    """A bar on stderr with bytes done, rate and time left; nothing where nobody watches or --quiet."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total, what: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def report(done: int, total: int, what: str) -> None:
            # The description stays the dataset's: a file's name is data and would need escaping.
            bar.update(task, completed=done, total=max(total, 1))

        yield report
