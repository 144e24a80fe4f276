"""The reports of `kpaudit audit` for machines and for pull requests, and what the README says of them."""

from __future__ import annotations

import html
import io
import json
import os
import re
import stat
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pytest
import yaml

from queries import (
    audit_config,
    catalogue,
    cli,
    report_html,
    report_junit,
    report_markdown,
    report_sarif,
    report_text,
    report_words,
    reports,
)
from queries.reports import Report
from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore
from queries.store import Store
from queries.workspace import Workspace
from tests.conftest import write

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
MARKS = ("<!-- checks: begin -->", "<!-- checks: end -->")

CHECKS = ("box-zero-area", "box-duplicate", "box-area-mismatch")
GOOD = {"bboxes": [[0.1, 0.1, 0.2, 0.3]], "labels": ["call"], "user_id": "s1"}
FLAT = {**GOOD, "bboxes": [[0.1, 0.1, 0.0, 0.3]]}
TWICE = {**GOOD, "bboxes": [[0.1, 0.1, 0.2, 0.3]] * 2, "labels": ["call", "call"]}
HOSTILE = "a<script>alert(1)</script> \"q\" 'p' | `b` @team\n| x | ~~s~~\x1b[31m\u202e &amp;"


def run(*arguments: str | Path) -> int:
    """The exit code of `kpaudit ARGUMENTS...`, in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code


def index(root: Path, workspace: Path) -> None:
    assert run("index", root, "--workspace", workspace, "--quiet") == 0


def audit(workspace: Path, *arguments: str | Path) -> int:
    chosen = [part for check in CHECKS for part in ("--check", check)]
    return run("audit", "--workspace", workspace, "--quiet", *chosen, *arguments)


def records(**images: dict[str, Any]) -> dict[str, Any]:
    return {"ann/train/call.json": images}


@pytest.fixture
def made(indexed):
    """Indexes records, audits them with a few checks and collects the report."""
    opened = []

    def make(files: dict[str, Any], fail_on: str = "error", name: str | None = None) -> Report:
        found = indexed(files, name=name)
        assert audit(found.workspace.path, "--fail-on", "never") == 0
        opened.append(Store(found.workspace))
        levels = {row["name"]: fail_on for row in opened[-1].datasets}
        return reports.collect(opened[-1], levels, checks=CHECKS)

    yield make
    for store in opened:
        store.close()


def _with(report: Report, check_id: str, **changes: Any) -> Report:
    """The report with one check's result changed, in its first dataset."""
    first, *rest = report.datasets
    checks = tuple(replace(c, **changes) if c.check == check_id else c for c in first.checks)
    return replace(report, datasets=(replace(first, checks=checks), *rest))


# JSON, and a former one as the baseline


def test_a_former_json_is_a_baseline(tmp_path, capsys) -> None:
    root, place = tmp_path / "hands", tmp_path / "w"
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    write(root, records(a=GOOD, b=FLAT))
    index(root, place)
    assert audit(place, "--json", before) == 1
    assert [row["image"] for row in json.loads(before.read_text())["findings"]] == ["b"]
    capsys.readouterr()

    assert audit(place, "--baseline", before, "--json", after) == 0
    assert "passes at --fail-on error: 0 errors, 0 warnings, 0 info" in capsys.readouterr().out
    again = json.loads(after.read_text())
    assert (again["findings"], again["failed"], again["baseline"]) == ([], False, str(before))
    (known,) = json.loads(before.read_text())["findings"]
    assert again["known"] == [{"key": known["key"], "check": "box-zero-area", "dataset": "hands"}]

    write(root, records(a=GOOD, b=FLAT, c=FLAT))
    index(root, place)
    assert audit(place, "--baseline", before, "--json", after) == 1
    new = json.loads(after.read_text())
    assert [(row["check"], row["image"]) for row in new["findings"]] == [("box-zero-area", "c")]
    assert new["counts"] == {"error": 1, "warning": 0, "info": 0, "suppressed": 0}
    (zero,) = (c for c in new["datasets"][0]["checks"] if c["id"] == "box-zero-area")
    assert (zero["findings"], zero["new"], zero["flagged"], zero["records"]) == (2, 1, 2, 3)

    # it holds what was known as well, and may be the next baseline
    assert audit(place, "--baseline", after) == 0
    write(root, records(a=GOOD, b=GOOD, c=FLAT))
    index(root, place)
    assert audit(place, "--baseline", after, "--json", before) == 0
    assert [row["key"] for row in json.loads(before.read_text())["known"]] == [new["findings"][0]["key"]]
    # what was not looked at is known still
    rest = ("--check", "box-duplicate", "--workspace", place, "--quiet")
    assert run("audit", *rest, "--baseline", after, "--json", before) == 0
    assert len(json.loads(before.read_text())["known"]) == 2


