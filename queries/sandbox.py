"""Runs a user's own SQL on the index: read-only, without files or network, within limits."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

import duckdb

from queries.errors import QueryError
from queries.store import Store
from queries.workspace import Workspace

MEMORY_LIMIT = "2GB"

_BATCH = 5_000
_TOO_LONG = "the query took more than {:g} s and was stopped"
_EXPLAIN = re.compile(r"^\s*explain(\s+analyze)?(\s*\([^)]*\))?\s", re.IGNORECASE)
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}


@dataclass(frozen=True)
class Result:
    """The answer's columns and rows; `truncated` where there were more rows than asked for."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    truncated: bool
    seconds: float


def run(workspace: Workspace, sql: str, max_rows: int = 10_000, seconds: float = 30.0) -> Result:
    """Runs one SELECT (or WITH, FROM, DESCRIBE, SUMMARIZE, EXPLAIN) and returns its first `max_rows` rows.

    See `opened` for the limits. Raises QueryError with one clear sentence for what is refused or fails,
    and WorkspaceError where there is no index.
    """
    started = time.perf_counter()
    with opened(workspace, sql, seconds) as (columns, found):
        rows = list(islice(found, max_rows + 1))
    return Result(columns, rows[:max_rows], len(rows) > max_rows, time.perf_counter() - started)


@contextmanager
def opened(
    workspace: Workspace, sql: str, seconds: float
) -> Iterator[tuple[list[str], Iterator[tuple[Any, ...]]]]:
    """The columns and the rows of a query on the workspace's index, fetched as they are taken.

    Opens a database of its own over the index and forbids it files, network and further settings. After
    `seconds`, of computing or of fetching, it is stopped. Raises QueryError and WorkspaceError as `run`
    does, also while the rows are taken.
    """
    _one_reading_statement(sql)
    store = Store(workspace)
    expired = threading.Event()
    try:
        con = store.cursor()
        _lock_down(con)

        def interrupt() -> None:
            expired.set()
            con.interrupt()

        timer = threading.Timer(seconds, interrupt)
        timer.daemon = True
        timer.start()
        try:
            con.execute(sql)
            yield [column[0] for column in con.description or ()], _rows(con, expired, seconds)
        except duckdb.Error as error:
            raise _as_query_error(error, expired, seconds) from error
        finally:
            timer.cancel()
    finally:
        store.close()


def _rows(
    con: duckdb.DuckDBPyConnection, expired: threading.Event, seconds: float
) -> Iterator[tuple[Any, ...]]:
    while True:
        try:
            batch = con.fetchmany(_BATCH)
        except duckdb.Error as error:
            raise _as_query_error(error, expired, seconds) from error
        # an interrupt stops the computing; handing over what is computed has to be stopped here
        if expired.is_set():
            raise QueryError(_TOO_LONG.format(seconds))
        if not batch:
            return
        yield from batch


def _as_query_error(error: duckdb.Error, expired: threading.Event, seconds: float) -> QueryError:
    return QueryError(_TOO_LONG.format(seconds) if expired.is_set() else _one_sentence(error))


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
    if statements[0].type == duckdb.StatementType.EXPLAIN:
        # explain analyze runs what it explains
        _one_reading_statement(_EXPLAIN.sub("", sql, count=1))


def _lock_down(con: duckdb.DuckDBPyConnection) -> None:
    # Without this a name that no table has is looked up among the Python variables of the caller.
    con.execute("set python_enable_replacements = false")
    con.execute("set memory_limit = $limit", {"limit": MEMORY_LIMIT})
    # no file at all is written: what does not fit in memory is refused
    con.execute("set temp_directory = ''")
    con.execute("set autoinstall_known_extensions = false")
    con.execute("set autoload_known_extensions = false")
    con.execute("set enable_external_access = false")
    con.execute("set lock_configuration = true")


def _one_sentence(error: Exception) -> str:
    """DuckDB's message up to the excerpt of the query, on one line."""
    text = str(error).split("\n\nLINE ", 1)[0].split("Traceback (most", 1)[0]
    if "disabled by configuration" in text:
        return "reading files and the network is refused here: only the index's tables can be queried"
    if isinstance(error, duckdb.OutOfMemoryException):
        return f"the query needs more than the {MEMORY_LIMIT} it is given"
    return " ".join(text.split())
