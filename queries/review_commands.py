"""What `kpaudit reviews` does: decisions out of the store, into it, and what they say."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from queries import targets
from queries.errors import KpauditError, UsageError
from queries.reviews import transfer
from queries.reviews.store import ReviewStore
from queries.workspace import Workspace


def place(workspace: Workspace, reviews: str | None, must_exist: bool = False) -> Path | str:
    """Where decisions are kept: `--reviews` (a file or a URL), else beside the index.

    Raises UsageError for a file that is not there where it `must_exist`: a backup of a store that was made
    that moment would be empty, and pass for one.
    """
    if reviews is not None and "://" in reviews:
        return reviews
    found = Path(reviews) if reviews is not None else workspace.path / "reviews.sqlite"
    if must_exist and not found.is_file():
        named = f"--reviews {reviews} does not exist" if reviews is not None else (
            f"there is no decision yet: the workspace {workspace.path} has no reviews.sqlite"
        )  # fmt: skip
        raise UsageError(named)
    if reviews is None:
        workspace.prepare()
    return found


def export(where: Path | str, file: Path, out: TextIO) -> None:
    """Writes the whole ledger as JSON lines to a file, whole or not at all; `-` is `out`.

    A file that is there is replaced where it is such a ledger; any other, the store itself, is refused.
    """
    store = ReviewStore(where)
    try:
        if str(file) == "-":
            out.writelines(transfer.export_lines(store))
            return
        targets.refuse_other_file(file, "an export of kpaudit reviews", _is_ledger)
        handle, beside = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as lines:
                os.fchmod(lines.fileno(), 0o644)
                lines.writelines(transfer.export_lines(store))
                lines.flush()
                os.fsync(lines.fileno())  # a backup is there when it says so
            os.replace(beside, file)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise KpauditError(f"{file} can't be written: {getattr(error, 'strerror', error)}") from error
    finally:
        store.close()


def _is_ledger(head: bytes) -> bool:
    """Whether a file that begins so is one that `export` wrote; its first line may be longer than that."""
    line = head.split(b"\n", 1)[0]
    try:
        value = json.loads(line)
    except ValueError:
        return line.startswith(b'{"decision_id": ')
    return isinstance(value, dict) and "decision_id" in value


def import_(where: Path | str, file: Path, out: TextIO) -> int:
    """Adds the decisions of a file; returns 2 where lines of it were none, and says which."""
    store = ReviewStore(where)
    try:
        found = transfer.import_file(store, file)
    finally:
        store.close()
    known = found.read - found.added
    out.write(f"{found.added:,} decisions added, {known:,} known already, {len(found.refused):,} refused\n")
    _tell(file, found.refused)
    return 2 if found.refused else 0


def summary(where: Path | str | None, file: Path | None, out: TextIO) -> int:
    """Verdicts by reviewer, agreement and the measured precision of checks: of the store, or of a file.

    Returns 2 where lines of the file were no decisions, and says which.
    """
    if file is not None:
        decisions, refused = transfer.read_lines(file)
        _tell(file, refused)
        out.write(transfer.summary(transfer.standing(decisions)))
        return 2 if refused else 0
    store = ReviewStore(where)
    try:
        out.write(transfer.summary(store.standing()))
    finally:
        store.close()
    return 0


def _tell(file: Path, refused: list | tuple) -> None:
    for line, reason in refused:
        sys.stderr.write(f"kpaudit: {file} line {line}: {reason}\n")
