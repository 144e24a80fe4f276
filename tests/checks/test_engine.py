"""The audit's engine: what is run and stored, keys, configuration, suppressions, failures, faults."""

from __future__ import annotations

import datetime
import json
import shutil
import types
from pathlib import Path

import pandas as pd
import pytest

from queries import audit, audit_config, catalogue, suppressions
from queries.audit_context import NotApplicable
from queries.catalogue import Check, Param, Source
from queries.errors import UsageError
from queries.index import index, remove
from queries.model import Options
from queries.needs import COUNTS, NEEDS
from queries.store import Store
from tests.checks.audited import check

GOOD = {"bboxes": [[0.1, 0.1, 0.2, 0.3]], "labels": ["call"], "user_id": "s1"}
FLAT = {**GOOD, "bboxes": [[0.1, 0.1, 0.0, 0.3]]}


def _rows(workspace, sql: str) -> list[tuple]:
    store = Store(workspace)
    try:
        return store.cursor().execute(sql).fetchall()
    finally:
        store.close()


@pytest.fixture
def only(monkeypatch):
    """Replaces the catalogue by the given sources."""

    def replace(*found: Source) -> None:
        table = types.MappingProxyType({source.check.id: source for source in found})
        monkeypatch.setattr(catalogue, "sources", lambda: table)

    return replace


def _check(check_id: str = "made-up", **changes) -> Check:
    given = {"title": "t", "category": "boxes", "severity": "warning", "why": "w", "fix": "f", "of": "images"}
    return Check(check_id, **{**given, **changes})


def _finding(**columns) -> pd.DataFrame:
    return pd.DataFrame([{"about": "all", "detail": "something", **columns}])


@pytest.mark.parametrize("source", catalogue.sources().values(), ids=lambda s: s.check.id)
def test_declaration_is_whole(source: Source) -> None:
    declared = source.check
    for text in (declared.title, declared.why, declared.fix):
        assert len(text) > 10
        assert not text.startswith(" ")
    assert not declared.title.endswith(".")
    assert declared.fix.endswith(".")
    assert declared.why.endswith(".")
    assert set(declared.needs) <= set(NEEDS)
    if source.sql is not None:
        code = "\n".join(line for line in source.sql.splitlines() if not line.startswith("--"))
        assert all(f"${name}" in code for name in declared.params), "a parameter that changes nothing"
        assert code == code.lower() or "'" in code or '"' in code
        assert all(len(line) <= 120 for line in source.sql.splitlines())


def test_file_names_are_the_ids() -> None:
    folder = Path(catalogue.__file__).parent / "checks"
    files = {p.stem.replace("_", "-") for p in folder.glob("*.*") if not p.name.startswith("_")}
    assert files == set(catalogue.sources())


def test_counted_units_are_columns_of_the_census(indexed) -> None:
    found = indexed({"ann/train/call.json": {"a": GOOD}})
    store = Store(found.workspace)
    from queries.audit_context import Shared  # noqa: PLC0415

    shared = Shared(store.cursor(), store.datasets[0])
    assert set(COUNTS.values()) <= set(shared.census)
    assert {c.counted for c in catalogue.checks()} - {None} <= set(shared.census)
    for met, reason in NEEDS.values():
        assert met(shared.census) in (True, False)
        assert reason
    store.close()


def test_clean_planted_clean(indexed, tmp_path) -> None:
    root = tmp_path / "d"
    found = indexed({"d/train/call.json": {"a": GOOD}})
    assert check(found, "box-zero-area").findings == []
    found = indexed({"d/train/call.json": {"a": GOOD, "b": FLAT}})
    hit = check(found, "box-zero-area")
    assert hit.places == [("b", 0, None)]
    assert hit.run["records"] == 2
    assert hit.run["flagged"] == 1
    assert root is not None


def test_keys_outlive_an_index(indexed, tmp_path) -> None:
    root = tmp_path / "source" / "train"
    root.mkdir(parents=True)
    (root / "call.json").write_text(json.dumps({"b": FLAT}))
    first = indexed(root.parent, workspace=tmp_path / "w")
    before = check(first, "box-zero-area").findings[0]["finding_key"]
    (root / "call.json").write_text(json.dumps({"a": GOOD, "b": FLAT}))
    again = indexed(root.parent, workspace=tmp_path / "w")
    assert _rows(again.workspace, "from finding") == [], "findings of a former build point into the void"
    found = check(again, "box-zero-area").findings
    assert [f["finding_key"] for f in found] == [before]


