"""Cuts a large JSON object of many records into several documents, which can be parsed one by one.

DuckDB parses a document as a whole, in about ten times its size of memory. Where to cut is guessed from the
text; a cut in a wrong place leaves two documents that are no JSON, so whoever parses them finds out.
"""

from __future__ import annotations

import io
import mmap
import re
from collections.abc import Iterator
from pathlib import Path

#: Between two records that are objects: the end of one, and the start of the next with its key.
_BETWEEN = re.compile(rb'\}\s*,\s*(?="((?:[^"\\]|\\.){1,4096})"\s*:\s*\{)')

#: So much of the text is searched for a place to cut.
_SEARCHED = 1 << 20


def cut(path: Path, folder: Path, size: int, fields: frozenset[bytes] = frozenset()) -> list[Path]:
    """Writes a file's records into files of about `size` bytes in a folder, each one JSON object, in order.

    A key in `fields` is a record's field and starts none. Where the file is no object, or no place to cut
    is found, it is itself all there is: [path]. Raises OSError where a file can't be read or written.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        head, tail = text[:64].lstrip(b"\xef\xbb\xbf \t\r\n"), text[-64:].rstrip()
        cuts = list(_cuts(text, size, fields)) if head.startswith(b"{") and tail.endswith(b"}") else []
        if not cuts:
            return [path]
        starts, ends = [0, *(start for _, start in cuts)], [*(end for end, _ in cuts), len(text)]
        made = []
        with memoryview(text) as whole:
            for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
                piece = folder / f"{number}.json"
                with piece.open("wb", buffering=0) as out, whole[start:end] as part:
                    out.write(b"{" if start else b"")
                    _write(out, part)
                    out.write(b"}" if end < len(text) else b"")
                made.append(piece)
        return made


def _write(out: io.FileIO, part: memoryview) -> None:
    done = 0
    while done < len(part):  # a system call may take less than all of it
        with part[done:] as left:
            done += out.write(left)


def _cuts(text: mmap.mmap, size: int, fields: frozenset[bytes]) -> Iterator[tuple[int, int]]:
    """Where a piece ends, behind a brace, and the next one's key starts: a cut after each `size` bytes."""
    at = size
    while at < len(text) - size // 2:
        near = _BETWEEN.finditer(text, at, min(at + _SEARCHED, len(text)))
        found = next((match for match in near if match[1] not in fields), None)
        if found is None:
            at += _SEARCHED
            continue
        yield found.start() + 1, found.end()
        at = found.end() + size
