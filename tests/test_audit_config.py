"""`kpaudit.toml`: what it changes, what is refused, and that findings of another one are old."""

from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from queries import audit, audit_config, catalogue, cli
from queries.catalogue import Param, Source
from queries.errors import UsageError
from queries.index import index
from queries.model import Options
from tests.checks.audited import check
from tests.checks.made_up import FLAT, GOOD, finding, made_check, rows_of, use_only


@pytest.fixture
def only(monkeypatch):
    """Replaces the catalogue by the given sources."""
    return lambda *found: use_only(monkeypatch, *found)


def test_configuration(indexed, only, tmp_path) -> None:
    indexed({"o/train/call.json": {"b": GOOD}}, workspace=tmp_path / "w", name="other")
    found = indexed({"d/train/call.json": {"b": GOOD}}, workspace=tmp_path / "w")
    root = Path(found.summary.root)
    seen = {}

    def find(context):
        seen[context.check.id] = dict(context.params)
        return finding()

    params = {"least": Param(0.5, "the least")}
    only(
        Source(made_check("one", params=params), find=find),
        Source(made_check("two", params=params), find=find),
    )
    (root / "kpaudit.toml").write_text("[checks.one]\nleast = 0.7\n[checks.two]\nenabled = false\n")
    (found.workspace.path / "kpaudit.toml").write_text(
        f'[dataset.{found.summary.name}.checks.one]\nseverity = "error"\n[dataset.other.checks.one]\nleast = 9\n'
    )
    ran = {
        r.check.id: r for r in audit.run(found.workspace, datasets=[found.summary.name])[found.summary.name]
    }
    assert seen == {"one": {"least": 0.7}}
    assert ran["one"].severity == "error"
    assert ran["two"].status == "off"
    assert "kpaudit.toml" in ran["two"].reason
    assert rows_of(found.workspace, "select severity from finding") == [("error",)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[checks.nope]\n", "there is no check called 'nope'"),
        ("[checks.box-zero-area]\nleast = 1\n", "there is no setting called 'least'"),
        ("[checks.box-zero-area]\nenabled = 1\n", "expected true or false"),
        ("[checks.box-zero-area]\nseverity = 'bad'\n", "expected one of error, warning, info"),
        ("[chekcs]\n", "unknown table 'chekcs'"),
        ("checks = 3\n", "expected a table"),
        ("[chekcs]\n", "did you mean 'checks'"),
        ("[audit]\nfailon = 'error'\n", "audit: there is no setting called 'failon' .did you mean 'fail_on'"),
        ("[audit]\nfail_on = 'warnings'\n", "did you mean 'warning'"),
        (
            "[dataset.data1.audit]\nfail_on = 'error'\n",
            "dataset.data1: there is no dataset called 'data1' .did you mean 'data0'",
        ),
        ("[dataset.data0.cheks]\n", "unknown table 'dataset.data0.cheks' .did you mean 'checks'"),
        ("[dataset.data0.checks.box-loose]\nz = true\n", "dataset.data0.checks.box-loose.z is True"),
        ("[checks.box-huge]\nshare = nan\n", "checks.box-huge.share is nan, expected a finite number"),
        ("[checks.box-loose]\nz = -inf\n", "checks.box-loose.z is -inf, expected a finite number"),
        (f"[checks.box-loose]\nz = {10**400}\n", "expected a finite number"),
        ("[checks.box-huge]\nshare = -0.5\n", "share is -0.5, expected a number of 0 or more"),
        ("[[suppress]]\ncheck = ''\nreason = 'r'\ndate = 2026-01-01\n", "check is '', expected text"),
        (
            "[[suppress]]\ncheck = 'box-huge'\nimgae = 'a'\nreason = 'r'\ndate = 2026-01-01\n",
            "did you mean 'image'",
        ),
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
    rows = rows_of(
        found.workspace, "select i.key, f.suppressed from finding f join image i using (image_id) order by 1"
    )
    assert rows == [("a", "known"), ("b", None)]
    # and again: what no longer matches counts again
    (found.workspace.path / "kpaudit.toml").unlink()
    audit.run(found.workspace, checks=[])
    assert rows_of(found.workspace, "select count(suppressed) from finding") == [(0,)]


def test_a_class_is_suppressed_by_what_it_is_about(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"a": GOOD}})
    rows = pd.DataFrame({"about": ["call", "like"], "detail": ["x", "y"]})
    only(Source(made_check("rare"), find=lambda a: rows))
    (found.workspace.path / "kpaudit.toml").write_text(
        "[[suppress]]\ncheck = 'rare'\nabout = 'call'\nreason = 'a pilot'\ndate = 2026-01-01\n"
    )
    audit.run(found.workspace)
    rows = rows_of(found.workspace, "select about, suppressed from finding order by about")
    assert rows == [("call", "a pilot"), ("like", None)]


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


