"""The Review page in a real browser: keys decide, two people at once, a joint is dragged."""

from __future__ import annotations

import os
import re
import shutil
import signal
from pathlib import Path

import pytest

from queries import audit
from queries.index import index
from queries.model import Options
from queries.reviews.agreement import cohen_kappa, krippendorff_alpha
from queries.reviews.model import VERDICTS
from queries.reviews.store import ReviewStore
from queries.workspace import Workspace
from tests.browser.conftest import served
from tests.browser.test_browser import SAMPLE, Visitor

SAVED = re.compile(r"saved \d\d:\d\d:\d\d as")


class Reviewer(Visitor):
    """Somebody at the Review page."""

    def open(self, who: str, query: str) -> None:
        self.go(f"review?reviewer={who}&{query}")
        self.page.locator("svg[data-item]").wait_for(timeout=20_000)

    def item(self) -> str:
        return self.page.locator("svg[data-item]").get_attribute("data-item")

    def press(self, key: str) -> None:
        """Presses a key and waits until another item is drawn."""
        before = self.item()
        self.page.keyboard.press(key)
        self.another(before)

    def another(self, before: str) -> None:
        """Waits until another item is drawn, or there is none left."""
        other = self.page.locator(f'svg[data-item]:not([data-item="{before}"])')
        other.or_(self.page.get_by_text("has judged all of this queue")).first.wait_for(timeout=20_000)

    def below(self, section: str) -> None:
        self.page.get_by_role("radio", name=section).click()
        self.settle()

    def cells(self) -> list[list[str]]:
        """What the first table shows, row by row."""
        rows = self.page.locator('[data-testid="stDataFrame"]').first.locator("canvas table tbody tr")
        rows.first.wait_for(state="attached", timeout=20_000)
        return [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows.all()]

    def main(self) -> str:
        return self.page.locator('[data-testid="stMain"]').inner_text()


@pytest.fixture
def reviewer(chromium, server):
    made = []

    def open_(who: str, query: str, **context) -> Reviewer:
        found = Reviewer(chromium, server, **context)
        made.append(found)
        found.open(who, query)
        return found

    yield open_
    for found in made:
        found.check()
        found.context.close()


def test_keys_judge_undo_and_skip(reviewer):
    kim = reviewer("kim", "dataset=sample-hagrid&check=landmarks-missing")
    first = kim.item()
    kim.press("4")
    kim.settle()
    assert re.search(r"saved \d\d:\d\d:\d\d as bad keypoints", kim.main())
    second = kim.item()
    kim.press("ArrowRight")
    assert kim.item() not in (first, second)
    kim.settle()
    kim.page.go_back()  # a step of the browser's history is a whole record
    kim.settle()
    assert kim.item() == second
    kim.press("z")
    kim.settle()
    assert kim.item() == first
    assert "taken back: bad keypoints" in kim.main()
    assert "0 of" in kim.main()
    kim.page.get_by_role("combobox", name="Right class").click()
    option = kim.page.get_by_role("option").first
    label = option.inner_text().strip()
    option.click()
    kim.settle()
    kim.press("2")  # the field has given the keys back
    kim.settle()
    assert f"as bad label, right class {label}" in kim.main()


def test_a_key_that_is_held_or_hurried_judges_one_record(reviewer, workspace):
    """Each press counts for the picture that was seen; nothing is judged, or taken back, unseen."""
    ivo = reviewer("ivo", "dataset=sample-hagrid&check=landmarks-missing")
    keys = ivo.page.keyboard
    first = ivo.item()
    for _ in range(40):
        keys.down("2")  # as a keyboard repeats a key that is held
        ivo.page.wait_for_timeout(20)
    keys.up("2")
    ivo.settle()
    assert [d.verdict for d in _of(workspace, "ivo")] == ["bad label"]
    for key in "134":
        keys.press(key)
    ivo.settle()
    assert [d.verdict for d in _of(workspace, "ivo")] == ["bad label", "good"]
    for _ in range(40):
        keys.down("z")
        ivo.page.wait_for_timeout(20)
    keys.up("z")
    ivo.settle()
    assert [d.verdict for d in _of(workspace, "ivo")] == ["bad label"]
    ivo.press("z")
    ivo.settle()
    assert ivo.item() == first
    ivo.page.get_by_role("button", name="Bad box").dblclick()
    ivo.settle()
    assert [d.verdict for d in _of(workspace, "ivo")] == ["bad box"]


