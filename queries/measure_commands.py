"""What `kpaudit measure` prints: progress while it runs, a summary a dataset."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from queries import measure
from queries.measure import Measured, MeasureProgress
from queries.workspace import Workspace


def run(
    workspace: Workspace, names: list[str], out: TextIO, *, workers: int | None, force: bool, quiet: bool
) -> None:
    """The command: measures the datasets of those names, or all, and prints a summary of each."""

    def waiting(what: str) -> None:
        if not quiet:
            sys.stderr.write(f"kpaudit: waiting for {what}\n")

    for dataset in measure.datasets(workspace, names):
        try:
            with progress_bar(" ".join(dataset["name"].split()), quiet) as progress:
                found = measure.measure(
                    workspace, dataset,
                    workers=workers or cores(), force=force, progress=progress, waiting=waiting,
                )  # fmt: skip
        except measure.Interrupted as stop:
            if not quiet:
                told = f"{stop.kept:,} images measured now are kept, and the next run goes on from there"
                sys.stderr.write(f"kpaudit: {' '.join(stop.name.split())}: {told}\n")
            raise
        summary(found, out)
        out.flush()


def cores() -> int:
    """The processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def summary(found: Measured, out: TextIO) -> None:
    """What a run did, for people: counts of images, seconds, images a second, and notes."""
    console = Console(file=out, highlight=False, width=None if out.isatty() else 120)
    rate = f"  {found.rate:,.0f} images/s" if found.measured else ""
    name = " ".join(found.name.split())
    console.print(Text(f"{name}  {found.seconds:.2f} s{rate}", style="bold"), soft_wrap=True)
    counts = {
        "images": found.images,
        "measured now": found.measured,
        "already known": found.known,
        "missing": found.missing,
        "unreadable": found.unreadable,
    }
    line = "   ".join(f"{name} {count:,}" for name, count in counts.items())
    console.print(Text(f"  {line}"), soft_wrap=True)
    for note in found.notes:
        console.print(Text(f"  note: {note}"), soft_wrap=True)


class _Rate(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f} images/s" if task.speed else "", style="progress.data.speed")


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[MeasureProgress]:
    """A bar on stderr with images done, rate and time left; nothing where nobody watches or --quiet."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), _Rate())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield _every(0.1, lambda done, total: bar.update(task, completed=done, total=max(total, 1)))


def _every(seconds: float, report: MeasureProgress) -> MeasureProgress:
    """Passes on what is reported, a few times a second at most: a bar has no use for each of a million."""
    last = -seconds

    def sometimes(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= seconds or done == total:
            last = now
            report(done, total)

    return sometimes
