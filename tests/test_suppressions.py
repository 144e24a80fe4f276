"""Findings that are suppressed by hand: what is written, what is read, and what lapses."""

from __future__ import annotations

import datetime
import json

import pytest

from queries import audit, suppressions
from queries.errors import UsageError
from queries.index import index
from queries.model import Options
from queries.store import Store
from tests.checks.audited import check
from tests.checks.made_up import FLAT, GOOD, rows_of


def test_suppressions_by_hand_hold_at_once_and_are_undone(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    key = check(found, "box-zero-area").findings[0]["finding_key"]
    store = Store(found.workspace)
    suppressions.suppress(found.workspace.suppressed, [key], " a hair-thin box is meant ", "ana")
    assert store.stale()
    store.close()
    assert rows_of(found.workspace, "select suppressed from finding") == [("a hair-thin box is meant",)]
    suppressions.restore(found.workspace.suppressed, [key], "ana")
    assert rows_of(found.workspace, "select suppressed from finding") == [(None,)]
    with pytest.raises(UsageError, match="needs a reason"):
        suppressions.suppress(found.workspace.suppressed, [key], "  ")


def test_a_suppression_cut_short_swallows_no_other(tmp_path) -> None:
    file = tmp_path / "suppressed.jsonl"
    suppressions.suppress(file, ["k1"], "one")
    file.write_bytes(file.read_bytes() + b'{"key": "k2", "rea')
    suppressions.suppress(file, ["k3"], "three")
    assert [(key, reason) for key, reason, *_ in suppressions.standing(file)] == [
        ("k1", "one"),
        ("k3", "three"),
    ]


@pytest.mark.parametrize("reason", ["one\u2028two", "one\u0085two", "one\ntwo\r", "a \ud800 half"])
def test_any_reason_is_kept(tmp_path, indexed, reason) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    key = check(found, "box-zero-area").findings[0]["finding_key"]
    suppressions.suppress(found.workspace.suppressed, [key, "other"], reason, "b\udfff")
    assert [s.key for s in suppressions.standing(found.workspace.suppressed)] == [key, "other"]
    ((told,),) = rows_of(found.workspace, "select suppressed from finding")
    assert (
        told.encode() == reason.strip().encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
    )


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"[1]", "expected a JSON object"),
        (b"{nope", "expected a JSON object"),
        (b"\xff\xfe", "expected a JSON object"),
        (b"[" * 100_000, "expected a JSON object"),
        ({"key": None}, "key is None, expected a finding's key"),
        ({"reason": ["r"]}, "reason is ['r'], expected text"),
        ({"by": 5}, "by is 5, expected text"),
        ({"at": 7}, "at is 7, expected a date"),
        ({"until": "soon"}, "until is 'soon', expected a date"),
        ({"digest": "x"}, "digest is 'x', expected a whole number"),
        ({"digest": 1 << 70}, "expected a whole number"),
    ],
)
def test_a_bad_line_is_told_and_the_others_stand(tmp_path, line, told) -> None:
    file = tmp_path / "suppressed.jsonl"
    suppressions.suppress(file, ["k1"], "one")
    if isinstance(line, dict):
        line = json.dumps({"key": "k2", "reason": "r", "at": "2026-01-01T00:00:00", **line}).encode()
    file.write_bytes(file.read_bytes() + line + b"\n")
    suppressions.suppress(file, ["k3"], "three")
    standing, wrong = suppressions.read(file)
    assert [s.key for s in standing] == ["k1", "k3"]
    assert len(wrong) == 1
    assert wrong[0].startswith(f"{file}, line 2: ")
    assert told in wrong[0]
    assert "\n" not in wrong[0]


def test_a_bad_line_is_told_by_the_audit(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    assert audit.run(found.workspace, checks=[]).notes == []
    found.workspace.suppressed.write_text('{"key": 5}\n')
    (note,) = audit.run(found.workspace, checks=[]).notes
    assert "line 1: key is 5" in note


def test_the_last_day_counts_and_the_next_does_not(tmp_path) -> None:
    file = tmp_path / "suppressed.jsonl"
    entry = {"key": "k", "reason": "r", "at": "2026-01-01T00:00:00+02:00", "until": "2026-02-01"}
    file.write_text(json.dumps(entry))
    (standing,) = suppressions.read(file, datetime.date(2026, 2, 1))[0]
    assert standing.since == datetime.datetime(2025, 12, 31, 22)
    assert suppressions.read(file, datetime.date(2026, 2, 2)) == ([], [])


def test_a_changed_annotation_is_open_again_and_says_so(indexed, tmp_path) -> None:
    root = tmp_path / "s" / "annotations"
    root.mkdir(parents=True)

    def audited(width: float) -> tuple[str, str, str | None]:
        data = {
            "images": [{"id": 1, "file_name": "1.jpg", "width": 90, "height": 90}],
            "categories": [{"id": 1, "name": "person", "keypoints": ["a"], "skeleton": []}],
            "annotations": [{"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 1, width, 0], "area": 0,
                             "iscrowd": 0, "keypoints": [2, 2, 2], "num_keypoints": 1}],
        }  # fmt: skip
        (root / "person_keypoints_val2017.json").write_text(json.dumps(data))
        index(workspace, root, Options(), force=True)
        audit.run(workspace, checks=["box-zero-area"])
        (row,) = rows_of(workspace, "select finding_key, detail, suppressed from finding")
        return row

    workspace = indexed({"t/train/call.json": {"a": GOOD}}, workspace=tmp_path / "w").workspace
    key, detail, _ = audited(3.0)
    store = Store(workspace)
    digests = store.digests([key, "nobody"])
    store.close()
    assert list(digests) == [key]
    suppressions.suppress(workspace.suppressed, [key], "seen", "ana", digests)
    assert audited(3.0) == (key, detail, "seen")
    again, told, suppressed = audited(4.0)
    assert (again, suppressed) == (key, None)
    assert told.endswith("; the annotation has changed since it was suppressed (seen)")
    assert audited(3.0) == (key, detail, "seen"), "and back"


def test_many_are_read_at_once(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    suppressions.suppress(found.workspace.suppressed, [f"k{n}" for n in range(20_000)], "all")
    assert rows_of(found.workspace, "select count(*), any_value(reason) from suppression") == [
        (20_000, "all")
    ]
