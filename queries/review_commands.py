"""What `kpaudit reviews` does: decisions out of the store, into it, and what they say."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from queries.errors import KpauditError
from queries.reviews import transfer
from queries.reviews.store import ReviewStore
from queries.workspace import Workspace


def place(workspace: Workspace, reviews: str | None) -> Path | str:
    """Where decisions are kept: `--reviews` (a file or a URL), else beside the index."""
    if reviews is None:
        workspace.prepare()
        return workspace.path / "reviews.sqlite"
    return reviews if "://" in reviews else Path(reviews)


def export(where: Path | str, file: Path, out: TextIO) -> None:
    """Writes the whole ledger as JSON lines to a file, whole or not at all; `-` is `out`."""
    store = ReviewStore(where)
    try:
        if str(file) == "-":
            out.writelines(transfer.export_lines(store))
            return
        handle, beside = tempfile.mkstemp(dir=file.absolute().parent, prefix=f".{file.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as lines:
                lines.writelines(transfer.export_lines(store))
            os.replace(beside, file)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KpauditError(f"{file} can't be written: {error.strerror}") from error
    finally:
        store.close()


def import_(where: Path | str, file: Path, out: TextIO) -> int:
    """Adds the decisions of a file; returns 2 where lines of it were none, and says which."""
    store = ReviewStore(where)
    try:
        found = transfer.import_file(store, file)
    finally:
        store.close()
    known = found.read - found.added
    out.write(f"{found.added:,} decisions added, {known:,} known already, {len(found.refused):,} refused\n")
    for line, reason in found.refused:
        sys.stderr.write(f"kpaudit: {file} line {line}: {reason}\n")
    return 2 if found.refused else 0


def summary(where: Path | str, file: Path | None, out: TextIO) -> None:
    """Verdicts by reviewer, agreement and the measured precision of checks: of the store, or of a file."""
    if file is not None:
        decisions, refused = transfer.read_lines(file)
        for line, reason in refused:
            sys.stderr.write(f"kpaudit: {file} line {line}: {reason}\n")
        out.write(transfer.summary(transfer.standing(decisions)))
        return
    store = ReviewStore(where)
    try:
        out.write(transfer.summary(store.standing()))
    finally:
        store.close()
