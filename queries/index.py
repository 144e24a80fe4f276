"""Readers to a new index file, checked and swapped in whole."""

from __future__ import annotations

import gc
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import duckdb

from queries import identity as identities
from queries import incremental, readers, sqlfile
from queries.errors import KpauditError, UnreadableInput, UsageError, WorkspaceError
from queries.model import (
    SCHEMA_VERSION,
    BuildSummary,
    DatasetFacts,
    Options,
    Problem,
    Progress,
    Skeleton,
    SourceFile,
)
from queries.readers.base import STRICT_LIMIT, Build, as_table, insert_rows
from queries.readers.scan import Scan, walk
from queries.vocabulary import canonical_names
from queries.workspace import Workspace

_SPLIT_FOLDER = re.compile(
    r"(ann_)?(train_?val|train|valid|validation|val|minival|test|subsample)\d*(_dev)?|annotations"
)

#: What a build may take of memory, in bytes, before it spills to disk.
_MEMORY, _MEMORY_A_THREAD = 4_000_000_000, 500_000_000

#: So many new objects pass until Python looks for garbage again.
_SELDOM = 1_000_000

#: What makes an index be built as a whole, where bringing the old one up to date was tried.
_UNPATCHABLE: tuple[type[Exception], ...] = (duckdb.Error, AssertionError, incremental.Unfit)


