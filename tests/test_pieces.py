"""Large HaGRID files are read in pieces: the same rows, whatever stands in the file and wherever it is cut."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.readers import hagrid, pieces
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
    for table in TABLES:
        assert found.rows(f"from {table} order by all") == whole.rows(f"from {table} order by all")
    assert found.rows("select path, records from source_file order by 1") == whole.rows(
        "select path, records from source_file order by 1"
    )
    assert not any(path.exists() for made in cuts for path in made if path.name != "call.json")


def test_an_error_names_the_file_and_not_the_piece(indexed, monkeypatch):
    monkeypatch.setattr(hagrid, "_PIECE", 2000)
    records = {f"k{n}": record(hand_landmarks=[HAND]) for n in range(40)}
    records["k20"]["hand_landmarks"] = "none"
    found = indexed({"train/call.json": records, "train/fist.json": {"f1": record()}})
    assert found.summary.images == 41
    assert {row[0] for row in found.problems()} >= {"field-type"}
    assert found.rows("select status from source_file order by path") == [("tolerant",), ("read",)]
