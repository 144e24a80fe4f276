"""What every target shares: what was asked for, the folder that appears whole, safe names, JSON in pieces."""

from __future__ import annotations

import errno
import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import orjson

from queries import targets
from queries.errors import KpauditError, UsageError

#: Why an image goes with the last of its annotations.
EMPTIED = "none of its annotations fits: as a background it would teach that nothing is there"

TARGETS = ("coco", "yolo", "hagrid", "csv", "parquet")

_UNSAFE = re.compile(r"[^\w.@+=,~ ()-]+")
_LONGEST = 150  # bytes of a file's name: with a suffix it stays below every file system's 255
#: Text is gathered up to about this many characters before it is written.
_PIECES = 4 << 20


@dataclass(frozen=True)
class Request:
    """What `kpaudit export` was asked for; `split_of` (image_id → split) overrides the images' own splits.

    `beside` writes something more into the folder before it appears.
    """

    target: str
    out: Path
    splits: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    where: str | None = None
    drop_rejected: bool = False
    copy_images: bool = False
    split_of: Mapping[int, str] | None = None
    beside: Callable[[Path], None] | None = None

    def checked(self) -> Request:
        """Itself, or UsageError for what does not fit together."""
        if self.target not in TARGETS:
            raise UsageError(f"--to {self.target}: expected one of {', '.join(TARGETS)}")
        if self.copy_images and self.target != "yolo":
            raise UsageError(
                "--copy-images goes with --to yolo: the other formats name images, and hold none"
            )
        return self


@dataclass
class Written:
    """Counts of what a target holds, by split, and what a reader of it has to know."""

    images: dict[str, int] = field(default_factory=dict)
    annotations: dict[str, int] = field(default_factory=dict)
    keypoints: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, split: str, images: int = 0, annotations: int = 0, keypoints: int = 0) -> None:
        """Adds to a split's counts."""
        for counts, more in (
            (self.images, images),
            (self.annotations, annotations),
            (self.keypoints, keypoints),
        ):
            counts[split] = counts.get(split, 0) + more

    def note(self, text: str) -> None:
        """Says something of the whole export, once."""
        if text not in self.notes:
            self.notes.append(text)


@contextmanager
def appearing_whole(out: Path, never_below: Mapping[Path, str]) -> Iterator[Path]:
    """Yields a folder beside `out` to write into, and renames it to `out` where all went well.

    Raises UsageError where `out` holds something already or lies in one of `never_below` (see targets.py),
    KpauditError in a sentence where it can't be written; then `out` is as it was.
    """
    if "\0" in str(out):
        raise UsageError("the folder's name holds a NUL: name another one")
    out = out.absolute()
    try:
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise UsageError(f"{out} is there already, and is no folder")
        if out.is_dir() and any(out.iterdir()):
            raise UsageError(f"{out} is not empty: name a new folder; nothing was written")
        targets.refuse_below(out, never_below)
        out.parent.mkdir(parents=True, exist_ok=True)
        beside = out.parent / f"{out.name[:100]}.partial-{secrets.token_hex(4)}"
        beside.mkdir()  # with the rights that the user's mask gives
    except OSError as error:
        raise KpauditError(f"{out} can't be written: {error.strerror}") from error
    try:
        yield beside
        for path in sorted(beside.rglob("*.part")):
            raise AssertionError(f"{path.name} was left over")
        os.replace(beside, out)
    except OSError as error:
        raise _told(error, out) from error
    except duckdb.Error as error:
        raise _told_by_duckdb(error, out) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _told(error: OSError, out: Path) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return KpauditError(f"no space left for {out}; nothing of it was kept")
    return KpauditError(f"{out} can't be written: {error.strerror or error}; nothing of it was kept")


def _told_by_duckdb(error: duckdb.Error, out: Path) -> Exception:
    text = str(error).splitlines()[0]
    low = text.lower()
    if "no space left" in low or "file too large" in low or "not enough disk space" in low:
        return KpauditError(f"no space left for {out}; nothing of it was kept")
    if isinstance(error, duckdb.OutOfMemoryException):
        return KpauditError(f"not enough memory to write {out}: {text}")
    if isinstance(error, duckdb.IOException):
        return KpauditError(f"{out} can't be written: {text}; nothing of it was kept")
    return error


def safe(name: str, otherwise: str = "unnamed") -> str:
    """A text as the name of one file or folder: no separator, no leading dot, of bounded length."""
    text = _UNSAFE.sub("_", name.encode("utf-8", "replace").decode("utf-8")).strip(" ")
    text = re.sub(r"^\.+", "_", text)
    while len(text.encode("utf-8")) > _LONGEST:
        text = text[: max(1, len(text) - max(1, (len(text.encode("utf-8")) - _LONGEST) // 4))]
    return text.strip(" ") or otherwise


class Names:
    """Gives each asked-for name a safe one of its own, also where case does not tell names apart."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """The safe name of one component; the same for the same text."""
        if name not in self._given:
            self._given[name] = self.new(safe(name))
        return self._given[name]

    def new(self, wanted: str, suffix: str = "") -> str:
        """`wanted` + `suffix`, with a number between where that is taken."""
        found, number = wanted, 2
        while f"{found}{suffix}".casefold() in self._taken:
            found, number = f"{wanted}-{number}", number + 1
        self._taken.add(f"{found}{suffix}".casefold())
        return f"{found}{suffix}"


def dumps(value: Any) -> str:
    """JSON on one line, floats in the shortest form that reads back bit for bit."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # an integer beyond 64 bits, half of a surrogate pair
        return json.dumps(value, separators=(",", ":"))


class Pieces:
    """Appends text to files below a folder, many at once, with few handles and bounded memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending: dict[str, list[str]] = {}
        self._size = 0
        self._begun: set[str] = set()

    def add(self, name: str, text: str, between: str = ",\n") -> None:
        """Appends to a file, with `between` before all but its first piece."""
        pending = self._pending.setdefault(name, [])
        if name in self._begun:
            pending.append(between)
        self._begun.add(name)
        pending.append(text)
        self._size += len(text) + 64
        if self._size > _PIECES:
            self.flush()

    def flush(self) -> None:
        """Writes what is pending."""
        for name, texts in self._pending.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8", newline="") as file:
                file.writelines(texts)
        self._pending.clear()
        self._size = 0

    def begun(self) -> list[str]:
        """The files that hold something, in order."""
        return sorted(self._begun)

    def assemble(self, name: str, parts: Iterable[str | Callable[[], str]]) -> None:
        """Writes a file from texts and, where a part begins with @, from a piece, which is then gone."""
        self.flush()
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as out:
            for part in parts:
                if not part.startswith("@"):
                    out.write(part)
                elif part[1:] in self._begun:
                    piece = self._folder / part[1:]
                    with piece.open(encoding="utf-8", newline="") as text:
                        shutil.copyfileobj(text, out, 1 << 20)
                    piece.unlink()
