"""`kpaudit measure`: every image's facts, whatever the files are, and whatever becomes of the process."""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import pytest
from PIL import Image

from queries import cli, measure, measure_workers
from queries.errors import KpauditError, UsageError
from queries.image_facts import hamming
from queries.index import index, remove
from queries.measure import image_roots
from queries.model import FACTS_VERSION, Options
from queries.store import Store
from queries.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = "key, bytes, sha256, width, height, error, path"


def picture(number: int, size: tuple[int, int] = (64, 48)) -> bytes:
    out = io.BytesIO()
    Image.effect_noise(size, 20 + number).save(out, "PNG")
    return out.getvalue()


def coco(names: list[str]) -> dict[str, Any]:
    """A COCO file of images, with one person on the first."""
    joints = [f"j{j}" for j in range(17)]
    return {
        "images": [{"id": n, "file_name": name, "width": 64, "height": 48} for n, name in enumerate(names)],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "bbox": [1, 1, 9, 9], "area": 81, "iscrowd": 0,
             "keypoints": [2, 2, 2] * 17, "num_keypoints": 17}
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": joints, "skeleton": []}],
    }  # fmt: skip


class Place:
    """A dataset in a workspace of its own, measured in this process unless told otherwise."""

    def __init__(self, folder: Path, names: list[str]):
        self.data, self.workspace = folder / "data", Workspace(folder / "workspace")
        self.data.mkdir()
        self.list(names)

    def list(self, names: list[str]) -> None:
        """Indexes the dataset with these images."""
        (self.data / "annotations.json").write_text(json.dumps(coco(names)))
        index(self.workspace, self.data, Options(), force=True)

    def put(self, **files: bytes) -> None:
        for name, data in files.items():
            (self.data / name.replace("_", ".")).write_bytes(data)

    def measure(self, **options: Any) -> measure.Measured:
        (dataset,) = measure.datasets(self.workspace)
        return measure.measure(self.workspace, dataset, **{"workers": 1, **options})

    def rows(self, query: str) -> list[tuple]:
        store = Store(self.workspace)
        try:
            return store.cursor().execute(query).fetchall()
        finally:
            store.close()

    def facts(self) -> dict[str, tuple]:
        """key → (bytes, sha256, width, height, error, path)."""
        return {row[0]: row[1:] for row in self.rows(f"select {COLUMNS} from image_fact")}

    def stamp(self) -> int:
        """When its facts were written."""
        return next(self.workspace.path.glob("facts/*")).stat().st_mtime_ns

    @property
    def journal(self) -> list[str]:
        """What is written down and not yet in the facts, a line an image."""
        parts = sorted(self.workspace.path.glob("measuring/*/*.jsonl"))
        return [line for part in parts for line in part.read_text().splitlines(keepends=True)]


@pytest.fixture
def place(tmp_path):
    """place(names, content by name): the images that there are get a file each, unless content is given."""

    def make(names: list[str], files: dict[str, bytes] | None = None) -> Place:
        made = Place(tmp_path, names)
        if files is None:
            files = {name: picture(n) for n, name in enumerate(names)}
        for name, data in files.items():
            (made.data / name).write_bytes(data)
        return made

    return make


WORKER = """
import json, os, sys, time
from queries import images, measure_workers
read = images.ImageSource.read
def watched(self, located, *more):
    with open({log!r}, "a") as log:
        log.write(located.path.name + "\\n")
    if "killer" in located.path.name:
        os.kill(os.getpid(), 9)
    time.sleep(60 if "sleeper" in located.path.name else {pause})
    return read(self, located, *more)
images.ImageSource.read = watched
measure_workers.main(json.loads(sys.argv[1]))
"""


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """Workers that note each file they read: the function returns the names so far.

    One whose name has `killer` in it ends the process, `sleeper` takes a minute.
    """
    log = tmp_path / "reads"
    script = tmp_path / "worker.py"
    script.write_text(WORKER.format(log=str(log), pause=0))
    monkeypatch.setattr(
        measure_workers, "command", lambda roots: [sys.executable, str(script), json.dumps(list(roots))]
    )

    def reads() -> list[str]:
        return sorted(log.read_text().split()) if log.exists() else []

    return reads