def test_a_report_never_replaces_its_baseline(tmp_path, capsys) -> None:
    place, file = tmp_path / "w", tmp_path / "b.json"
    index(write(tmp_path / "d", records(a=GOOD, b=FLAT)), place)
    assert audit(place, "--json", file) == 1
    before = file.read_bytes()
    (tmp_path / "link").symlink_to(file)
    for other in (file, tmp_path / "link"):
        assert audit(place, "--baseline", file, "--json", other) == 2
        assert "would replace the baseline" in capsys.readouterr().err
    assert file.read_bytes() == before


def test_json_has_the_shape_that_the_readme_documents(made, tmp_path) -> None:
    found = made(records(a=GOOD, b=FLAT, c=TWICE)).as_dict()
    shape = json.loads(re.search(r"```json\n(.*?)```", _section(), re.DOTALL)[1])
    _same_names(shape, found, "report")
    assert shape["report"] == reports.REPORT_VERSION
    assert set(shape["findings"][0]) == set(reports.FINDING_FIELDS)


def _same_names(documented: Any, found: Any, where: str) -> None:
    if where.endswith((".params", ".evidence")):
        return
    if isinstance(documented, dict) and isinstance(found, dict):
        assert list(documented) == list(found), where
        for name, value in documented.items():
            _same_names(value, found[name], f"{where}.{name}")
    elif isinstance(documented, list) and documented and found:
        _same_names(documented[0], found[0], f"{where}[]")


def test_json_counts_add_up(made) -> None:
    found = made(records(a=GOOD, b=FLAT, c=TWICE)).as_dict()
    assert found["counts"] == {"error": 1, "warning": 1, "info": 0, "suppressed": 0}
    checks = {check["id"]: check for check in found["datasets"][0]["checks"]}
    assert list(checks) == [c.id for c in catalogue.checks() if c.id in CHECKS]
    rate = checks["box-zero-area"]["rate"]
    assert rate["share"] == pytest.approx(1 / 4)
    assert 0 < rate["low"] < 1 / 4 < rate["high"] < 1
    assert checks["box-area-mismatch"]["status"] == "not applicable"
    assert checks["box-area-mismatch"]["rate"] is None


def test_shares_are_read_by_people() -> None:
    said = [report_words.share(v) for v in (0, 1e-7, 1.7e-4, 9.99e-4, 0.004, 0.099, 0.12, 1)]
    assert said == ["0 %", "< 0.0001 %", "0.017 %", "0.0999 %", "0.4 %", "9.9 %", "12 %", "100 %"]


def test_findings_that_are_of_no_counted_record_have_no_rate(made) -> None:
    checks = made(records(a=GOOD, b=FLAT)).datasets[0].checks
    check = next(c for c in checks if c.check == "box-zero-area")
    assert replace(check, findings=2, flagged=0).rate is None
    assert replace(check, findings=2, flagged=99).rate is None
    assert replace(check, findings=0, flagged=0).rate[0] == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("[", "can't be read as JSON"),
        ("[]", "found 'list'"),
        ('{"report": 99}', "found 99"),
        ('{"report": true, "findings": []}', "found True"),
        ('{"report": 1, "findings": [{"key": null}]}', "findings[0] has the key 'None'"),
        ('{"report": 1, "findings": [{"key": "\\ud800"}]}', "findings[0] has the key '\\ud800'"),
        ('{"report": 1, "findings": [], "known": [7]}', "known[0] has the key 'None'"),
        ('{"report": 1, "findings": [], "known": {}}', "known is dict, expected a list"),
        ("[" * 100_000, "nested too deeply"),
        (b"\xff\xfe\xff", "can't be read as JSON"),
    ],
)
def test_what_is_no_baseline_is_said_so(tmp_path, capsys, content, told) -> None:
    place, file = tmp_path / "w", tmp_path / "b.json"
    index(write(tmp_path / "d", records(a=GOOD)), place)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    capsys.readouterr()
    assert audit(place, "--baseline", file) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert told in err


def test_a_baseline_may_have_a_byte_order_mark(tmp_path) -> None:
    place, file = tmp_path / "w", tmp_path / "b.json"
    index(write(tmp_path / "d", records(a=GOOD, b=FLAT)), place)
    assert audit(place, "--json", file) == 1
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "c.json").write_text(file.read_text(), encoding=encoding)
        assert audit(place, "--baseline", tmp_path / "c.json") == 0, encoding


