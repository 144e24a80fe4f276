"""What `kpaudit resplit` does: make the splits, show before and after, write the assignment."""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from queries import resplit, targets
from queries.errors import KpauditError, UsageError
from queries.resplit import Images
from queries.store import Store

COLUMNS = ("dataset", "key", "subject", "split_before", "split")


@dataclass(frozen=True)
class Shape:
    """What is wrong with splits, and how far they are from even: before, or after."""

    images: dict[str, int]
    subjects_leaking: int
    keys_leaking: int
    copies_leaking: int
    #: kind → (value, split, its share of the value's instances, the split's share of all images), the worst
    #: of those of which a split would have at least five: fewer can't be shared out evenly
    worst: dict[str, tuple[str, str, float, float]]


def shape(images: Images, split: np.ndarray) -> Shape:
    """Measures splits (N,) of names."""
    names, code = np.unique(split.astype(str), return_inverse=True)
    counts = np.bincount(code, minlength=len(names))
    worst: dict[str, tuple[str, str, float, float]] = {}
    for kind in dict.fromkeys(kind for kind, _ in images.names):
        columns = [n for n, (k, _) in enumerate(images.names) if k == kind]
        strata = images.strata[:, columns]
        by_split = np.stack([np.asarray(strata[code == n].sum(axis=0)).ravel() for n in range(len(names))])
        total = by_split.sum(axis=0)
        expected = counts / counts.sum()
        off = np.abs(by_split / np.maximum(total, 1) - expected[:, None])
        off[total[None, :] * expected[:, None] < 5] = -1
        row, column = np.unravel_index(int(np.argmax(off)), off.shape)
        if off[row, column] < 0:
            continue
        value = images.names[columns[column]][1]
        share = by_split[row, column] / max(total[column], 1)
        worst[kind] = (value, str(names[row]), float(share), float(expected[row]))
    pairs = images.near_pairs
    return Shape(
        {str(name): int(n) for name, n in zip(names, counts, strict=True)},
        _leaking(images.subject, code),
        _leaking(images.key, code),
        int((code[pairs[:, 0]] != code[pairs[:, 1]]).sum()) if len(pairs) else 0,
        worst,
    )


def run(
    store: Store,
    dataset: Mapping[str, Any],
    target: Path | None,
    out: TextIO,
    *,
    by: str,
    ratios: str,
    stratify: bool,
    group: str | None,
    seed: int,
    tolerance: float,
) -> tuple[Images, np.ndarray]:
    """Makes new splits, prints them beside the old ones, writes the CSV to `target` unless that is None, and
    returns images and splits (N,).

    Raises UsageError for wrong options, KpauditError where the ratios can't be met within the tolerance (one
    subject may hold more images than that) or the file can't be written; then nothing is written.
    """
    wanted = resplit.parse_ratios(ratios)
    if target is not None:
        refuse(target, targets.kept_clear(store, dataset["dataset_id"]))
    if not 0 < tolerance < 1:
        raise UsageError(f"--tolerance {tolerance:g}: expected a share between 0 and 1")
    images = resplit.load(store, dataset["dataset_id"], by, stratify, group)
    names = np.array(list(wanted), dtype=object)
    split = names[resplit.assign(images, wanted, seed)]
    before, after = shape(images, images.split), shape(images, split)
    without = sum(subject is None for subject in images.subject) if by == "subject" else 0
    _show(out, dataset["name"], wanted, before, after, by, without)
    _require(images, wanted, after, tolerance)
    if target is not None:
        write(target, dataset["name"], images, split)
    return images, split


def _require(images: Images, wanted: Mapping[str, float], after: Shape, tolerance: float) -> None:
    """Raises KpauditError where a split is empty, or further from its share than the tolerance."""
    sizes = np.bincount(images.unit)
    told = f"up to {sizes.max():,} of {len(images):,} images must stay together"
    if len(sizes) < len(wanted):
        told = f"{len(sizes):,} groups of images that must stay together can't fill {len(wanted)} splits"
    elif sizes.max() == 1:
        told = f"there are {len(images):,} images"
    for name, share in wanted.items():
        got = after.images.get(name, 0) / len(images)
        if not got:
            raise KpauditError(
                f"split {name} would have no image, expected {share:.2%}: {told}; nothing was written"
            )
        if abs(got - share) > tolerance:
            raise KpauditError(
                f"split {name} would have {got:.1%} of the images, expected {share:.1%} ± {tolerance:.1%}: "
                f"{told}; --tolerance allows more, nothing was written"
            )


