"""What a check gets to work with: the dataset, its parameters, shared tables and arrays."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from queries import catalogue, poses, sqlfile
from queries.needs import COUNTS

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

#: The columns of a check's result; those that a check does not return are NULL (score: 1). `records` is how
#: many of what the check counts (`of`) the finding stands for, where that is more than the one it names.
COLUMNS = ("image_id", "annotation_id", "joint", "about", "score", "detail", "evidence", "records")


class NotApplicable(Exception):
    """Raised by a check that finds only on looking closer that it has nothing to say; the reason is told."""


class Shared:
    """One dataset's shared tables and arrays: made when first asked for, once for all checks."""

    def __init__(self, con: duckdb.DuckDBPyConnection, dataset: Mapping[str, Any]):
        self.con, self.dataset = con, dataset
        self._made: set[str] = set()

    def table(self, name: str) -> None:
        """Makes the shared table `checks/tables/<name>.sql` unless it is there, and those that it `uses`."""
        if name in self._made:
            return
        text = sqlfile.text(f"checks/tables/{name}.sql")
        for other in catalogue.parse_header(text)[0].get("uses", "").split():
            self.table(other)
        self.con.execute(text, {"dataset": self.dataset["dataset_id"]} if "$dataset" in text else None)
        self._made.add(name)

    @cached_property
    def census(self) -> dict[str, Any]:
        """The one row of the shared table `census`."""
        self.table("census")
        cursor = self.con.execute("from census")
        names = [column[0] for column in cursor.description]
        return dict(zip(names, cursor.fetchone(), strict=True))

    @cached_property
    def poses(self) -> list[poses.Poses]:
        """The dataset's poses, one entry per skeleton; empty where there are none."""
        self.table("instance")
        return poses.load(self.con, self.dataset["dataset_id"])


class Audit:
    """The context of one check on one dataset, handed to its `find`."""

    def __init__(self, shared: Shared, check: catalogue.Check, params: Mapping[str, Any]):
        self.shared, self.check, self.params = shared, check, params
        self.dataset = shared.dataset
        self.con = shared.con
        self.records: int | None = shared.census.get(check.counted or COUNTS.get(check.of, ""))
        self.notes: list[str] = []

    @property
    def census(self) -> dict[str, Any]:
        return self.shared.census

    @property
    def poses(self) -> list[poses.Poses]:
        return self.shared.poses

    def frame(self, statement: str, **params: Any) -> pd.DataFrame:
        """Runs a SQL file (`checks/tables/x.sql`) or one of its named statements (`file.sql:name`)."""
        file, _, name = statement.partition(":")
        text = sqlfile.statements(file)[name] if name else sqlfile.text(file)
        return self.con.execute(text, params or None).df()

    def checked(self, records: int) -> None:
        """Says of how many records (`check.of`) the check could judge, where the census does not know."""
        self.records = int(records)

    def note(self, text: str) -> None:
        """Adds a sentence to the check's run: what had to be assumed or left out."""
        self.notes.append(text)
