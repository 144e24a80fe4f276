"""Decisions as JSON lines: out, in without duplicates, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from queries.reviews.agreement import alpha_by, pairwise_kappa, precision_by_check
from queries.reviews.model import Decision, ReviewError, from_json
from queries.reviews.store import ReviewStore


@dataclass(frozen=True)
class Imported:
    """How an import went: entries read, new ones, and the lines that were none, with the reason."""

    read: int
    added: int
    refused: tuple[tuple[int, str], ...]


def export_lines(store: ReviewStore) -> Iterator[str]:
    """The whole ledger, an entry a line, undone ones too: nothing is lost on the way."""
    for decision in store.ledger():
        yield decision.to_json() + "\n"


def read_lines(file: Path) -> tuple[list[Decision], list[tuple[int, str]]]:
    """The decisions of a file, and (line number, reason) of lines that are none. ReviewError if unreadable."""
    found, refused = [], []
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    found.append(from_json(line))
                except ReviewError as error:
                    refused.append((number, str(error)))
    except OSError as error:
        raise ReviewError(f"{file} can't be read: {error.strerror}") from error
    return found, refused


def import_file(store: ReviewStore, file: Path) -> Imported:
    """Adds the decisions of a file that are not in the store; a line that is no decision stops no other."""
    found, refused = read_lines(file)
    return Imported(len(found), store.merge(found), tuple(refused))


def standing(ledger: list[Decision]) -> list[Decision]:
    """What stands of a ledger in order: as ReviewStore.standing, for one that is in no store."""
    undone = {d.undoes for d in ledger if d.undoes is not None}
    latest: dict[tuple[object, str], Decision] = {}
    for decision in ledger:
        if decision.undoes is None and decision.decision_id not in undone:
            latest.pop((decision.item, decision.reviewer), None)
            latest[decision.item, decision.reviewer] = decision
    return list(latest.values())


def summary(decisions: list[Decision]) -> str:
    """Standing decisions as text: verdicts by reviewer, agreement, and the measured precision of checks."""
    if not decisions:
        return "no decision stands\n"
    lines = []
    for dataset in sorted({d.item.dataset for d in decisions}):
        mine = [d for d in decisions if d.item.dataset == dataset]
        items = {d.item for d in mine}
        lines.append(f"{dataset}: {len(mine):,} decisions on {len(items):,} items")
        for reviewer in sorted({d.reviewer for d in mine}):
            counts = Counter(d.verdict for d in mine if d.reviewer == reviewer)
            said = ", ".join(f"{verdict} {n:,}" for verdict, n in counts.most_common())
            lines.append(f"  {reviewer}: {sum(counts.values()):,} ({said})")
        lines.extend(_agreement(mine))
    return "\n".join(lines) + "\n"


def _agreement(decisions: list[Decision]) -> Iterable[str]:
    for (first, second), (kappa, shared) in pairwise_kappa(decisions).items():
        yield f"  Cohen's kappa of {first} and {second}: {kappa:.3f} over {shared:,} items"
    alpha, shared = alpha_by(decisions)["all"]
    if alpha is not None:
        yield f"  Krippendorff's alpha: {alpha:.3f} over {shared:,} items judged by more than one"
    for found in precision_by_check(decisions).values():
        share = "–" if found.share is None else f"{found.share:.0%} ({found.low:.0%} to {found.high:.0%})"
        yield f"  {found.check_id}: right {share} of {found.judged:,} judged, {found.unsure:,} unsure"
