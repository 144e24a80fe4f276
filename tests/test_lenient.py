"""The tolerant JSON reader: as json.loads on good files, and as much as can be had of bad ones."""

from __future__ import annotations

import json
from unittest.mock import Mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from queries.readers import base, lenient
from queries.readers import hagrid as hagrid_reader
from queries.readers.lenient import Bad, Item, scan

FAST = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
windows = st.integers(1, 64)
styles = st.sampled_from([
    {}, {"indent": 1}, {"ensure_ascii": False}, {"separators": (",", ":")}, {"separators": (" ,\r\n", "\t: ")}
])  # fmt: skip


def read(path, text, **options):
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    return list(scan(path, **options))


@FAST
@given(value=st.dictionaries(st.text(max_size=6), values, max_size=6), window=windows, style=styles)
def test_any_object_is_read_as_json_reads_it(tmp_path, value, window, style):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenient, "_WINDOW", window)
        found = read(tmp_path / "x.json", json.dumps(value, **style))
    assert found == [Item((key,), item) for key, item in value.items()]


@FAST
@given(value=st.lists(values, max_size=8), window=windows, style=styles)
def test_any_list_is_read_as_json_reads_it(tmp_path, value, window, style):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenient, "_WINDOW", window)
        found = read(tmp_path / "x.json", json.dumps(value, **style))
    assert found == [Item((index,), item) for index, item in enumerate(value)]


@FAST
@given(lists=st.lists(st.lists(values, max_size=5), min_size=3, max_size=3), window=windows, style=styles)
def test_named_lists_are_read_element_by_element(tmp_path, lists, window, style):
    document = {
        "info": {"a": [1]},
        "images": lists[0],
        "annotations": lists[1],
        "licenses": [2],
        "categories": lists[2],
    }
    arrays = frozenset(["images", "annotations", "categories"])
    expected = []
    for key, value in document.items():
        expected += (
            [Item((key, i), v) for i, v in enumerate(value)] if key in arrays else [Item((key,), value)]
        )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenient, "_WINDOW", window)
        assert read(tmp_path / "x.json", json.dumps(document, **style), arrays=arrays) == expected


NUMBERS = [0, -1, 1.5, -2.25e-7, 1e22, 123456789012345678901234567890]


@pytest.mark.parametrize("window", [1, 2, 3, 5, 8, 13, 31])
def test_numbers_across_windows(tmp_path, monkeypatch, window):
    monkeypatch.setattr(lenient, "_WINDOW", window)
    text = '{"a": 1.5e+10, "b": -0.25, "c": 12E-2, "d": NaN, "e": -Infinity, "f": true, "g": null}'
    assert [repr(item.value) for item in read(tmp_path / "x.json", text)] == [
        "15000000000.0",
        "-0.25",
        "0.12",
        "nan",
        "-inf",
        "True",
        "None",
    ]
    assert [item.value for item in read(tmp_path / "x.json", json.dumps(NUMBERS))] == NUMBERS


def records(count=6):
    return {
        f"k{n}": {
            "bboxes": [[n, 0.5, 0.25, 0.125]],
            "labels": [f"l{n}"],
            "text": 'a"b\\c{[,',
            "o": {"p": [n]},
        }
        for n in range(count)
    }


def is_record(value):
    return isinstance(value, dict) and "bboxes" in value


@pytest.mark.parametrize("window", [17, 8 << 20])
def test_one_byte_corrupted_anywhere_costs_no_other_record(tmp_path, monkeypatch, window):
    monkeypatch.setattr(lenient, "_WINDOW", window)
    good = records()
    parts = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in good.items()]
    text = "{" + ", ".join(parts) + "}"
    begin = text.index('"k2"')
    end = text.index(' "k3"')  # the record and the comma after it
    for place in range(begin, end):
        for byte in b'\x00"{}],:\xff\\':
            data = bytearray(text.encode())
            data[place] = byte
            found = read(tmp_path / "x.json", bytes(data), is_record=is_record)
            kept = {item.path[0]: item.value for item in found if isinstance(item, Item)}
            for key in ("k0", "k1", "k3", "k4", "k5"):
                assert kept.get(key) == good[key], (place - begin, chr(byte), key)
            try:
                json.loads(bytes(data))
            except ValueError:
                told = any(isinstance(item, Bad) for item in found) or any(
                    lenient.has_invalid_text([*i.path, i.value]) for i in found
                )
                assert told, (place - begin, chr(byte))


