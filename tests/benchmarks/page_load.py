"""Browser sessions that walk the pages of a dashboard under filters, all at once, on this machine alone.

    python -m tests.benchmarks.page_load WORKSPACE [--sessions 1 5]

Starts the dashboard on a free port of the loopback address, and for each number of sessions as many windows
of one headless Chromium. Every session opens each page by its address, under a class of its own, and then takes
another class in the sidebar. The time is from the request to the last moment at which the page's script ran;
browser and server share the machine, and with it the processors.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from queries.store import Store
from queries.workspace import Workspace

CHROMIUM = os.environ.get("KPAUDIT_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PAGES = (
    "overview", "classes", "keypoints", "boxes", "demographics", "splits", "findings", "viewer", "sql",
)  # fmt: skip
#: Without the shared filters' sidebar in use: a change of class changes nothing there.
UNFILTERED = ("sql",)
MOST_SESSIONS = 20
_TIMEOUT = 60_000

#: Resolves once the script has not run for `quiet` ms and the page has its title; since when, in ms.
_SETTLED = """quiet => new Promise(resolve => {
    const began = performance.now(); let busy = began;
    const timer = setInterval(() => {
        const now = performance.now(), app = document.querySelector('[data-testid="stApp"]');
        const idle = app && app.getAttribute('data-test-script-state') === 'notRunning'
            && document.querySelector('[data-testid="stMain"] h1');
        if (!idle) busy = now;
        if (idle && now - busy >= quiet || now - began > 60000) { clearInterval(timer); resolve(now - busy); }
    }, 20);
})"""
_QUIET = 600


@contextmanager
def served(workspace: Path) -> Iterator[tuple[str, int]]:
    """The dashboard's address, once it answers, and the number of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "dashboard", "--no-browser", "--port", str(port)]
    environment = {**os.environ, "KPAUDIT_WORKSPACE": str(workspace)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
                    break
                except OSError:
                    time.sleep(0.2)
            else:
                raise RuntimeError("the dashboard did not start within a minute")
            yield url, process.pid
        finally:
            process.terminate()
            process.wait(20)


def memory_mb(pid: int) -> tuple[float, float]:
    """(now, the most so far) of a process's resident memory, in MB of 10^6 bytes; zeros where not Linux."""
    try:
        told = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0, 0.0
    values = dict(line.split(":", 1) for line in told.splitlines() if line.startswith("Vm"))
    return tuple(int(values[name].split()[0]) * 1024 / 1e6 for name in ("VmRSS", "VmHWM"))


class Session:
    """One window's walk: the seconds of each step, and what went wrong."""

    def __init__(self, context: Any, url: str, dataset: str, labels: list[str]):
        self.context, self.url, self.dataset, self.labels = context, url, dataset, labels
        self.loads: dict[str, float] = {}
        self.changes: dict[str, float] = {}
        self.wrong: list[str] = []

    async def walk(self, pages: tuple[str, ...]) -> None:
        """Each page by its address under the first class, then with the second one besides."""
        self.page = await self.context.new_page()
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"[:200]))
        query = urlencode({"dataset": self.dataset, "class": self.labels[0]})
        for name in pages:
            try:
                started = time.perf_counter()
                await self.page.goto(f"{self.url}/{name}?{query}", wait_until="commit", timeout=_TIMEOUT)
                self.loads[name] = await self._settled(started)
                if name not in UNFILTERED:
                    self.changes[name] = await self._change()
                await self._look(name)
            except Exception as error:  # the walk goes on: an error is counted, and fails the benchmark
                self.wrong.append(f"{name}: {error}".splitlines()[0][:200])
        await self.context.close()

    async def _settled(self, started: float) -> float:
        quiet = await self.page.evaluate(_SETTLED, _QUIET)
        return time.perf_counter() - started - quiet / 1000

    async def _change(self) -> float:
        box = self.page.locator('[data-testid="stSidebar"] [data-testid="stMultiSelect"]')
        field = box.filter(has_text="Class").locator("input").first
        await field.click(timeout=_TIMEOUT)
        await field.press_sequentially(self.labels[1], delay=0)
        option = self.page.get_by_role("option", name=self.labels[1], exact=True)
        await option.wait_for(timeout=_TIMEOUT)
        started = time.perf_counter()
        await option.click()
        return await self._settled(started)

    async def _look(self, name: str) -> None:
        told = await self.page.locator('[data-testid="stException"]').all_inner_texts()
        self.wrong += [f"{name}: {text}"[:200] for text in told]


async def _together(url: str, dataset: str, labels: list[str], sessions: int) -> list[Session]:
    from playwright.async_api import async_playwright  # noqa: PLC0415  an extra of the tests

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        walks = []
        for n in range(sessions):
            context = await browser.new_context(viewport={"width": 1440, "height": 1000})
            mine = [labels[2 * n % len(labels)], labels[(2 * n + 1) % len(labels)]]
            # each begins on a page of its own, as people do
            pages = PAGES[n % len(PAGES) :] + PAGES[: n % len(PAGES)]
            walks.append((Session(context, url, dataset, mine), pages))
        await asyncio.gather(*(session.walk(pages) for session, pages in walks))
        await browser.close()
    return [session for session, _ in walks]


def _told(times: list[float]) -> list[float]:
    """[p50, p95] in seconds."""
    ordered = sorted(times)
    return [round(statistics.median(ordered), 3), round(ordered[round(0.95 * (len(ordered) - 1))], 3)]


def measure(workspace: Path, sessions: int) -> dict[str, Any]:
    """Walks the pages with so many sessions at once against a dashboard just started.

    Returns seconds as [p50, p95] of all pages and of each (`loads`, `changes`), `first` (the very first
    page's), the server's memory in MB, and `errors`. Raises ValueError for more than `MOST_SESSIONS`, and
    RuntimeError where there is no Chromium or fewer than two classes to choose from.
    """
    if not 1 <= sessions <= MOST_SESSIONS:
        raise ValueError(f"{sessions} sessions, expected 1 to {MOST_SESSIONS}")
    if CHROMIUM is None:
        raise RuntimeError("no Chromium found: install Debian's chromium or set KPAUDIT_CHROMIUM")
    store = Store(Workspace(workspace))
    dataset = store.datasets[0]
    facets = store.rows("facets", dataset=dataset["dataset_id"])
    store.close()
    labels = sorted(row["value"] for row in facets if row["field"] == "class")
    if len(labels) < 2:
        raise RuntimeError(f"dataset {dataset['name']} has {len(labels)} classes, expected two or more")
    started = time.perf_counter()
    with served(workspace) as (url, pid):
        idle = memory_mb(pid)[0]
        walked = asyncio.run(_together(url, dataset["name"], labels, sessions))
        now, most = memory_mb(pid)
    loads = {name: [s.loads[name] for s in walked if name in s.loads] for name in PAGES}
    changes = {name: [s.changes[name] for s in walked if name in s.changes] for name in PAGES}
    return {
        "sessions": sessions,
        "wall": time.perf_counter() - started,
        "first": min(next(iter(s.loads.values()), 0.0) for s in walked),
        "load": _told([t for times in loads.values() for t in times]),
        "change": _told([t for times in changes.values() for t in times]),
        "loads": {name: _told(times) for name, times in loads.items() if times},
        "changes": {name: _told(times) for name, times in changes.items() if times},
        "memory": {"idle": idle, "after": now, "most": most},
        "errors": [what for s in walked for what in s.wrong],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workspace", type=Path)
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 5])
    given = parser.parse_args()
    for sessions in given.sessions:
        print(json.dumps(measure(given.workspace.absolute(), sessions), indent=1))


if __name__ == "__main__":
    main()
