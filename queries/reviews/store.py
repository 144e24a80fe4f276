"""The review store: SQLite beside the index, or PostgreSQL for a team. The only writer of decisions."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from queries.reviews.model import Decision, Item, ReviewError, checked

SCHEMA_VERSION = 1

#: How long a writer waits for another one, in seconds.
_PATIENCE = 30

_metadata = sa.MetaData()

_about = sa.Table("kpaudit_reviews", _metadata, sa.Column("schema_version", sa.Integer, nullable=False))

# `number` is the ledger's order, given by the database; `decision_id` is the same in every store that a
# decision has been imported into.
decision_table = sa.Table(
    "decision",
    _metadata,
    sa.Column(
        "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("decision_id", sa.String(64), nullable=False, unique=True),
    sa.Column("at", sa.String(40), nullable=False),  # UTC, ISO 8601: sorts as text, the same everywhere
    sa.Column("reviewer", sa.Text, nullable=False),
    sa.Column("dataset", sa.Text, nullable=False),
    sa.Column("split", sa.Text, nullable=False),
    sa.Column("image_key", sa.Text, nullable=False),
    sa.Column("annotation", sa.Text),
    sa.Column("finding_key", sa.String(64)),
    sa.Column("check_id", sa.Text),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("joints", sa.Text, nullable=False),
    sa.Column("label", sa.Text),
    sa.Column("proposal", sa.Text),
    sa.Column("comment", sa.Text, nullable=False),
    sa.Column("digest", sa.BigInteger),
    sa.Column("undoes", sa.String(64)),
    sa.Index("decision_item", "dataset", "image_key"),
    sa.Index("decision_undoes", "undoes"),
)

_d = decision_table.c
_back = decision_table.alias("back")
# taken back by who said it: an entry of anybody else, which an import may bring, takes nothing back
_undone = sa.exists().where(_back.c.undoes == _d.decision_id, _back.c.reviewer == _d.reviewer)
# the time orders decisions the same in every store, whatever was imported first
_latest_first = (_d.at.desc(), _d.decision_id.desc())


class ReviewStore:
    """Appends decisions and reads what stands. Threads may share a store.

    `place` is a path of an SQLite file, or a URL (`postgresql+psycopg://…`). Raises ReviewError, in one
    sentence, where it can't be opened, is another version's, locked for too long, or the disk is full.
    """

    def __init__(self, place: Path | str):
        url = place if isinstance(place, str) and "://" in place else f"sqlite:///{Path(place).absolute()}"
        self._lock = threading.Lock()
        self._name = _shown(url)
        with self._told():
            try:
                self._engine = _engine(url)
            except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
                needs = (
                    " (PostgreSQL needs the extra: pip install 'kpaudit[team]')"
                    if "psycopg" in str(error)
                    else ""
                )
                raise ReviewError(
                    f"--reviews {self._name} is no database that can be opened: {error}{needs}"
                ) from error
            self._writer = self._engine.execution_options(kpaudit_writes=True)
            self._prepare()

    @property
    def name(self) -> str:
        """Where decisions are kept, without a password."""
        return self._name

    def append(self, decision: Decision) -> Decision:
        """Writes one decision and returns it once it is safe on disk. Raises ReviewError."""
        return self.append_all([decision])[0]

    def append_all(self, decisions: Iterable[Decision]) -> list[Decision]:
        """Writes decisions in one transaction: all of them or none.

        A clock that runs behind makes no decision older than what its reviewer said of the item before.
        """
        good = [checked(decision) for decision in decisions]
        with self._told(writing=True), self._lock, self._writer.begin() as con:
            for place, decision in enumerate(good):
                if decision.undoes is not None:
                    self._require_standing(con, decision)
                else:
                    good[place] = _after_the_former(con, decision)
                con.execute(sa.insert(decision_table), _row(good[place]))
        return good

    def known(self, ids: Sequence[str]) -> dict[str, Decision]:
        """Those of the decisions that are here, by their ids."""
        found: dict[str, Decision] = {}
        for start in range(0, len(ids), 500):
            query = sa.select(decision_table).where(_d.decision_id.in_(ids[start : start + 500]))
            found |= {decision.decision_id: decision for decision in self._read(query)}
        return found

    def merge(self, decisions: Iterable[Decision]) -> int:
        """Adds decisions of another store but those whose ids are here; returns how many were new."""
        rows = [_row(checked(decision)) for decision in decisions]
        dialect = postgresql if self._engine.dialect.name == "postgresql" else sqlite
        added = 0
        with self._told(writing=True), self._lock, self._writer.begin() as con:
            for start in range(0, len(rows), 500):
                statement = dialect.insert(decision_table).on_conflict_do_nothing(
                    index_elements=["decision_id"]
                )
                before = con.scalar(sa.select(sa.func.count()).select_from(decision_table))
                con.execute(statement, rows[start : start + 500])
                added += con.scalar(sa.select(sa.func.count()).select_from(decision_table)) - before
        return added

    def undo(self, decision_id: str, reviewer: str) -> Decision:
        """Takes a decision of one's own back, by a new entry. Raises ReviewError where it does not stand."""
        former = self.known([decision_id]).get(decision_id)
        if former is None:
            raise ReviewError(f"there is no decision {decision_id}")
        return self.append(
            Decision(former.item, reviewer, "", former.finding_key, former.check_id, undoes=decision_id)
        )

    def last(self, reviewer: str, dataset: str) -> Decision | None:
        """The reviewer's latest decision on a dataset that stands."""
        query = (
            sa.select(decision_table)
            .where(_d.reviewer == reviewer.strip(), _d.dataset == dataset, _d.undoes.is_(None))
            .where(~_undone)
            .order_by(*_latest_first)
            .limit(1)
        )
        found = self._read(query)
        return found[0] if found else None

    def standing(self, dataset: str | None = None) -> list[Decision]:
        """What stands: each reviewer's latest decision on each item, undone ones gone, in order."""
        ranked = (
            sa.select(
                decision_table,
                sa.func.row_number()
                .over(
                    partition_by=(_d.dataset, _d.split, _d.image_key, _d.annotation, _d.reviewer),
                    order_by=_latest_first,
                )
                .label("newest"),
            )
            .where(_d.undoes.is_(None), ~_undone)
            .where(_d.dataset == dataset if dataset is not None else sa.true())
            .subquery()
        )
        return self._read(sa.select(ranked).where(ranked.c.newest == 1).order_by(ranked.c.number))

    def history(self, item: Item) -> list[Decision]:
        """Every entry about an item, undone and undoing ones too, in order."""
        query = sa.select(decision_table).where(
            _d.dataset == item.dataset, _d.split == item.split, _d.image_key == item.image_key
        )
        query = query.where(
            _d.annotation == item.annotation if item.annotation is not None else _d.annotation.is_(None)
        )
        return self._read(query.order_by(_d.number))

    def ledger(self) -> list[Decision]:
        """Every entry, in order."""
        return self._read(sa.select(decision_table).order_by(_d.number))

    def entries(self, after: int) -> list[tuple[int, Decision]]:
        """The entries whose number is above `after`, with their numbers, in order."""
        query = sa.select(decision_table).where(_d.number > after).order_by(_d.number)
        with self._told(), self._engine.connect() as con:
            return [(row["number"], _decision(row)) for row in con.execute(query).mappings()]

    def counts(self, dataset: str) -> dict[str, int]:
        """How many standing decisions each reviewer has on a dataset."""
        found: dict[str, int] = {}
        for decision in self.standing(dataset):
            found[decision.reviewer] = found.get(decision.reviewer, 0) + 1
        return found

    def newest(self) -> int:
        """The number of the latest entry, 0 where there is none: it changes with every decision."""
        with self._told(), self._engine.connect() as con:
            return con.scalar(sa.select(sa.func.max(_d.number))) or 0

    def close(self) -> None:
        self._engine.dispose()

    def _read(self, query: Any) -> list[Decision]:
        with self._told(), self._engine.connect() as con:
            return [_decision(row) for row in con.execute(query).mappings()]

    def _prepare(self) -> None:
        with self._engine.connect() as con:  # who only reads needs no lock, nor the right to write
            if sa.inspect(con).has_table(_about.name) and sa.inspect(con).has_table(decision_table.name):
                self._check_version(con.scalar(sa.select(sa.func.max(_about.c.schema_version))))
                return
        with self._writer.begin() as con:
            _metadata.create_all(con)
            version = con.scalar(sa.select(sa.func.max(_about.c.schema_version)))
            if version is None:
                con.execute(sa.insert(_about).values(schema_version=SCHEMA_VERSION))
            else:
                self._check_version(version)

    def _check_version(self, version: int | None) -> None:
        if version is not None and version > SCHEMA_VERSION:
            raise ReviewError(
                f"the reviews in {self._name} were written by a newer kpaudit (version {version} of their "
                f"tables, this one knows {SCHEMA_VERSION}): update kpaudit; nothing was changed"
            )

    def _require_standing(self, con: sa.Connection, decision: Decision) -> None:
        query = sa.select(decision_table).where(_d.decision_id == decision.undoes)
        row = con.execute(query).mappings().first()
        if row is None:
            raise ReviewError(f"there is no decision {decision.undoes}")
        if row["undoes"] is not None:
            raise ReviewError("taking back can't be taken back: decide again")
        if row["reviewer"] != decision.reviewer:
            told = f"the decision is {row['reviewer']}'s"
            raise ReviewError(f"{told}, and {decision.reviewer} can't take it back")
        mine = (_d.undoes == decision.undoes) & (_d.reviewer == decision.reviewer)
        if con.scalar(sa.select(_d.number).where(mine).limit(1)) is not None:
            raise ReviewError("the decision has been taken back already")

    @contextmanager
    def _told(self, writing: bool = False) -> Iterator[None]:
        """The database's complaints, each as one sentence."""
        try:
            yield
        except DBAPIError as error:
            raise ReviewError(_sentence(self._name, str(error.orig), writing)) from error
        except SQLAlchemyError as error:
            raise ReviewError(f"the reviews in {self._name} can't be used: {_line(str(error))}") from error


