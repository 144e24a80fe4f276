"""YOLO out of YOLO: the source's own lines, of which only what was dropped or corrected differs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml

from queries.export.base import Written
from queries.export.changes import Changes
from queries.export.records import Image, blocks, count_taken
from queries.export.selection import Selection
from queries.export.sources import Fate, Fates, Source, sources
from queries.export.yolo import PLACES, Folder, decimal
from queries.readers.yolo_yaml import parse


def write(selection: Selection, folder: Path, changes: Changes, written: Written, copy: bool) -> None:
    """Writes the source's own lines. Raises KpauditError where a file of it has changed."""
    known = {source.file_id: source for source in sources(selection)}
    described = next(source for source in known.values() if source.path.lower().endswith((".yaml", ".yml")))
    try:
        own = yaml.safe_load(described.read().decode("utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise described.changed("can't be read as it was") from error
    data = parse(described.absolute, (Path(described.root),))
    out, fates = Folder(selection, folder, copy, changes, written), Fates(selection)
    again = _Again(data.dims, {number: str(name) for number, name in data.classes.items()}, changes)
    for block in blocks(selection):
        fates.load(block[0].image_id, block[-1].image_id)
        for image in block:
            source = known.get(image.file_id)
            if source is None or source is described:  # a background image: data.yaml lists it
                out.add(image, None)
            else:
                out.add(image, again.lines(image, source, fates.by_image.get(image.image_id)))
        fates.forget()
    names = again.names
    in_order = [names[number] for number in sorted(names)]
    own["names"] = names if isinstance(own.get("names"), dict) else in_order
    if isinstance(own.get("kpt_names"), dict) and data.names:
        own["kpt_names"] = {**{number: data.names for number in names}, **own["kpt_names"]}
    if "nc" in own:  # Ultralytics refuses another number than that of the names
        own["nc"] = len(names)
    gone = [name for name in PLACES[-3:] if name in own]
    if gone:
        written.note(f"{', '.join(gone)} of data.yaml lead to the source's images, and are left out")
    out.write_yaml({k: v for k, v in own.items() if k not in PLACES})
    count_taken(selection, written)


class _Again:
    """The lines of label files as they were, or corrected; `names` grows by the classes of corrections."""

    def __init__(self, dims: int, names: dict[int, str], changes: Changes) -> None:
        self.dims, self.names, self.changes = dims, names, changes

    def lines(self, image: Image, source: Source, fates: list[Fate] | None) -> list[str]:
        """The lines of an image's label file that are exported: those of its annotations, by their place."""
        text = source.read().decode("utf-8-sig", "replace").splitlines()
        if fates is None:
            return [text[one.ordinal].strip() for one in image.annotations]
        kept = [fate for fate in fates if fate.why is None]
        return [
            self._corrected(text[f.ordinal], f, image) if f.corrected else text[f.ordinal].strip()
            for f in kept
        ]

    def _corrected(self, line: str, fate: Fate, image: Image) -> str:
        tokens = line.split()
        if fate.new_label is not None:
            tokens[0] = str(self._class_of(fate.new_label))
        if fate.new_box is not None:
            x, y, w, h = fate.new_box
            box = (x + w / 2, y + h / 2, w, h)
            if all(0 <= v <= 1 for v in box):
                tokens[1:5] = [decimal(v) for v in box]
            else:
                self._list(image, fate, "not applied", "the corrected box lies outside the image")
        if fate.new_joints and len(tokens) < 5 + fate.joints * self.dims:
            told = "its line has fewer numbers than the skeleton has joints"
            self._list(image, fate, "not applied", told)
            return " ".join(tokens)
        beyond, unsaid = [], []
        for joint, (x, y, v) in fate.new_joints.items():
            at = 5 + joint * self.dims
            inside = 0 <= x <= 1 and 0 <= y <= 1
            if self.dims == 2 and (v == 0 or not inside):
                unsaid.append(joint)
                continue
            if not inside:  # for such a number Ultralytics leaves out the whole image
                beyond.append(joint)
            found = [decimal(x), decimal(y), str(2 if v is None else v)] if inside else ["0"] * 3
            tokens[at : at + self.dims] = found[: self.dims]
        if beyond:
            self._list(image, fate, "changed", "joints outside the image are not labelled now", beyond)
        if unsaid:
            told = "lines without flags can't say that a joint is absent or outside: it stays as it was"
            self._list(image, fate, "not applied", told, unsaid)
        return " ".join(tokens)

    def _list(
        self, image: Image, fate: Fate, action: str, reason: str, joints: Sequence[int] | None = None
    ) -> None:
        before = f"joints {list(joints)}" if joints is not None else ""
        self.changes.add(image.split_before, image.key, fate.name, action, reason, before=before)

    def _class_of(self, label: str) -> int:
        number = next((n for n, name in self.names.items() if name == label), None)
        if number is None:
            number = 1 + max(self.names, default=-1)
            self.names[number] = label
        return number
