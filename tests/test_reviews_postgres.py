"""The review store on a real PostgreSQL server, which the test starts: what SQLite does, it does as well."""

from __future__ import annotations

import dataclasses
import datetime
import glob
import multiprocessing
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from queries.reviews.model import Decision, Item, ReviewError
from queries.reviews.store import ReviewStore
from queries.reviews.transfer import export_lines, import_file


def _programs() -> Path | None:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
    return Path(found[-1]).parent if found[-1] else None


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server of its own, on a free port of the loopback interface."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL found: install Debian's postgresql")
    pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'kpaudit[team]'")
    # PostgreSQL refuses to run as root
    who: dict[str, str] = {}
    if os.geteuid() == 0:
        try:
            pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        who = {"user": "postgres"}
    # the test's own folders are closed to that user
    base = Path(tempfile.mkdtemp(prefix="kpaudit-pg-"))
    if who:
        shutil.chown(base, "postgres")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"cwd": base, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **who}
    try:
        subprocess.run(
            [
                programs / "initdb", "-D", base / "data", "-U", "kpaudit", "-A", "trust", "--no-sync",
                "-E", "UTF8",
            ],
            check=True, **quiet,
        )  # fmt: skip
        options = f"-p {port} -k {base} -c listen_addresses=127.0.0.1 -c fsync=off"
        control = [programs / "pg_ctl", "-D", base / "data", "-w", "-t", "60"]
        subprocess.run([*control, "-o", options, "start"], check=True, **quiet)
        try:
            yield f"postgresql+psycopg://kpaudit@127.0.0.1:{port}/postgres"
        finally:
            subprocess.run([*control, "-m", "immediate", "stop"], check=False, **quiet)
    finally:
        shutil.rmtree(base, ignore_errors=True)


def _say(verdict: str, reviewer: str, key: str = "k1") -> Decision:
    return Decision(
        Item("d", "train", key, "instance 0"), reviewer, verdict,
        joints=(1, 2), proposal={"keypoints": {"3": [0.1, 1 / 3, None]}}, comment="née \"'; drop",
        digest=2**62,
    )  # fmt: skip


def test_append_read_undo_and_merge(server: str, tmp_path: Path) -> None:
    store = ReviewStore(server)
    said = store.append(_say("bad keypoints", "ana"))
    assert store.standing("d") == [said]
    second = store.append(_say("good", "ana"))
    store.undo(second.decision_id, "ana")
    assert store.standing("d") == [said]
    with pytest.raises(ReviewError, match="taken back already"):
        store.undo(second.decision_id, "ana")
    assert store.last("ana", "d") == said
    file = tmp_path / "out.jsonl"
    file.write_text("".join(export_lines(store)))
    local = ReviewStore(tmp_path / "reviews.sqlite")
    assert import_file(local, file).added == 3
    assert local.ledger() == store.ledger()
    assert import_file(store, file).added == 0
    # what was said earlier and is imported later does not stand, nor does anybody's undo of another's
    early = Decision(said.item, "ana", "unsure", at=said.at - datetime.timedelta(hours=1))
    local.merge([early, Decision(said.item, "eve", "", undoes=said.decision_id)])
    clash = dataclasses.replace(said, comment="another")
    file.write_text("".join(export_lines(local)) + f"{clash.to_json()}\n")
    assert "another decision has the same id" in import_file(store, file).refused[0][1]
    assert store.standing("d") == [said] == local.standing("d")
    local.close()
    store.close()


def _write(url: str, reviewer: str) -> None:
    store = ReviewStore(url)
    for n in range(20):
        store.append(_say("good", reviewer, f"many{n}"))
    store.close()


def test_several_write_at_once(server: str) -> None:
    start = multiprocessing.get_context("spawn")
    people = [start.Process(target=_write, args=(server, f"p{n}")) for n in range(3)]
    for process in people:
        process.start()
    for process in people:
        process.join(60)
        assert process.exitcode == 0
    store = ReviewStore(server)
    counts = store.counts("d")
    assert {name: counts[name] for name in ("p0", "p1", "p2")} == {"p0": 20, "p1": 20, "p2": 20}
    store.close()


def test_a_server_that_is_not_there_is_one_sentence() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(ReviewError) as error:
        ReviewStore("postgresql+psycopg://kpaudit:secret@127.0.0.1:1/none")
    assert "can't be used" in str(error.value)
    assert "secret" not in str(error.value)
