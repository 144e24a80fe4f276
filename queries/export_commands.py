"""What `kpaudit export` does: find the decisions, write the folder, say what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from queries.errors import UsageError
from queries.export.base import Request, Written
from queries.store import Store


def run(
    store: Store, dataset: Mapping[str, Any], request: Request, reviews: str | None, out: TextIO
) -> Written:
    """Exports a dataset with the decisions of `reviews` (a file or URL; else the workspace's, if any).

    Prints counts and where CHANGES.md is. Raises KpauditError and UsageError as `pipeline.export` does.
    """
    from queries.export import pipeline  # noqa: PLC0415  pandas and orjson take a while to load

    standing, told = _standing(store, dataset["name"], reviews)
    written = pipeline.export(store, dataset, request, standing, told)
    images, annotations = sum(written.images.values()), sum(written.annotations.values())
    by_split = ", ".join(f"{split} {count:,}" for split, count in sorted(written.images.items()))
    out.write(
        f"{request.out}: {images:,} images ({by_split}), {annotations:,} annotations; see CHANGES.md there\n"
    )
    return written


def _standing(store: Store, name: str, reviews: str | None) -> tuple[list, str]:
    """The decisions that stand, and where they are from; no store is made where there is none."""
    place: Path | str = store.workspace.path / "reviews.sqlite"
    if reviews is not None:
        place = reviews if "://" in reviews else Path(reviews)
    if isinstance(place, Path) and not place.is_file():
        if reviews is not None:
            raise UsageError(f"--reviews {reviews} does not exist")
        return [], "no review store"
    from queries.reviews.store import ReviewStore  # noqa: PLC0415  SQLAlchemy takes a while to load

    opened = ReviewStore(place)
    try:
        return opened.standing(name), opened.name
    finally:
        opened.close()