def _of(workspace: Path, who: str) -> list:
    kept = _standing(workspace / "reviews.sqlite", "sample-hagrid")
    return sorted((d for d in kept if d.reviewer == who), key=lambda d: d.at)


def _twice(workspace: Path, found: Path) -> None:
    """The sample's workspace with one of its datasets a second time: enough findings for a long day."""
    shutil.copytree(workspace, found, ignore=shutil.ignore_patterns("reviews.sqlite*", "lock"))
    index(Workspace(found), SAMPLE / "hagrid", Options(name="again"))
    audit.run(Workspace(found), datasets=["again"])


def _standing(reviews: Path, dataset: str) -> list:
    store = ReviewStore(reviews)
    try:
        return store.standing(dataset)
    finally:
        store.close()


def _verdict(who: str, item: str) -> int:
    """The number of the verdict that somebody gives an item: not the same for both, and not unlike either."""
    number = int(item, 16)
    return (1, 2, 4)[number % 3] if who == "ann" or number % 5 else 7


def _judge_all(people: dict[str, Reviewer], most: int) -> dict[str, dict[str, int]]:
    """Both go on by keyboard at the same moment, until they have judged `most` or all: verdicts by item."""
    said: dict[str, dict[str, int]] = {who: {} for who in people}
    busy = dict(people)
    while busy:
        before = {who: person.item() for who, person in busy.items()}
        for who, person in busy.items():
            said[who][before[who]] = _verdict(who, before[who])
            person.page.keyboard.press(str(said[who][before[who]]))
        for who, person in list(busy.items()):
            person.another(before[who])
            if len(said[who]) >= most or not person.page.locator("svg[data-item]").count():
                del busy[who]
    return said


