"""Checks the fields of a record on the tolerant path: keeps what fits, reports what does not."""

from __future__ import annotations

import json
from typing import Any

from queries.model import Problem


class Checked:
    """One record's fields, each taken as the type that the index holds, or as null and reported.

    The leniencies are those of the strict path, so that both read good records alike: a number may be
    written in quotes or as true/false, and a number may stand where text is expected.
    """

    def __init__(self, record: dict[str, Any], file_id: int, locator: str):
        self.record, self.file_id, self.locator = record, file_id, locator
        self.problems: list[Problem] = []

    def report(self, kind: str, message: str) -> None:
        self.problems.append(Problem(self.file_id, self.locator, kind, message))

    def number(self, name: str) -> float | None:
        return self._number(self.record.get(name), name)

    def text(self, name: str) -> str | None:
        return self._text(self.record.get(name), name)

    def texts(self, name: str) -> list[str | None] | None:
        return self._list(name, self.record.get(name), self._text)

    def numbers(self, name: str, depth: int = 1) -> list | None:
        """A list of numbers, or of lists of numbers, `depth` deep."""
        return self._nested(name, self.record.get(name), depth)

    def _nested(self, name: str, value: Any, depth: int) -> Any:
        if depth == 0:
            return self._number(value, name)
        return self._list(name, value, lambda item, at: self._nested(at, item, depth - 1))

    def _list(self, name: str, value: Any, item_of: Any) -> list | None:
        if value is None:
            return None
        if not isinstance(value, list):
            self._wrong_type(name, value, "a list")
            return None
        return [item_of(item, f"{name}[{index}]") for index, item in enumerate(value)]

    def _number(self, value: Any, name: str) -> float | None:
        if value is None or isinstance(value, (int, float)):
            return value
        if isinstance(value, str) and "_" not in value:  # Python alone reads 1_0 as ten
            try:
                return float(value)
            except ValueError:
                pass
        self._wrong_type(name, value, "a number")
        return None

    def _text(self, value: Any, name: str) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, (int, float, bool)):
            return json.dumps(value)
        self._wrong_type(name, value, "text")
        return None

    def _wrong_type(self, name: str, value: Any, expected: str) -> None:
        shown = json.dumps(value)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        self.report("field-type", f"{name} is {shown}, expected {expected}")
