"""COCO out of COCO: the source's own records, with segmentations, licences and unknown fields.

Only what was dropped or corrected differs; floats stay as they were bit for bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from queries import sqlfile
from queries.export.base import Names, Pieces, Written, dumps
from queries.export.changes import Changes
from queries.export.coco import finish, parts_of
from queries.export.records import count_taken
from queries.export.selection import Selection
from queries.export.sources import Document, Fate, Fates, Source, finite, id_text, sources

_ARRAYS = frozenset(("images", "annotations", "categories"))

#: COCO-WholeBody's lists, in the order in which their joints are numbered, with how many each has.
_WHOLEBODY = (
    ("keypoints", 17),
    ("foot_kpts", 6),
    ("face_kpts", 68),
    ("lefthand_kpts", 21),
    ("righthand_kpts", 21),
)
_PARTS = tuple(name for name, _ in _WHOLEBODY[1:])
_NOT_JSON = "NaN and infinity are no JSON: null now"


def write(selection: Selection, folder: Path, changes: Changes, written: Written) -> None:
    """Writes the selected records, file by file. Raises KpauditError where a source file changed."""
    _Again(selection, folder, changes, written).run()


class _Split:
    """One file that is written: the ids in use, its head and its categories."""

    def __init__(self) -> None:
        self.head: dict[str, Any] = {}
        self.categories: list[dict[str, Any]] = []
        #: category id → how its annotations' keypoints are laid out, of the first one with any
        self.shapes: dict[str | None, tuple] = {}
        self.ids: dict[str, set[str]] = {"images": set(), "annotations": set()}
        self.highest = {"images": 0, "annotations": 0}

    def free_category(self) -> int:
        numbers = [record.get("id") for record in self.categories]
        return 1 + max((n for n in numbers if isinstance(n, int)), default=0)


class _Again:
    def __init__(self, selection: Selection, folder: Path, changes: Changes, written: Written) -> None:
        self.selection, self.changes, self.written = selection, changes, written
        self.sql = sqlfile.statements("export/records.sql")
        self.pieces, self.names, self.splits = Pieces(folder), Names(), {}
        self.fates = Fates(selection)

    def run(self) -> None:
        for source in sources(self.selection):
            self._file(source)
            self.fates.forget()
        for split, state in self.splits.items():
            head = {name: dumps(value) for name, value in state.head.items()}
            finish(self.pieces, self.names.of(split), head, dumps(state.categories))
        count_taken(self.selection, self.written)

    def _file(self, source: Source) -> None:
        """Writes one file's records: its images and categories first, since annotations need them."""
        rows = self.selection.con.execute(
            self.sql["file_images"], {"dataset": self.selection.dataset_id, "file": source.file_id}
        ).fetchall()
        known = {own: (number, key, split, why) for number, own, key, split, why in rows}
        if rows:
            self.fates.load(rows[0][0], rows[-1][0])
        reading = _Reading(self, source, known)
        for path, value in reading.document:
            if path[0] != "annotations":
                reading.member(path, value)
        reading.images_done()
        for path, value in reading.document:
            if path[0] == "annotations" and len(path) == 2:
                reading.annotation(value)

    def split(self, name: str) -> _Split:
        return self.splits.setdefault(name, _Split())


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and ("id" in value or "image_id" in value)


