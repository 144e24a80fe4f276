"""Findings that somebody suppressed by hand, with a reason: an append-only file of JSON lines."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from queries.errors import UsageError, WorkspaceError


class Standing(NamedTuple):
    """A finding that is suppressed now. `digest` is its annotation's at that time, None where it has none."""

    key: str
    reason: str
    by: str | None
    since: datetime.datetime
    digest: int | None = None


def standing(file: Path) -> list[Standing]:
    """What is suppressed now: the last line of a key counts."""
    return read(file)[0]


def read(file: Path, today: datetime.date | None = None) -> tuple[list[Standing], list[str]]:
    """What is suppressed today (UTC), and a sentence for each line that says nothing that can be understood.

    Such a line, of a machine that stopped in the middle of one or of a hand that slipped, is passed over:
    the others stand.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    try:
        # only \n ends a line: U+2028 and the like may stand in a reason
        lines = file.read_bytes().decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return [], []
    except OSError as error:
        return [], [f"{file} can't be read, so what it suppresses counts: {error.strerror}"]
    found: dict[str, Standing] = {}
    wrong = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entry, until = _entry(line)
        except ValueError as error:
            wrong.append(f"{file}, line {number}: {error}; the line is passed over")
            continue
        found.pop(entry.key, None)
        if entry.reason and (until is None or today <= until):
            found[entry.key] = entry
    return list(found.values()), wrong


def _entry(line: str) -> tuple[Standing, datetime.date | None]:
    """A line's suppression (without a reason: it is taken back) and its last day. Raises ValueError."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"found {line[:60]!r}, expected a JSON object") from error
    if not isinstance(data, dict):
        raise ValueError(f"found {line[:60]!r}, expected a JSON object")
    if not isinstance(data.get("key"), str):
        raise ValueError(f"key is {data.get('key')!r}, expected a finding's key")
    texts: list[str | None] = []
    for name in ("reason", "by"):
        value = data.get(name)
        if not isinstance(value, str | None):
            raise ValueError(f"{name} is {value!r}, expected text")
        texts.append(None if value is None else _storable(value))
    digest = data.get("digest")
    if not isinstance(digest, int | None) or isinstance(digest, bool) or abs(digest or 0) >= 1 << 63:
        raise ValueError(f"digest is {digest!r}, expected a whole number")
    at = _date(data, "at", datetime.datetime.fromisoformat)
    until = _date(data, "until", datetime.date.fromisoformat) if data.get("until") is not None else None
    if at.tzinfo is not None:
        at = at.astimezone(datetime.UTC).replace(tzinfo=None)
    return Standing(_storable(data["key"]), texts[0] or "", texts[1], at, digest), until


def _date(data: Mapping[str, Any], name: str, parse: Any) -> Any:
    try:
        return parse(data.get(name))
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{name} is {data.get(name)!r}, expected a date as in 2026-01-31") from error


def _storable(text: str) -> str:
    """The text with lone surrogates replaced, which JSON can hold and a database can't."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def suppress(
    file: Path,
    keys: Iterable[str],
    reason: str,
    by: str | None = None,
    digests: Mapping[str, int] | None = None,
) -> None:
    """Suppresses findings; `digests` are those of their annotations, by key (Store.digests).

    With a digest the suppression holds for the annotation as it is now, and lapses when that changes.
    Raises UsageError without a reason, WorkspaceError where it can't be written.
    """
    if not reason.strip():
        raise UsageError("a suppression needs a reason")
    _append(file, keys, reason.strip(), by, digests or {})


def restore(file: Path, keys: Iterable[str], by: str | None = None) -> None:
    """Lets findings count again."""
    _append(file, keys, None, by, {})


def _append(
    file: Path, keys: Iterable[str], reason: str | None, by: str | None, digests: Mapping[str, int]
) -> None:
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lines = []
    for key in keys:
        entry = {"key": key, "reason": reason, "by": by, "at": at}
        if key in digests:
            entry["digest"] = int(digests[key])
        lines.append(json.dumps(entry))
    try:
        with file.open("ab+") as out:
            fcntl.flock(out, fcntl.LOCK_EX)
            # a line that a crash cut short must not swallow the next one
            if out.tell() and not _ends_line(out):
                out.write(b"\n")
            out.write("".join(f"{line}\n" for line in lines).encode())
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise WorkspaceError(f"can't write {file}: {error.strerror}") from error


def _ends_line(file) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