def _engine(url: str) -> sa.Engine:
    made = sa.make_url(url)
    if made.get_backend_name() not in ("sqlite", "postgresql"):
        raise sa.exc.ArgumentError("expected sqlite:///FILE or postgresql+psycopg://…")
    if "@" in (made.host or ""):
        raise sa.exc.ArgumentError("an @ in a password is written %40")
    if made.get_backend_name() != "sqlite":
        return sa.create_engine(made, pool_pre_ping=True)
    engine = sa.create_engine(made, connect_args={"timeout": _PATIENCE})

    @event.listens_for(engine, "connect")
    def _(connection: Any, record: Any) -> None:
        # the driver must not begin transactions by itself: `begin` below says which kind
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"pragma busy_timeout = {_PATIENCE * 1000}")
        cursor.execute("pragma journal_mode = wal")
        cursor.execute("pragma synchronous = full")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _(connection: sa.Connection) -> None:
        # a reader that becomes a writer can't wait for another one, SQLite refuses it at once: who will
        # write says so from the start, and who only reads holds up nobody
        writes = connection.get_execution_options().get("kpaudit_writes", False)
        connection.exec_driver_sql("begin immediate" if writes else "begin")

    return engine


def _after_the_former(con: sa.Connection, decision: Decision) -> Decision:
    """The decision, at a time after what its reviewer said of the item before."""
    item = decision.item
    former = con.scalar(
        sa.select(sa.func.max(_d.at)).where(
            _d.dataset == item.dataset, _d.split == item.split, _d.image_key == item.image_key,
            _d.annotation.is_not_distinct_from(item.annotation), _d.reviewer == decision.reviewer,
            _d.undoes.is_(None),
        )
    )  # fmt: skip
    if former is None or former < _row(decision)["at"]:
        return decision
    try:
        after = datetime.datetime.fromisoformat(former) + datetime.timedelta(microseconds=1)
        return replace(decision, at=after)
    except OverflowError:
        return decision  # the end of time


