"""Reads many small label files, as YOLO's are: a batch at a time, whose lines DuckDB takes apart."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb
import numpy as np

from queries.model import SourceFile
from queries.readers.base import Build, as_table

#: Files are read in batches of so many.
BATCH = 20_000

#: So many batches are being read or prepared while one is in use.
_AHEAD = 2

#: Text of these bytes alone, without two spaces in a row or at an end, needs no looking at its lines.
_PLAIN = b"0123456789.-+eE \n"
_READ = 1 << 16


class LabelFile(SourceFile):
    """A source file that is asked for its size and time, and made a Path, when somebody wants to know.

    Both together take a second for 120,000 of them; one that is read has them from then, in passing.
    """

    def __init__(self, file_id: int, path: str, split: str | None, place: str):
        # the dataclass's own way, an attribute at a time, takes as long as all else that is done here
        self.__dict__.update(file_id=file_id, path=path, split=split, place=place)

    @property
    def absolute(self) -> Path:
        return Path(self.__dict__["place"])

    @property
    def bytes(self) -> int:
        return self._known()[0]

    @property
    def mtime_ns(self) -> int:
        return self._known()[1]

    def _known(self) -> tuple[int, int]:
        if "known" not in self.__dict__:
            try:
                stat = os.stat(self.__dict__["place"])
                self.__dict__["known"] = stat.st_size, stat.st_mtime_ns
            except OSError:  # it is reported when it is read
                self.__dict__["known"] = 0, 0
        return self.__dict__["known"]


@dataclass
class _Batch:
    """What was read of some files: those that could be, their text and hashes, and the others with why."""

    files: list[SourceFile] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    failed: list[tuple[SourceFile, str]] = field(default_factory=list)


def batches(
    build: Build,
    files: list[SourceFile],
    listed: Callable[[], Mapping[int, int]],
    sql: str,
    of: dict[str, Any],
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Has each batch of files read and prepared, and yields the connection in which it is, in order.

    `sql`, with the parameters `of`, prepares what is in `label_batch` (file_id, image_id, text): its text
    has single-spaced lines, blank ones left empty. `listed` tells each file's image, and is asked while the
    first batch is being read. Every file is hashed; one that can't be read is reported. While a batch is in
    use, others are being read and prepared, each in a connection of its own.
    """
    wanted = []
    for file in files:
        if file.skipped is not None:
            build.status[file.file_id] = ("skipped", file.skipped)
        elif build.reads(file):
            wanted.append(file)
    parts = [wanted[place : place + BATCH] for place in range(0, len(wanted), BATCH)]
    left = len(wanted)
    beside = sum(file.bytes for file in build.files[: -len(files)] if build.reads(file))
    ahead = _Ahead(sql, of)
    with ThreadPoolExecutor(_AHEAD) as pool:
        try:
            first = parts[: _AHEAD + 1]
            coming = deque(pool.submit(ahead.prepare, part, build.con.cursor()) for part in first)
            ahead.images.set_result(listed())
            for place, part in enumerate(parts):
                found, con = coming.popleft().result()
                build.hashes.update(found.hashes)
                build.status.update(dict.fromkeys(found.hashes, ("read", None)))
                yield con
                if place + _AHEAD + 1 < len(parts):
                    coming.append(pool.submit(ahead.prepare, parts[place + _AHEAD + 1], con))
                read = sum(file.bytes for file in found.files)
                # what is left is taken to be like this batch: to ask every file beforehand takes long
                known = read + sum(file.bytes for file, _ in found.failed)
                build.bytes_total = build.bytes_done + round(known * left / len(part)) + beside
                left -= len(part)
                for file, reason in found.failed:
                    build.refuse(file, reason)
                build.advance(read, part[-1].path)
        except BaseException:
            ahead.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Ahead:
    """What the threads do that read and prepare batches."""

    def __init__(self, sql: str, of: dict[str, Any]):
        self.sql, self.of = sql, of
        self.images: Future[Mapping[int, int]] = Future()
        self._reading, self._stopped = Lock(), False

    def stop(self) -> None:
        """Ends what is under way: nobody waits for it any more."""
        self._stopped = True
        self.images.cancel()

    def prepare(
        self, part: list[SourceFile], con: duckdb.DuckDBPyConnection
    ) -> tuple[_Batch, duckdb.DuckDBPyConnection]:
        with self._reading:  # two at once would only wait for each other
            found = self._read(part)
        images = self.images.result()
        numbers = {"file_id": list(found.hashes), "image_id": [images[number] for number in found.hashes]}
        with as_table(con, "label_batch", numbers, {"text": found.texts}):
            con.execute(self.sql, self.of).fetchall()
        found.texts = []
        return found, con

    def _read(self, files: list[SourceFile]) -> _Batch:
        found, blake2b = _Batch(), hashlib.blake2b
        contents = []
        for file in files:
            if self._stopped:
                raise CancelledError
            try:
                data = _content(file)
            except OSError as error:
                found.failed.append((file, f"can't be read: {error.strerror}"))
                continue
            found.hashes[file.file_id] = blake2b(data, digest_size=16).hexdigest()
            found.files.append(file)
            contents.append(data)
        plain = _all_plain(b"\n".join(contents))
        found.texts = [
            data.decode("ascii") if plain or _is_plain(data) else _spaced(data) for data in contents
        ]
        return found


def _content(file: SourceFile) -> bytes:
    known = file.__dict__
    place = known["place"] if isinstance(file, LabelFile) else file.absolute
    # a pipe that is called like a label file is empty, and nothing to wait for
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if isinstance(file, LabelFile):
            stat = os.fstat(descriptor)
            known["known"] = stat.st_size, stat.st_mtime_ns
        data = os.read(descriptor, _READ)
        if len(data) < _READ:
            return data
        parts = [data]
        while more := os.read(descriptor, _READ):
            parts.append(more)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _all_plain(data: bytes) -> bool:
    """As `_is_plain`, of a text that is long enough for numpy to be the quicker way."""
    if data.translate(None, _PLAIN):
        return False
    codes = np.frombuffer(data, dtype=np.uint8)
    spaces, white = codes == ord(" "), codes <= ord(" ")
    beside = (spaces[1:] & white[:-1]).any() or (spaces[:-1] & white[1:]).any()
    return not (beside or spaces[:1].any() or spaces[-1:].any())


def _is_plain(data: bytes) -> bool:
    if data.translate(None, _PLAIN) or data.startswith(b" ") or data.endswith(b" "):
        return False
    return not (b"  " in data or b" \n" in data or b"\n " in data)


def _spaced(data: bytes) -> str:
    lines = data.decode("utf-8-sig", "replace").splitlines()
    return "\n".join(" ".join(line.split()) for line in lines)