def test_one_key_in_two_splits_gives_two_findings(indexed) -> None:
    found = indexed({"d/train/call.json": {"b": FLAT}, "d/val/call.json": {"b": FLAT}})
    keys = [f["finding_key"] for f in check(found, "box-zero-area").findings]
    assert len(set(keys)) == 2


def test_findings_of_other_checks_stay(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"b": FLAT}})
    one, two = _check("one"), _check("two")
    only(Source(one, find=lambda a: _finding()), Source(two, find=lambda a: _finding()))
    audit.run(found.workspace)
    audit.run(found.workspace, checks=["two"])
    assert _rows(found.workspace, "select check_id from finding order by all") == [("one",), ("two",)]
    only(Source(two, find=lambda a: _finding()))
    audit.run(found.workspace, checks=["two"])
    assert _rows(found.workspace, "select check_id from check_run") == [("two",)], "a check that is no more"


def test_a_check_that_breaks_stops_none_of_the_others(indexed, only) -> None:
    def broken(context):
        raise ZeroDivisionError("division by zero")

    found = indexed({"d/train/call.json": {"b": FLAT}})
    only(
        Source(_check("broken"), find=broken),
        Source(_check("no-sql"), sql="select nothing from nowhere"),
        Source(_check("null-detail"), sql="select 'x' as about, null::varchar as detail"),
        Source(_check("bad-score"), sql="select 'x' as about, 'd' as detail, 7.0 as score"),
        Source(_check("elsewhere"), sql="select 77 as image_id, 'd' as detail"),
        Source(_check("nobody"), sql="select 'nothing says what it is about' as detail"),
        Source(_check("works"), sql="select 'x' as about, 'd' as detail"),
    )
    ran = {r.check.id: r for r in audit.run(found.workspace)[found.summary.name]}
    assert {r.status for name, r in ran.items() if name != "works"} == {"failed"}
    assert "ZeroDivisionError: division by zero" in ran["broken"].reason
    assert ran["works"].findings == 1
    assert _rows(found.workspace, "select check_id from finding") == [("works",)]


def test_not_applicable_is_no_pass(indexed, only) -> None:
    def no_classes(context):
        raise NotApplicable("there is one class only")

    found = indexed({"d/train/call.json": {"b": GOOD}})
    only(
        Source(_check("sized", needs=("measured",)), sql="select 1"),
        Source(_check("classes"), find=no_classes),
    )
    audit.run(found.workspace)
    rows = dict(
        _rows(found.workspace, "select check_id, reason from check_run where status = 'not applicable'")
    )
    assert rows["classes"] == "there is one class only"
    assert "run kpaudit measure" in rows["sized"]


def test_the_budget_lists_the_worst(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    rows = pd.DataFrame({"about": ["a", "b", "c"], "score": [0.2, 0.9, 0.5], "detail": ["x"] * 3})
    only(Source(_check("ranked", budget=2), find=lambda a: rows))
    audit.run(found.workspace)
    assert _rows(found.workspace, "select about from finding order by score desc") == [("b",), ("c",)]
    assert _rows(found.workspace, "select findings, listed from check_run") == [(3, 2)]


def test_configuration(indexed, only, tmp_path) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    root = Path(found.summary.root)
    seen = {}

    def find(context):
        seen[context.check.id] = dict(context.params)
        return _finding()

    params = {"least": Param(0.5, "the least")}
    only(Source(_check("one", params=params), find=find), Source(_check("two", params=params), find=find))
    (root / "kpaudit.toml").write_text("[checks.one]\nleast = 0.7\n[checks.two]\nenabled = false\n")
    (found.workspace.path / "kpaudit.toml").write_text(
        f'[dataset.{found.summary.name}.checks.one]\nseverity = "error"\n[dataset.other.checks.one]\nleast = 9\n'
    )
    ran = {r.check.id: r for r in audit.run(found.workspace)[found.summary.name]}
    assert seen == {"one": {"least": 0.7}}
    assert ran["one"].severity == "error"
    assert ran["two"].status == "off"
    assert "kpaudit.toml" in ran["two"].reason
    assert _rows(found.workspace, "select severity from finding") == [("error",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[checks.nope]\n", "there is no check called 'nope'"),
        ("[checks.box-zero-area]\nleast = 1\n", "there is no setting called 'least'"),
        ("[checks.box-zero-area]\nenabled = 1\n", "expected true or false"),
        ("[checks.box-zero-area]\nseverity = 'bad'\n", "expected one of error, warning, info"),
        ("[chekcs]\n", "unknown table 'chekcs'"),
        ("checks = 3\n", "expected a table"),
        ("[[suppress]]\ncheck = 'box-zero-area'\ndate = 2026-01-01\n", "gives no reason"),
        ("[[suppress]]\ncheck = 'box-zero-area'\nreason = 'r'\n", "gives no date"),
        ("[[suppress]]\nclass = 'a'\nreason = 'r'\ndate = 2026-01-01\n", "names no finding"),
        ("[[suppress]]\ncheck = 'nope'\nreason = 'r'\ndate = 2026-01-01\n", "no check called"),
        ("[audit]\nfail_on = 'all'\n", "expected error, warning, never"),
        ("[checks\n", "can't be read as TOML"),
    ],
)
def test_a_wrong_configuration_is_one_sentence(indexed, text: str, message: str) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    (found.workspace.path / "kpaudit.toml").write_text(text)
    with pytest.raises(UsageError, match=message) as error:
        audit.run(found.workspace)
    assert "kpaudit.toml" in str(error.value)


def test_suppressions_of_the_configuration(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT, "b": FLAT}})
    (found.workspace.path / "kpaudit.toml").write_text(
        "[[suppress]]\ncheck = 'box-zero-area'\nimage = 'a'\nreason = 'known'\ndate = 2026-01-01\n"
        "[[suppress]]\ncheck = 'box-zero-area'\nimage = 'b'\nreason = 'lapsed'\ndate = 2026-01-01\nuntil = 2026-01-02\n"
    )
    check(found, "box-zero-area")
    rows = _rows(
        found.workspace, "select i.key, f.suppressed from finding f join image i using (image_id) order by 1"
    )
    assert rows == [("a", "known"), ("b", None)]
    # and again: what no longer matches counts again
    (found.workspace.path / "kpaudit.toml").unlink()
    audit.run(found.workspace, checks=[])
    assert _rows(found.workspace, "select count(suppressed) from finding") == [(0,)]


