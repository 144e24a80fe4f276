"""What every reader offers and what it is handed: the walk over a root, and the index being built."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import duckdb
import numpy as np

from queries import sqlfile
from queries.model import ID_BLOCK, DatasetFacts, Detection, Options, Problem, Progress, SourceFile
from queries.readers import lenient
from queries.readers.scan import Scan

#: Files are read in groups of about this many bytes: enough to keep every core busy (a smaller group of
#: HaGRID's is but one or two blocks of rows, which one core works through), little enough that the raw
#: records of a group fit in 3 GB of memory.
GROUP_BYTES = 1 << 30

#: Skeletons of so many joints make long runs of one annotation's id.
_LONG_RUN = 15

#: DuckDB parses a JSON document as one object, in about ten times its size of memory; a larger file is
#: read as a stream, record by record: at a half (COCO) to a fifth (HaGRID) of the speed, in memory that
#: does not grow with the file.
STRICT_LIMIT = 512 << 20

_SPLIT_WORD = re.compile(r"(?<![a-z])(trainval|train|valid|validation|val|minival|test)(?![a-z])")
_SPLIT_NAMES = {"valid": "val", "validation": "val"}


class Guessed(duckdb.InvalidInputException):
    """Raised for a file that was rejected in the form that a reader gave it: it may be right all the same."""


class Reader(Protocol):
    """A format. One module each; `readers.READERS` lists them."""

    NAME: str
    TITLE: str
    #: Goes up when the same files would be read differently: indexes of older versions are rebuilt.
    VERSION: int
    #: For `kpaudit formats`: the files it looks for, what visibility means, whether there are subjects.
    LOOKS_FOR: str
    VISIBILITY: str
    SUBJECTS: str
    #: The forms it comes in, a line each.
    VARIANTS: tuple[str, ...]

    def detect(self, scan: Scan) -> Detection:
        """How sure it is that the root is its own. Never raises."""

    def files(self, scan: Scan, options: Options) -> list[SourceFile]:
        """The annotation files under the root, with their splits."""

    def load(self, build: Build) -> DatasetFacts:
        """Fills image, annotation, keypoint and problem. Never raises for what a record contains.

        A reader that can read a part of its files, the others' rows being kept from the index before,
        takes account of `Build.reads`, hands out ids in the order of the files, one after the other, and
        has `together(build)`: what follows from all files' rows. It is called last, over all of them, and
        first removes what it has said before. Where every image has a row whichever files are read, as
        in the formats that list their images, the reader says `LISTS_IMAGES = True`.
        """


@dataclass
class Build:
    """A dataset on its way into a new index file: the connection, the files and the ids used so far.

    `wanted` are the ids of the files to read, where the rows of the others are there already; None: all.
    """

    con: duckdb.DuckDBPyConnection
    dataset_id: int
    name: str
    root: Path
    files: list[SourceFile]
    options: Options
    scratch: Path
    progress: Progress
    wanted: frozenset[int] | None = None
    scan: Scan | None = None
    images: int = 0
    annotations: int = 0
    bytes_done: int = 0
    status: dict[int, tuple[str, str | None]] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)

    @property
    def id_base(self) -> int:
        return self.dataset_id * ID_BLOCK

    @cached_property
    def bytes_total(self) -> int:
        return sum(file.bytes for file in self.files if self.reads(file))

    def reads(self, file: SourceFile) -> bool:
        """Whether a file is to be read: neither left out by the reader nor there already."""
        return file.skipped is None and (self.wanted is None or file.file_id in self.wanted)

    def expect_joints(self, count: int) -> None:
        """Prepares the table of keypoints, while it is empty, for skeletons of so many joints."""
        if count >= _LONG_RUN:
            self.con.execute(sqlfile.statements("finish.sql")["long_runs"])

    def add_problems(self, problems: Iterable[Problem]) -> None:
        """Stores problem rows, in batches."""
        rows = [(self.dataset_id, p.file_id, p.locator, p.kind, p.message) for p in problems]
        insert_rows(self.con, "problem", rows)

    def advance(self, count: int, what: str) -> None:
        """Reports that `count` more bytes of annotation files are done."""
        self.bytes_done += count
        self.progress(self.bytes_done, self.bytes_total, what)

    def within(self, file: SourceFile) -> Callable[[int], None]:
        """A report for a file that takes long by itself: told of more bytes read, it moves the progress."""
        read = 0

        def report(count: int) -> None:
            nonlocal read
            read = min(read + count, file.bytes)
            self.progress(self.bytes_done + read, self.bytes_total, file.path)

        return report

    def groups(self) -> Iterator[list[SourceFile]]:
        """The readable files in groups of about GROUP_BYTES; unreadable ones are reported.

        While a group is being read, its files are hashed alongside.
        """
        for file in self.files:
            if file.skipped is not None:
                self.status[file.file_id] = ("skipped", file.skipped)
        wanted = [file for file in self.files if self.reads(file)]
        with ThreadPoolExecutor(1) as hashing:
            for part in _parts(wanted):
                group = [file for file in part if self._opens(file)]
                hashes = [(file, hashing.submit(content_hash, file.absolute)) for file in group]
                if group:
                    yield group
                for file, coming in hashes:
                    # what could be read a moment ago, and now can't, keeps its rows and has no hash
                    with contextlib.suppress(OSError):
                        self.hashes[file.file_id] = coming.result()

    def _opens(self, file: SourceFile) -> bool:
        if not file.bytes:
            self.refuse(file, "is empty")  # DuckDB takes it for a file without records
            return False
        try:
            with file.absolute.open("rb") as opened:
                opened.read(1)
        except OSError as error:
            self.refuse(file, f"can't be read: {error.strerror}")
            return False
        return True

    def refuse(self, file: SourceFile, reason: str) -> None:
        """Reports a file of which nothing can be read."""
        self.status[file.file_id] = ("unreadable", reason)
        self.add_problems([Problem(file.file_id, "file", "file-unreadable", f"{file.path} {reason}")])
        self.advance(file.bytes, file.path)

    def read_group(
        self,
        group: list[SourceFile],
        strict: Callable[[list[SourceFile]], None],
        tolerant: Callable[[SourceFile], int],
        after: Callable[[list[SourceFile]], None],
        limit: int | None = None,
    ) -> None:
        """Reads a group on the fast path, and by itself on the tolerant one each file that is rejected.

        `strict` fills the staging tables from whole files and raises duckdb.Error where one is not as
        expected; `tolerant` fills them from one file and returns how many problems it reported; `after`
        moves staged records into the index. Files are staged in their order, whichever path they take:
        so ids depend on the files alone.
        """
        pending: list[SourceFile] = []
        for file in group:
            if file.bytes <= (STRICT_LIMIT if limit is None else limit):
                pending.append(file)
                continue
            self._strictly(pending, strict, tolerant, after)
            pending = []
            self._tolerantly(file, None, tolerant, after)
        self._strictly(pending, strict, tolerant, after)

    def _strictly(
        self, files: list[SourceFile], strict: Callable, tolerant: Callable, after: Callable
    ) -> None:
        while files:
            try:
                strict(files)
            except duckdb.OutOfMemoryException:
                # fewer at once, and at last record by record, take less
                half = len(files) // 2
                if half:
                    self._strictly(files[:half], strict, tolerant, after)
                    self._strictly(files[half:], strict, tolerant, after)
                else:
                    self._tolerantly(files[0], None, tolerant, after)
                return
            except duckdb.Error as error:
                _raise_if_fatal(error)
                # DuckDB names the file it rejects; where it does not, any of them may be the one
                named = [n for n, file in enumerate(files) if f'"{file.absolute}"' in str(error)]
                first, last = (named[0], named[0] + 1) if named else (0, len(files))
                self._strictly(files[:first], strict, tolerant, after)
                for file in files[first:last]:
                    told = None if isinstance(error, Guessed) else _first_sentence(error)
                    self._tolerantly(file, told, tolerant, after)
                files = files[last:]
            else:
                self._staged(files, "read", after)
                return

    def _tolerantly(
        self, file: SourceFile, rejected: str | None, tolerant: Callable, after: Callable
    ) -> None:
        """Reads a file as a stream: one `rejected` for a reason, or one too large for the other path."""
        try:
            reported = tolerant(file)
        except OSError as error:
            raise_if_full(error)
            self.refuse(file, f"can't be read: {error.strerror}")
            return
        if not reported and rejected is not None and "Map keys must be unique" not in rejected:
            # Whatever the strict parser disliked must not go unsaid; repeated keys are reported as such.
            self.add_problems([Problem(file.file_id, "file", "json-malformed", rejected)])
        self._staged([file], "tolerant" if reported or rejected is not None else "read", after)

    def _staged(self, files: list[SourceFile], status: str, after: Callable) -> None:
        after(files)
        for file in files:
            self.status.setdefault(file.file_id, (status, None))
            self.advance(file.bytes, file.path)

    def lines_file(self, name: str, rows: Iterable[dict[str, Any]]) -> tuple[Path, int]:
        """Writes records as JSON lines into the build's scratch folder, for DuckDB to read.

        Returns the file, and the `maximum_object_size` to read it with: each thread has two such buffers.
        """
        path, longest = self.scratch / name, 0
        with path.open("w", encoding="utf-8", errors="backslashreplace") as out:
            for row in rows:
                line = json.dumps(row)
                longest = max(longest, len(line))
                out.write(line)
                out.write("\n")
        return path, max(16 << 20, longest + 1024)


def split_of_path(scan: Scan, path: str) -> str | None:
    """The split that a file's name tells, or else the nearest folder's, up to the root's own name."""
    below = [part for part in reversed(path.split("/"))]
    if scan.base.name:
        below.append(scan.base.name)
    for part in below:
        if found := _SPLIT_WORD.search(part.lower()):
            return _SPLIT_NAMES.get(found.group(1), found.group(1))
    return None


