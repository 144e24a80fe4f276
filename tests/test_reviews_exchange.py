"""Decisions on their way between stores: nothing is lost, changed, overwritten or ruled by how it came."""

from __future__ import annotations

import dataclasses
import datetime
import json
import sqlite3
from pathlib import Path

import pytest

from queries.reviews import transfer
from queries.reviews.journal import Journal
from queries.reviews.model import Decision, Item, ReviewError
from queries.reviews.store import ReviewStore
from queries.reviews.transfer import export_lines, import_file

ITEM = Item("d", "train", "k1", "instance 0")


@pytest.fixture
def reviews(tmp_path: Path):
    store = ReviewStore(tmp_path / "reviews.sqlite")
    yield store
    store.close()


def _say(verdict: str = "good", reviewer: str = "ana", **more) -> Decision:
    return Decision(ITEM, reviewer, verdict, **more)


def _exchange(one: ReviewStore, two: ReviewStore, file: Path) -> None:
    """Each imports what the other exported."""
    for source, target in ((one, two), (two, one)):
        file.write_text("".join(export_lines(source)))
        import_file(target, file)


def test_stores_that_exchanged_everything_say_the_same(reviews: ReviewStore, tmp_path: Path) -> None:
    """What stands hangs on when it was said, not on when it was imported; nor does anybody undo another's."""
    other = ReviewStore(tmp_path / "other.sqlite")
    first, later = (datetime.datetime(2026, 1, 1, hour, tzinfo=datetime.UTC) for hour in (8, 9))
    reviews.append(_say("good", at=first))
    other.append(_say("bad label", at=later, label="fist"))
    kept = reviews.append(_say("bad box", "bob"))
    other.merge([_say("", "eve", undoes=kept.decision_id)])
    _exchange(reviews, other, tmp_path / "x.jsonl")
    wanted = {("ana", "bad label"), ("bob", "bad box")}
    for store in (reviews, other):
        journal = Journal(store)
        journal.refresh()
        assert {(d.reviewer, d.verdict) for d in store.standing("d")} == wanted
        assert {(d.reviewer, d.verdict) for d in transfer.standing(store.ledger())} == wanted
        assert {(d.reviewer, d.verdict) for d in journal.of_item(ITEM).values()} == wanted
        assert store.last("ana", "d").verdict == "bad label"
    other.undo(other.last("ana", "d").decision_id, "ana")
    assert other.last("ana", "d").verdict == "good"
    other.close()


def test_a_clock_that_runs_behind_loses_nothing(reviews: ReviewStore) -> None:
    ahead = datetime.datetime(2099, 1, 1, tzinfo=datetime.UTC)
    reviews.merge([_say("good", at=ahead)])
    said = reviews.append(_say("bad box"))
    assert said.at > ahead
    assert [d.verdict for d in reviews.standing("d")] == ["bad box"]
    assert reviews.append(_say("good", "bob")).at < ahead, "another reviewer's clock is none of his business"


def test_only_ones_own_decisions_are_taken_back_and_undoing_is_final(reviews: ReviewStore) -> None:
    said = reviews.append(_say("bad box"))
    with pytest.raises(ReviewError, match="is ana's, and bob can't"):
        reviews.append(_say("", "bob", undoes=said.decision_id))
    with pytest.raises(ReviewError, match="there is no decision nothing"):
        reviews.append(_say("", undoes="nothing"))
    undone = reviews.undo(said.decision_id, "ana")
    with pytest.raises(ReviewError, match="can't be taken back: decide again"):
        reviews.undo(undone.decision_id, "ana")
    assert reviews.standing("d") == []


def test_ids_that_clash_are_refused_not_taken_for_known(reviews: ReviewStore, tmp_path: Path) -> None:
    here = reviews.append(_say("good"))
    there = dataclasses.replace(here, reviewer="bob", verdict="bad box")
    new = _say("unsure", "cy")
    file = tmp_path / "in.jsonl"
    file.write_text("".join(f"{d.to_json()}\n" for d in (there, new, dataclasses.replace(new, comment="x"))))
    found = import_file(reviews, file)
    assert (found.read, found.added) == (1, 1)
    assert [line for line, _ in found.refused] == [1, 3]
    assert "another decision has the same id" in found.refused[0][1]
    assert {d.reviewer for d in reviews.ledger()} == {"ana", "cy"}