def run(*arguments: str | Path) -> int:
    """The exit code of `kpaudit ARGUMENTS...`, in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code


# What is found


def test_facts_of_good_and_bad_files(place):
    good, broken = picture(1, (70, 50)), picture(2)[:900]
    there = place(
        ["good.png", "broken.png", "text.jpg", "empty.jpg", "gone.jpg"],
        {"good.png": good, "broken.png": broken, "text.jpg": b"hello", "empty.jpg": b""},
    )
    told = there.measure()
    assert (told.images, told.measured, told.known, told.missing, told.unreadable) == (5, 4, 0, 1, 3)
    facts = there.facts()
    path = str((there.data / "good.png").resolve())
    assert facts["good.png"] == (len(good), hashlib.sha256(good).hexdigest(), 70, 50, None, path)
    assert facts["broken.png"][:4] == (900, hashlib.sha256(broken).hexdigest(), 64, 48)
    assert facts["broken.png"][4].startswith("truncated: ")
    assert facts["text.jpg"][:5] == (5, hashlib.sha256(b"hello").hexdigest(), None, None,
                                     "not an image: neither JPEG, PNG, WebP nor BMP")  # fmt: skip
    assert facts["empty.jpg"][4] == "truncated: the file is empty"
    assert facts["gone.jpg"] == (None, None, None, None, "no file found", None)
    assert there.journal == []


def test_images_in_a_zip(place):
    pictures = {f"{n}.png": picture(n) for n in range(4)}
    there = place(["0.png", "1.png", "sub/2.png", "3.png", "4.png"], {})
    with zipfile.ZipFile(there.data / "a.zip", "w") as archive:
        archive.writestr("0.png", pictures["0.png"])
        archive.writestr("1.png", pictures["1.png"], compress_type=zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(there.data / "b.zip", "w") as archive:
        archive.writestr("sub/2.png", pictures["2.png"])
        archive.writestr("3.png", pictures["3.png"][:500])
    told = there.measure()
    assert (told.measured, told.missing, told.unreadable) == (4, 1, 1)
    facts = there.facts()
    for key, archive in (("0.png", "a"), ("1.png", "a"), ("sub/2.png", "b")):
        data = pictures[key.removeprefix("sub/")]
        assert facts[key][:2] == (len(data), hashlib.sha256(data).hexdigest())
        assert facts[key][5] == f"{there.data.resolve()}/{archive}.zip!{key}"
    assert there.measure().known == 4


def test_paths_that_lead_out_are_not_read(place, tmp_path, watched):
    (tmp_path / "secret.png").write_bytes(picture(1))
    there = place(["../secret.png", "link.png", "here.png"], {"here.png": picture(2)})
    (there.data / "link.png").symlink_to(tmp_path / "secret.png")
    told = there.measure()
    assert (told.measured, told.missing, watched()) == (1, 2, ["here.png"])
    errors = {row[0]: row[1] for row in there.rows("select key, error from image_fact")}
    assert errors["link.png"].startswith("outside the image folder")
    assert errors["../secret.png"].startswith("outside the image folder")


def test_names_in_any_script(place):
    names = ["ein Bild, schön.png", "画像.png", 'it\'s "one".png', "a!b.png"]
    there = place(names)
    assert there.measure().measured == 4
    assert {key: row[5] for key, row in there.facts().items()} == {
        name: str(there.data.resolve() / name) for name in names
    }
    assert there.measure().known == 4


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The bundled samples, measured."""
    workspace = Workspace(tmp_path_factory.mktemp("sample") / "workspace")
    for name in ("hagrid", "coco_people"):
        index(workspace, ROOT / "sample_data" / name, Options())
    boxes = "select count(w) from annotation_px join dataset using (dataset_id) where name = 'hagrid'"
    assert _rows(workspace, boxes) == [(0,)], "they are shares of sizes that HaGRID's files do not give"
    assert run("measure", "--workspace", workspace.path, "--quiet") == 0
    return workspace


def _rows(workspace: Workspace, query: str) -> list[tuple]:
    store = Store(workspace)
    try:
        return store.cursor().execute(query).fetchall()
    finally:
        store.close()


