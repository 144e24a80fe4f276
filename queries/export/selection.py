"""Fixes what an export takes: decisions, splits, classes and a condition, as tables of its cursor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from queries import sandbox, sqlfile
from queries.errors import KpauditError, QueryError, UsageError, unknown_name
from queries.export import decisions as deciding
from queries.export.base import Request
from queries.export.changes import Changes

if TYPE_CHECKING:
    from queries.store import Store

#: A condition is a WHERE over annotations: it may take as long as the query of a user's own.
WHERE_SECONDS = 120.0

_BATCH = 50_000
#: Problems of records that are not in the index at all; of the others the index holds what could be read.
_SET_ASIDE = {"json-malformed", "file-unreadable", "orphan-annotation", "duplicate-image-id"}
_LEFT = {
    "split": "not of a chosen split",
    "class": "not of a chosen class",
    "where": "does not meet --where",
    "image rejected": "its image is rejected",
    "all rejected": "all its annotations are rejected: as a background it would teach that nothing is there",
}


@dataclass
class Selection:
    """What is exported, by the tables of `con` (plan.sql); `changed` are the annotations with corrections."""

    con: duckdb.DuckDBPyConnection
    dataset: Mapping[str, Any]
    plan: deciding.Plan
    before: dict[str, tuple[int, int, int]]
    #: the classes that were chosen; empty: all
    classes: tuple[str, ...] = ()

    @property
    def dataset_id(self) -> int:
        return self.dataset["dataset_id"]

    @property
    def id_range(self) -> tuple[int, int]:
        """The block that the dataset's ids lie in."""
        return self.dataset_id * 1_000_000_000, (self.dataset_id + 1) * 1_000_000_000

    def taken(self) -> dict[int, str]:
        """Image ids with the split that each goes to, of the images that are exported."""
        rows = self.con.execute("select image_id, split from image_fate where why is null").fetchnumpy()
        return dict(zip(rows["image_id"].tolist(), rows["split"].tolist(), strict=True))

    def emptied(self) -> set[int]:
        """Ids of images that are left out since all their annotations were rejected."""
        query = "select image_id from image_fate where why = 'all rejected'"
        return {row[0] for row in self.con.execute(query).fetchall()}


def select(
    store: Store,
    con: duckdb.DuckDBPyConnection,
    dataset: Mapping[str, Any],
    request: Request,
    plan: deciding.Plan,
) -> Selection:
    """Makes the tables of what is exported.

    Raises UsageError for splits and classes that are not there, or where nothing is selected;
    QueryError for a condition that is refused or fails.
    """
    sql = sqlfile.statements("export/plan.sql")
    number = dataset["dataset_id"]
    for name in ("corrected", "corrected_joint", "rejected", "moved", "hit", "record", "point"):
        con.execute(sql[name])
    _insert_plan(con, sql, plan)
    if request.split_of:
        splits = [str(name) for name in request.split_of.values()]
        _insert(con, "moved", [[int(number) for number in request.split_of], splits])
    for option, names, query in (("split", request.splits, "splits"), ("class", request.classes, "labels")):
        known = [row[0] for row in con.execute(sql[query], {"dataset": number}).fetchall()] if names else []
        for name in names:
            if name not in known:
                raise unknown_name(option, name, known)
    if request.where is not None:
        _insert_hits(store, con, number, request.where)
    asked = {
        "dataset": number,
        "splits": list(request.splits) or None,
        "classes": list(request.classes) or None,
        "where": request.where is not None,
    }
    con.execute(
        sql["annotation_fate"], {name: asked[name] for name in ("dataset", "splits", "classes", "where")}
    )
    con.execute(sql["image_fate"], asked)
    con.execute(sql["taken_image"])
    con.execute(sql["taken_annotation"])
    found = Selection(con, dataset, plan, _counts(con, sql, number), request.classes)
    if not con.execute("select count(*) from image_fate where why is null").fetchone()[0]:
        query = "select why from image_fate group by why order by count(*) desc, why limit 1"
        row = con.execute(query).fetchone()
        told = f": {_LEFT[row[0]]}" if row is not None else ""
        raise UsageError(f"nothing of {dataset['name']} is selected{told}; nothing was written")
    return found


def list_changes(selection: Selection, changes: Changes, request: Request) -> None:
    """Lists what selection and decisions leave out or change, and what reading had set aside."""
    con, plan = selection.con, selection.plan
    sql = sqlfile.statements("export/plan.sql")
    rows = con.execute(sql["left_images"])
    while batch := rows.fetchmany(_BATCH):
        for split, key, why, count in batch:
            changes.add(split, key, None, "dropped", _LEFT[why], before=f"{count} annotations")
    rows = con.execute(sql["left_annotations"])
    while batch := rows.fetchmany(_BATCH):
        for split, key, own, why, label in batch:
            changes.add(split, key, own, "dropped", _LEFT[why], before=label or "")
    _list_decisions(selection, changes, sql)
    for why, decision in plan.not_applied:
        item = decision.item
        who = {"reviewers": decision.reviewer, "verdict": decision.verdict}
        changes.add(item.split, item.image_key, item.annotation, "not applied", why, **who)
    splits = list(request.splits) or None
    rows = con.execute(sql["problems"], {"dataset": selection.dataset_id, "splits": splits})
    while batch := rows.fetchmany(_BATCH):
        for split, path, locator, kind, message in batch:
            gone = kind in _SET_ASIDE or (kind == "record-malformed" and "kept as escapes" not in message)
            action = "set aside" if gone else "reported"
            changes.add(split, path, locator, action, f"{kind}: {message}", group=kind)