def test_suppression_dates() -> None:
    s = audit_config.Suppression({"check": "c"}, "r", datetime.date(2026, 1, 1), datetime.date(2026, 2, 1))
    assert s.matches({"check": "c"}, datetime.date(2026, 2, 1))
    assert not s.matches({"check": "c"}, datetime.date(2026, 2, 2))
    assert not s.matches({"check": "d"}, datetime.date(2026, 1, 2))


def test_a_negative_parameter_is_fine_where_the_default_is(tmp_path) -> None:
    (tmp_path / "kpaudit.toml").write_text("[checks.box-loose]\nz = -9\n")
    assert audit_config.load(tmp_path, tmp_path / "w", "d").params == {"box-loose": {"z": -9}}


def test_a_file_beside_data_is_of_that_data_alone(indexed) -> None:
    found = indexed({"d/train/call.json": {"b": GOOD}})
    (Path(found.summary.root) / "kpaudit.toml").write_text("[dataset.data0.audit]\nfail_on = 'never'\n")
    with pytest.raises(UsageError, match="found a table 'dataset', which goes into the workspace's"):
        audit.run(found.workspace)


def test_a_broken_file_of_another_dataset_is_in_nobodys_way(indexed, tmp_path, capsys, monkeypatch) -> None:
    bad = indexed({"d/train/call.json": {"b": GOOD}}, workspace=tmp_path / "w", name="bad")
    found = indexed({"d/train/call.json": {"b": GOOD}}, workspace=tmp_path / "w", name="good")
    (Path(bad.summary.root) / "kpaudit.toml").write_text("[chekcs]\n")
    ran = []
    only = Source(made_check(), find=lambda a: ran.append(a.dataset["name"]))
    use_only(monkeypatch, only)

    def gate(*more: str) -> int:
        with pytest.raises(SystemExit) as stop:
            cli.main(["audit", "--workspace", str(found.workspace.path), "--quiet", *more])
        return stop.value.code

    assert (gate("--dataset", "good"), ran) == (0, ["good"])
    assert (gate(), ran) == (2, ["good"]), "and no check runs before all is read"
    assert "unknown table 'chekcs'" in capsys.readouterr().err


def test_the_folder_above_a_root_that_is_gone_says_nothing(indexed, tmp_path) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    root = Path(found.summary.root)
    (root.parent / "kpaudit.toml").write_text("[checks.box-zero-area]\nenabled = false\n")
    assert audit.run(found.workspace, checks=["box-zero-area"]).notes == []
    shutil.rmtree(root)
    done = audit.run(found.workspace, checks=["box-zero-area"])
    assert done["data0"][0].status == "done"
    assert done.notes == [
        f"data0: {root} is gone, and with it the kpaudit.toml that may have been beside the data"
    ]


