"""Reads JSON that a strict parser rejects, record by record, and says where each bad one is.

A file is decoded in windows, so that one of several gigabytes needs no more memory than its largest
record. After a bad record the reader looks for the next place where a record can start and goes on there.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_WINDOW = 8 << 20
#: A value longer than this, in characters, is taken for a stretch that nothing closes.
_LONGEST = 256 << 20
#: No format nests its records deeper; what does could exhaust the stack of whoever walks through it.
_DEEPEST = 64
#: After a bad stretch a record is looked for again from this far before the seam of two windows.
_SEAM = 1 << 20
_AHEAD = 1 << 16
_KEYED = r'(?P<go>"(?:[^"\\]|\\.)*"\s*:\s*)(?=\{)'
_LISTED = r"(?P<go>)(?=\{)"
_INVALID = re.compile("[\ud800-\udfff]")


def _int(text: str) -> int | float:
    # Python refuses to make integers of thousands of digits; as a float it is infinite, and reported
    return int(text) if len(text) < 300 else float(text)


_DECODER = json.JSONDecoder(parse_int=_int)


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

    def __init__(self, path: Path, report: Callable[[int], None]):
        self.file = path.open("rb")
        self.report = report
        head = self.file.read(4)
        self.encoding, skip = _encoding(head)
        self.file.seek(skip)
        # A byte that is not UTF-8 becomes a lone surrogate: its record is reported, the others load.
        self.decoder = codecs.getincrementaldecoder(self.encoding)(errors="surrogateescape")
        self.text, self.at, self.ended, self.dropped_bytes = "", 0, False, skip
        self.measured = (0, 0)

    def more(self) -> bool:
        """Appends another window; False at the end of the file."""
        if self.ended:
            return False
        chunk = self.file.read(_WINDOW)
        self.ended = not chunk
        self.report(len(chunk))
        try:
            self.text += self.decoder.decode(chunk, self.ended)
        except UnicodeDecodeError as error:
            self.ended = True
            raise ValueError(f"can't be decoded as {self.encoding}: {error.reason}") from error
        return bool(chunk)

    def trim(self) -> None:
        """Forgets the text before the current position once it is large."""
        if self.at > _WINDOW:
            self.forget(self.at)
            self.at = 0

    def forget(self, count: int) -> None:
        """Drops that many characters from the front; positions shift by as many."""
        self.dropped_bytes = self.offset(count)
        self.text, self.measured = self.text[count:], (0, 0)

    def offset(self, at: int) -> int:
        """The byte at which a character stands; measured on from the last one asked for."""
        known, size = self.measured if self.measured[0] <= at else (0, 0)
        self.measured = (at, size + len(self._encoded(self.text[known:at])))
        return self.dropped_bytes + self.measured[1]

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
                if unfinished and len(self.text) - self.at < _LONGEST and self.more():
                    continue
                raise _Malformed(where, reason) from error
            # A number may go on in the next window: `1.` and `1e+` are cut ones.
            if end > len(self.text) - 3 and self.more():
                continue
            if too_deep(value):
                raise _Malformed(self.at, "nested too deeply")
            self.at = end
            return value

    def _encoded(self, text: str) -> bytes:
        return text.encode(self.encoding, errors="surrogateescape")


class _Malformed(Exception):
    def __init__(self, at: int, reason: str):
        super().__init__(reason)
        self.at, self.reason = at, reason


def scan(
    path: Path,
    arrays: frozenset[str] = frozenset(),
    is_record: Callable[[Any], bool] = lambda value: True,
    report: Callable[[int], None] = lambda count: None,
) -> Iterator[Item | Bad]:
    """Yields the values of the file's outermost object or list, and what could not be read.

    The values of the keys named in `arrays` are yielded element by element, with a path of two. After a
    bad stretch, reading goes on at the next object for which `is_record` holds, or at the next of those
    keys. `report` is told how many more bytes have been read. Never raises for what the file contains;
    OSError for what the file system says.
    """
    window = _Window(path, report)
    try:
        if window.encoding != "utf-8":
            yield Bad((), 0, f"encoded as {window.encoding}, expected UTF-8; read as it is")
        first = window.peek()
        if first == "{":
            yield from _members(window, arrays, is_record)
        elif first == "[":
            yield from _elements(window, (), arrays, is_record)
        elif first:
            yield Bad((), window.offset(window.at), f"starts with {first!r}, expected '{{' or '['")
        else:
            yield Bad((), window.offset(window.at), "the file is empty, expected '{' or '['")
    except ValueError as error:
        yield Bad((), window.dropped_bytes, str(error))
    finally:
        window.file.close()


def has_invalid_text(value: Any) -> bool:
    """Whether a decoded value holds a byte that was not valid UTF-8, or half of a surrogate pair."""
    return any(isinstance(part, str) and _INVALID.search(part) is not None for part in _parts(value))


def escaped(value: Any) -> Any:
    r"""A decoded value in which text that can't be UTF-8 is written as escapes: `caf\xe9`."""
    if isinstance(value, str):
        return _INVALID.sub(_escape, value)
    if isinstance(value, dict):
        return {escaped(key): escaped(item) for key, item in value.items()}
    return [escaped(item) for item in value] if isinstance(value, list) else value


