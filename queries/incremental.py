"""What has changed since an index was built, and an index brought up to date by reading that alone.

The result is what a whole new build gives, ids included. Whatever can't be shown to be so is left to a
whole build: a changed format, option, reader or data.yaml, a format whose files can't be told apart, more
than half of the bytes to read, or an index that has been patched so often that much of it is dead.
"""

from __future__ import annotations

import fcntl
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import duckdb

from queries import sqlfile
from queries.model import SCHEMA_VERSION, DatasetFacts, Options, SourceFile
from queries.readers.base import Build, content_hash
from queries.readers.scan import Scan

#: Above this share of the bytes, reading everything costs hardly more and leaves a tidier file.
LARGEST_SHARE = 0.5

#: Rows stored for each row there, and the share of the file that is free, above which it is built anew.
MOST_STORED, MOST_FREE = 1.5, 0.4

#: Blocks of ids that move by different amounts: as many comparisons a row, or else a join.
_MOST_MOVES = 100

#: Linux's request to share a file's blocks (linux/fs.h); other systems refuse it.
_FICLONE = 0x40049409

#: File systems without fine time stamps: a file written twice within this time may look unchanged.
_COARSE_NS = 2_000_000_000


class Unfit(Exception):
    """Raised where an index can't be brought up to date; its text says why."""


class Wider(Unfit):
    """Raised where what was read has numbers that the index's columns, being narrower, can't hold."""


@dataclass(frozen=True)
class Former:
    """A source file as the index has it."""

    file_id: int
    split: str | None
    bytes: int
    mtime_ns: int
    content_hash: str | None
    status: str
    detail: str | None


@dataclass(frozen=True)
class Change:
    """What became of a dataset's files since its index was built.

    `kept` are files whose rows stay, by their ids now; `read` those to read; `restated` those kept of which
    the index has an outdated time or size. `listing` says that images or folders came or went beside them.
    """

    old: Path
    kept: dict[int, Former]
    read: frozenset[int]
    gone: frozenset[int]
    restated: tuple[SourceFile, ...]
    listing: bool
    renumbered: bool

    @property
    def nothing_to_read(self) -> bool:
        return not (self.read or self.gone or self.listing or self.renumbered)


def compare(
    old: Path, scan: Scan, files: list[SourceFile], reader: ModuleType, options: Options, said: str
) -> Change | None:
    """The change since the old index was built; None where all must be read, or the index can't be.

    `said` are the options in the form that the index keeps them in.
    """
    sql = sqlfile.statements("incremental.sql")
    try:
        with duckdb.connect(old, read_only=True) as con:
            row = con.execute(sql["identity"]).fetchone()
            name, version, schema, former_options, at, seconds = row
            if (name, version, schema) != (reader.NAME, reader.VERSION, SCHEMA_VERSION):
                return None
            if json.loads(former_options) != json.loads(said):
                return None
            rows = con.execute(sql["files"]).fetchall()
            told = [row[0] for row in con.execute(sql["unreadable"]).fetchall()]
            listing = told != sorted(f"can't be read: {what}" for what in scan.unreadable)
            if not listing and hasattr(reader, "image_keys"):
                keys = con.execute("select split, key from image").fetchall()
                listing = reader.image_keys(scan, options) != set(keys)
            entangled: set[int] = set()
            then = {(row[1], row[2]): Former(row[0], *row[2:]) for row in rows}
            if len(then) != len(rows):
                return None
            change = _compared(old, files, then, listing, at - int(seconds * 1e9) - _COARSE_NS)
            if change.nothing_to_read or not hasattr(reader, "together"):
                return change if change.nothing_to_read else None
            if not getattr(reader, "LISTS_IMAGES", False):
                entangled = {row[0] for row in con.execute(sql["entangled"]).fetchall()}
            return _whole_or(_untangled(change, entangled), files, reader, con)
    except duckdb.Error:
        return None


def _compared(
    old: Path, files: list[SourceFile], then: dict[tuple[str, str | None], Former], listing: bool, since: int
) -> Change:
    kept: dict[int, Former] = {}
    read: set[int] = set()
    restated = []
    for file in files:
        former = then.get((file.path, file.split))
        if former is not None and _same(former, file, since):
            kept[file.file_id] = former
            if (former.bytes, former.mtime_ns) != (file.bytes, file.mtime_ns):
                restated.append(file)
                listing = listing or file.skipped is not None
        elif file.skipped is None:
            read.add(file.file_id)
        else:
            listing = True  # a row of source_file alone
    gone = {former.file_id for former in then.values()} - {former.file_id for former in kept.values()}
    renumbered = any(number != former.file_id for number, former in kept.items())
    return Change(old, kept, frozenset(read), frozenset(gone), tuple(restated), listing, renumbered)


def _same(former: Former, file: SourceFile, since: int) -> bool:
    """Whether a file says what it said: by size and time, and where the time alone differs by its content."""
    if file.skipped is not None or former.status == "skipped":
        return former.status == "skipped" and former.detail == file.skipped
    if former.bytes != file.bytes:
        return False
    if not file.bytes and former.detail == "is empty":
        return True  # it was not read, and has no hash
    coarse = file.mtime_ns % 1_000_000_000 == 0 and file.mtime_ns >= since
    # a file that could not be read may be readable now, and its time would not tell
    if former.status != "unreadable" and former.mtime_ns == file.mtime_ns and not coarse:
        return True
    try:
        return content_hash(file.absolute) == former.content_hash
    except OSError:
        return former.content_hash is None


