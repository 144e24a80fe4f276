"""From a dataset of the index, and what reviewers decided of it, to a folder in another format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from queries import targets
from queries.errors import KpauditError
from queries.export import coco, coco_again, decisions, hagrid, tables, yolo, yolo_again
from queries.export.base import Request, Written, appearing_whole
from queries.export.changes import Changes
from queries.export.selection import Selection, list_changes, select

if TYPE_CHECKING:
    from queries.reviews.model import Decision
    from queries.store import Store


def export(
    store: Store,
    dataset: Mapping[str, Any],
    request: Request,
    standing: Sequence[Decision] = (),
    reviews: str = "none",
) -> Written:
    """Writes a dataset (a row of `store.datasets`) to `request.out`, whole or not at all.

    `standing` are the reviewers' decisions on it that stand; `reviews` names where they are from, for
    CHANGES.md. A dataset that goes to its own format is written from its source files, so that what the index
    does not hold survives; any other out of the index.

    Raises UsageError for a request that does not fit the dataset, QueryError for a condition that can't be
    run, KpauditError where a source file has changed since it was indexed or the folder can't be written.
    """
    request = request.checked()
    dataset = next(row for row in store.datasets if row["dataset_id"] == dataset["dataset_id"])
    con = store.cursor()
    try:
        untouched = targets.kept_clear(store, dataset["dataset_id"])
        plan = decisions.plan(store, con, dataset["dataset_id"], standing, request.drop_rejected)
        selection = select(store, con, dataset, request, plan)
        if request.where is not None and store.stale():
            raise KpauditError("the index was replaced in the meantime: export again")
        with appearing_whole(request.out, untouched) as folder:
            written = Written()
            changes = Changes(folder)
            try:
                list_changes(selection, changes, request)
                _write(selection, folder, request, changes, written)
            finally:
                changes.close()
            _require_something(selection, request, changes, written)
            changes.summary(_facts(selection, request, written, reviews))
            if request.beside is not None:
                request.beside(folder)
        return written
    finally:
        con.close()


def _from_source(selection: Selection, request: Request) -> bool:
    return selection.dataset["format"] == request.target


def _write(selection: Selection, folder: Path, request: Request, changes: Changes, written: Written) -> None:
    again = _from_source(selection, request)
    if request.target == "coco":
        (coco_again if again else coco).write(selection, folder, changes, written)
    elif request.target == "hagrid":
        (hagrid.write_again if again else hagrid.write)(selection, folder, changes, written)
    elif request.target == "yolo":
        (yolo_again if again else yolo).write(selection, folder, changes, written, request.copy_images)
    else:
        tables.write(selection, folder, written, request.target)


def _require_something(selection: Selection, request: Request, changes: Changes, written: Written) -> None:
    """An export of images whose every annotation was dropped would pass for one of backgrounds."""
    wanted = selection.con.execute(
        "select count(*) from taken_annotation where kind = 'instance'"
    ).fetchone()[0]
    if any(written.annotations.values()) or (not wanted and any(written.images.values())):
        return
    reasons = [reason for (action, reason), _ in changes.counts.most_common() if action == "dropped"]
    told = f"nothing of {selection.dataset['name']} fits into {request.target}: {'; '.join(reasons[:3])}"
    hint = " (kpaudit measure learns sizes from the images)" if "no image size" in told else ""
    raise KpauditError(f"{told}{hint}; nothing was written")


def _facts(selection: Selection, request: Request, written: Written, reviews: str) -> dict[str, Any]:
    dataset, plan = selection.dataset, selection.plan
    after = {
        split: (count, written.annotations.get(split, 0), written.keypoints.get(split, 0))
        for split, count in written.images.items()
    }
    return {
        "dataset": dataset["name"],
        "root": dataset["root"],
        "format": dataset["format"],
        "indexed_at": dataset["indexed_at"],
        "target": request.target,
        "options": _options(request),
        "reviews": f"{plan.decisions} standing decisions, from {reviews}",
        "source": "the source's own files" if _from_source(selection, request) else "the index",
        "before": selection.before,
        "after": after,
        "notes": written.notes,
    }


def _options(request: Request) -> str:
    said = [f"--to {request.target}"]
    said += ["--drop rejected"] if request.drop_rejected else []
    said += [f"--split {name}" for name in request.splits]
    said += [f"--class {name}" for name in request.classes]
    said += [f"--where {request.where!r}"] if request.where is not None else []
    said += ["--copy-images"] if request.copy_images else []
    said += [f"new splits for {len(request.split_of):,} images"] if request.split_of else []
    return " ".join(said)
