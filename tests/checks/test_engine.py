"""The audit's engine: what is run and stored, keys, failures, faults."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from queries import audit, catalogue, cli
from queries.audit_context import NotApplicable
from queries.catalogue import Source
from queries.errors import UsageError
from queries.index import index, remove
from queries.model import Options
from queries.needs import COUNTS, NEEDS
from queries.store import Store
from tests.checks.audited import check
from tests.checks.made_up import FLAT, GOOD, finding, made_check, rows_of, use_only

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def only(monkeypatch):
    """Replaces the catalogue by the given sources."""
    return lambda *found: use_only(monkeypatch, *found)


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
    assert rows_of(again.workspace, "from finding") == [], "findings of a former build point into the void"
    found = check(again, "box-zero-area").findings
    assert [f["finding_key"] for f in found] == [before]


def test_one_key_in_two_splits_gives_two_findings(indexed) -> None:
    found = indexed({"d/train/call.json": {"b": FLAT}, "d/val/call.json": {"b": FLAT}})
    keys = [f["finding_key"] for f in check(found, "box-zero-area").findings]
    assert len(set(keys)) == 2


def test_findings_of_other_checks_stay(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"b": FLAT}})
    one, two = made_check("one"), made_check("two")
    only(Source(one, find=lambda a: finding()), Source(two, find=lambda a: finding()))
    audit.run(found.workspace)
    audit.run(found.workspace, checks=["two"])
    assert rows_of(found.workspace, "select check_id from finding order by all") == [("one",), ("two",)]
    only(Source(two, find=lambda a: finding()))
    audit.run(found.workspace, checks=["two"])
    assert rows_of(found.workspace, "select check_id from check_run") == [("two",)], "a check that is no more"


def test_a_check_that_breaks_stops_none_of_the_others(indexed, only) -> None:
    def broken(context):
        raise ZeroDivisionError("division by zero")

    found = indexed({"d/train/call.json": {"b": FLAT}})
    only(
        Source(made_check("broken"), find=broken),
        Source(made_check("no-sql"), sql="select nothing from nowhere"),
        Source(made_check("null-detail"), sql="select 'x' as about, null::varchar as detail"),
        Source(made_check("bad-score"), sql="select 'x' as about, 'd' as detail, 7.0 as score"),
        Source(made_check("elsewhere"), sql="select 77 as image_id, 'd' as detail"),
        Source(made_check("nobody"), sql="select 'nothing says what it is about' as detail"),
        Source(made_check("works"), sql="select 'x' as about, 'd' as detail"),
    )
    ran = {r.check.id: r for r in audit.run(found.workspace)[found.summary.name]}
    assert {r.status for name, r in ran.items() if name != "works"} == {"failed"}
    assert "ZeroDivisionError: division by zero" in ran["broken"].reason
    assert ran["works"].findings == 1
    assert rows_of(found.workspace, "select check_id from finding") == [("works",)]


def test_not_applicable_is_no_pass(indexed, only) -> None:
    def no_classes(context):
        raise NotApplicable("there is one class only")

    found = indexed({"d/train/call.json": {"b": GOOD}})
    only(
        Source(made_check("sized", needs=("measured",)), sql="select 1"),
        Source(made_check("classes"), find=no_classes),
    )
    audit.run(found.workspace)
    rows = dict(
        rows_of(found.workspace, "select check_id, reason from check_run where status = 'not applicable'")
    )
    assert rows["classes"] == "there is one class only"
    assert "run kpaudit measure" in rows["sized"]


def test_the_budget_lists_the_worst(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    rows = pd.DataFrame({"about": ["a", "b", "c"], "score": [0.2, 0.9, 0.5], "detail": ["x"] * 3})
    only(Source(made_check("ranked", budget=2), find=lambda a: rows))
    audit.run(found.workspace)
    assert rows_of(found.workspace, "select about from finding order by score desc") == [("b",), ("c",)]
    assert rows_of(found.workspace, "select findings, listed from check_run") == [(3, 2)]


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
    keys = dict(
        rows_of(found.workspace, "select i.split, f.finding_key from finding f join image i using (image_id)")
    )
    (root / "train" / "call.json").write_text(json.dumps({"k": GOOD}))
    index(found.workspace, root, Options())
    check(found, "box-zero-area")
    left = rows_of(
        found.workspace, "select i.split, f.finding_key from finding f join image i using (image_id)"
    )
    assert left == [("val", keys["val"])]


def test_a_skeleton_of_two_datasets_stands_once(indexed, tmp_path) -> None:
    hand = {**GOOD, "hand_landmarks": [[[0.1 + j / 100, 0.2] for j in range(21)]]}
    indexed({"d/train/call.json": {"a": hand}}, workspace=tmp_path / "w", name="one").store.close()
    found = indexed({"d/train/call.json": {"a": hand}}, workspace=tmp_path / "w", name="two")
    found.store.close()
    with duckdb.connect(str(found.workspace.index_files()[0])) as con:
        con.execute("update joint set sigma = 0.5 where joint = 3")
    assert rows_of(found.workspace, "select count(*) from joint where skeleton = 'hand-21'") == [(21,)]


def test_two_datasets_do_not_mix(indexed, tmp_path) -> None:
    indexed({"d/train/call.json": {"a": FLAT}}, workspace=tmp_path / "w", name="one")
    two = indexed({"d/train/call.json": {"a": FLAT, "b": FLAT}}, workspace=tmp_path / "w", name="two")
    audit.run(two.workspace)
    counts = "select d.name, count(*) from finding join dataset d using (dataset_id) where check_id = 'box-zero-area' group by 1 order by 1"
    assert rows_of(two.workspace, counts) == [("one", 1), ("two", 2)]
    remove(two.workspace, "one")
    assert rows_of(two.workspace, counts) == [("two", 2)]
    with pytest.raises(UsageError, match="no dataset called 'one'"):
        audit.run(two.workspace, datasets=["one"])


def test_an_open_store_neither_waits_nor_breaks(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    open_before = found.store
    audit.run(found.workspace)
    assert open_before.cursor().execute("select count(*) from finding").fetchone() == (0,)
    assert open_before.stale()


def test_findings_of_another_version_are_passed_over(indexed) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    audit.run(found.workspace)
    file = found.workspace.findings_files()[0]
    shutil.copy(file, file.with_suffix(".copy"))
    with duckdb.connect(str(file)) as con:
        con.execute("update audit_run set schema_version = 0")
    assert rows_of(found.workspace, "from finding") == []
    file.write_bytes(b"no database")
    assert rows_of(found.workspace, "from finding") == []
    audit.run(found.workspace)
    assert rows_of(found.workspace, "select count(*) > 0 from finding") == [(True,)]


def test_a_check_leaves_nothing_behind(indexed, only) -> None:
    def broken(context):
        context.con.execute("begin")
        context.con.execute("create table left_over as select 1 as one")
        context.con.execute("use memory.nothing")
        context.con.execute("select nothing from nowhere")

    def careless(context):
        context.con.execute("begin")
        return finding()

    def asks(context):
        names = context.con.execute("select table_name from duckdb_tables()").fetchall()
        return finding() if ("left_over",) in names else None

    found = indexed({"d/train/call.json": {"b": GOOD}})
    only(*(Source(made_check(f.__name__), find=f) for f in (broken, careless, asks)))
    ran = {r.check.id: r for r in audit.run(found.workspace)[found.summary.name]}
    assert (ran["broken"].status, ran["careless"].status, ran["asks"].status) == ("failed", "done", "done")
    assert rows_of(found.workspace, "select check_id from finding") == [("careless",)]


@pytest.mark.parametrize(
    ("evidence", "kept"),
    [
        (
            '{"a": NaN, "b": [-Infinity, 1.5], "c": "NaN, inf"}',
            {"a": None, "b": [None, 1.5], "c": "NaN, inf"},
        ),
        ('{"a": "x\\" nan", "b": nan}', {"a": 'x" nan', "b": None}),
    ],
)
def test_evidence_is_json_that_anybody_reads(indexed, only, evidence, kept) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    only(Source(made_check(), find=lambda a: finding(evidence=evidence)))
    audit.run(found.workspace)
    ((text,),) = rows_of(found.workspace, "select evidence::varchar from finding")
    assert json.loads(text, parse_constant=lambda name: pytest.fail(name)) == kept  # noqa: PLW0108


def test_a_finding_that_stands_for_many_counts_as_many(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    rows = pd.DataFrame({"about": ["a", "b", "c"], "detail": ["x"] * 3, "records": [7, None, None],
                         "evidence": [None, '{"records": 5}', '{"records": {"train": 3}}']})  # fmt: skip
    only(
        Source(made_check(), find=lambda a: rows),
        Source(made_check("none"), find=lambda a: finding(records=0)),
    )
    audit.run(found.workspace)
    runs = dict(
        rows_of(found.workspace, "select check_id, (findings, flagged) from check_run where status = 'done'")
    )
    assert runs == {"made-up": (3, 13)}, "and a finding of no record is none"
    assert rows_of(found.workspace, "select records from finding order by about") == [(7,), (5,), (None,)]


def test_a_key_is_of_what_the_annotation_says_not_of_its_place(indexed, tmp_path) -> None:
    root = tmp_path / "s"
    (root / "train").mkdir(parents=True)
    other = [0.5, 0.5, 0.3, 0.0]

    def keys(*boxes) -> dict[float, str]:
        record = {"bboxes": list(boxes), "labels": ["call"] * len(boxes), "user_id": "s1"}
        (root / "train" / "call.json").write_text(json.dumps({"a": record}))
        index(found, root, Options(), force=True)
        audit.run(found, checks=["box-zero-area"])
        sql = "select a.x, f.finding_key from finding f join annotation a using (annotation_id)"
        return dict(rows_of(found, sql))

    found = indexed({"t/train/call.json": {"a": GOOD}}, workspace=tmp_path / "w").workspace
    first = keys(FLAT["bboxes"][0])
    both = keys(other, FLAT["bboxes"][0])
    assert both[0.1] == first[0.1]
    assert both[0.5] != first[0.1], "what came before it has not its key"


def test_what_is_beyond_the_budget_is_in_the_baseline(indexed, only, tmp_path) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    listed = {"a": 0.9, "b": 0.5, "c": 0.2}

    def gate(*more: str | Path) -> int:
        rows = pd.DataFrame({"about": list(listed), "score": list(listed.values()), "detail": "x"})
        only(
            Source(made_check(budget=2), find=lambda a: rows),
            Source(made_check("other"), find=lambda a: None),
        )
        given = ["audit", "--workspace", found.workspace.path, "--fail-on", "warning", "--quiet", *more]
        with pytest.raises(SystemExit) as stop:
            cli.main([str(part) for part in given])
        return stop.value.code

    before = tmp_path / "before.json"
    assert gate("--json", before) == 1
    del listed["a"]
    assert gate("--baseline", before) == 0, "c moved up, and was there before"
    audit.run(found.workspace, checks=["other"])
    listed.update(d=0.1)
    assert gate("--baseline", before) == 0, "d is new, and not among the worst"
    listed.update(d=0.8)
    assert gate("--baseline", before) == 1


def test_unlisted_findings_stay_while_other_checks_run(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    rows = pd.DataFrame({"about": ["a", "b"], "detail": "x"})
    only(Source(made_check(budget=1), find=lambda a: rows), Source(made_check("other"), find=lambda a: None))
    audit.run(found.workspace)
    before = rows_of(found.workspace, "from unlisted_finding")
    audit.run(found.workspace, checks=["other"])
    assert len(before) == 1
    assert rows_of(found.workspace, "from unlisted_finding") == before


# A dataset that can't be audited


@pytest.fixture
def two(indexed, tmp_path):
    """Datasets one and two with a flat box each; gate() is the audit's exit code."""
    for name in ("one", "two"):
        made = indexed({"d/train/call.json": {"a": FLAT}}, workspace=tmp_path / "w", name=name)
        made.store.close()

    def gate(*more: str) -> int:
        with pytest.raises(SystemExit) as stop:
            cli.main(["audit", "--workspace", str(made.workspace.path), "--check", "box-zero-area", *more])
        return stop.value.code

    return made.workspace, gate