def _untangled(change: Change, entangled: set[int]) -> Change:
    """The change, with files to read again that share an image with others: which one has it may change."""
    again = {number for number, former in change.kept.items() if former.file_id in entangled}
    return Change(
        change.old,
        {number: former for number, former in change.kept.items() if number not in again},
        change.read | again,
        change.gone | {change.kept[number].file_id for number in again},
        tuple(file for file in change.restated if file.file_id not in again),
        change.listing,
        change.renumbered,
    )


def _whole_or(
    change: Change, files: list[SourceFile], reader: ModuleType, con: duckdb.DuckDBPyConnection
) -> Change | None:
    """The change, or None where a whole build is due."""
    governing = getattr(reader, "GOVERNING", frozenset())
    if not governing <= change.kept.keys():
        return None
    read = sum(file.bytes for file in files if file.file_id in change.read)
    if read > LARGEST_SHARE * sum(file.bytes for file in files if file.skipped is None):
        return None
    sql = sqlfile.statements("incremental.sql")
    stored, there = con.execute(sql["stored"]).fetchone()
    free, blocks = con.execute(sql["free_blocks"]).fetchone()
    # a small file is mostly the blocks that every one has
    worn = (stored or 0) > MOST_STORED * max(there, 100_000) or (free > MOST_FREE and blocks > 200)
    return None if worn else change


def copy(old: Path, new: Path) -> None:
    """Copies a file, or shares its blocks where the file system can do that."""
    with old.open("rb") as source, new.open("wb") as target:
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            shutil.copyfile(old, new)


def restate(change: Change, built: Path) -> None:
    """Makes a copy of the index that has the files' times as they are now: their content is the same.

    The build stays the same one: findings and facts go on belonging to it.
    """
    sql = sqlfile.statements("incremental.sql")
    copy(change.old, built)
    with duckdb.connect(built) as con:
        for file in change.restated:
            former = change.kept[file.file_id].file_id
            con.execute(
                sql["restate"], {"bytes": file.bytes, "mtime_ns": file.mtime_ns, "file_id": former}
            )
        con.execute("checkpoint")


def read_changed(build: Build, change: Change, reader: ModuleType) -> DatasetFacts:
    """Reads the changed files alone into the build's own small index."""
    facts = reader.load(build)
    for number, former in change.kept.items():
        build.status[number] = (former.status, former.detail)
        if former.content_hash is not None:
            build.hashes[number] = former.content_hash
    return facts


def merge(build: Build, change: Change, reader: ModuleType, fresh: Path) -> None:
    """Brings the copy of the old index that the build is connected to up to date with what was read.

    Raises Unfit where the ids in either are not where they are expected, Wider where numbers don't fit.
    """
    sql, con = sqlfile.statements("incremental.sql"), build.con
    own_images = not getattr(reader, "LISTS_IMAGES", False)
    governing = {"governing": sorted(getattr(reader, "GOVERNING", ()))}
    place = {"base": build.id_base, "own_images": own_images}
    con.execute(f"attach '{sqlfile.quoted(fresh)}' as fresh (read_only)")
    if con.execute(sql["narrower"]).fetchall()[0][0]:
        raise Wider("the index keeps coordinates as float32, and not all of what was read are that")
    con.execute(sql["file_map"])
    numbers = [(former.file_id, number) for number, former in change.kept.items()]
    con.execute(
        "insert into file_map select unnest($before), unnest($now)",
        {"before": [row[0] for row in numbers], "now": [row[1] for row in numbers]},
    )
    con.execute(sql["spans"], place)
    if misplaced := con.execute(sql["misplaced"], {"base": build.id_base}).fetchall()[0][0]:
        raise Unfit(f"{misplaced} blocks of ids are not where a whole build puts them")
    con.execute(sql["gone_annotations"])
    con.execute(sql["delete_keypoints"])
    con.execute(sql["image_map"]) if own_images else con.execute(sql["listed_image_map"], governing)
    _move_annotations(con, sql)
    con.execute(sql["move_to_images"])
    if own_images:
        con.execute(sql["delete_images"])
        con.execute(sql["move_images"])
    else:
        con.execute(sql["drop_images"])
    con.execute(sql["delete_problems"], governing)
    if change.renumbered:
        con.execute(sql["move_image_files"])
        con.execute(sql["move_problem_files"])
    for name in ("fresh_annotations", "fresh_images"):
        con.execute(sql[name], {"own_images": own_images} if "$own_images" in sql[name] else None)
    for name in ("add_images", "add_annotations", "add_keypoints", "add_problems", "forget"):
        con.execute(sql[name])
    con.execute("detach fresh")


def _move_annotations(con: duckdb.DuckDBPyConnection, sql: dict[str, str]) -> None:
    """Gives annotations and their keypoints the ids that they have in a whole build."""
    moves = con.execute(sql["moves"]).fetchall()
    if len(moves) > _MOST_MOVES:
        con.execute(sql["move_map"])
        con.execute(sql["delete_annotations"])
        con.execute(sql["move_keypoints"])
        con.execute(sql["move_annotations"])
        return
    con.execute(sql["delete_annotations"])
    if moves:
        # rewrites one column, at a tenth of an update's cost; it takes no parameters, and these are integers
        cases = " ".join(
            f"when annotation_id between {first} and {last} then annotation_id + ({shift})"
            for first, last, shift in moves
        )
        by = f"case {cases} else annotation_id end"
        for table in ("keypoint", "annotation"):
            con.execute(f"alter table {table} alter annotation_id type bigint using {by}")


