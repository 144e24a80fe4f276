"""The command line as a script or a person calls it: outputs, exit codes, one clear line for what is wrong."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from queries import cli, readers

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data"
README = (Path(__file__).resolve().parent.parent / "README.md").read_text(encoding="utf-8")


def run(*arguments: str | Path) -> int:
    """The exit code of `kpaudit ARGUMENTS...`, in this process."""
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    return stop.value.code


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with the sample's COCO set indexed, under the name people."""
    place = tmp_path / "workspace"
    assert run("index", SAMPLE / "coco_people", "--name", "people", "--workspace", place, "--quiet") == 0
    return place


def rows(place: Path, query: str, capsys: pytest.CaptureFixture) -> list[dict]:
    capsys.readouterr()
    assert run("sql", "--format", "json", query, "--workspace", place) == 0
    return json.loads(capsys.readouterr().out)


def test_index_prints_what_it_read(tmp_path, capsys):
    assert run("index", SAMPLE / "coco_people", "--workspace", tmp_path / "w", "--quiet") == 0
    out, err = capsys.readouterr()
    assert out.startswith("coco_people  (coco, ")
    assert re.search(r"images 40   annotations 91   keypoints 1,547   subjects 0   files 2", out)
    assert "orphan-annotation  1" in out
    assert err == ""


def test_an_unchanged_dataset_is_not_read_again(workspace, capsys):
    before = next((workspace / "datasets").iterdir()).stat().st_mtime_ns
    assert run("index", SAMPLE / "coco_people", "--workspace", workspace) == 0
    assert "unchanged, nothing to read" in capsys.readouterr().out
    assert next((workspace / "datasets").iterdir()).stat().st_mtime_ns == before
    assert run("index", SAMPLE / "coco_people", "--workspace", workspace, "--force") == 0
    assert "unchanged" not in capsys.readouterr().out


def test_several_paths_are_several_datasets(tmp_path, capsys):
    place = tmp_path / "w"
    assert run("index", SAMPLE / "coco_people", SAMPLE / "yolo_hands", "--workspace", place) == 0
    found = rows(place, "select name, format, unit from dataset order by name", capsys)
    assert found == [
        {"name": "coco_people", "format": "coco", "unit": "pixel"},
        {"name": "yolo_hands", "format": "yolo", "unit": "normalized"},
    ]


def test_one_bad_path_among_several_still_indexes_the_others(tmp_path, capsys):
    place = tmp_path / "w"
    assert run("index", SAMPLE / "coco_people", tmp_path / "nowhere", "--workspace", place) == 2
    out, err = capsys.readouterr()
    assert "images 40" in out
    assert err == f"kpaudit: {tmp_path / 'nowhere'} does not exist\n"


def test_sql_json_is_a_list_of_objects(workspace, capsys):
    query = "select 1 as a, null as b, 'x' as c, [1.5, 'nan'::double] as d, true as e, date '2026-01-02' as f"
    assert rows(workspace, query, capsys) == [
        {"a": 1, "b": None, "c": "x", "d": [1.5, None], "e": True, "f": "2026-01-02"}
    ]
    assert rows(workspace, "select 1 where false", capsys) == []


def test_sql_csv_has_a_header_and_quotes(workspace, capsys):
    capsys.readouterr()
    assert run("sql", "--format", "csv", "select 'a,\"b' as x, null as y", "--workspace", workspace) == 0
    assert list(csv.reader(io.StringIO(capsys.readouterr().out))) == [["x", "y"], ['a,"b', ""]]


def test_sql_table_shows_markup_as_text(workspace, capsys):
    capsys.readouterr()
    assert run("sql", "select '[red]x[/red]' as label, 12 as n", "--workspace", workspace) == 0
    out = capsys.readouterr().out
    assert "[red]x[/red]" in out and "12" in out and "label" in out


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("drop table image", "DROP is refused"),
        ("create table t (a int)", "CREATE is refused"),
        ("set threads = 1", "SET is refused"),
        ("select 1; select 2", "2 statements, expected one SELECT"),
        ("", "0 statements, expected one SELECT"),
        ("select * from imag", 'Did you mean "image"?'),
        ("selec 1", "syntax error"),
        ("select * from read_csv('/etc/passwd')", "reading files and the network is refused"),
        ("select * from read_text('/etc/passwd')", "reading files and the network is refused"),
        ("select * from glob('/etc/*')", "reading files and the network is refused"),
        ("select * from '/etc/passwd'", "does not exist"),
        ("select * from 'https://example.org/x.parquet'", "the network is refused"),
        ("select * from sys", "does not exist"),
    ],
)
def test_sql_refuses_in_one_line(workspace, capsys, query, told):
    capsys.readouterr()
    assert run("sql", query, "--workspace", workspace) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("kpaudit: ") and err.count("\n") == 1
    assert told in err


