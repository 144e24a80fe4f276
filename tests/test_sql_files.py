"""The named queries: each runs with its parameters, and the rules of the house hold."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from queries.filters import Filters, Narrow

ROOT = Path(__file__).resolve().parents[1]
SQL = sorted((ROOT / "queries" / "sql").glob("*.sql"))
DASHBOARD = sorted((ROOT / "dashboard").rglob("*.py"))
#: Drawing takes the records of a scene, and the viewer's data layer is beside data.py.
MAY_IMPORT_QUERIES = {"data.py", "draw.py", "figure.py", "palette.py", "review_data.py", "viewer_data.py"}
VALUES = {
    "f": Filters(1).struct(), "n": Narrow().struct(), "dataset": 1, "limit": 10, "text": "a", "by": "class",
    "skeleton": "hand-21", "joint": 8, "cells": 8, "sample": 100, "measure": "area", "bins": 10, "log": True,
    "field": "gender", "kind": "field-missing", "g": Filters(1).struct(), "unit": "normalized",
    "other": "hand-21", "check": "box-zero-area", "suppressed": False, "first": 0, "image": 1_000_000_001,
    "item": 1_000_000_001, "annotation": 1_000_000_001, "key": "a", "split": "train", "own": "instance 0",
    "seed": 0, "labels": ["call"], "sizes": [2], "bounds": [2**64 - 1],
    "of": 2,
}  # fmt: skip


def _code(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text())


def _names(path: Path) -> set[str]:
    return set(re.findall(r"\$(\w+)", _code(path)))


def _mine() -> list[Path]:
    return [path for path in SQL if not path.name.startswith("viewer_")]


@pytest.fixture
def store(indexed):
    record = {"bboxes": [[0.1, 0.1, 0.2, 0.3]], "labels": ["call"], "user_id": "s",
              "hand_landmarks": [[[0.1 + j / 100, 0.2] for j in range(21)]]}  # fmt: skip
    return indexed({"ann/train/call.json": {"a": record, "b": {**record, "user_id": None}},
                    "ann/val/call.json": {"a": record}}).store  # fmt: skip


@pytest.mark.parametrize("path", _mine(), ids=lambda p: p.stem)
def test_query_runs(store, path: Path) -> None:
    missing = _names(path) - VALUES.keys()
    assert not missing, f"give {missing} a value here"
    store.frame(path.stem, **{name: VALUES[name] for name in _names(path)})


@pytest.mark.parametrize("measure", ["width", "height", "area", "aspect", "center_x", "center_y"])
@pytest.mark.parametrize("log", [False, True])
def test_histogram_counts_every_box(store, measure: str, log: bool) -> None:
    found = store.frame("box_histogram", f=Filters(1).struct(), measure=measure, bins=10, log=log)
    assert found["boxes"].sum() == 3


@pytest.mark.parametrize("path", SQL, ids=lambda p: p.stem)
def test_query_is_written_as_the_rest(path: Path) -> None:
    text = path.read_text()
    assert re.match(r"-- \S.*", text), "the first line says the question"
    assert all(len(line) <= 110 for line in text.splitlines())
    code = re.sub(r"'[^']*'", "''", _code(path))
    assert not re.search(r"\{\w*\}|\?|%s|%\(", code), "native $name parameters, no templating"
    assert not re.search(r"\b(SELECT|FROM|WHERE|GROUP|ORDER|JOIN)\b", code), "lower case"


def _imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_only_the_data_layer_imports_queries() -> None:
    importers = {path.name for path in DASHBOARD if "queries" in _imports(path)}
    assert importers <= MAY_IMPORT_QUERIES
    assert not [path for path in DASHBOARD if path.parent.name == "pages" and "queries" in _imports(path)]


def test_queries_never_imports_the_screen() -> None:
    for path in (ROOT / "queries").rglob("*.py"):
        assert not _imports(path) & {"streamlit", "dashboard", "plotly"}, path


def test_pages_hold_no_sql() -> None:
    """Examples on the SQL page are texts for people; they run in the sandbox alone."""
    for path in DASHBOARD:
        if path.name == "sql.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"\bselect\b[\s\S]+\bfrom\b|\bfrom \w+ where\b", node.value), path


def test_pages_cache_nothing() -> None:
    for path in DASHBOARD:
        if path.name not in ("data.py", "review_data.py", "viewer_data.py"):
            assert "st.cache" not in path.read_text(), path


def test_no_module_hides_one_of_pythons() -> None:
    """Streamlit puts app.py's folder on the path: a module there named `numbers` would replace Python's."""
    import sys  # noqa: PLC0415

    names = {path.stem for path in (ROOT / "dashboard").glob("*.py")}
    assert not names & set(sys.stdlib_module_names)
