"""What the benchmarks time, each run in a process of its own, so that its memory and CPU are its own.

    python -m tests.benchmarks.steps NAME '{"argument": ...}'

prints one JSON object: wall and CPU seconds of the work itself (imports are done before), the process's peak
memory in MB, and what the step adds. CPU includes child processes.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

Found = dict[str, Any]
STEPS: dict[str, Callable[..., Found]] = {}


def in_process(name: str, python: str = sys.executable, /, **arguments: Any) -> Found:
    """Runs a step in a new process and hands back what it found. Raises RuntimeError where it fails."""
    command = [python, "-m", "tests.benchmarks.steps", name, json.dumps(arguments, default=str)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        told = done.stderr.strip().splitlines()
        raise RuntimeError(f"{name}: {told[-1] if told else f'exit code {done.returncode}'}")
    return json.loads(done.stdout.splitlines()[-1])


def installed(module: str, python: str) -> bool:
    """Whether that Python has the module."""
    looked = f"import importlib.util as u, sys; sys.exit(u.find_spec({module!r}) is None)"
    return subprocess.run([python, "-c", looked], check=False).returncode == 0


def _step(work: Callable[..., Found]) -> Callable[..., Found]:
    STEPS[work.__name__] = work
    return work


@contextmanager
def _timed(found: Found) -> Iterator[None]:
    started, cpu = time.perf_counter(), _cpu()
    yield
    found["wall"] = time.perf_counter() - started
    found["cpu"] = _cpu() - cpu


def _cpu() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def peak_mb() -> float:
    """The most memory that this process has held at once, in MB of 10^6 bytes."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass  # not Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


@_step
def orjson_loads(root: str) -> Found:
    """The same files one by one, each let go before the next."""
    import orjson  # noqa: PLC0415

    files, found = sorted(Path(root).rglob("*.json")), {}
    with _timed(found):
        for file in files:
            orjson.loads(file.read_bytes())
    return found


@_step
def json_loads(root: str) -> Found:
    files, found = sorted(Path(root).rglob("*.json")), {}
    with _timed(found):
        for file in files:
            json.loads(file.read_text())
    return found


@_step
def cocotools(root: str) -> Found:
    """pycocotools.COCO(file): reads it and builds its lookup tables."""
    from pycocotools.coco import COCO  # noqa: PLC0415

    found: Found = {}
    with _timed(found):
        for file in sorted(Path(root).rglob("*.json")):
            COCO(str(file))
    return found


@_step
def yolo_loop(root: str) -> Found:
    """A plain loop over the label files: opens each and splits its lines into numbers-to-be."""
    found: Found = {}
    with _timed(found):
        words = 0
        for file in sorted(Path(root).rglob("*.txt")):
            with open(file) as lines:
                for line in lines:
                    words += len(line.split())
    return {**found, "words": words}


@_step
def index(root: str, workspace: str, force: bool = True) -> Found:
    from queries.index import index as build  # noqa: PLC0415
    from queries.model import Options  # noqa: PLC0415
    from queries.workspace import Workspace  # noqa: PLC0415

    place, found = Workspace(Path(workspace)), {}
    with _timed(found):
        summary = build(place, Path(root), Options(), force=force)
    return {
        **found,
        "images": summary.images,
        "annotations": summary.annotations,
        "keypoints": summary.keypoints,
        "unchanged": summary.unchanged,
        "bytes": sum(path.stat().st_size for path in place.index_files()),
    }


@_step
def audit(workspace: str, which: str | list[str] = "sql") -> Found:
    """Runs the checks that are SQL, or those named. Adds the seconds and findings of each."""
    from queries import audit as audits  # noqa: PLC0415
    from queries import catalogue  # noqa: PLC0415
    from queries.workspace import Workspace  # noqa: PLC0415

    sources = catalogue.sources()
    wanted = [name for name, source in sources.items() if source.sql is not None] if which == "sql" else which
    unknown = [name for name in wanted if name not in sources]
    if unknown:
        return {"missing": f"there is no check {unknown[0]} yet"}
    found: Found = {}
    with _timed(found):
        ran = audits.run(Workspace(Path(workspace)), checks=wanted)
    rows = [row for rows in ran.values() for row in rows]
    failed = [f"{row.check.id}: {row.reason}" for row in rows if row.status == "failed"]
    each = {row.check.id: [round(row.seconds, 3), row.findings, row.status] for row in rows}
    return {**found, "checks": len(wanted), "failed": failed, "each": each}


@_step
def pages(workspace: str, warm: int = 2) -> Found:
    """Every query of the pages under several filters: warm times, and cold ones with a store just opened.

    Cold is a new store in this process: DuckDB has nothing in memory, the operating system may.
    """
    from queries.store import Store  # noqa: PLC0415
    from queries.workspace import Workspace  # noqa: PLC0415
    from tests.benchmarks import page_queries  # noqa: PLC0415

    place = Workspace(Path(workspace))
    store = Store(place)
    calls = page_queries.calls(store)
    store.close()
    found: Found = {}
    cold: dict[str, float] = {}
    each: dict[str, list[float]] = {}
    with _timed(found):
        for name in dict.fromkeys(call.query for call in calls):
            mine = [call for call in calls if call.query == name]
            store = Store(place)
            for place_in_list, call in enumerate(mine):
                took = _ask(store, call)
                if not place_in_list:
                    cold[name] = took
                best = [_ask(store, call) for _ in range(warm)]
                each[f"{name} [{call.told}]"] = best
            store.close()
    times = sorted(value for values in each.values() for value in values)
    slowest = sorted(each, key=lambda name: -statistics.median(each[name]))[:12]
    return {
        **found,
        "calls": len(times),
        "p50": statistics.median(times),
        "p95": _p95(times),
        "cold_p95": _p95(sorted(cold.values())),
        "cold_worst": sorted(((round(v, 3), k) for k, v in cold.items()), reverse=True)[:6],
        "slowest": {name: round(statistics.median(each[name]), 3) for name in slowest},
        "over": sum(value > 0.3 for value in times),
        "unasked": page_queries.unasked(),
    }


