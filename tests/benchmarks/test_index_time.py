"""`kpaudit index` beside orjson on the same files, in one run: a ratio, since machines differ.

    pytest -m benchmark tests/benchmarks -s
"""

from __future__ import annotations

import json
import time
from pathlib import Path

import orjson
import pytest

from queries.index import index
from queries.model import Options
from queries.workspace import Workspace

pytestmark = pytest.mark.benchmark


def best_of(times: int, run) -> float:
    """The shortest wall time of several, in seconds: the one least disturbed by others."""
    found = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        found.append(time.perf_counter() - started)
    return min(found)


def parse(files: list[Path]) -> None:
    for file in files:
        orjson.loads(file.read_bytes())


def measure(root: Path, tmp_path: Path, capsys, times: int = 3) -> float:
    files = sorted(root.rglob("*.json"))
    workspace = Workspace(tmp_path / "workspace")
    baseline = best_of(times, lambda: parse(files))
    ours = best_of(times, lambda: index(workspace, root, Options(), force=True))
    size = sum(file.stat().st_size for file in files)
    with capsys.disabled():
        print(
            f"\n{root.name}: {len(files)} files, {size / 1e6:.1f} MB; index {ours:.2f} s, "
            f"orjson.loads {baseline:.2f} s, ratio {ours / baseline:.2f}"
        )
    return ours / baseline


def test_the_real_val_set(real_data, tmp_path, capsys):
    """12 MB without landmarks: fixed costs weigh, so this bound is no target."""
    assert measure(real_data / "hagrid_2023_val", tmp_path, capsys) < 12


def test_landmarks_by_the_hundred_thousand(real_data, tmp_path, capsys):
    """The real landmarks under new keys, a hundred times over: the shape of HaGRIDv2."""
    root = tmp_path / "many"
    for source in sorted((real_data / "hagrid_landmarks").rglob("*.json")):
        records = json.loads(source.read_text())
        for split, copies in (("train", 76), ("val", 9), ("test", 15)):
            target = root / "hagrid_annotations" / split / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(
                json.dumps({f"{split}-{n}-{key}": value for n in range(copies) for key, value in records.items()})
            )
    assert measure(root, tmp_path, capsys) < 2