def test_a_mistake_in_one_dataset_stops_none_of_the_others(two, monkeypatch, capsys) -> None:
    workspace, gate = two
    suppress = audit._Job._suppress

    def broken(job):
        if job.dataset["name"] == "one":
            raise ZeroDivisionError("division\nby zero")
        suppress(job)

    assert gate() == 1
    monkeypatch.setattr(audit._Job, "_suppress", broken)
    capsys.readouterr()
    assert gate("--fail-on", "never") == 2
    out, err = capsys.readouterr()
    (line,) = [line for line in err.splitlines() if "one" in line]
    assert "one was not audited" in line
    assert "ZeroDivisionError: division by zero" in line
    assert "box-zero-area" in out
    names = {row[0] for row in rows_of(workspace, "select name from finding join dataset using (dataset_id)")}
    assert names == {"one", "two"}, "what was found before stays"


@pytest.mark.parametrize("named", [(), ("--dataset", "one")])
@pytest.mark.parametrize("what", ["rebuilt", "removed"])
def test_a_dataset_that_changes_meanwhile_passes_no_gate(two, monkeypatch, capsys, named, what) -> None:
    workspace, gate = two
    ((root,),) = rows_of(workspace, "select root from dataset where name = 'one'")
    run = audit.run

    def meanwhile(*args, **options):
        done = run(*args, **options)
        if what == "rebuilt":
            index(workspace, Path(root), Options(name="one"), force=True)
        else:
            remove(workspace, "one")
        return done

    assert gate("--fail-on", "never", *named) == 0
    capsys.readouterr()
    monkeypatch.setattr(audit, "run", meanwhile)
    assert gate("--fail-on", "never", *named) == 2
    assert "one was not audited" in capsys.readouterr().err