def test_an_index_that_cant_be_read_is_no_pass(tmp_path, capsys) -> None:
    place, file = tmp_path / "w", tmp_path / "r.json"
    index(write(tmp_path / "fine", records(a=GOOD)), place)
    index(write(tmp_path / "other", records(a=GOOD)), place)
    assert audit(place) == 0
    (broken,) = (place / "datasets").glob("2-*")
    whole = broken.read_bytes()
    capsys.readouterr()

    def told() -> str:
        assert audit(place, "--fail-on", "never", "--json", file, "--junit", tmp_path / "j.xml") == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        found = json.loads(file.read_text())
        assert [dataset["name"] for dataset in found["datasets"]] == ["fine"]
        assert [row["file"] for row in found["unreadable"]] == [str(broken)]
        assert found["failed"] is True
        assert ElementTree.parse(tmp_path / "j.xml").getroot().get("errors") == "1"
        return err

    broken.write_bytes(b"no database" * 1000)
    assert f"{broken} was not audited: it can't be opened" in (said := told())
    assert "delete it and index the dataset again" in said
    # who names the datasets has all that were asked for, and is told of the other one
    assert audit(place, "--dataset", "fine") == 0
    assert f"{broken} was not looked at" in capsys.readouterr().out
    assert audit(place, "--dataset", "other") == 2
    assert "2-other.duckdb (" in capsys.readouterr().err

    broken.write_bytes(whole)
    with duckdb.connect(broken) as con:
        con.execute("update dataset set schema_version = 0")
    assert "another version of kpaudit; index the dataset again" in told()
    broken.write_bytes(whole)
    assert audit(place) == 0


def test_where_reports_go_is_looked_at_before_the_audit(tmp_path, capsys, monkeypatch) -> None:
    place = tmp_path / "w"
    index(write(tmp_path / "d", records(a=GOOD)), place)
    file, locked = tmp_path / "x", tmp_path / "locked"
    locked.write_text("mine")
    (tmp_path / "same").symlink_to(file)
    monkeypatch.setattr("queries.audit.run", lambda *_, **__: pytest.fail("the audit has begun"))
    access = os.access
    shut = (locked, os.W_OK)
    monkeypatch.setattr("os.access", lambda at, mode: (Path(at), mode) != shut and access(at, mode))
    wrong = [
        (("--json", tmp_path), "is a folder, expected a file"),
        (("--json", file, "--html", tmp_path / "same"), "--json and --html would both be written to"),
        (("--sarif", locked), "read-only"),
        (("--junit", tmp_path / "no" / "x"), "there is no folder"),
        (("--markdown", "/proc/x.md"), "can't be written"),
    ]
    for arguments, told in wrong:
        capsys.readouterr()
        assert audit(place, *arguments) == 2
        err = capsys.readouterr().err
        assert told in err
        assert err.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "locked", "same", "w"]


def test_links_pipes_and_devices_are_written_to(tmp_path, capsys) -> None:
    place, target, pipe = tmp_path / "w", tmp_path / "real.json", tmp_path / "pipe"
    index(write(tmp_path / "d", records(a=GOOD)), place)
    (tmp_path / "link").symlink_to(target)
    target.write_text("old")
    target.chmod(0o640)
    assert audit(place, "--json", tmp_path / "link", "--html", "/dev/null", "--sarif", "/dev/null") == 0
    assert (tmp_path / "link").is_symlink()
    assert json.loads(target.read_text())["failed"] is False
    assert target.stat().st_mode & 0o777 == 0o640
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)

    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        assert audit(place, "--json", pipe) == 0
        assert json.loads(reader.stdout.read())["failed"] is False
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    capsys.readouterr()
    assert audit(place, "--json", "/dev/stdout") == 0
    assert json.loads(capsys.readouterr().out)["failed"] is False


def test_what_is_named_twice_is_run_once(tmp_path, capsys) -> None:
    place, file = tmp_path / "w", tmp_path / "r.json"
    index(write(tmp_path / "d", records(a=GOOD, b=FLAT)), place)
    twice = ("--check", "box-zero-area", "--dataset", "d") * 2
    for _ in range(2):
        assert run("audit", "--workspace", place, "--quiet", "--json", file, *twice) == 1
        (dataset,) = json.loads(file.read_text())["datasets"]
        assert [check["id"] for check in dataset["checks"]] == ["box-zero-area"]
    assert capsys.readouterr().out.count(" box-zero-area ") == 2


