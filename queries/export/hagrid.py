"""HaGRID's JSON v2: `{train,val,test}/<gesture>.json`, from image id to record.

Boxes and landmarks normalized, 21 landmarks a hand without a visibility flag. Where the dataset is HaGRID's
own, its records are copied, and only what was dropped or corrected differs. Source: the README of
github.com/hukenovs/hagrid.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from queries import sqlfile
from queries.export.base import EMPTIED, Names, Pieces, Written, dumps
from queries.export.changes import Changes
from queries.export.records import Annotation, Files, Image, blocks, count_taken
from queries.export.selection import Selection
from queries.export.sources import Document, Fate, Fates, Source, finite, sources

_JOINTS = 21
_NOWHERE = "unlabelled"
_SPLITS = ("train", "val", "test", "train_val", "trainval", "subsample", "unsplit")


class _Out:
    """The files that are written: pieces of records, closed with braces at the end."""

    def __init__(self, folder: Path, written: Written) -> None:
        self.pieces, self.written = Pieces(folder), written
        self.splits, self.files = Names(), {}

    def add(self, split: str, name: str, key: str, record: str) -> None:
        """One record, as JSON, under its key."""
        place = (split, name)
        if place not in self.files:
            if split not in _SPLITS:
                self.written.note(f"the split {split} is no folder that HaGRID's tools know")
            names = self.files.setdefault(split, Names())
            self.files[place] = f"{self.splits.of(split)}/{names.of(name)}.json"
        self.pieces.add(f"{self.files[place]}.part", f"{dumps(key)}: {record}")

    def finish(self) -> None:
        for name in self.pieces.begun():
            self.pieces.assemble(name.removesuffix(".part"), ["{\n", f"@{name}", "\n}\n"])


def write(selection: Selection, folder: Path, changes: Changes, written: Written) -> None:
    """Writes the selected records out of the index; what HaGRID can't hold is listed and left out."""
    out, files, keys = _Out(folder, written), Files(selection), _Keys(changes)
    pixel = selection.dataset["unit"] == "pixel"
    if selection.dataset["visibility_recorded"]:
        written.note("HaGRID has no visibility flag: a hand's landmarks are kept where all 21 are labelled")
    for block in blocks(selection):
        for image in block:
            writer = _Writer(changes, image, files.size(image) if pixel else (1, 1))
            record, hands, landmarks = writer.record()
            if record is None:
                continue
            if not hands and image.instances:
                changes.add(image.split_before, image.key, None, "dropped", EMPTIED)
                continue
            gesture = next((one.label for one in image.annotations if one.label), _NOWHERE)
            key = keys.of(image)
            if key != image.key:
                written.note("records are known by the stem of their image's file, HaGRID's way")
            out.add(image.split, gesture, key, dumps(record))
            written.count(image.split, images=1, annotations=hands, keypoints=landmarks)
    out.finish()


