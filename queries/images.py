"""Finds and reads image files from what annotations say of them; pixels.py decodes them.

Paths in annotations are data: they are only ever looked up below the roots that the user named, and what
they lead to, through links too, must lie below the same root. Zips are read in place.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import threading
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from .pixels import MAX_BYTES, ImageUnavailable, header_size

EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
# Folders that hold the images in the datasets as they are published, below the folder people point at.
IMAGE_FOLDERS = ("images", "hagrid_dataset", "imgs", "JPEGImages", "train", "val", "test")
# The head of a file has its size: only a JPEG with a very large preview in front needs more.
HEAD_BYTES = 256 * 2**10
MAX_INDEXED = 5_000_000
# Folders of images that published datasets put beside the folder of their annotations.
_BESIDE = ("hagrid_dataset", "images", "train2017", "val2017", "test2017", "JPEGImages")


@dataclass(frozen=True, slots=True)
class Located:
    """An image on disk or in a zip, checked to lie below a root.

    `path` is the real path of the file or of the zip, `member` the name inside a zip. `how` says what
    made the match: `path` as written, `suffix` with leading folders dropped, `name` by file name alone.
    """

    path: Path
    member: str | None
    bytes: int
    mtime_ns: int
    root: Path
    how: str = "path"


def image_roots(dataset: Mapping[str, Any]) -> list[Path]:
    """Where a dataset's images are looked for.

    What the user named, else the dataset's own folder; and where that is a folder of annotations alone,
    the folders that hold the images beside it.
    """
    if dataset["image_root"]:
        return [Path(dataset["image_root"])]
    root = Path(dataset["root"])
    base = root.parent if root.is_file() else root
    found = [base]
    for folder in (base, base.parent):
        if "annotation" in folder.name.lower():
            found += [folder.parent / name for name in _BESIDE if (folder.parent / name).is_dir()]
    return found


class ZipFolder:
    """A zip's table of contents, and reads from it that share no state between threads.

    The standard library's ZipFile keeps half a kilobyte a member and one file handle with a lock; a
    data set of a million images needs the table small and its reads independent.
    """

    def __init__(self, path: Path, mtime_ns: int) -> None:
        self.path, self.mtime_ns = path, mtime_ns
        self.error: str | None = None
        self._members: dict[str, tuple[int, int, int, int, int, int]] = {}
        try:
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if not info.is_dir():
                        self._members[info.filename] = (
                            info.header_offset, info.compress_size, info.file_size,
                            info.compress_type, info.flag_bits, info.CRC,
                        )  # fmt: skip
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error) as error:
            self.error = f"the zip {path.name} can't be read: {error}"

    def names(self) -> Iterator[str]:
        return iter(self._members)

    def size_of(self, name: str) -> int | None:
        """The member's unpacked size in bytes, as the zip declares it, or None where there is none."""
        member = self._members.get(name)
        return member[2] if member else None

    def read(self, name: str, limit: int, whole: bool) -> bytes:
        """The member's bytes: all of them, or with `whole` false its first `limit`."""
        if name not in self._members:
            raise ImageUnavailable(f"missing: no {name!r} in {self.path.name}")
        offset, packed, size, method, flags, crc = self._members[name]
        if whole and max(size, packed) > limit:
            raise ImageUnavailable(f"too large: {size:,} bytes, at most {limit:,} are read")
        if flags & 0x1 or method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ImageUnavailable(f"encrypted or packed in a way that is not read in {self.path.name}")
        try:
            with open(self.path, "rb") as file:
                file.seek(offset)
                header = file.read(30)  # its name and extra field may differ in length from the table's
                if len(header) < 30 or header[:4] != b"PK\3\4":
                    raise ImageUnavailable(f"truncated: {name!r} in {self.path.name}")
                file.seek(sum(struct.unpack("<HH", header[26:30])), os.SEEK_CUR)
                data = file.read(min(packed, limit))
            if method == zipfile.ZIP_DEFLATED:
                # Bounded whatever the table says: a member may unpack to more than it declares.
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, limit + 1)
        except (OSError, OverflowError, ValueError, zlib.error) as error:
            raise ImageUnavailable(f"truncated: {name!r} in {self.path.name}: {error}") from error
        if whole and (len(data) != size or zlib.crc32(data) != crc):
            raise ImageUnavailable(f"truncated: {name!r} in {self.path.name} fails its checksum")
        return data[:limit]


