"""The audit's SQL checks on Apache Spark, over `kpaudit export --to parquet`: for data beyond one machine.

    pip install 'kpaudit[spark]'
    kpaudit export OUT --to parquet
    python -m queries.spark OUT [--check ID ...] [--master URL] > findings.jsonl

The checks' own files are run, translated from DuckDB's dialect by sqlglot; what that does not know is
rewritten here (`_rewritten`). Only checks that read the exported tables (dataset, image, annotation,
keypoint, joint, bone) can run: those about files, problems of reading and measured images need the index.
Findings are the same as DuckDB's but for ties and the last digits of a mean, which depend on the order of
addition.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp

from queries import catalogue, sqlfile
from queries.audit_context import COLUMNS
from queries.errors import KpauditError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

#: What an export holds; keypoints lie in a folder a split.
TABLES = ("dataset", "image", "annotation", "keypoint", "joint", "bone")
_OURS = ("image_size",)


def translated(text: str, params: Mapping[str, Any]) -> exp.Expression:
    """A check's select (or a shared table's `create`) for Spark, with its $params put in.

    Raises KpauditError where the text has something that Spark has no like of.
    """
    try:
        tree = _parsed(text)
    except sqlglot.errors.ParseError as error:
        raise KpauditError(f"not translated to Spark's SQL: {error}") from error
    for cte in tree.find_all(exp.CTE):
        cte.set("materialized", None)
    return tree.transform(_rewritten, dict(params))


def _sorted(node: exp.Expression, aggregate: exp.ArrayAgg, ordered: exp.Order) -> exp.Expression:
    """An ordered list, which Spark sorts once it is collected: of pairs of what orders it, and the member.

    Raises KpauditError where the order is a descending one.
    """
    if any(by.args.get("desc") for by in ordered.expressions):
        raise KpauditError(f"a list ordered by {', '.join(by.sql('duckdb') for by in ordered.expressions)}")
    distinct = isinstance(ordered.this, exp.Distinct)
    member = ordered.this.expressions[0] if distinct else ordered.this
    keys = [exp.alias_(by.this.copy(), f"by{n}") for n, by in enumerate(ordered.expressions)]
    pair = exp.func("struct", *keys, exp.alias_(member.copy(), "member"))
    aggregate.set("this", exp.Distinct(expressions=[pair]) if distinct else pair)
    pairs = exp.func("sort_array", node.copy())
    each = exp.Lambda(this=exp.column("member", table="one"), expressions=[exp.to_identifier("one")])
    return exp.Anonymous(this="transform", expressions=[pairs, each])


def _parsed(text: str) -> exp.Expression:
    # len() is of lists in the checks, length() of text: sqlglot takes both for the latter
    return sqlglot.parse_one(re.sub(r"\blen\(", "array_length(", text), read="duckdb")


@cache
def _shared() -> frozenset[str]:
    """The names of the checks' shared tables."""
    folder = resources.files("queries") / "checks" / "tables"
    names = (path.name for path in folder.iterdir())
    return frozenset(name.removesuffix(".sql") for name in names if name.endswith(".sql"))


def _rewritten(node: exp.Expression, params: Mapping[str, Any]) -> exp.Expression:  # noqa: PLR0911
    """One node of DuckDB's SQL as Spark has it, where sqlglot leaves it as it is."""
    if isinstance(node, exp.Parameter | exp.Placeholder):
        return exp.convert(params[node.name])
    if isinstance(node, exp.Alias) and node.alias == "cells":
        # a set of hashed cells in one wide integer, which Spark lacks: the count of the cells themselves
        return sqlglot.parse_one(
            "count(distinct case when here then struct(cell_x, cell_y) end) as cells", read="spark"
        )
    if isinstance(node, exp.Format):
        return exp.func("python_format", node.this, *node.expressions)
    if isinstance(node, exp.JSONObject):
        pairs = [part for pair in node.expressions for part in (pair.this, pair.expression)]
        return sqlglot.parse_one("to_json(x, map('ignoreNullFields', 'false'))", read="spark").transform(
            lambda part: exp.func("named_struct", *pairs)
            if isinstance(part, exp.Column) and part.name == "x" else part
        )  # fmt: skip
    aggregate = node.this if isinstance(node, exp.Filter) else node
    ordered = aggregate.this if isinstance(aggregate, exp.ArrayAgg) else None
    if isinstance(ordered, exp.Order) and not (node is aggregate and isinstance(node.parent, exp.Filter)):
        return _sorted(node, aggregate, ordered)
    name = (node.name if isinstance(node, exp.Anonymous) else node.key).lower()
    if name == "json_exists":
        return exp.func("get_json_object", *node.expressions).is_(exp.null()).not_()
    if name == "mad":
        return exp.func("python_mad", exp.func("collect_list", *node.expressions))
    if isinstance(node, exp.Func) and name == "isfinite":
        # Spark sorts NaN above all numbers, so that it is not below infinity either
        value = node.expressions[0] if node.expressions else node.this
        return sqlglot.parse_one("abs(x) < double('infinity')", read="spark").transform(
            lambda part: value.copy() if isinstance(part, exp.Column) and part.name == "x" else part
        )
    return node