class _Keys:
    """The keys of records: the stems of their images' files, each once in a split."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._taken: dict[str, set[str]] = {}

    def of(self, image: Image) -> str:
        """The key; where another image of the split has it, one with a number, which is listed."""
        stem = PurePosixPath(image.file_name or image.key).stem or image.key
        taken = self._taken.setdefault(image.split, set())
        key, number = stem, 2
        while key in taken:
            key, number = f"{stem}-{number}", number + 1
        taken.add(key)
        if key != stem:
            told = "another image's file has the same name: HaGRID's tools need this one renamed to its key"
            self._changes.add(image.split_before, image.key, None, "changed", told, before=stem, after=key)
        return key


class _Writer:
    """One image and its hands as a record of HaGRID's v2."""

    def __init__(self, changes: Changes, image: Image, size: tuple[int, int] | None) -> None:
        self.changes, self.image, self.size = changes, image, size

    def record(self) -> tuple[dict[str, Any] | None, int, int]:
        """(record or None where the size is unknown, hands, landmarks with a place)."""
        image = self.image
        if self.size is None:
            self._list(None, "dropped", "no image size is known, which normalized coordinates need")
            return None, 0, 0
        boxes, labels, hands = [], [], []
        united: list[tuple[Any, Any]] = []
        for one in image.annotations:
            if not one.has_box:
                self._list(one, "dropped", "it has no box")
            elif one.label is None:
                self._list(one, "dropped", "its class is unknown")
            elif one.crowd:
                self._list(one, "dropped", "HaGRID has no crowds")
            elif one.kind == "united":
                united.append((self._box(one), one.label))
            else:
                boxes.append(self._box(one))
                labels.append(one.label)
                hands.append(self._landmarks(one))
        record = {
            "bboxes": boxes,
            "labels": labels,
            "united_bbox": [box for box, _ in united] or None,
            "united_label": [label for _, label in united] or None,
            "user_id": image.subject,
            "hand_landmarks": hands,
            "meta": self._meta(),
        }
        return record, len(boxes), sum(map(len, hands))

    def _box(self, one: Annotation) -> list[float]:
        (width, height), (x, y, w, h) = self.size, one.box
        return [x / width, y / height, w / width, h / height]

    def _landmarks(self, one: Annotation) -> list[list[float]]:
        width, height = self.size
        placed = [
            p for p in one.points if p[1] is not None and p[2] is not None and (p[3] is None or p[3] > 0)
        ]
        if [joint for joint, *_ in placed] == list(range(_JOINTS)):
            return [[x / width, y / height] for _, x, y, _ in placed]
        if placed:
            told = f"keypoints that are not {_JOINTS} labelled landmarks of a hand are left out"
            self._list(one, "changed", told, before=f"{len(placed)} of skeleton {one.skeleton}")
        return []

    def _meta(self) -> dict[str, list] | None:
        image = self.image
        known = {"age": image.age, "gender": image.gender, "race": image.race}
        if all(value is None for value in known.values()):
            return None
        return {name: [value] if value is not None else [] for name, value in known.items()}

    def _list(self, one: Annotation | None, action: str, reason: str, before: str = "") -> None:
        name = one.name if one is not None else None
        self.changes.add(self.image.split_before, self.image.key, name, action, reason, before=before)


def write_again(selection: Selection, folder: Path, changes: Changes, written: Written) -> None:
    """Writes the selected records of the source files. Raises KpauditError where one of them has changed."""
    sql = sqlfile.statements("export/records.sql")
    out, fates = _Out(folder, written), Fates(selection)
    for source in sources(selection):
        asked = {"dataset": selection.dataset_id, "file": source.file_id}
        rows = selection.con.execute(sql["file_images"], asked).fetchall()
        known = {key: (number, split, why) for number, _, key, split, why in rows}
        if rows:
            fates.load(rows[0][0], rows[-1][0])
        document = Document(source, frozenset(), _is_record)
        missing = [key for key, _ in _records(document) if key not in known]
        if missing:
            elsewhere = {"dataset": selection.dataset_id, "split": source.split, "keys": missing}
            for number, key, split, why in selection.con.execute(sql["keyed_images"], elsewhere).fetchall():
                known[key] = (number, split, why)
                fates.load(number, number)
        for key, value in _records(document):
            if key not in known:
                raise source.changed("does not match its index: it may have changed")
            number, split, why = known[key]
            record = _Record(value, fates.by_image.get(number), changes, source, key)
            if why is None:
                text = record.text(document.strict)
                out.add(split, record.gesture(source.absolute.stem), key, text)
        fates.forget()
    out.finish()
    count_taken(selection, written)


def _records(document: Document) -> Iterator[tuple[str, Any]]:
    """The records that the index has: what is neither object nor null was set aside, and is listed so."""
    for path, value in document:
        if path and isinstance(path[0], str) and (value is None or isinstance(value, dict)):
            yield path[0], value


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and ("bboxes" in value or "labels" in value)