@pytest.mark.parametrize("each", [25, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("server")
def test_two_reviewers_at_once(chromium, workspace, tmp_path, each):
    """By keyboard, as fast as the pictures come, with an overlap: nothing is lost, agreement is shown."""
    datasets, overlap = (["sample-hagrid"], 0.5) if each == 25 else (["sample-hagrid", "again"], 0.9)
    place = workspace
    if each == 100:
        place = tmp_path / "workspace"
        _twice(workspace, place)
    reviews = tmp_path / "r.sqlite"
    options = ("--workspace", str(place), "--reviews", str(reviews))
    judged = dict.fromkeys(("ann", "ben"), 0)
    with served(tmp_path / "log.txt", "serve", *options) as (url, _):
        people = {who: Reviewer(chromium, url) for who in judged}
        for dataset in datasets:
            for part, (who, person) in enumerate(people.items(), start=1):
                person.open(who, f"dataset={dataset}&of=2&part={part}&overlap={overlap}")
            said = _judge_all(people, each - min(judged.values()))
            both = said["ann"].keys() & said["ben"].keys()
            assert 5 < len(both) < min(map(len, said.values())), "some are judged by both, and not all"
            ann = people["ann"]
            ann.settle()
            ann.below("Decisions")
            told = re.search(r"decisions stand: (.*)", ann.main()).group(1)
            kept = _standing(reviews, dataset)
            for who, items in said.items():
                mine = [d for d in kept if d.reviewer == who]
                assert f"{who} {len(items)}" in told
                assert sorted(d.verdict for d in mine) == sorted(VERDICTS[n - 1] for n in items.values())
                judged[who] += len(items)
            pairs = [(said["ann"][item], said["ben"][item]) for item in both]
            ann.below("Agreement")
            assert "of ann and ben" in ann.main()
            name, *numbers = ann.cells()[0]
            assert name == "all"
            expected = (cohen_kappa(pairs), krippendorff_alpha(pairs), len(both))
            assert [float(number) for number in numbers] == pytest.approx(expected, abs=5e-4)
        for person in people.values():
            person.check()
            person.context.close()
    assert min(judged.values()) >= each


@pytest.mark.usefixtures("server")
def test_a_server_killed_right_after_saved_has_lost_nothing(chromium, workspace, tmp_path):
    reviews = tmp_path / "r.sqlite"
    options = ("--workspace", str(workspace), "--reviews", str(reviews))
    query = "dataset=sample-hagrid"
    with served(tmp_path / "log.txt", "serve", *options) as (url, process):
        kim = Reviewer(chromium, url)
        kim.open("kim", query)
        kim.press("2")
        kim.press("1")
        last = kim.item()
        kim.page.keyboard.press("4")
        kim.page.get_by_text(SAVED).filter(has_text="bad keypoints").wait_for(timeout=20_000)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(20)
        kim.context.close()
    assert [d.verdict for d in _standing(reviews, "sample-hagrid")] == ["bad label", "good", "bad keypoints"]
    with served(tmp_path / "log.txt", "serve", *options) as (url, _):
        kim = Reviewer(chromium, url)
        kim.open("kim", query)
        assert "3 of" in kim.main()
        kim.press("z")
        assert kim.item() == last
        kim.settle()
        assert "taken back: bad keypoints" in kim.main()
        kim.check()
        kim.context.close()


def test_a_joint_is_dragged_and_the_proposal_stored_and_drawn(reviewer):
    query = "dataset=sample-coco_people&queue=filter"
    eve = reviewer("eve", query)
    eve.page.keyboard.press("e")
    handle = eve.page.locator('svg .handle[data-joint="5"]')
    handle.wait_for(timeout=20_000)
    eve.settle()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    eve.page.mouse.move(x, y)
    eve.page.mouse.down()
    eve.page.mouse.move(x + 40, y + 25, steps=4)
    eve.page.mouse.up()
    eve.settle()
    moved = handle.bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(40, abs=2)
    assert moved["y"] - box["y"] == pytest.approx(25, abs=2)
    eve.page.mouse.move(x + 40, y + 25)
    eve.page.mouse.down()
    eve.page.mouse.move(-3000, -3000, steps=4)
    eve.page.mouse.up()
    eve.settle()
    out, image = handle.bounding_box(), eve.page.locator("svg image").bounding_box()
    assert out["x"] + out["width"] / 2 >= image["x"] - 2, "it stays in the image"
    assert out["y"] + out["height"] / 2 >= image["y"] - 2
    eve.page.keyboard.press("o")  # the joint that was moved is chosen: occluded
    eve.page.keyboard.press("n")
    eve.page.keyboard.press("a")  # the next one is absent
    eve.page.keyboard.press("ArrowRight")  # does not skip the record while its joints are corrected
    eve.settle()
    first = eve.item()
    eve.page.get_by_text("Joints as numbers").click()
    cell = eve.page.locator(".st-key-review_numbers canvas").first
    cell.scroll_into_view_if_needed()
    cell.click(position={"x": 300, "y": 60}, force=True)
    eve.page.keyboard.press("4")  # begins to retype a number, and is no verdict
    eve.settle()
    assert eve.item() == first
    eve.page.keyboard.press("Escape")
    eve.page.get_by_text("Joints as numbers").click()
    eve.page.keyboard.press("e")  # what is corrected stays
    eve.press("4")
    eve.settle()
    assert "with corrected joints" in eve.main()
    eve.press("ArrowLeft")
    eve.settle()
    assert eve.item() == first
    assert "joints 5, 6 at fault, 2 corrected" in eve.main()
    assert eve.page.locator("svg .proposal").count() > 1


@pytest.mark.parametrize("width", [900, 1440])
def test_the_page_fits_the_window(reviewer, width):
    query = "dataset=sample-hagrid&queue=sample&of=3&part=2&overlap=0.2"
    ada = reviewer("ada", query, color_scheme="dark")
    ada.page.set_viewport_size({"width": width, "height": 1000})
    ada.settle()
    overflow = ada.page.evaluate(
        "document.querySelector('[data-testid=stMain]').scrollWidth"
        " - document.querySelector('[data-testid=stMain]').clientWidth"
    )
    assert overflow <= 1, f"{overflow} px too wide at {width}"
    ada.check()
