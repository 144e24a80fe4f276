"""Which findings a report draws and lists, and their pictures: scenes of the index over images on disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from queries import report_figure, scenes
from queries.catalogue import SEVERITIES
from queries.images import ImageSource, image_roots
from queries.pixels import ImageUnavailable, ThumbnailCache, thumbnail
from queries.report_words import place
from queries.reports import Report, by_check
from queries.scene import Rect, Scene, crop_box, to_pixels, view_box
from queries.store import Store

#: Of each check on each dataset: findings drawn, and findings listed below them.
DRAWN, LISTED = 6, 50
#: In the whole file. A picture takes 10 to 25 kB, a line 0.4 kB.
MOST_DRAWN, MOST_LISTED = 320, 4000
#: Characters of all pictures together; crowds of whole bodies take 50 kB each.
MOST_CHARACTERS = 7_000_000
#: Joints that a finding's evidence names are circled, unless they are so many that circles say nothing.
_MOST_RINGS = 8

_Rows = dict[tuple[str, str], list[dict[str, Any]]]


def allot(wanted: list[int], each: int, total: int) -> list[int]:
    """How many each may have of a total, at most `each`: in rounds of one, so that all have some."""
    given = [0] * len(wanted)
    for round_ in range(min(each, max(wanted, default=0))):
        for n, most in enumerate(wanted):
            if most > round_ and total > 0:
                given[n] += 1
                total -= 1
    return given


@dataclass(frozen=True)
class Shown:
    """The findings of one check on one dataset that are drawn, and those that are listed below them."""

    drawn: list[dict[str, Any]]
    listed: list[dict[str, Any]]


class Choice:
    """Which findings are drawn and which are listed, by dataset and check."""

    def __init__(self, report: Report) -> None:
        rows = by_check(report)
        # the gravest checks come first to what there is
        keys = sorted(rows, key=lambda key: SEVERITIES.index(rows[key][0]["severity"]))
        seen = [[row for row in rows[key] if row["image_rowid"] is not None] for key in keys]
        shares = allot([len(found) for found in seen], DRAWN, MOST_DRAWN)
        self.drawn: _Rows = {key: found[:n] for key, found, n in zip(keys, seen, shares, strict=True)}
        rest = []
        for key in keys:
            taken = {id(row) for row in self.drawn[key]}
            rest.append([row for row in rows[key][: DRAWN + LISTED] if id(row) not in taken])
        shares = allot([len(found) for found in rest], LISTED, MOST_LISTED)
        self.listed: _Rows = {key: found[:n] for key, found, n in zip(keys, rest, shares, strict=True)}

    def of(self, dataset: str, check: str) -> Shown:
        return Shown(self.drawn.get((dataset, check), []), self.listed.get((dataset, check), []))

    def images(self) -> set[int]:
        return {row["image_rowid"] for rows in self.drawn.values() for row in rows}


class Pictures:
    """Draws findings: the annotation cut out of its image, or the image where it is of no annotation."""

    def __init__(self, report: Report, store: Store, choice: Choice) -> None:
        self.scenes = scenes.scenes(store, sorted(choice.images()))
        self.facts = {dataset.name: dataset.facts for dataset in report.datasets}
        self.sources: dict[str, ImageSource] = {}
        self.cache = ThumbnailCache(store.workspace.thumbnails)
        self.room = MOST_CHARACTERS

    def draw(self, row: Mapping[str, Any]) -> tuple[str, str | None]:
        """(the picture, why the image is not in it); an empty one where the file would become too large."""
        if self.room <= 0:
            return "", "not drawn: the report has no room for more pictures"
        scene = self.scenes[row["image_rowid"]]
        title = f"{', '.join(place(row))}: {report_figure.describe(scene, row['annotation_rowid'])}"
        name = row["dataset"]
        if name not in self.sources:
            self.sources[name] = ImageSource(image_roots(self.facts[name]))
        try:
            located = self.sources[name].find(row["file"], row["image"])
            what = to_pixels(scene, *self.sources[name].size(located))
            view, focus = _view(what, row["annotation_rowid"])
            small = thumbnail(
                self.sources[name],
                located,
                size=report_figure.SIDE,
                crop=view if focus is not None else None,
                frame=(what.width, what.height),
                cache=self.cache,
            )
            image, box, reason = small.data, small.box, None
        except ImageUnavailable as error:
            what, image, box, reason = to_pixels(scene), None, None, error.reason
            view, focus = _view(what, row["annotation_rowid"])
        drawn = report_figure.picture(
            what, view, focus=focus, ring=_ring(row), image=image, image_box=box, title=title
        )
        self.room -= len(drawn)
        return drawn, reason


def _view(what: Scene, annotation: int | None) -> tuple[Rect, int | None]:
    """The part of the scene to show, and which annotation is meant."""
    found = next((i for i in what.instances if i.annotation_id == annotation), None)
    if annotation is None or found is None:
        return view_box(what), None
    return crop_box(what, found, aspect=1.0), annotation


def _ring(row: Mapping[str, Any]) -> tuple[int, ...]:
    if row["joint"] is not None:
        return (row["joint"],)
    named = row["evidence"].get("joints") if isinstance(row["evidence"], dict) else None
    if isinstance(named, list) and len(named) <= _MOST_RINGS and all(isinstance(n, int) for n in named):
        return tuple(named)
    return ()
