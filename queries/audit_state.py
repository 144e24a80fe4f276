"""What findings depend on, as two digests: which of a dataset's checks an audit need not repeat."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from queries import catalogue

if TYPE_CHECKING:
    from queries.audit_config import Config
    from queries.store import Store

_PARTIAL = "partial"


@dataclass(frozen=True)
class State:
    """`own`: this index and its facts, the code, the configuration. `others`: the other datasets of the
    workspace, on which the checks depend that need `datasets`."""

    own: str
    others: str

    def __str__(self) -> str:
        return f"{self.own}:{self.others}"

    def stale(self, former: str | None) -> list[str]:
        """The checks whose findings are not of this state, `former` being the one that was written down."""
        own, _, others = (former or "").partition(":")
        if own != self.own:
            return list(catalogue.sources())
        return [] if others == self.others else [c.id for c in catalogue.checks() if "datasets" in c.needs]

    def after(self, former: str | None, ran: Iterable[str]) -> str:
        """What to write down once these checks have run: findings of some of them are no whole audit."""
        stale = self.stale(former)
        if not set(stale) - set(ran):
            return str(self)
        # where only the others have changed, that is all that is left to do
        whole = len(stale) < len(catalogue.sources())
        return f"{self.own if whole else _PARTIAL}:{_PARTIAL}"


def state(store: Store, dataset: Mapping[str, Any], config: Config, today: datetime.date) -> State:
    """The state of a dataset now. A suppression that lapses makes another one."""
    number = dataset["dataset_id"]
    own = [
        dataset["build_id"],
        store.measured.get(number, ""),
        _code(),
        json.dumps(config.describe(today), sort_keys=True, default=str),
    ]
    others = [
        f"{row['build_id']} {store.measured.get(row['dataset_id'], '')}"
        for row in store.datasets
        if row["dataset_id"] != number
    ]
    return State(_digest(own), _digest(sorted(others)))


def _digest(parts: list[str]) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@cache
def _code() -> str:
    """A digest of everything below the screen: an audit of other code is not this one's."""
    digest = hashlib.blake2b(digest_size=16)
    pending = [resources.files("queries")]
    while pending:
        for entry in sorted(pending.pop().iterdir(), key=lambda item: item.name):
            if entry.is_dir():
                pending.append(entry)
            elif entry.name.endswith((".sql", ".py", ".toml")):
                digest.update(entry.name.encode() + entry.read_bytes())
    return digest.hexdigest()
