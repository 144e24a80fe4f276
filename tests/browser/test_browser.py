"""What a person sees: every page in a real browser, without an error box, a console exception or a call outside."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

PAGES = ("", "classes", "keypoints", "boxes", "demographics", "splits", "findings", "review", "viewer", "sql")
TITLES = {"": "Overview", "sql": "SQL"}
DATASETS = ("sample-hagrid", "sample-coco_people", "sample-yolo_hands")
SAMPLE = Path(__file__).resolve().parents[2] / "sample_data"


class Visitor:
    """A page that remembers what went wrong on it."""

    def __init__(self, browser, server: str, **context):
        self.server = server
        self.context = browser.new_context(viewport={"width": 1440, "height": 1000}, **context)
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(f"exception: {error}"))
        self.page.on("console", self._console)
        self.page.on("request", self._request)

    def go(self, path: str) -> None:
        self.page.goto(f"{self.server}/{path}")
        self.settle()

    def settle(self) -> None:
        """Waits until the script has run and its answer is drawn."""
        self.page.wait_for_selector(
            '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=45_000
        )
        self.page.wait_for_timeout(600)
        self.page.wait_for_selector(
            '[data-testid="stApp"][data-test-script-state="notRunning"]', timeout=45_000
        )

    def check(self) -> None:
        """No error box on the page as it stands, and nothing wrong on the way to it."""
        boxes = self.page.locator('[data-testid="stException"], [data-testid="stAlertContentError"]')
        told = boxes.all_inner_texts()
        assert not told, told
        assert not self.wrong, self.wrong

    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlparse(self.page.url).query)

    def _console(self, message) -> None:
        # Streamlit looks for its own endpoints below the page's path before it finds them at the root.
        if message.type == "error" and "_stcore" not in (message.location or {}).get("url", ""):
            self.wrong.append(f"console: {message.text} {message.location}")

    def _request(self, request) -> None:
        host = urlparse(request.url).hostname
        if host not in (None, "", "127.0.0.1"):
            self.wrong.append(f"a request left this machine: {request.url}")


@pytest.fixture
def visitor(chromium, server):
    """A light page of 1440 pixels; `check` is called at the end of every test."""
    found = Visitor(chromium, server, color_scheme="light")
    yield found
    found.check()
    found.context.close()


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_its_title_and_no_error(visitor, path, dataset):
    visitor.go(f"{path}?dataset={dataset}")
    title = TITLES.get(path, path.capitalize())
    assert visitor.page.locator("h1").first.inner_text().strip() == title
    visitor.check()
    assert visitor.query()["dataset"] == [dataset]


@pytest.mark.parametrize("width", [900, 1440])
def test_dark_pages_fit_the_window(chromium, server, width):
    visitor = Visitor(chromium, server, color_scheme="dark")
    visitor.page.set_viewport_size({"width": width, "height": 1000})
    for path in PAGES:
        visitor.go(f"{path}?dataset=sample-hagrid")
        overflow = visitor.page.evaluate(
            "document.querySelector('[data-testid=stMain]').scrollWidth"
            " - document.querySelector('[data-testid=stMain]').clientWidth"
        )
        assert overflow <= 1, f"{path or 'overview'} is {overflow} px too wide at {width}"
        visitor.check()
    visitor.context.close()


def test_a_click_on_a_class_bar_opens_images_of_that_class(visitor):
    visitor.go("classes?dataset=sample-hagrid")
    bar = visitor.page.locator(".js-plotly-plot .barlayer .point path").nth(5)
    bar.scroll_into_view_if_needed()
    bar.click(force=True)
    visitor.page.wait_for_url(re.compile("/viewer"), timeout=20_000)
    visitor.settle()
    (label,) = visitor.query()["class"]
    files = sorted(SAMPLE.glob(f"hagrid/hagrid_annotations/*/{label}.json"))
    assert files, f"{label} is no gesture of the sample"
    keys = {key for file in files for key in json.loads(file.read_text())}
    shown = visitor.page.locator('[data-testid="stMain"]').inner_text()
    seen = re.findall(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]*", shown)
    assert seen, "the gallery names no image"
    assert all(any(key.startswith(part.rstrip("-")) for key in keys) for part in seen)


def test_filters_follow_to_every_page_and_into_the_url(visitor):
    visitor.go("classes?dataset=sample-hagrid&split=val&class=like")
    visitor.page.get_by_role("link", name="Boxes").first.click()
    visitor.page.wait_for_url(re.compile("/boxes"))
    visitor.settle()
    assert visitor.query() == {"dataset": ["sample-hagrid"], "split": ["val"], "class": ["like"]}
    assert "split val, class like" in visitor.page.locator('[data-testid="stMain"]').inner_text()


def test_going_back_does_not_bounce_to_the_viewer(visitor):
    visitor.go("classes?dataset=sample-hagrid")
    bar = visitor.page.locator(".js-plotly-plot .barlayer .point path").nth(3)
    bar.scroll_into_view_if_needed()
    bar.click(force=True)
    visitor.page.wait_for_url(re.compile("/viewer"), timeout=20_000)
    visitor.settle()
    visitor.page.get_by_role("link", name="Classes").first.click()
    visitor.page.wait_for_url(re.compile("/classes"))
    visitor.settle()
    assert "/classes" in visitor.page.url


def test_an_unknown_dataset_or_image_is_said_and_no_error(visitor):
    visitor.go("?dataset=no%3Cb%3Esuch")
    assert "no<b>such" in visitor.page.locator('[data-testid="stMain"]').inner_text()
    visitor.go("viewer?dataset=sample-hagrid&image=nowhere")
    assert "nowhere" in visitor.page.locator('[data-testid="stMain"]').inner_text()


def test_the_viewer_walks_from_image_to_image(visitor):
    records = json.loads((SAMPLE / "hagrid/hagrid_annotations/val/like.json").read_text())
    first, second = list(records)[:2]
    visitor.go(f"viewer?dataset=sample-hagrid&split=val&class=like&image={first}")
    assert visitor.page.locator(".js-plotly-plot").count() == 1
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.wait_for_url(re.compile(second), timeout=20_000)
    visitor.settle()
    visitor.page.keyboard.press("ArrowLeft")
    visitor.page.wait_for_url(re.compile(first), timeout=20_000)


def test_a_joint_tells_its_name_when_pointed_at(visitor):
    records = json.loads((SAMPLE / "hagrid/hagrid_annotations/val/like.json").read_text())
    visitor.go(f"viewer?dataset=sample-hagrid&image={next(iter(records))}")
    points = visitor.page.locator(".js-plotly-plot .scatterlayer .point")
    points.last.hover(force=True)
    hover = visitor.page.locator(".js-plotly-plot .hoverlayer .hovertext")
    hover.first.wait_for(timeout=5000)
    # an SVG element has no inner text
    assert re.search(r"_(tip|pip|dip|mcp|ip|cmc)|wrist", hover.first.text_content())


def test_the_sql_page_answers_and_refuses(visitor):
    visitor.go("sql?dataset=sample-hagrid")
    box = visitor.page.locator("textarea").first
    box.fill("select count(*) as how_many from image")
    box.press("Control+Enter")
    visitor.settle()
    visitor.page.get_by_role("button", name=re.compile("^Run")).first.click()
    visitor.settle()
    text = visitor.page.locator('[data-testid="stMain"]').inner_text()
    assert "1 row" in text


def test_from_the_overview_to_a_finding_and_its_image(visitor):
    visitor.go("?dataset=sample-hagrid")
    main = visitor.page.locator('[data-testid="stMain"]')
    assert "What matters most" in main.inner_text()
    visitor.page.get_by_role("button", name="All findings").first.click()
    visitor.page.wait_for_url(re.compile("/findings"), timeout=20_000)
    visitor.go("findings?dataset=sample-hagrid&check=box-zero-area")
    assert "The box has no area" in main.inner_text()
    visitor.page.get_by_role("button", name="Open the image").first.click()
    visitor.page.wait_for_url(re.compile("/viewer"), timeout=20_000)
    visitor.settle()
    (key,) = visitor.query()["image"]
    assert key == "447cc630-9b12-41c5-bea2-cacc75bcdf32"  # as planted.csv says
    assert "box-zero-area" in main.inner_text()


def test_a_finding_is_suppressed_with_a_reason_and_restored(visitor):
    visitor.go("findings?dataset=sample-yolo_hands&check=box-outside-image")
    main = visitor.page.locator('[data-testid="stMain"]')
    visitor.page.get_by_role("button", name="Suppress", exact=True).first.click()
    visitor.page.get_by_label("Why does this finding not count?").fill("a border case")
    visitor.page.get_by_role("button", name="Suppress this finding").click()
    visitor.page.wait_for_timeout(1500)
    visitor.settle()
    visitor.page.get_by_role("radio", name="1 suppressed").click()
    visitor.settle()
    assert "a border case" in main.inner_text()
    visitor.page.get_by_role("button", name="Let it count again").click()
    visitor.page.wait_for_timeout(1500)
    visitor.settle()
    assert "a border case" not in main.inner_text()