def bad_to_problem(bad: lenient.Bad, file: SourceFile) -> Problem:
    """The problem row of a stretch that is not JSON."""
    where = lenient.escaped(lenient.locator(bad.path, bad.offset))
    return Problem(file.file_id, where, "json-malformed", f"at byte {bad.offset}: {bad.reason}")


def insert_rows(con: duckdb.DuckDBPyConnection, table: str, rows: list[tuple]) -> None:
    """Appends rows to one of the schema's tables: as lists, since executemany takes half a ms a row."""
    if rows:
        columns = ", ".join(f"unnest(${place})" for place in range(1, len(rows[0]) + 1))
        values = [list(column) for column in zip(*rows, strict=True)]
        con.execute(f"insert into {table} select {columns}", values)


@contextmanager
def as_table(
    con: duckdb.DuckDBPyConnection, name: str, numbers: dict[str, list[int]], texts: dict[str, list]
) -> Iterator[None]:
    """Columns of whole numbers, and of text or None, as a table for as long as it is in use.

    DuckDB takes the values where they lie: as lists, given as parameters, 100,000 rows take half a second.
    """
    arrays = {column: np.array(values, dtype=np.int64) for column, values in numbers.items()}
    con.register(name, arrays | {column: np.array(values, dtype=object) for column, values in texts.items()})
    try:
        yield
    finally:
        con.unregister(name)


