"""The review store: what is saved stays, by whom and when; undo, merging, agreement, faults, many at once."""

from __future__ import annotations

import datetime
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from queries.index import index
from queries.model import Options
from queries.reviews.agreement import (
    alpha_by,
    cohen_kappa,
    krippendorff_alpha,
    pairwise_kappa,
    precision_by_check,
)
from queries.reviews.model import VERDICTS, Decision, Item, ReviewError, from_json
from queries.reviews.resolve import resolve
from queries.reviews.store import ReviewStore
from queries.reviews.transfer import export_lines, import_file, summary
from queries.store import Store

ITEM = Item("d", "train", "k1", "instance 0")


@pytest.fixture
def reviews(tmp_path: Path):
    store = ReviewStore(tmp_path / "reviews.sqlite")
    yield store
    store.close()


def _say(verdict: str = "good", reviewer: str = "ana", item: Item = ITEM, **more) -> Decision:
    return Decision(item, reviewer, verdict, **more)


def test_what_is_appended_is_read_back(reviews: ReviewStore) -> None:
    said = _say(
        "bad keypoints", finding_key="f", check_id="c", joints=(3, 8), label="like",
        comment="née\n\"x'; drop",
        proposal={"box": [1, 2, 3, 4], "keypoints": {"8": [0.1, 0.2, None]}}, digest=9223372036854775782,
    )  # fmt: skip
    reviews.append(said)
    (found,) = reviews.standing("d")
    assert found == said
    assert reviews.history(ITEM) == [said]
    assert reviews.standing("other") == []


def test_the_latest_of_each_reviewer_stands_and_undo_brings_the_former_back(reviews: ReviewStore) -> None:
    first = reviews.append(_say("good"))
    second = reviews.append(_say("bad box"))
    reviews.append(_say("unsure", reviewer="bob"))
    assert [d.verdict for d in reviews.standing("d")] == ["bad box", "unsure"]
    assert reviews.last("ana", "d") == second
    reviews.undo(second.decision_id, "ana")
    assert [d.verdict for d in reviews.standing("d")] == ["good", "unsure"]
    assert reviews.last("ana", "d") == first
    assert len(reviews.history(ITEM)) == 4, "nothing is ever taken out"
    with pytest.raises(ReviewError, match="taken back already"):
        reviews.undo(second.decision_id, "ana")
    with pytest.raises(ReviewError, match="bob can't take it back"):
        reviews.undo(first.decision_id, "bob")
    with pytest.raises(ReviewError, match="there is no decision"):
        reviews.undo("nothing", "ana")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "fine"}, "expected one of good, bad label"),
        ({"reviewer": "  "}, "reviewer is empty"),
        ({"joints": (-1,)}, "expected numbers from 0"),
        ({"proposal": {"box": [1, 2, 0, 4]}}, "expected \\[x, y, width, height\\]"),
        ({"proposal": {"keypoints": {"a": [1, 2, 2]}}}, "the proposed joint 'a'"),
        ({"proposal": {"keypoints": {"1": [float("nan"), 2, 2]}}}, "the proposed joint '1'"),
        ({"proposal": {"keypoints": {"1": [1, 2, 3]}}}, "the proposed joint '1'"),
        ({"proposal": {"color": "red"}}, "expected box and keypoints"),
        ({"comment": "a\x00b"}, "holds a NUL"),
    ],
)
def test_what_is_no_decision_is_refused(reviews: ReviewStore, change, message: str) -> None:
    given = {"item": ITEM, "reviewer": "ana", "verdict": "good", **change}
    with pytest.raises(ReviewError, match=message):
        reviews.append(Decision(**given))
    assert reviews.newest() == 0


_text = st.text(
    st.characters(blacklist_characters="\x00", blacklist_categories=("Cs",)), min_size=1, max_size=20
)


