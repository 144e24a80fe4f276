"""Reads SQL from the package's .sql files: one question a file, or statements named by a comment."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def text(relative: str) -> str:
    """The whole of a .sql file; `relative` counts from the package, as in `schema.sql`."""
    return resources.files("queries").joinpath(relative).read_text(encoding="utf-8")


@cache
def statements(relative: str) -> dict[str, str]:
    """The statements of a file whose parts start with a line `-- name: <word>`, by that word."""
    parts = _NAME.split(text(relative))
    return {name: body.strip() for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def quoted(path: Path) -> str:
    """A path as the text of a SQL literal, for `attach`, which takes no parameter: its quotes doubled."""
    return str(path).replace("'", "''")
