"""The formats that kpaudit reads, one module each."""

from __future__ import annotations

from pathlib import PurePosixPath
from types import ModuleType

from queries.errors import UnknownFormat, unknown_name
from queries.model import Detection
from queries.readers import aic, coco, datatorch, h36m, hagrid, hagrid_yolo, lsp, mhp, mpii, ochuman, yolo
from queries.readers.scan import Scan

READERS: tuple[ModuleType, ...] = (
    hagrid, coco, yolo, aic, ochuman, h36m, datatorch, hagrid_yolo, mpii, lsp, mhp
)

#: Below this a reader's guess is not taken: the user is told what was seen and may say --format.
CONFIDENT = 0.5


def named(name: str) -> ModuleType:
    """The reader of that name. Raises UsageError, listing the known ones."""
    for reader in READERS:
        if name == reader.NAME:
            return reader
    raise unknown_name("format", name, ["auto", *(reader.NAME for reader in READERS)])


def described(reader: ModuleType) -> list[tuple[str, str]]:
    """What `kpaudit formats` and the README say of a format: (what, text), a variant a line."""
    return [
        *(("variants" if not i else "", variant) for i, variant in enumerate(reader.VARIANTS)),
        ("looks for", reader.LOOKS_FOR),
        ("visibility", reader.VISIBILITY),
        ("subjects", reader.SUBJECTS),
    ]


def detect(scan: Scan) -> tuple[ModuleType, Detection]:
    """The reader that is surest that the root is its own.

    Raises UnknownFormat where none is sure, or where two are and the root seems to hold several
    datasets; the message says what was seen.
    """
    guesses = sorted(
        ((reader, reader.detect(scan)) for reader in READERS), key=lambda guess: -guess[1].confidence
    )
    sure = [guess for guess in guesses if guess[1].confidence >= CONFIDENT]
    covered = {name for _, found in sure for name in found.covers}
    sure = [guess for guess in sure if guess[0].NAME not in covered]
    if not sure:
        raise UnknownFormat(_nothing_recognised(scan, guesses))
    if len(sure) > 1:
        parts = "; ".join(f"{reader.NAME} ({found.evidence})" for reader, found in sure)
        raise UnknownFormat(
            f"{scan.root} looks like more than one dataset: {parts}. "
            "Index each folder by itself, or say which format to read with --format"
        )
    return sure[0]


def _nothing_recognised(scan: Scan, guesses: list[tuple[ModuleType, Detection]]) -> str:
    kinds = dict(sorted(scan.other.items(), key=lambda item: -item[1])[:5])
    if scan.json_files:
        kinds[".json"] = len(scan.json_files)
    if scan.yaml_files:
        kinds[".yaml"] = len(scan.yaml_files)
    for found in scan.data_files:
        suffix = PurePosixPath(found.path).suffix.lower()
        kinds[suffix] = kinds.get(suffix, 0) + 1
    seen = ", ".join(f"{count} {suffix}" for suffix, count in kinds.items()) or "no files"
    if scan.unreadable:
        seen += f"; can't be read: {', '.join(scan.unreadable[:3])}"
    near = [guess for guess in guesses if guess[1].confidence > 0]
    reasons = "; ".join(f"{reader.NAME}: {found.evidence}" for reader, found in near)
    reasons = reasons or "`kpaudit formats` says which files each format is known by"
    return f"{scan.root} is no dataset that kpaudit knows. Seen: {seen}. {reasons}"
