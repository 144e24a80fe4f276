"""JSON whose shape is its dataset's own: parsed at once where it is valid, else record by record.

And what such a reader says of COCO-style copies of the same annotations that lie beside its files.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from queries.model import FoundFile, SourceFile
from queries.readers import coco, lenient
from queries.readers.base import STRICT_LIMIT, bad_to_problem
from queries.readers.records import Reports
from queries.readers.scan import Scan

#: Why a COCO-style copy is not read along: its people would count twice.
COPY = "COCO-style; left out beside the dataset's own files, index it by itself to read it"


def items(file: SourceFile, reports: Reports, arrays: frozenset[str] = frozenset()) -> Iterator[lenient.Item]:
    """The values of the outermost list or object, those of `arrays` one by one; what is no JSON is reported.

    orjson is several times as fast as the tolerant scanner, but takes a file whole or not at all.
    Raises OSError where the file can't be read.
    """
    reason = None
    if file.bytes <= STRICT_LIMIT:
        import orjson  # noqa: PLC0415 - only the readers of such files need it

        try:
            value = orjson.loads(file.absolute.read_bytes())
        except orjson.JSONDecodeError as error:
            reason = str(error)
        else:
            yield from _parts(value, arrays)
            return
    before = len(reports.found)
    for item in lenient.scan(file.absolute, arrays, lambda value: isinstance(value, dict)):
        if isinstance(item, lenient.Bad):
            reports.found.append(bad_to_problem(item, file))
            continue
        value = item.value
        if lenient.has_invalid_text(value):
            value = lenient.escaped(value)
            told = "holds text that is not valid UTF-8; kept as escapes"
            reports.add(lenient.locator(item.path, 0), "record-malformed", told)
        yield lenient.Item(item.path, value)
    if reason is not None and len(reports.found) == before:
        # whatever the strict parser disliked must not go unsaid
        reports.add("file", "json-malformed", reason)


def _parts(value: Any, arrays: frozenset[str]) -> Iterator[lenient.Item]:
    if isinstance(value, list):
        yield from (lenient.Item((index,), one) for index, one in enumerate(value))
    elif isinstance(value, dict):
        for key, member in value.items():
            if key in arrays and isinstance(member, list):
                yield from (lenient.Item((key, index), one) for index, one in enumerate(member))
            else:
                yield lenient.Item((key,), member)
    else:
        yield lenient.Item((), value)


def coco_style(scan: Scan) -> list[str]:
    """The paths of a root's COCO-style files."""
    return [path for path, head in scan.heads.items() if coco.is_mine(head)]


def source_file(
    number: int, found: FoundFile, scan: Scan, split: str | None, skipped: str | None = None
) -> SourceFile:
    """A found file as one of a dataset's, read or `skipped` with the reason why not."""
    return SourceFile(number, found.path, scan.base / found.path, split, found.bytes, found.mtime_ns, skipped)


def copies(scan: Scan, listed: int) -> list[SourceFile]:
    """The COCO-style files beside a dataset whose own are no JSON, as left out; ids go on from `listed`."""
    style = set(coco_style(scan))
    found = [one for one in scan.json_files if one.path in style]
    return [source_file(listed + at, one, scan, None, COPY) for at, one in enumerate(found, start=1)]


def left_out(files: list[SourceFile]) -> list[str]:
    """A note for the Overview where files with annotations were left out for others."""
    names = [file.path for file in files if file.skipped is not None and "left out" in file.skipped]
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [f"left out, since they hold the same people in another form: {shown}; index them by themselves"]