class _Reading:
    """One source file on its way into the splits' files."""

    def __init__(
        self, again: _Again, source: Source, known: dict[str, tuple[int, str, str, str | None]]
    ) -> None:
        self.again, self.source, self.known = again, source, known
        self.document = Document(source, _ARRAYS, _is_record)
        self.head: dict[str, Any] = {}
        self.categories: list[dict[str, Any]] = []
        #: the source's image id → (image_id, key, split, why, the id that it has now)
        self.images: dict[str, list] = {}
        self.records: dict[str, dict[str, Any]] = {}
        self.own_ids: dict[tuple[str, str], dict[str, Any]] = {}
        self.category_of: dict[tuple[str, str], Any] = {}

    def member(self, path: tuple, value: Any) -> None:
        """Takes a member of the file, or an element of its images and categories."""
        if len(path) == 1:
            if path[0] not in _ARRAYS:
                self.head[path[0]] = finite(value)[0]
        elif path[0] == "categories" and isinstance(value, dict):
            self.categories.append(finite(value)[0])
        elif path[0] == "images" and isinstance(value, dict) and value.get("id") is not None:
            own = id_text(value["id"])
            if own not in self.records:  # the first of an id counts, as in the index
                self.records[own] = value

    def images_done(self) -> None:
        """Writes the images, and settles which file each annotation belongs to."""
        missing = {own: record for own, record in self.records.items() if own not in self.known}
        elsewhere = self._kept_elsewhere(missing)
        for own, record in self.records.items():
            if own in self.known:
                number, key, split, why = self.known[own]
            elif own in elsewhere:
                number, key, split, why = elsewhere[own]
            else:
                raise self.source.changed("does not match its index: it may have changed")
            taken = [number, key, split, why, record["id"]]
            self.images[own] = taken
            if why is None:
                state = self._begun(split)
                record, taken[4] = self._with_id(state, split, "images", record, key)  # noqa: PLW2901
                self.again.pieces.add(parts_of(self.again.names.of(split))[0], self._json(record, key, None))
        self.records.clear()

    def _kept_elsewhere(self, missing: dict[str, dict[str, Any]]) -> dict[str, tuple]:
        """Images whose key another entry of the split has: their annotations count as that one's."""
        if not missing:
            return {}
        keys = {own: id_text(record.get("file_name")) or own for own, record in missing.items()}
        rows = self.again.selection.con.execute(
            self.again.sql["keyed_images"],
            {
                "dataset": self.again.selection.dataset_id,
                "split": self.source.split,
                "keys": list(keys.values()),
            },
        ).fetchall()
        by_key = {key: (number, key, split, why) for number, key, split, why in rows}
        for number, *_ in rows:
            if number not in self.again.fates.by_image:
                self.again.fates.load(number, number)
        return {own: by_key[key] for own, key in keys.items() if key in by_key}

    def _begun(self, split: str) -> _Split:
        """The split's file, with this source's head and categories in it."""
        state = self.again.split(split)
        if (split, "") in self.category_of:
            return state
        self.category_of[split, ""] = None
        for name, value in self.head.items():
            if name == "licenses" and isinstance(value, list) and isinstance(state.head.get(name), list):
                state.head[name] += [one for one in value if one not in state.head[name]]
            elif state.head.setdefault(name, value) != value:
                told = f"{name} differs between the source files of {split}: the first one's is kept"
                self.again.written.note(told)
        others = len(state.categories)
        for record in self.categories:
            self._add_category(state, split, record, others)
        return state

    def _add_category(self, state: _Split, split: str, record: dict[str, Any], others: int) -> None:
        """Takes a category into a split's file, under its own id unless another file's has it there."""
        former = state.categories[:others]
        same = [c for c in former if {**c, "id": None} == {**record, "id": None}]
        if any(id_text(c.get("id")) in state.shapes for c in same):
            # 17 keypoints and COCO-WholeBody's 133 may hide behind one category: it tells how lists are read
            mine = self._shape_of(id_text(record.get("id")))
            same = [c for c in same if mine is None or state.shapes.get(id_text(c.get("id")), mine) == mine]
        found = same[0] if same else None
        if found is None:
            taken = {id_text(c.get("id")) for c in former}
            found = {**record, "id": state.free_category()} if id_text(record.get("id")) in taken else record
            state.categories.append(found)
        self.category_of.setdefault((split, id_text(record.get("id"))), found.get("id"))

    def _with_id(
        self, state: _Split, split: str, what: str, record: dict[str, Any], key: str
    ) -> tuple[dict[str, Any], Any]:
        """The record under an id that no other source file has in this split, and that id."""
        own = self.own_ids.setdefault((split, what), {})
        text = id_text(record.get("id"))
        if text is None:
            return record, None
        if text not in own:
            number = record["id"]
            if text in state.ids[what]:
                number = state.highest[what] + 1
                name = text if what == "annotations" else None
                told = f"its id is taken in {split}: a new one"
                self.again.changes.add(
                    self.source.split, key, name, "changed", told, before=text, after=number
                )
            if isinstance(number, int):
                state.highest[what] = max(state.highest[what], number)
            state.ids[what].add(id_text(number))
            own[text] = number
        # an id that the source gives twice is given twice again
        return (record if own[text] == record["id"] else {**record, "id": own[text]}), own[text]

    def _shape_of(self, category: str | None) -> tuple | None:
        """How this file lays out the keypoints of a category, or None where it has none of it."""
        for path, value in self.document:
            mine = path[0] == "annotations" and len(path) == 2 and isinstance(value, dict)
            if mine and id_text(value.get("category_id")) == category and value.get("keypoints"):
                return _shape(value)
        return None

    def annotation(self, record: Any) -> None:
        """Writes one annotation, unless it is left out; an orphan is in no index and in no export."""
        if not isinstance(record, dict):
            return
        image = self.images.get(id_text(record.get("image_id")) or "")
        if image is None:
            return
        number, key, split, why, image_id = image
        fate = self._fate(record, number)
        if why is not None or (fate is not None and fate.why is not None):
            return
        state = self._begun(split)
        record, _ = self._with_id(state, split, "annotations", record, key)
        if id_text(image_id) != id_text(record["image_id"]):
            record = {**record, "image_id": image_id}
        category = id_text(record.get("category_id"))
        if (mapped := self.category_of.get((split, category))) is not None and id_text(mapped) != category:
            record = {**record, "category_id": mapped}
        if record.get("keypoints"):
            state.shapes.setdefault(id_text(record.get("category_id")), _shape(record))
        if fate is not None and fate.corrected:
            record = self._corrected(state, split, record, fate, key)
        self.again.pieces.add(
            parts_of(self.again.names.of(split))[1], self._json(record, key, id_text(record.get("id")))
        )

    def _fate(self, record: dict[str, Any], image_id: int) -> Fate | None:
        """The indexed annotation that this record is: by image, own id and, where ids repeat, by its box.

        None where nothing happens to any annotation of the image.
        """
        waiting = self.again.fates.by_image.get(image_id)
        if waiting is None:
            return None
        own = id_text(record.get("id"))
        same = [fate for fate in waiting if fate.source_id == own] or waiting
        if not same:
            raise self.source.changed("does not match its index: it may have changed")
        fate = same[0]
        if len(same) > 1:
            box = record.get("bbox")
            given = tuple(box) if isinstance(box, list) else (None,) * 4
            fate = next((f for f in same if f.box == given), fate)
        waiting.remove(fate)
        return fate

    def _list(self, key: str, name: str | None, action: str, reason: str, after: str = "") -> None:
        self.again.changes.add(self.source.split, key, name, action, reason, after=after)

    def _json(self, record: dict[str, Any], key: str, name: str | None) -> str:
        if not self.document.strict:
            record, bad = finite(record)
            if bad:
                self.again.changes.add(self.source.split, key, name, "changed", _NOT_JSON)
        return dumps(record)

    def _corrected(
        self, state: _Split, split: str, record: dict[str, Any], fate: Fate, key: str
    ) -> dict[str, Any]:
        record = dict(record)
        if fate.new_label is not None:
            record["category_id"] = self._category_named(
                state, split, fate.new_label, record.get("category_id")
            )
        if fate.new_box is not None:
            former = record.get("bbox")
            record["bbox"] = list(fate.new_box)
            if _is_area_of(record.get("area"), former):
                record["area"] = fate.new_box[2] * fate.new_box[3]
        if fate.new_joints:
            if not record.get("keypoints") and not _lists(record, fate.joints):
                record["keypoints"] = [0] * (3 * fate.joints)
            record.update(_with_joints(record, fate.new_joints, fate.joints))
            absent = {joint for joint, (_, _, v) in fate.new_joints.items() if v == 0}
            flat = sorted(absent & _without_flag(record, fate.joints))
            if flat:
                told = "its keypoint lists have no flag: that a joint is absent can't be said"
                self._list(key, fate.name, "not applied", told, after=dumps(flat))
            unplaced = sorted(set(fate.new_joints) - _places(record, fate.joints))
            if unplaced:
                told = "its keypoint lists have no such joints"
                self._list(key, fate.name, "not applied", told, after=dumps(unplaced))
            if "num_keypoints" in record and isinstance(record.get("keypoints"), list):
                record["num_keypoints"] = _labelled(record)
        return record

    def _category_named(self, state: _Split, split: str, label: str, former: Any) -> Any:
        for record in state.categories:
            if record.get("name") == label:
                return record.get("id")
        like = next((c for c in state.categories if id_text(c.get("id")) == id_text(former)), {})
        number = state.free_category()
        made = {k: like[k] for k in ("supercategory", "keypoints", "skeleton") if k in like}
        state.categories.append({**made, "id": number, "name": label})
        self.again.written.note(f"the class {label} is new in {split}: a reviewer's correction names it")
        return number