def run_whole(
    store: Store,
    dataset: Mapping[str, Any],
    to: str,
    folder: Path,
    reviews: str | None,
    out: TextIO,
    **how: Any,
) -> None:
    """Makes new splits and writes the whole dataset by them into a new folder, with `splits.csv` beside."""
    from queries import export_commands  # noqa: PLC0415  pandas and orjson take a while to load
    from queries.export.base import Request  # noqa: PLC0415

    images, split = run(store, dataset, None, out, **how)
    split_of = dict(zip(images.image_id.tolist(), split.tolist(), strict=True))

    def beside(place: Path) -> None:
        write(place / "splits.csv", dataset["name"], images, split)

    request = Request(to, folder, split_of=split_of, beside=beside)
    export_commands.run(store, dataset, request, reviews, out)


def refuse(target: Path, never_below: Mapping[Path, str]) -> None:
    """Raises UsageError where the CSV would lie in a dataset, or take the place of a file of another kind."""
    head, what = ",".join(COLUMNS).encode(), "an assignment of kpaudit resplit"
    try:
        targets.refuse_other_file(target, what, lambda found: found.startswith(head))
        targets.refuse_below(target, never_below)
    except (OSError, ValueError) as error:
        raise KpauditError(f"{target} can't be written: {getattr(error, 'strerror', error)}") from error


def write(target: Path, dataset: str, images: Images, split: np.ndarray) -> None:
    """Writes the assignment as CSV, whole or not at all. Raises KpauditError where it can't."""
    folder = target.absolute().parent
    try:
        handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                os.fchmod(file.fileno(), 0o644)
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(COLUMNS)
                writer.writerows(_rows(dataset, images, split))
            os.replace(beside, target)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise KpauditError(f"{target} can't be written: {error.strerror}") from error


def _rows(dataset: str, images: Images, split: np.ndarray) -> Iterator[tuple[str, ...]]:
    columns = (images.key, images.subject, images.split, split)
    for key, subject, former, name in zip(*columns, strict=True):
        yield dataset, key, "" if subject is None else subject, former, name


def _leaking(values: np.ndarray, code: np.ndarray) -> int:
    """How many values stand in more than one split."""
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame({"value": values, "split": code}).dropna()
    return int((frame.groupby("value")["split"].nunique() > 1).sum()) if len(frame) else 0


def _show(
    out: TextIO, name: str, wanted: Mapping[str, float], before: Shape, after: Shape, by: str, without: int
) -> None:
    console = Console(file=out, highlight=False, width=None if out.isatty() else 120)
    console.print(Text(f"{name}: new splits by {by}", style="bold"))
    table = Table(show_edge=False, header_style="bold", pad_edge=False)
    for column, right in (("", False), ("before", True), ("after", True)):
        table.add_column(column, justify="right" if right else "left")
    total = sum(before.images.values())
    for split in dict.fromkeys([*before.images, *wanted]):
        asked = f" (asked {wanted[split]:.1%})" if split in wanted else ""
        table.add_row(Text(f"images in {split}{asked}"), _part(before.images.get(split, 0), total),
                      _part(after.images.get(split, 0), total))  # fmt: skip
    table.add_row(
        "subjects in more than one split", f"{before.subjects_leaking:,}", f"{after.subjects_leaking:,}"
    )
    table.add_row("image keys in more than one split", f"{before.keys_leaking:,}", f"{after.keys_leaking:,}")
    table.add_row("near-duplicates across splits", f"{before.copies_leaking:,}", f"{after.copies_leaking:,}")
    for kind in {**before.worst, **after.worst}:
        table.add_row(f"{kind} furthest from its split's share", _worst(before, kind), _worst(after, kind))
    console.print(table)
    if without:
        told = f"{without:,} of {total:,} images name no subject: each of them counts as a subject of its own"
        console.print(Text(told))


def _part(part: int, total: int) -> str:
    return f"{part:,} ({part / total:.1%})" if part else "0"


def _worst(found: Shape, kind: str) -> Text:
    if len(found.images) < 2 or kind not in found.worst:
        return Text("one split" if len(found.images) < 2 else "too few of each to tell")
    value, split, share, expected = found.worst[kind]
    return Text(f"{value}: {share:.1%} in {split}, even would be {expected:.1%}")