def test_sql_does_not_see_the_callers_variables(workspace, capsys):
    # DuckDB's Python client would read a pandas frame of this name
    import pandas as pd  # noqa: PLC0415  after the patch

    secret = pd.DataFrame({"a": [1]})
    assert len(secret) == 1
    capsys.readouterr()
    assert run("sql", "select * from secret", "--workspace", workspace) == 2
    assert "does not exist" in capsys.readouterr().err


def test_sql_is_stopped_in_time(workspace, capsys):
    endless = "select count(*) from range(1000000000) a, range(1000000000) b where a.range + b.range = -1"
    assert run("sql", endless, "--timeout", "0.5", "--workspace", workspace) == 2
    assert "took more than 0.5 s and was stopped" in capsys.readouterr().err


def test_sql_is_stopped_while_it_hands_over_rows(workspace, capsys):
    many = "select i, i::varchar || 'x' from range(200000000) t(i)"
    assert run("sql", many, "--format", "csv", "--timeout", "1", "--workspace", workspace) == 2
    _out, err = capsys.readouterr()
    assert "took more than 1 s and was stopped" in err or "needs more than the 2GB" in err


def test_sql_writes_no_file(workspace, tmp_path, monkeypatch, capsys):
    """Neither into the current folder, which may be a dataset's, nor anywhere else."""
    monkeypatch.chdir(tmp_path)
    before = {path for path in tmp_path.rglob("*")}
    assert rows(workspace, "select current_setting('temp_directory') as d", capsys) == [{"d": ""}]
    large = "select count(*) from (select hash(i) h, repeat('x', 200) || i s from range(30000000) t(i) order by s)"
    assert run("sql", large, "--timeout", "20", "--workspace", workspace) == 2
    assert {path for path in tmp_path.rglob("*")} == before


def test_sql_shows_times_with_a_zone_and_keeps_columns_of_one_name(workspace, capsys):
    (row,) = rows(workspace, "select timestamptz '2026-01-02 03:04:05+00' as t, 1 as a, 2 as a", capsys)
    assert row["t"].startswith("2026-01-0") and (row["a"], row["a_2"]) == (1, 2)


def test_explain_analyze_of_a_statement_that_writes_is_refused(workspace, capsys):
    assert run("sql", "explain analyze create table t as select 1", "--workspace", workspace) == 2
    assert "CREATE is refused" in capsys.readouterr().err
    assert run("sql", "explain (analyze) select 1", "--workspace", workspace) == 0


