"""Large HaGRID files are read in pieces: the same rows, whatever stands in the file and wherever it is cut."""

from __future__ import annotations

import json
from contextlib import contextmanager
from unittest.mock import Mock

import duckdb
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.readers import base, hagrid, pieces
from tests.test_hagrid import HAND, record

TRICKY = st.sampled_from(
    ['}, "k": {', '},"meta":{', "\\", '"', '\\"},"a":{', "a", "}", "{", ",", "\u00e9", "\n"]
)
TEXT = st.lists(TRICKY, max_size=3).map("".join)
VALUE = st.recursive(
    TEXT | st.integers(0, 9) | st.none(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("meta") | TEXT, inner, max_size=2),
    max_leaves=5,
)
TABLES = ("image", "annotation", "keypoint", "problem")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.dictionaries(TEXT, st.fixed_dictionaries({"bboxes": VALUE, "meta": VALUE}), max_size=12),
    size=st.integers(1, 400),
    indent=st.sampled_from([None, 1]),
    spaces=st.sampled_from(["", "\n \ufeff"[0:2]]),
)
def test_pieces_hold_every_record_in_order_or_are_no_json(tmp_path, records, size, indent, spaces):
    """A cut in a record, where one holds records of its own, is never taken for one between records."""
    text = spaces + json.dumps(records, indent=indent) + spaces
    path = tmp_path / "a.json"
    path.write_text(text)
    found = [piece.read_bytes() for piece in pieces.cut(path, tmp_path, size, frozenset({b"meta"}))]
    try:
        parsed = [orjson.loads(piece) for piece in found]
    except orjson.JSONDecodeError:
        assert len(found) > 1
        return
    assert [pair for piece in parsed for pair in piece.items()] == list(records.items())


@pytest.mark.parametrize("text", ["[1, 2]", "null", "  ", '{"a": 1}', '{"a": {}}'])
def test_what_can_not_be_cut_stays_whole(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    assert pieces.cut(path, tmp_path, 1) == [path]


def test_records_like_the_real_ones_are_cut(tmp_path):
    text = json.dumps({f"k{n}": record(hand_landmarks=[HAND], meta={"age": [n]}) for n in range(40)})
    path = tmp_path / "a.json"
    path.write_text(text)
    made = pieces.cut(path, tmp_path, 3000, frozenset({b"meta"}))
    assert len(made) > 5 and max(piece.stat().st_size for piece in made) < 6000


WHAT = "from source_file select path, status, records, detail order by 1"


def many(count=40, **more):
    return {f"k{n}": record(hand_landmarks=[HAND], meta={"age": [n]}, **more) for n in range(count)}


def same(found, whole):
    for table in TABLES:
        assert found.rows(f"from {table} order by all") == whole.rows(f"from {table} order by all")
    assert found.rows(WHAT) == whole.rows(WHAT)


@pytest.mark.parametrize("neighbour", ["call", "zero"])
def test_a_broken_file_beside_one_in_pieces(indexed, tmp_path, write, monkeypatch, neighbour):
    """The group is read again then: the pieces of before are not to count twice."""
    files = {"train/like.json": many(), f"train/{neighbour}.json": b'{"f1": {"bboxes": [[1'}
    root = write(tmp_path / "set", files)
    whole = indexed(root)
    monkeypatch.setattr(hagrid, "_PIECE", 2000)
    same(indexed(root), whole)


def test_pieces_that_do_not_fit_in_memory_at_once(indexed, tmp_path, write, monkeypatch):
    root = write(tmp_path / "set", {"train/call.json": many(), "train/like.json": many(30)})
    whole = indexed(root)
    monkeypatch.setattr(hagrid, "_PIECE", 2000)
    real = hagrid._in_pieces

    @contextmanager
    def small(build, group, uncut):
        with real(build, group, uncut) as found:
            if len(group) > 1:
                raise duckdb.OutOfMemoryException("failed to allocate")
            yield found

    monkeypatch.setattr(hagrid, "_in_pieces", small)
    same(indexed(root), whole)


@pytest.mark.parametrize("largest", [base.STRICT_LIMIT, 1000], ids=["read whole", "streamed"])
def test_a_cut_in_a_wrong_place_is_no_fault_of_the_file(indexed, tmp_path, write, monkeypatch, largest):
    """Two objects side by side in a record look like two records."""
    root = write(tmp_path / "set", {"train/call.json": many(extra={"a": {}, "b": {}, "c": {}, "d": {}})})
    whole = indexed(root)
    assert whole.problems() == []
    monkeypatch.setattr(hagrid, "_PIECE", 700)
    monkeypatch.setattr(hagrid, "STRICT_LIMIT", largest)
    made = Mock(wraps=pieces.cut)
    monkeypatch.setattr(pieces, "cut", made)
    same(indexed(root), whole)
    assert made.called


@pytest.mark.parametrize("error", [FileNotFoundError(2, "No such file"), OSError(5, "Input/output error")])
def test_a_file_that_can_not_be_cut_is_read_as_it_is(indexed, tmp_path, write, monkeypatch, error):
    root = write(tmp_path / "set", {"train/call.json": many(), "train/like.json": many(30)})
    whole = indexed(root)
    monkeypatch.setattr(hagrid, "_PIECE", 2000)
    monkeypatch.setattr(pieces, "cut", Mock(side_effect=error))
    same(indexed(root), whole)


@pytest.mark.parametrize("broken", ["", "twice", "cut off", "cut off at a brace", "wrong type", "braces in a label", "not UTF-8"])
def test_in_pieces_or_not_the_index_is_the_same(indexed, tmp_path, write, monkeypatch, broken):
    records = {f"k{n}": record(hand_landmarks=[HAND], meta={"age": [n]}) for n in range(40)}
    if broken == "wrong type":
        records["k20"]["bboxes"] = 7
    if broken == "braces in a label":
        records["k20"]["labels"] = ['}, "k": {']
    text = json.dumps(records).encode()
    if broken == "twice":
        text = text.replace(b'"k39"', b'"k3"')
    if broken == "cut off":
        text = text[:-90]
    if broken == "cut off at a brace":
        text = text[: text.rindex(b', "k39"')]
    if broken == "not UTF-8":
        text = text.replace(b'"k7"', b'"k\xff"')
    root = write(tmp_path / "set", {"train/call.json": text, "train/fist.json": {"f1": record()}})
    whole = indexed(root)
    monkeypatch.setattr(hagrid, "_PIECE", 2000)
    cuts = []
    real = pieces.cut
    monkeypatch.setattr(pieces, "cut", lambda *given: cuts.append(real(*given)) or cuts[-1])
    found = indexed(root)
    assert max(map(len, cuts), default=0) > 5 or broken == "cut off"
    same(found, whole)
    assert not any(path.exists() for made in cuts for path in made if path.name != "call.json")


def test_an_error_names_the_file_and_not_the_piece(indexed, monkeypatch):
    monkeypatch.setattr(hagrid, "_PIECE", 2000)
    records = {f"k{n}": record(hand_landmarks=[HAND]) for n in range(40)}
    records["k20"]["hand_landmarks"] = "none"
    found = indexed({"train/call.json": records, "train/fist.json": {"f1": record()}})
    assert found.summary.images == 41
    assert {row[0] for row in found.problems()} >= {"field-type"}
    assert found.rows("select status from source_file order by path") == [("tolerant",), ("read",)]