def test_a_name_that_is_nearly_right_is_guessed(tmp_path, capsys) -> None:
    place = tmp_path / "w"
    index(write(tmp_path / "hands", records(a=GOOD)), place)
    for arguments, told in ((("--check", "box-zero-aria"), "did you mean 'box-zero-area'?"),
                            (("--dataset", "hand"), "did you mean 'hands'?")):  # fmt: skip
        assert audit(place, *arguments) == 2
        assert told in capsys.readouterr().err


def _decide(store: ReviewStore, row: dict[str, Any], verdict: str, reviewer: str = "ana") -> None:
    item = Item(row["dataset"], row["split"], row["image"], "instance 0")
    store.append(Decision(item, reviewer, verdict, row["key"], row["check"]))


def test_reports_say_how_often_reviewers_agreed(tmp_path, capsys) -> None:
    place, other = tmp_path / "w", tmp_path / "other.db"
    index(write(tmp_path / "hands", records(**{f"i{n}": FLAT for n in range(4)})), place)
    names = ("json", "html", "markdown")
    files = [part for name in names for part in (f"--{name}", tmp_path / name)]

    def reports_() -> list[str]:
        capsys.readouterr()
        assert audit(place, "--verbose", *files, "--reviews", other) == 1
        return [capsys.readouterr().out, *((tmp_path / name).read_text() for name in names)]

    for text in reports_():
        assert "reviewers agreed" not in text
        assert "does not exist: no decision is known" in text
    assert not other.exists(), "reading makes no store"
    rows = json.loads((tmp_path / "json").read_text())["findings"]
    store = ReviewStore(other)
    for row, verdict in zip(rows, ("bad box", "bad box", "good", "unsure"), strict=True):
        _decide(store, row, verdict)
    store.close()
    text, data, page, comment = reports_()
    words = "2 of 3, 67 % (21 % to 94 %), unsure of 1"
    assert f"box-zero-area: reviewers agreed with {words}" in text
    assert words in page
    assert words in html.unescape(comment)
    assert "reviewers agreed |" in comment
    checks = {check["id"]: check["agreed"] for check in json.loads(data)["datasets"][0]["checks"]}
    assert checks["box-duplicate"] is None
    assert (checks["box-zero-area"]["judged"], checks["box-zero-area"]["right"]) == (3, 2)
    assert checks["box-zero-area"]["share"] == pytest.approx(2 / 3)

    other.write_bytes(b"no database" * 100)
    for text in reports_():
        assert "how often reviewers agreed is not known" in html.unescape(text)


def test_silence_says_its_reason(made, tmp_path) -> None:
    report = made(records(a=GOOD))

    def said(**changes: Any) -> list[str]:
        changed = _with(report, "box-zero-area", **changes)
        out = io.StringIO()
        report_text.summary(changed, out)
        with_store = Store(Workspace(next(tmp_path.glob("workspace*"))))
        page = "".join(report_html.write(changed, with_store))
        with_store.close()
        return [out.getvalue(), "".join(report_markdown.write(changed)), page]

    cases = [
        ({}, "2 checks found nothing, 1 did not apply"),
        ({"findings": 2, "listed": 2, "suppressed": 2}, "1 check found nothing, 1 found only what is supp"),
        ({"findings": 2, "listed": 2}, "1 check found nothing, 1 found only what the baseline has"),
        ({"status": "off", "reason": "off in k.toml"}, "1 check found nothing, 1 did not apply, 1 is off"),
    ]
    for changes, told in cases:
        for text in said(**changes):
            assert told in text
            assert f"{len(catalogue.sources()) - 3} were not asked for" in text
    for text in said(status="failed", reason="ValueError: x"):
        assert "failed" in text
        assert "2 checks found nothing" not in text
    nothing = replace(report.datasets[0], checks=tuple(
        replace(c, status="not applicable", reason="r") for c in report.datasets[0].checks))  # fmt: skip
    assert replace(report, datasets=(nothing,)).verdict.endswith("; no check ran")


def test_the_gravest_dataset_is_the_first(tmp_path, capsys) -> None:
    place = tmp_path / "w"
    for name, record in (("fine", GOOD), ("twice", TWICE), ("flat\nline", FLAT)):
        index(write(tmp_path / name, records(a=record)), place)
    capsys.readouterr()
    assert audit(place, "--html", tmp_path / "h", "--markdown", tmp_path / "m") == 1
    out = capsys.readouterr().out
    heads = re.findall(r"^(\S.*?)  \(hagrid\)  1 image, (?:1 annotation|2 annotations), 0 keyp", out, re.M)
    assert heads == ["flat line", "twice", "fine"]
    assert re.findall(r'<h2 id="d\d">([^<]*)<', (tmp_path / "h").read_text()) == heads
    assert re.findall(r"^\| (\S.*?) \| 1 \| \d \|", (tmp_path / "m").read_text(), re.M) == heads


