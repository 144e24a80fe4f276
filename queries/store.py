"""Opens the indexes of a workspace side by side, and runs the named queries in `sql/` with parameters."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from queries import sqlfile, suppressions
from queries.errors import WorkspaceError
from queries.model import FACTS_VERSION, FINDINGS_VERSION, SCHEMA_VERSION
from queries.workspace import Workspace, dataset_id_of

if TYPE_CHECKING:
    import pandas as pd

_TABLES = ("dataset", "source_file", "image", "annotation", "keypoint", "joint", "bone", "problem")


class Store:
    """Read-only access to all datasets of a workspace, under the plain table names of the schema.

    One connection a process; every call runs on a cursor of its own, so threads may share a store. It
    keeps seeing the indexes that were there when it was opened: `stale()` says when there are newer ones.

    Raises WorkspaceError where the workspace holds no index.
    """

    def __init__(self, workspace: Workspace):
        self.workspace = workspace
        self.fingerprint = workspace.fingerprint()
        # Left alone, DuckDB spills into the current folder, which may be a dataset's.
        spill = {"temp_directory": str(workspace.path / "spill"), "max_temp_directory_size": "20GB"}
        self._con = duckdb.connect(":memory:", config=spill)
        self._lock = threading.Lock()
        self.broken: dict[str, str] = {}
        #: a sentence for each line of the suppressions that can't be understood
        self.wrong_lines: list[str] = []
        #: dataset_id → the state of its findings, and the time of its facts, as far as they are shown
        self.audited: dict[int, str] = {}
        self.measured: dict[int, str] = {}
        self._builds: dict[int, str] = {}
        self._roots: dict[int, str] = {}  # where a dataset's images are looked for
        names = [name for path in workspace.index_files() if (name := self._attach(path))]
        if not names:
            detail = "; ".join(f"{name}: {why}" for name, why in self.broken.items())
            raise WorkspaceError(
                f"no index in {workspace.path}"
                + (f" can be opened ({detail})" if detail else "; make one with: kpaudit index PATH")
            )
        self._show(names)

    def stale(self) -> bool:
        """Whether an index was added, replaced or removed since this store was opened."""
        return self.workspace.fingerprint() != self.fingerprint

    def frame(self, query: str, **params: Any) -> pd.DataFrame:
        """Runs `sql/<query>.sql`; `params` are its `$name`s, none missing and none more."""
        return self.cursor().execute(sqlfile.text(f"sql/{query}.sql"), params).df()

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]:
        """Like `frame`, as a list of dictionaries of Python values, NULL as None."""
        cursor = self.cursor().execute(sqlfile.text(f"sql/{query}.sql"), params)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own on the shared connection."""
        with self._lock:
            return self._con.cursor()

    def close(self) -> None:
        self._con.close()

    def digests(self, keys: Iterable[str]) -> dict[str, int]:
        """The digests of the annotations that findings are of, by the findings' keys, where there is one."""
        sql = sqlfile.statements("suppressions.sql")["digests"]
        return dict(self.cursor().execute(sql, {"keys": list(keys)}).fetchall())

    @cached_property
    def datasets(self) -> list[dict[str, Any]]:
        """The rows of `dataset`, by id."""
        cursor = self.cursor().execute("from dataset order by dataset_id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _attach(self, path: Path) -> str | None:
        name = f"d{dataset_id_of(path)}"
        try:
            self._con.execute(f"attach '{sqlfile.quoted(path)}' as {name} (read_only)")
            number, build, version, root = self._con.execute(
                f"select dataset_id, build_id, schema_version, coalesce(image_root, root) from {name}.dataset"
            ).fetchone()
        except (duckdb.BinderException, duckdb.CatalogException):
            version = None  # from before versions were written down
        except duckdb.Error as error:
            self.broken[path.name] = str(error).split("\n", 1)[0]
            return None
        if version != SCHEMA_VERSION:
            self.broken[path.name] = "made by another version of kpaudit; index the dataset again"
            self._con.execute(f"detach database if exists {name}")
            return None
        self._builds[number], self._roots[number] = build, root
        return name

    def _show(self, names: list[str]) -> None:
        """Views over the attached files; identifiers can't be parameters, and these are our own."""
        for table in _TABLES:
            # coordinates that are kept as float32 are reckoned with as doubles, like all others
            wide = " replace (x::double as x, y::double as y)" if table == "keypoint" else ""
            parts = " union all ".join(f"select *{wide} from {name}.{table}" for name in names)
            if table in ("joint", "bone"):
                # a skeleton is many datasets' and stands once: as the first has it, were they to differ
                numbered = " union all ".join(
                    f"select {n} as source, * from {name}.{table}" for n, name in enumerate(names)
                )
                parts = f"""select * exclude (source) from ({numbered})
                    qualify source = min(source) over (partition by skeleton)"""
            self._con.execute(f"create view {table} as {parts}")
        self._show_findings()
        self._show_facts()
        self._con.execute(sqlfile.text("views.sql"))
        self._con.execute(sqlfile.text("filters.sql"))

    def _show_findings(self) -> None:
        """Findings of the indexes as they are; those of a former build point to records that are gone."""
        shown = []
        for path in self.workspace.findings_files():
            name = f"f{dataset_id_of(path)}"
            if self._attach_beside(path, name, "audit_run", FINDINGS_VERSION):
                sql = f"select dataset_id, state, build_id from {name}.audit_run"
                run = self._con.execute(sql).fetchone()
                if run is not None and run[2] == self._builds.get(run[0]):
                    self.audited[run[0]] = run[1]
                    shown.append(name)
        self._con.execute("create schema nothing")
        self._con.execute("use memory.nothing")
        self._con.execute(sqlfile.text("findings.sql"))
        self._con.execute(sqlfile.text("facts.sql"))
        self._con.execute("use memory.main")
        for table in ("audit_run", "check_run", "finding_as_made", "unlisted_finding"):
            source = table.removesuffix("_as_made")
            parts = " union all ".join(f"select * from {name}.{source}" for name in ("nothing", *shown))
            self._con.execute(f"create view {table} as {parts}")
        self._show_suppressions()

    def _show_suppressions(self) -> None:
        sql = sqlfile.statements("suppressions.sql")
        self._con.execute(sql["tables"])
        entries, self.wrong_lines = suppressions.read(self.workspace.suppressed)
        if entries:
            names = ("keys", "reasons", "bys", "sinces", "digests")
            columns = map(list, zip(*entries, strict=True))
            self._con.execute(sql["fill"], dict(zip(names, columns, strict=True)))
        self._con.execute(sql["view"])

    def _show_facts(self) -> None:
        parts = ["select * from nothing.image_fact"]
        for path in self.workspace.facts_files():
            name = f"m{dataset_id_of(path)}"
            if not self._attach_beside(path, name, "fact_run", FACTS_VERSION):
                continue
            run = self._con.execute(
                f"select dataset_id, build_id, measured_at, coalesce(image_root, root) from {name}.fact_run"
            ).fetchone()
            # those of another folder's files say nothing of these, whatever their names
            if run is None or run[0] not in self._builds or run[3] != self._roots[run[0]]:
                continue
            self.measured[run[0]] = str(run[2])
            if run[1] == self._builds[run[0]]:
                parts.append(f"select * from {name}.image_fact where image_id is not null")
            else:
                # indexed again since: found again by their keys
                parts.append(
                    f"select i.image_id, f.* exclude (image_id) from {name}.image_fact f "
                    f"join d{run[0]}.image i using (split, key)"
                )
        self._con.execute(f"create view image_fact as {' union all '.join(parts)}")

    def _attach_beside(self, path: Path, name: str, table: str, version: int) -> bool:
        """Attaches findings or facts; what can't be used is made anew by the next audit or measure."""
        try:
            self._con.execute(f"attach '{sqlfile.quoted(path)}' as {name} (read_only)")
            found = self._con.execute(f"select schema_version from {name}.{table}").fetchone()
        except duckdb.Error:
            found = None
        if found is None or found[0] != version:
            self._con.execute(f"detach database if exists {name}")
            return False
        return True
