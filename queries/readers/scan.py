"""The walk over a root: what lies there, before any reader looks at it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from queries.model import FoundFile
from queries.readers import lenient

#: Files that are neither JSON nor YAML and are listed one by one.
DATA_SUFFIXES = (".mat", ".npz", ".cdf")

_SNIFF_BYTES = 1 << 16
_SKIPPED_FOLDERS = {".git", ".kpaudit", "__pycache__", "__MACOSX", "node_modules"}


@dataclass(frozen=True)
class Scan:
    """What lies under a root: every JSON and YAML file, and how many files of the other kinds."""

    root: Path
    json_files: tuple[FoundFile, ...]
    yaml_files: tuple[FoundFile, ...]
    other: dict[str, int]
    unreadable: tuple[str, ...]
    #: Matlab, numpy and CDF files (`DATA_SUFFIXES`): few enough to list, unlike images and labels
    data_files: tuple[FoundFile, ...] = ()
    #: names of .txt files, by their folder: those of labels may be a hundred thousand
    text_files: dict[str, list[str]] = field(default_factory=dict)
    #: what a reader has found out about the root beyond that, so that it looks but once
    memo: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def base(self) -> Path:
        """The folder that the paths of the found files count from."""
        return self.root if self.root.is_dir() else self.root.parent

    @cached_property
    def heads(self) -> dict[str, bytes]:
        """The first 64 KiB of every JSON file, by path: enough to tell what it is."""
        heads = {}
        for found in self.json_files:
            try:
                with (self.base / found.path).open("rb") as file:
                    heads[found.path] = file.read(_SNIFF_BYTES)
            except OSError:
                heads[found.path] = b""
        return heads


def walk(root: Path) -> Scan:
    """Looks through a root without following links; a single file is a root of its own."""
    if root.is_file():
        found = (_found(root, root.name),)
        is_json = root.suffix.lower() == ".json"
        is_yaml = root.suffix.lower() in (".yaml", ".yml")
        is_data = root.suffix.lower() in DATA_SUFFIXES
        other = {} if is_json or is_yaml or is_data else {root.suffix.lower() or "(no suffix)": 1}
        return Scan(
            root, found if is_json else (), found if is_yaml else (), other, (), found if is_data else ()
        )
    return _looked_through(root)


def _looked_through(root: Path) -> Scan:
    json_files, yaml_files, data_files, other, unreadable = [], [], [], {}, []
    text_files: dict[str, list[str]] = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if not entry.name.isascii() and lenient.has_invalid_text(entry.name):
                        # DuckDB takes paths as UTF-8 only
                        unreadable.append(f"{lenient.escaped(path)}: its name is not UTF-8")
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in _SKIPPED_FOLDERS:
                            pending.append(path)
                        continue
                    suffix = _suffix(entry.name)
                    if suffix == ".txt" and not (entry.is_symlink() and entry.is_dir()):
                        text_files.setdefault(folder, []).append(entry.name)
                    if suffix == ".json" and entry.is_file():
                        json_files.append(_found(entry, path))
                    elif suffix in (".yaml", ".yml") and entry.is_file():
                        yaml_files.append(_found(entry, path))
                    elif suffix in DATA_SUFFIXES and entry.is_file():
                        data_files.append(_found(entry, path))
                    elif suffix in (".json", ".yaml", ".yml", *DATA_SUFFIXES):
                        unreadable.append(f"{path}: a dangling link or no regular file")
                    else:
                        other[suffix or "(no suffix)"] = other.get(suffix or "(no suffix)", 0) + 1
        except OSError as error:
            unreadable.append(f"{folder or '.'}: {error.strerror}")
    by_path = sorted(json_files, key=lambda f: f.path)
    return Scan(
        root,
        tuple(by_path),
        tuple(sorted(yaml_files, key=lambda f: f.path)),
        other,
        tuple(unreadable),
        tuple(sorted(data_files, key=lambda f: f.path)),
        text_files,
    )


def _suffix(name: str) -> str:
    """As os.path.splitext has it, in lower case, and in a third of its time."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > 0 and name[:dot].strip(".") else ""


def _found(entry: Path | os.DirEntry, path: str) -> FoundFile:
    stat = entry.stat()
    return FoundFile(path, stat.st_size, stat.st_mtime_ns)
