"""What reviewers decided, in the export: corrected, dropped, outvoted, out of date; each of them listed."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
import yaml

from queries.reviews.model import Decision, Item
from tests.test_export import YOLO, changes, coco, hand, once, said, send

START = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)


def say(found: Any, key: str, own: str | None, verdict: str, *when: Any, **more: Any) -> Decision:
    """A decision on a record as it is now, by a reviewer (ana) at a minute (0)."""
    reviewer, minute = when or ("ana", 0)
    split = found.row("select any_value(split) from image where key = ?", key)[0] or "train"
    rows = found.rows(
        "select a.digest from annotation a join image i using (image_id) "
        "where i.key = ? and coalesce(a.source_id, a.kind || ' ' || a.ordinal) = ?",
        key, own,
    )  # fmt: skip
    digest = more.pop("digest", rows[0][0] if rows else None)
    at = START + datetime.timedelta(minutes=minute)
    return Decision(
        Item(found.summary.name, split, key, own), reviewer, verdict, at=at, digest=digest, **more
    )


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    two = hand(0.3)
    for name, more in (("bboxes", [0.5, 0.5, 0.1, 0.1]), ("labels", "fist"), ("hand_landmarks", [])):
        two[name].append(more)
    files = {
        "train/call.json": {"a": hand(0.1), "b": hand(0.2), "two": two},
        "val/fist.json": {"v": hand(0.4, "fist")},
    }
    return once(tmp_path_factory.mktemp("hands"), files)


MOVED = "no hand shows the gesture of its file any more: it goes to that of one that it shows"


def records(out: Any, split: str = "train") -> dict:
    """The records of a split, whichever gesture's file they are in."""
    found: dict = {}
    for path in sorted((out / split).glob("*.json")):
        more = json.loads(path.read_text())
        assert not found.keys() & more.keys()
        found |= more
    return found


def test_corrections_are_applied_with_or_without_drop(hands, tmp_path):
    box = [0.11, 0.22, 0.33, 0.44]
    decisions = [
        say(hands, "a", "instance 0", "bad label", label="fist"),
        say(
            hands,
            "b",
            "instance 0",
            "bad keypoints",
            proposal={"keypoints": {"8": [0.7, 0.6, None], "20": [0.1, 0.2, 2]}},
        ),
        say(hands, "two", "instance 1", "bad box", proposal={"box": box}),
    ]
    for drop in (False, True):
        out = tmp_path / str(drop)
        send(hands, out, "hagrid", decisions, drop_rejected=drop)
        wanted = {"a": hand(0.1), "b": hand(0.2), "two": hand(0.3)}
        wanted["a"]["labels"] = ["fist"]
        wanted["b"]["hand_landmarks"][0][8] = [0.7, 0.6]
        wanted["b"]["hand_landmarks"][0][20] = [0.1, 0.2]
        wanted["two"] |= {"bboxes": [[0.3, 0.2, 0.3, 0.4], box], "labels": ["call", "fist"]}
        wanted["two"]["hand_landmarks"].append([])
        assert records(out) == wanted
        rows = {
            (r["image"], r["annotation"], r["action"], r["reason"], r["before"], r["after"])
            for r in changes(out)
        }
        assert rows == {
            ("a", "instance 0", "changed", "label corrected", "call", "fist"),
            ("a", "", "changed", MOVED, "call", "fist"),
            ("b", "instance 0", "changed", "keypoints corrected",
             json.dumps({"8": [0.2 + 8 / 100, 0.3, None], "20": [0.2 + 20 / 100, 0.3, None]}),
             json.dumps({"8": [0.7, 0.6, None], "20": [0.1, 0.2, 2]})),
            ("two", "instance 1", "changed", "box corrected", "[0.5, 0.5, 0.1, 0.1]", json.dumps(box)),
        }  # fmt: skip
        assert set(json.loads((out / "train" / "fist.json").read_text())) == {"a"}
        assert {(r["reviewers"], r["verdict"]) for r in changes(out) if r["annotation"]} == {
            ("ana", "bad label"), ("ana", "bad keypoints"), ("ana", "bad box"),
        }  # fmt: skip