@given(
    st.builds(
        Decision,
        st.builds(Item, _text.filter(str.strip), _text, _text.filter(str.strip), st.none() | _text),
        _text.filter(str.strip).map(str.strip),
        st.sampled_from(VERDICTS),
        joints=st.lists(st.integers(0, 200), max_size=4).map(tuple),
        label=st.none() | _text,
        comment=_text,
        digest=st.none() | st.integers(0, 2**63 - 1),
        at=st.datetimes(timezones=st.just(datetime.UTC), min_value=datetime.datetime(1990, 1, 1)),
    )
)
@settings(max_examples=100, deadline=None)
def test_a_line_of_json_is_the_decision(decision: Decision) -> None:
    assert from_json(decision.to_json()) == decision


def test_export_and_import_lose_and_double_nothing(reviews: ReviewStore, tmp_path: Path) -> None:
    kept = reviews.append(_say("bad label", label="like"))
    reviews.undo(reviews.append(_say("good", reviewer="bob")).decision_id, "bob")
    file = tmp_path / "out.jsonl"
    file.write_text("".join(export_lines(reviews)))
    other = ReviewStore(tmp_path / "other.sqlite")
    other.append(_say("unsure", reviewer="eve"))
    assert import_file(other, file).added == 3
    again = import_file(other, file)
    assert (again.read, again.added, again.refused) == (3, 0, ())
    assert {d.reviewer: d.verdict for d in other.standing()} == {"ana": "bad label", "eve": "unsure"}
    assert kept in other.ledger()
    other.close()


def test_the_command(tmp_path: Path, capsys) -> None:
    from queries.cli import main  # noqa: PLC0415

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as stop:
            main(["reviews", *arguments])
        return stop.value.code

    one, two, file = tmp_path / "one.sqlite", tmp_path / "two.sqlite", tmp_path / "out.jsonl"
    store = ReviewStore(one)
    store.append(_say("bad box"))
    store.undo(store.append(_say("good")).decision_id, "ana")
    store.close()
    assert run("export", "--reviews", str(one), str(file)) == 0
    assert run("import", "--reviews", str(two), str(file)) == 0
    assert "3 decisions added, 0 known already" in capsys.readouterr().out
    assert run("import", "--reviews", f"sqlite:///{two}", str(file)) == 0
    assert "0 decisions added, 3 known already" in capsys.readouterr().out
    file.write_text(file.read_text() + "nothing\n")
    assert run("import", "--reviews", str(two), str(file)) == 2
    assert "line 4: the entry is no decision" in capsys.readouterr().err
    assert run("summary", "--reviews", str(two)) == 0
    of_store = capsys.readouterr().out
    assert run("summary", str(file)) == 2, "a line of it was no decision"
    told = capsys.readouterr()
    assert told.out == of_store and "line 4" in told.err
    assert "d: 1 decisions on 1 items" in of_store
    assert "bad box 1" in of_store


def test_a_bad_line_stops_no_other(reviews: ReviewStore, tmp_path: Path) -> None:
    good = _say().to_json()
    strange = json.loads(good) | {"verdict": "meh", "decision_id": "x"}
    file = tmp_path / "in.jsonl"
    file.write_text(f"{json.dumps(strange)}\n\nnot json\n[]\n{good}\n{{}}\n")
    found = import_file(reviews, file)
    assert found.added == 1
    assert [line for line, _ in found.refused] == [1, 3, 4, 6]
    assert "the verdict is 'meh'" in found.refused[0][1]
    with pytest.raises(ReviewError, match="can't be read"):
        import_file(reviews, tmp_path / "nowhere.jsonl")


_WRITES = """
import sys
from pathlib import Path
from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore
store = ReviewStore(Path(sys.argv[1]))
for n in range(12):
    store.append(Decision(Item("d", "train", f"k{n}", "instance 0"), sys.argv[2], "good"))
"""


def test_four_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "reviews.sqlite"
    people = [subprocess.Popen([sys.executable, "-c", _WRITES, str(path), f"p{n}"]) for n in range(4)]
    assert [process.wait(60) for process in people] == [0] * 4
    store = ReviewStore(path)
    assert store.counts("d") == {f"p{n}": 12 for n in range(4)}
    store.close()


