"""The Review page in a real browser: keys decide, two people at once, a joint is dragged."""

from __future__ import annotations

import re

import pytest

from tests.browser.test_browser import Visitor

EACH = 20


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
        self.page.locator(f'svg[data-item]:not([data-item="{before}"])').wait_for(timeout=20_000)

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
    kim = reviewer("kim", "dataset=sample-hagrid&check=bone-length-outlier")
    first = kim.item()
    kim.press("4")
    kim.settle()
    assert re.search(r"saved \d\d:\d\d:\d\d as bad keypoints", kim.main())
    second = kim.item()
    kim.press("ArrowRight")
    assert kim.item() not in (first, second)
    kim.press("z")
    kim.settle()
    assert kim.item() == first
    assert "taken back: bad keypoints" in kim.main()
    assert "0 of" in kim.main()
    kim.page.get_by_role("combobox", name="Right class").fill("rock")
    kim.page.get_by_role("option", name="rock", exact=True).click()
    kim.settle()
    kim.press("2")  # the field has given the keys back
    kim.settle()
    assert "as bad label, right class rock" in kim.main()


def test_two_reviewers_at_once_lose_nothing_and_never_meet(reviewer):
    """Both by keyboard at the same moment, as fast as the pictures come; what was shown as saved is there."""
    people = [
        reviewer(who, f"dataset=sample-hagrid&queue=filter&of=2&part={part}")
        for part, who in enumerate(("ann", "ben"), start=1)
    ]
    seen: dict[str, list[str]] = {"ann": [], "ben": []}
    for n in range(EACH):
        before = [person.item() for person in people]
        for person in people:
            person.page.keyboard.press("1" if n % 3 else "2")
        for who, person, item in zip(seen, people, before, strict=True):
            seen[who].append(item)
            person.another(item)
    assert len(set(seen["ann"])) == len(set(seen["ben"])) == EACH
    assert not set(seen["ann"]) & set(seen["ben"])
    ann = people[0]
    ann.settle()
    assert f"{EACH} of" in ann.main()
    ann.page.get_by_role("radio", name="Decisions").click()
    ann.settle()
    told = re.search(r"decisions? stand: (.*)", ann.main()).group(1)
    assert f"ann {EACH}" in told
    assert f"ben {EACH}" in told


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
    eve.page.keyboard.press("o")  # the joint that was moved is chosen: occluded
    eve.page.keyboard.press("n")
    eve.page.keyboard.press("a")  # the next one is absent
    eve.page.keyboard.press("ArrowRight")  # does not skip the record while its joints are corrected
    eve.settle()
    first = eve.item()
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