def test_rejected_records_are_dropped_only_on_request(hands, tmp_path):
    decisions = [
        say(hands, "a", None, "reject image"),
        say(hands, "two", "instance 0", "bad label"),
        say(hands, "b", "instance 0", "wrong split"),
        say(hands, "v", "instance 0", "good"),
    ]
    send(hands, tmp_path / "kept", "hagrid", decisions)
    assert set(records(tmp_path / "kept")) == {"a", "b", "two"}
    assert sorted(said(tmp_path / "kept")) == [
        ("a", "", "kept", "reject image, without --drop rejected"),
        ("b", "instance 0", "kept", "wrong split: kpaudit resplit makes new splits"),
        ("two", "instance 0", "kept", "bad label, without --drop rejected"),
    ]
    send(hands, tmp_path / "out", "hagrid", decisions, drop_rejected=True)
    found = records(tmp_path / "out")
    assert set(found) == {"b", "two"} and found["b"] == hand(0.2)
    assert (found["two"]["labels"], found["two"]["hand_landmarks"]) == (["fist"], [[]])
    assert sorted(said(tmp_path / "out")) == [
        ("a", "", "dropped", "the image is rejected"),
        ("a", "instance 0", "dropped", "its image is rejected"),
        ("b", "instance 0", "kept", "wrong split: kpaudit resplit makes new splits"),
        ("two", "", "changed", MOVED),
        ("two", "instance 0", "dropped", "bad label, and nothing says what is right"),
    ]
    summary = (tmp_path / "out" / "CHANGES.md").read_text()
    assert "| train | 3 | 2 | 4 | 2 |" in summary and "| 1 | the image is rejected |" in summary
    assert "--drop rejected" in summary


def test_reviewers_who_disagree_the_majority_and_of_a_tie_the_latest(hands, tmp_path):
    decisions = [
        say(hands, "a", "instance 0", "bad label", "ana", 0, label="fist"),
        say(hands, "a", "instance 0", "bad label", "bob", 1, label="palm"),
        say(hands, "a", "instance 0", "good", "cy", 2),
        say(hands, "b", "instance 0", "bad box", "ana", 5),
        say(hands, "b", "instance 0", "good", "bob", 4),
        say(hands, "v", "instance 0", "bad box", "ana", 4),
        say(hands, "v", "instance 0", "good", "bob", 5),
    ]
    send(hands, tmp_path / "out", "hagrid", decisions, drop_rejected=True)
    found = records(tmp_path / "out")
    assert found["a"]["labels"] == ["palm"] and "b" not in found, "no hand of it is left: no background"
    assert records(tmp_path / "out", "val")["v"] == hand(0.4, "fist")
    rows = {r["image"]: r for r in changes(tmp_path / "out") if r["annotation"]}
    assert rows["a"]["reason"] == "label corrected (2 of 3 reviewers; they name fist 1, palm 1)"
    assert rows["a"]["reviewers"] == "bad label: ana, bob; good: cy"
    assert "disagree evenly: the latest counts" in rows["b"]["reason"] and rows["b"]["action"] == "dropped"
    assert (rows["v"]["action"], rows["v"]["verdict"]) == ("kept", "good") and "bad box was outvoted" in rows[
        "v"
    ]["reason"]