def _ask(store, call) -> float:
    started = time.perf_counter()
    store.frame(call.query, **call.params)
    return time.perf_counter() - started


def _p95(times: list[float]) -> float:
    return times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]


@_step
def page_load(workspace: str, sessions: int) -> Found:
    """Browser sessions that walk the pages all at once; memory is the server's, as it tells of itself."""
    from tests.benchmarks.page_load import measure  # noqa: PLC0415

    found: Found = {}
    with _timed(found):
        measured = measure(Path(workspace), sessions)
    return {**measured, **found}


@_step
def next_image(workspace: str, steps: int = 40) -> Found:
    """Through the viewer: each step asks for the next image's rows and makes its figure, without a file."""
    from dashboard.draw import Layers  # noqa: PLC0415
    from dashboard.figure import figure  # noqa: PLC0415
    from queries import scene as scene_  # noqa: PLC0415
    from queries import scenes  # noqa: PLC0415
    from queries.filters import Filters, Narrow  # noqa: PLC0415
    from queries.store import Store  # noqa: PLC0415
    from queries.workspace import Workspace  # noqa: PLC0415

    store = Store(Workspace(Path(workspace)))
    walk = scenes.walk_images(store, Filters(store.datasets[0]["dataset_id"]), Narrow())
    found: Found = {}
    times = []
    with _timed(found):
        for n in range(steps + 1):
            image = int(walk.ids[(n * 7919) % len(walk)])
            started = time.perf_counter()
            row = store.rows("viewer_image", image=image)[0]
            store.rows("viewer_find", dataset=row["dataset_id"], key=row["key"])
            for query in ("viewer_annotations", "viewer_problems", "finding_image"):
                store.rows(query, image=image)
            what = scenes.scenes(store, [image])[image]
            figure(None, scene_.to_pixels(what), Layers(), "light").to_json()
            if n:  # the first one warms up
                times.append(time.perf_counter() - started)
    return {**found, "p50": statistics.median(times), "p95": _p95(sorted(times))}


@_step
def resplit(workspace: str) -> Found:
    """By subject, stratified by class, written as CSV."""
    from queries import resplit as resplits  # noqa: PLC0415
    from queries import resplit_commands  # noqa: PLC0415
    from queries.store import Store  # noqa: PLC0415
    from queries.workspace import Workspace  # noqa: PLC0415

    store = Store(Workspace(Path(workspace)))
    wanted = {"train": 0.76, "val": 0.09, "test": 0.15}
    found: Found = {}
    with _timed(found), tempfile.TemporaryDirectory() as folder:
        images = resplits.load(store, store.datasets[0]["dataset_id"], "subject", True, None)
        names = list(wanted)
        split = [names[place] for place in resplits.assign(images, wanted, 0)]
        resplit_commands.write(Path(folder) / "split.csv", "benchmark", images, split)
    return {**found, "images": len(images)}


@_step
def datumaro(root: str) -> Found:
    """Datumaro's import of a COCO person keypoints file; it wants a folder of images beside it."""
    from datumaro.components.dataset import Dataset  # noqa: PLC0415

    (Path(root) / "images").mkdir(exist_ok=True)
    found: Found = {}
    with _timed(found):
        Dataset.import_from(root, "coco_person_keypoints").init_cache()
    return found


@_step
def fiftyone(root: str, images: int = 1000) -> Found:
    """FiftyOne's own records of the first images' keypoints, a second each: the import is a loop of these."""
    import fiftyone as fo  # noqa: PLC0415
    import orjson  # noqa: PLC0415

    file = next(Path(root).rglob("*.json"))
    document = orjson.loads(file.read_bytes())
    rows = {row["id"]: row for row in document["images"][:images]}
    samples = {number: fo.Sample(filepath=f"/{row['file_name']}") for number, row in rows.items()}
    found: Found = {}
    with _timed(found):
        kept: dict[int, list] = {number: [] for number in rows}
        for row in document["annotations"]:
            if row["image_id"] in rows:
                size = rows[row["image_id"]]
                places = row["keypoints"]
                points = [
                    (places[n] / size["width"], places[n + 1] / size["height"]) for n in range(0, 51, 3)
                ]
                kept[row["image_id"]].append(fo.Keypoint(label="person", points=points))
        for number, sample in samples.items():
            sample["people"] = fo.Keypoints(keypoints=kept[number])
        dataset = fo.Dataset()
        dataset.add_samples(samples.values())
    dataset.delete()
    return {**found, "images": len(rows)}


def main() -> None:
    name, arguments = sys.argv[1], json.loads(sys.argv[2])
    found = STEPS[name](**arguments)
    print(json.dumps({**found, "peak": peak_mb()}, default=str))


if __name__ == "__main__":
    main()