def test_numbers_and_places_are_for_people() -> None:
    nan, inf = float("nan"), float("inf")
    values = (1, -12, 10**14, 10**20, 10**400, 0.123456, 1e300, nan, inf, -inf, True)
    assert [report_words.figure(v) for v in values] == [
        "1", "-12", "100000000000000", "1e+20", "infinite", "0.1235", "1e+300", "not known", "infinite",
        "minus infinite", "true",
    ]  # fmt: skip
    row = {
        "image": None, "about": "a.json: annotations (id 7)", "annotation": None, "joint": None,
        "evidence": {"file": "a.json", "locator": "annotations[3] (id 7)"},
        "detail": "a.json, annotations[3] (id 7): image_id 9 is not in the file",
    }  # fmt: skip
    assert report_words.place(row) == ["a.json, annotations[3] (id 7)"]
    assert report_words.sentence(row) == "image_id 9 is not in the file"
    assert report_words.sentence({**row, "evidence": None}) == row["detail"]
    told = f"x is {'9' * 300}.5, of 1234567890123"
    assert report_words.sentence({**row, "detail": told}) == "x is 1e+300, of 1234567890123"
    assert [report_words.number(n, "finding") for n in (0, 1, 2)] == ["0 findings", "1 finding", "2 findings"]


def test_a_report_on_stdout_is_there_alone(tmp_path, capsys) -> None:
    place = tmp_path / "w"
    index(write(tmp_path / "d", records(a=GOOD, b=FLAT)), place)
    capsys.readouterr()
    assert audit(place, "--json", "-") == 1
    assert json.loads(capsys.readouterr().out)["failed"] is True
    assert audit(place, "--json", "-", "--sarif", "-") == 2
    assert "can't both go to stdout" in capsys.readouterr().err


def test_a_suppressed_finding_counts_nowhere(tmp_path, capsys) -> None:
    root, place, file = tmp_path / "d", tmp_path / "w", tmp_path / "r.json"
    entry = '[[suppress]]\ncheck = "box-zero-area"\nimage = "b"\nreason = "a sliver"\ndate = 2026-01-31\n'
    write(root, {**records(a=GOOD, b=FLAT), "kpaudit.toml": entry})
    index(root, place)
    assert audit(place, "--json", file, "--sarif", tmp_path / "s", "--junit", tmp_path / "j.xml") == 0
    found = json.loads(file.read_text())
    assert (found["findings"], found["counts"]["suppressed"]) == ([], 1)
    assert json.loads((tmp_path / "s").read_text())["runs"][0]["results"] == []
    assert ElementTree.parse(tmp_path / "j.xml").getroot().get("failures") == "0"


def test_the_verdict_in_a_line(made) -> None:
    report = made(records(a=GOOD, b=FLAT, c=TWICE))
    assert report.verdict == "fails at --fail-on error: 1 error, 1 warning, 0 info"
    name = report.datasets[0].name
    assert replace(report, fail_on={name: "never"}).verdict.startswith("passes at --fail-on never: 1 error")
    broken = _with(report, "box-zero-area", status="failed", reason="ValueError: x", new=0, findings=0)
    assert broken.failed
    assert broken.verdict.endswith("; 1 check failed to run")


# JUnit


def _junit(report: Report) -> ElementTree.Element:
    return ElementTree.fromstring("".join(report_junit.junit(report)))


def test_junit_says_how_each_check_went(made) -> None:
    report = made(records(a=GOOD, b=FLAT, c=TWICE))
    root = _junit(report)
    assert root.tag == "testsuites"
    (suite,) = root
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "1"]
    assert [root.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "0"]
    cases = {case.get("name"): case for case in suite.iter("testcase")}
    name = report.datasets[0].name
    assert cases["box-zero-area"].get("classname") == f"kpaudit.{name}.boxes"
    (failure,) = cases["box-zero-area"]
    assert (failure.tag, failure.get("type")) == ("failure", "error")
    assert "1 error (1 of 4 boxes, 25 % (" in failure.get("message")
    assert failure.text.startswith("b, annotation 0: the box is 0 by 0.3")
    (out,) = cases["box-duplicate"]
    assert out.tag == "system-out"
    assert "c, annotation 1: IoU 1.000" in out.text
    (skipped,) = cases["box-area-mismatch"]
    assert skipped.get("message") == "not applicable: no annotation gives an area"