def _list_decisions(selection: Selection, changes: Changes, sql: Mapping[str, str]) -> None:
    con, plan = selection.con, selection.plan
    if not plan.rulings:
        return
    taken, emptied = selection.taken(), selection.emptied()
    ruled = {
        id(r): r
        for r in (*plan.rejected_images.values(), *plan.rejected.values(), *(e[2] for e in plan.listed))
    }
    rulings = {r.annotation_id: r for r in plan.rulings if r.annotation_id is not None}
    images = sorted({r.image_id for r in ruled.values()} | {r.image_id for r in plan.rulings})
    names = {row[0]: row[1:] for row in con.execute(sql["image_names"], {"images": images}).fetchall()}

    def add(action: str, reason: str, ruling: deciding.Ruling, before: str, after: str) -> None:
        split, key = names[ruling.image_id]
        shown = f"{reason} ({ruling.why})" if ruling.why else reason
        own = ruling.decision.item.annotation
        who = {"reviewers": ruling.reviewers, "verdict": ruling.verdict}
        changes.add(split, key, own, action, shown, group=reason, before=before, after=after, **who)

    for ruling in plan.rejected_images.values():
        add("dropped", "the image is rejected", ruling, "", "")
    for ruling in plan.rejected.values():
        if ruling.image_id in taken or ruling.image_id in emptied:
            add("dropped", f"{ruling.verdict}, and nothing says what is right", ruling, "", "")
    for action, reason, ruling, before, after in plan.listed:
        if ruling.image_id in taken:
            add(action, reason, ruling, before, after)
    now = deciding.present(con, selection.dataset_id, list(plan.corrections))
    exported = {
        row[0]
        for row in con.execute(
            "select annotation_id from taken_annotation join corrected using (annotation_id)"
        ).fetchall()
    }
    for annotation_id, correction in plan.corrections.items():
        if annotation_id in exported:
            for reason, before, after in deciding.described(correction, now.get(annotation_id)):
                add("changed", reason, rulings[annotation_id], before, after)


def _insert_plan(con: duckdb.DuckDBPyConnection, sql: Mapping[str, str], plan: deciding.Plan) -> None:
    rows = [
        (number, one.label, *(one.box or (None,) * 4), bool(one.joints))
        for number, one in plan.corrections.items()
    ]
    _insert(con, "corrected", [list(column) for column in zip(*rows, strict=True)])
    joints = [
        (number, joint, *place)
        for number, one in plan.corrections.items()
        for joint, place in one.joints.items()
    ]
    _insert(con, "corrected_joint", [list(column) for column in zip(*joints, strict=True)])
    gone = [(number, None) for number in plan.rejected_images]
    gone += [(ruling.image_id, number) for number, ruling in plan.rejected.items()]
    _insert(con, "rejected", [list(column) for column in zip(*gone, strict=True)])
    if joints:
        con.execute(sql["added_joint"])
        con.execute(sql["with_added"])


def _insert(con: duckdb.DuckDBPyConnection, table: str, columns: list[list]) -> None:
    if columns and columns[0]:
        places = ", ".join(f"unnest(${place})" for place in range(1, len(columns) + 1))
        con.execute(f"insert into {table} select {places}", columns)


def _insert_hits(store: Store, con: duckdb.DuckDBPyConnection, dataset: int, condition: str) -> None:
    """Runs the user's condition in the sandbox and keeps the ids of what it selects."""
    query = sqlfile.statements("export/plan.sql")["where"].rstrip(";")
    head, _, tail = query.rpartition("\ntrue\n")
    asked = f"{head}\n{condition}\n{tail}".replace("condition_of", str(int(dataset)), 1)
    try:
        _one_expression(condition)
        with sandbox.opened(store.workspace, asked, WHERE_SECONDS) as (columns, rows):
            if columns != ["image_id", "annotation_id"]:
                raise QueryError("it is no condition but a query of its own")
            images, annotations = [], []
            for image_id, annotation_id in rows:
                images.append(image_id)
                annotations.append(annotation_id)
    except QueryError as error:
        raise QueryError(f"--where {condition!r}: {error}") from error
    except (TypeError, ValueError) as error:
        raise KpauditError(f"--where {condition!r} is no condition on annotation and image") from error
    _insert(con, "hit", [images, annotations])


def _one_expression(condition: str) -> None:
    """Raises QueryError unless the text stands within brackets of two kinds: it closes neither by itself."""
    if not condition.strip():
        raise QueryError("it is empty")
    for opening, closing in ("()", "[]"):
        try:
            duckdb.extract_statements(f"select {opening}\n{condition}\n{closing}")
        except duckdb.Error as error:
            told = str(error).split("\n\nLINE ", 1)[0]
            raise QueryError(" ".join(told.split())) from error


def _counts(
    con: duckdb.DuckDBPyConnection, sql: Mapping[str, str], dataset: int
) -> dict[str, tuple[int, int, int]]:
    keypoints = dict(con.execute(sql["keypoints_before"], {"dataset": dataset}).fetchall())
    rows = con.execute(sql["counts_before"], {"dataset": dataset}).fetchall()
    return {split: (images, annotations, keypoints.get(split, 0)) for split, images, annotations in rows}