def test_pixels_are_known_once_images_are_measured(sample):
    found = _rows(sample, """
        select a.w, n.w * f.width, a.y, n.y * f.height, f.width
        from annotation_px a
        join annotation n using (annotation_id)
        join dataset d on d.dataset_id = a.dataset_id
        left join image_fact f on f.image_id = a.image_id
        where d.name = 'hagrid' and n.w is not null""")  # fmt: skip
    measured = [row for row in found if row[4] is not None]
    assert len(measured) > 640 and len(found) - len(measured) <= 2, "one image is missing"
    assert all(row[:4] == pytest.approx((row[1], row[1], row[3], row[3])) for row in measured)


def test_planted_images_are_told(sample):
    planted = (ROOT / "sample_data" / "planted.csv").read_text()
    wanted = {
        row.split(",")[4]: row.split(",")[1]
        for row in planted.splitlines() if re.search(",image-(missing|unreadable),", row)
    }  # fmt: skip
    begins = {"image-missing": "no file found", "image-unreadable": "truncated: "}
    found = dict(_rows(sample, "select key, error from image_fact where error is not null"))
    assert found.keys() == wanted.keys()
    for key, check in wanted.items():
        assert found[key].startswith(begins[check])


@pytest.mark.parametrize("name", ["hagrid", "coco_people"])
def test_copies_are_near_and_other_drawings_far(sample, name):
    rows = _rows(sample, f"""
        select f.key, f.phash, f.sha256 from image_fact f join image using (image_id)
        join dataset using (dataset_id) where name = '{name}' and phash is not null""")  # fmt: skip
    apart = [
        (frozenset((a[:4], b[:4])), hamming(p, q), c != d)
        for (a, p, c), (b, q, d) in itertools.combinations(rows, 2) if a != b
    ]  # fmt: skip
    near = [found for found in apart if found[1] < 8]
    assert all(bits <= 4 for _, bits, _ in near)
    copied = {pair for pair, _, differ in near if not differ}
    encoded_again = {pair for pair, _, differ in near if differ}
    planted = name == "hagrid"
    assert copied == ({frozenset(("20db", "c1f2"))} if planted else set())
    # a little brighter, and compressed harder
    assert encoded_again == ({frozenset(("3b00", "e2d8"))} if planted else set())


# Resuming, and what is not done again


def test_unchanged_files_are_not_read_again(place, watched):
    there = place([f"{n}.png" for n in range(5)])
    assert there.measure().measured == 5
    before, stamp = there.facts(), there.stamp()
    told = there.measure()
    assert (told.measured, told.known) == (0, 5)
    assert len(watched()) == 5 and there.facts() == before
    assert there.stamp() == stamp, "nothing was written"

    (there.data / "3.png").write_bytes(picture(9, (30, 20)))
    os.utime(there.data / "4.png", ns=(1, 1))
    (there.data / "0.png").unlink()
    told = there.measure()
    assert (told.measured, told.known, told.missing) == (2, 2, 1)
    facts = there.facts()
    assert facts["3.png"][2:4] == (30, 20) and facts["0.png"][4:] == ("no file found", None)
    assert {key: facts[key] for key in ("1.png", "2.png", "4.png")} == {
        key: before[key] for key in ("1.png", "2.png", "4.png")
    }
    stamp = there.stamp()
    assert (there.measure().missing, len(watched())) == (1, 7)
    assert there.stamp() == stamp, "a missing one is known too"
    assert (there.measure(force=True).measured, len(watched())) == (4, 11)


def test_facts_outlive_an_index(place, watched):
    there = place(["b.png", "c.png"])
    there.measure()
    before = there.facts()
    there.list(["a.png", "c.png", "b.png"])
    assert there.facts() == before, "found again by their keys, under other ids"
    (there.data / "a.png").write_bytes(picture(7))
    told = there.measure()
    assert (told.measured, told.known, watched().count("b.png")) == (1, 2, 1)
    assert there.facts().keys() == {"a.png", "b.png", "c.png"}
    # an image that is left out keeps its facts until it comes back
    there.list(["a.png"])
    assert (there.measure().known, there.facts().keys()) == (1, {"a.png"})
    there.list(["a.png", "b.png"])
    assert (there.measure().known, there.facts()["b.png"]) == (2, before["b.png"])


