"""The HTML report: whole without anything else, hostile names as text, pictures where they belong."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from queries import catalogue, report_figure, report_html, report_pictures
from queries.colors import PARTS
from queries.report_pictures import allot
from queries.reports import Report
from queries.scene import Instance, Joint, Scene
from queries.store import Store
from queries.workspace import Workspace
from tests.test_reports import FLAT, GOOD, HOSTILE, TWICE, made, records  # noqa: F401  (made is a fixture)

_VOID = {"meta", "br", "img", "link", "input", "hr"}
_TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "article", "h1", "h2", "h3", "h4",
    "p", "div", "span", "ul", "li", "dl", "dt", "dd", "b", "strong", "code", "a", "table", "thead", "tbody",
    "tr", "th", "td", "details", "summary", "figure", "figcaption", "svg", "defs", "pattern", "rect", "line",
    "path", "circle", "text", "image", "g",
}  # fmt: skip


class Parsed(HTMLParser):
    """A document's tags, attributes and text; fails where tags are not balanced."""

    def __init__(self, document: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag, (tag, self.getpos())
        self.text += " " if tag in ("td", "th") else ""

    def handle_data(self, data):
        if "style" not in self._open:
            self.text += data

    def of(self, tag: str, name: str | None = None) -> list[dict[str, str | None]]:
        """The attributes of all tags of a kind, or of those of a class."""
        found = [attributes for kind, attributes in self.tags if kind == tag]
        return [a for a in found if name is None or name in (a.get("class") or "").split()]


@pytest.fixture
def document(made, tmp_path):  # noqa: F811
    """The report on some files (its first two results can be changed before), parsed."""
    stores = []

    def make(files: dict[str, Any], change=lambda report: report, name: str | None = None) -> Parsed:
        report = made(files, name=name)
        stores.append(Store(_workspace(tmp_path)))
        return Parsed("".join(report_html.write(change(report), stores[-1])))

    yield make
    for store in stores:
        store.close()


def _workspace(folder: Path) -> Workspace:
    """The workspace that `indexed` made last."""
    return Workspace(max(folder.glob("workspace*"), key=lambda path: path.stat().st_mtime_ns))


def test_it_says_what_was_audited_and_how_it_went(document) -> None:
    found = document(records(a=GOOD, b=FLAT, c=TWICE), name="hands")
    text = " ".join(found.text.split())
    assert "Audit of hands" in text
    assert "fails at --fail-on error: 1 error, 1 warning, 0 info" in text
    assert "3 images" in text
    assert "1 of 4 boxes, 25 % (4.6 % to 70 %)" in text
    assert "not applicable no annotation gives an area box-area-mismatch" in text
    for check_id in ("box-zero-area", "box-duplicate"):
        declared = catalogue.named(check_id)
        for said in (declared.title, declared.why, declared.fix):
            assert " ".join(said.split()) in text
    assert "iou = 0.9" in text
    links = {a["href"].removeprefix("#") for a in found.of("a")}
    assert links
    assert links <= {attributes.get("id") for _, attributes in found.tags}


def test_nothing_found_is_said(document) -> None:
    found = document(records(a=GOOD))
    assert "No finding counts: 2 checks found nothing, 1 did not apply" in found.text
    assert not found.of("svg", "bars")
    assert "passes at --fail-on error" in found.text


def test_it_needs_nothing_else(document) -> None:
    found = document(records(a=GOOD, b=FLAT))
    assert {tag for tag, _ in found.tags} <= _TAGS
    policy = next(a["content"] for a in found.of("meta") if a.get("http-equiv"))
    assert policy.startswith("default-src 'none'")
    for _, attributes in found.tags:
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert name not in ("src", "srcset", "action")
            if name == "href":
                assert value.startswith(("#", "data:image/jpeg;base64,"))
            if name in ("fill", "style"):
                assert "url(" not in value or value == "url(#grid)"


def test_hostile_names_are_text(document) -> None:
    flat = {**FLAT, "labels": ["<img src=x onerror=alert(1)>"]}
    found = document({"ann/train/call.json": {HOSTILE: flat, "'><svg onload=x>": FLAT}}, name="<b>|d</b>")
    assert {tag for tag, _ in found.tags} <= _TAGS
    assert not [a for _, a in found.tags if any(name.startswith("on") for name in a)]
    assert "a<script>alert(1)</script>" in found.text
    assert "'><svg onload=x>" in found.text
    assert "<img src=x onerror=alert(1)>" in found.text
    assert "<b>|d</b>" in found.text
    assert not re.search("[\x00-\x08\x1b\u202e]", found.text)


def test_a_check_that_broke_or_is_off_says_why(document) -> None:
    def change(report: Report) -> Report:
        dataset = report.datasets[0]
        states = {
            "box-zero-area": {"status": "failed", "reason": "ValueError: <x>"},
            "box-duplicate": {"status": "off", "reason": "switched off in k.toml"},
        }
        checks = tuple(replace(c, **states.get(c.check, {})) for c in dataset.checks)
        return replace(report, datasets=(replace(dataset, checks=checks),), findings=())

    text = " ".join(document(records(a=GOOD), change).text.split())
    assert "failed because ValueError: <x>" in text
    assert "off switched off in k.toml box-duplicate" in text
    assert "0 of 3 checks done, 1 check failed to run, 1 did not apply, 1 off" in text


def test_with_a_baseline_it_says_new(document) -> None:
    found = document(records(a=GOOD, b=FLAT), lambda report: replace(report, baseline="<old>.json"))
    assert "Only findings that are not in <old>.json are shown" in found.text
    assert "1 finding new" in found.text


def test_the_worst_are_drawn_the_next_listed_the_rest_counted(document) -> None:
    found = document(records(**{f"i{n:03}": FLAT for n in range(70)}))
    assert len(found.of("figure")) == report_pictures.DRAWN
    assert "50 more" in found.text
    assert "14 more in --json." in " ".join(found.text.split())


def test_the_whole_is_bounded(document, monkeypatch) -> None:
    monkeypatch.setattr(report_pictures, "MOST_DRAWN", 3)
    monkeypatch.setattr(report_pictures, "MOST_LISTED", 2)
    found = document(records(**{f"i{n}": FLAT if n % 2 else TWICE for n in range(12)}))
    assert len(found.of("figure")) == 3
    left = re.findall(r"(\d+) more in --json", found.text)
    assert sum(int(count) for count in left) == 12 - 3 - 2


def test_pictures_stop_where_the_file_would_become_too_large(document, monkeypatch) -> None:
    monkeypatch.setattr(report_pictures, "MOST_CHARACTERS", 1)
    found = document(records(a=FLAT, b=FLAT))
    assert len(found.of("svg", "picture")) == len(found.of("div", "none")) == 1
    assert "no room for more pictures" in found.text


def test_every_check_has_some_of_a_total() -> None:
    assert allot([10, 1, 0, 10], each=6, total=7) == [3, 1, 0, 3]
    assert allot([10, 10, 10], each=6, total=2) == [1, 1, 0]
    assert allot([2, 3], each=6, total=100) == [2, 3]
    assert allot([], each=6, total=1) == []


def _jpeg(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "#336699").save(out, "JPEG")
    return out.getvalue()


def test_the_image_is_cut_out_and_bounded(document) -> None:
    files = {
        **records(a={**FLAT, "bboxes": [[0.5, 0.4, 0.0, 0.5]]}, b=FLAT),
        "images/call/a.jpg": _jpeg(1200, 900),
        "images/call/b.jpg": b"no image at all",
    }
    found = document(files)
    (image,) = found.of("image")
    data = base64.b64decode(image["href"].partition(",")[2])
    size = Image.open(io.BytesIO(data)).size
    assert max(size) == report_figure.SIDE
    assert len(data) < 20_000
    # what can't be decoded stands on a grid, with the reason
    assert [a for a in found.of("rect") if a.get("fill") == "url(#grid)"]
    assert "not an image" in found.text


# The figures by themselves


def _joint(index: int, x: float | None, y: float | None, flag: int | None = 2) -> Joint:
    return Joint(index, f"j{index}", x, y, flag, "left_arm")


def _picture(*joints: Joint, ring: tuple[int, ...] = (), **given: Any) -> Parsed:
    made_ = Instance(1, "p", box=(10, 10, 50, 60), joints=joints, bones=((0, 1), (1, 2)))
    other = Instance(2, "q", box=(0, 0, 20, 20), crowd=True)
    scene = Scene(100, 100, (made_, other))
    return Parsed(report_figure.picture(scene, (0, 0, 100, 100), focus=1, ring=ring, **given))


def test_joints_are_filled_hollow_or_left_out() -> None:
    found = _picture(_joint(0, 20, 20), _joint(1, 40, 30, 1), _joint(2, 30, 60, 0))
    assert [a["fill"] for a in found.of("g", "joint")] == [PARTS["left_arm"]]
    assert [a["stroke"] for a in found.of("g", "hollow")] == [PARTS["left_arm"]]
    assert len(found.of("circle")) == 2
    (bone,) = found.of("path", "bone")
    assert bone["d"] == "M48 48L96 72"
    assert len(found.of("rect", "box")) == 2
    assert len(found.of("rect", "dashed")) == 1


def test_the_blamed_joint_is_circled_wherever_it_is() -> None:
    (ring,) = _picture(_joint(0, 20, 20), ring=(0,)).of("circle", "ring")
    assert (ring["cx"], ring["cy"]) == ("48", "48")
    (ring,) = _picture(_joint(0, 2e9, 20), ring=(0,)).of("circle", "ring")
    assert 0 < float(ring["cx"]) < report_figure.SIDE
    found = _picture(_joint(0, 20, 20, 0), ring=(0,))
    assert len(found.of("circle", "ring")) == len(found.of("path", "cross")) == 1
    assert not _picture(_joint(0, None, 20), ring=(0,)).of("circle", "ring")


def test_a_box_without_area_is_ringed() -> None:
    def drawn(box: tuple[float, float, float, float], ring: tuple[int, ...] = ()) -> Parsed:
        scene = Scene(100, 100, (Instance(1, "p", box=box, joints=(_joint(0, 20, 20),)),))
        return Parsed(report_figure.picture(scene, (0, 0, 100, 100), focus=1, ring=ring))

    assert not drawn((10, 10, 40, 50)).of("circle", "ring")
    for box in ((50, 50, 0, 0), (50, 25, 0, 50)):
        found = drawn(box)
        (ring,) = found.of("circle", "ring")
        assert (ring["cx"], ring["cy"]) == ("120", "120")
        # a rectangle without a width is drawn by no browser
        assert not found.of("rect", "box")
        assert found.of("path", "box")
    # a joint that is blamed is blamed alone
    assert len(drawn((50, 50, 0, 0), ring=(0,)).of("circle", "ring")) == 1
    assert not drawn((500, 500, 0, 0)).of("circle", "ring")


def test_any_number_can_be_drawn() -> None:
    nan, inf = float("nan"), float("inf")
    wild = Instance(1, "p", box=(nan, 1, inf, 2), joints=(_joint(0, nan, 1), _joint(1, -1e300, 1e300)))
    text = report_figure.picture(Scene(100, 100, (wild,)), (0, 0, 100, 100), ring=(0, 1), title="<t>&")
    assert not re.search(r"\bnan\b|\binf\b|e\+", text.partition("</title>")[2])
    assert "<title>&lt;t&gt;&amp;</title>" in text
    assert Parsed(text)


def test_bars_say_severity_and_number_in_words(made) -> None:  # noqa: F811
    (dataset,) = made(records(a=GOOD, b=FLAT, c=TWICE)).datasets
    hits = [c for c in dataset.checks if c.new]
    found = Parsed(report_figure.bars(hits))
    for word in ("box-zero-area", "error", "box-duplicate", "warning"):
        assert word in found.text
    widths = {a["class"].split()[1]: float(a["width"]) for a in found.of("rect", "bar")}
    assert widths["error"] == widths["warning"]
    assert "logarithmic" not in found.text
    many = [replace(hits[0], new=5000), hits[1]]
    found = Parsed(report_figure.bars(many))
    assert "logarithmic" in found.text
    assert "5,000" in found.text


def test_the_style_sheet_knows_paper_and_dark() -> None:
    css = (Path(report_html.__file__).parent / "report.css").read_text()
    assert "@media screen and (prefers-color-scheme: dark)" in css
    assert "@media print" in css
    assert "break-inside: avoid" in css
    assert "url(" not in css.replace("url(#hatch)", "")
    assert "@import" not in css
