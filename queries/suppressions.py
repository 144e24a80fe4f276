"""Findings that somebody suppressed by hand, with a reason: an append-only file of JSON lines."""

from __future__ import annotations

import datetime
import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path

from queries.errors import UsageError, WorkspaceError


def standing(file: Path) -> list[tuple[str, str, str | None, datetime.datetime | None]]:
    """(finding_key, reason, by, since) of what is suppressed now: the last line of a key counts.

    A line that is none (a machine that stopped in the middle of one) is passed over.
    """
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: dict[str, tuple[str, str, str | None, datetime.datetime | None]] = {}
    for line in lines:
        try:
            entry = json.loads(line)
            key, reason = entry["key"], entry.get("reason")
            at = datetime.datetime.fromisoformat(entry["at"]).replace(tzinfo=None)
        except (ValueError, KeyError, TypeError):
            continue
        if not isinstance(key, str):
            continue
        found.pop(key, None)
        if isinstance(reason, str) and reason:
            found[key] = (key, reason, entry.get("by"), at)
    return list(found.values())


def suppress(file: Path, keys: Iterable[str], reason: str, by: str | None = None) -> None:
    """Suppresses findings. Raises UsageError without a reason, WorkspaceError where it can't be written."""
    if not reason.strip():
        raise UsageError("a suppression needs a reason")
    _append(file, keys, reason.strip(), by)


def restore(file: Path, keys: Iterable[str], by: str | None = None) -> None:
    """Lets findings count again."""
    _append(file, keys, None, by)


def _append(file: Path, keys: Iterable[str], reason: str | None, by: str | None) -> None:
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    lines = [
        json.dumps({"key": key, "reason": reason, "by": by, "at": at}, ensure_ascii=False) for key in keys
    ]
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
