"""Fixtures that several test files share: the real annotations, and datasets indexed on the spot."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from queries.index import index
from queries.model import BuildSummary, Options
from queries.store import Store
from queries.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real_data)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real annotations; the test is skipped where there is none."""
    folder = Path(os.environ.get("KPAUDIT_REAL_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / "hagrid_2023_val").is_dir():
        pytest.skip(f"no real annotations in {folder}; KPAUDIT_REAL_DATA says where they are")
    return folder


@pytest.fixture(scope="session")
def clean_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample datasets without a planted defect, made by their own generator, once for all tests."""
    # the processes that share the tests out share a folder above their own
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = shared / "clean-sample"
    with (shared / "clean-sample.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "planted.csv").exists():
            make = [sys.executable, str(ROOT / "sample_data" / "make.py"), "--clean", str(folder)]
            subprocess.run(make, check=True)
    return folder


@pytest.fixture(name="write")
def write_fixture():
    """Writes files below a folder: write(folder, {name: content})."""
    return write


def write(folder: Path, files: dict[str, Any]) -> Path:
    """Writes files below a folder: bytes and text as they are, anything else as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        text = content if isinstance(content, (bytes, str)) else json.dumps(content)
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    return folder


class Indexed:
    """A dataset that has been indexed: the summary, and rows of its tables by plain SQL."""

    def __init__(self, workspace: Workspace, summary: BuildSummary):
        self.workspace, self.summary = workspace, summary
        self.store = Store(workspace)

    def rows(self, sql: str, *params: Any) -> list[tuple]:
        return self.store.cursor().execute(sql, list(params)).fetchall()

    def row(self, sql: str, *params: Any) -> tuple:
        rows = self.rows(sql, *params)
        assert len(rows) == 1, rows
        return rows[0]

    def problems(self, with_message: bool = False) -> list[tuple]:
        """(kind, locator) of every problem, sorted; and the message where it is asked for."""
        more = ", message" if with_message else ""
        return self.rows(f"select kind, locator{more} from problem order by all")


@pytest.fixture
def indexed(tmp_path: Path):
    """Indexes a folder, or files given as {name: content}, into a workspace of its own."""
    stores = []

    def run(source: Path | dict[str, Any], workspace: Path | None = None, **options: Any) -> Indexed:
        number = len(stores)
        if isinstance(source, dict):
            source = write(tmp_path / f"data{number}", source)
        place = Workspace(workspace or tmp_path / f"workspace{number}")
        found = Indexed(place, index(place, source, Options(**options)))
        stores.append(found.store)
        return found

    yield run
    for store in stores:
        store.close()
