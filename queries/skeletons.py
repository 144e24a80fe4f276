"""Skeletons as data: the bundled TOML files, a category's own joints, and a user's two-field JSON."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from functools import cache
from importlib import resources
from pathlib import Path

from queries.errors import SkeletonError, unknown_name
from queries.model import Skeleton, SkeletonJoint

_SIDE = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])")
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}

# Words in a joint's name that tell its part, first match wins; limbs get the side in front.
_PART_WORDS = (
    ("head", ("nose", "eye", "ear", "head", "mouth", "chin", "face", "neck")),
    ("torso", ("shoulder", "hip", "pelvis", "thorax", "spine", "root", "chest", "torso")),
    ("arm", ("elbow", "wrist", "hand", "finger")),
    ("leg", ("knee", "ankle", "foot", "toe", "heel")),
)


@cache
def bundled() -> dict[str, Skeleton]:
    """All skeletons that ship with kpaudit, by name."""
    found = {}
    for entry in resources.files("queries").joinpath("skeletons").iterdir():
        if entry.name.endswith(".toml"):
            skeleton = _from_toml(tomllib.loads(entry.read_text(encoding="utf-8")), entry.name)
            found[skeleton.name] = skeleton
    return dict(sorted(found.items()))


def get(name: str) -> Skeleton:
    """The bundled skeleton of that name. Raises UsageError, listing the known names."""
    if name not in bundled():
        raise unknown_name("skeleton", name, list(bundled()))
    return bundled()[name]


def matching(names: list[str] | tuple[str, ...]) -> Skeleton | None:
    """The bundled skeleton with exactly these joints in this order, whatever their spelling.

    Two datasets can share their joints (MPII, MHP): the one whose published file spells them so comes
    first, then the default of that many joints. A published list can be wrong (`names_note`): it is known
    by its spelling alone, and never taken for another skeleton.
    """
    ordered = sorted(bundled().values(), key=lambda skeleton: not skeleton.default_for_count)
    for skeleton in ordered:
        if names and skeleton.published_names == tuple(names):
            return skeleton
    wanted = [_spoken(name) for name in names]
    for skeleton in ordered:
        if [_spoken(name) for name in skeleton.names] == wanted:
            return skeleton
    return None


def misnamed(skeleton: Skeleton, names: list[str] | tuple[str, ...]) -> bool:
    """Whether a file's names are the published list that `names_note` says is wrong."""
    return bool(skeleton.names_note) and tuple(names) == skeleton.published_names


def default_for(count: int) -> Skeleton | None:
    """The bundled skeleton to assume where `count` keypoints have no names, if there is a likely one."""
    found = [s for s in bundled().values() if s.default_for_count and len(s.joints) == count]
    return found[0] if len(found) == 1 else None