def test_what_does_not_hold_any_more_is_not_applied_but_listed(hands, tmp_path):
    decisions = [
        say(hands, "a", "instance 0", "bad label", label="fist", digest=1),
        say(hands, "b", "instance 5", "bad box"),
        say(hands, "v", "instance 0", "unsure", label="call"),
        say(hands, "two", "instance 0", "bad keypoints", proposal={"keypoints": {"99": [0, 0, 2]}}),
        say(hands, "two", None, "bad label", label="x"),
        Decision(Item(hands.summary.name, "train", "nosuch"), "ana", "reject image"),
    ]
    send(hands, tmp_path / "out", "hagrid", decisions, drop_rejected=True)
    assert records(tmp_path / "out")["a"] == hand(0.1)
    assert sorted(row for row in said(tmp_path / "out") if row[2] == "not applied") == [
        ("a", "instance 0", "not applied", "the annotation has changed since it was judged"),
        ("b", "instance 5", "not applied", "the annotation is not in the index any more"),
        ("nosuch", "", "not applied", "the image is not in the index any more"),
        ("two", "", "not applied", "a correction of a whole image: it names no annotation"),
        ("two", "instance 0", "not applied", "joints 99 are not among the 21 of its skeleton"),
        ("v", "instance 0", "not applied", "the reviewer was unsure of the correction"),
    ]


def test_coco_records_are_patched_and_keep_the_rest(indexed, tmp_path):
    found = indexed({"person_keypoints_train.json": coco()})
    key, own = "a.jpg", "7"
    decision = say(found, key, own, "bad keypoints", label="crawler",
                   proposal={"box": [1, 2, 3, 4], "keypoints": {"1": [9, 8, 0]}})  # fmt: skip
    send(found, tmp_path / "same", "coco", [decision])
    written = json.loads((tmp_path / "same/annotations/person_keypoints_train.json").read_text())
    assert written["annotations"] == [
        {**coco()["annotations"][0], "category_id": 2, "bbox": [1, 2, 3, 4], "area": 12,
         "keypoints": [11, 6, 2, 9, 8, 0, 13, 8, 2], "num_keypoints": 2}
    ]  # fmt: skip
    assert written["categories"][1] == {**coco()["categories"][0], "id": 2, "name": "crawler"}
    again = indexed(tmp_path / "same")
    assert again.row("select label, x, y, w, h, area, labelled from annotation") == (
        "crawler",
        1,
        2,
        3,
        4,
        12,
        2,
    )
    send(found, tmp_path / "yolo", "yolo", [decision])
    line = (tmp_path / "yolo/labels/train/a.txt").read_text().split()
    assert line[0] == "1" and [float(v) for v in line[1:5]] == pytest.approx([0.025, 0.08, 0.03, 0.08])
    send(found, tmp_path / "csv", "csv", [decision])
    assert ",crawler," in (tmp_path / "csv/annotations.csv").read_text()


def test_yolo_lines_are_patched_and_keep_the_rest(indexed, tmp_path):
    found = indexed(YOLO)
    key = "images/train/a.jpg"
    decisions = [
        say(found, key, "instance 0", "bad label", label="dog"),
        say(found, key, "instance 1", "bad keypoints",
            proposal={"box": [0.25, 0.25, 0.5, 0.5], "keypoints": {"2": [0.21, 0.22, 1]}}),
    ]  # fmt: skip
    send(found, tmp_path / "out", "yolo", decisions)
    first, second = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()
    assert first == YOLO["labels/train/a.txt"].splitlines()[0].replace("0 ", "1 ", 1)
    assert second == "0 0.5 0.5 0.5 0.5 0.2 0.2 2 0.3 0.3 2 0.21 0.22 1"
    assert indexed(tmp_path / "out").rows("select distinct label from annotation order by 1") == [
        ("cat",),
        ("dog",),
    ]


def test_a_hand_without_landmarks_takes_all_of_them_or_none(hands, tmp_path):
    whole = {str(joint): [joint / 50, 0.5, None] for joint in range(21)}
    send(hands, tmp_path / "a", "hagrid",
         [say(hands, "two", "instance 1", "bad keypoints", proposal={"keypoints": whole})])  # fmt: skip
    assert records(tmp_path / "a")["two"]["hand_landmarks"][1] == [[joint / 50, 0.5] for joint in range(21)]
    some = {"3": [0.5, 0.5, 2]}
    send(hands, tmp_path / "b", "hagrid",
         [say(hands, "two", "instance 1", "bad keypoints", proposal={"keypoints": some})])  # fmt: skip
    assert records(tmp_path / "b")["two"]["hand_landmarks"][1] == []
    assert ("two", "instance 1", "not applied", "a hand without its 21 landmarks needs all of them") in said(
        tmp_path / "b"
    )


