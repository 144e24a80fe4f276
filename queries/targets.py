"""Where results may be written: never into a dataset or the workspace, never over a file of another kind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from queries import images as image_files
from queries.errors import UsageError

if TYPE_CHECKING:
    from queries.store import Store

#: As much of a file as tells what it is.
_HEAD = 4096


def kept_clear(store: Store, dataset_id: int) -> dict[Path, str]:
    """The folders that nothing is written to, and whose they are: of `dataset_id` and of all the others."""
    found: dict[Path, str] = {}
    for row in store.datasets:
        root = Path(row["root"])
        own = row["dataset_id"] == dataset_id
        named = [Path(row["image_root"])] if row["image_root"] else []
        folders = [root, *(image_files.image_roots(row)[:1] if own else named)]
        told = "the dataset's own folder" if own else f"the folder of the dataset {row['name']},"
        found |= {folder: f"{told} {folder}" for folder in folders if folder.is_dir()}
    place = store.workspace.path
    return {place: f"the workspace {place}", **found}


def refuse_below(out: Path, folders: Mapping[Path, str]) -> None:
    """Raises UsageError where `out` lies in one of the folders, through links too."""
    resolved = out.absolute().resolve()
    for folder, told in folders.items():
        if resolved.is_relative_to(folder.resolve()):
            raise UsageError(f"{out} lies in {told}, which is never written to: name another folder")


def refuse_other_file(out: Path, what: str, is_one: Callable[[bytes], bool]) -> None:
    """Raises UsageError where `out` is there and, by its first bytes, not `what`; empty files will do."""
    with contextlib.suppress(FileNotFoundError):
        if out.is_dir():
            raise UsageError(f"{out} is a folder, expected the name of a file")
        if out.exists() and not out.is_file():
            return  # a pipe, a device: nothing is lost there
        with out.open("rb") as file:
            head = file.read(_HEAD)
        if head and not is_one(head):
            raise UsageError(f"{out} is there already, and is not {what}: name another file")
