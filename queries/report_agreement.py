"""How often reviewers agreed with each check, for reports, from the review store, which may be missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from queries.errors import KpauditError
from queries.reviews.agreement import Precision, precision_by_check
from queries.workspace import Workspace


def measured(
    workspace: Workspace, reviews: str | None, datasets: Iterable[str]
) -> tuple[Mapping[str, Mapping[str, Precision]], list[str]]:
    """(the measured precision by dataset and check, notes on what could not be read).

    `reviews` is a file or URL, else the workspace's own store is meant. Nobody has to have reviewed
    anything, and a store that can't be read is no reason to have no report.
    """
    where = reviews if reviews is not None else str(workspace.path / "reviews.sqlite")
    if "://" not in where and not Path(where).exists():
        told = [f"--reviews {reviews} does not exist: no decision is known"]
        return {}, told if reviews is not None else []
    from queries.reviews.store import ReviewStore  # noqa: PLC0415  SQLAlchemy takes a while to load

    try:
        store = ReviewStore(where if "://" in where else Path(where))
        try:
            found = {name: precision_by_check(store.standing(name)) for name in datasets}
        finally:
            store.close()
    except KpauditError as error:
        return {}, [f"how often reviewers agreed is not known: {error}"]
    return {name: checks for name, checks in found.items() if checks}, []
