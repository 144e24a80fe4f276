"""Cuts a large JSON object of many records into several documents, which can be parsed one by one.

DuckDB parses a document as a whole, in about ten times its size of memory. Where to cut is guessed from the
text; behind a cut in a wrong place a piece ends that is no JSON, so whoever parses them all finds out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

#: Between two records that are objects: the end of one, and the start of the next with its key.
_BETWEEN = re.compile(rb'\}\s*,\s*(?="((?:[^"\\]|\\.){1,4096})"\s*:\s*\{)')

#: So much of the text is searched for a place to cut, and copied, at a time.
_WINDOW = 1 << 20


def cut(path: Path, folder: Path, size: int, fields: frozenset[bytes] = frozenset()) -> list[Path]:
    """Writes a file's records into files of about `size` bytes in a folder, each one JSON object, in order.

    A key in `fields` is a record's field and starts none. Where the file is no object, or no place to cut
    is found, it is itself all there is: [path]. Raises OSError where a file can't be read or written.
    """
    # read, not mapped into memory: a file that is cut short meanwhile is one that ends early, and no crash
    with path.open("rb", buffering=0) as text:
        length = os.fstat(text.fileno()).st_size
        head = os.pread(text.fileno(), 64, 0).lstrip(b"\xef\xbb\xbf \t\r\n")
        tail = os.pread(text.fileno(), 64, max(length - 64, 0)).rstrip()
        usable = head.startswith(b"{") and tail.endswith(b"}")
        cuts = list(_cuts(text, length, size, fields)) if usable else []
        if not cuts:
            return [path]
        starts, ends = [0, *(start for _, start in cuts)], [*(end for end, _ in cuts), length]
        made = []
        for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
            piece = folder / f"{number}.json"
            with piece.open("wb") as out:
                out.write(b"{" if start else b"")
                for at in range(start, end, _WINDOW):
                    out.write(os.pread(text.fileno(), min(_WINDOW, end - at), at))
                out.write(b"}" if end < length else b"")
            made.append(piece)
        return made


def _cuts(text: BinaryIO, length: int, size: int, fields: frozenset[bytes]) -> Iterator[tuple[int, int]]:
    """Where a piece ends, behind a brace, and the next one's key starts: a cut after each `size` bytes."""
    at = size
    while at < length - size // 2:
        near = _BETWEEN.finditer(os.pread(text.fileno(), _WINDOW, at))
        found = next((match for match in near if match[1] not in fields), None)
        if found is None:
            at += _WINDOW
            continue
        yield at + found.start() + 1, at + found.end()
        at += found.end() + size
