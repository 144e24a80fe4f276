"""Which dataset a root is, and what was said of it: the same ones when it is indexed again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import duckdb

from queries import skeletons
from queries.errors import UsageError
from queries.model import Options
from queries.workspace import Workspace, dataset_id_of


def known(workspace: Workspace) -> dict[Path, tuple[int, str, str]]:
    """(dataset_id, name, root) of every index in the workspace; one that can't be opened is left out."""
    known = {}
    for path in workspace.index_files():
        try:
            with duckdb.connect(path, read_only=True) as con:
                known[path] = con.execute("select dataset_id, name, root from dataset").fetchone()
        except duckdb.Error:
            known[path] = (dataset_id_of(path), "", "")
    return known


def identity(
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
        told = "is indexed already, from another folder; give another --name"
        raise UsageError(f"a dataset called {options.name!r} {told}")
    name, number = base, 2
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    used = {row[0] for row in known.values()}
    dataset_id = next(n for n in range(1, len(used) + 2) if n not in used)
    return dataset_id, name, None


def named_after(options: Options, name: str) -> Options:
    """The options with the user's skeleton named after the dataset.

    Two files of one name may say different things, and a user's hand-21.json is not the bundled one.
    """
    if options.skeleton is None:
        return options
    own = f"{name}/{options.skeleton.name.removeprefix(f'{name}/')}"
    return replace(options, skeleton=replace(options.skeleton, name=own))


def with_former(old: Path | None, options: Options) -> tuple[Options, list[str]]:
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


def options_json(options: Options) -> str:
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
