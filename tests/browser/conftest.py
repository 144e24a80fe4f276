"""A real server on the sample data and a real browser, once for all browser tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM = os.environ.get("KPAUDIT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """Chromium, driven by playwright; skips, saying so, where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install Debian's chromium or set KPAUDIT_CHROMIUM")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def served(log: Path, command: str, *options: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """`kpaudit COMMAND` as a user would start it: its address, once it answers, and the process.

    The process leads a group of its own, in which the dashboard is too: both can be killed at one blow.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = [sys.executable, "-m", "queries", command, "--no-browser", "--port", str(port), *options]
    with log.open("w") as out:
        process = subprocess.Popen(start, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            if process.poll() is not None:
                pytest.fail(f"the server ended: {log.read_text()}")
            try:
                urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail(f"the server did not start: {log.read_text()}")
        yield url, process
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the server's indexes and reviews are."""
    return tmp_path_factory.mktemp("browser") / "workspace"


@pytest.fixture(scope="session")
def server(workspace: Path) -> Iterator[str]:
    """The address of `kpaudit demo`, started as a user would."""
    if CHROMIUM is None:
        pytest.skip("no Chromium found: install Debian's chromium or set KPAUDIT_CHROMIUM")
    with served(workspace.parent / "log.txt", "demo", "--workspace", str(workspace)) as (url, _):
        yield url