def test_an_index_in_other_hands_passes_no_gate(two, capsys) -> None:
    workspace, gate = two
    held = subprocess.Popen(
        [sys.executable, "-c", f"import duckdb; c = duckdb.connect({str(workspace.index_files()[0])!r}); print(1, flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    held.stdout.readline()
    try:
        assert gate("--fail-on", "never") == 2
        assert gate("--fail-on", "never", "--dataset", "two") == 0
    finally:
        held.communicate(b"\n")
    assert capsys.readouterr().err.count("was not audited") == 1
    assert gate("--fail-on", "never") == 0


CHILD = """
import sys, resource, signal
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from queries import cli
cli.main(["audit", "--check", "box-zero-area", "--workspace", sys.argv[1]])
"""


def test_a_full_disk_leaves_the_findings_that_were_there(indexed) -> None:
    """In a child that may write small files only: what a full disk does, nearly, without any rights."""
    found = indexed({"d/train/call.json": {"a": FLAT}})
    audit.run(found.workspace, checks=["box-zero-area"])
    before = found.workspace.fingerprint()
    ran = subprocess.run(
        [sys.executable, "-c", CHILD, found.workspace.path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr[-2000:]
    told = "no space left for the findings; those that were there are unchanged"
    assert [told in line for line in ran.stderr.splitlines()] == [True]
    assert found.workspace.fingerprint() == before