def test_a_chosen_class_is_the_corrected_one(hands, tmp_path):
    send(
        hands,
        tmp_path / "out",
        "csv",
        [say(hands, "a", "instance 0", "bad label", label="fist")],
        classes=("fist",),
    )
    lines = (tmp_path / "out/annotations.csv").read_text().splitlines()
    assert len(lines) == 4, lines


def test_the_majoritys_label_counts_and_who_is_unsure_does_not_vote(indexed, tmp_path):
    found = indexed({"train/call.json": {"a": hand(0.1), "b": hand(0.2)}})
    decisions = [
        say(found, "a", "instance 0", "bad label", "ana", 0, label="fist"),
        say(found, "a", "instance 0", "bad label", "bob", 1, label="fist"),
        say(found, "a", "instance 0", "bad label", "cy", 2, label="palm"),
        say(found, "b", "instance 0", "bad label", "ana", 0, label="like"),
        say(found, "b", "instance 0", "unsure", "bob", 1),
        say(found, "b", "instance 0", "unsure", "cy", 2),
    ]
    send(found, tmp_path / "out", "hagrid", decisions)
    written = records(tmp_path / "out")
    assert (written["a"]["labels"], written["b"]["labels"]) == (["fist"], ["like"])
    rows = {(r["image"], r["action"]): r for r in changes(tmp_path / "out") if r["annotation"]}
    assert rows["a", "changed"]["reason"] == "label corrected (they name fist 2, palm 1)"
    assert (rows["a", "not applied"]["before"], json.loads(rows["a", "not applied"]["after"])["label"]) == (
        "cy",
        "palm",
    )
    assert rows["b", "changed"]["reviewers"] == "bad label: ana; unsure: bob, cy"


def test_an_image_whose_all_annotations_are_rejected_is_no_background(indexed, tmp_path):
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 50} for n in (1, 2, 3)]
    base = coco()["annotations"][0]
    found = indexed(
        {"person_keypoints_train.json": coco(images, [{**base, "id": n, "image_id": n} for n in (1, 2)])}
    )
    decision = say(found, "1.jpg", "1", "bad box")
    why = "all its annotations are rejected: as a background it would teach that nothing is there"
    for target in ("coco", "yolo"):
        out = tmp_path / target
        send(found, out, target, [decision], drop_rejected=True)
        assert ("1.jpg", "", "dropped", why) in said(out)
        assert ("1.jpg", "1", "dropped", "bad box, and nothing says what is right") in said(out)
    written = json.loads((tmp_path / "coco/annotations/person_keypoints_train.json").read_text())
    assert [image["id"] for image in written["images"]] == [2, 3], "the third is a background of the source's"
    assert {path.name for path in (tmp_path / "yolo").rglob("*.txt")} == {"2.txt", "3.txt"}


def test_an_annotation_whose_id_stands_twice_is_known_by_its_digest(indexed, tmp_path):
    base = coco()["annotations"][0]
    found = indexed(
        {"person_keypoints_train.json": coco(None, [base, {**base, "bbox": [1, 2, 3, 4], "area": 12}])}
    )
    digest = found.row("select digest from annotation where x = 1")[0]
    send(found, tmp_path / "out", "coco", [say(found, "a.jpg", "7", "bad box", digest=digest)],
         drop_rejected=True)  # fmt: skip
    written = json.loads((tmp_path / "out/annotations/person_keypoints_train.json").read_text())
    assert [one["bbox"] for one in written["annotations"]] == [[10, 5, 20, 30]]