@pytest.mark.parametrize("window", [23, 8 << 20])
@pytest.mark.parametrize(
    "which", [("images", 2), ("annotations", 0), ("annotations", 1), ("annotations", 2), ("categories", 0)]
)
def test_one_byte_corrupted_in_lists_of_records(tmp_path, monkeypatch, window, which):
    monkeypatch.setattr(lenient, "_WINDOW", window)
    document = {
        "images": [{"id": n, "file_name": f"{n}.jpg"} for n in range(3)],
        "annotations": [{"id": 10 + n, "image_id": n, "keypoints": [n, 1.5, 2]} for n in range(3)],
        "categories": [{"id": 1, "name": "x", "keypoints": ["a"]}],
    }
    arrays = frozenset(document)
    text = json.dumps(document)
    name, index = which
    bad = json.dumps(document[name][index])
    begin = text.index(bad)
    rest = {(key, i): v for key, vs in document.items() for i, v in enumerate(vs) if (key, i) != which}
    for place in range(begin, begin + len(bad)):
        for byte in b'\x00x"{}[],:':
            data = bytearray(text.encode())
            data[place] = byte
            found = read(
                tmp_path / "x.json",
                bytes(data),
                arrays=arrays,
                is_record=lambda v: isinstance(v, dict) and "id" in v,
            )
            kept = [(item.path[0], item.value) for item in found if isinstance(item, Item)]
            for (key, _), value in rest.items():
                assert kept.count((key, value)) == 1, (place - begin, chr(byte), key, value)
            assert all(
                key in ("images", "annotations", "categories")
                for key, v in kept
                if isinstance(v, dict) and "id" in v
            )


@FAST
@given(data=st.binary(max_size=200), window=windows)
def test_any_bytes_at_all(tmp_path, data, window):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenient, "_WINDOW", window)
        for start in (b"", b"{", b"[", b'{"images": ['):
            for item in read(tmp_path / "x.json", start + data, arrays=frozenset(["images"])):
                assert isinstance(item, (Item, Bad))


@FAST
@given(cut=st.integers(0, 400), window=windows)
def test_truncated_anywhere(tmp_path, cut, window):
    good = records()
    text = json.dumps(good)[:cut]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lenient, "_WINDOW", window)
        found = read(tmp_path / "x.json", text, is_record=is_record)
    whole = [key for key, value in good.items() if json.dumps({key: value})[1:-1] in text]
    assert [item.path[0] for item in found if isinstance(item, Item)] == whole
    assert sum(isinstance(item, Bad) for item in found) == 1


def test_the_offset_is_in_bytes_of_the_file(tmp_path, monkeypatch):
    text = json.dumps({"ä" * 50: {"bboxes": []}, "b": {"bboxes": [1]}}, ensure_ascii=False).replace(
        "[1]", "[1 2]"
    )
    for window in (10, 8 << 20):
        monkeypatch.setattr(lenient, "_WINDOW", window)
        data = text.encode()
        (bad,) = (item for item in read(tmp_path / "x.json", data) if isinstance(item, Bad))
        assert bad.path == ("b",) and data[bad.offset :].startswith(b"2]")
        (bad,) = (item for item in read(tmp_path / "x.json", b"\xef\xbb\xbf" + data) if isinstance(item, Bad))
        assert bad.offset == data.index(b"2]") + 3


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_other_encodings_with_a_mark(tmp_path, encoding):
    found = read(tmp_path / "x.json", json.dumps({"ä": ["ö"]}, ensure_ascii=False).encode(encoding))
    assert found[-1] == Item(("ä",), ["ö"])
    assert [bad.reason for bad in found[:-1]] == (
        ["encoded as utf-16-le, expected UTF-8; read as it is"] if encoding == "utf-16" else []
    )


