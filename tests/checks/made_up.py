"""Checks made up in a test, in the place of the catalogue's; and rows of a workspace by plain SQL."""

from __future__ import annotations

import types

import pandas as pd

from queries import catalogue
from queries.catalogue import Check, Source
from queries.store import Store
from queries.workspace import Workspace

GOOD = {"bboxes": [[0.1, 0.1, 0.2, 0.3]], "labels": ["call"], "user_id": "s1"}
FLAT = {**GOOD, "bboxes": [[0.1, 0.1, 0.0, 0.3]]}


def rows_of(workspace: Workspace, sql: str) -> list[tuple]:
    """What the workspace holds now."""
    store = Store(workspace)
    try:
        return store.cursor().execute(sql).fetchall()
    finally:
        store.close()


def use_only(monkeypatch, *found: Source) -> None:
    """Replaces the catalogue by the given sources."""
    table = types.MappingProxyType({source.check.id: source for source in found})
    monkeypatch.setattr(catalogue, "sources", lambda: table)


def made_check(check_id: str = "made-up", **changes) -> Check:
    given = {"title": "t", "category": "boxes", "severity": "warning", "why": "w", "fix": "f", "of": "images"}
    return Check(check_id, **{**given, **changes})


def finding(**columns) -> pd.DataFrame:
    """One finding, of the dataset as a whole unless said otherwise."""
    return pd.DataFrame([{"about": "all", "detail": "something", **columns}])
