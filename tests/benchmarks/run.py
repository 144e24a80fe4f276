"""All benchmarks in one command; prints a table and tells which budgets are met.

    python -m tests.benchmarks.run [--images 100000] [--only index pages ...] [--json FILE]

Data is generated once into `--data` (default: a folder in the system's temporary one) and kept for the
next run. Each line is timed in a process of its own. Budgets are ratios to a baseline that is measured in
the same run, just before or after; files are read once beforehand, so that both sides find them in the
operating system's cache. With `--repeat N` each is run N times, in turn with its baseline, and the shortest
wall counts: the one least disturbed by whatever else the machine does.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

from tests.benchmarks import generate
from tests.benchmarks.steps import in_process, installed

PERSONS, LABEL_FILES = 150_000, 120_000


@dataclass(frozen=True)
class Row:
    """A line of the table: seconds, MB of 10^6 bytes. `met` is None where there is no budget."""

    what: str
    wall: float | None = None
    cpu: float | None = None
    peak: float | None = None
    size: str = ""
    ratio: str = ""
    budget: str = ""
    met: bool | None = None
    more: dict[str, Any] = field(default_factory=dict)


class Run:
    """One run: where the data is, how often each thing is timed, and the lines so far."""

    def __init__(self, given: argparse.Namespace, show: Callable[[Row], None]):
        self.data, self.images, self.show = given.data, given.images, show
        self.repeat, self.reuse, self.others = given.repeat, given.reuse, given.others
        self.sessions, self.growth = given.sessions, given.growth
        self.rows: list[Row] = []
        self._known: dict[str, dict] = {}

    def dataset(self, shape: str, count: int) -> Path:
        """The generated dataset's root, made where it is not there yet, and read once."""
        folder = self.data / f"{shape}-{count}"
        if not (folder / "done").exists():
            shutil.rmtree(folder, ignore_errors=True)
            generate.SHAPES[shape][0](folder, count)
            (folder / "done").touch()
        for path in (folder / shape).rglob("*.json"):
            with path.open("rb") as file:
                while file.read(1 << 22):
                    pass
        return folder / shape

    def workspace(self, name: str) -> Path:
        return self.data / "workspaces" / name

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.show(row)

    def baseline(self, what: str, found: dict[str, Any]) -> None:
        self.add(Row(what, found["wall"], found["cpu"], found["peak"], more=found))

    def against(self, *steps: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
        """The steps in turn, `repeat` times; of each the run with the shortest wall."""
        turns = [[in_process(name, **arguments) for name, arguments in steps] for _ in range(self.repeat)]
        return [min((turn[n] for turn in turns), key=lambda found: found["wall"]) for n in range(len(steps))]

    def indexed(self) -> dict[str, Any]:
        """The HaGRID index and its baseline, measured together, once a run."""
        if self._known:
            return self._known
        root = self.dataset("hagrid", self.images)
        work = {"root": root, "workspace": self.workspace(f"hagrid-{self.images}")}
        kept = self.data / "workspaces" / f"hagrid-{self.images}.json"
        if self.reuse and kept.exists():
            base, ours = json.loads(kept.read_text())
        else:
            base, ours = self.against(("orjson_loads", {"root": root}), ("index", work))
            kept.write_text(json.dumps([base, ours]))
        size = sum(path.stat().st_size for path in root.rglob("*.json"))
        self._known = {"root": root, "work": work, "base": base, "ours": ours, "size": size}
        return self._known


def _ratio(found: dict, base: dict, of: str, budget: float | None, what: str, size: str = "") -> Row:
    """A line whose budget is its wall time over its baseline's; CPU is told beside it."""
    value, cpu = found["wall"] / base["wall"], found["cpu"] / max(base["cpu"], 1e-9)
    told = f"{value:.2f} × {of} (CPU {cpu:.2f} ×)"
    wanted = f"≤ {budget:g} ×" if budget is not None else ""
    met = value <= budget if budget is not None else None
    return Row(what, found["wall"], found["cpu"], found["peak"], size, told, wanted, met, found)


def bench_index(run: Run) -> None:
    known = run.indexed()
    ours, size = known["ours"], known["size"]
    run.baseline("orjson.loads, files one by one", known["base"])
    run.baseline("json.loads, files one by one", in_process("json_loads", root=known["root"]))
    told = f"{size / 1e6:,.0f} MB JSON"
    run.add(_ratio(ours, known["base"], "orjson", 0.6, f"index, {ours['images']:,} images", size=told))
    run.add(
        Row("index, peak memory", peak=ours["peak"], budget="≤ 4,295 MB", met=ours["peak"] <= 4295)
    )
    share = ours["bytes"] / size
    run.add(
        Row("index, file", size=f"{ours['bytes'] / 1e6:,.0f} MB", ratio=f"{share:.2f} × JSON",
            budget="≤ 0.4 ×", met=share <= 0.4)
    )  # fmt: skip


def bench_incremental(run: Run) -> None:
    known = run.indexed()
    full = known["ours"]
    again = in_process("index", **known["work"], force=False)
    run.add(_ratio(again, full, "index", 0.02, "nothing changed"))
    files = sorted(known["root"].rglob("*.json"), key=lambda path: path.stat().st_size)
    middle = files[len(files) // 2]
    before = middle.stat()
    try:
        with middle.open("ab") as file:
            file.write(b"\n")
        one = in_process("index", **known["work"], force=False)
    finally:
        os.truncate(middle, before.st_size)
        os.utime(middle, ns=(before.st_atime_ns, before.st_mtime_ns))
    told = f"{before.st_size / 1e6:,.1f} MB of it"
    run.add(_ratio(one, full, "index", 0.1, f"one file of {len(files)} changed", size=told))


def bench_growth(run: Run) -> None:
    """Index and SQL checks of ever more images: what one image costs, against the size before."""
    before: dict[str, dict[str, float]] = {}
    for images in sorted(run.growth):
        root = run.dataset("hagrid", images)
        work = {"root": root, "workspace": run.workspace(f"hagrid-{images}")}
        size = sum(path.stat().st_size for path in root.rglob("*.json"))
        found = {"index": in_process("index", **work)}
        found["SQL checks"] = in_process("audit", workspace=work["workspace"])
        for what, one in found.items():
            each = one["wall"] / images * 1e6
            told = [f"{each:,.1f} µs an image"]
            if what == "index":
                told.append(f"{one['bytes'] / images:,.0f} bytes an image in the index")
            met = None
            if what in before:
                ratio = each / before[what]["each"]
                told.append(f"{ratio:.2f} × that of {before[what]['images']:,.0f}")
                met = ratio <= 1.2
            run.add(
                Row(f"{what}, {images:,} images", one["wall"], one["cpu"], one["peak"], f"{size / 1e6:,.0f} MB JSON",
                    ", ".join(told), "≤ 1.2 ×" if met is not None else "", met, one)
            )  # fmt: skip
            before[what] = {"each": each, "images": images}


def bench_audit(run: Run) -> None:
    known = run.indexed()
    found = in_process("audit", workspace=known["work"]["workspace"])
    run.add(_ratio(found, known["ours"], "index", 1.0, f"all {found['checks']} SQL checks"))
    if found["failed"]:
        run.add(Row(f"  failed: {'; '.join(found['failed'])[:150]}", met=False))


def bench_label_suspect(run: Run) -> None:
    known = run.indexed()
    found = in_process("audit", workspace=known["work"]["workspace"], which=["label-suspect"])
    if "missing" in found or found["failed"]:
        run.add(Row(f"label-suspect: {found.get('missing') or found['failed'][0][:120]}"))
        return
    hands = known["ours"]["keypoints"] // 21
    run.add(
        Row(f"label-suspect, {hands:,} hands", found["wall"], found["cpu"], found["peak"], budget="≤ 300 s",
            met=found["wall"] <= 300, more=found)
    )  # fmt: skip


def bench_pages(run: Run) -> None:
    found = in_process("pages", workspace=run.indexed()["work"]["workspace"])
    told = f"p50 {found['p50'] * 1e3:,.0f} ms, p95 {found['p95'] * 1e3:,.0f} ms"
    run.add(
        Row(f"pages' queries, warm, {found['calls']} calls", found["wall"], found["cpu"], found["peak"],
            ratio=told, budget="p95 ≤ 300 ms", met=found["p95"] <= 0.3, more=found)
    )  # fmt: skip
    run.add(
        Row("pages' queries, store just opened", ratio=f"p95 {found['cold_p95'] * 1e3:,.0f} ms",
            budget="p95 ≤ 1,000 ms", met=found["cold_p95"] <= 1)
    )  # fmt: skip
    if found["unasked"]:
        run.add(Row(f"  not in page_queries.py, so not timed: {', '.join(found['unasked'])}"))


def bench_load(run: Run) -> None:
    """Pages in a browser, as a person waits for them; the budgets are those of one person at a time."""
    if not installed("playwright", sys.executable):
        run.add(Row("pages in a browser: playwright is not installed"))
        return
    for sessions in run.sessions:
        found = in_process(
            "page_load", workspace=run.indexed()["work"]["workspace"].absolute(), sessions=sessions
        )
        (load, load95), (change, change95) = found["load"], found["change"]
        told = f"page p50 {load:.2f} s, p95 {load95:.2f} s; filter p50 {change:.2f} s, p95 {change95:.2f} s"
        alone = sessions == 1
        met = found["first"] <= 2 and change95 <= 1 and not found["errors"] if alone else not found["errors"]
        run.add(
            Row(f"pages, {sessions} browser session{'' if alone else 's'}", found["wall"], found["cpu"],
                found["memory"]["most"], f"first page {found['first']:.2f} s", told,
                "first ≤ 2 s, filter p95 ≤ 1 s" if alone else "no error", met, found)
        )  # fmt: skip
        for told in found["errors"][:3]:
            run.add(Row(f"  {told}"[:150], met=False))


def bench_viewer(run: Run) -> None:
    found = in_process("next_image", workspace=run.indexed()["work"]["workspace"])
    told = f"p50 {found['p50'] * 1e3:,.0f} ms, p95 {found['p95'] * 1e3:,.0f} ms"
    run.add(
        Row("next image in the viewer", found["wall"], found["cpu"], found["peak"], ratio=told,
            budget="p95 ≤ 150 ms", met=found["p95"] <= 0.15, more=found)
    )  # fmt: skip


def bench_resplit(run: Run) -> None:
    found = in_process("resplit", workspace=run.indexed()["work"]["workspace"])
    run.add(Row("resplit by subject, stratified", found["wall"], found["cpu"], found["peak"], more=found))


def bench_coco(run: Run) -> None:
    root = run.dataset("coco", PERSONS)
    work = {"root": root, "workspace": run.workspace("coco")}
    turns = []
    for _ in range(run.repeat):
        base = in_process("cocotools", root=root)
        ours, checks = in_process("index", **work), in_process("audit", workspace=work["workspace"])
        turns.append((base, ours, checks))
    base, ours, checks = (min((turn[n] for turn in turns), key=lambda found: found["wall"]) for n in range(3))
    size = sum(path.stat().st_size for path in root.rglob("*.json"))
    run.baseline("pycocotools.COCO(file)", base)
    both = {
        **checks, "wall": ours["wall"] + checks["wall"], "cpu": ours["cpu"] + checks["cpu"],
        "peak": max(ours["peak"], checks["peak"]),
    }  # fmt: skip
    told = f"{size / 1e6:,.0f} MB JSON"
    run.add(Row("  COCO, index", ours["wall"], ours["cpu"], ours["peak"], told, more=ours))
    run.add(Row("  COCO, SQL checks", checks["wall"], checks["cpu"], checks["peak"], more=checks))
    what = f"COCO, {PERSONS:,} persons: index and SQL checks"
    run.add(_ratio(both, base, "pycocotools", 1.0, what, told))
    file = next(root.rglob("*.json"))
    try:
        _other_tools(run, file, both)
    except RuntimeError as error:  # installed, but not able to run here (FiftyOne needs a MongoDB)
        run.add(Row(f"  other tools: {error}"[:150]))


def _other_tools(run: Run, file: Path, ours: dict[str, Any]) -> None:
    """Other tools' import of the same records, as far as they are installed."""
    if not installed("datumaro", run.others):
        run.add(Row("  datumaro's import: not installed"))
    else:
        theirs = in_process("datumaro", run.others, root=file.parent.parent)
        run.add(_ratio(theirs, ours, "ours", None, "  datumaro's import"))
    if not installed("fiftyone", run.others):
        run.add(Row("  FiftyOne's import: not installed"))
        return
    theirs = in_process("fiftyone", run.others, root=file.parent)
    rate = theirs["images"] / theirs["wall"]
    mine = PERSONS * 64_115 / 149_813 / ours["wall"]
    run.add(
        Row("  FiftyOne's import, first images", theirs["wall"], theirs["cpu"], theirs["peak"],
            ratio=f"{mine / rate:,.0f} × as many images a second", budget="≥ 100 ×", met=mine >= 100 * rate)
    )  # fmt: skip


def bench_yolo(run: Run) -> None:
    root = run.dataset("yolo", LABEL_FILES)
    in_process("yolo_loop", root=root)  # into the operating system's cache
    work = {"root": root, "workspace": run.workspace("yolo")}
    base, ours = run.against(("yolo_loop", {"root": root}), ("index", work))
    run.baseline("plain loop over the label files", base)
    run.add(_ratio(ours, base, "loop", 1.0, f"YOLO, {LABEL_FILES:,} label files: index"))


BENCHMARKS: dict[str, Callable[[Run], None]] = {
    "index": bench_index,
    "incremental": bench_incremental,
    "growth": bench_growth,
    "audit": bench_audit,
    "label-suspect": bench_label_suspect,
    "pages": bench_pages,
    "viewer": bench_viewer,
    "load": bench_load,
    "resplit": bench_resplit,
    "coco": bench_coco,
    "yolo": bench_yolo,
}


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "date": datetime.date.today().isoformat(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 2**30, 1),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
        "load": round(os.getloadavg()[0], 1),
    }


def _numbers(row: Row) -> list[str]:
    seconds = [f"{value:,.2f}" if value is not None else "" for value in (row.wall, row.cpu)]
    peak = f"{row.peak:,.0f}" if row.peak is not None else ""
    met = {True: "yes", False: "NO", None: ""}[row.met]
    return [row.what, *seconds, peak, row.size, row.ratio, row.budget, met]


def table(rows: list[Row], facts: dict[str, Any]) -> Table:
    """The lines with what they were measured on."""
    told = (
        f"{facts['date']}, {facts['cores']} cores, {facts['memory_gb']} GiB, Python {facts['python']}, "
        f"DuckDB {facts['duckdb']}, load average {facts['load']} before, {round(os.getloadavg()[0], 1)} after"
    )
    shown = Table(show_edge=False, pad_edge=False, header_style="bold", caption=told)
    for name in ("what", "wall s", "CPU s", "peak MB", "size", "ratio", "budget", "met"):
        shown.add_column(name, justify="right" if name in ("wall s", "CPU s", "peak MB") else "left")
    for row in rows:
        shown.add_row(*_numbers(row))
    return shown


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=100_000, help="of the HaGRID shape (default 100000)")
    usual = [name for name in BENCHMARKS if name != "growth"]
    told = "default: all but growth, which takes as long as all others"
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), default=usual, help=told)
    told = "numbers of images that `growth` goes through (default 10000 100000 1060000)"
    parser.add_argument("--growth", type=int, nargs="+", default=[10_000, 100_000, 1_060_000], help=told)
    parser.add_argument("--repeat", type=int, default=2, help="how often each ratio is measured (default 2)")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "kpaudit-benchmarks")
    told = "browser sessions at once that walk the pages, up to 20 each (default 1 5)"
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 5], help=told)
    told = "the Python in which other tools are installed (default: this one)"
    parser.add_argument("--others", default=sys.executable, metavar="PYTHON", help=told)
    told = "take the HaGRID index and its times from the last run, as they are"
    parser.add_argument("--reuse", action="store_true", help=told)
    parser.add_argument("--json", type=Path, help="write the lines and all that was measured here")
    given = parser.parse_args()
    facts = machine()
    err = Console(stderr=True)

    def show(row: Row) -> None:
        err.print(" | ".join(part for part in _numbers(row) if part), highlight=False, soft_wrap=True)

    run = Run(given, show)
    for name in given.only:
        err.print(f"[bold]{name}[/bold]")
        try:
            BENCHMARKS[name](run)
        except RuntimeError as error:  # the others are measured all the same
            run.add(Row(f"{name} failed: {error}"[:300], met=False))
    console = Console(width=None if sys.stdout.isatty() else 150, highlight=False)
    console.print(table(run.rows, facts))
    if given.json:
        found = {"machine": facts, "rows": [asdict(row) for row in run.rows]}
        given.json.write_text(json.dumps(found, indent=1))
    return 0 if all(row.met is not False for row in run.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