_KILLED = """
import sys
from pathlib import Path
from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore
store = ReviewStore(Path(sys.argv[1]))
n = 0
while True:
    saved = store.append(Decision(Item("d", "train", f"k{n}", None), sys.argv[2], "good"))
    print(saved.decision_id, flush=True)
    n += 1
"""


def test_a_kill_loses_no_decision_that_was_shown_as_saved(tmp_path: Path) -> None:
    path, shown = tmp_path / "reviews.sqlite", set()
    for number in range(4):
        command = [sys.executable, "-c", _KILLED, str(path), f"r{number}"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        seen = [process.stdout.readline().strip() for _ in range(5 + number)]
        os.kill(process.pid, signal.SIGKILL)
        seen += [line.strip() for line in process.stdout if line.endswith("\n")]
        process.wait()
        shown |= {line for line in seen if len(line) == 32}
    store = ReviewStore(path)
    assert shown <= {d.decision_id for d in store.ledger()}
    assert len(shown) >= 26
    store.close()


def test_faults_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "reviews.sqlite"
    ReviewStore(path).close()
    with sqlite3.connect(path) as con:
        con.execute("update kpaudit_reviews set schema_version = 99")
    with pytest.raises(ReviewError, match="written by a newer kpaudit"):
        ReviewStore(path)
    (tmp_path / "no.sqlite").write_bytes(b"this is no database at all" * 100)
    with pytest.raises(ReviewError, match="is no review store"):
        ReviewStore(tmp_path / "no.sqlite")
    with pytest.raises(ReviewError, match="no database that can be opened"):
        ReviewStore("mysql://x/y")
    with pytest.raises(ReviewError, match="can't be"):
        ReviewStore(tmp_path / "nowhere" / "reviews.sqlite")


def test_a_locked_store_waits_and_then_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import queries.reviews.store as module  # noqa: PLC0415

    monkeypatch.setattr(module, "_PATIENCE", 1)
    store = ReviewStore(tmp_path / "reviews.sqlite")
    other = sqlite3.connect(tmp_path / "reviews.sqlite", isolation_level=None)
    other.execute("begin immediate")
    started = time.monotonic()
    assert store.standing("d") == [], "readers are not held up"
    with pytest.raises(ReviewError, match="locked by another program"):
        store.append(_say())
    assert time.monotonic() - started > 0.8
    other.execute("rollback")
    store.append(_say())
    assert len(store.standing("d")) == 1
    other.close()
    store.close()


def test_a_full_disk_is_said_and_what_was_saved_stays(tmp_path: Path) -> None:
    store = ReviewStore(tmp_path / "reviews.sqlite")
    store.append(_say())
    with store._engine.connect() as con:
        pages = con.exec_driver_sql("pragma page_count").scalar()
    from sqlalchemy import event  # noqa: PLC0415

    @event.listens_for(store._engine, "checkout")
    def _(connection, record, proxy) -> None:
        connection.execute(f"pragma max_page_count = {pages}")

    with pytest.raises(ReviewError, match="no space left"):
        for _ in range(50):
            store.append(_say(comment="x" * 4000))
    assert store.standing("d")[0].reviewer == "ana"
    store.close()


# Krippendorff's worked example of 2011 (15 units, three raters, missing values), and Cohen's κ of a table
_A = "* * * * * 3 4 1 2 1 1 3 3 * 3".split()
_B = "1 * 2 1 3 3 4 3 * * * * * * *".split()
_C = "* * 2 1 3 4 4 * 2 1 1 3 3 * 4".split()


def test_published_examples() -> None:
    units = [[v for v in unit if v != "*"] for unit in zip(_A, _B, _C, strict=True)]
    assert krippendorff_alpha(units) == pytest.approx(0.691, abs=0.0005)
    table = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(table) == pytest.approx(0.4)
    table = [("y", "y")] * 45 + [("y", "n")] * 15 + [("n", "y")] * 25 + [("n", "n")] * 15
    assert cohen_kappa(table) == pytest.approx(0.1304, abs=0.0001)


def test_agreement_at_its_ends() -> None:
    assert krippendorff_alpha([]) is None
    assert krippendorff_alpha([["a"], ["b"]]) is None
    assert krippendorff_alpha([["a", "a"], ["a", "a"]]) is None, "without variation nothing can be told"
    assert krippendorff_alpha([["a", "a"], ["b", "b"]]) == 1
    assert krippendorff_alpha([["a", "b"], ["b", "a"]]) < 0
    assert cohen_kappa([]) is None
    assert cohen_kappa([("a", "a")] * 9) is None, "chance alone would make them agree"
    assert cohen_kappa([("a", "a"), ("b", "b")]) == 1
    once = [_say("good", "ana"), _say("good", "bob")]
    assert "kappa of ana and bob: undefined" in summary(once) and "alpha: undefined" in summary(once)


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=2), min_size=2, max_size=40))
def test_alpha_never_exceeds_one(units) -> None:
    alpha = krippendorff_alpha(units)
    assert (alpha is None) == (len({value for unit in units for value in unit}) == 1)
    assert alpha is None or alpha <= 1