def too_deep(value: Any) -> bool:
    """Whether lists and objects are nested deeper than any record is."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            item
            for outer in level
            if isinstance(outer, (list, dict))
            for item in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(item, (list, dict))
        ]
        if not level:
            return False
    return True


def _parts(value: Any) -> Iterator[Any]:
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            pending.extend(part)
            pending.extend(part.values())
        elif isinstance(part, list):
            pending.extend(part)
        else:
            yield part


def _escape(found: re.Match) -> str:
    code = ord(found.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


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
        if not window.peek():
            return
    while True:
        start, key = window.at, None
        try:
            if window.peek() != '"':
                found = window.peek() or "the end of the file"
                raise _Malformed(window.at, f"expected a key, found {found!r}")
            start = window.at
            key = window.value()
            window.take(":")
            if key in arrays and window.peek() == "[":
                came = yield from _elements(window, (key,), arrays, is_record)
                if came is None:
                    return
                if came == "list":
                    continue
                start = window.at - 1  # positions have shifted while the elements were read
            else:
                yield Item((key,), window.value())
            if _separator(window, "}"):
                if not window.peek():
                    return
                raise _Malformed(window.at, "text after the end of the JSON value")
        except _Malformed as error:
            yield Bad((key,) if key is not None else (), window.offset(error.at), error.reason)
            if not _resume(window, start, _KEYED, arrays, is_record):
                return
        window.trim()


def _elements(
    window: _Window, path: tuple, arrays: frozenset[str], is_record: Callable[[Any], bool]
) -> Generator[Item | Bad, None, str | None]:
    """Yields a list's elements; returns whether its "end" came, or the next "list" after a bad stretch."""
    window.take("[")
    index = 0
    while True:
        start = window.at
        try:
            found = window.peek()
            start = window.at
            if index == 0 and found == "]":
                window.at += 1
                _check_end(window, path)
                return "end"
            value = window.value()
            if isinstance(value, str) and value in arrays and window.peek() == ":":
                start -= 1  # the name itself is where to go on
                raise _Malformed(start, f"expected ']' before {value!r}")
            yield Item((*path, index), value)
            if _separator(window, "]"):
                _check_end(window, path)
                return "end"
        except _Malformed as error:
            yield Bad((*path, index), window.offset(error.at), error.reason)
            resumed = _resume(window, start, _LISTED, arrays, is_record)
            if resumed != "record":
                return resumed
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


def _check_end(window: _Window, path: tuple) -> None:
    """Raises _Malformed where more follows a list's end than may: then it was no end."""
    found = window.peek()
    after = window.at
    if found == "," and path:
        window.at += 1
        found = window.peek()
        window.at = after
        if found == '"':
            return
    elif found in ("", "}") and (path or not found):
        return
    raise _Malformed(after, "the list goes on after its end")


def _resume(
    window: _Window, start: int, record: str, arrays: frozenset[str], is_record: Callable[[Any], bool]
) -> str | None:
    """Moves to the next place after `start` at which a whole "record", or one of the lists, stands.

    Says which of the two it is, or None at the end of the file.
    """
    names = "|".join(re.escape(name) for name in sorted(arrays)) or r"(?!)"
    a_list = rf'(?P<list>"(?:{names})"\s*:\s*\[)'
    places = re.compile(rf",\s*{record}|{a_list}")
    # Where only the comma is missing, or is another character, the next record stands right here.
    window.peek()
    while len(window.text) - window.at < _AHEAD and window.more():
        pass
    here = re.compile(rf".?\s*{record}", re.DOTALL).match(window.text, window.at)
    if here and here.start("go") <= start:
        here = None  # where the bad stretch begins: it would only be found again
    at = start + 1
    while True:
        for match in chain([here] if here else (), places.finditer(window.text, at)):
            if match.re is places and match["list"]:
                window.at = match.start()
                return "list"
            try:
                value, _ = _DECODER.raw_decode(window.text, match.end())
            except (ValueError, RecursionError):
                continue
            if is_record(value) and not too_deep(value):
                window.at = match.start("go")
                return "record"
        here, at = None, max(at, len(window.text) - _SEAM)
        if at > _WINDOW:
            window.forget(at)
            at = window.at = 0
        if not window.more():
            window.at = len(window.text)
            return None
