"""A dataset beside its card, in words and as a table: how much of what is published is here."""

from __future__ import annotations

import pandas as pd

from dashboard.data import Card, Comparison, Filters
from dashboard.state import Door
from dashboard.text import clean, count, listed, md, share


def words(comparison: Comparison) -> list[str]:
    """What the dataset is or looks like, how much of it is here and what is not (Markdown)."""
    return [line for line in (_verdict(comparison), _missing(comparison), _unlisted(comparison)) if line]


def table(comparison: Comparison) -> pd.DataFrame:
    """Split by split: what is counted, published and found, the share, and what is missing.

    Of a split that is not here the number of images says enough.
    """
    rows = [
        (
            clean(row.split),
            row.what,
            "–" if row.published is None else str(row.published),
            row.found,
            "–" if row.published is None or row.found is None else share(row.found, row.published.count),
            row.missing,
        )
        for row in comparison.rows
        if row.measure == "images" or row.split not in comparison.absent
    ]
    frame = pd.DataFrame(rows, columns=["split", "what", "published", "found", "share", "missing"])
    return frame.astype({"found": "Int64"})


def source(card: Card) -> str:
    """Where the figures come from, under the table (Markdown)."""
    parts = [md(card.note), f"Published: {md(card.source)}."]
    if card.licence:
        parts.append(f"Licence: {md(card.licence)}.")
    parts.append("Counted over the whole dataset, whatever is filtered.")
    return " ".join(part for part in parts if part)


def door(comparison: Comparison, split: str, everything: Filters, present: list[str]) -> Door | None:
    """To the images of a published split, whatever the dataset calls it; None where none is here."""
    if split == "total":
        return Door(everything)
    here = tuple(name for name in present if comparison.card.published_split(name) == split)
    return Door(everything.with_(splits=here)) if here else None


def _verdict(comparison: Comparison) -> str:
    card = comparison.card
    title = f"**{md(card.title)}**" + (f" ({card.year})" if card.year else "")
    here = [row for row in comparison.rows if row.measure == "images" and row.published and row.found]
    by_split = [
        f"{row.found:,} of {row.published} images in **{md(row.split)}** "
        f"({share(row.found, row.published.count)})"
        for row in here
        if row.split != "total"
    ]
    everything = comparison.images
    if everything is not None and not by_split and everything.found:
        part = share(everything.found, everything.published.count)
        by_split = [f"{everything.found:,} of {everything.published} images in all ({part})"]
    known = f"Known by: {md(comparison.why)}."
    if comparison.whole or (everything is not None and everything.nearly_all):
        return f"This is {title}: {listed(by_split)}. {known}"
    if "images" not in card.published:
        return f"Laid out like {title}; no published number of images is known here. {known}"
    if not by_split:
        return f"Laid out like {title}: a part of it, or another dataset of the same layout. {known}"
    return (
        f"Laid out like {title}, with {listed(by_split)}: a part of it, or another dataset of the same "
        f"layout. {known}"
    )


def _missing(comparison: Comparison) -> str:
    few = [
        f"{row.missing} in **{md(row.split)}**"
        for row in comparison.rows
        if row.measure == "images" and row.split in comparison.whole and row.found != row.published.count
    ]
    absent = [f"**{md(split)}**" for split in comparison.absent]
    parts = [f"Images: {listed(few)}."] if few else []
    if absent:
        parts.append(f"Not here: the published {'split' if len(absent) == 1 else 'splits'} {listed(absent)}.")
    return " ".join(parts)


def _unlisted(comparison: Comparison) -> str:
    found = [
        f"**{md(row.split)}** ({count(row.found or 0, 'image')})"
        for row in comparison.rows
        if row.published is None
    ]
    return f"No count is published for {listed(found)}." if found else ""
