"""Runs a user's own SQL on the index: read-only, without files or network, within limits."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

import duckdb

from queries.errors import QueryError
from queries.store import Store
from queries.workspace import Workspace

MEMORY_LIMIT = "2GB"

_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


@dataclass(frozen=True)
class Result:
    """The answer's columns and rows; `truncated` where there were more rows than asked for."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    seconds: float


def run(workspace: Workspace, sql: str, max_rows: int | None = 10_000, seconds: float = 30.0) -> Result:
    """Runs one SELECT (or WITH, FROM, DESCRIBE, SUMMARIZE, EXPLAIN) on the workspace's index.

    Opens a database of its own over the index, forbids it files, network and further settings, and
    interrupts it after `seconds`. `max_rows=None` fetches all. Raises QueryError with one clear sentence
    for what is refused or fails, and WorkspaceError where there is no index.
    """
    _one_reading_statement(sql)
    store = Store(workspace)
    try:
        con = store.cursor()
        _lock_down(con)
        started = time.perf_counter()
        expired = threading.Event()

        def interrupt() -> None:
            expired.set()
            con.interrupt()

        timer = threading.Timer(seconds, interrupt)
        timer.daemon = True
        timer.start()
        try:
            con.execute(sql)
            columns = [column[0] for column in con.description or ()]
            if max_rows is None:
                rows, truncated = con.fetchall(), False
            else:
                rows = con.fetchmany(max_rows + 1)
                rows, truncated = rows[:max_rows], len(rows) > max_rows
        except duckdb.Error as error:
            if expired.is_set():
                raise QueryError(f"the query took more than {seconds:g} s and was stopped") from error
            raise QueryError(_one_sentence(error)) from error
        finally:
            timer.cancel()
        return Result(columns, rows, truncated, time.perf_counter() - started)
    finally:
        store.close()


def _one_reading_statement(sql: str) -> None:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryError(_one_sentence(error)) from error
    if len(statements) != 1:
        raise QueryError(f"{len(statements)} statements, expected one SELECT")
    if statements[0].type not in _READING:
        kind = statements[0].type.name
        raise QueryError(f"{kind} is refused: the index is read-only, only SELECT is run here")


def _lock_down(con: duckdb.DuckDBPyConnection) -> None:
    # Without this a name that no table has is looked up among the Python variables of the caller.
    con.execute("set python_enable_replacements = false")
    con.execute("set memory_limit = $limit", {"limit": MEMORY_LIMIT})
    con.execute("set autoinstall_known_extensions = false")
    con.execute("set autoload_known_extensions = false")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def _one_sentence(error: Exception) -> str:
    """DuckDB's message up to the excerpt of the query, on one line."""
    text = str(error).split("\n\nLINE ", 1)[0]
    if "disabled by configuration" in text:
        return "reading files and the network is refused here: only the index's tables can be queried"
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"the query needs more than the {MEMORY_LIMIT} it is given"
    return " ".join(text.split())
