"""Reads JSON that a strict parser rejects, record by record, and says where each bad one is.

A file is decoded in windows, so that one of several gigabytes needs no more memory than its largest
record. After a bad record the reader looks for the next place where a record can start and goes on there.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")
_WINDOW = 8 << 20
_KEYED = re.compile(r',\s*("(?:[^"\\]|\\.)*")\s*:\s*(?=\{)')
_LISTED = re.compile(r",\s*(?=\{)")
_INVALID = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True)
class Item:
    """A value and its path from the top of the file."""

    path: tuple[str | int, ...]
    value: Any


@dataclass(frozen=True)
class Bad:
    """A stretch of the file that is not JSON: where it starts and what is wrong with it."""

    path: tuple[str | int, ...]
    offset: int
    reason: str


class _Window:
    """The decoded text from a position of the file on, with more of it read as it is asked for."""

    def __init__(self, path: Path):
        self.file = path.open("rb")
        head = self.file.read(4)
        self.encoding, skip = _encoding(head)
        self.file.seek(skip)
        # A byte that is not UTF-8 becomes a lone surrogate: its record is reported, the others load.
        self.decoder = codecs.getincrementaldecoder(self.encoding)(errors="surrogateescape")
        self.text, self.at, self.ended, self.dropped_bytes = "", 0, False, skip

    def more(self) -> bool:
        """Appends another window; False at the end of the file."""
        if self.ended:
            return False
        chunk = self.file.read(_WINDOW)
        self.ended = not chunk
        try:
            self.text += self.decoder.decode(chunk, self.ended)
        except UnicodeDecodeError as error:
            self.ended = True
            raise ValueError(f"can't be decoded as {self.encoding}: {error.reason}") from error
        return bool(chunk)

    def trim(self) -> None:
        """Forgets the text before the current position once it is large."""
        if self.at > _WINDOW:
            self.dropped_bytes += len(self._encoded(self.text[: self.at]))
            self.text, self.at = self.text[self.at :], 0

    def offset(self, at: int) -> int:
        return self.dropped_bytes + len(self._encoded(self.text[:at]))

    def peek(self) -> str:
        """The next character that is not white space, or '' at the end of the file."""
        while True:
            self.at = _SPACE.match(self.text, self.at).end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def take(self, expected: str) -> None:
        found = self.peek()
        if found != expected:
            raise _Malformed(self.at, f"expected {expected!r}, found {found or 'the end of the file'!r}")
        self.at += 1

    def value(self) -> Any:
        """Decodes the value that starts here. Raises _Malformed where there is none."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.text, self.at)
            except (json.JSONDecodeError, RecursionError) as error:
                where = getattr(error, "pos", self.at)
                reason = getattr(error, "msg", "nested too deeply")
                # An error well inside the window is the file's; one near its end may be the window's.
                unfinished = where > len(self.text) - 32 or "Unterminated" in reason
                if unfinished and self.more():
                    continue
                raise _Malformed(where, reason) from error
            if end == len(self.text) and self.more():
                continue  # a number may go on in the next window
            self.at = end
            return value

    def _encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, errors="surrogateescape")


class _Malformed(Exception):
    def __init__(self, at: int, reason: str):
        super().__init__(reason)
        self.at, self.reason = at, reason


def scan(
    path: Path, arrays: frozenset[str] = frozenset(), is_record: Callable[[Any], bool] = lambda value: True
) -> Iterator[Item | Bad]:
    """Yields the values of the file's outermost object or list, and what could not be read.

    The values of the keys named in `arrays` are yielded element by element, with a path of two. After a
    bad stretch, reading goes on at the next object for which `is_record` holds. Never raises for what the
    file contains; OSError for what the file system says.
    """
    window = _Window(path)
    try:
        if window.encoding != "utf-8":
            yield Bad((), 0, f"encoded as {window.encoding}, expected UTF-8; read as it is")
        first = window.peek()
        if first == "{":
            yield from _members(window, arrays, is_record)
        elif first == "[":
            yield from _elements(window, (), is_record)
        else:
            yield Bad((), window.offset(window.at), f"starts with {first!r}, expected '{{' or '['")
            return
        if window.peek():
            yield Bad((), window.offset(window.at), "text after the end of the JSON value")
    except ValueError as error:
        yield Bad((), window.dropped_bytes, str(error))
    finally:
        window.file.close()


def has_invalid_text(value: Any) -> bool:
    """Whether a decoded value holds a byte that was not valid UTF-8."""
    if isinstance(value, str):
        return _INVALID.search(value) is not None
    if isinstance(value, dict):
        return any(has_invalid_text(k) or has_invalid_text(v) for k, v in value.items())
    return isinstance(value, list) and any(has_invalid_text(v) for v in value)


def locator(path: tuple[str | int, ...], offset: int) -> str:
    """A place in a file in words: `annotations[12]`, a record's key, or `byte 4711`."""
    if not path:
        return f"byte {offset}"
    return "".join(f"[{step}]" if isinstance(step, int) else step for step in path)


def _encoding(head: bytes) -> tuple[str, int]:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8", 3
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le", 2
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be", 2
    return "utf-8", 0


def _members(
    window: _Window, arrays: frozenset[str], is_record: Callable[[Any], bool]
) -> Iterator[Item | Bad]:
    window.take("{")
    if window.peek() == "}":
        window.at += 1
        return
    while True:
        start, key = window.at, None
        try:
            if window.peek() != '"':
                raise _Malformed(window.at, f"expected a key, found {window.peek() or 'the end of the file'!r}")
            start = window.at
            key = window.value()
            window.take(":")
            if key in arrays and window.peek() == "[":
                yield from _elements(window, (key,), is_record)
            else:
                yield Item((key,), window.value())
            closed = _separator(window, "}")
        except _Malformed as error:
            yield Bad((key,) if key is not None else (), window.offset(error.at), error.reason)
            if not _resume(window, start, _KEYED, is_record):
                return
            closed = False
        if closed:
            return
        window.trim()


def _elements(window: _Window, path: tuple, is_record: Callable[[Any], bool]) -> Iterator[Item | Bad]:
    window.take("[")
    if window.peek() == "]":
        window.at += 1
        return
    index = 0
    while True:
        start = window.at
        try:
            window.peek()
            start = window.at
            yield Item((*path, index), window.value())
            closed = _separator(window, "]")
        except _Malformed as error:
            yield Bad((*path, index), window.offset(error.at), error.reason)
            if not _resume(window, start, _LISTED, is_record):
                return
            closed = False
        if closed:
            return
        index += 1
        window.trim()


def _separator(window: _Window, end: str) -> bool:
    """Steps over a comma (False) or over the end of the object or list (True)."""
    found = window.peek()
    if found not in (",", end):
        raise _Malformed(
            window.at, f"expected ',' or {end!r} after the value, found {found or 'the end of the file'!r}"
        )
    window.at += 1
    return found == end


def _resume(window: _Window, start: int, pattern: re.Pattern, is_record: Callable[[Any], bool]) -> bool:
    """Moves to the next place at which a whole record stands; False where there is none."""
    at = start + 1
    while True:
        for match in pattern.finditer(window.text, at):
            try:
                value, _ = _DECODER.raw_decode(window.text, match.end())
            except (json.JSONDecodeError, RecursionError):
                continue
            if is_record(value):
                window.at = match.start() + 1
                return True
        at = max(start + 1, len(window.text) - 1)
        if not window.more():
            window.at = len(window.text)
            return False
        # A record may straddle the windows: look again from a little before the seam.
        at = max(start + 1, at - (1 << 20))
