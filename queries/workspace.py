"""The workspace folder: where each dataset's index lives, who may write, and how it is swapped in whole."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from queries.errors import WorkspaceError

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class Workspace:
    """`.kpaudit/`: `datasets/<id>-<name>.duckdb`, `findings/` and `facts/` alike, `thumbnails/`."""

    def __init__(self, path: Path):
        self.path = path.absolute()

    @property
    def thumbnails(self) -> Path:
        return self.path / "thumbnails"

    def index_files(self) -> list[Path]:
        """The indexes of all datasets, by id."""
        return self._files("datasets", None)

    def _files(self, folder: str, dataset_id: int | None) -> list[Path]:
        found = [p for p in (self.path / folder).glob("*.duckdb") if dataset_id_of(p) is not None]
        if dataset_id is not None:
            found = [p for p in found if dataset_id_of(p) == dataset_id]
        return sorted(found, key=lambda p: (dataset_id_of(p), p.name))

    def index_path(self, dataset_id: int, name: str) -> Path:
        """Where a dataset's index goes."""
        return self.path / "datasets" / _file_name(dataset_id, name)

    def findings_path(self, dataset_id: int, name: str) -> Path:
        """Where a dataset's findings go."""
        return self.path / "findings" / _file_name(dataset_id, name)

    def facts_path(self, dataset_id: int, name: str) -> Path:
        """Where the facts of a dataset's image files go."""
        return self.path / "facts" / _file_name(dataset_id, name)

    def findings_files(self, dataset_id: int | None = None) -> list[Path]:
        """The findings of all datasets, or what there is of one, under whatever name."""
        return self._files("findings", dataset_id)

    def facts_files(self, dataset_id: int | None = None) -> list[Path]:
        """The image facts of all datasets, or what there is of one, under whatever name."""
        return self._files("facts", dataset_id)

    @property
    def suppressed(self) -> Path:
        """Findings that somebody suppressed on the dashboard, a JSON line each, appended only."""
        return self.path / "suppressed.jsonl"

    def fingerprint(self) -> str:
        """Changes whenever an index, findings or facts are swapped in or removed, or one is suppressed."""
        parts = []
        for path in [*self.index_files(), *self.findings_files(), *self.facts_files(), self.suppressed]:
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                where = f"{path.parent.name}/{path.name}"
                parts.append(f"{where}:{stat.st_ino}:{stat.st_mtime_ns}:{stat.st_size}")
        return "|".join(parts)

    def prepare(self) -> None:
        """Makes the folders. Raises WorkspaceError where they can't be made or written to."""
        if strange := set("?\\") & set(str(self.path)):
            told = f"DuckDB can't open files in a folder with {' or '.join(sorted(strange))} in its path"
            raise WorkspaceError(f"can't use the workspace {self.path}: {told}")
        try:
            (self.path / "datasets").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise WorkspaceError(f"can't make the workspace {self.path}: {error.strerror}") from error
        if not os.access(self.path / "datasets", os.W_OK | os.X_OK):
            raise WorkspaceError(f"can't write to the workspace {self.path}: permission denied")

    @contextlib.contextmanager
    def writing(self, waiting: Callable[[], None]) -> Iterator[Path]:
        """Holds the workspace's write lock and yields a scratch folder in it, removed at the end.

        One process indexes at a time; another waits, after calling `waiting` once. The lock is the
        operating system's: it goes with the process, however that ends. What a killed process left in
        its scratch folder is removed by the next one.
        """
        self.prepare()
        try:
            lock_file = (self.path / "lock").open("a")
        except OSError as error:
            raise WorkspaceError(f"can't write to the workspace {self.path}: {error.strerror}") from error
        with lock_file as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            scratch = self.path / "scratch"
            shutil.rmtree(scratch, ignore_errors=True)
            try:
                scratch.mkdir()
                yield scratch
            except OSError as error:
                raise as_workspace_error(error, self.path) from error
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def swap_in(self, built: Path, target: Path, replaced: list[Path]) -> None:
        """Puts a finished index in the place of the old one: readers see the old or the new, never less."""
        target.parent.mkdir(exist_ok=True)
        with built.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(built, target)
        for old in replaced:
            if old != target:
                old.unlink(missing_ok=True)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _file_name(dataset_id: int, name: str) -> str:
    """A dataset's id, and its name as far as a file name can hold it."""
    return f"{dataset_id}-{_UNSAFE.sub('_', name)[:80]}.duckdb"


def dataset_id_of(path: Path) -> int | None:
    """The dataset's id, from its index's file name; None where the file is something else."""
    number = path.name.partition("-")[0]
    return int(number) if number.isdecimal() else None


def is_full(error: Exception) -> bool:
    """Whether an error of the system or of DuckDB says that the disk, or what may be used of it, is full."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    told = str(error).lower()
    said = ("no space left", "not enough disk space", "file too large", "quota exceeded")
    return any(words in told for words in said)


def as_workspace_error(error: OSError, path: Path) -> Exception:
    """A full or unwritable disk as one clear sentence; anything else as it is."""
    if is_full(error):
        return WorkspaceError(f"no space left for the index in {path}; the index that was there is unchanged")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) and str(path) in str(error.filename or ""):
        return WorkspaceError(f"can't write to the workspace {path}: {error.strerror}")
    return error
