"""New splits: nothing leaks, ratios and classes are met, the same seed gives the same, nothing is touched."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from queries import resplit, resplit_commands
from queries.cli import main
from queries.errors import KpauditError, UsageError
from queries.resplit import Images

RATIOS = {"train": 0.7, "val": 0.1, "test": 0.2}


def _record(subject: str | None, label: str, n: int) -> dict[str, Any]:
    return {"bboxes": [[0.1, 0.1, 0.2, 0.001 * (n + 1)]], "labels": [label], "user_id": subject}


def _many(subjects: int, each: int, classes: tuple[str, ...] = ("call", "like", "ok")) -> dict[str, Any]:
    files: dict[str, dict] = {label: {} for label in classes}
    for s in range(subjects):
        for k in range(each):
            label = classes[(s + k) % len(classes)]
            files[label][f"{s:03}-{k}"] = _record(f"subject{s:03}", label, k)
    return {f"ann/train/{label}.json": records for label, records in files.items()}


def _images(units: np.ndarray, strata: np.ndarray) -> Images:
    n = len(units)
    names = tuple(("class", f"c{i}") for i in range(strata.shape[1]))
    empty = np.empty((0, 2), dtype=np.int64)
    key = np.array([f"k{i}" for i in range(n)], dtype=object)
    return Images(
        np.arange(n), key, units.astype(object), np.full(n, "train", dtype=object), units, csr_array(strata),
        names, empty,
    )  # fmt: skip


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=200),
    st.integers(0, 5),
    st.sampled_from([{"a": 0.5, "b": 0.5}, RATIOS]),
)
@settings(max_examples=60, deadline=None)
def test_units_stay_whole_and_every_image_has_a_split(raw, seed, ratios) -> None:
    units = np.unique(np.array(raw), return_inverse=True)[1]
    strata = np.eye(3, dtype=np.int64)[np.arange(len(units)) % 3]
    images = _images(units, strata)
    split = resplit.assign(images, ratios, seed)
    assert split.min() >= 0
    assert split.max() < len(ratios)
    for unit in np.unique(units):
        assert len(set(split[units == unit])) == 1
    assert (split == resplit.assign(images, ratios, seed)).all()


def test_ratios_and_classes_are_met() -> None:
    rng = np.random.default_rng(3)
    units = np.unique(rng.integers(0, 600, 12_000), return_inverse=True)[1]
    strata = rng.multinomial(1, [0.5, 0.3, 0.15, 0.05], 12_000)
    images = _images(units, strata)
    split = resplit.assign(images, RATIOS, 0)
    for n, share in enumerate(RATIOS.values()):
        assert (split == n).mean() == pytest.approx(share, abs=0.003)
        assert strata[split == n].sum(axis=0) / strata.sum(axis=0) == pytest.approx(share, abs=0.02)
    assert (split != resplit.assign(images, RATIOS, 1)).any(), "the seed matters"


def test_single_images_are_dealt_out_exactly() -> None:
    strata = np.repeat(np.eye(5, dtype=np.int64), 20_000, axis=0)
    images = _images(np.arange(100_000), strata)
    split = resplit.assign(images, RATIOS, 0)
    for n, share in enumerate(RATIOS.values()):
        assert np.abs(strata[split == n].sum(axis=0) / 20_000 - share).max() < 1e-3


def test_the_command_on_records(indexed, tmp_path, capsys) -> None:
    found = indexed(_many(60, 5))
    out = tmp_path / "splits.csv"
    code = _run("resplit", "--workspace", str(found.workspace.path), str(out), "--tolerance", "0.05")
    assert code == 0
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0]) == ["dataset", "key", "subject", "split_before", "split"]
    assert len(rows) == 300
    assert {row["split_before"] for row in rows} == {"train"}
    by_subject: dict[str, set[str]] = {}
    for row in rows:
        by_subject.setdefault(row["subject"], set()).add(row["split"])
    assert {len(splits) for splits in by_subject.values()} == {1}
    assert "subjects in more than one split" in capsys.readouterr().out


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(list(arguments))
    return stop.value.code


def test_before_and_after(indexed, tmp_path) -> None:
    files = _many(30, 6)
    moved = dict(list(files["ann/train/call.json"].items())[:10])
    files["ann/val/call.json"] = {f"{key}v": record for key, record in moved.items()}
    found = indexed(files)
    out, store = io.StringIO(), found.store
    images, split = resplit_commands.run(
        store, store.datasets[0], tmp_path / "o.csv", out,
        by="subject", ratios="train=.5,val=.5", stratify=True, group=None, seed=0, tolerance=0.1,
    )  # fmt: skip
    assert resplit_commands.shape(images, images.split).subjects_leaking > 0
    assert resplit_commands.shape(images, split).subjects_leaking == 0


def test_copies_and_one_key_stay_together(indexed, tmp_path) -> None:
    files = {
        "ann/train/call.json": {f"k{n}": _record(f"s{n}", "call", n) for n in range(20)},
        "ann/val/call.json": {"k3": _record("other", "call", 3)},
    }
    found = indexed(files)
    images = resplit.load(found.store, 1, "subject", True, None)
    places = [n for n, key in enumerate(images.key) if key == "k3"]
    assert len(places) == 2
    assert len({images.unit[n] for n in places}) == 1
    assert images.unit.max() + 1 == 20


def test_a_subject_too_large_is_said_and_nothing_written(indexed, tmp_path) -> None:
    files = {"ann/train/call.json": {f"k{n}": _record("one", "call", n) for n in range(50)}}
    files["ann/train/call.json"]["z"] = _record("two", "call", 1)
    found = indexed(files)
    out = tmp_path / "o.csv"
    with pytest.raises(KpauditError, match="up to 50 of 51 images must stay together"):
        resplit_commands.run(
            found.store, found.store.datasets[0], out, io.StringIO(),
            by="subject", ratios="train=.5,val=.5", stratify=True, group=None, seed=0, tolerance=0.02,
        )  # fmt: skip
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train=.5", "add up to 0.5"),
        ("train=1", "names one split"),
        ("train=.5,train=.5", "names train twice"),
        ("train=.5,val=x", "no NAME=SHARE"),
        ("train=.5,=.5", "no NAME=SHARE"),
        ("train=-1,val=2", "no NAME=SHARE"),
        ("train=nan,val=.5", "no NAME=SHARE"),
        ("train=.6,val=.6", "add up to 1.2"),
    ],
)
def test_wrong_ratios_are_one_sentence(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resplit.parse_ratios(text)


def test_without_subjects(indexed) -> None:
    found = indexed({"ann/train/call.json": {"a": _record(None, "call", 1), "b": _record(None, "call", 2)}})
    with pytest.raises(UsageError, match="--by image"):
        resplit.load(found.store, 1, "subject", True, None)
    assert len(set(resplit.load(found.store, 1, "image", True, None).unit)) == 2
    with pytest.raises(UsageError, match="--group gender: no image of the dataset records it"):
        resplit.load(found.store, 1, "image", True, "gender")


def test_several_datasets_need_a_name(indexed, tmp_path, capsys) -> None:
    indexed(_many(3, 2), workspace=tmp_path / "w", name="one")
    found = indexed(_many(3, 2), workspace=tmp_path / "w", name="two")
    code = _run("resplit", "--workspace", str(found.workspace.path), str(tmp_path / "o.csv"))
    assert code == 2
    assert "say which with --dataset; there are: one, two" in capsys.readouterr().err


def test_the_real_val_set(real_data: Path, indexed, tmp_path) -> None:
    found = indexed(real_data / "hagrid_2023_val")
    images, split = resplit_commands.run(
        found.store, found.store.datasets[0], tmp_path / "o.csv", io.StringIO(),
        by="subject", ratios="train=.76,val=.09,test=.15", stratify=True, group=None, seed=0, tolerance=0.01,
    )  # fmt: skip
    after = resplit_commands.shape(images, split)
    assert after.subjects_leaking == 0
    _, _, share, expected = after.worst["class"]
    assert abs(share - expected) < 0.01


def test_a_whole_dataset_by_the_new_splits(indexed, tmp_path, capsys) -> None:
    found = indexed(_many(40, 5))
    out = tmp_path / "again"
    options = ("--to", "hagrid", "--tolerance", "0.05", "--ratios", "train=.6,val=.2,test=.2")
    assert _run("resplit", "--workspace", str(found.workspace.path), *options, str(out)) == 0
    rows = {row["key"]: row for row in csv.DictReader((out / "splits.csv").open())}
    assert len(rows) == 200
    again = indexed(out, name="again")
    found_again = dict(again.rows("select key, split from image"))
    assert found_again == {key: row["split"] for key, row in rows.items()}
    assert _run("resplit", "--workspace", str(found.workspace.path), *options, str(out)) == 2
    assert "again" in capsys.readouterr().err


def test_the_order_of_rows_and_files_makes_no_difference(indexed) -> None:
    """Only the records count: not the file that they are in, nor where, nor the split that they have."""
    records = {key: record for file in _many(40, 3).values() for key, record in file.items()}
    keys = sorted(records, key=lambda key: key[::-1])
    shuffled = {
        "ann/val/zz.json": {key: records[key] for key in keys[:50]},
        "ann/train/call.json": {key: records[key] for key in keys[50:]},
    }
    found = []
    for files in ({"ann/train/call.json": records}, shuffled):
        images = resplit.load(indexed(files).store, 1, "subject", True, None)
        split = resplit.assign(images, {"train": 0.7, "val": 0.3}, 1)
        found.append(dict(zip(images.key, split.tolist(), strict=True)))
        strata = dict(zip(images.key, images.strata.toarray().tolist(), strict=True))
        assert strata == {key: [record["labels"].count(name) for _, name in images.names]
                          for key, record in records.items()}  # fmt: skip
    assert found[0] == found[1]
    assert set(found[0].values()) == {0, 1}


def test_a_file_of_another_kind_or_in_a_dataset_is_never_replaced(indexed, tmp_path, capsys) -> None:
    found = indexed(_many(20, 2))
    annotations = Path(found.summary.root) / "ann/train/call.json"
    before = annotations.read_bytes()
    copy = tmp_path / "copy.json"
    copy.write_bytes(before)
    asked = ["resplit", "--workspace", str(found.workspace.path), "--ratios", "a=.5,b=.5"]
    asked += ["--tolerance", ".1"]
    for out, told in (
        (annotations, "is not an assignment of kpaudit resplit"),
        (copy, "is not an assignment of kpaudit resplit"),
        (Path(found.summary.root) / "new.csv", "lies in the dataset's own folder"),
        (found.workspace.path / "new.csv", "lies in the workspace"),
        (tmp_path, "is a folder"),
    ):
        assert _run(*asked, str(out)) == 2
        err = capsys.readouterr().err
        assert told in err and err.count("\n") == 1
    assert annotations.read_bytes() == before == copy.read_bytes()
    for _ in range(2):  # a former assignment may be
        assert _run(*asked, str(tmp_path / "o.csv")) == 0


def test_splits_that_can_not_be_filled_are_said(indexed, tmp_path) -> None:
    records = {f"k{n}": _record(f"s{n}" if n % 2 else None, "call", n) for n in range(40)}
    found = indexed({"ann/train/call.json": records})

    def run(ratios: str, tolerance: float, by: str = "subject") -> str:
        out = io.StringIO()
        resplit_commands.run(
            found.store, found.store.datasets[0], tmp_path / "o.csv", out, by=by, ratios=ratios,
            stratify=True, group=None, seed=0, tolerance=tolerance,
        )  # fmt: skip
        return out.getvalue()

    with pytest.raises(KpauditError, match=r"b would have no image, expected 0\.10%: there are 40 images"):
        run("a=.999,b=.001", 0.1)
    assert not (tmp_path / "o.csv").exists()
    assert "20 of 40 images name no subject: each of them counts" in run("a=.5,b=.5", 0.1)
    assert "name no subject" not in run("a=.5,b=.5", 0.1, "image")
    few = indexed({"ann/train/call.json": {f"k{n}": _record(f"s{n % 2}", "call", n) for n in range(40)}})
    with pytest.raises(KpauditError, match="2 groups of images that must stay together can't fill 3 splits"):
        resplit_commands.run(
            few.store, few.store.datasets[0], None, io.StringIO(), by="subject",
            ratios="a=.4,b=.3,c=.3", stratify=True, group=None, seed=0, tolerance=0.9,
        )  # fmt: skip
