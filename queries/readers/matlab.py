"""Matlab files for the readers: through scipy, with every struct, cell and scalar taken the same way.

scipy keeps Matlab's shapes here (`squeeze_me=False`): a list of one stays a list of one, so an image with a
single person looks like any other. A v7.3 file is HDF5 inside; scipy does not read it, and it is said so.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queries.model import FoundFile
from queries.readers import matlab_tags
from queries.readers.records import UnreadableFile
from queries.readers.scan import Scan

if TYPE_CHECKING:
    import numpy as np

V73 = "is a Matlab v7.3 file (HDF5), expected v7 or older: load it in Matlab or Octave and save it with -v7"
#: MHP keeps a small .mat file an image in folders of this name; no other dataset's file is among them.
POSE_FOLDER = "pose_annos"
#: The most numbers that a sparse matrix may stand for, 1 GiB in memory: 300 times what LSP extended holds.
_SPARSE_NUMBERS = 1 << 27
#: So many .mat files are opened to see what they are; a dataset that is one file has few beside it.
_LOOKED_AT = 20


def candidates(scan: Scan) -> list[FoundFile]:
    """The .mat files that may be a whole dataset's, nearest to the root first."""
    found = [f for f in scan.data_files if is_mat(f.path) and f"/{POSE_FOLDER}/" not in f"/{f.path}"]
    return sorted(found, key=lambda f: (f.path.count("/"), f.path))[:_LOOKED_AT]


def is_mat(path: str) -> bool:
    """Whether a file's name says that it is Matlab's."""
    return path.lower().endswith(".mat")


def variables(path: Path) -> dict[str, tuple[int, ...]]:
    """The names and shapes of a file's variables; nothing for a file that can't be read."""
    try:
        stat = path.stat()
    except OSError:
        return {}
    return _variables(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=256)
def _variables(path: Path, mtime_ns: int, size: int) -> dict[str, tuple[int, ...]]:
    # scipy.io takes a quarter of a second to import, which most commands need not wait for
    from scipy.io import whosmat  # noqa: PLC0415

    try:
        return {} if is_v73(path) else {name: shape for name, shape, _ in whosmat(path, appendmat=False)}
    except Exception:  # what scipy raises depends on where the bytes go wrong
        return {}


def is_v73(path: Path) -> bool:
    """Whether the file is HDF5, as Matlab's v7.3 files are: by its header, or HDF5's own at 0 or 512."""
    try:
        with path.open("rb") as file:
            head = file.read(520)
    except OSError:
        return False
    return head.startswith((b"MATLAB 7.3", b"\x89HDF")) or head[512:516] == b"\x89HDF"


def load(path: Path, names: list[str] | None = None) -> dict[str, np.ndarray]:
    """The file's variables, or those of these names. Raises UnreadableFile, OSError for the file system's."""
    if is_v73(path):
        raise UnreadableFile(V73)
    if wrong := matlab_tags.damage(path):
        raise UnreadableFile(f"is a damaged Matlab file: {wrong}")
    from scipy.io import loadmat  # noqa: PLC0415

    try:
        found = loadmat(path, appendmat=False, variable_names=names)
    except MemoryError as error:
        raise UnreadableFile("asks for more memory than there is") from error
    except Exception as error:  # as above
        told = str(error).split("\n", 1)[0] or type(error).__name__
        raise UnreadableFile(f"is no Matlab file that can be read: {told}") from error
    return {name: dense(value) for name, value in found.items() if not name.startswith("__")}


def dense(value: Any) -> Any:
    """Matlab's sparse matrix as an array like any other; every other value as it is.

    Those within structs and cells are met here when `field` and `cells` take them out.
    """
    if not hasattr(value, "toarray"):
        return value
    shape = "×".join(map(str, value.shape))
    if math.prod(value.shape) > _SPARSE_NUMBERS:
        told = f"holds a sparse matrix of {shape}, expected at most {_SPARSE_NUMBERS:,} numbers"
        raise UnreadableFile(told)
    try:
        # scipy writes the numbers where the file says, beyond the array too, which can end the process
        if hasattr(value, "check_format"):
            # what check_format leaves out where the last column says that there are no numbers
            if (value.indptr[1:] < value.indptr[:-1]).any():
                raise ValueError("its columns overlap")
            value.check_format(full_check=True)
        return value.toarray()
    except (ValueError, IndexError) as error:
        raise UnreadableFile(f"holds a broken sparse matrix of {shape}: {error}") from error


def records(value: Any) -> list[Any]:
    """The structs of a struct array, or of a cell array of structs, in Matlab's order."""
    dtype = getattr(value, "dtype", None)
    if dtype is None or getattr(value, "ndim", 0) == 0:
        return [value] if dtype is not None and dtype.names else []
    if dtype.names:
        return list(value.ravel(order="F"))
    if dtype.kind == "O":
        return [record for cell in value.ravel(order="F") for record in records(cell)]
    return []


def cells(value: Any) -> list[Any]:
    """The contents of a cell array, or the numbers of an array, in Matlab's order."""
    return [dense(cell) for cell in value.ravel(order="F")] if hasattr(value, "ravel") else []


def fields(record: Any) -> tuple[str, ...]:
    """The names of a struct's fields that hold anything."""
    return tuple(name for name in record.dtype.names or () if not is_empty(dense(record[name])))


def field(record: Any, name: str) -> Any:
    """A struct's field, or None where it has none of that name or an empty one."""
    # a sparse matrix counts as empty where all of its numbers are 0
    value = dense(record[name]) if name in (record.dtype.names or ()) else None
    return None if is_empty(value) else value


def is_empty(value: Any) -> bool:
    """Whether a field holds Matlab's [] or a struct without any field."""
    return value is None or getattr(value, "size", 1) == 0 or getattr(value, "dtype", None) == []


def number(value: Any) -> float | None:
    """The first number of a field, also where it is written as text; None where there is none."""
    while hasattr(value, "ravel") and getattr(value, "ndim", 0) > 0:
        if value.size == 0:
            return None
        value = value.ravel()[0]
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def text(value: Any) -> str | None:
    """A field's text, or None where it holds none."""
    while hasattr(value, "ravel") and getattr(value, "ndim", 0) > 0:
        if value.size == 0:
            return None
        value = value.ravel()[0]
    return str(value) if isinstance(value, str) else None


def finite(value: float | None) -> float | None:
    """A number as JSON can hold it: None for what is not finite; whole numbers without a fraction."""
    if value is None or not math.isfinite(value):
        return None
    return int(value) if value == int(value) else value
