"""Reads many small label files, as YOLO's are: a batch at a time, as one text that DuckDB takes apart."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from queries.model import SourceFile
from queries.readers.base import Build

#: Files are read in batches of so many.
BATCH = 20_000

#: Between the files of a batch. `str.splitlines` breaks lines at it, so no line of a file can hold it.
BETWEEN = "\x1e"

#: A file of these bytes alone, without two spaces in a row or at an end, needs no looking at its lines.
_PLAIN = b"0123456789.-+eE \n"
_READ = 1 << 16


class LabelFile(SourceFile):
    """A source file whose Path is made when somebody asks for it: that of 120,000 takes a second."""

    def __init__(self, file_id: int, path: str, split: str | None, place: str):
        stat = os.stat(place)
        # the dataclass's own way, an attribute at a time, takes as long as the rest of this
        self.__dict__.update(
            file_id=file_id, path=path, split=split, place=place,
            bytes=stat.st_size, mtime_ns=stat.st_mtime_ns,
        )  # fmt: skip

    @property
    def absolute(self) -> Path:
        return Path(self.__dict__["place"])


def batches(build: Build, files: list[SourceFile]) -> Iterator[dict[str, Any]]:
    """Of each batch of files `file_ids` and `text`: their single-spaced lines, blank ones left empty.

    Hashes each; one that can't be read is reported. The next batch is read while this one is in use.
    """
    wanted = []
    for file in files:
        if file.skipped is not None:
            build.status[file.file_id] = ("skipped", file.skipped)
        elif build.reads(file):
            wanted.append(file)
    parts = [wanted[place : place + BATCH] for place in range(0, len(wanted), BATCH)]
    with ThreadPoolExecutor(1) as pool:
        coming = [pool.submit(_read, part) for part in parts[:1]]
        for place, part in enumerate(parts):
            texts, hashes, failed = coming.pop().result()
            coming = [pool.submit(_read, following) for following in parts[place + 1 : place + 2]]
            build.hashes.update(hashes)
            build.status.update(dict.fromkeys(hashes, ("read", None)))
            yield {"file_ids": list(hashes), "text": BETWEEN.join(texts)}
            for file, reason in failed:
                build.refuse(file, reason)
            build.advance(sum(file.bytes for file in part if file.file_id in hashes), part[-1].path)


def _read(files: list[SourceFile]) -> tuple[list[str], dict[int, str], list[tuple[SourceFile, str]]]:
    texts, hashes, failed = [], {}, []
    blake2b = hashlib.blake2b
    for file in files:
        try:
            data = _content(file)
        except OSError as error:
            failed.append((file, f"can't be read: {error.strerror}"))
            continue
        hashes[file.file_id] = blake2b(data, digest_size=16).hexdigest()
        texts.append(_spaced(data))
    return texts, hashes, failed


def _content(file: SourceFile) -> bytes:
    place = file.__dict__["place"] if isinstance(file, LabelFile) else file.absolute
    descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(descriptor, _READ)
        if len(data) < _READ:
            return data
        parts = [data]
        while more := os.read(descriptor, _READ):
            parts.append(more)
        return b"".join(parts)
    finally:
        os.close(descriptor)


def _spaced(data: bytes) -> str:
    plain = not data.translate(None, _PLAIN) and not data.startswith(b" ")
    if plain and not (b"  " in data or b" \n" in data or b"\n " in data or data.endswith(b" ")):
        return data.decode("ascii")
    lines = data.decode("utf-8-sig", "replace").splitlines()
    return "\n".join(" ".join(line.split()) for line in lines)
