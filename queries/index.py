"""Readers to a new index file, checked and swapped in whole."""

from __future__ import annotations

import json
import re
import shutil
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType

import duckdb

from queries import readers, skeletons, sqlfile
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
from queries.readers.base import Build, Scan, insert_rows, walk
from queries.vocabulary import canonical_names
from queries.workspace import Workspace, dataset_id_of

_SPLIT_FOLDER = re.compile(r"(ann_)?(train_?val|train|valid|validation|val|minival|test|subsample)\d*(_dev)?|annotations")


def index(
    workspace: Workspace,
    root: Path,
    options: Options,
    progress: Progress = lambda done, total, what: None,
    waiting: Callable[[], None] = lambda: None,
    force: bool = False,
) -> BuildSummary:
    """Indexes one dataset, replacing what the workspace holds of the same root and name.

    Where no file has changed since, nothing is read (unless `force`). The new index is built beside the
    old one and renamed over it: a failure or a kill leaves the old one as it was.

    Raises UnreadableInput (UnknownFormat) where nothing could be read, UsageError for options that do
    not fit, WorkspaceError where the index can't be written.
    """
    started = time.perf_counter()
    root = _existing(root)
    scan = walk(root)
    with workspace.writing(waiting) as scratch:
        known = _known(workspace)
        dataset_id, name, old = _identity(known, root, options)
        options, kept = _with_former(old, options)
        reader = readers.detect(scan)[0] if options.format == "auto" else readers.named(options.format)
        files = reader.files(scan, options)
        if not any(file.skipped is None for file in files):
            raise UnreadableInput(f"{root} has no file that the {reader.NAME} reader takes: {reader.LOOKS_FOR}")
        if old is not None and not force:
            unchanged = _unchanged(old, scan, files, reader, options, started)
            if unchanged is not None:
                return unchanged
        options = _named_after(options, name)
        built = scratch / "index.duckdb"
        summary = _build(
            built, scratch, reader, root, name, dataset_id, files, scan.unreadable, options, kept, progress,
            started,
        )
        workspace.swap_in(
            built, workspace.index_path(dataset_id, name), [path for path in known if known[path][0] == dataset_id]
        )
        return summary


def remove(workspace: Workspace, name: str) -> None:
    """Takes a dataset out of the workspace. Raises UsageError where there is none of that name."""
    with workspace.writing(lambda: None):
        known = _known(workspace)
        found = [path for path, (_, known_name, _) in known.items() if known_name == name]
        if not found:
            raise UsageError(
                f"no dataset called {name!r} is indexed; there are: "
                f"{', '.join(sorted(n for _, n, _ in known.values())) or 'none'}"
            )
        number = known[found[0]][0]
        for path in (found[0], *workspace.findings_files(number), *workspace.facts_files(number)):
            path.unlink()
        shutil.rmtree(workspace.path / "measuring" / found[0].stem, ignore_errors=True)


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


def _known(workspace: Workspace) -> dict[Path, tuple[int, str, str]]:
    """(dataset_id, name, root) of every index in the workspace; one that can't be opened is left out."""
    known = {}
    for path in workspace.index_files():
        try:
            with duckdb.connect(path, read_only=True) as con:
                known[path] = con.execute("select dataset_id, name, root from dataset").fetchone()
        except duckdb.Error:
            known[path] = (dataset_id_of(path), "", "")
    return known


def _identity(
    known: dict[Path, tuple[int, str, str]], root: Path, options: Options
) -> tuple[int, str, Path | None]:
    """The dataset's id and name, and the index that it replaces: same root, and same name where given."""
    base = options.name or root.stem if root.is_file() else options.name or root.name
    same_root = [(path, row) for path, row in known.items() if row[2] == str(root)]
    for path, (dataset_id, name, _) in same_root:
        if options.name in (None, name):
            return dataset_id, name, path
    taken = {name for _, name, _ in known.values()}
    if options.name is not None and options.name in taken:
        raise UsageError(f"a dataset called {options.name!r} is indexed already, from another folder; give another --name")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    used = {row[0] for row in known.values()}
    dataset_id = next(n for n in range(1, len(used) + 2) if n not in used)
    return dataset_id, name, None


def _named_after(options: Options, name: str) -> Options:
    """The options with the user's skeleton named after the dataset.

    Two files of one name may say different things, and a user's hand-21.json is not the bundled one.
    """
    if options.skeleton is None:
        return options
    own = f"{name}/{options.skeleton.name.removeprefix(f'{name}/')}"
    return replace(options, skeleton=replace(options.skeleton, name=own))


def _with_former(old: Path | None, options: Options) -> tuple[Options, list[str]]:
    """The options, with what was said of the dataset before where it is not said anew, and notes of that."""
    if old is None:
        return options, []
    try:
        with duckdb.connect(old, read_only=True) as con:
            former = json.loads(con.execute("select options from dataset").fetchone()[0])
    except (duckdb.Error, ValueError):
        return options, []
    found: dict[str, object] = {}
    if options.images is None and former.get("images") and Path(former["images"]).exists():
        found["images"] = Path(former["images"])
    if options.split is None and former.get("split"):
        found["split"] = former["split"]
    if options.format == "auto" and former.get("format", "auto") != "auto":
        found["format"] = former["format"]
    if options.skeleton is None and former.get("skeleton"):
        given = former["skeleton"]
        found["skeleton"] = skeletons.from_two_fields(given, given["name"], str(old))
    shown = [f"--{name} {former[name] if name != 'skeleton' else former[name]['name']}" for name in found]
    notes = [f"as said before: {', '.join(shown)}; `kpaudit remove` forgets it"] if shown else []
    return replace(options, **found), notes


