"""Cards of known datasets: what is published about each, how it is recognised, and how an index compares."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any, Protocol

from queries import skeletons

#: What a card can count, in the order in which it is shown, in words.
MEASURES = {
    "images": "images",
    "subjects": "subjects",
    "gesture_boxes": "gesture boxes",
    "no_gesture_boxes": "no_gesture boxes",
    "annotations": "annotations",
    "keypoint_instances": "with keypoints",
}

#: The split of the figures that are of the whole dataset.
TOTAL = "total"

#: A split with at least this share of its published images is that split, a few images lost or withdrawn;
#: less is a part of it, or something else of the same layout.
NEARLY_ALL = 0.95

#: How many of the first and of the last names, and of the annotation files, are looked at.
_NAMES = 50

_TRAITS = {"meta", "united", "keypoints", "leading_hand", "merged_splits", "published_counts"}
#: Splits that only HaGRID v1 has, as the folders ann_train_val and ann_subsample.
_MERGED = {"train_val", "trainval", "subsample"}


class Rows(Protocol):
    """What answers the named queries in `sql/`: a Store, or an audit's own connection."""

    def rows(self, query: str, **params: Any) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Figure:
    """A published count; an approximate one ("25k") is known to `precision` only."""

    count: int
    approximate: bool = False
    precision: int = 1

    def __str__(self) -> str:
        return f"≈ {self.count:,}" if self.approximate else f"{self.count:,}"

    @property
    def slack(self) -> int:
        """How far a count may lie from the figure and still be what it says."""
        return self.precision if self.approximate else 0


@dataclass(frozen=True)
class Rule:
    """Conditions that together tell a dataset; one that is empty says nothing.

    `skeletons` are bundled ones: one of them must be there, and no other but those `beside`. `images` is
    matched by every file name looked at, `names` by the dataset's name, its folder or an annotation file.
    """

    why: str
    formats: tuple[str, ...] = ()
    skeletons: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    classes_any: tuple[str, ...] = ()
    classes_within: tuple[str, ...] = ()
    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    images: str = ""
    names: str = ""


@dataclass(frozen=True)
class Card:
    """A dataset, or one release of it, and what is published about it."""

    name: str
    title: str
    source: str
    known_by: tuple[Rule, ...]
    #: measure -> split or `total` -> figure; what is not published is absent
    published: Mapping[str, Mapping[str, Figure]]
    year: int | None = None
    licence: str = ""
    note: str = ""
    #: a split as found -> the split that is published
    splits: Mapping[str, str] | None = None

    def published_split(self, found: str) -> str:
        """The published name of a split as it is found."""
        return (self.splits or {}).get(found, found)


@dataclass(frozen=True)
class Facts:
    """What an indexed dataset shows of itself."""

    format: str
    names: tuple[str, ...] = ()
    file_names: tuple[str, ...] = ()
    classes: frozenset[str] = frozenset()
    skeletons: frozenset[str] = frozenset()
    traits: frozenset[str] = frozenset()
    images: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Row:
    """One published figure beside what is found; `published` is None where a split has none."""

    split: str
    measure: str
    published: Figure | None
    found: int | None  # None: the dataset does not record it
    missing: str
    here: bool = True  # False: no image of the split is

    @property
    def what(self) -> str:
        return MEASURES[self.measure]

    @property
    def share(self) -> float | None:
        """The found part of the published count."""
        if self.published is None or self.found is None:
            return None
        return self.found / self.published.count

    @property
    def nearly_all(self) -> bool:
        """Whether this is what was published, give or take a few."""
        if self.published is None or self.found is None:
            return False
        low = NEARLY_ALL * self.published.count - self.published.slack
        return low <= self.found <= self.published.count / NEARLY_ALL + self.published.slack