def _started(there: Place, tmp_path: Path, pause: float) -> subprocess.Popen:
    """`kpaudit measure` in a process of its own, slowly."""
    slow = tmp_path / "slow.py"
    slow.write_text(WORKER.format(log=str(tmp_path / "slow.log"), pause=pause))
    start = (
        "import json, sys; from queries import cli, measure_workers\n"
        f"measure_workers.command = lambda roots: [sys.executable, {str(slow)!r}, json.dumps(list(roots))]\n"
        f"cli.main(['measure', '--workers', '2', '--workspace', {str(there.workspace.path)!r}])"
    )
    process = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 20
    while len(there.journal) < 6 and time.monotonic() < until:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    return process


def _workers(tmp_path: Path) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes()
        except OSError:
            continue
        if os.fsencode(str(tmp_path / "slow.py")) in line.split(b"\0"):
            found.append(path.parent.name)
    return found


def test_a_killed_run_goes_on_where_it_was(place, tmp_path, watched):
    names = [f"{n:02}.png" for n in range(60)]
    there = place(names)
    process = _started(there, tmp_path, pause=0.05)
    # measuring holds up nothing else that writes to the workspace
    with there.workspace.writing(lambda: pytest.fail("the workspace is locked")):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    done = {json.loads(line)["key"] for line in there.journal if line.endswith("\n")}
    assert 6 <= len(done) < 60
    assert there.rows("select count(*) from image_fact") == [(0,)], "facts come in whole"
    told = there.measure()
    assert (told.measured, told.known) == (60 - len(done), len(done))
    assert watched() == sorted(set(names) - done)
    facts = there.facts()
    assert {key: row[1] for key, row in facts.items()} == {
        name: hashlib.sha256((there.data / name).read_bytes()).hexdigest() for name in names
    }
    assert there.journal == []
    until = time.monotonic() + 10
    while _workers(tmp_path) and time.monotonic() < until:
        time.sleep(0.05)
    assert _workers(tmp_path) == [], "no worker outlives the command"


def test_ctrl_c_keeps_what_was_done(place, tmp_path, watched):
    there = place([f"{n:02}.png" for n in range(60)])
    process = _started(there, tmp_path, pause=0.05)
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    kept = int(re.search(r"kpaudit: data: (\d+) images measured now are kept, and the next", errors)[1])
    assert errors.count("\n") == 1, "and no traceback"
    assert _workers(tmp_path) == []
    assert len(there.journal) == kept
    assert there.measure().known == kept