def _options_json(options: Options) -> str:
    """What the user said of the dataset, so that it holds when the dataset is indexed again."""
    skeleton = options.skeleton
    return json.dumps(
        {
            "images": str(options.images) if options.images else None,
            "split": options.split,
            "format": options.format,
            "skeleton": {
                "name": skeleton.name,
                "keypoints": list(skeleton.names),
                "skeleton": [[a + 1, b + 1] for a, b in skeleton.bones],
            }
            if skeleton
            else None,
        }
    )


def _unchanged(
    old: Path, scan: Scan, files: list[SourceFile], reader: ModuleType, options: Options, started: float
) -> BuildSummary | None:
    """The old index's counts where it was built from these very files, else None."""
    try:
        with duckdb.connect(old, read_only=True) as con:
            row = con.execute(
                "select dataset_id, name, format, root, reader_version, options, notes, "
                "schema_version from dataset"
            ).fetchone()
            then = con.execute("select path, bytes, mtime_ns, coalesce(split, '') from source_file").fetchall()
            if row[2] != reader.NAME or row[4] != reader.VERSION or row[7] != SCHEMA_VERSION:
                return None
            if json.loads(row[5]) != json.loads(_options_json(_named_after(options, row[1]))):
                return None
            now = {(f.path, f.bytes, f.mtime_ns, f.split or "") for f in files}
            if now != set(then):
                return None
            if hasattr(reader, "image_keys"):
                keys = con.execute("select split, key from image").fetchall()
                if reader.image_keys(scan, options) != set(keys):
                    return None
            return _summary(con, row[0], row[1], row[2], row[3], started, tuple(row[6] or ()), unchanged=True)
    except duckdb.Error:
        return None


def _build(
    built: Path,
    scratch: Path,
    reader: ModuleType,
    root: Path,
    name: str,
    dataset_id: int,
    files: list[SourceFile],
    unreadable: tuple[str, ...],
    options: Options,
    kept: list[str],
    progress: Progress,
    started: float,
) -> BuildSummary:
    try:
        with duckdb.connect(built) as con:
            con.execute("set temp_directory = $dir", {"dir": str(scratch / "spill")})
            con.execute(sqlfile.text("schema.sql"))
            build = Build(con, dataset_id, name, root, files, options, scratch, progress)
            build.add_problems(
                Problem(None, what.rpartition(": ")[0], "file-unreadable", f"can't be read: {what}")
                for what in unreadable
            )
            facts = reader.load(build)
            facts.notes.extend([*_several_folders(files), *kept])
            _write_files(build)
            _write_skeletons(build, facts)
            _finish(build, facts)
            summary = _summary(con, dataset_id, name, reader.NAME, str(root), started, tuple(facts.notes))
            _require_something(build, summary, root)
            _write_dataset(build, reader, name, facts, summary)
            con.execute("checkpoint")
            return summary
    except duckdb.Error as error:
        if "No space left" in str(error) or "not enough disk space" in str(error).lower():
            raise WorkspaceError(
                f"no space left for the index in {built.parent.parent}; the index that was there is unchanged"
            ) from error
        if "Could not write" in str(error):
            raise WorkspaceError(
                f"can't write the index in {built.parent.parent}: {str(error).splitlines()[0]}; "
                "the index that was there is unchanged"
            ) from error
        if isinstance(error, duckdb.OutOfMemoryException):
            raise KpauditError(f"not enough memory to index {root}: {str(error).splitlines()[0]}") from error
        raise


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
    return [f"files of {len(homes)} folders are read as one dataset ({shown}); index each by itself to keep them apart"]


def _write_files(build: Build) -> None:
    rows = []
    for file in build.files:
        status, detail = build.status.get(file.file_id, ("read", None))
        rows.append(
            (file.file_id, build.dataset_id, file.path, file.split, file.bytes, file.mtime_ns)
            + (build.hashes.get(file.file_id), status, None, detail)
        )
    insert_rows(build.con, "source_file", rows)


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


def _finish(build: Build, facts: DatasetFacts) -> None:
    con, sql = build.con, sqlfile.statements("finish.sql")
    con.execute(sql["repeated_keys"])
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
    con.execute(sql["contents"], {"flags": facts.visibility_recorded})
    con.execute(sql["store_contents"])
    con.execute(sql["count_records"])
    wrong = con.execute(sql["unattached"]).fetchone()
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
            _options_json(build.options),
            SCHEMA_VERSION,
            reader.VERSION,
            uuid.uuid4().hex,
            datetime.now(UTC).replace(tzinfo=None),
            summary.seconds,
        ],
    )


def _summary(
    con: duckdb.DuckDBPyConnection,
    dataset_id: int,
    name: str,
    reader: str,
    root: str,
    started: float,
    notes: tuple[str, ...],
    unchanged: bool = False,
) -> BuildSummary:
    sql = sqlfile.statements("finish.sql")
    images, annotations, keypoints, subjects, files, united = con.execute(sql["summary"]).fetchone()
    problems = dict(con.execute(sql["problems"]).fetchall())
    seconds = time.perf_counter() - started
    return BuildSummary(
        dataset_id, name, reader, root, images, annotations, keypoints, subjects, files, problems, seconds, notes,
        unchanged,
        united,
    )