@dataclass(frozen=True)
class Comparison:
    """A dataset beside its card."""

    card: Card
    why: str
    rows: tuple[Row, ...]

    @property
    def whole(self) -> tuple[str, ...]:
        """The splits that are here with nearly all of their published images; `total` is not one."""
        return tuple(row.split for row in self._images() if row.nearly_all)

    @property
    def absent(self) -> tuple[str, ...]:
        """The published splits of which no image is here."""
        return tuple(row.split for row in self._images() if row.published is not None and not row.found)

    @property
    def images(self) -> Row | None:
        """The row of all images, if their number is published."""
        return next((r for r in self.rows if (r.measure, r.split) == ("images", TOTAL)), None)

    def _images(self) -> list[Row]:
        return [row for row in self.rows if row.measure == "images" and row.split != TOTAL]


@cache
def bundled() -> dict[str, Card]:
    """All cards that ship with kpaudit, by name."""
    found = {}
    for entry in resources.files("queries").joinpath("cards").iterdir():
        if entry.name.endswith(".toml"):
            card = _from_toml(tomllib.loads(entry.read_text(encoding="utf-8")), entry.name)
            found[card.name] = card
    return dict(sorted(found.items()))


def beside(store: Rows, dataset: Mapping[str, Any]) -> Comparison | None:
    """An indexed dataset beside its card, or None where no card is known to be its own."""
    number = dataset["dataset_id"]
    counts = store.rows("card_counts", dataset=number)
    (found,) = store.rows("card_facts", dataset=number, limit=_NAMES)
    joints = {row["skeleton"]: row["joints"] for row in store.rows("card_joints", dataset=number)}
    facts = facts_of(dataset, found, joints, counts)
    card = recognise(facts)
    if card is None:
        return None
    recorded = bool(dataset["subjects_recorded"])
    return Comparison(card, _reason(card, facts), tuple(compare(card, counts, recorded)))


def facts_of(
    dataset: Mapping[str, Any],
    found: Mapping[str, Any],
    joints: Mapping[str, list[str]],
    counts: Iterable[Mapping[str, Any]],
) -> Facts:
    """Facts from a row of `dataset` and the answers of card_facts, card_joints and card_counts."""
    traits = {name for name in ("meta", "united", "keypoints", "leading_hand") if found[name]}
    if _MERGED & set(found["splits"] or []):
        traits.add("merged_splits")
    return Facts(
        dataset["format"],
        (dataset["name"], PurePath(dataset["root"]).name, *(found["paths"] or [])),
        tuple(found["file_names"] or []),
        frozenset(found["classes"] or []),
        frozenset(name for skeleton in found["skeletons"] or [] for name in _kin(skeleton, joints)),
        frozenset(traits),
        {row["split"]: row["images"] for row in counts if row["split"] is not None},
    )


def recognise(facts: Facts) -> Card | None:
    """The card that the facts fit. None where none does, or where two do: a guess would compare wrongly."""
    found = [card for card in bundled().values() if _reason(card, facts)]
    return found[0] if len(found) == 1 else None


def compare(card: Card, counts: Iterable[Mapping[str, Any]], subjects_recorded: bool = True) -> list[Row]:
    """Each published figure beside what is found, and the splits for which nothing is published.

    `counts` are the rows of card_counts: a row a split, and one of the whole dataset with split None.
    """
    by_split: dict[str, dict[str, int]] = {}
    for row in counts:
        split = TOTAL if row["split"] is None else card.published_split(row["split"])
        sums = by_split.setdefault(split, dict.fromkeys(MEASURES, 0))
        for measure in MEASURES:
            sums[measure] += row[measure]
    published = card.published
    rows = []
    in_order = dict.fromkeys(split for figures in published.values() for split in figures)
    for split in (split for split in in_order if split != TOTAL):
        rows.extend(_rows_of(card, split, by_split.get(split), subjects_recorded))
    for split, sums in by_split.items():
        if "images" in published and split not in published["images"] and split != TOTAL:
            rows.append(Row(split, "images", None, sums["images"], "no count is published for this split"))
    rows.extend(_rows_of(card, TOTAL, by_split.get(TOTAL), subjects_recorded))
    return rows