def test_nesting_and_long_numbers_cost_one_record(tmp_path):
    for value in ("[" * 100_000 + "]" * 100_000, "[" * 900 + "]" * 900, "[" * 100_000):
        found = read(tmp_path / "x.json", f'{{"a": {value}, "b": {{"bboxes": []}}}}', is_record=is_record)
        assert Item(("b",), {"bboxes": []}) in found
        assert any(isinstance(item, Bad) for item in found)
    found = read(tmp_path / "x.json", '{"a": 1' + "0" * 5000 + ', "b": 2}')
    assert found == [Item(("a",), float("inf")), Item(("b",), 2)]


def test_many_bad_records_take_no_longer_than_many(tmp_path):
    text = "{" + ", ".join(f'"k{n}": {{"bboxes": [nan, {n}]}}' for n in range(8_000)) + "}"
    found = read(tmp_path / "x.json", text, is_record=is_record)
    assert 1 <= len(found) <= 8_000  # each offset is measured from the last one: linear, or this hangs


def test_escapes():
    assert lenient.escaped({"caf\udce9": ["\ud800", 1, None]}) == {"caf\\xe9": ["\\ud800", 1, None]}
    assert lenient.has_invalid_text({"a": [{"b": "\udce9"}]}) and not lenient.has_invalid_text(
        {"ä": ["😀", 1]}
    )


TABLES = {
    "image": "image_id, key, file_name, split, width, height, subject, age, gender, race, attributes",
    "annotation": "annotation_id, image_id, source_id, ordinal, kind, label, x, y, w, h, area, crowd, "
    "skeleton, labelled, "
    "visible, handedness, digest, attributes",
    "keypoint": "annotation_id, joint, x, y, visibility",
    "problem": "kind, locator, message",
}


def test_a_big_file_is_streamed_to_the_same_tables(indexed, tmp_path, write, monkeypatch):
    hand = [[j / 100, j / 50] for j in range(21)]
    record = {"labels": ["call"], "user_id": "ü", "hand_landmarks": [hand], "meta": {"age": [3]}}
    hagrid = {
        "train/call.json": {f"k{n}": record | {"bboxes": [[n / 100, 0.1, 0.2, 0.3]]} for n in range(50)}
    }
    coco = {"keypoints.json": {
        "images": [{"id": n, "file_name": f"{n}.jpg", "width": 100 + n, "height": 50} for n in range(20)],
        "annotations": [
            {"id": n, "image_id": n // 2, "category_id": 1, "bbox": [n, 1, 2, 3], "keypoints": [n, 2, 1]}
            for n in range(40)
        ],
        "categories": [{"id": 1, "name": "dot", "keypoints": ["dot"], "skeleton": []}],
    }}  # fmt: skip
    for number, files in enumerate((hagrid, coco)):
        root = write(tmp_path / f"set{number}", files)
        strict = indexed(root)
        with monkeypatch.context() as patch:
            patch.setattr(base, "STRICT_LIMIT", 100)
            patch.setattr(hagrid_reader, "_LARGEST", 100)
            patch.setattr(lenient, "_WINDOW", 64)
            scan = Mock(wraps=lenient.scan)
            patch.setattr(lenient, "scan", scan)
            streamed = indexed(root)
        assert scan.called
        assert streamed.summary.problems == {}
        for table, columns in TABLES.items():
            sql = f"select {columns} from {table} order by all"
            assert streamed.rows(sql) == strict.rows(sql), table


def test_a_streamed_file_reports_how_far_it_is(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({f"k{i}": {"x": i} for i in range(1000)}))
    monkeypatch.setattr(lenient, "_WINDOW", 512)
    steps: list[int] = []
    assert len(list(lenient.scan(path, report=steps.append))) == 1000
    assert sum(steps) == path.stat().st_size
    assert len(steps) > 10