def glob_safe(path: Path) -> str:
    """A path that DuckDB's readers take literally, whatever brackets and stars are in it."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in str(path))


def content_hash(path: Path) -> str:
    """BLAKE2b over a file's bytes, 128 bits, in hex."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _parts(files: list[SourceFile]) -> Iterator[list[SourceFile]]:
    part: list[SourceFile] = []
    size = 0
    for file in files:
        if part and size + file.bytes > GROUP_BYTES:
            yield part
            part, size = [], 0
        part.append(file)
        size += file.bytes
    if part:
        yield part


def largest(files: list[SourceFile]) -> int:
    """The maximum_object_size to read whole files with: the largest of them, and a little more."""
    return max([16 << 20, *(file.bytes + 1024 for file in files)])


def _first_sentence(error: Exception) -> str:
    return str(error).split("\n", 1)[0]


def _raise_if_fatal(error: duckdb.Error) -> None:
    """Lets through what the input is not to blame for: a full disk, no memory, an interrupt."""
    text = str(error)
    fatal = (duckdb.OutOfMemoryException, duckdb.InterruptException, duckdb.FatalException)
    if isinstance(error, fatal) or "No space left" in text or "Could not write" in text:
        raise error


def raise_if_full(error: OSError) -> None:
    """Lets an error through that says that the disk, or what may be used of it, is full."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        raise error
