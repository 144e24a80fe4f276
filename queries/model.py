"""Frozen records that cross a boundary between modules; standard library only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

#: Ids of dataset n lie in (n * ID_BLOCK, (n + 1) * ID_BLOCK): unique in a workspace without a registry.
ID_BLOCK = 1_000_000_000

#: Goes up with every change of schema.sql's tables.
SCHEMA_VERSION = 3

#: Goes up with every change of findings.sql's or facts.sql's tables.
FINDINGS_VERSION = 2
FACTS_VERSION = 2

#: The split of an image for which neither the file, its folder nor the user says one.
UNSPLIT = "unsplit"

#: (done, total, what) in bytes of annotation files; called from the thread that indexes.
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class SkeletonJoint:
    """One joint of a skeleton: its name, mirror image (by index), OKS sigma and body part.

    `canonical` is the joint's name in the shared vocabulary, where that differs from the joint's own.
    """

    name: str
    flip: int
    sigma: float | None = None
    part: str | None = None
    canonical: str | None = None


@dataclass(frozen=True)
class Skeleton:
    """Joints in the dataset's order and the bones between them, as 0-based index pairs.

    `published_names` are the names as a published file spells them, where they are not the joints' own;
    `names_note` says what is wrong with those. `default_for_count` marks the skeleton that is assumed
    where a file gives so many keypoints and names none. `in_use` are the joints that are worth reading,
    where a dataset records more than that.
    """

    name: str
    joints: tuple[SkeletonJoint, ...]
    bones: tuple[tuple[int, int], ...]
    title: str = ""
    source: str = ""
    sigmas_source: str = ""
    published_names: tuple[str, ...] = ()
    names_note: str = ""
    default_for_count: bool = False
    in_use: tuple[int, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(joint.name for joint in self.joints)


@dataclass(frozen=True)
class Detection:
    """How sure a reader is (0 to 1) that a path is its own, and what it saw that says so."""

    confidence: float
    evidence: str
    #: readers whose files it has accounted for: they are this dataset's, read by it or listed as left out
    covers: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundFile:
    """A file met while walking a root: path relative to it, size in bytes, mtime in nanoseconds."""

    path: str
    bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class SourceFile:
    """An annotation file of a dataset, with the split that its name, folder or the user gives it."""

    file_id: int
    path: str
    absolute: Path
    split: str | None
    bytes: int
    mtime_ns: int
    #: read by the reader; otherwise listed with the reason why it is not
    skipped: str | None = None


@dataclass(frozen=True)
class Problem:
    """A record, or a part of one, that could not be taken as it is."""

    file_id: int | None
    locator: str
    kind: str
    message: str


@dataclass(frozen=True)
class Options:
    """What the user said about a dataset beyond its path."""

    name: str | None = None
    format: str = "auto"
    images: Path | None = None
    split: str | None = None
    skeleton: Skeleton | None = None


@dataclass
class DatasetFacts:
    """What a reader learns about the dataset as a whole while it reads."""

    unit: str
    visibility_recorded: bool
    classes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skeletons: dict[str, Skeleton] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildSummary:
    """Counts at the end of an index run."""

    dataset_id: int
    name: str
    format: str
    root: str
    images: int
    annotations: int
    keypoints: int
    subjects: int
    files: int
    problems: dict[str, int]
    seconds: float
    notes: tuple[str, ...] = ()
    unchanged: bool = False
    #: how many of the annotations are HaGRID's boxes around two hands
    united: int = 0
    #: how many files were read where an index was there before; None where there was none
    read: int | None = None