def _shape(record: dict[str, Any]) -> tuple:
    values = record.get("keypoints")
    lists = tuple(name for name in (*_PARTS, "keypoints_21") if record.get(name) is not None)
    return len(values) if isinstance(values, list) else None, lists


def _is_area_of(area: Any, box: Any) -> bool:
    try:
        return abs(area - box[2] * box[3]) <= 1e-6 * abs(area)
    except (TypeError, IndexError):
        return False


def _lists(record: dict[str, Any], joints: int) -> list[tuple[str, int, int]]:
    """(list, first joint, joints) of a record's lists of keypoints; `joints` is its skeleton's count."""
    if any(record.get(name) is not None for name in _PARTS):
        starts = [sum(count for _, count in _WHOLEBODY[:place]) for place in range(len(_WHOLEBODY))]
        found = [(name, start, count) for (name, count), start in zip(_WHOLEBODY, starts, strict=True)]
    elif joints == 21:  # Human-Art's, whose first 17 are COCO's, or a hand
        found = [("keypoints_21", 0, 21), ("keypoints", 0, 17), ("keypoints", 0, 21)]
    else:
        found = [("keypoints", 0, joints)]
    return [
        (name, first, count)
        for name, first, count in found
        if isinstance(record.get(name), list) and len(record[name]) in (2 * count, 3 * count) and count
    ]


