"""One vocabulary of joints: what is the same joint in two skeletons, and what only looks like it.

Each bundled skeleton keeps its dataset's own names; `canonical` of a joint is its shared name, where that
differs. vocabulary.toml says what the shared names mean and which of them are close but different.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import product
from string import Formatter

from queries import skeletons
from queries.model import Skeleton


@dataclass(frozen=True)
class Comparison:
    """Two skeletons side by side; indices are 0-based, names in lists are canonical.

    `close` holds pairs of names, one in `only_a` and one in `only_b`, and how they differ.
    """

    shared: list[tuple[str, int, int]]
    only_a: list[str]
    only_b: list[str]
    close: list[tuple[str, str, str]]


def canonical_names(skeleton: Skeleton) -> tuple[str, ...]:
    """The shared names of a skeleton's joints, in its order.

    A joint of a skeleton that kpaudit does not know has its own name, in lower case with underscores.
    """
    return tuple(joint.canonical or skeletons.canonical(joint.name) for joint in skeleton.joints)


def compare(a: Skeleton, b: Skeleton) -> Comparison:
    """What two skeletons share, what only one has, and what is close but different."""
    in_a = {name: index for index, name in enumerate(canonical_names(a))}
    in_b = {name: index for index, name in enumerate(canonical_names(b))}
    close = []
    for first, second, why in close_pairs():
        for left, right in ((first, second), (second, first)):
            # Where both have one of the two joints, nobody takes the other for it.
            if left in in_a and left not in in_b and right in in_b and right not in in_a:
                close.append((left, right, why))
    return Comparison(
        [(name, index, in_b[name]) for name, index in in_a.items() if name in in_b],
        [name for name in in_a if name not in in_b],
        [name for name in in_b if name not in in_a],
        sorted(close, key=lambda pair: (in_a[pair[0]], in_b[pair[1]])),
    )


@cache
def meanings() -> dict[str, str]:
    """Every name of the vocabulary, and what it means."""
    return {name: text for key, text in _data()["joints"].items() for (name,) in _filled(key)}


@cache
def close_pairs() -> tuple[tuple[str, str, str], ...]:
    """All pairs of names that are close but different, with how they differ."""
    return tuple((a, b, pair["why"]) for pair in _data()["close"] for a, b in _filled(pair["a"], pair["b"]))


@cache
def _data() -> dict:
    return tomllib.loads(resources.files("queries").joinpath("vocabulary.toml").read_text(encoding="utf-8"))


def _filled(*patterns: str) -> Iterator[tuple[str, ...]]:
    """Names for each combination of what the patterns' fields stand for; a field is the same in all."""
    values = {
        "side": ("left", "right"),
        "hand": _data()["hand"],
        "face": range(68),
    }
    fields = sorted({field for p in patterns for _, field, _, _ in Formatter().parse(p) if field})
    for chosen in product(*(values[field] for field in fields)):
        filled = dict(zip(fields, chosen, strict=True))
        yield tuple(pattern.format(**filled) for pattern in patterns)