def test_agreement_and_precision_of_decisions() -> None:
    def item(n: int) -> Item:
        return Item("d", "train", f"k{n}", None)

    said = []
    for n, (ana, bob) in enumerate(
        [("good", "good"), ("bad box", "bad box"), ("bad box", "good"), ("unsure", "good")]
    ):
        said.append(_say(ana, "ana", item(n), finding_key=f"f{n}", check_id="box-huge"))
        said.append(_say(bob, "bob", item(n), finding_key=f"f{n}", check_id="box-huge"))
    kappa, shared = pairwise_kappa(said)["ana", "bob"]
    assert shared == 4
    assert kappa == pytest.approx(
        cohen_kappa([("good",) * 2, ("bad box",) * 2, ("bad box", "good"), ("unsure", "good")])
    )
    found = precision_by_check(said)["box-huge"]
    assert (found.judged, found.right, found.unsure) == (3, 1, 1), (
        "a tie is unsure, and one sure voice decides"
    )
    assert found.low < 1 / 3 < found.high
    groups = {item(n): "call" if n < 2 else "like" for n in range(4)}
    assert alpha_by(said, groups)["class call"][0] == 1
    text = summary(said)
    assert "ana: 4" in text
    assert "Cohen's kappa of ana and bob" in text
    assert "box-huge: right 33%" in text


def test_decisions_find_their_annotation_again(indexed, tmp_path) -> None:
    root = tmp_path / "data" / "train"
    root.mkdir(parents=True)

    def write(box: list[float], split: str = "train") -> None:
        folder = root.parent / split
        folder.mkdir(exist_ok=True)
        record = {"bboxes": [[0.5, 0.5, 0.1, 0.1], box], "labels": ["call", "call"], "user_id": "s"}
        (folder / "call.json").write_text(json.dumps({"a0": record, "k1": record}))

    write([0.1, 0.1, 0.2, 0.2])
    found = indexed(root.parent, workspace=tmp_path / "w", name="d")
    (digest,) = found.row(
        "select a.digest from annotation a join image i using (image_id) where key = 'k1' and ordinal = 1"
    )
    said = [
        _say(item=Item("d", "train", "k1", "instance 1"), digest=digest),
        _say(item=Item("d", "train", "k1")),
        _say(item=Item("d", "train", "k1", "instance 7")),
        _say(item=Item("d", "train", "nowhere", "instance 0")),
        _say(item=Item("d", "val", "k1", "instance 1"), digest=digest),
    ]
    resolved = resolve(found.store, 1, said)
    assert [(r.gone, r.changed) for r in resolved] == [
        (False, False),
        (False, False),
        (True, False),
        (True, False),
        (False, False),
    ]
    write([0.1, 0.1, 0.2, 0.3])
    index(found.workspace, root.parent, Options(name="d"))
    store = Store(found.workspace)
    resolved = resolve(store, 1, said)
    assert (resolved[0].gone, resolved[0].changed) == (False, True), "the label has changed since"
    store.close()