def test_a_dataset_without_annotations_is_audited(indexed, tmp_path) -> None:
    images = [{"id": 1, "file_name": "1.jpg", "width": 10, "height": 10}]
    indexed({"a/image_info_test2017.json": {"images": images, "annotations": [], "categories": []}},
            workspace=tmp_path / "w", name="bare")  # fmt: skip
    found = indexed({"d/train/call.json": {"a": FLAT}}, workspace=tmp_path / "w", name="after")
    ran = audit.run(found.workspace)
    assert [r.check.id for runs in ran.values() for r in runs if r.status == "failed"] == []
    assert any(r.findings for r in ran["after"])


def test_a_key_does_not_pass_to_the_record_of_another_split(indexed, tmp_path) -> None:
    root = tmp_path / "s"
    for split, record in (("train", FLAT), ("val", FLAT)):
        (root / split).mkdir(parents=True)
        (root / split / "call.json").write_text(json.dumps({"k": record}))
    found = indexed(root, workspace=tmp_path / "w")
    check(found, "box-zero-area")
    keys = dict(_rows(found.workspace, "select i.split, f.finding_key from finding f join image i using (image_id)"))
    (root / "train" / "call.json").write_text(json.dumps({"k": GOOD}))
    index(found.workspace, root, Options())
    check(found, "box-zero-area")
    left = _rows(found.workspace, "select i.split, f.finding_key from finding f join image i using (image_id)")
    assert left == [("val", keys["val"])]


def test_a_skeleton_of_two_datasets_stands_once(indexed, tmp_path) -> None:
    import duckdb  # noqa: PLC0415

    hand = {**GOOD, "hand_landmarks": [[[0.1 + j / 100, 0.2] for j in range(21)]]}
    indexed({"d/train/call.json": {"a": hand}}, workspace=tmp_path / "w", name="one").store.close()
    found = indexed({"d/train/call.json": {"a": hand}}, workspace=tmp_path / "w", name="two")
    found.store.close()
    with duckdb.connect(str(found.workspace.index_files()[0])) as con:
        con.execute("update joint set sigma = 0.5 where joint = 3")
    assert _rows(found.workspace, "select count(*) from joint where skeleton = 'hand-21'") == [(21,)]


def test_a_class_is_suppressed_by_what_it_is_about(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"a": GOOD}})
    rows = pd.DataFrame({"about": ["call", "like"], "detail": ["x", "y"]})
    only(Source(_check("rare"), find=lambda a: rows))
    (found.workspace.path / "kpaudit.toml").write_text(
        "[[suppress]]\ncheck = 'rare'\nabout = 'call'\nreason = 'a pilot'\ndate = 2026-01-01\n"
    )
    audit.run(found.workspace)
    rows = _rows(found.workspace, "select about, suppressed from finding order by about")
    assert rows == [("call", "a pilot"), ("like", None)]


