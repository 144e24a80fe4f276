"""The source files of a dataset, read again for an export to their own format: only as they were indexed."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from queries import sqlfile
from queries.errors import KpauditError
from queries.export.selection import Selection
from queries.readers import lenient
from queries.readers.base import STRICT_LIMIT, content_hash


@dataclass(frozen=True)
class Source:
    """One annotation file of the dataset as it was indexed; `tolerant`: with records that no parser takes."""

    file_id: int
    path: str
    absolute: Path
    split: str
    bytes: int
    mtime_ns: int
    hash: str | None
    status: str
    root: str

    def changed(self, why: str) -> KpauditError:
        """The refusal: what was decided and selected was so of the file as it was."""
        return KpauditError(
            f"{self.absolute} {why} since it was indexed: run kpaudit index {self.root} and export again"
        )

    def read(self) -> bytes:
        """Its bytes. Raises KpauditError where they are not those that were indexed."""
        try:
            data = self.absolute.read_bytes()
        except OSError as error:
            raise self.changed("is gone or can't be read") from error
        if self.hash is not None and hashlib.blake2b(data, digest_size=16).hexdigest() != self.hash:
            raise self.changed("has changed")
        return data

    def check(self) -> None:
        """Raises KpauditError where the file is not as it was indexed, without holding it in memory."""
        try:
            if self.hash is not None and content_hash(self.absolute) != self.hash:
                raise self.changed("has changed")
        except OSError as error:
            raise self.changed("is gone or can't be read") from error

    def check_stat(self) -> None:
        """The same by its size, and its time where no hash is known: that needs no reading."""
        try:
            stat = self.absolute.stat()
        except OSError as error:
            raise self.changed("is gone or can't be read") from error
        if stat.st_size != self.bytes or (self.hash is None and stat.st_mtime_ns != self.mtime_ns):
            raise self.changed("has changed")


def sources(selection: Selection) -> list[Source]:
    """The files that records were read from, in the dataset's order; any that has gone is refused at once."""
    sql = sqlfile.statements("export/records.sql")
    root = Path(selection.dataset["root"])
    base = root if root.is_dir() else root.parent
    found = []
    for file_id, path, split, size, mtime_ns, digest, status in selection.con.execute(
        sql["written_from"], {"dataset": selection.dataset_id}
    ).fetchall():
        if status in ("read", "tolerant"):
            one = Source(
                file_id, path, base / path, split or "unsplit", size, mtime_ns, digest, status, str(root)
            )
            one.check_stat()
            found.append(one)
    return found


class Document:
    """A JSON file's members, and the elements of its `arrays`, in order: as (path, value), as often as asked.

    What is no JSON is passed over, as it was when the file was indexed. A large file, or one with records
    that no parser takes, is read as a stream each time. Raises KpauditError where it is not as it was.
    """

    def __init__(self, source: Source, arrays: frozenset[str], is_record: Callable[[Any], bool]) -> None:
        self.source, self._arrays, self._is_record = source, arrays, is_record
        self._value: dict[str, Any] | None = None
        if source.bytes > STRICT_LIMIT:
            source.check()
            return
        data = source.read()
        # repeated keys are records of their own, which a dictionary can't hold: such files are `tolerant`
        if source.status == "read":
            with contextlib.suppress(orjson.JSONDecodeError):
                value = _loads(data)
                self._value = value if isinstance(value, dict) else None

    @property
    def strict(self) -> bool:
        """Whether it is JSON through and through: finite numbers, valid text."""
        return self._value is not None

    def __iter__(self) -> Iterator[tuple[tuple, Any]]:
        if self._value is None:
            yield from self._scanned()
            return
        for key, member in self._value.items():
            if key in self._arrays and isinstance(member, list):
                yield from (((key, place), item) for place, item in enumerate(member))
            else:
                yield (key,), member

    def _scanned(self) -> Iterator[tuple[tuple, Any]]:
        for item in lenient.scan(self.source.absolute, self._arrays, self._is_record):
            if isinstance(item, lenient.Bad):
                continue
            value = item.value
            if lenient.has_invalid_text(value):
                value = lenient.escaped(value)
            yield tuple(lenient.escaped(step) if isinstance(step, str) else step for step in item.path), value


def _loads(data: bytes) -> Any:
    """orjson.loads without the garbage collector, which looks through all lists so far again and again."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        return orjson.loads(data)
    finally:
        if collecting:
            gc.enable()


def finite(value: Any) -> tuple[Any, bool]:
    """The value with null for NaN and infinities, which are no JSON, and whether there were any."""
    if isinstance(value, float):
        return (value, False) if math.isfinite(value) else (None, True)
    if isinstance(value, list):
        items = [finite(item) for item in value]
        return [item for item, _ in items], any(bad for _, bad in items)
    if isinstance(value, dict):
        members_ = {key: finite(item) for key, item in value.items()}
        return {key: item for key, (item, _) in members_.items()}, any(bad for _, bad in members_.values())
    return value, False


def id_text(value: Any) -> str | None:
    """An id as the index has it: as text, a number as JSON writes it."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


@dataclass(slots=True)
class Fate:
    """What becomes of one indexed annotation: `why` it is left out or None, and its corrections."""

    annotation_id: int
    image_id: int
    source_id: str | None
    ordinal: int
    kind: str
    label: str | None
    box: tuple[float | None, ...]
    why: str | None
    new_label: str | None
    new_box: tuple[float, ...] | None
    new_joints: dict[int, tuple[float, float, int | None]]
    #: how many joints its skeleton has
    joints: int

    @property
    def corrected(self) -> bool:
        return self.new_label is not None or self.new_box is not None or bool(self.new_joints)

    @property
    def name(self) -> str:
        return self.source_id if self.source_id is not None else f"{self.kind} {self.ordinal}"


class Fates:
    """The fates of annotations by image, fetched a stretch of images at a time; each is taken once.

    An image of which nothing is left out or corrected has no entry: its records are copied as they are.
    """

    def __init__(self, selection: Selection) -> None:
        self._con = selection.con
        self._sql = sqlfile.statements("export/records.sql")
        self._joints: dict[int, dict[int, tuple[float, float, int | None]]] = {}
        for number, joint, x, y, v in self._con.execute(self._sql["corrections"]).fetchall():
            self._joints.setdefault(number, {})[joint] = (x, y, v)
        self._touched = self._con.execute(self._sql["touched"]).fetchnumpy()["image_id"]
        self.by_image: dict[int, list[Fate]] = {}

    def load(self, first: int, last: int) -> None:
        """Fetches the fates of a stretch of images, and forgets nothing: see `forget`."""
        begin, end = self._touched.searchsorted([first, last + 1])
        if begin == end:
            return  # most files hold nothing that is left out or corrected
        rows = self._con.execute(self._sql["fates"], {"first": first, "last": last})
        while batch := rows.fetchmany(50_000):
            for number, image, own, ordinal, kind, label, box, why, new, x, y, w, h, count in batch:
                new_box = (x, y, w, h) if x is not None else None
                joints = self._joints.get(number, {})
                fate = Fate(
                    number, image, own, ordinal, kind, label, tuple(box), why, new, new_box, joints, count
                )
                self.by_image.setdefault(image, []).append(fate)

    def forget(self) -> None:
        """Makes room: the fates that were loaded are done with."""
        self.by_image.clear()