class SparkAudit:
    """The checks over one export. `session` is Spark's; the tables become temporary views in it."""

    def __init__(self, session: SparkSession, folder: Path):
        self.session = session
        for table in TABLES:
            path = folder / (table if table == "keypoint" else f"{table}.parquet")
            if not path.exists():
                raise KpauditError(
                    f"{path}: not there; {folder} should be a folder of kpaudit export --to parquet"
                )
            session.read.parquet(str(path)).createOrReplaceTempView(table)
        rows = session.sql("select dataset_id, name from dataset").collect()
        if len(rows) != 1:
            raise KpauditError(f"{folder}: has {len(rows)} datasets, expected 1")
        self.dataset_id, self.name = rows[0]
        session.sql("select image_id, width, height from image").createOrReplaceTempView("image_size")
        _register(session)
        self._made: set[str] = set()

    def runnable(self) -> dict[str, str | None]:
        """Every check, with why it can't run here; None where it can."""
        from pyspark.errors import PySparkException  # noqa: PLC0415  an extra

        found: dict[str, str | None] = {}
        for check_id, source in catalogue.sources().items():
            if source.sql is None:
                found[check_id] = "is written in Python, and runs on the index alone"
                continue
            try:
                if lacking := self._reads(source.sql) - {*TABLES, *_OURS}:
                    found[check_id] = f"reads {', '.join(sorted(lacking))}, not exported"
                    continue
                self.find(check_id)
                found[check_id] = None
            except (KpauditError, sqlglot.errors.ParseError, PySparkException) as error:
                found[check_id] = f"is not translated to Spark's SQL: {' '.join(str(error).split())[:200]}"
        return found

    def _reads(self, text: str) -> set[str]:
        """The tables that a text reads in the end: those of its shared tables in place of these."""
        tree = _parsed(text)
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        if isinstance(tree, exp.Create):
            own.add(tree.this.name)
        found = {table.name for table in tree.find_all(exp.Table)} - own
        for name in found & _shared():
            found = found - {name} | self._reads(sqlfile.text(f"checks/tables/{name}.sql"))
        return found

    def find(self, check_id: str, params: Mapping[str, Any] | None = None) -> DataFrame:
        """A check's findings: image_id, annotation_id, joint, about, score, detail, evidence (JSON)."""
        source = catalogue.sources()[catalogue.named(check_id).id]
        if source.sql is None:
            raise KpauditError(f"{check_id}: is written in Python, and runs on the index alone")
        for name in _shared() & {table.name for table in _parsed(source.sql).find_all(exp.Table)}:
            self._share(name)
        values = {**source.check.defaults(), **(params or {}), "dataset": self.dataset_id}
        query = translated(source.sql, values).sql("spark")
        found = self.session.sql(query)
        missing = [name for name in COLUMNS if name not in found.columns]
        found = found.selectExpr(
            *found.columns, *(f"{'1.0' if name == 'score' else 'null'} as {name}" for name in missing)
        )
        worst = found.orderBy(found["score"].desc(), "image_id", "annotation_id", "joint")
        return worst.limit(source.check.budget) if source.check.budget else worst

    def _share(self, name: str) -> None:
        if name in self._made:
            return
        text = sqlfile.text(f"checks/tables/{name}.sql")
        for other in _shared() & {table.name for table in _parsed(text).find_all(exp.Table)} - {name}:
            self._share(other)
        tree = translated(text, {"dataset": self.dataset_id})
        body = tree.expression if isinstance(tree, exp.Create) else tree
        self.session.sql(body.sql("spark")).cache().createOrReplaceTempView(name)
        self._made.add(name)


def _register(session: SparkSession) -> None:
    """What Spark has no like of. The functions are local ones, which travel to workers without kpaudit."""

    def python_format(template: str, *values: Any) -> str | None:
        # DuckDB's format() is fmt's, whose templates are Python's; with a NULL in it, it is NULL
        return None if any(value is None for value in values) else template.format(*values)

    def python_mad(values: list[float]) -> float | None:
        from statistics import median  # noqa: PLC0415  on the worker

        middle = median(values) if values else None
        return None if middle is None else float(median(abs(value - middle) for value in values))

    session.udf.register("python_format", python_format, "string")
    session.udf.register("python_mad", python_mad, "double")


def session(master: str = "local[2]") -> SparkSession:
    """Spark without its own dashboard, quiet. Raises KpauditError where pyspark or Java is missing."""
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415  an extra
    except ImportError as error:
        raise KpauditError("pyspark is not installed: pip install 'kpaudit[spark]'") from error
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    try:
        made = (
            SparkSession.builder.master(master).appName("kpaudit")
            .config("spark.ui.enabled", "false").config("spark.sql.shuffle.partitions", "4")
            .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC").config("spark.sql.ansi.enabled", "false")
            .config("spark.ui.showConsoleProgress", "false").getOrCreate()
        )  # fmt: skip
    except Exception as error:
        why = str(error).splitlines()[0]
        raise KpauditError(f"Spark does not start: {why}; it needs Java 17 or newer") from error
    made.sparkContext.setLogLevel("ERROR")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m queries.spark", description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path, help="a folder of kpaudit export --to parquet")
    parser.add_argument(
        "--check", action="append", default=[], metavar="ID", help="only this one; may be repeated"
    )
    parser.add_argument("--master", default="local[2]", help="Spark's master URL [local[2]]")
    given = parser.parse_args(arguments)
    try:
        audit = SparkAudit(session(given.master), given.export)
        for check_id in given.check or [name for name, why in audit.runnable().items() if why is None]:
            rows = audit.find(check_id).collect()
            for row in rows:
                found = row.asDict()
                evidence = json.loads(found.pop("evidence") or "null")
                print(json.dumps({"check": check_id, "dataset": audit.name, **found, "evidence": evidence}))
            print(f"{check_id}: {len(rows):,} findings", file=sys.stderr)
    except KpauditError as error:
        print(f"kpaudit: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
