"""The ledger kept in memory and read on as it grows, for a page that asks after every key."""

from __future__ import annotations

import threading
from collections import defaultdict

from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore

# PostgreSQL gives numbers before it commits: an entry may appear below one that has been read already.
_READ_AGAIN = 200


class Journal:
    """What stands, by dataset and item, as of the last `refresh`. Threads may share one."""

    def __init__(self, store: ReviewStore):
        self.store = store
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._last = 0
        self._known: set[str] = set()
        self._undone: set[tuple[str, str]] = set()  # (decision, who took it back)
        self._said: dict[str, dict[Item, dict[str, list[Decision]]]] = defaultdict(dict)

    @property
    def version(self) -> int:
        """How many entries are known: another number, another state."""
        return len(self._known)

    def refresh(self) -> None:
        """Reads what has been added, here or by anybody else. Raises ReviewError."""
        with self._lock:
            newest = self.store.newest()
            if newest < self._last:
                self._forget()  # another ledger is in its place
            if newest == self._last and newest:
                return
            for number, decision in self.store.entries(self._last - _READ_AGAIN):
                self._last = max(self._last, number)
                if decision.decision_id not in self._known:
                    self._known.add(decision.decision_id)
                    self._add(decision)

    def _add(self, decision: Decision) -> None:
        if decision.undoes is not None:
            self._undone.add((decision.undoes, decision.reviewer))
            return
        of_item = self._said[decision.item.dataset].setdefault(decision.item, {})
        of_item.setdefault(decision.reviewer, []).append(decision)

    def standing(self, dataset: str) -> dict[Item, dict[str, Decision]]:
        """Each reviewer's latest decision on each item of a dataset, undone ones gone."""
        with self._lock:
            found = {}
            for item, said in self._said.get(dataset, {}).items():
                stands = {name: last for name, entries in said.items() if (last := self._latest(entries))}
                if stands:
                    found[item] = stands
            return found

    def of_item(self, item: Item) -> dict[str, Decision]:
        """What stands of one item, by reviewer."""
        with self._lock:
            said = self._said.get(item.dataset, {}).get(item, {})
            return {name: last for name, entries in said.items() if (last := self._latest(entries))}

    def items_of(self, dataset: str, reviewer: str) -> list[Item]:
        """The items of a dataset that a reviewer's decision stands on."""
        with self._lock:
            return [
                item
                for item, said in self._said.get(dataset, {}).items()
                if reviewer in said and self._latest(said[reviewer])
            ]

    def items(self, dataset: str) -> list[Item]:
        """The items of a dataset that anybody has judged."""
        with self._lock:
            return list(self._said.get(dataset, {}))

    def _latest(self, entries: list[Decision]) -> Decision | None:
        stands = (d for d in entries if (d.decision_id, d.reviewer) not in self._undone)
        # as in the store: by time, since an import may bring older ones later
        return max(stands, key=lambda d: (d.at, d.decision_id), default=None)
