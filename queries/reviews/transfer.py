"""Decisions as JSON lines: out, in without duplicates, and a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
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
    """The decisions of a file, and (line number, reason) of lines that are none.

    Raises ReviewError where it can't be read.
    """
    numbered, refused = _numbered(file)
    return [decision for _, decision in numbered], refused


def _numbered(file: Path) -> tuple[list[tuple[int, Decision]], list[tuple[int, str]]]:
    """As `read_lines`, the decisions with their lines' numbers too."""
    found: dict[str, tuple[int, Decision]] = {}
    refused = []
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    # bytes that are no UTF-8 are refused: put right, a reviewer would get another name
                    decision = from_json(line.decode("utf-8-sig" if number == 1 else "utf-8"))
                except UnicodeDecodeError as error:
                    refused.append((number, f"the line is no UTF-8, at its byte {error.start + 1}"))
                except ReviewError as error:
                    refused.append((number, str(error)))
                else:
                    first = found.setdefault(decision.decision_id, (number, decision))[1]
                    if first != decision:
                        refused.append((number, _CLASH.format(decision.decision_id)))
    except OSError as error:
        raise ReviewError(f"{file} can't be read: {error.strerror}") from error
    return list(found.values()), refused


_CLASH = "another decision has the same id, {}: only the first is kept"


def import_file(store: ReviewStore, file: Path) -> Imported:
    """Adds the decisions of a file that are not in the store; a line that is no decision stops no other.

    One that has the id of another decision of the store is refused: which is meant can't be told.
    """
    numbered, refused = _numbered(file)
    known = store.known([decision.decision_id for _, decision in numbered])
    good = []
    for number, decision in numbered:
        if known.get(decision.decision_id, decision) == decision:
            good.append(decision)
        else:
            refused.append((number, _CLASH.format(decision.decision_id)))
    return Imported(len(good), store.merge(good), tuple(sorted(refused)))


def standing(ledger: Sequence[Decision]) -> list[Decision]:
    """What stands of a ledger, by time: as ReviewStore.standing, for one that is in no store."""
    undone = {(d.undoes, d.reviewer) for d in ledger if d.undoes is not None}
    latest: dict[tuple[object, str], Decision] = {}
    for decision in sorted(ledger, key=lambda d: (d.at, d.decision_id)):
        if decision.undoes is None and (decision.decision_id, decision.reviewer) not in undone:
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
        yield f"  Cohen's kappa of {first} and {second}: {_number(kappa)} over {shared:,} items"
    alpha, shared = alpha_by(decisions)["all"]
    if shared:
        yield f"  Krippendorff's alpha: {_number(alpha)} over {shared:,} items judged by more than one"
    for found in precision_by_check(decisions).values():
        share = "–" if found.share is None else f"{found.share:.0%} ({found.low:.0%} to {found.high:.0%})"
        yield f"  {found.check_id}: right {share} of {found.judged:,} judged, {found.unsure:,} unsure"


def _number(value: float | None) -> str:
    return f"{value:.3f}" if value is not None else "undefined (one verdict alone was given)"
