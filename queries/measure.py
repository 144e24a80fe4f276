"""The facts of a dataset's image files: finds them, has them measured, and swaps the result in whole.

What is measured is written down at once, in part files under `measuring/` in the workspace, and becomes
the dataset's facts at the end. A run that was killed loses the images that were under way; indexing, audits
and the dashboard are held up for the moment of the swap alone.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import duckdb

from queries import sqlfile
from queries.errors import WorkspaceError, unknown_name
from queries.images import EXTENSIONS, ImageSource, Located, image_roots
from queries.measure_workers import DIED, Job, Pool
from queries.model import FACTS_VERSION
from queries.pixels import ImageUnavailable
from queries.store import Store
from queries.workspace import Workspace, dataset_id_of, is_full

#: (images done, images in all); called from the thread that measures.
MeasureProgress = Callable[[int, int], None]

NOT_FOUND = "no file found"
_ROWS = 500


@dataclass
class Measured:
    """How measuring one dataset went: counts of images, seconds, and what else there is to say.

    `measured` were read now, `known` had not changed since; of these `unreadable` could not be measured.
    `missing` have no file.
    """

    name: str
    images: int = 0
    measured: int = 0
    known: int = 0
    missing: int = 0
    unreadable: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Images measured a second."""
        return self.measured / self.seconds if self.seconds > 0 else 0.0


class Interrupted(KeyboardInterrupt):
    """Ctrl-C while a dataset was measured; `kept` images need not be measured again."""

    def __init__(self, name: str, kept: int):
        super().__init__()
        self.name, self.kept = name, kept