# What the common schema (Jenkins' junit-10.xsd) lets each element have: attributes, and elements in it.
_JUNIT = {
    "testsuites": ("name time tests failures errors", "testsuite"),
    "testsuite": ("name tests failures errors skipped time timestamp", "properties testcase"),
    "properties": ("", "property"),
    "property": ("name value", ""),
    "testcase": ("name classname time", "error failure skipped system-out"),
    "error": ("message type", ""),
    "failure": ("message type", ""),
    "skipped": ("message", ""),
    "system-out": ("", ""),
}


def test_junit_keeps_to_the_schema(made) -> None:
    report = made(records(a=GOOD, b=FLAT, c=TWICE))
    broken = _with(report, "box-zero-area", status="failed", reason="ValueError: x")
    for root in (_junit(report), _junit(broken)):
        for node in root.iter():
            attributes, children = (words.split() for words in _JUNIT[node.tag])
            assert set(node.attrib) <= set(attributes)
            assert {child.tag for child in node} <= set(children)
            if "time" in attributes:
                assert re.fullmatch(r"\d{1,3}\.\d{3}", node.get("time"))


def test_junit_fails_at_the_level_asked_for(made) -> None:
    report = made(records(a=GOOD, c=TWICE), fail_on="warning")
    cases = _junit(report).iter("testcase")
    assert [case.get("name") for case in cases if case.find("failure") is not None] == ["box-duplicate"]
    never = replace(report, fail_on={report.datasets[0].name: "never"})
    assert not list(_junit(never).iter("failure"))
    broken = _with(never, "box-zero-area", status="failed", reason="ValueError: \x00<x>")
    (error,) = _junit(broken).iter("error")
    assert error.get("message") == "ValueError: \ufffd<x>"


def test_junit_names_the_worst_and_counts_the_rest(made) -> None:
    report = made(records(**{f"i{n:02}": FLAT for n in range(60)}))
    (failure,) = _junit(report).iter("failure")
    lines = failure.text.splitlines()
    assert len(lines) == report_junit.MOST_DETAILS + 1
    assert lines[-1] == "... and 10 more"


# SARIF


COCO = {
    "images": [{"id": 1, "file_name": "a b.jpg", "width": 100, "height": 80}],
    "annotations": [
        {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 2, 0, 5], "iscrowd": 0, "area": 3,
         "keypoints": [1, 2, 2, 3, 4, 1], "num_keypoints": 2},
    ],
    "categories": [{"id": 1, "name": "person", "keypoints": ["nose", "neck"], "skeleton": [[1, 2]]}],
}  # fmt: skip


def _sarif(report: Report) -> dict[str, Any]:
    return json.loads("".join(report_sarif.sarif(report)))


def test_sarif_has_what_code_scanning_asks_for(made) -> None:
    report = made({"my notes/person_keypoints_ü.json": COCO})
    log = _sarif(report)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run_,) = log["runs"]
    driver = run_["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("kpaudit", reports.version())
    rules = {rule["id"]: rule for rule in driver["rules"]}
    assert set(rules) == set(CHECKS)
    declared = catalogue.named("box-zero-area")
    assert rules["box-zero-area"]["shortDescription"] == {"text": declared.title}
    assert rules["box-zero-area"]["fullDescription"] == {"text": declared.why}
    assert rules["box-zero-area"]["help"] == {"text": declared.fix}
    assert rules["box-zero-area"]["defaultConfiguration"] == {"level": "error"}
    assert rules["box-duplicate"]["defaultConfiguration"] == {"level": "warning"}
    result = next(r for r in run_["results"] if r["ruleId"] == "box-zero-area")
    assert driver["rules"][result["ruleIndex"]]["id"] == "box-zero-area"
    assert result["level"] == "error"
    assert result["message"]["text"].startswith("a b.jpg, annotation 0 (id 7): the box is 0 by 5")
    (finding,) = (f for f in report.findings if f["check"] == "box-zero-area")
    assert result["partialFingerprints"] == {
        "kpauditKey/v1": finding["key"], "primaryLocationLineHash": finding["key"],
    }  # fmt: skip
    (location,) = result["locations"]
    assert location["physicalLocation"]["region"]["startLine"] == 1
    name = report.datasets[0].name
    assert [(at["kind"], at["fullyQualifiedName"]) for at in location["logicalLocations"]] == [
        ("dataset", name), ("image", f"{name}/a b.jpg"), ("annotation", f"{name}/a b.jpg/0"),
    ]  # fmt: skip
    assert "baselineState" not in result
    assert run_["properties"]["left_out"] == 0
    assert run_["invocations"][0]["executionSuccessful"] is True


def _places(report: Report) -> list[dict[str, str]]:
    (run_,) = _sarif(report)["runs"]
    assert run_["originalUriBaseIds"]["%SRCROOT%"]["uri"].startswith("file:///")
    assert run_["originalUriBaseIds"]["%SRCROOT%"]["uri"].endswith("/")
    found = [r["locations"][0]["physicalLocation"]["artifactLocation"] for r in run_["results"]]
    assert found
    return found


def test_sarif_names_files_as_the_repository_does(made, tmp_path, monkeypatch) -> None:
    report = made({"my notes/person_keypoints_ü.json": COCO})
    inside = f"{report.datasets[0].name}/my%20notes/person_keypoints_%C3%BC.json"
    (tmp_path / "ci" / "job").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert _places(report)[0] == {"uri": inside, "uriBaseId": "%SRCROOT%"}
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path / "ci" / "job")
    assert _places(report)[0] == {"uri": inside, "uriBaseId": "%SRCROOT%"}
    (tmp_path / ".git").rmdir()
    assert _places(report)[0] == {"uri": f"{tmp_path.as_uri()}/{inside}"}
    # of the dataset as a whole: its folder
    monkeypatch.chdir(tmp_path)
    whole = {**report.findings[0], "source": None, "evidence": None}
    (place,) = _places(replace(report, findings=(whole,)))
    assert place == {"uri": report.datasets[0].name, "uriBaseId": "%SRCROOT%"}


