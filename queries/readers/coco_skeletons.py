"""Decides which skeleton a COCO category's keypoints follow: its own words first, then a stated guess."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from queries import skeletons
from queries.errors import SkeletonError
from queries.model import Skeleton


@dataclass(frozen=True)
class Category:
    """What a file says of one category, and the lengths of its annotations' keypoint lists."""

    name: str
    joints: tuple[str, ...]
    bones: str | None
    lengths: dict[int, int]


@dataclass(frozen=True)
class Layout:
    """How a category's keypoint lists are read: the skeleton, and 3 numbers a joint or 2."""

    skeleton: Skeleton | None
    dims: int
    #: (kind, message) of what does not fit in the file's own words
    complaints: tuple[tuple[str, str], ...] = ()
    #: what had to be guessed, in plain words
    guess: str | None = None


def layout(
    category: Category, own_name: str, user: Skeleton | None, flags_fit: Callable[[int], bool]
) -> Layout:
    """The layout of a category.

    `own_name` is the name for a skeleton that is the category's own; `user` is `--skeleton`'s, which
    wins; `flags_fit(length)` says whether every third number of the lists of that length could be a
    visibility flag.
    """
    commonest = max(category.lengths, key=lambda n: (category.lengths[n], n)) if category.lengths else 0
    if user is not None:
        return Layout(user, _dims(len(user.joints), category.lengths, commonest))
    if category.joints:
        return _named(category, own_name, commonest)
    if not commonest:
        return Layout(None, 3)
    return _unnamed(category, commonest, flags_fit)


def _dims(count: int, lengths: dict[int, int], commonest: int) -> int:
    return 2 if commonest == 2 * count and 3 * count not in lengths else 3


def _named(category: Category, own_name: str, commonest: int) -> Layout:  # noqa: PLR0911
    count = len(category.joints)
    dims = _dims(count, category.lengths, commonest)
    fits = not category.lengths or count * dims in category.lengths
    if not fits and commonest % 3 == 0 and commonest // 3 < count:
        return _shorter(category, own_name, commonest // 3)
    if not fits and (longer := _longer(category, commonest)):
        return Layout(longer, 3)
    bones, complaints = _bones(category, count)
    known = skeletons.matching(category.joints)
    broken_bones = any(kind == "skeleton-index-out-of-range" for kind, _ in complaints)
    try:
        own = skeletons.from_names(own_name, list(category.joints), bones, category.name)
    except SkeletonError as error:
        # Two joints of one name: they keep their places, under numbers.
        complaints.append(("skeleton-names", f"category {category.name!r}: {error}"))
        names = [f"{name} #{i}" for i, name in enumerate(category.joints)]
        return Layout(skeletons.from_names(own_name, names, bones, category.name), dims, tuple(complaints))
    if known is None:
        return Layout(own, dims, tuple(complaints))
    if skeletons.misnamed(known, category.joints):
        complaints.append(("skeleton-names", f"category {category.name!r}: {known.names_note}"))
        return Layout(known, dims, tuple(complaints))
    # A bone list that points outside its joints was made for another skeleton: CrowdPose repeats COCO's.
    if not bones or broken_bones or skeletons.same_bones(own, known):
        return Layout(_spelled(own, known), dims, tuple(complaints))
    return Layout(skeletons.with_known_facts(own, known), dims, tuple(complaints))


def _spelled(own: Skeleton, known: Skeleton) -> Skeleton:
    """The bundled skeleton, unless the file spells its joints in another way: then its own names stand."""
    if own.names in (known.names, known.published_names):
        return known
    bones_of_known = Skeleton(own.name, own.joints, known.bones, own.title, own.source)
    return skeletons.with_known_facts(bones_of_known, known)


def _shorter(category: Category, own_name: str, count: int) -> Layout:
    """Human-Art's case: the category names more joints than its annotations' lists hold."""
    names = category.joints[:count]
    known = skeletons.matching(names)
    bones, complaints = _bones(category, len(category.joints))
    kept = [(a, b) for a, b in bones if a < count and b < count]
    own = known or skeletons.from_names(own_name, list(names), kept, category.name)
    told = f"category {category.name!r} names {len(category.joints)} keypoints, its annotations hold {count}"
    complaints.append(("wrong-joint-count", f"{told}; read as the first {count}"))
    return Layout(own, 3, tuple(complaints), f"{told}: read as {own.name}")


def _longer(category: Category, commonest: int) -> Skeleton | None:
    """COCO-WholeBody's case: the category names COCO's 17 joints alone, and 133 are there."""
    names = [skeletons.canonical(name) for name in category.joints]
    for known in skeletons.bundled().values():
        begins = [skeletons.canonical(name) for name in known.names[: len(names)]]
        if 3 * len(known.joints) == commonest and begins == names:
            return known
    return None


def _unnamed(category: Category, commonest: int, flags_fit: Callable[[int], bool]) -> Layout:
    dims = 3 if commonest % 3 == 0 and (commonest % 2 or flags_fit(commonest)) else 2
    if commonest % dims:
        return Layout(None, 3)
    count = commonest // dims
    skeleton = skeletons.default_for(count) or skeletons.numbered(f"unnamed-{count}", count)
    told = f"category {category.name!r} names no keypoints; its lists of {commonest} numbers"
    return Layout(skeleton, dims, (), f"{told} are read as {skeleton.name}, {dims} numbers a joint")


def _bones(category: Category, count: int) -> tuple[list[tuple[int, int]], list[tuple[str, str]]]:
    """The category's own bones as 0-based pairs, and what is wrong with them."""
    complaints: list[tuple[str, str]] = []
    try:
        pairs = json.loads(category.bones) if category.bones else []
    except ValueError:
        pairs = None
    if pairs is None:
        pairs = []
    if not isinstance(pairs, list) or not all(
        isinstance(p, list) and len(p) == 2 and all(isinstance(e, int) for e in p) for p in pairs
    ):
        return [], [("field-type", f"category {category.name!r}: skeleton is not a list of pairs of numbers")]
    first = 1
    if any(0 in pair for pair in pairs) and all(0 <= end < count for pair in pairs for end in pair):
        first = 0
        told = f"category {category.name!r}: bones count from 0, COCO's from 1; read so"
        complaints.append(("skeleton-counts-from-0", told))
    outside = [pair for pair in pairs if not all(first <= end < count + first for end in pair)]
    if outside:
        complaints.append(
            (
                "skeleton-index-out-of-range",
                f"category {category.name!r}: bone {outside[0]} points outside its {count} keypoints "
                f"({len(outside)} of {len(pairs)} bones do)",
            )
        )
    bones = [(a - first, b - first) for a, b in pairs if [a, b] not in outside]
    return bones, complaints
