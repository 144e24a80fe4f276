"""Checks the tags of a .mat file of version 5 before scipy reads it; it reads no value.

Matlab compresses what it saves, which a checksum protects. scipy's savemat, with which MHP was written,
does not, and one wrong byte there can end the whole process: scipy 1.17 looks up the type of a value in a
table without checking that it is one. Here every type is checked, and that no element reaches beyond the
one that holds it. Source: MathWorks, "MAT-File Format", tables 1-1 to 1-3.
"""

from __future__ import annotations

import struct
from pathlib import Path

_HEADER = 128
_MATRIX, _COMPRESSED = 14, 15
#: Types of plain values: integers, single and double, text.
_VALUES = frozenset({1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 16, 17, 18})
#: The first three elements of an array: flags, dimensions, name.
_HEAD = (6, 5, 1)
#: Types that scipy takes for another: dimensions without a sign, names in UTF-8.
_ALIKE = {6: 5, 16: 1}
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE, _LAST_NUMERIC = 1, 2, 3, 4, 5, 15
_COMPLEX = 0x08
_DEEPEST = 64


def damage(path: Path) -> str | None:
    """What is wrong with the file's structure, or None; OSError where it can't be read."""
    with path.open("rb") as file:
        head = file.read(_HEADER + 4)
        mark = head[126:128]
        if mark not in (b"IM", b"MI") or len(head) < _HEADER + 4:
            return None  # another version, or nothing: scipy says what it makes of it
        order = "<" if mark == b"IM" else ">"
        if struct.unpack(f"{order}I", head[_HEADER:])[0] == _COMPRESSED:
            return None
        data = head + file.read()
    return _Tags(data, order).elements(_HEADER, len(data), 0, frozenset({_MATRIX, _COMPRESSED}))


class _Tags:
    def __init__(self, data: bytes, order: str):
        self.data = data
        self.word, self.pair = struct.Struct(f"{order}I"), struct.Struct(f"{order}II")

    def elements(self, at: int, end: int, depth: int, allowed: frozenset[int], count: int = -1) -> str | None:
        """Goes through the elements between two places; says what is wrong with the first bad one.

        Where it is known how many there are, more or fewer are wrong: scipy would read on behind them.
        """
        found, first = 0, at
        while at + 8 <= end:
            kind, start, size, after = self.tag(at)
            if kind not in allowed:
                return f"at byte {at}: an element of type {kind}, which cannot stand there"
            if start + size > end:
                return f"at byte {at}: an element of {size} bytes, {end - start} are left"
            if kind == _MATRIX and size and (wrong := self.array(start, start + size, depth)):
                return wrong
            at, found = after, found + 1
        if count not in (-1, found):
            return f"at byte {first}: {found} elements, expected {count}"
        return None

    def array(self, at: int, end: int, depth: int) -> str | None:
        """Checks an array: flags, dimensions and name, then its values or the arrays that it holds."""
        if depth > _DEEPEST:
            return f"at byte {at}: arrays are nested too deeply"
        head = []
        for expected in _HEAD:
            size, start, after = self.plain(at, end, expected)
            if size is None:
                return f"at byte {at}: no element of type {expected}, which an array begins with"
            head.append((start, size))
            at = after
        if head[0][1] != 8 or head[1][1] < 8 or head[1][1] % 4:  # two dimensions at least
            return f"at byte {head[0][0]}: an array's flags or dimensions have the wrong length"
        flags = self.word.unpack_from(self.data, head[0][0])[0]
        count = 1
        for place in range(head[1][0], sum(head[1]), 4):
            count *= self.word.unpack_from(self.data, place)[0]
        kind, parts = flags & 0xFF, 2 if flags >> 8 & _COMPLEX else 1
        if kind in (_CELL, _STRUCT, _OBJECT):
            return self.holder(kind, at, end, depth, count)
        if not _CHAR <= kind <= _LAST_NUMERIC:
            return f"at byte {at}: an array of class {kind}, which holds no data"
        return self.elements(at, end, depth, _VALUES, parts + 2 if kind == _SPARSE else parts)

    def holder(self, kind: int, at: int, end: int, depth: int, count: int) -> str | None:
        """Checks the arrays within a cell array, a struct or an object."""
        wanted = {_CELL: (), _STRUCT: (5, 1), _OBJECT: (1, 5, 1)}[kind]
        length = size = 0
        for expected in wanted:
            size, start, after = self.plain(at, end, expected)
            if size is None or (expected == 5 and size != 4):
                return f"at byte {at}: no element of type {expected}, which a struct begins with"
            if expected == 5:
                length = self.word.unpack_from(self.data, start)[0]
            at = after
        if wanted:
            if not length:
                return f"at byte {at}: a struct whose fields have names of no length"
            count *= size // length
        return self.elements(at, end, depth + 1, frozenset({_MATRIX}), count)

    def plain(self, at: int, end: int, expected: int) -> tuple[int | None, int, int]:
        """(size, place of the data, place of the next element) of an element, None where it is another."""
        if at + 8 > end:
            return None, at, at
        kind, start, size, after = self.tag(at)
        fits = expected in (kind, _ALIKE.get(kind)) and start + size <= end
        return (size if fits else None), start, after

    def tag(self, at: int) -> tuple[int, int, int, int]:
        """(type, place of the data, its size, place of the next element)."""
        kind, size = self.pair.unpack_from(self.data, at)
        if kind >> 16:  # up to 4 bytes stand in the tag itself
            return kind & 0xFFFF, at + 4, kind >> 16, at + 8
        padding = 0 if kind == _COMPRESSED else -size % 8
        return kind, at + 8, size, at + 8 + size + padding