_HOSTILE = {
    "split": None, "image_key": "a\0b", "annotation": 7, "finding_key": ["x"], "check_id": {}, "undoes": 5,
    "decision_id": None, "digest": 2**70, "at": "9999-12-31T23:59:59-14:00", "comment": "\ud800", "label": 3,
    "dataset": "x" * 20_000, "joints": [2**70], "proposal": {"box": [10**400, 1, 1, 1]}, "reviewer": True,
}  # fmt: skip


def test_no_line_stops_the_others(reviews: ReviewStore, tmp_path: Path) -> None:
    """Whatever a field holds: SQLite would take most of it, or fail with an error of its own."""
    good = json.loads(_say().to_json())
    lines = [json.dumps({**good, "decision_id": name, name: value}) for name, value in _HOSTILE.items()]
    lines += [
        json.dumps({**good, "digest": 1.5}),
        json.dumps({**good, "proposal": {"keypoints": {"01": [1, 2, 2]}}}),
        json.dumps({**good, "proposal": {"keypoints": {"1": [1, 2, True]}}}),
        json.dumps({**good, "proposal": {"box": [float("nan"), 1, 1, 1]}}),
        "[" * 100_000,
    ]
    file = tmp_path / "in.jsonl"
    latin = json.dumps({**good, "decision_id": "l", "reviewer": "J?rgen"}).encode().replace(b"?", b"\xfc")
    marked = b"\xef\xbb\xbf" + json.dumps({**good, "decision_id": "first"}).encode()
    last = json.dumps(good).encode()
    file.write_bytes(b"\n".join([marked, *(line.encode() for line in lines), latin, last]))
    found = import_file(reviews, file)
    assert found.added == 2
    assert [line for line, _ in found.refused] == list(range(2, len(lines) + 3))
    assert found.refused[-1][1].startswith("the line is no UTF-8, at its byte")
    assert all(len(reason) < 400 and "\n" not in reason for _, reason in found.refused)
    assert {d.reviewer for d in reviews.ledger()} == {"ana"}
    assert list(export_lines(reviews))


def test_an_export_of_decisions_never_costs_any(tmp_path: Path, capsys) -> None:
    from queries.cli import main  # noqa: PLC0415

    def run(*arguments: Path | str) -> str:
        with pytest.raises(SystemExit) as stop:
            main(["reviews", *map(str, arguments)])
        told = capsys.readouterr()
        assert stop.value.code == (2 if told.err else 0), told
        return told.err

    place, file = tmp_path / "one.sqlite", tmp_path / "out.jsonl"
    missing = tmp_path / "typo.sqlite"
    for command in (["export", file], ["summary"]):
        assert "typo.sqlite does not exist" in run(*command, "--reviews", missing)
        assert "there is no decision yet" in run(*command, "--workspace", tmp_path / "w")
    assert not missing.exists() and not file.exists() and not (tmp_path / "w").exists()
    store = ReviewStore(place)
    store.append(_say(comment="x" * 9000))
    assert "is not an export of kpaudit reviews" in run("export", place, "--reviews", place)
    (tmp_path / "notes.txt").write_text("mine")
    assert "is not an export of kpaudit reviews" in run("export", tmp_path / "notes.txt", "--reviews", place)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert "is a folder" in run("export", tmp_path, "--reviews", place)
    for _ in range(2):  # its own former export may be replaced
        assert run("export", file, "--reviews", place) == ""
    assert file.stat().st_mode & 0o777 == 0o644
    assert len(store.ledger()) == 1
    store.close()


def test_who_only_reads_needs_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import queries.reviews.store as module  # noqa: PLC0415

    monkeypatch.setattr(module, "_PATIENCE", 1)
    store = ReviewStore(tmp_path / "r.sqlite")
    store.append(_say())
    other = sqlite3.connect(tmp_path / "r.sqlite", isolation_level=None)
    other.execute("begin immediate")
    again = ReviewStore(tmp_path / "r.sqlite")
    assert len(again.standing("d")) == 1
    other.execute("rollback")
    for opened in (other, again, store):
        opened.close()


def test_a_password_is_never_shown() -> None:
    for url in (
        "postgresql+psycopg://ana:secret@nowhere.invalid:5/d",
        "postgresql+psycopg://nowhere.invalid/d?user=ana&password=secret",
        "postgresql+psycopg://ana:p@secret@nowhere.invalid/d",
        "mysql://ana:secret@x/y",
    ):
        with pytest.raises(ReviewError) as error:
            ReviewStore(url)
        assert "secret" not in str(error.value)