def test_a_suppression_that_lapses_makes_findings_old(indexed, monkeypatch) -> None:
    found = indexed({"d/train/call.json": {"a": FLAT}})
    today = datetime.datetime.now(datetime.UTC)
    (found.workspace.path / "kpaudit.toml").write_text(
        "[[suppress]]\ncheck = 'box-zero-area'\nreason = 'for now'\ndate = 2026-01-01\n"
        f"until = {today.date().isoformat()}\n"
    )
    suppressed = "select suppressed from finding where check_id = 'box-zero-area'"
    audit.run(found.workspace, only_stale=True)
    assert rows_of(found.workspace, suppressed) == [("for now",)], "the last day is one of them"
    assert audit.run(found.workspace, only_stale=True) == {}

    class Tomorrow(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return today + datetime.timedelta(days=1)

    monkeypatch.setattr(audit.datetime, "datetime", Tomorrow)
    assert list(audit.run(found.workspace, only_stale=True)) == ["data0"]
    assert rows_of(found.workspace, suppressed) == [(None,)]


def test_another_dataset_makes_old_what_compares_datasets_alone(indexed, only, tmp_path) -> None:
    one = indexed({"d/train/call.json": {"a": GOOD}}, workspace=tmp_path / "w", name="one")
    ran = []
    checks = [made_check("alone"), made_check("also"), made_check("across", needs=("datasets",))]
    only(*(Source(c, find=lambda a: ran.append((a.dataset["name"], a.check.id))) for c in checks))

    def again() -> list[tuple[str, str]]:
        ran.clear()
        audit.run(one.workspace, only_stale=True)
        return list(ran)

    assert again() == [("one", "alone"), ("one", "also")], "there is no other yet"
    assert again() == []
    indexed({"d/train/call.json": {"a": GOOD}}, workspace=tmp_path / "w", name="two")
    assert again() == [("one", "across"), ("two", "alone"), ("two", "also"), ("two", "across")]
    assert again() == []
    indexed({"d/train/call.json": {"a": GOOD}}, workspace=tmp_path / "w", name="three")
    audit.run(one.workspace, checks=["alone"])
    assert again() == [
        ("one", "across"),
        ("two", "across"),
        ("three", "alone"),
        ("three", "also"),
        ("three", "across"),
    ]


def test_checks_that_are_not_run_have_the_severities_of_now(indexed, only) -> None:
    found = indexed({"d/train/call.json": {"a": GOOD}})
    params = {"least": Param(0.5, "the least")}
    names = ("one", "two", "three", "four")
    only(*(Source(made_check(name, params=params), find=lambda a: finding()) for name in names))
    audit.run(found.workspace)
    file = found.workspace.path / "kpaudit.toml"
    file.write_text(
        "[checks.two]\nseverity = 'error'\n[checks.three]\nleast = 0.7\n[checks.four]\nenabled = false\n"
    )
    audit.run(found.workspace, checks=["one"])
    sql = "select check_id, r.severity, f.severity, notes from check_run r join finding f using (check_id) order by 1"
    old = ["kpaudit.toml says otherwise now than when this check ran: run it again"]
    assert rows_of(found.workspace, sql) == [
        ("four", "warning", "warning", old), ("one", "warning", "warning", []),
        ("three", "warning", "warning", old), ("two", "error", "error", []),
    ]  # fmt: skip
    file.unlink()
    audit.run(found.workspace, checks=["one"])
    assert {(a, b, *notes) for _, a, b, notes in rows_of(found.workspace, sql)} == {("warning", "warning")}


def test_the_first_of_the_entries_that_mean_a_finding_gives_the_reason() -> None:
    day = datetime.date(2026, 1, 1)
    said = (({"check": "c", "image": "a"}, "first"), ({"check": "c"}, "second"), ({"key": "k1"}, "third"))
    config = audit_config.Config(suppressions=[audit_config.Suppression(by, why, day) for by, why in said])
    found = [{"key": "k1", "check": "c", "image": "a"}, {"key": "k2", "check": "c", "image": None},
             {"key": "k1", "check": "d", "image": "a"}, {"key": "k3", "check": "d", "image": "a"}]  # fmt: skip
    assert config.suppressed(found, day) == [("k1", "first"), ("k2", "second"), ("k1", "third")]
