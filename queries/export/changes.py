"""CHANGES.md and changes.csv: every record that was dropped or changed on the way, and why."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

COLUMNS = ("split", "image", "annotation", "action", "reason", "reviewers", "verdict", "before", "after")

#: What can have happened to a record, with what it means in CHANGES.md.
ACTIONS = {
    "dropped": "left out of the export",
    "changed": "in the export, with other values",
    "kept": "in the export as it was, though a reviewer objected",
    "not applied": "a decision that could not be followed",
    "set aside": "not in the index, since it could not be read, and so not in the export",
    "reported": "in the export as far as it could be read; reading complained about it",
}


class Changes:
    """Writes changes.csv row by row and counts, for CHANGES.md at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = (folder / "changes.csv").open(
            "w", encoding="utf-8", newline="", errors="backslashreplace"
        )
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(COLUMNS)
        self.counts: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        split: str | None,
        image: str | None,
        annotation: str | None,
        action: str,
        reason: str,
        *,
        group: str | None = None,
        reviewers: str = "",
        verdict: str = "",
        before: Any = "",
        after: Any = "",
    ) -> None:
        """One record; `group` is the reason under which CHANGES.md counts it, where that is shorter."""
        if action not in ACTIONS:
            raise ValueError(f"no action {action!r}")
        self.counts[action, group or reason] += 1
        self._writer.writerow(
            (split or "", image or "", annotation or "", action, reason, reviewers, verdict, before, after)
        )

    def close(self) -> None:
        """Ends changes.csv. Raises OSError where its last rows could not be written."""
        self._file.close()

    def summary(self, facts: Mapping[str, Any]) -> None:
        """Writes CHANGES.md: `facts` has dataset, root, format, target, options, counts and notes."""
        lines = [
            f"# Export of {_shown(facts['dataset'])} to {facts['target']}",
            "",
            f"- made by kpaudit {_version()} on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            f"- from {_shown(facts['root'])}, read as {facts['format']}, "
            f"indexed {facts['indexed_at']:%Y-%m-%d %H:%M} UTC",
            f"- options: {_shown(facts['options'])}",
            f"- decisions: {_shown(facts['reviews'])}",
            f"- written from: {facts['source']}",
            "",
            "## Counts",
            "",
            "| split | images before | after | annotations before | after | keypoints before | after |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
        ]
        before, after = facts["before"], facts["after"]
        splits = sorted({*before, *after})
        total = [0] * 6
        for split in splits:
            both = zip(before.get(split, (0, 0, 0)), after.get(split, (0, 0, 0)), strict=True)
            row = [value for pair in both for value in pair]
            total = [a + b for a, b in zip(total, row, strict=True)]
            lines.append(f"| {_cell(split)} | {' | '.join(f'{value:,}' for value in row)} |")
        lines.append(f"| all | {' | '.join(f'{value:,}' for value in total)} |")
        lines += [
            "",
            "Annotations are instances, HaGRID's boxes around two hands left out; keypoints have a place.",
            "",
        ]
        lines += ["## Changes", ""]
        if self.counts:
            lines.append("Each record is a row of `changes.csv`.")
        else:
            lines.append("None: every record is as it was read.")
        for action, meaning in ACTIONS.items():
            found = sorted(
                ((count, reason) for (what, reason), count in self.counts.items() if what == action),
                key=lambda pair: (-pair[0], pair[1]),
            )
            if not found:
                continue
            lines += [
                "",
                f"### {action.capitalize()}: {meaning}",
                "",
                "| records | reason |",
                "| ---: | --- |",
            ]
            lines += [f"| {count:,} | {_cell(reason)} |" for count, reason in found]
        if facts["notes"]:
            lines += ["", "## What to know", "", *(f"- {' '.join(note.split())}" for note in facts["notes"])]
        text = "\n".join(lines) + "\n"
        (self._folder / "CHANGES.md").write_text(text, encoding="utf-8", errors="backslashreplace")


def _version() -> str:
    try:
        return metadata.version("kpaudit")
    except metadata.PackageNotFoundError:
        return "(a checkout)"


def _shown(text: str) -> str:
    """Text of the user's or the dataset's, as code: no Markdown of its own."""
    return f"`{' '.join(str(text).replace('`', chr(39)).split())}`"


def _cell(text: str) -> str:
    """Text in a table's cell."""
    return (
        " ".join(str(text).split())
        .replace("\\", "\\\\")
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("`", "'")
    )