def datasets(workspace: Workspace, names: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Rows of `dataset`: of those names, or all. Raises UsageError for a name that is not indexed."""
    store = Store(workspace)
    try:
        known = {row["name"]: row for row in store.datasets}
    finally:
        store.close()
    wanted = set(names)
    for name in sorted(wanted - known.keys()):
        raise unknown_name("dataset", name, list(known))
    return [row for name, row in known.items() if not wanted or name in wanted]


def measure(
    workspace: Workspace,
    dataset: Mapping[str, Any],
    *,
    workers: int,
    force: bool = False,
    progress: MeasureProgress = lambda done, total: None,
    waiting: Callable[[str], None] = lambda what: None,
) -> Measured:
    """Measures the images of one dataset whose files are new or have changed, with `force` all of them.

    A second run on the same dataset waits for the first, after it has called `waiting` once. Where no image
    is found at all, what was known is kept as it is. Raises WorkspaceError where the workspace can't be
    written, KpauditError where no process can be started, Interrupted for Ctrl-C.
    """
    started = time.perf_counter()
    workspace.prepare()
    name = workspace.facts_path(dataset["dataset_id"], dataset["name"]).stem
    with _Journal(workspace.path / "measuring" / name, waiting) as journal:
        run = _Run(workspace, dataset, journal)
        try:
            run.prepare(force)
            run.measure(workers, progress)
            run.finish(started, waiting)
        except (KeyboardInterrupt, RuntimeError) as error:
            # DuckDB makes a RuntimeError of Ctrl-C
            if isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted":
                raise Interrupted(dataset["name"], run.told.measured) from None
            raise
        finally:
            run.close()
        run.told.seconds = time.perf_counter() - started
        return run.told


class _Journal:
    """The part files of one dataset, held by one process at a time; a run appends to one of its own."""

    def __init__(self, folder: Path, waiting: Callable[[str], None]):
        self.folder, self._waiting = folder, waiting
        self._part: TextIO | None = None

    def __enter__(self) -> _Journal:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = (self.folder / "lock").open("a")
        except OSError as error:
            raise WorkspaceError(f"can't write to {self.folder}: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._waiting("another kpaudit that is measuring the same images")
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        for path in self.folder.glob("v*.jsonl"):
            if path.name.partition("-")[0] != f"v{FACTS_VERSION}":
                path.unlink()  # measured in another way
        return self

    def __exit__(self, *_: object) -> None:
        self._close_part()
        # the file stays: somebody may be waiting for a lock on it
        self._lock.close()

    def parts(self) -> list[str]:
        """The part files, the oldest first."""
        if self._part is not None:
            self._part.flush()
        return sorted(str(path) for path in self.folder.glob(f"v{FACTS_VERSION}-*.jsonl"))

    def add(self, split: str, key: str, found: Located | None, facts: Mapping[str, Any]) -> None:
        """Writes down what is known of an image now. A line is with the system when this returns."""
        if self._part is None:
            last = max((int(Path(part).stem.partition("-")[2]) for part in self.parts()), default=0)
            target = self.folder / f"v{FACTS_VERSION}-{last + 1:06}.jsonl"
            self._part = target.open("x", encoding="ascii", buffering=1)
        file = {"path": _named(found), "mtime_ns": found.mtime_ns} if found is not None else {}
        record = {"split": split, "key": key, **file, **facts}
        self._part.write(json.dumps(record) + "\n")

    def drop_own(self) -> None:
        """Forgets what this run wrote."""
        if self._part is not None:
            Path(self._part.name).unlink()
            self._close_part()

    def drop(self) -> None:
        """Forgets everything: it is in the facts now."""
        for part in self.parts():
            Path(part).unlink()
        self._close_part()

    def _close_part(self) -> None:
        if self._part is not None:
            self._part.close()
            self._part = None


class _Run:
    """One dataset, once: what is to do, doing it, and writing the facts."""

    def __init__(self, workspace: Workspace, dataset: Mapping[str, Any], journal: _Journal):
        self.workspace, self.dataset, self.journal = workspace, dataset, journal
        self.told = Measured(dataset["name"])
        self.roots = image_roots(dataset)
        self.refused: str | None = None  # why the first of the files that are there may not be read
        self.sql = sqlfile.statements("measure.sql")
        # a million images take as much memory as this, and no more
        spill = {"temp_directory": str(journal.folder / "spill"), "memory_limit": "1GB"}
        self.con = duckdb.connect(":memory:", config=spill)

    def close(self) -> None:
        self.con.close()

    def prepare(self, force: bool) -> None:
        """Lists all images, with the files that their known facts are of."""
        self._attach()
        self.con.execute(self.sql["todo"], {"force": force, "died": DIED})
        self.told.images = self.con.execute("select count(*) from todo").fetchone()[0]
        self._detach()  # a run of hours is not to keep the disk space of replaced files

    def measure(self, workers: int, progress: MeasureProgress) -> None:
        """Has measured what is new or has changed, and writes it down."""
        told = self.told
        with Pool(self.roots, workers) as pool:
            for job, facts in pool.measured(self._jobs(progress)):
                self.journal.add(job.split, job.key, job.located, facts)
                told.measured += 1
                told.unreadable += facts.get("error") is not None
                progress(told.measured + told.known + told.missing, told.images)

    def finish(self, started: float, waiting: Callable[[str], None]) -> None:
        """Turns what is written down into the dataset's facts."""
        told = self.told
        if told.images and told.missing == told.images:
            self.journal.drop_own()
            told.notes.append(self._none_found())
            return

        def wait() -> None:
            waiting(f"another kpaudit that is writing to {self.workspace.path}")

        with self.workspace.writing(wait) as scratch:
            if not self._same_dataset():
                told.notes.append("it was removed or replaced while it was measured: measure it again")
                return
            self._attach()
            current = self.con.execute(self.sql["current"], {"version": FACTS_VERSION}).fetchone()[0]
            if current and not self.journal.parts():
                return
            left = self.con.execute(self.sql["unmeasured"]).fetchone()[0]
            if left:
                what = f"{left:,} {'image was' if left == 1 else 'images were'} indexed while it ran"
                told.notes.append(f"{what}: measure again")
            built = scratch / "facts.duckdb"
            self._write(built, time.perf_counter() - started)
            number, name = self.dataset["dataset_id"], self.dataset["name"]
            replaced = self.workspace.facts_files(number)
            self.workspace.swap_in(built, self.workspace.facts_path(number, name), replaced)
        self.journal.drop()

    def _jobs(self, progress: MeasureProgress) -> Iterator[Job]:
        """The images to measure; those that need not be, and those that have no file, are settled here."""
        told, source = self.told, ImageSource(self.roots)
        anything = _may_hold_images(self.roots)
        rows = self.con.execute("from todo")  # nothing else asks it before the last row
        while batch := rows.fetchmany(_ROWS):
            for split, key, file_name, path, size, mtime_ns, error in batch:
                try:
                    if not anything:
                        raise ImageUnavailable("missing")
                    found = source.find(file_name, key)
                except ImageUnavailable as refusal:
                    why = NOT_FOUND if refusal.reason.startswith("missing") else refusal.reason
                    if path is not None or error != why:
                        self.journal.add(split, key, None, {"error": why})
                    told.missing += 1
                    if why != NOT_FOUND:
                        self.refused = self.refused or why
                else:
                    if (path, size, mtime_ns) != (_named(found), found.bytes, found.mtime_ns):
                        yield Job(split, key, found)
                        continue
                    told.known += 1
                    told.unreadable += error is not None
                progress(told.measured + told.known + told.missing, told.images)

    def _none_found(self) -> str:
        where = ", ".join(str(root) for root in self.roots)
        why = f" ({self.refused})" if self.refused else ""
        return (
            f"none of its images is found below {where}{why}: say where they are with "
            f"kpaudit index {self.dataset['root']} --images DIR, then measure again"
        )

    def _index(self) -> Path | None:
        number = self.dataset["dataset_id"]
        return next((p for p in self.workspace.index_files() if dataset_id_of(p) == number), None)

    def _same_dataset(self) -> bool:
        path = self._index()
        if path is None:
            return False
        with duckdb.connect(path, read_only=True) as con:
            now = con.execute("select name, root, image_root from dataset").fetchone()
        return now == tuple(self.dataset[column] for column in ("name", "root", "image_root"))

    def _attach(self) -> None:
        """The index, the former facts and the journal as they are now."""
        path = self._index()
        if path is None:
            raise WorkspaceError(f"{self.dataset['name']!r} was removed from {self.workspace.path}")
        self.con.execute(f"attach '{sqlfile.quoted(path)}' as idx (read_only)")
        self._attach_former()
        parts = self.journal.parts()
        if parts:
            self.con.execute(self.sql["journal"], {"parts": parts})
        else:
            self.con.execute(self.sql["no_journal"])
        self.con.execute(self.sql["latest"])

    def _attach_former(self) -> None:
        for path in self.workspace.facts_files(self.dataset["dataset_id"]):
            with contextlib.suppress(duckdb.Error):
                self.con.execute(f"attach '{sqlfile.quoted(path)}' as former (read_only)")
                version = self.con.execute("select schema_version from former.fact_run").fetchone()
                # since the first, more is said of the run, and the same of an image
                if version is not None and 1 <= version[0] <= FACTS_VERSION:
                    return
            self.con.execute("detach database if exists former")
        self.con.execute("attach ':memory:' as former")
        self._with_tables("former")

    def _with_tables(self, database: str) -> None:
        self.con.execute(f"use {database}")
        self.con.execute(sqlfile.text("facts.sql"))
        self.con.execute("use memory")

    def _detach(self) -> None:
        self.con.execute("drop view latest")
        self.con.execute("detach idx")
        self.con.execute("detach former")

    def _write(self, built: Path, seconds: float) -> None:
        try:
            self.con.execute(f"attach '{sqlfile.quoted(built)}' as out")
            self._with_tables("out")
            self.con.execute(self.sql["write_facts"])
            at = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
            run = {"version": FACTS_VERSION, "at": at, "seconds": seconds}
            self.con.execute(self.sql["write_run"], run)
            self.con.execute("checkpoint out")
            self.con.execute("detach out")
            self._detach()
        except duckdb.Error as error:
            if is_full(error):
                told = f"no space left in {self.workspace.path}; what was measured is kept for the next run"
                raise WorkspaceError(told) from error
            raise


def _named(located: Located) -> str:
    """The file, or the archive and the member in it, as text that a database takes."""
    text = f"{located.path}!{located.member}" if located.member is not None else str(located.path)
    return text.encode("utf-8", "backslashreplace").decode()



def _may_hold_images(roots: Iterable[Path]) -> bool:
    """Whether there is anything below the roots that could be an image; stops at the first such file.

    It spares a million images, of a dataset that came without any, the search for each.
    """
    todo = [str(root) for root in roots]
    if any(root.lower().endswith(".zip") for root in todo):
        return True
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_symlink() or entry.name.lower().endswith((*EXTENSIONS, ".zip")):
                        return True
                    if entry.is_dir():
                        todo.append(entry.path)
        except OSError:
            continue
    return False
