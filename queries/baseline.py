"""A former `kpaudit audit --json` as the baseline: which findings were there, so that only new ones count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from queries.errors import UsageError

#: Goes up when a name in the shape of `--json` changes or goes; new names may come without.
REPORT_VERSION = 1


@dataclass(frozen=True)
class Baseline:
    """The findings of a former report, by key, with their check and dataset as far as it names them."""

    name: str
    entries: Mapping[str, tuple[str | None, str | None]]


def read(file: Path) -> Baseline:
    """What a report that `--json` wrote has found and taken as known. Raises UsageError where it is none."""
    try:
        # of bytes json tells UTF-8, -16 and -32 apart, with or without the mark that some shells put before
        data = json.loads(file.read_bytes())
    except RecursionError as error:
        raise UsageError(f"--baseline {file} can't be read as JSON: it is nested too deeply") from error
    except OSError as error:
        raise UsageError(f"--baseline {file} can't be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"--baseline {file} can't be read as JSON: {error}") from error
    found = data.get("report") if isinstance(data, dict) else type(data).__name__
    # True is 1 in Python
    if type(found) is not int or found != REPORT_VERSION or not isinstance(data.get("findings"), list):
        raise UsageError(
            f"--baseline {file} is no report that `kpaudit audit --json` wrote: expected report "
            f"{REPORT_VERSION} with findings, found {found!r:.40}"
        )
    entries = {}
    for name in ("findings", "known", "unlisted"):
        rows = data.get(name, [])
        if not isinstance(rows, list):
            raise UsageError(f"--baseline {file}: {name} is {type(rows).__name__}, expected a list")
        for place, row in enumerate(rows):
            key = row.get("key") if isinstance(row, dict) else None
            if not isinstance(key, str) or not key or not _is_text(key):
                told = f"{name}[{place}] has the key {str(key)[:40]!a}, expected the key of a finding"
                raise UsageError(f"--baseline {file}: {told}")
            entries[key] = (_text(row.get("check")), _text(row.get("dataset")))
    return Baseline(str(file), entries)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and _is_text(value) else None


def _is_text(value: str) -> bool:
    """Whether it holds no half of a surrogate pair, which no database and no file takes."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
