"""How far reviewers agree: Cohen's κ for two, Krippendorff's α for any number, and a check's precision."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from queries.reviews.model import REJECTING, Decision, Item
from queries.statistics import wilson


def cohen_kappa(pairs: Iterable[tuple[Hashable, Hashable]]) -> float | None:
    """κ of two raters over the items that both judged, (first, second) each: 1 agree, 0 as by chance.

    None where nothing was judged by both, or both always said one and the same: chance alone would make
    them agree so, and κ is 0 ÷ 0. Source: J. Cohen, "A coefficient of agreement for nominal scales",
    Educational and Psychological Measurement 20 (1960).
    """
    found = list(pairs)
    n = len(found)
    if not n:
        return None
    first, second = Counter(a for a, _ in found), Counter(b for _, b in found)
    observed = sum(a == b for a, b in found) / n
    expected = sum(first[value] * second[value] for value in first) / n**2
    return None if expected == 1 else (observed - expected) / (1 - expected)


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Nominal α over units, each the values that its raters gave, missing ones left out.

    Units with fewer than two values tell nothing. None where there is no pair at all, or no two values differ
    anywhere: without variation α is 0 ÷ 0. Source: K. Krippendorff, "Computing Krippendorff's
    alpha-reliability" (2011), with the coincidence matrix:
    α = 1 − (n − 1) Σ o_ck (c ≠ k) ÷ Σ n_c n_k (c ≠ k).
    """
    totals: Counter[Hashable] = Counter()
    differing = 0.0
    for values in units:
        m = len(values)
        if m < 2:
            continue
        counts = Counter(values)
        totals.update(counts)
        same = sum(count * (count - 1) for count in counts.values())
        differing += (m * (m - 1) - same) / (m - 1)
    n = sum(totals.values())
    if n < 2:
        return None
    expected = n * n - sum(count * count for count in totals.values())
    return None if expected == 0 else 1 - (n - 1) * differing / expected


@dataclass(frozen=True)
class Precision:
    """How often reviewers agreed with a check: of `judged` findings `right` were, with Wilson's interval.

    `unsure` verdicts are counted apart, and an item judged by several counts by their majority.
    """

    check_id: str
    judged: int
    right: int
    unsure: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        return self.right / self.judged if self.judged else None


def by_item(decisions: Iterable[Decision]) -> dict[Item, dict[str, Decision]]:
    """Standing decisions by item and reviewer."""
    found: dict[Item, dict[str, Decision]] = defaultdict(dict)
    for decision in decisions:
        found[decision.item][decision.reviewer] = decision
    return dict(found)


def pairwise_kappa(decisions: Iterable[Decision]) -> dict[tuple[str, str], tuple[float | None, int]]:
    """κ and how many items both judged, for every two reviewers that share any."""
    items = by_item(decisions)
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for said in items.values():
        names = sorted(said)
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                pairs[first, second].append((said[first].verdict, said[second].verdict))
    return {names: (cohen_kappa(found), len(found)) for names, found in sorted(pairs.items())}


def alpha_by(
    decisions: Iterable[Decision], groups: Mapping[Item, str] | None = None
) -> dict[str, tuple[float | None, int]]:
    """α over the verdicts and how many items more than one judged: "all", each verdict against the rest, and
    each group (a class, say) that `groups` puts items in."""
    items = {item: [d.verdict for d in said.values()] for item, said in by_item(decisions).items()}
    items = {item: verdicts for item, verdicts in items.items() if len(verdicts) > 1}
    found = {"all": (krippendorff_alpha(items.values()), len(items))}
    for verdict in sorted({v for verdicts in items.values() for v in verdicts}):
        units = [[v == verdict for v in verdicts] for verdicts in items.values()]
        concerned = sum(any(unit) for unit in units)
        found[f"verdict {verdict}"] = (krippendorff_alpha(units), concerned)
    if groups is not None:
        for group in sorted({groups[item] for item in items if item in groups}):
            mine = [verdicts for item, verdicts in items.items() if groups.get(item) == group]
            found[f"class {group}"] = (krippendorff_alpha(mine), len(mine))
    return found


def kappa_by(
    decisions: Iterable[Decision], pair: tuple[str, str], groups: Mapping[Item, str] | None = None
) -> dict[str, float | None]:
    """κ of two reviewers under the names of `alpha_by`: "all", each verdict against the rest, each group."""
    first, second = pair
    both = {
        item: (said[first].verdict, said[second].verdict)
        for item, said in by_item(decisions).items()
        if first in said and second in said
    }
    found = {"all": cohen_kappa(both.values())}
    for verdict in sorted({v for verdicts in both.values() for v in verdicts}):
        found[f"verdict {verdict}"] = cohen_kappa((a == verdict, b == verdict) for a, b in both.values())
    if groups is not None:
        for group in sorted({groups[item] for item in both if item in groups}):
            mine = (verdicts for item, verdicts in both.items() if groups.get(item) == group)
            found[f"class {group}"] = cohen_kappa(mine)
    return found


def precision_by_check(decisions: Iterable[Decision]) -> dict[str, Precision]:
    """The measured precision of each check whose findings were judged. A finding is right where most of
    those who were sure called the record bad, wrong where most called it good; a tie counts as unsure."""
    votes: dict[tuple[str, str], list[str]] = defaultdict(list)
    for decision in decisions:
        if decision.check_id is not None and decision.finding_key is not None:
            votes[decision.check_id, decision.finding_key].append(decision.verdict)
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    for (check_id, _), verdicts in votes.items():
        bad, good = sum(v in REJECTING for v in verdicts), verdicts.count("good")
        tally[check_id]["right" if bad > good else "wrong" if good > bad else "unsure"] += 1
    found = {}
    for check_id, counts in sorted(tally.items()):
        judged = counts["right"] + counts["wrong"]
        low, high = wilson(counts["right"], judged) if judged else (0.0, 1.0)
        found[check_id] = Precision(
            check_id, judged, counts["right"], counts["unsure"], float(low), float(high)
        )
    return found
