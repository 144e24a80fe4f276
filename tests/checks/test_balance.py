"""Checks of the classes' sizes: clean, planted, clean again."""

from __future__ import annotations

import pytest

from tests.checks.audited import check


def dataset(classes: dict[str, dict[str, int]], subjects: int = 30) -> dict[str, dict]:
    """HaGRID files of {class: {split: images}} with a hand each, of subjects in turn."""
    files: dict[str, dict] = {}
    number = 0
    for label, splits in classes.items():
        for split, count in splits.items():
            for _ in range(count):
                number += 1
                files.setdefault(f"{split}/{label}.json", {})[f"{label}-{number:05}"] = {
                    "bboxes": [[0.1, 0.2, 0.3, 0.4]], "labels": [label], "user_id": f"s{number % subjects}",
                }  # fmt: skip
    return files


EVEN = {label: {"train": 60, "val": 12} for label in ("call", "ok", "palm", "rock")}


def abouts(found) -> list[str]:
    return [f["about"] for f in found.findings]


def test_class_rare(indexed):
    assert check(indexed(dataset(EVEN)), "class-rare").findings == []
    found = check(indexed(dataset(EVEN | {"fist": {"train": 2}})), "class-rare")
    assert abouts(found) == ["fist"]
    assert found.findings[0]["detail"] == "2 instances in 2 images, the median class has 72"
    assert found.findings[0]["score"] == pytest.approx(0.8)
    assert (found.run["records"], found.run["flagged"]) == (5, 1)


def test_class_rare_beside_large_ones_and_declared_without_instances(indexed):
    large = {label: {"train": 150} for label in ("call", "ok", "palm")}
    assert abouts(check(indexed(dataset(large | {"fist": {"train": 14}})), "class-rare")) == ["fist"]
    assert check(indexed(dataset(large | {"fist": {"train": 16}})), "class-rare").findings == []
    found = check(indexed(dataset(large) | {"train/mute.json": {}}), "class-rare")
    assert abouts(found) == ["mute"]
    assert found.findings[0]["detail"].startswith("the dataset declares the class and has no instance of it")
    one = check(indexed(dataset({"call": {"train": 3}})), "class-rare")
    assert one.run["status"] == "not applicable"


def test_many_rare_classes_are_one_finding(indexed):
    def rare(count: int) -> dict[str, dict[str, int]]:
        return {label: {"train": 30} for label in ("call", "ok")} | {
            f"r{n:03}": {"train": 1} for n in range(count)
        }

    found = check(indexed(dataset(rare(50))), "class-rare")
    assert abouts(found) == [f"r{n:03}" for n in range(50)]
    found = check(indexed(dataset(rare(51)) | {"train/mute.json": {}}), "class-rare")
    assert abouts(found) == ["classes"]
    (row,) = found.findings
    assert row["detail"] == (
        "52 of 54 classes have hardly any instances, 1 of them none; the median class has 1: "
        "mute, r000, r001, r002, r003, ..."
    )
    assert row["score"] == 1
    assert len(row["evidence"]["rarest"]) == 50
    assert row["evidence"]["rarest"][:2] == [
        {"class": "mute", "instances": 0},
        {"class": "r000", "instances": 1},
    ]
    assert row["evidence"]["classes"] == 52


def test_class_missing_in_split(indexed):
    assert check(indexed(dataset(EVEN)), "class-missing-in-split").findings == []
    found = check(indexed(dataset(EVEN | {"fist": {"train": 60}})), "class-missing-in-split")
    assert abouts(found) == ["fist"]
    detail = "none of its 60 instances is in val; spread evenly there would be 8.3 in val"
    assert found.findings[0]["detail"] == detail
    # so few that chance may have left it out is nothing
    few = check(indexed(dataset(EVEN | {"fist": {"train": 12}})), "class-missing-in-split")
    assert few.findings == []


def test_a_class_that_is_not_in_train_is_the_worst(indexed):
    found = check(indexed(dataset(EVEN | {"fist": {"val": 3}})), "class-missing-in-split")
    assert [(f["about"], f["score"]) for f in found.findings] == [("fist", 1)]
    assert found.findings[0]["evidence"]["there"] == [{"split": "val", "n": 3}]


def test_class_imbalance(indexed):
    assert check(indexed(dataset(EVEN)), "class-imbalance").findings == []
    found = check(indexed(dataset({"call": {"train": 400}, "ok": {"train": 15}, "fist": {"train": 16}})),
                  "class-imbalance")  # fmt: skip
    assert abouts(found) == ["classes"]
    assert found.findings[0]["detail"] == (
        "call has 400 instances and ok 15, 26.7 times as many; entropy 0.28 of 1 over 3 classes"
    )
    # a misspelt label makes no imbalance
    found = check(indexed(dataset(EVEN | {"fits": {"train": 1}})), "class-imbalance")
    assert (found.findings, found.run["records"]) == ([], 4)
    assert found.run["notes"] == [
        "1 of 5 classes could not be judged: they have fewer than 10 instances, or no other class has so many"
    ]
    run = check(indexed(dataset({"call": {"train": 400}, "ok": {"train": 9}})), "class-imbalance").run
    assert run["status"] == "not applicable"
    assert run["reason"].startswith("none of 2 classes can be judged: they have fewer than 10 instances")


def test_subject_dominates_class(indexed):
    files = dataset(EVEN)
    assert check(indexed(files), "subject-dominates-class").findings == []
    for n, fields in enumerate(files["train/ok.json"].values()):
        if n < 30:
            fields["user_id"] = "s7"
    found = check(indexed(files), "subject-dominates-class")
    assert abouts(found) == ["ok"]
    row = found.findings[0]
    assert row["detail"].startswith("subject s7 has 3")
    assert row["evidence"]["low"] < row["evidence"]["share"] < row["evidence"]["high"]
    assert row["score"] == row["evidence"]["low"]


def test_few_instances_or_few_subjects_by_design_are_no_dominance(indexed):
    small = {"call": {"train": 49}, "ok": {"train": 49}}
    run = check(indexed(dataset(small, subjects=1)), "subject-dominates-class").run
    assert run["status"] == "not applicable"
    told = "none of 2 classes can be judged: they have fewer than 50 instances of known subjects"
    assert run["reason"] == told
    found = check(indexed(dataset(small | {"palm": {"train": 60}}, subjects=1)), "subject-dominates-class")
    assert (abouts(found), found.run["records"]) == (["palm"], 1)
    assert found.run["notes"] == [told.replace("none of 2", "2 of 3").replace("can be", "could not be")]
    # four subjects, as in Human3.6M: a quarter each is a fair share
    four = dataset({"call": {"train": 200}, "ok": {"train": 200}}, subjects=4)
    assert check(indexed(four), "subject-dominates-class").findings == []