class _Record:
    """A record of a source file, without the hands that are left out and with corrections in place."""

    def __init__(
        self, value: Any, waiting: list[Fate] | None, changes: Changes, source: Source, key: str
    ) -> None:
        self.value, self.changes, self.source, self.key = value, changes, source, key
        self.hands: dict[int, Fate] = {}
        self.united: dict[int, Fate] = {}
        if isinstance(value, dict) and waiting is not None:
            self._match(waiting)

    def _match(self, waiting: list[Fate]) -> None:
        """Takes this record's annotations; where a key is there twice, the record that looks like them."""
        first_united = max(_count(self.value, "bboxes"), _count(self.value, "labels"))
        wanted = [
            ("instance", place) for place in range(max(first_united, _count(self.value, self._landmarks)))
        ]
        wanted += [("united", first_united + place) for place in range(_united_count(self.value))]
        for kind, ordinal in wanted:
            same = [fate for fate in waiting if fate.kind == kind and fate.ordinal == ordinal]
            if not same:
                raise self.source.changed("does not match its index: it may have changed")
            fate = same[0]
            if len(same) > 1 and kind == "instance":
                label, box = _at(self.value.get("labels"), ordinal), _at(self.value.get("bboxes"), ordinal)
                shown = (label, tuple(box) if isinstance(box, list) else (None,) * 4)
                fate = next((f for f in same if (f.label, f.box) == shown), fate)
            waiting.remove(fate)
            if kind == "instance":
                self.hands[ordinal] = fate
            else:
                self.united[ordinal - first_united] = fate

    @property
    def _landmarks(self) -> str:
        # the reader takes the older name where the newer is missing or null
        return "hand_landmarks" if _list_of(self.value, "hand_landmarks") is not None else "landmarks"

    def text(self, strict: bool) -> str:
        """The record as JSON."""
        value = self.value
        if any(f.why is not None or f.corrected for f in (*self.hands.values(), *self.united.values())):
            value = self._changed()
        if not strict:
            value, bad = finite(value)
            if bad:
                self._list(None, "changed", "NaN and infinity are no JSON: null now", "")
        return dumps(value)

    def gesture(self, stem: str) -> str:
        """Whose file the record goes to: its own (`stem`), unless no hand of that gesture is left in it.

        Loaders take an image's class from its file. A file that was not named after one of the record's
        gestures before is kept.
        """
        hands = [*self.hands.values(), *self.united.values()]
        kept = [fate for fate in hands if fate.why is None]
        shown = [label for fate in kept if (label := fate.new_label or fate.label)]
        if not shown or stem in shown or stem not in {fate.label for fate in hands}:
            return stem
        new = next((fate.new_label for fate in kept if fate.new_label), shown[0])
        told = "no hand shows the gesture of its file any more: it goes to that of one that it shows"
        self.changes.add(self.source.split, self.key, None, "changed", told, before=stem, after=new)
        return new

    def _changed(self) -> dict[str, Any]:
        value = dict(self.value)
        hands = self._landmarks
        for name in ("bboxes", "labels", hands):
            if isinstance(value.get(name), list):
                value[name] = list(value[name])
        for ordinal, fate in self.hands.items():
            if fate.why is None:
                self._correct(value, "labels", ordinal, fate.new_label, fate)
                self._correct(value, "bboxes", ordinal, list(fate.new_box) if fate.new_box else None, fate)
                self._correct_landmarks(value, hands, ordinal, fate)
        gone = {ordinal for ordinal, fate in self.hands.items() if fate.why is not None}
        for name in ("bboxes", "labels", hands):
            if isinstance(value.get(name), list):
                value[name] = [item for place, item in enumerate(value[name]) if place not in gone]
        self._change_united(value)
        return value

    def _correct(self, value: dict[str, Any], name: str, ordinal: int, new: Any, fate: Fate) -> None:
        if new is None:
            return
        if isinstance(value.get(name), list) and ordinal < len(value[name]):
            value[name][ordinal] = new
        else:
            self._list(fate, "not applied", f"its record has no {name} in that place", dumps(new))

    def _correct_landmarks(self, value: dict[str, Any], name: str, ordinal: int, fate: Fate) -> None:
        joints = fate.new_joints
        if not joints:
            return
        if any(v == 0 for _, _, v in joints.values()):
            self._list(fate, "not applied", "HaGRID can't say that a joint is absent: its landmark stays",
                       dumps({str(j): p for j, p in joints.items() if p[2] == 0}))  # fmt: skip
            joints = {j: p for j, p in joints.items() if p[2] != 0}
        items = value.get(name)
        if not isinstance(items, list):
            # as many hands without landmarks as there are boxes
            items = value["hand_landmarks"] = [[] for _ in range(_count(value, "bboxes"))]
        points = list(items[ordinal]) if ordinal < len(items) and isinstance(items[ordinal], list) else []
        if not points and set(joints) == set(range(_JOINTS)):
            points = [None] * _JOINTS
        if ordinal < len(items) and len(points) == _JOINTS:
            flags = [j for j, (x, y, v) in joints.items() if points[j] == [x, y] and v is not None]
            if flags:
                told = "HaGRID has no visibility flag: nothing else of these joints is corrected"
                self._list(fate, "not applied", told, dumps({str(j): joints[j] for j in flags}))
            for joint, (x, y, _) in joints.items():
                points[joint] = [x, y]
            items[ordinal] = points
        elif joints:
            told = f"a hand without its {_JOINTS} landmarks needs all of them"
            self._list(fate, "not applied", told, dumps({str(j): p for j, p in joints.items()}))

    def _change_united(self, value: dict[str, Any]) -> None:
        boxes, labels = value.get("united_bbox"), value.get("united_label")
        nested = _is_nested(boxes)
        boxes = [list(box) if isinstance(box, list) else box for box in boxes] if nested else [boxes]
        labels = list(labels) if isinstance(labels, list) else [labels]
        touched = False
        for place, fate in self.united.items():
            touched = touched or fate.why is not None or fate.corrected
            if fate.new_label is not None:
                labels[place : place + 1] = [fate.new_label]
            if fate.new_box is not None:
                boxes[place] = list(fate.new_box)
        if not touched:
            return
        kept = [
            place
            for place in range(len(boxes))
            if self.united.get(place) is None or self.united[place].why is None
        ]
        boxes = [boxes[place] for place in kept]
        labels = [labels[place] for place in kept if place < len(labels)]
        listed = isinstance(value.get("united_label"), list)
        value["united_bbox"] = (boxes or None) if nested else (boxes[0] if boxes else None)
        value["united_label"] = (labels or None) if listed else (labels[0] if labels else None)

    def _list(self, fate: Fate | None, action: str, reason: str, after: str) -> None:
        name = fate.name if fate is not None else None
        self.changes.add(self.source.split, self.key, name, action, reason, after=after)


def _list_of(value: dict[str, Any], name: str) -> list | None:
    """A list of the record as the index took it: a single box or hand in the place of a list is none."""
    items = value.get(name)
    if not isinstance(items, list):
        return None
    flat = name != "labels" and items and all(isinstance(item, (int, float)) for item in items)
    return None if flat else items


def _count(value: dict[str, Any], name: str) -> int:
    return len(_list_of(value, name) or ())


def _at(items: Any, place: int) -> Any:
    return items[place] if isinstance(items, list) and place < len(items) else None


def _is_nested(box: Any) -> bool:
    return isinstance(box, list) and bool(box) and isinstance(box[0], list)


def _united_count(value: dict[str, Any]) -> int:
    box = value.get("united_bbox")
    if not isinstance(box, list) or not box:
        return 0
    return len(box) if _is_nested(box) else 1