def test_a_torn_line_and_another_versions_lines_are_passed_over(place, watched):
    there = place(["a.png", "b.png", "c.png"])
    there.measure()
    (whole,) = (p for p in there.workspace.path.glob("measuring/*") if p.is_dir())
    stat = (there.data / "b.png").stat()
    line = {"split": "unsplit", "key": "b.png", "path": str((there.data / "b.png").resolve()), "width": 7,
            "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}  # fmt: skip
    ((split,),) = there.rows("select distinct split from image")
    line["split"] = split
    next(there.workspace.path.glob("facts/*")).unlink()
    torn = json.dumps({**line, "key": "c.png"})[:-9]
    (whole / f"v{FACTS_VERSION}-000001.jsonl").write_text(json.dumps({**line, "width": 1}) + "\n")
    (whole / f"v{FACTS_VERSION}-000002.jsonl").write_text(json.dumps(line) + "\n" + torn)
    (whole / "v0-000001.jsonl").write_text(json.dumps({**line, "key": "a.png"}) + "\n")
    told = there.measure()
    assert (told.measured, told.known) == (2, 1)
    assert there.facts()["b.png"][2] == 7, "the later line"
    assert sorted(path.name for path in whole.iterdir()) == ["lock"]


# Processes that die


def test_a_worker_that_dies_costs_one_image(place, watched):
    names = [f"{n:02}.png" for n in range(30)]
    files = {name: picture(n) for n, name in enumerate(names)}
    files |= {"05-killer.png": picture(5), "06-killer.png": picture(6), "20-killer.png": picture(7)}
    there = place(list(files), files)
    told = there.measure(workers=2)
    assert (told.measured, told.unreadable) == (33, 3)
    facts = there.facts()
    assert all(facts[name][4] is None for name in names)
    for name in files.keys() - set(names):
        assert facts[name][4] == "decoding it ended the process (SIGKILL)"
        assert facts[name][0] == len(files[name])
    # it may have been the memory that something else took: these alone are tried again
    told = there.measure()
    assert (told.measured, told.known) == (3, 30)


def test_an_image_that_takes_too_long_is_given_up(place, watched, monkeypatch):
    monkeypatch.setattr(measure_workers, "PATIENCE", 1.5)
    there = place(["a.png", "b-sleeper.png", "c.png", "d.png"])
    assert there.measure().unreadable == 1
    facts = there.facts()
    assert facts["b-sleeper.png"][4] == "decoding it took more than 1.5 s"
    assert [facts[name][4] for name in ("a.png", "c.png", "d.png")] == [None] * 3


def test_workers_that_can_not_be_started_are_an_error_not_a_finding(place, monkeypatch):
    failing = [sys.executable, "-c", "raise SystemExit(3)"]
    monkeypatch.setattr(measure_workers, "command", lambda roots: failing)
    there = place(["a.png"])
    with pytest.raises(KpauditError, match="can't be started: it ended with code 3"):
        there.measure()
    assert there.journal == [] and there.facts() == {}


def test_a_worker_does_not_load_what_lies_in_the_current_folder(place, tmp_path, monkeypatch):
    there = place(["a.png"])
    (there.data / "json.py").write_text("raise SystemExit(9)")
    (there.data / "queries.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(there.data)
    assert there.measure().measured == 1


# Two at once, and an index that changes meanwhile


def test_the_second_of_two_waits_for_the_first(place, watched):
    there = place(["a.png", "b.png"])
    said = []
    inner = []

    def meanwhile(done: int, total: int) -> None:
        if not inner:  # while the first one measures, a second one finds its journal taken
            inner.append(subprocess.Popen(
                [sys.executable, "-m", "queries", "measure", "--workspace", str(there.workspace.path)],
                cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            ))  # fmt: skip
            said.append(inner[0].stderr.readline())

    assert there.measure(progress=meanwhile).measured == 2
    out, _ = inner[0].communicate(timeout=20)
    assert said == ["kpaudit: waiting for another kpaudit that is measuring the same images\n"]
    assert inner[0].returncode == 0 and "measured now 0   already known 2" in out
    assert watched() == ["a.png", "b.png"]


def test_an_index_that_is_rebuilt_meanwhile(place, watched):
    there = place(["b.png", "c.png"])
    once = []

    def meanwhile(done: int, total: int) -> None:
        if not once:
            once.append(there.list(["a.png", "c.png", "b.png"]))

    told = there.measure(progress=meanwhile)
    assert told.notes == ["1 image was indexed while it ran: measure again"]
    assert {key: row[4] for key, row in there.facts().items()} == {"b.png": None, "c.png": None}
    ((build,), (now,)) = there.rows("select build_id from dataset union all select build_id from m1.fact_run")
    assert build == now


def test_a_dataset_that_is_removed_meanwhile(place, watched):
    there = place(["a.png"])
    told = there.measure(progress=lambda done, total: remove(there.workspace, "data"))
    assert told.notes == ["it was removed or replaced while it was measured: measure it again"]
    assert not list(there.workspace.path.glob("facts/*"))


# Images that are nowhere


def test_no_image_at_all_is_said_and_what_was_known_is_kept(place, watched, capsys):
    there = place(["a.png", "b.png"])
    there.measure()
    before = there.facts()
    for name in ("a.png", "b.png"):
        (there.data / name).rename(there.data.parent / name)
    capsys.readouterr()
    assert run("measure", "--workspace", there.workspace.path) == 0
    out, err = capsys.readouterr()
    assert "images 2   measured now 0   already known 0   missing 2   unreadable 0" in out
    data = there.data.resolve()
    assert (
        f"note: none of its images is found below {data}: say where they are with "
        f"kpaudit index {data} --images DIR, then measure again\n"
    ) in out
    assert err == "" and there.facts() == before
    index(there.workspace, there.data, Options(images=there.data.parent))
    assert there.measure().measured == 2, "other files, as far as anybody knows"


def test_images_beside_a_folder_of_annotations(tmp_path):
    for name in ("annotations", "images", "hagrid_dataset", "other"):
        (tmp_path / name).mkdir()
    base = {"image_root": None, "root": str(tmp_path / "annotations")}
    assert image_roots(base) == [tmp_path / name for name in ("annotations", "hagrid_dataset", "images")]
    assert image_roots({**base, "image_root": "/x"}) == [Path("/x")]
    (tmp_path / "other" / "a.json").write_text("{}")
    assert image_roots({**base, "root": str(tmp_path / "other" / "a.json")}) == [tmp_path / "other"]


# The command


def test_the_command_tells_each_dataset(tmp_path, capsys):
    place = tmp_path / "w"
    for name in ("coco_people", "yolo_hands"):
        assert run("index", ROOT / "sample_data" / name, "--workspace", place, "--quiet") == 0
    capsys.readouterr()
    assert run("measure", "--dataset", "yolo_hands", "--workers", "1", "--workspace", place) == 0
    out, err = capsys.readouterr()
    assert re.fullmatch(
        r"yolo_hands  [\d.]+ s  [\d,]+ images/s\n"
        r"  images 31   measured now 31   already known 0   missing 0   unreadable 0\n", out
    )  # fmt: skip
    assert err == ""
    assert run("measure", "--workspace", place) == 0
    out, _ = capsys.readouterr()
    assert "images 40   measured now 39   already known 0   missing 1" in out
    assert "measured now 0   already known 31" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--dataset", "nobody"), "there is no dataset called 'nobody'; known: data"),
        (("--workers", "0"), "Invalid value for '--workers'"),
        (("--workspace", "nowhere"), "no index in "),
    ],
)
def test_wrong_usage(place, monkeypatch, capsys, arguments, says):
    there = place(["a.png"])
    monkeypatch.chdir(there.data.parent)
    given = arguments if "--workspace" in arguments else (*arguments, "--workspace", there.workspace.path)
    assert run("measure", *given) == 2
    _, err = capsys.readouterr()
    assert says in err and err.count("\n") == 1


