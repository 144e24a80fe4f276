"""label-suspect: clean, planted, clean; folds by subject; what is left out and what is said of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from queries import label_model
from queries.label_features import features, layout
from queries.label_model import Settings
from tests.benchmarks.label_suspect import flipped, measured, real_hands, reported, settings
from tests.checks.audited import check

#: which fingers are straight, thumb first
SHAPES = {"palm": (1, 1, 1, 1, 1), "fist": (0, 0, 0, 0, 0), "one": (0, 1, 0, 0, 0), "rock": (0, 1, 0, 0, 1)}
EACH = 16
FEW = "trees = 60"


def shape(gesture: str, rng: np.random.Generator) -> list[list[float]]:
    """Landmarks of a hand held up, in MediaPipe's order: curled fingers come back to the palm."""
    points = [(0.0, 0.0)]
    for finger, straight in enumerate(SHAPES[gesture]):
        knuckle = np.array([-0.4 + 0.2 * finger, 0.5 if finger == 0 else 0.9])
        way = np.array([knuckle[0] * 0.4, 0.25])
        reach = (0, 1, 2, 3) if straight else (0, 0.8, 0.3, -0.4)
        points += [tuple(knuckle + way * step) for step in reach]
    at = np.array(points) * (1, -1) * rng.uniform(0.09, 0.12) + rng.normal(0, 0.002, (21, 2))
    if rng.random() < 0.5:
        at[:, 0] *= -1  # the other hand
    return (at + np.array([0.5, 0.6])).round(5).tolist()


def hands(each: int = EACH, shapes=tuple(SHAPES), subjects: int = 8) -> dict[str, dict]:
    rng = np.random.default_rng(5)
    return {
        f"train/{gesture}.json": {
            f"{gesture}{n:02}": {
                "bboxes": [[0.3, 0.3, 0.4, 0.4]],
                "labels": [gesture],
                "hand_landmarks": [shape(gesture, rng)],
                "user_id": f"u{n % subjects}",
            }
            for n in range(each)
        }
        for gesture in shapes
    }


@pytest.fixture
def audited(indexed):
    def run(files: dict):
        return check(indexed(files | {"kpaudit.toml": f"[checks.label-suspect]\n{FEW}\n"}), "label-suspect")

    return run


def test_clean_planted_clean(audited):
    files = hands()
    assert audited(files).findings == []
    record = files["train/one.json"]["one03"]
    record["labels"] = ["fist"]
    found = audited(files)
    assert found.places == [("one03", 0, None)]
    finding = found.findings[0]
    seen = finding["evidence"]
    assert (seen["label"], seen["likelier"], seen["of_class"], seen["folds"]) == ("fist", "one", EACH + 1, 5)
    assert seen["p_label"] <= 0.1 and seen["p_likelier"] >= 0.4 and 0.85 < finding["score"] <= 1
    told = f"{seen['p_likelier']:.2f} against {seen['p_label']:.2f}"
    assert finding["detail"] == f"labelled fist, but its landmarks look like one: {told}"
    assert finding["severity"] == "warning"
    # the same records give the same findings; only the key holds the dataset's name, which is the folder's
    again = audited(files)
    assert [f | {"finding_key": ""} for f in again.findings] == [finding | {"finding_key": ""}]
    record["labels"] = ["one"]
    assert audited(files).findings == []


def test_one_class_is_not_applicable(audited):
    run = audited(hands(shapes=("palm",))).run
    assert (run["status"], run["reason"]) == ("not applicable", "there are fewer than two classes")


def test_two_rare_classes_are_not_applicable(audited):
    run = audited(hands(each=4)).run
    assert run["status"] == "not applicable"
    assert run["reason"] == "hand-21: fewer than two classes have 8 poses in 5 subjects or images"


def test_a_rare_class_is_noted_and_not_judged(audited):
    files = hands()
    files["train/palm.json"]["palm00"]["labels"] = ["rok"]
    found = audited(files)
    assert found.findings == []
    assert list(found.run["notes"]) == ["hand-21: too rare to be learnt, so not judged: rok (1)."]
    assert found.run["records"] == EACH * 4 - 1