def test_suppressions_by_hand_hold_at_once_and_are_undone(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    key = check(found, "box-zero-area").findings[0]["finding_key"]
    store = Store(found.workspace)
    suppressions.suppress(found.workspace.suppressed, [key], " a hair-thin box is meant ", "ana")
    assert store.stale()
    store.close()
    assert _rows(found.workspace, "select suppressed from finding") == [("a hair-thin box is meant",)]
    suppressions.restore(found.workspace.suppressed, [key], "ana")
    assert _rows(found.workspace, "select suppressed from finding") == [(None,)]
    with pytest.raises(UsageError, match="needs a reason"):
        suppressions.suppress(found.workspace.suppressed, [key], "  ")


def test_a_suppression_cut_short_swallows_no_other(tmp_path) -> None:
    file = tmp_path / "suppressed.jsonl"
    suppressions.suppress(file, ["k1"], "one")
    file.write_bytes(file.read_bytes() + b'{"key": "k2", "rea')
    suppressions.suppress(file, ["k3"], "three")
    assert [(key, reason) for key, reason, _, _ in suppressions.standing(file)] == [
        ("k1", "one"),
        ("k3", "three"),
    ]


def test_only_stale(indexed, tmp_path) -> None:
    root = tmp_path / "s"
    (root / "train").mkdir(parents=True)
    (root / "train" / "call.json").write_text(json.dumps({"a": GOOD}))
    found = indexed(root, workspace=tmp_path / "w")
    name = found.summary.name
    assert list(audit.run(found.workspace, only_stale=True)) == [name]
    assert audit.run(found.workspace, only_stale=True) == {}
    (found.workspace.path / "kpaudit.toml").write_text("[checks.box-zero-area]\nseverity = 'info'\n")
    assert list(audit.run(found.workspace, only_stale=True)) == [name], "another configuration"
    (root / "train" / "call.json").write_text(json.dumps({"a": FLAT}))
    index(found.workspace, root, Options())
    audit.run(found.workspace, checks=["box-zero-area"])
    assert len(catalogue.sources()) > 1
    assert list(audit.run(found.workspace, only_stale=True)) == [name], "some checks only are not the audit"


def test_two_datasets_do_not_mix(indexed, tmp_path) -> None:
    indexed({"d/train/call.json": {"a": FLAT}}, workspace=tmp_path / "w", name="one")
    two = indexed({"d/train/call.json": {"a": FLAT, "b": FLAT}}, workspace=tmp_path / "w", name="two")
    audit.run(two.workspace)
    counts = "select d.name, count(*) from finding join dataset d using (dataset_id) where check_id = 'box-zero-area' group by 1 order by 1"
    assert _rows(two.workspace, counts) == [("one", 1), ("two", 2)]
    remove(two.workspace, "one")
    assert _rows(two.workspace, counts) == [("two", 2)]
    with pytest.raises(UsageError, match="no dataset called 'one'"):
        audit.run(two.workspace, datasets=["one"])


def test_an_open_store_neither_waits_nor_breaks(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    open_before = found.store
    audit.run(found.workspace)
    assert open_before.cursor().execute("select count(*) from finding").fetchone() == (0,)
    assert open_before.stale()


def test_findings_of_another_version_are_passed_over(indexed) -> None:
    import duckdb  # noqa: PLC0415

    found = indexed({"d/train/call.json": {"a": FLAT}})
    audit.run(found.workspace)
    file = found.workspace.findings_files()[0]
    shutil.copy(file, file.with_suffix(".copy"))
    with duckdb.connect(str(file)) as con:
        con.execute("update audit_run set schema_version = 0")
    assert _rows(found.workspace, "from finding") == []
    file.write_bytes(b"no database")
    assert _rows(found.workspace, "from finding") == []
    audit.run(found.workspace)
    assert _rows(found.workspace, "select count(*) > 0 from finding") == [(True,)]


def test_suppression_dates() -> None:
    s = audit_config.Suppression({"check": "c"}, "r", datetime.date(2026, 1, 1), datetime.date(2026, 2, 1))
    assert s.matches({"check": "c"}, datetime.date(2026, 2, 1))
    assert not s.matches({"check": "c"}, datetime.date(2026, 2, 2))
    assert not s.matches({"check": "d"}, datetime.date(2026, 1, 2))
