"""An audit for code scanning: SARIF 2.1.0."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from queries import catalogue
from queries.printing import plain
from queries.report_words import place, sentence, shown
from queries.reports import CheckResult, DatasetResult, Report, version

#: GitHub refuses a run with more results.
MOST_RESULTS = 25_000

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
#: The name that tools give to the folder that a repository is checked out to.
SOURCE_ROOT = "%SRCROOT%"

_LEVELS = {"error": "error", "warning": "warning", "info": "note"}
_LINE = re.compile(r"\bline (\d{1,9})\b")


def sarif(report: Report) -> Iterator[str]:
    """SARIF 2.1.0, one run: a rule a check, a result a finding that is not suppressed, the worst first.

    A result's file is the annotation file, relative to the repository that kpaudit was called in, or else
    the current folder; one outside has its whole address. With a baseline all results are new ones.
    GitHub's limit cuts the list, and `properties` of the run says so.
    """
    root = repository(Path.cwd())
    folders = {dataset.name: _Folder(dataset, root) for dataset in report.datasets}
    known = {check.check: check for dataset in report.datasets for check in dataset.checks}
    order = {check_id: n for n, check_id in enumerate(known)}
    left = max(0, len(report.findings) - MOST_RESULTS)
    run = {
        "tool": {
            "driver": {
                "name": "kpaudit",
                "version": version(),
                "informationUri": "https://github.com/kpaudit/kpaudit",
                "rules": [_rule(check) for check in known.values()],
            }
        },
        "automationDetails": {"id": "kpaudit/"},
        "originalUriBaseIds": {
            SOURCE_ROOT: {"uri": _uri(root) + "/", "description": {"text": "where paths are relative to"}}
        },
        "invocations": [
            {
                "executionSuccessful": not (report.failures or report.unread or report.unaudited),
                "endTimeUtc": report.made_at.isoformat(timespec="seconds") + "Z",
                "toolExecutionNotifications": [
                    {
                        "level": "error",
                        "message": {"text": f"{shown(dataset)}: {check.check} failed to run: {check.reason}"},
                        "associatedRule": {"id": check.check, "index": order[check.check]},
                    }
                    for dataset, check in report.failures
                ]
                + [
                    {"level": "error", "message": {"text": f"{file} was not audited: {why}"}}
                    for file, why in report.unread
                ],
            }
        ],
        "properties": {
            "verdict": report.verdict,
            "findings": len(report.findings),
            "left_out": left,
            **({"note": f"the worst {MOST_RESULTS:,} are given: GitHub takes no more"} if left else {}),
        },
    }
    head = json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0"}, ensure_ascii=False, indent=2)
    yield head.removesuffix("\n}") + ',\n  "runs": [\n'
    yield json.dumps(plain(run), ensure_ascii=False, indent=2).removesuffix("\n}") + ',\n  "results": ['
    for n, row in enumerate(report.findings[:MOST_RESULTS]):
        file = folders[row["dataset"]].of(row)
        result = plain(_result(row, order, file, report.baseline is not None))
        yield ("," if n else "") + "\n    " + json.dumps(result, ensure_ascii=False)
    yield "\n  ]\n}\n  ]\n}\n"


def _rule(check: CheckResult) -> dict[str, Any]:
    source = catalogue.sources().get(check.check)
    rule: dict[str, Any] = {
        "id": check.check,
        "shortDescription": {"text": check.title},
        "defaultConfiguration": {"level": _LEVELS[source.check.severity if source else check.severity]},
        "properties": {"category": check.category, "tags": [check.category]},
    }
    if source is not None:
        rule["fullDescription"] = {"text": source.check.why}
        rule["help"] = {"text": source.check.fix}
    return rule


def repository(folder: Path) -> Path:
    """The folder that holds a folder's repository, or the folder itself where it is in none."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), folder)


def _uri(path: Path) -> str:
    return "file://" + _quoted(str(path)).rstrip("/")


def _quoted(path: str) -> str:
    return quote(path, safe="/", errors="surrogateescape")


class _Folder:
    """A dataset's folder, and where files of it are seen from the repository."""

    def __init__(self, dataset: DatasetResult, root: Path):
        self.path, self.roots = Path(dataset.facts["root"]), (root, root.resolve())
        self.one_file = self.path.is_file()  # it is all that was indexed

    def of(self, row: dict[str, Any]) -> dict[str, str]:
        """The artifact location of a finding: its annotation file, or the dataset's folder."""
        evidence = row["evidence"] if isinstance(row["evidence"], dict) else {}
        named = evidence.get("file")
        file = row["source"] or (named if isinstance(named, str) else None)
        path = self.path if file is None or self.one_file else self.path / file
        # not resolved: the repository may know a file by its link
        path = Path(os.path.normpath(path))
        for base in self.roots:
            if path.is_relative_to(base):
                return {"uri": _quoted(path.relative_to(base).as_posix()), "uriBaseId": SOURCE_ROOT}
        return {"uri": _uri(path)}


def _result(
    row: dict[str, Any], order: dict[str, int], file: dict[str, str], baseline: bool
) -> dict[str, Any]:
    names = ("dataset", "split", "image", "file", "subject", "label", "about", "score", "evidence")
    evidence = row["evidence"] if isinstance(row["evidence"], dict) else {}
    line = _LINE.search(str(evidence.get("locator", "")))
    return {
        "ruleId": row["check"],
        "ruleIndex": order[row["check"]],
        "level": _LEVELS[row["severity"]],
        "message": {"text": f"{', '.join(place(row, 200))}: {sentence(row, 1000)}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": file,
                    # GitHub shows no result without one
                    "region": {"startLine": max(1, int(line[1])) if line else 1},
                },
                "logicalLocations": _logical(row),
            }
        ],
        # the second is GitHub's: left to itself it takes the line, which all findings of a file may share
        "partialFingerprints": {"kpauditKey/v1": row["key"], "primaryLocationLineHash": row["key"]},
        "rank": round(100 * row["score"], 2),
        **({"baselineState": "new"} if baseline else {}),
        "properties": {name: row[name] for name in names if row[name] is not None},
    }


def _logical(row: dict[str, Any]) -> list[dict[str, str]]:
    """Dataset, image, annotation and joint, each with the ones above it in its full name."""
    parts = [("dataset", row["dataset"]), ("image", row["image"])]
    parts += [("annotation", None if row["annotation"] is None else str(row["annotation"]))]
    parts += [("joint", None if row["joint"] is None else row["joint_name"] or str(row["joint"]))]
    found, path = [], []
    for kind, name in parts:
        if name is not None:
            path.append(str(name))
            found.append({"name": str(name), "fullyQualifiedName": "/".join(path), "kind": kind})
    return found