def test_sarif_keeps_to_the_standard(made) -> None:
    """What SARIF 2.1.0 and code scanning ask of every result and rule (sections in brackets)."""
    report = made(records(**{f"i{n}": TWICE if n % 2 else FLAT for n in range(6)}))
    (run_,) = _sarif(report)["runs"]
    rules = run_["tool"]["driver"]["rules"]
    assert len({rule["id"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")  # 3.50.3
        for name in ("shortDescription", "fullDescription", "help"):
            assert rule[name]["text"]
    prints = [result["partialFingerprints"]["primaryLocationLineHash"] for result in run_["results"]]
    assert len(set(prints)) == len(prints) > 3
    for result in run_["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]  # 3.27.6
        assert result["level"] in ("none", "note", "warning", "error")  # 3.27.10
        assert 0 <= result["rank"] <= 100  # 3.27.25
        assert all(isinstance(value, str) for value in result["partialFingerprints"].values())  # 3.27.17
        place = result["locations"][0]["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert re.fullmatch(r"[\w./%~-]+", uri.removeprefix("file://"))  # RFC 3986, 3.10.1
        assert ("uriBaseId" in place["artifactLocation"]) != uri.startswith("file:")
        assert ".." not in uri.split("/")
        assert place["region"]["startLine"] >= 1  # 3.30.5
        for at in result["locations"][0]["logicalLocations"]:
            assert set(at) == {"name", "fullyQualifiedName", "kind"}


def test_sarif_of_what_is_new_says_so_and_of_what_failed(made) -> None:
    report = made(records(a=GOOD, b=FLAT))
    report = _with(
        replace(report, baseline="b.json"), "box-duplicate", status="failed", reason="ValueError: x"
    )
    (run_,) = _sarif(report)["runs"]
    assert [r["baselineState"] for r in run_["results"]] == ["new"]
    assert run_["invocations"][0]["executionSuccessful"] is False
    (note,) = run_["invocations"][0]["toolExecutionNotifications"]
    assert "box-duplicate failed to run: ValueError: x" in note["message"]["text"]


def test_sarif_is_cut_where_github_refuses_more(made, monkeypatch) -> None:
    report = made(records(**{f"i{n}": FLAT for n in range(5)}))
    monkeypatch.setattr(report_sarif, "MOST_RESULTS", 3)
    (run_,) = _sarif(report)["runs"]
    assert len(run_["results"]) == 3
    assert run_["properties"]["left_out"] == 2
    assert "the worst 3" in run_["properties"]["note"]


# Markdown


def test_markdown_has_verdict_table_and_examples(made) -> None:
    text = "".join(report_markdown.write(made(records(a=GOOD, b=FLAT, c=TWICE))))
    assert text.startswith("## kpaudit: fails at --fail-on error\n\n1 error, 1 warning, 0 info\n")
    row = r"^\| `box-zero-area` \| error \| 1 \| 1 of 4 boxes, 25 % \(.*\| .* \|$"
    assert re.search(row, text, re.MULTILINE)
    assert "<details><summary><b>box-zero-area</b>" in text
    assert "- **b · annotation 0** (call, train): the box is 0 by 0.3" in text
    assert text.count("<details>") == text.count("</details>") == 2


def test_markdown_of_a_clean_dataset_is_short(made) -> None:
    text = "".join(report_markdown.write(made(records(a=GOOD))))
    assert "passes at --fail-on error" in text
    assert "2 checks found nothing, 1 did not apply" in text
    assert len(text) < 400


def test_markdown_never_exceeds_a_comment(made) -> None:
    report = made(records(**{f"i{n}": FLAT for n in range(8)}))
    dataset = report.datasets[0]
    many = tuple(replace(dataset, facts={**dataset.facts, "name": f"d{n}"}) for n in range(400))
    long = [{**row, "detail": "|" * 900} for row in report.findings]
    rows = tuple({**row, "dataset": d.name} for d in many for row in long)
    large = replace(report, datasets=many, findings=rows, fail_on={d.name: "error" for d in many})
    text = "".join(report_markdown.write(large))
    assert 40_000 < len(text) < report_markdown.MOST_CHARACTERS
    assert re.search(r"_Cut to fit a comment: .*\d+ check's examples.* `--json` have all of them._", text)
    assert text.count("<details>") == text.count("</details>")


# Names that mean harm


def test_hostile_names_stay_text_everywhere(made) -> None:
    # the gesture's name is the file's: the label is hostile in the records alone
    flat = {**FLAT, "labels": ["<img src=x onerror=1>|`"]}
    report = made({"ann/train/call.json": {HOSTILE: flat, "\x00\x07 ]]>": FLAT}})
    assert len(report.findings) == 2

    root = _junit(report)
    (failure,) = root.iter("failure")
    assert "<script>alert(1)</script>" in failure.text
    assert "\x1b" not in failure.text
    assert "]]>" in failure.text

    results = _sarif(report)["runs"][0]["results"]
    assert {r["properties"]["image"] for r in results} == {row["image"] for row in report.findings}
    assert not any("\x1b" in r["message"]["text"] for r in results)

    text = "".join(report_markdown.write(report))
    assert "<script" not in text
    assert "<img" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "@team" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert tables
    for line in tables:
        assert line.count("|") in (6, 7, 9)
    (line,) = (line for line in text.splitlines() if "script" in line)
    assert "`" not in line
    assert "~~" not in line


@pytest.mark.parametrize(
    "told",
    [
        "@a",
        "#12",
        "[x](y)",
        "a|b",
        "`c`",
        "*d*",
        "__e__",
        "~~f~~",
        "<g>",
        "https://h.i",
        "www.j.k",
        ":bug:",
        "&lt;",
    ],
)
def test_markdown_shows_a_text_literally(told) -> None:
    safe = report_markdown.text(told)
    assert not re.search(r"[`*\[\]|~<>]|@\w|://|www\.|:bug:|(?<!&)#\d", safe)
    assert html.unescape(safe).replace("\u2060", "") == told


# The README


def _section() -> str:
    return README.read_text(encoding="utf-8").split("## Audit it\n")[1].split("\n## ")[0]


def test_the_readme_lists_the_checks() -> None:
    table = _section().split(MARKS[0])[1].split(MARKS[1])[0].strip()
    wanted = report_markdown.checks_table(catalogue.checks())
    assert table == wanted, "the README's table of checks is old: python -m tests.test_reports writes it anew"


def test_the_readmes_configuration_is_read(tmp_path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", _section(), re.DOTALL)
    tomllib.loads(text)
    (tmp_path / "kpaudit.toml").write_text(text)
    config = audit_config.load(tmp_path, tmp_path / "w", "hands")
    assert config.fail_on
    assert config.severity
    assert config.params
    assert False in config.enabled.values()
    assert len(config.suppressions) == 2


def test_the_readmes_recipe_is_yaml_with_commands_that_there_are() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", _section(), re.DOTALL)
    job = next(iter(yaml.safe_load(text)["jobs"].values()))
    lines = [line for step in job["steps"] for line in step.get("run", "").splitlines()]
    used = {found for line in lines for found in re.findall(r"kpaudit (\w+) ", line)}
    assert {"index", "audit"} <= used
    options = {found for line in lines for found in re.findall(r"(--[\w-]+)", line)}
    assert {"--baseline", "--sarif", "--junit", "--html", "--markdown"} <= options


def test_every_option_of_the_audit_is_in_the_readme(capsys) -> None:
    run("audit", "--help")
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    text = README.read_text(encoding="utf-8")
    assert not [name for name in options if name not in text]


if __name__ == "__main__":
    head, _, rest = README.read_text(encoding="utf-8").partition(MARKS[0])
    tail = rest.partition(MARKS[1])[2]
    table = report_markdown.checks_table(catalogue.checks())
    README.write_text(f"{head}{MARKS[0]}\n{table}\n{MARKS[1]}{tail}", encoding="utf-8")