def _shown(url: str) -> str:
    """Where decisions are kept, without user, password and options, which may hold one."""
    try:
        made = sa.make_url(url)
    except sa.exc.ArgumentError:
        return url.rpartition("@")[2]
    if made.get_backend_name() == "sqlite":
        return url
    host = (made.host or "").rpartition("@")[2] + (f":{made.port}" if made.port else "")
    return f"{made.drivername}://{host}/{made.database or ''}"


def _sentence(name: str, text: str, writing: bool) -> str:
    low = text.lower()
    if "full" in low or "no space" in low:
        return f"no space left for the reviews in {name}; the decision was not saved, those before it are"
    if "locked" in low or "busy" in low:
        told = f"the reviews in {name} are locked by another program for more than {_PATIENCE} s"
        return f"{told}; the decision was not saved" if writing else told
    if "readonly" in low or "read-only" in low or "permission" in low or "unable to open" in low:
        return f"the reviews in {name} can't be written: {_line(text)}"
    if "not a database" in low or "malformed" in low:
        return f"{name} is no review store, or is damaged: {_line(text)}"
    return f"the reviews in {name} can't be used: {_line(text)}"


def _line(text: str) -> str:
    return " ".join(text.split())[:300]


def _row(d: Decision) -> dict[str, Any]:
    return {
        "decision_id": d.decision_id,
        "at": d.at.astimezone(datetime.UTC).isoformat(timespec="microseconds"),
        "reviewer": d.reviewer,
        "dataset": d.item.dataset,
        "split": d.item.split,
        "image_key": d.item.image_key,
        "annotation": d.item.annotation,
        "finding_key": d.finding_key,
        "check_id": d.check_id,
        "verdict": d.verdict,
        "joints": json.dumps(list(d.joints)),
        "label": d.label,
        "proposal": json.dumps(d.proposal, sort_keys=True) if d.proposal is not None else None,
        "comment": d.comment,
        "digest": d.digest,
        "undoes": d.undoes,
    }


def _decision(row: Any) -> Decision:
    joints: Sequence[int] = json.loads(row["joints"])
    return Decision(
        Item(row["dataset"], row["split"], row["image_key"], row["annotation"]),
        row["reviewer"],
        row["verdict"],
        row["finding_key"],
        row["check_id"],
        tuple(joints),
        row["label"],
        json.loads(row["proposal"]) if row["proposal"] is not None else None,
        row["comment"],
        row["digest"],
        row["undoes"],
        row["decision_id"],
        datetime.datetime.fromisoformat(row["at"]),
    )
