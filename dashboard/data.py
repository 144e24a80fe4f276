"""The only way from the pages to `queries`, and the only place that caches.

Results are cached under the fingerprint of the indexes: a new build is never answered from an old one.
"""

from __future__ import annotations

import getpass
import json
import os
import re
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from queries import cards, catalogue, report_words, sqlfile, suppressions
from queries.cards import Card, Comparison
from queries.catalogue import CATEGORIES, SEVERITIES, Check
from queries.errors import KpauditError, QueryError, UsageError, WorkspaceError
from queries.filters import ABOVE_ZERO, JOINT_STATES, MEASURES, NO_CLASS, NOT_RECORDED, Filters, Narrow
from queries.images import ImageSource
from queries.store import Store
from queries.vocabulary import close_pairs
from queries.workspace import Workspace

__all__ = [
    "ABOVE_ZERO",
    "CATEGORIES",
    "JOINT_STATES",
    "MEASURES",
    "NOT_RECORDED",
    "NO_CLASS",
    "SEVERITIES",
    "Card",
    "Check",
    "Comparison",
    "Filters",
    "KpauditError",
    "Narrow",
    "QueryError",
    "UsageError",
    "WorkspaceError",
    "broken",
    "check",
    "check_ids",
    "close_pairs",
    "datasets",
    "figure",
    "fingerprint",
    "frame",
    "images_found",
    "published",
    "restore",
    "run_sql",
    "schema",
    "short_numbers",
    "store",
    "suppress",
    "workspace",
]  # fmt: skip

#: How the workspace reaches the dashboard, which Streamlit starts as a process of its own.
WORKSPACE_VARIABLE = "KPAUDIT_WORKSPACE"


def workspace() -> Workspace:
    """The workspace that `kpaudit serve` names, or `.kpaudit` in the current folder."""
    return Workspace(Path(os.environ.get(WORKSPACE_VARIABLE) or ".kpaudit"))


# The old store stays for whoever is in the middle of a page; the build after the next lets it go.
@st.cache_resource(max_entries=2, show_spinner=False)
def _store(path: str, fingerprint: str) -> Store:
    return Store(Workspace(Path(path)))


def store() -> Store:
    """The store of the indexes as they are now. Raises WorkspaceError where there is none."""
    here = workspace()
    wanted = here.fingerprint()
    opened = _store(str(here.path), wanted)
    if opened.fingerprint != wanted:  # swapped between the two looks
        opened = _store(str(here.path), here.fingerprint())
    return opened


def fingerprint() -> str:
    """What cached results hang on."""
    return store().fingerprint


def datasets() -> list[dict[str, Any]]:
    """The rows of `dataset`, by id."""
    return store().datasets


def broken() -> dict[str, str]:
    """Index files that could not be opened, and why."""
    return store().broken


def frame(query: str, f: Filters | None = None, **params: Any) -> pd.DataFrame:
    """The answer of `queries/sql/<query>.sql`; `f` becomes its `$f`, the rest its other `$name`s."""
    opened = store()
    if f is not None:
        params["f"] = f.struct()
    return _frame(opened.fingerprint, query, json.dumps(params, sort_keys=True), opened)


@st.cache_data(max_entries=400, show_spinner=False)
def _frame(fingerprint: str, query: str, params: str, _opened: Store) -> pd.DataFrame:
    return _opened.frame(query, **json.loads(params))


def published(dataset: dict[str, Any]) -> Comparison | None:
    """The whole dataset beside what is published about it; None where no card is known to be its own."""
    return _published(fingerprint(), dataset["dataset_id"], dataset)


@st.cache_data(max_entries=50, show_spinner=False)
def _published(fingerprint: str, dataset_id: int, _dataset: dict[str, Any]) -> Comparison | None:
    return cards.beside(store(), _dataset)


def images_found(dataset: dict[str, Any], sample: int = 20) -> tuple[int, int]:
    """(found, looked for): whether the image files of a few records are where the dataset says."""
    return _images_found(
        fingerprint(), dataset["dataset_id"], dataset["image_root"] or dataset["root"], sample
    )


# A search through a large tree takes a while, and the folder may be filled later: an hour is a compromise.
@st.cache_data(max_entries=50, ttl=3600, show_spinner="Looking for the image files…")
def _images_found(fingerprint: str, dataset_id: int, root: str, sample: int) -> tuple[int, int]:
    wanted = store().rows("image_sample", dataset=dataset_id, limit=sample)
    place = Path(root)
    try:
        source = ImageSource([place if place.is_dir() or place.suffix == ".zip" else place.parent])
        return sum(source.locate(row["file_name"], row["key"]) is not None for row in wanted), len(wanted)
    except OSError:
        return 0, len(wanted)


def check_ids() -> list[str]:
    """The ids of all checks, in the catalogue's order."""
    return list(catalogue.sources())


def figure(value: float) -> str:
    """A number of any size for people, as the reports have it."""
    return report_words.figure(value)


def short_numbers(text: str) -> str:
    """A finding's sentence, in which numbers of hundreds of digits are short."""
    return report_words.short_numbers(text)


def check(check_id: str) -> Check | None:
    """A check's declaration; None for one that this version of kpaudit does not have."""
    source = catalogue.sources().get(check_id)
    return source.check if source is not None else None


def suppress(keys: list[str], reason: str) -> None:
    """Lets findings count no more. Raises UsageError without a reason, WorkspaceError on a full disk."""
    suppressions.suppress(workspace().suppressed, keys, reason, _who(), store().digests(keys))


def restore(keys: list[str]) -> None:
    """Lets findings count again."""
    suppressions.restore(workspace().suppressed, keys, _who())


def _who() -> str | None:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user of that number
        return None


def run_sql(text: str, max_rows: int = 10_000, seconds: float = 30.0) -> Any:
    """A query of the user's, read-only and sandboxed. Raises QueryError with one clear sentence."""
    from queries import sandbox  # noqa: PLC0415  its process pool is needed by one page only

    return sandbox.run(workspace(), text, max_rows=max_rows, seconds=seconds)


_TABLE = re.compile(r"create table (\w+) \((.*?)\n\);", re.DOTALL)
_COLUMN = re.compile(r"^\s+(\w+)\s+([\w\[\]]+)( not null)?,?\s*(?:--\s*(.*))?$")

_CONVERTED = ("x", "y", "w", "h")


@st.cache_data(show_spinner=False)
def schema() -> pd.DataFrame:
    """Tables, columns, types and comments of the public schema, as the SQL has them, and of its views."""
    rows = []
    everything = "\n".join(sqlfile.text(name) for name in ("schema.sql", "findings.sql", "facts.sql"))
    for table, body in _TABLE.findall(everything):
        for line in body.splitlines():
            if found := _COLUMN.match(line):
                column, kind, required, comment = found.groups()
                rows.append((table, column, kind, not required, comment or ""))
    rows = [row for row in rows if row[0] != "fact_run"]
    for table in ("annotation", "keypoint"):
        for suffix, unit in (("px", "in pixels"), ("norm", "shares of the image's sides")):
            rows += [
                (f"{table}_{suffix}", column, kind, column in _CONVERTED or nullable,
                 f"{unit}; NULL where the image's size is not known" if column in _CONVERTED else comment)
                for name, column, kind, nullable, comment in rows
                if name == table
            ]  # fmt: skip
    return pd.DataFrame(rows, columns=["table", "column", "type", "nullable", "comment"])