class ImageSource:
    """Looks for images below one or several roots: folders, zips, or folders of zips.

    Safe to share between threads. Nothing is listed until a direct path has failed, and then only once.
    """

    def __init__(self, roots: Sequence[Path | str]) -> None:
        self.roots = tuple(Path(root).resolve() for root in roots)
        self._lock = threading.Lock()
        self._index_lock = threading.Lock()
        self._zips: dict[Path, ZipFolder] = {}
        self._zip_paths: dict[Path, list[Path]] = {}
        self._index: dict[str, list[tuple[Path, str, bool]]] | None = None
        self._sizes: dict[Located, tuple[int, int]] = {}

    def locate(self, file_name: str | None, key: str) -> Located | None:
        """The image that an annotation means, or None; `find` says why not."""
        try:
            return self.find(file_name, key)
        except ImageUnavailable:
            return None

    def find(self, file_name: str | None, key: str) -> Located:
        """The image that an annotation means by `file_name`, or where it gives none by `key`.

        Tries the path below each root, in the usual image folders, with leading folders dropped one by
        one, then by file name anywhere below the roots; each with the other image extensions too. Of
        several files of one name the one that shares the longest end of the path wins; where that does
        not decide, or nothing is found, or the path is refused, ImageUnavailable says so.
        """
        if not self.roots:
            raise ImageUnavailable("no image folder is known: name one with --images")
        parts = _clean(file_name or key)
        outside: list[str] = []
        for drop in range(len(parts)):
            rest = parts[drop:]
            for name in _spellings(rest[-1]):
                tried = (*rest[:-1], name)
                found = self._direct(tried, "suffix" if drop else "path", outside)
                if found:
                    return found
        found = self._by_name(parts)
        if found:
            return found
        if outside:
            raise ImageUnavailable(outside[0])
        raise ImageUnavailable(f"missing: no image {'/'.join(parts)!r} below {_names(self.roots)}")

    def holds_any(self) -> bool:
        """Whether there is any image below the roots."""
        with self._index_lock:
            if self._index is None:
                self._index = self._build_index()
            return bool(self._index)

    def read(self, located: Located, limit: int = MAX_BYTES) -> bytes:
        """The image's bytes; ImageUnavailable where it is gone, not a plain file, or above `limit`."""
        if located.bytes > limit:
            raise ImageUnavailable(f"too large: {located.bytes:,} bytes, at most {limit:,} are read")
        return self._read(located, limit, whole=True)

    def size(self, located: Located) -> tuple[int, int]:
        """(width, height) in pixels from the file's header, remembered; no EXIF turn is applied."""
        known = self._sizes.get(located)
        if known is None:
            try:
                known = header_size(self._read(located, HEAD_BYTES, whole=False))
            except ImageUnavailable:
                known = header_size(self.read(located))
            if len(self._sizes) > 100_000:
                self._sizes.clear()
            self._sizes[located] = known
        return known

    def _read(self, located: Located, limit: int, whole: bool) -> bytes:
        # Checked again: a link may have been put there since the path was looked up, and a Located may
        # come out of a cache.
        if located.root not in self.roots or not _below(located.path, located.root):
            raise ImageUnavailable("outside the image folder")
        if located.member is not None:
            return self._zip(located.path).read(located.member, limit, whole)
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            handle = os.open(located.path, flags | getattr(os, "O_BINARY", 0))
            with os.fdopen(handle, "rb") as file:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise ImageUnavailable("not a plain file")
                data = file.read(limit + 1)
        except OSError as error:
            raise ImageUnavailable(f"missing: {error.strerror or error}") from error
        if whole and len(data) > limit:
            raise ImageUnavailable(f"too large: more than {limit:,} bytes")
        return data[:limit]

    def _direct(self, parts: tuple[str, ...], how: str, outside: list[str]) -> Located | None:
        """The file at a relative path below a root or one of its image folders, or in a zip there."""
        for root in self.roots:
            if root.suffix.lower() != ".zip":
                for folder in ("", *IMAGE_FOLDERS):
                    found = _plain(root, os.path.join(folder, *parts), how, outside)
                    if found:
                        return found
            for path in self._zips_of(root, parts[0]):
                found = self._in_zip(path, root, parts, how, outside)
                if found:
                    return found
        return None

    def _in_zip(
        self, path: Path, root: Path, parts: tuple[str, ...], how: str, outside: list[str]
    ) -> Located | None:
        # A zip named after the gesture may hold `call/<id>.jpg` or the bare files.
        names = ["/".join(parts)]
        if len(parts) > 1 and parts[0] == path.stem:
            names.append("/".join(parts[1:]))
        folder = self._zip(path)
        if folder.error and folder.error not in outside:
            outside.append(folder.error)
        for name in names:
            size = folder.size_of(name)
            if size is not None:
                return Located(path, name, size, folder.mtime_ns, root, how)
        return None

    def _zips_of(self, root: Path, first: str) -> list[Path]:
        """The zips of a root. One named like the path's first folder comes alone: reading the table of
        contents of the others, of tens of gigabytes each, would buy nothing."""
        if root not in self._zip_paths:
            paths = [root] if root.suffix.lower() == ".zip" else _list_zips(root)
            self._zip_paths[root] = paths
        named = [path for path in self._zip_paths[root] if path.stem == first]
        return named or self._zip_paths[root]

    def _zip(self, path: Path) -> ZipFolder:
        try:
            mtime = path.stat().st_mtime_ns
        except OSError as error:
            raise ImageUnavailable(f"missing: the zip {path.name} is gone") from error
        with self._lock:
            folder = self._zips.get(path)
            if folder is None or folder.mtime_ns != mtime:
                folder = self._zips[path] = ZipFolder(path, mtime)
            return folder

    def _by_name(self, parts: tuple[str, ...]) -> Located | None:
        with self._index_lock:  # a second thread waits for the walk instead of doing it again
            if self._index is None:
                self._index = self._build_index()
            index = self._index
        name = parts[-1]
        entries = index.get(_stem(name), [])
        # The extension as written is better evidence than the same stem with another one.
        exact = [entry for entry in entries if PurePosixPath(entry[1]).name == name]
        wanted = tuple(parts[:-1])
        scored = [(_shared(wanted, entry[1]), entry) for entry in exact or entries]
        if not scored:
            return None
        top = max(score for score, _ in scored)
        best = [entry for score, entry in scored if score == top]
        if len(best) > 1:
            listed = ", ".join(repr(entry[1]) for entry in best[:3])
            raise ImageUnavailable(f"ambiguous: {len(best)} files are called {name!r}: {listed}")
        where, relative, zipped = best[0]
        root = next(r for r in self.roots if where == r or r in where.parents)
        if zipped:
            return self._in_zip(where, root, tuple(relative.split("/")), "name", [])
        return _plain(root, relative, "name", [])

    def _build_index(self) -> dict[str, list[tuple[Path, str, bool]]]:
        """File stem -> (root or zip, path below it, is it a zip), of all images; links not followed."""
        index: dict[str, list[tuple[Path, str, bool]]] = {}
        count = 0
        for root in self.roots:
            for path in self._zips_of(root, ""):
                for name in self._zip(path).names():
                    if name.lower().endswith(EXTENSIONS) and (count := count + 1) <= MAX_INDEXED:
                        index.setdefault(_stem(name.rsplit("/", 1)[-1]), []).append((path, name, True))
            for relative in _walk(root):
                if (count := count + 1) > MAX_INDEXED:
                    return index
                index.setdefault(_stem(os.path.basename(relative)), []).append((root, relative, False))
        return index