def test_a_class_of_one_subject_is_left_out(audited):
    files = hands()
    for record in files["train/rock.json"].values():
        record["user_id"] = "u0"
    assert "rock (16)" in audited(files).run["notes"][0]


def test_labels_of_no_gesture_are_not_questioned(audited):
    files = json.loads(json.dumps(hands()).replace("rock", "no_gesture"))
    files["train/palm.json"]["palm01"]["labels"] = ["no_gesture"]
    found = audited(files)
    assert found.findings == []
    said = "The 17 poses of no_gesture are learnt from, their label is not questioned."
    assert list(found.run["notes"]) == [said]


def test_missing_joints_are_judged_by_the_others(audited):
    files = hands()
    for records in files.values():
        for name, record in records.items():
            if name.endswith(("3", "6")):
                record["hand_landmarks"][0][8] = [None, None]
    files["train/one.json"]["one05"]["labels"] = ["palm"]
    assert audited(files).places == [("one05", 0, None)]


@pytest.mark.parametrize("groups", [40, label_model.FEW_GROUPS + 10])
def test_no_subject_is_in_two_folds(groups):
    rng = np.random.default_rng(1)
    group = np.concatenate([np.arange(groups), rng.integers(0, groups, 2 * groups)])
    given = rng.integers(0, 4, len(group))
    fold = label_model.assign_folds(given, group, Settings())
    assert set(fold) == set(range(5))
    assert all(len(set(fold[group == one])) == 1 for one in range(0, groups, max(1, groups // 40)))
    for label in range(4):
        share = np.bincount(fold[given == label], minlength=5) / (given == label).sum()
        assert share.max() < 0.32


def test_a_forest_learns_from_no_subject_that_it_judges(monkeypatch, indexed):
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415

    from queries.audit_context import Shared  # noqa: PLC0415

    found = indexed(hands())
    poses = Shared(found.store.cursor(), found.store.datasets[0]).poses[0]
    plan = layout(poses)
    subject = {row.tobytes(): int(s) for row, s in zip(features(poses.xy, plan), poses.group, strict=True)}
    learnt, judged = [], []
    fit, predict = ExtraTreesClassifier.fit, ExtraTreesClassifier.predict_proba

    def seen(x):
        return {subject[np.asarray(row, dtype=np.float32).tobytes()] for row in x}

    monkeypatch.setattr(ExtraTreesClassifier, "fit", lambda m, x, y: learnt.append(seen(x)) or fit(m, x, y))
    monkeypatch.setattr(
        ExtraTreesClassifier, "predict_proba", lambda m, x: judged.append(seen(x)) or predict(m, x)
    )
    few = Settings(trees=5)
    label_model.suspect(poses, label_model.usable(poses, few)[0], few)
    assert len(learnt) == len(judged) == 5
    assert all(not a & b for a, b in zip(learnt, judged, strict=True))
    assert set().union(*judged) == set(subject.values())


def test_features_ignore_place_size_and_side_but_not_direction(indexed):
    from queries.audit_context import Shared  # noqa: PLC0415

    found = indexed(hands())
    poses = Shared(found.store.cursor(), found.store.datasets[0]).poses[0]
    plan, xy = layout(poses), poses.xy[:6]
    here = features(xy, plan)
    assert np.allclose(features(xy * 3 + 7, plan), here, atol=1e-3)
    assert np.allclose(features(xy * (-1, 1), plan), here, atol=1e-3)
    assert np.abs(features(xy * -1, plan) - here).max() > 1


def test_a_sample_has_every_class():
    given = np.repeat([0, 1, 2], [9_000, 900, 30])
    rows = label_model.training_rows(given, np.arange(len(given)), 1_000, np.random.default_rng(0))
    assert np.bincount(given[rows]).tolist() == [906, 90, 30]


def test_real_hands(real_data):
    poses = real_hands(real_data)
    figures = measured(poses, seed=0)
    assert figures["AP"] >= 0.91 and figures["P@k"] >= 0.85
    label, wrong = flipped(poses, seed=0)
    assert wrong.sum() == 60 and (label != poses.label).sum() == 60
    rows, _ = label_model.usable(poses, settings())
    assert reported(label_model.suspect(poses, rows, settings())).sum() <= 12  # 1 % of the unchanged labels