def test_sql_stays_within_its_memory(workspace, capsys):
    greedy = "select list(i) from range(3000000000) t(i)"
    assert run("sql", greedy, "--timeout", "60", "--workspace", workspace) == 2
    assert re.search("needs more than the 2GB|took more than", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["index"], "Missing argument"),
        (["index", "a", "b", "--name", "x"], "--name goes with one PATH, 2 were given"),
        (["index", "a", "--format", "voc"], "known: aic, auto, coco,"),
        (["index", "a", "--images", "nowhere"], "--images nowhere does not exist"),
        (["serve", "--workspace", "nowhere"], "no index in "),
        (["sql", "select 1", "--workspace", "nowhere"], "make one with: kpaudit index PATH"),
        (["remove", "x", "--workspace", "nowhere"], "no dataset called 'x' is indexed"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(tmp_path, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert err.startswith("kpaudit: ") and err.count("\n") == 1
    assert told in err
    assert "Traceback" not in err


def test_debug_shows_the_traceback(tmp_path, capsys):
    assert run("index", tmp_path / "nowhere", "--debug", "--workspace", tmp_path / "w") == 2
    assert "Traceback" in capsys.readouterr().err


def test_remove_takes_a_dataset_out(workspace, capsys):
    assert run("remove", "people", "--workspace", workspace) == 0
    assert run("sql", "select 1", "--workspace", workspace) == 2
    assert "no index in" in capsys.readouterr().err
    assert (SAMPLE / "coco_people" / "annotations").is_dir()


def test_a_skeleton_of_the_users_names_the_joints(tmp_path, capsys):
    names = [f"j{i}" for i in range(17)]
    skeleton = tmp_path / "mine.json"
    skeleton.write_text(json.dumps({"keypoints": names, "skeleton": [[1, 17]]}))
    place = tmp_path / "w"
    assert run("index", SAMPLE / "coco_people", "--skeleton", skeleton, "--workspace", place) == 0
    found = rows(place, "select name from joint where skeleton = 'coco_people/mine' order by joint", capsys)
    assert [row["name"] for row in found] == names
    assert rows(place, "select joint_a, joint_b from bone", capsys) == [{"joint_a": 0, "joint_b": 16}]


def test_the_split_given_wins(tmp_path, capsys):
    place = tmp_path / "w"
    assert run("index", SAMPLE / "coco_people", "--split", "holdout", "--workspace", place) == 0
    assert rows(place, "select distinct split from image", capsys) == [{"split": "holdout"}]


def test_what_was_said_of_a_dataset_holds_when_it_is_indexed_again(tmp_path, capsys):
    root, place, images = tmp_path / "d", tmp_path / "w", tmp_path / "pictures"
    images.mkdir()
    root.mkdir()
    names = [f"j{i}" for i in range(17)]
    skeleton = tmp_path / "mine.json"
    skeleton.write_text(json.dumps({"keypoints": names, "skeleton": [[1, 2]]}))
    source = SAMPLE / "coco_people" / "annotations" / "person_keypoints_val2017.json"
    file = root / "a.json"
    file.write_bytes(source.read_bytes())
    said = ["--images", images, "--skeleton", skeleton, "--split", "holdout"]
    assert run("index", root, *said, "--workspace", place) == 0
    file.write_bytes(source.read_bytes() + b"\n")
    capsys.readouterr()
    assert run("index", root, "--workspace", place) == 0
    out = capsys.readouterr().out
    assert "unchanged" not in out and "as said before: --images" in out and "--split holdout" in out
    query = "select image_root, (select any_value(split) from image) as split, "
    query += "(select name from joint where joint = 3) as joint, (select count(*) from bone) as bones from dataset"
    held = {"image_root": str(images), "split": "holdout", "joint": "j3", "bones": 1}
    assert rows(place, query, capsys) == [held]
    assert run("index", root, "--split", "other", "--workspace", place) == 0
    assert rows(place, query, capsys) == [held | {"split": "other"}]


def test_a_closed_pipe_is_no_error(workspace):
    command = [sys.executable, "-m", "queries", "sql", "from keypoint", "--workspace", str(workspace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.read(10)
        process.stdout.close()
        errors = process.stderr.read().decode()
    assert process.returncode == 0
    assert errors == ""


def test_every_command_is_in_the_readme():
    commands = {command.name or command.callback.__name__ for command in cli.app.registered_commands}
    for name in commands:
        assert f"kpaudit {name}" in README, f"the README does not show `kpaudit {name}`"


def cell(text: str) -> str:
    """A text as a cell of a Markdown table shows it: what would be a tag or emphasis is escaped."""
    text = text.replace("<", "&lt;").replace("*", "\\*")
    return re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)


def readme_rows(reader) -> tuple[str, str]:
    """A format's row in each of the README's two tables: what it reads, and what it goes by."""
    reads = "<br>".join(cell(line) for line in (reader.TITLE, *(f"– {v}" for v in reader.VARIANTS)))
    return (
        f"| `{reader.NAME}` | {reads} | {cell(reader.SUBJECTS)} |",
        f"| `{reader.NAME}` | {cell(reader.LOOKS_FOR)} | {cell(reader.VISIBILITY)} |",
    )


@pytest.mark.parametrize("reader", readers.READERS, ids=lambda reader: reader.NAME)
def test_the_readmes_tables_say_what_kpaudit_formats_does(reader):
    reads, goes_by = readme_rows(reader)
    assert reads in README, f"under 'What it reads', the first table has to have this row:\n{reads}"
    assert goes_by in README, f"under 'What it reads', the second table has to have this row:\n{goes_by}"


def test_the_readmes_tables_list_no_format_that_is_not_read():
    section = README.split("### What it reads")[1].split("\n### ")[0]
    listed = re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)
    assert listed == [reader.NAME for reader in readers.READERS] * 2


def test_formats_and_skeletons_list_all(capsys):
    assert run("formats") == 0
    out = " ".join(capsys.readouterr().out.split())
    for reader in readers.READERS:
        assert f"{reader.NAME}: {reader.TITLE}" in out
        for text in (*reader.VARIANTS, reader.LOOKS_FOR, reader.VISIBILITY, reader.SUBJECTS):
            assert " ".join(text.split()) in out
    assert run("skeletons") == 0
    out = capsys.readouterr().out
    assert "hand-21" in out and "coco-17" in out and "index_finger_mcp" in out


def test_no_arguments_show_the_help(capsys):
    assert run() == 0
    assert "Commands:" in capsys.readouterr().out