def _clean(name: str) -> tuple[str, ...]:
    """The components of a relative path from an annotation; ImageUnavailable for any other."""
    if "\0" in name:
        raise ImageUnavailable("outside the image folder: the path holds a NUL byte")
    if "\\" in name:
        raise ImageUnavailable("outside the image folder: the path holds a backslash")
    if re.match(r"[A-Za-z]:", name):
        raise ImageUnavailable("outside the image folder: the path names a drive")
    if name.startswith("/"):
        raise ImageUnavailable("outside the image folder: the path is absolute")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise ImageUnavailable("outside the image folder: the path goes up with '..'")
    if not parts:
        raise ImageUnavailable("missing: the annotation gives no file name")
    return parts


def _stem(name: str) -> str:
    # Only a known extension is one: `S1_Directions_1.54138969_000001` has dots and no extension.
    head, dot, tail = name.rpartition(".")
    return head if dot and f".{tail.lower()}" in EXTENSIONS else name


def _spellings(name: str) -> Iterator[str]:
    """The file name as written, then with the other image extensions."""
    stem = _stem(name)
    if stem != name:
        yield name
    for extension in EXTENSIONS:
        for spelled in (stem + extension, stem + extension.upper()):
            if spelled != name:
                yield spelled


def _below(path: Path, root: Path) -> bool:
    real = os.path.realpath(path)
    base = str(root)
    return real == str(path) and (real == base or real.startswith(base.rstrip(os.sep) + os.sep))