def canonical(name: str) -> str:
    """A joint's name in lower case with single underscores: `Right-ankle` is `right_ankle`."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _spoken(name: str) -> str:
    # Ultralytics' `index_mcp` is MediaPipe's `index_finger_mcp`
    return canonical(name).replace("_finger_", "_")


def from_names(
    name: str, joints: list[str], bones: list[tuple[int, int]], title: str = "", source: str = ""
) -> Skeleton:
    """A skeleton known by its joint names alone.

    Flip pairs are the names that differ in `left` and `right` (or `l` and `r`) only; parts come from
    words in the names; there are no sigmas. `bones` are 0-based. Raises SkeletonError where a name is
    repeated or a bone points outside the joints.
    """
    _validate(name, joints, bones)
    canonicals = [canonical(joint) for joint in joints]
    by_name = {joint: index for index, joint in enumerate(canonicals)}
    built = []
    for index, joint in enumerate(canonicals):
        mirrored = _SIDE.sub(lambda m: _OTHER[m.group(1)], joint.replace("_", " ")).replace(" ", "_")
        built.append(SkeletonJoint(joints[index], by_name.get(mirrored, index), None, _part(joint)))
    return Skeleton(name, tuple(built), tuple(bones), title, source)


def numbered(name: str, count: int) -> Skeleton:
    """A skeleton of `count` joints that nothing names: `joint_0`, `joint_1`, ... without bones."""
    joints = tuple(SkeletonJoint(f"joint_{index}", index) for index in range(count))
    return Skeleton(name, joints, (), f"{count} joints without names")


def from_file(path: Path) -> Skeleton:
    """A user's skeleton: DataTorch's `{"keypoints": [names], "skeleton": [[1, 2], ...]}`, 1-based.

    Raises SkeletonError, naming the file and what was expected.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SkeletonError(f"{path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise SkeletonError(f"{path}: can't be read as JSON: {error}") from error
    return from_two_fields(data, path.stem, str(path))


def from_two_fields(data: object, name: str, path: str) -> Skeleton:
    """A skeleton from DataTorch's two fields; `path` is where they come from, for errors."""
    names = data.get("keypoints") if isinstance(data, dict) else None
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise SkeletonError(f'{path}: expected {{"keypoints": [names], "skeleton": [[1, 2], ...]}}')
    pairs = data.get("skeleton") or []
    bones = []
    for pair in pairs if isinstance(pairs, list) else [pairs]:
        if not _is_pair(pair):
            raise SkeletonError(f"{path}: a bone is {pair!r}, expected a pair of joint numbers")
        if not all(1 <= end <= len(names) for end in pair):
            raise SkeletonError(f"{path}: a bone is {pair!r}, expected joint numbers from 1 to {len(names)}")
        bones.append((pair[0] - 1, pair[1] - 1))
    known = matching(names)
    try:
        own = from_names(name, names, bones, title=name, source=path)
    except SkeletonError as error:
        raise SkeletonError(f"{path}: {error}") from error
    # A published list that is known to be wrong is this user's word all the same.
    trusted = known is not None and not misnamed(known, names)
    return with_known_facts(own, known) if trusted else own


def with_known_facts(own: Skeleton, known: Skeleton) -> Skeleton:
    """`own` joints and bones, with the flip pairs, sigmas and parts of a bundled skeleton of that shape."""
    joints = tuple(
        replace(theirs, name=mine.name, canonical=theirs.canonical or canonical(theirs.name))
        for mine, theirs in zip(own.joints, known.joints, strict=True)
    )
    return Skeleton(own.name, joints, own.bones, own.title, own.source, known.sigmas_source)


def same_bones(a: Skeleton, b: Skeleton) -> bool:
    """Whether both draw the same bones, in whichever order and direction."""
    return {frozenset(bone) for bone in a.bones} == {frozenset(bone) for bone in b.bones}


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and all(isinstance(end, int) and not isinstance(end, bool) for end in pair)
    )


def _validate(name: str, joints: list[str], bones: list[tuple[int, int]]) -> None:
    repeated = sorted({joint for joint in joints if joints.count(joint) > 1})
    if repeated:
        raise SkeletonError(f"skeleton {name!r} names a joint twice: {', '.join(repeated)}")
    for a, b in bones:
        if not (0 <= a < len(joints) and 0 <= b < len(joints)):
            raise SkeletonError(
                f"skeleton {name!r} has a bone between joints {a} and {b}, but joints 0 to {len(joints) - 1}"
            )


def _part(joint: str) -> str | None:
    side = _SIDE.search(joint.replace("_", " "))
    for part, words in _PART_WORDS:
        if any(token.startswith(words) for token in joint.split("_")):
            if part in ("head", "torso") or side is None:
                return part
            return f"{'left' if side.group(1).startswith('l') else 'right'}_{part}"
    return None


def _from_toml(data: dict, file: str) -> Skeleton:
    names = [joint["name"] for joint in data["joints"]]
    index = {name: i for i, name in enumerate(names)}
    shared = data.get("canonical", {})
    if strange := sorted(set(shared) - set(names)):
        raise SkeletonError(f"{file}: no joint is called {', '.join(strange)}")
    try:
        joints = tuple(
            SkeletonJoint(
                j["name"],
                index[j.get("flip", j["name"])],
                j.get("sigma"),
                j.get("part"),
                shared.get(j["name"]),
            )
            for j in data["joints"]
        )
        bones = tuple((index[a], index[b]) for a, b in data["bones"])
        in_use = tuple(index[name] for name in data.get("in_use", ()))
    except KeyError as error:
        raise SkeletonError(f"{file}: no joint is called {error}") from error
    _validate(data["name"], names, list(bones))
    published = tuple(data.get("published_names", ()))
    if published and len(published) != len(names):
        raise SkeletonError(f"{file}: {len(published)} published names for {len(names)} joints")
    return Skeleton(
        data["name"],
        joints,
        bones,
        data["title"],
        data["source"],
        data.get("sigmas_source", ""),
        published,
        data.get("names_note", ""),
        data.get("default_for_count", False),
        in_use,
    )