def test_an_unknown_dataset_is_an_error_before_anything_is_measured(place):
    there = place(["a.png"])
    with pytest.raises(UsageError):
        measure.datasets(there.workspace, ["data", "nobody"])


# Facts of other files


def test_facts_of_other_folders_are_not_shown(place, watched):
    there = place(["a.png", "b.png"])
    there.measure()
    before = there.facts()
    other = there.data.parent / "other"
    other.mkdir()
    index(there.workspace, there.data, Options(images=other))
    assert there.facts() == {}, "nobody has looked into that folder"
    (other / "a.png").write_bytes(picture(9, (30, 20)))
    there.measure()
    facts = there.facts()
    assert (facts["a.png"][2:4], facts["b.png"][4]) == ((30, 20), "no file found")
    index(there.workspace, there.data, Options(images=there.data))
    assert there.facts() == {}
    there.measure()
    assert there.facts() == before


def test_a_dataset_that_takes_a_removed_ones_number_finds_nothing_of_it(place, watched, monkeypatch):
    there = place(["a.png"])
    there.measure()
    unlink = Path.unlink

    def stops(path, **more):
        if path.parent.name == "facts":
            raise KeyboardInterrupt
        unlink(path, **more)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "unlink", stops)
        remove(there.workspace, "data")
    assert there.rows("select name from dataset") == [("data",)], "what is half removed can be removed again"
    remove(there.workspace, "data")
    assert not list(there.workspace.path.glob("facts/*"))


def test_facts_of_the_version_before_need_no_measuring(place, watched):
    there = place(["a.png"])
    there.measure()
    before = there.facts()
    (file,) = there.workspace.path.glob("facts/*.duckdb")
    with duckdb.connect(str(file)) as con:
        con.execute("alter table fact_run drop column root")
        con.execute("alter table fact_run drop column image_root")
        con.execute("update fact_run set schema_version = 1")
    assert there.facts() == {}
    told = there.measure()
    assert (told.measured, told.known, there.facts()) == (0, 1, before)