def test_yolo_lines_without_flags_and_places_outside(indexed, tmp_path):
    flat = YOLO | {
        "data.yaml": "train: images/train\nval: images/val\nkpt_shape: [3, 2]\nnc: 1\nnames: [cat]\n"
        "download: https://example.org/x.zip\n",
        "labels/train/a.txt": "0 0.5 0.5 0.2 0.4 0.45 0.4 0.5 0.5 0.6 0.6\n",
        "labels/val/b.txt": "0 0.5 0.5 1 1 0 0 1 1 0.5 0.5\n",
    }
    key = "images/train/a.jpg"
    absent = {"keypoints": {"0": [0.45, 0.4, 0], "1": [0.1, 0.2, 2], "2": [1.5, 0.2, 2]}}
    found = indexed(flat)
    send(found, tmp_path / "flat", "yolo",
         [say(found, key, "instance 0", "bad keypoints", label="dog", proposal=absent)])  # fmt: skip
    line = (tmp_path / "flat/labels/train/a.txt").read_text()
    assert line == "1 0.5 0.5 0.2 0.4 0.45 0.4 0.1 0.2 0.6 0.6\n"
    rows = [r for r in changes(tmp_path / "flat") if r["action"] == "not applied"]
    assert [(r["annotation"], r["before"]) for r in rows] == [("instance 0", "joints [0, 2]")]
    data = yaml.safe_load((tmp_path / "flat/data.yaml").read_text())
    assert (data["nc"], data["names"]) == (2, ["cat", "dog"]) and "download" not in data

    found = indexed(YOLO)
    proposal = {"box": [0.9, 0.9, 0.9, 0.1], "keypoints": {"0": [-0.1, 0.2, 2]}}
    send(found, tmp_path / "out", "yolo",
         [say(found, key, "instance 0", "bad keypoints", proposal=proposal)])  # fmt: skip
    first = (tmp_path / "out/labels/train/a.txt").read_text().splitlines()[0]
    assert first == "0 0.5 0.5 0.2 0.4 0 0 0 0.50 0.5 1 0 0 0"
    reasons = {(r["action"], r["reason"]) for r in changes(tmp_path / "out")}
    assert ("changed", "joints outside the image are not labelled now") in reasons
    assert ("not applied", "the corrected box lies outside the image") in reasons


def test_hagrid_says_that_a_flag_alone_can_not_be_corrected(indexed, tmp_path):
    found = indexed({"train/call.json": {"a": hand(0.1)}})
    place = hand(0.1)["hand_landmarks"][0][4]
    send(found, tmp_path / "out", "hagrid",
         [say(found, "a", "instance 0", "bad keypoints",
              proposal={"keypoints": {"4": [*place, 1]}})])  # fmt: skip
    assert records(tmp_path / "out")["a"] == hand(0.1)
    told = "HaGRID has no visibility flag: nothing else of these joints is corrected"
    assert ("a", "instance 0", "not applied", told) in said(tmp_path / "out")


def test_coco_lists_without_flags_keep_a_joint_that_is_called_absent(indexed, tmp_path):
    source = coco()
    source["annotations"][0] |= {"keypoints": [11, 6, 12, 7, 13, 8]}
    found = indexed({"person_keypoints_train.json": source})
    proposal = {"keypoints": {"0": [11, 6, 0], "2": [20, 9, 2]}}
    send(found, tmp_path / "out", "coco", [say(found, "a.jpg", "7", "bad keypoints", proposal=proposal)])
    written = json.loads((tmp_path / "out/annotations/person_keypoints_train.json").read_text())
    assert written["annotations"][0]["keypoints"] == [11, 6, 12, 7, 20, 9]
    row = next(r for r in changes(tmp_path / "out") if r["action"] == "not applied")
    assert row["reason"].startswith("its keypoint lists have no flag") and row["after"] == "[0]"