def _with_joints(
    record: dict[str, Any], corrected: dict[int, tuple[float, float, int | None]], joints: int
) -> dict[str, Any]:
    """The lists that hold corrected joints, with those in place."""
    changed: dict[str, Any] = {}
    for name, first, count in _lists(record, joints):
        values = list(record[name])
        dims = len(values) // count
        for joint, (x, y, v) in corrected.items():
            at = (joint - first) * dims
            if first <= joint < first + count and not (dims == 2 and v == 0):
                values[at : at + dims] = [x, y, 2 if v is None else v][:dims]
        changed[name] = values
    return changed


def _places(record: dict[str, Any], joints: int) -> set[int]:
    """The joints that the record's lists have a place for."""
    return {first + joint for _, first, count in _lists(record, joints) for joint in range(count)}


def _without_flag(record: dict[str, Any], joints: int) -> set[int]:
    """The joints whose lists give places alone, two numbers a joint."""
    return {
        first + joint
        for name, first, count in _lists(record, joints)
        if len(record[name]) == 2 * count
        for joint in range(count)
    }


def _labelled(record: dict[str, Any]) -> int:
    values = record.get("keypoints")
    if not isinstance(values, list) or len(values) % 3:
        return 0
    return sum(1 for v in values[2::3] if isinstance(v, (int, float)) and v > 0)
