"""Checks of age, gender and race: clean, planted, clean again."""

from __future__ import annotations

import pytest

from tests.checks.audited import check

RACES = ("White", "Black", "Asian", "Latino_Hispanic")


def clean(subjects: int = 40, images: int = 3) -> dict[str, dict]:
    """HaGRID files: each subject has some images, all with the same meta; half of them in val."""
    files: dict[str, dict] = {}
    for subject in range(subjects):
        split = ("train", "val")[subject // 4 % 2]
        for n in range(images):
            files.setdefault(f"{split}/call.json", {})[f"i{subject:03}-{n}"] = {
                "bboxes": [[0.1, 0.2, 0.3, 0.4]], "labels": ["call"], "user_id": f"s{subject:03}",
                "meta": {"age": [20.5 + subject % 30], "gender": [("male", "female")[subject % 2]],
                         "race": [RACES[subject % 4]]},
            }  # fmt: skip
    return files


def planted(key: str = "i001-1", **meta) -> dict[str, dict]:
    files = clean()
    for records in files.values():
        if key in records:
            records[key]["meta"].update({name: [value] for name, value in meta.items()})
    return files


def keys(found) -> list[str]:
    return [f["key"] for f in found.findings]


@pytest.mark.parametrize(
    "name",
    ["meta-missing", "age-implausible", "meta-value-unknown", "subject-meta-conflict"],
)
def test_clean_or_not_recorded(indexed, name):
    assert check(indexed(clean()), name).findings == []
    files = clean()
    for records in files.values():
        for record in records.values():
            del record["meta"]
    assert "no age, gender or race" in check(indexed(files), name).run["reason"]


def test_meta_missing(indexed):
    files = clean()
    files["train/call.json"]["i001-1"]["meta"] = None
    files["train/call.json"]["i002-1"]["meta"]["race"] = None
    found = check(indexed(files), "meta-missing")
    assert keys(found) == ["i001-1", "i002-1"]
    assert found.findings[0]["detail"].startswith(
        "age, gender, race are missing (predicted by a network, where they are given)"
    )
    assert found.findings[1]["detail"].startswith("race is missing")
    assert (found.run["records"], found.run["flagged"]) == (120, 2)


def test_a_value_that_few_images_have_is_missing_nowhere(indexed):
    files = clean()
    for n, record in enumerate(record for records in files.values() for record in records.values()):
        if n % 3:
            record["meta"]["age"] = None
    assert check(indexed(files), "meta-missing").findings == []


@pytest.mark.parametrize("age", [173, -4, 0.2, float("nan"), float("inf")])
def test_age_implausible(indexed, age):
    found = check(indexed(planted(age=age if abs(age) < 1e9 else str(age))), "age-implausible")
    assert keys(found) == ["i001-1"]
    assert "(predicted by a network), expected 1 to 100" in found.findings[0]["detail"]
    assert check(indexed(planted(age=99)), "age-implausible").findings == []


def without(*names: str, keep: str = "") -> dict[str, dict]:
    """The clean files without these values, but in one image."""
    files = clean()
    for records in files.values():
        for key, record in records.items():
            if key != keep:
                record["meta"] = {k: v for k, v in record["meta"].items() if k not in names}
    return files


def test_what_is_recorded_of_few_or_of_nobody_is_counted_so(indexed):
    gender_alone = indexed(without("age", "race"))
    run = check(gender_alone, "age-implausible").run
    assert (run["status"], run["reason"]) == ("not applicable", "no age is recorded")
    found = check(gender_alone, "meta-value-unknown")
    assert (found.findings, found.run["records"]) == ([], 120)
    run = check(indexed(without("gender", "race")), "meta-value-unknown").run
    assert (run["status"], run["reason"]) == ("not applicable", "no gender or race is recorded")
    one = indexed(without("age", "gender", "race", keep="i001-1"))
    for name in ("age-implausible", "meta-value-unknown"):
        assert check(one, name).run["records"] == 1


def test_meta_value_unknown(indexed):
    found = check(indexed(planted(race="Martian", gender="mail")), "meta-value-unknown")
    assert keys(found) == ["i001-1"]
    expected = 'the gender is "mail", expected female or male; the race is "Martian"'
    assert found.findings[0]["detail"].startswith(expected)
    assert "predicted by a network" in found.findings[0]["detail"]
    for race in ("Southeast Asian", "latino hispanic", "Middle_Eastern"):
        assert check(indexed(planted(race=race)), "meta-value-unknown").findings == []


def test_subject_meta_conflict_is_told_of_the_odd_image(indexed):
    found = check(indexed(planted(gender="male")), "subject-meta-conflict")
    assert keys(found) == ["i001-1"]
    row = found.findings[0]
    assert row["about"] == "gender"
    assert row["detail"] == "gender male, 2 of the subject's 3 images say female (predicted by a network)"
    assert row["score"] == pytest.approx(2 / 3)
    found = check(indexed(planted(race="White", age=60)), "subject-meta-conflict")
    assert [(f["key"], f["about"]) for f in found.findings] == [("i001-1", "race, age")]
    assert "age 60.0, the subject's images say 21.5 in the middle" in found.findings[0]["detail"]


def test_ages_may_differ_a_little_and_nonsense_is_not_counted_twice(indexed):
    assert check(indexed(planted(age=31)), "subject-meta-conflict").findings == []
    assert check(indexed(planted(age=173)), "subject-meta-conflict").findings == []


def test_group_underrepresented(indexed):
    found = check(indexed(clean(120, 1)), "group-underrepresented")
    assert found.findings == []
    assert found.run["records"] > 8
    files = clean(300, 1)
    for records in files.values():
        for key, record in records.items():
            if record["meta"]["race"] == ["Black"] and key > "i010":
                record["meta"]["race"] = ["White"]
    found = check(indexed(files), "group-underrepresented")
    assert [f["about"] for f in found.findings] == ["race Black in the dataset"]
    assert found.findings[0]["detail"] == (
        "race Black (predicted by a network): 3 of 300 subjects of the dataset, 1.0% "
        "(95 % interval 0.3% to 2.9%)"
    )


def test_group_underrepresented_in_one_split(indexed):
    files = clean(400, 1)
    for key, record in list(files["val/call.json"].items()):
        if record["meta"]["race"] == ["Black"] and key > "i030":
            record["meta"]["race"] = ["White"]
    found = check(indexed(files), "group-underrepresented")
    assert [f["about"] for f in found.findings] == ["race Black in split val"]
    assert "of the whole dataset it is 13" in found.findings[0]["detail"]


def test_few_subjects_say_nothing_of_groups(indexed):
    run = check(indexed(clean(40)), "group-underrepresented").run
    assert run["status"] == "not applicable" and "too few to tell" in run["reason"]