def index(
    workspace: Workspace,
    root: Path,
    options: Options,
    progress: Progress = lambda done, total, what: None,
    waiting: Callable[[], None] = lambda: None,
    force: bool = False,
) -> BuildSummary:
    """Indexes one dataset, replacing what the workspace holds of the same root and name.

    Only files that have changed since are read (unless `force`), where the format allows that. The new
    index is built beside the old one and renamed over it: a failure or a kill leaves the old one as it was.

    Raises UnreadableInput (UnknownFormat) where nothing could be read, UsageError for options that do
    not fit, WorkspaceError where the index can't be written.
    """
    started = time.perf_counter()
    root = _existing(root)
    with workspace.writing(waiting) as scratch, _seldom_collecting():
        scan = walk(root)
        known = identities.known(workspace)
        dataset_id, name, old = identities.identity(known, root, options)
        options, kept = identities.with_former(old, options)
        reader = readers.detect(scan)[0] if options.format == "auto" else readers.named(options.format)
        files = reader.files(scan, options)
        if not any(file.skipped is None for file in files):
            told = f"has no file that the {reader.NAME} reader takes: {reader.LOOKS_FOR}"
            raise UnreadableInput(f"{root} {told}")
        job = _Job(
            reader, root, name, dataset_id, files, scan, identities.named_after(options, name), kept, scratch,
            progress, started,
        )  # fmt: skip
        places = [path for path in known if known[path][0] == dataset_id]
        change = None
        if old is not None and not force:
            said = identities.options_json(job.options)
            change = incremental.compare(old, scan, files, reader, job.options, said)
        if change is not None and change.nothing_to_read:
            return _unchanged(workspace, change, job, places)
        summary = _updated(job, change) if change is not None else None
        if summary is None:
            summary = _build(job, old is not None)
        workspace.swap_in(job.built, workspace.index_path(dataset_id, name), places)
        return summary


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Makes Python look for garbage in circles less often: it finds none among 100,000 files' records."""
    usual = gc.get_threshold()
    if usual[0] >= _SELDOM:  # another thread's doing, who sets it back
        yield
        return
    gc.set_threshold(_SELDOM, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


@dataclass(frozen=True)
class _Job:
    """What is to be indexed, and where it is built."""

    reader: ModuleType
    root: Path
    name: str
    dataset_id: int
    files: list[SourceFile]
    scan: Scan
    options: Options
    kept_options: list[str]
    scratch: Path
    progress: Progress
    started: float

    @property
    def built(self) -> Path:
        return self.scratch / "index.duckdb"

    def build(self, con: duckdb.DuckDBPyConnection, wanted: frozenset[int] | None = None) -> Build:
        """The build of a new, empty index, with what the walk could not look into."""
        con.execute(sqlfile.text("schema.sql"))
        build = Build(
            con, self.dataset_id, self.name, self.root, self.files, self.options, self.scratch, self.progress,
            wanted, self.scan,
        )  # fmt: skip
        build.add_problems(
            Problem(None, what.rpartition(": ")[0], "file-unreadable", f"can't be read: {what}")
            for what in self.scan.unreadable
        )
        return build

    @contextmanager
    def connected(self, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a file being built; errors of disk and memory become one clear sentence."""
        place = self.scratch.parent
        try:
            with duckdb.connect(path) as con:
                con.execute("set temp_directory = $dir", {"dir": str(self.scratch / "spill")})
                _limit_memory(con, self.scan, getattr(self.reader, "PARSED_WHOLE", STRICT_LIMIT))
                # what is half built is never read: one checkpoint, at the end, is enough
                con.execute("set wal_autocheckpoint = '1TB'")
                yield con
        except duckdb.Error as error:
            if "No space left" in str(error) or "not enough disk space" in str(error).lower():
                raise WorkspaceError(
                    f"no space left for the index in {place}; the index that was there is unchanged"
                ) from error
            if "Could not write" in str(error):
                raise WorkspaceError(
                    f"can't write the index in {place}: {str(error).splitlines()[0]}; "
                    "the index that was there is unchanged"
                ) from error
            if isinstance(error, duckdb.OutOfMemoryException):
                told = str(error).splitlines()[0]
                raise KpauditError(f"not enough memory to index {self.root}: {told}") from error
            raise


def _limit_memory(con: duckdb.DuckDBPyConnection, scan: Scan, most: int) -> None:
    """Takes no more memory than makes it quicker: DuckDB by itself fills four fifths of the machine's.

    Ten million images take no longer with a quarter of it. Each thread needs its share, and so does each file
    that is parsed whole, those of up to `most` bytes, as many at once as there are threads.
    """
    usual, threads = con.execute(sqlfile.statements("finish.sql")["memory_limit"]).fetchone()
    sizes = sorted((file.bytes for file in scan.json_files if file.bytes <= most), reverse=True)
    wanted = max(_MEMORY, threads * _MEMORY_A_THREAD, 12 * sum(sizes[:threads]))
    if wanted < usual:
        con.execute("set memory_limit = $limit", {"limit": f"{wanted}B"})


def remove(workspace: Workspace, name: str) -> None:
    """Takes a dataset out of the workspace. Raises UsageError where there is none of that name."""
    with workspace.writing(lambda: None):
        known = identities.known(workspace)
        found = [path for path, (_, known_name, _) in known.items() if known_name == name]
        if not found:
            raise UsageError(
                f"no dataset called {name!r} is indexed; there are: "
                f"{', '.join(sorted(n for _, n, _ in known.values())) or 'none'}"
            )
        number = known[found[0]][0]
        # the index last: its number may be another dataset's next, which is not to find these
        for path in (*workspace.findings_files(number), *workspace.facts_files(number)):
            path.unlink()
        shutil.rmtree(workspace.path / "measuring" / found[0].stem, ignore_errors=True)
        found[0].unlink()


def _existing(root: Path) -> Path:
    try:
        resolved = root.resolve(strict=True)
        if resolved.is_dir():
            next(resolved.iterdir(), None)
    except FileNotFoundError as error:
        raise UnreadableInput(f"{root} does not exist") from error
    except OSError as error:
        raise UnreadableInput(f"{root} can't be read: {error.strerror}") from error
    except RuntimeError as error:  # Python before 3.13, of links in a circle
        raise UnreadableInput(f"{root} can't be read: {error}") from error
    if not (resolved.is_dir() or resolved.is_file()):
        raise UnreadableInput(f"{root} is neither a folder nor a regular file")
    return resolved


def _unchanged(
    workspace: Workspace, change: incremental.Change, job: _Job, places: list[Path]
) -> BuildSummary:
    """The old index's counts, after its files' times are put right where they alone have changed."""
    path = change.old
    if change.restated:
        incremental.restate(change, job.built)
        path = workspace.index_path(job.dataset_id, job.name)
        workspace.swap_in(job.built, path, places)
    with duckdb.connect(path, read_only=True) as con:
        notes = con.execute("select notes from dataset").fetchone()[0]
        return _summary(con, job, tuple(notes or ()), 0, unchanged=True)


def _build(job: _Job, again: bool) -> BuildSummary:
    """Reads all files into a new index."""
    job.built.unlink(missing_ok=True)
    with job.connected(job.built) as con:
        build = job.build(con)
        facts = job.reader.load(build)
        _store_contents(build, facts)
        return _completed(job, build, facts, len(build.files) if again else None)


def _updated(job: _Job, change: incremental.Change) -> BuildSummary | None:
    """Reads what has changed into a copy of the old index; None where only a whole build will do."""
    fresh = job.scratch / "fresh.duckdb"
    try:
        with job.connected(fresh) as con:
            build = job.build(con, change.read)
            facts = incremental.read_changed(build, change, job.reader)
            _store_contents(build, facts)
        incremental.copy(change.old, job.built)
        with job.connected(job.built) as con:
            build.con = con
            incremental.merge(build, change, job.reader, fresh)
            return _completed(job, build, facts, len(change.read))
    except (duckdb.InterruptException, duckdb.FatalException):
        raise
    except _UNPATCHABLE:
        return None


def _completed(job: _Job, build: Build, facts: DatasetFacts, read: int | None) -> BuildSummary:
    """Adds to the rows of all files what follows from them together."""
    if hasattr(job.reader, "together"):
        job.reader.together(build, facts)
    facts.notes.extend([*_several_folders(build.files), *job.kept_options])
    _write_files(build)
    _write_skeletons(build, facts)
    _finish(build, facts)
    summary = _summary(build.con, job, tuple(facts.notes), read)
    _require_something(build, summary, job.root)
    _write_dataset(build, job.reader, job.name, facts, summary)
    build.con.execute("checkpoint")
    return summary


def _several_folders(files: list[SourceFile]) -> list[str]:
    """A note where the files lie as several datasets' would: in folders that are not those of splits."""
    homes = set()
    for file in files:
        if file.skipped is None and file.path.lower().endswith(".json"):
            folders = file.path.split("/")[:-1]
            while folders and _SPLIT_FOLDER.fullmatch(folders[-1].lower()):
                folders.pop()
            homes.add("/".join(folders) or ".")
    if len(homes) < 2:
        return []
    shown = ", ".join(sorted(homes)[:4]) + (", ..." if len(homes) > 4 else "")
    told = f"files of {len(homes)} folders are read as one dataset ({shown})"
    return [f"{told}; index each by itself to keep them apart"]


def _write_files(build: Build) -> None:
    """Writes source_file: what nearly all files have in common is not handed over file by file."""
    files, sql = build.files, sqlfile.statements("finish.sql")
    numbers = {name: [getattr(file, name) for file in files] for name in ("file_id", "bytes", "mtime_ns")}
    texts = {name: [getattr(file, name) for file in files] for name in ("path", "split")}
    texts["content_hash"] = [build.hashes.get(file.file_id) for file in files]
    with as_table(build.con, "listed_file", numbers, texts):
        build.con.execute(sql["write_files"], {"dataset": build.dataset_id})
    told = [(number, *what) for number, what in build.status.items() if what != ("read", None)]
    if told:
        columns = zip(("file_id", "status", "detail"), map(list, zip(*told, strict=True)), strict=True)
        build.con.execute(sql["file_status"], dict(columns))


def _write_skeletons(build: Build, facts: DatasetFacts) -> None:
    for name, skeleton in facts.skeletons.items():
        insert_rows(build.con, "joint", _joint_rows(name, skeleton))
        insert_rows(build.con, "bone", [(name, a, b) for a, b in skeleton.bones])


def _joint_rows(name: str, skeleton: Skeleton) -> list[tuple]:
    shared = canonical_names(skeleton)
    return [
        (name, i, joint.name, joint.flip, joint.sigma, joint.part, shared[i])
        for i, joint in enumerate(skeleton.joints)
    ]


def _store_contents(build: Build, facts: DatasetFacts) -> None:
    sql = sqlfile.statements("finish.sql")
    build.con.execute(sql["contents"], {"flags": facts.visibility_recorded})
    build.con.execute(sql["store_contents"])


def _finish(build: Build, facts: DatasetFacts) -> None:
    con, sql = build.con, sqlfile.statements("finish.sql")
    con.execute(sql["repeated_keys"], {"files": None if build.wanted is None else sorted(build.wanted)})
    repeated, across = con.execute(sql["repeated_count"]).fetchone()
    if across:
        told = "image is" if across == 1 else "images are"
        facts.notes.append(
            f"{across:,} {told} described in more than one file: the annotations of all of them are counted"
        )
    if repeated:
        con.execute(sql["report_repeated"], {"dataset": build.dataset_id})
        con.execute(sql["move_annotations"])
        con.execute(sql["drop_repeated"])
    con.execute(sql["count_records"])
    try:
        wrong = con.execute(sql["unattached"]).fetchone()
    except duckdb.OutOfRangeException as error:
        raise AssertionError(f"the index does not hold together, and was not kept: {error}") from error
    looked_up = ("unattached_annotations", "unattached_keypoints")
    for name, without_gaps in zip(looked_up, con.execute(sql["without_gaps"]).fetchone(), strict=True):
        if not without_gaps:
            wrong += con.execute(sql[name]).fetchone()
    if any(wrong):
        raise AssertionError(f"the index does not hold together, and was not kept: {wrong}")


def _require_something(build: Build, summary: BuildSummary, root: Path) -> None:
    if summary.images:
        return
    rows = build.con.execute("select message from problem order by file_id limit 3").fetchall()
    found = "; ".join(row[0] for row in rows) or "its files hold no records"
    raise UnreadableInput(f"nothing could be read from {root}: {found}")


def _write_dataset(
    build: Build, reader: ModuleType, name: str, facts: DatasetFacts, summary: BuildSummary
) -> None:
    build.con.execute(
        "insert into dataset values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            build.dataset_id,
            name,
            reader.NAME,
            str(build.root),
            str(build.options.images) if build.options.images else None,
            facts.unit,
            facts.visibility_recorded,
            summary.subjects > 0,
            facts.classes,
            facts.notes,
            identities.options_json(build.options),
            SCHEMA_VERSION,
            reader.VERSION,
            uuid.uuid4().hex,
            datetime.now(UTC).replace(tzinfo=None),
            summary.seconds,
        ],
    )


def _summary(
    con: duckdb.DuckDBPyConnection,
    job: _Job,
    notes: tuple[str, ...],
    read: int | None,
    unchanged: bool = False,
) -> BuildSummary:
    sql = sqlfile.statements("finish.sql")
    images, annotations, keypoints, subjects, files, united = con.execute(sql["summary"]).fetchone()
    problems = dict(con.execute(sql["problems"]).fetchall())
    seconds = time.perf_counter() - job.started
    return BuildSummary(
        job.dataset_id, job.name, job.reader.NAME, str(job.root), images, annotations, keypoints, subjects,
        files, problems, seconds, notes, unchanged, united, read,
    )  # fmt: skip