def _rows_of(card: Card, split: str, here: dict[str, int] | None, subjects_recorded: bool) -> Iterator[Row]:
    for measure in MEASURES:
        figure = card.published.get(measure, {}).get(split)
        if figure is None:
            continue
        known = subjects_recorded or measure != "subjects"
        found = (here[measure] if here else 0) if known else None
        told = _missing(figure, found, here is not None)
        yield Row(split, measure, figure, found, told, here is not None)


def _missing(figure: Figure, found: int | None, here: bool) -> str:
    if found is None:
        return "not recorded here"
    if not here:
        return "the split is not here"
    if not found:
        return "none of them is here"
    difference = figure.count - found
    if abs(difference) <= figure.slack:
        return "as many as the rounded figure says" if figure.approximate else "none is missing"
    # the difference to a rounded figure is known no better than the figure
    about = "about " if figure.approximate else ""
    difference = round(difference / figure.precision) * figure.precision
    if difference > 0:
        return f"{about}{difference:,} missing"
    return f"{about}{-difference:,} more than published"


def _reason(card: Card, facts: Facts) -> str:
    """Why the card fits, or nothing where it does not."""
    return next((rule.why for rule in card.known_by if _fits(rule, card, facts)), "")


def _fits(rule: Rule, card: Card, facts: Facts) -> bool:
    traits = set(facts.traits)
    if _counts_fit(card, facts.images or {}):
        traits.add("published_counts")
    one_of = set(rule.skeletons)
    return all(
        (
            not rule.formats or facts.format in rule.formats,
            not one_of or (bool(one_of & facts.skeletons) and facts.skeletons <= one_of | set(rule.beside)),
            not rule.classes_any or bool(facts.classes & set(rule.classes_any)),
            not rule.classes_within or (bool(facts.classes) and facts.classes <= set(rule.classes_within)),
            traits.issuperset(rule.has),
            traits.isdisjoint(rule.lacks),
            not rule.images or _all_match(rule.images, facts.file_names),
            not rule.names or any(re.search(rule.names, name) for name in facts.names),
        )
    )


def _all_match(pattern: str, names: tuple[str, ...]) -> bool:
    return bool(names) and all(re.search(pattern, name) for name in names)


def _counts_fit(card: Card, images: Mapping[str, int]) -> bool:
    published = card.published.get("images", {})
    return any(
        split in published and Row(split, "images", published[split], count, "").nearly_all
        for split, count in images.items()
    )


def _kin(skeleton: str, joints: Mapping[str, list[str]]) -> list[str]:
    """The bundled skeletons that a dataset's is: by its name, or by its joints where it spells its own."""
    if skeleton in skeletons.bundled():
        return [skeleton]
    own = joints.get(skeleton)
    same = [
        known.name
        for known in skeletons.bundled().values()
        if own == [joint.canonical or skeletons.canonical(joint.name) for joint in known.joints]
    ]
    return same or [skeleton]


def _from_toml(data: dict[str, Any], file: str) -> Card:
    """A card, or ValueError, naming the file, for a word that means nothing: it would never be compared."""
    published = {
        measure: {split: _figure(value) for split, value in figures.items()}
        for measure, figures in data.get("published", {}).items()
    }
    if strange := sorted(set(published) - set(MEASURES)):
        raise ValueError(f"{file}: nothing is counted as {', '.join(strange)}; known: {', '.join(MEASURES)}")
    rules = tuple(
        Rule(**{key: tuple(value) if isinstance(value, list) else value for key, value in rule.items()})
        for rule in data["known_by"]
    )
    if strange := sorted({trait for rule in rules for trait in (*rule.has, *rule.lacks)} - _TRAITS):
        known = ", ".join(sorted(_TRAITS))
        raise ValueError(f"{file}: no trait is called {', '.join(strange)}; known: {known}")
    plain = {key: data[key] for key in ("year", "licence", "note", "splits") if key in data}
    return Card(data["name"], data["title"], data["source"], rules, published, **plain)


def _figure(value: int | dict[str, Any]) -> Figure:
    return Figure(value) if isinstance(value, int) else Figure(**value)