def _plain(root: Path, relative: str, how: str, outside: list[str]) -> Located | None:
    """A regular file below a root; why something is there that may not be read goes to `outside`."""
    path = os.path.join(root, relative)
    try:
        info = os.stat(path)
        real = Path(os.path.realpath(path))
    except (OSError, ValueError):
        return None
    if not _below(real, root):
        outside.append("outside the image folder: the path leads out of it through a link")
        return None
    if not stat.S_ISREG(info.st_mode):
        if not stat.S_ISDIR(info.st_mode):
            outside.append("not a plain file: a device, pipe or socket")
        return None
    return Located(real, None, info.st_size, info.st_mtime_ns, root, how)


def _list_zips(root: Path) -> list[Path]:
    """Zips right below a root and its image folders, by name; links are left alone."""
    found = []
    for folder in (root, *(root / name for name in IMAGE_FOLDERS)):
        try:
            with os.scandir(folder) as entries:
                found += [
                    Path(entry.path) for entry in entries
                    if entry.name.lower().endswith(".zip") and entry.is_file(follow_symlinks=False)
                ]  # fmt: skip
        except OSError:
            continue
    return sorted(path for path in found if _below(path, root))


def _walk(root: Path) -> Iterator[str]:
    """Relative paths of the images below a folder, depth first; links and hidden folders are skipped."""
    todo = [""]
    while todo:
        folder = todo.pop()
        try:
            with os.scandir(os.path.join(root, folder)) as entries:
                for entry in entries:
                    relative = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.is_dir(follow_symlinks=False):
                        if not entry.name.startswith("."):
                            todo.append(relative)
                    elif entry.name.lower().endswith(EXTENSIONS) and entry.is_file(follow_symlinks=False):
                        yield relative
        except OSError:
            continue


def _shared(wanted: tuple[str, ...], relative: str) -> int:
    """How many folders, counted from the file upwards, two paths share."""
    shared = 0
    for a, b in zip(reversed(wanted), reversed(relative.split("/")[:-1]), strict=False):
        if a != b:
            break
        shared += 1
    return shared


def _names(roots: Sequence[Path]) -> str:
    return ", ".join(root.name or str(root) for root in roots)

