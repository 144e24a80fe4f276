"""The Review page without a browser: verdicts, undo, queues and how they are shared, corrections, faults."""

from __future__ import annotations

import datetime
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import event
from streamlit.testing.v1 import AppTest

from dashboard import review_data, review_edit, review_picture
from dashboard.review_data import Plain
from dashboard.review_picture import Draft, Shown
from queries import audit, cli, review_queue
from queries.filters import Filters
from queries.index import index
from queries.model import Options
from queries.review_queue import Asked, Queue, build, mine, quality, sample_size
from queries.reviews import store as review_store
from queries.reviews.journal import Journal
from queries.reviews.model import Decision, Item
from queries.reviews.store import ReviewStore
from queries.scene import Instance, Joint, Scene, to_pixels
from queries.store import Store
from queries.workspace import Workspace
from tests.test_pages import APP, HOSTILE, TIMEOUT, good, said, url, write

CHECKS = ["box-zero-area", "record-malformed", "field-missing"]
BOX = {"bboxes": [[0.1, 0.1, 0.2, 0.3]], "labels": ["call"], "user_id": "s1"}
FLAT = {**BOX, "bboxes": [[0.1, 0.1, 0.0, 0.3]]}
HAND = {**BOX, "hand_landmarks": [[[0.1 + j / 100, 0.2] for j in range(21)]]}
KEY = f"k {HOSTILE}"


def _people() -> dict:
    """COCO persons in pixels with flags, one annotation id given twice, one image without annotations."""
    names = ["nose", "left_eye", "right_eye"]
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 100, "height": 80} for n in range(1, 5)]
    keypoints = [15, 25, 2, 20.5, 20, 1, 0, 0, 0]
    annotation = {"category_id": 1, "bbox": [10, 10, 30, 40], "area": 1200.0, "iscrowd": 0,
                  "num_keypoints": 2, "keypoints": keypoints}  # fmt: skip
    annotations = [{**annotation, "id": n, "image_id": n} for n in (1, 2, 3)]
    annotations.append({**annotation, "id": 1, "image_id": 1, "bbox": [10, 10, 0, 40]})
    category = {"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2], [1, 3]]}
    made = {"images": images, "annotations": annotations, "categories": [category]}
    return {"person_keypoints_train2017.json": made}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    base = tmp_path_factory.mktemp("review")
    found = Workspace(base / "ws")
    flat = {f"f{n}": FLAT for n in range(5)}
    files = {
        "ann/train/call.json": {"a": HAND, KEY: {**FLAT, "user_id": HOSTILE}, **flat},
        "ann/val/like.json": {f"v{n}": {**BOX, "labels": ["like"]} for n in range(20)},
    }
    index(found, write(base / "d", files), Options(name="d"))
    index(found, write(base / "p", _people()), Options(name="p"))
    index(found, write(base / "new", {"ann/train/call.json": {"a": BOX}}), Options(name="new"))
    images = [{"id": 1, "file_name": "1.jpg", "width": 10, "height": 10}]
    category = {"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}
    empty = {"images": images, "annotations": [], "categories": [category]}
    torn = {"ann/train/call.json": {"a": HAND, "b": 3}}
    index(found, write(base / "torn", torn), Options(name="torn"))
    index(found, write(base / "empty", {"instances_val2017.json": empty}), Options(name="empty"))
    audit.run(found, datasets=["d", "p", "torn"], checks=CHECKS)
    return found


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    return tmp_path / "r.sqlite"


@pytest.fixture
def run(place: Workspace, reviews: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place.path))
    monkeypatch.setenv("KPAUDIT_REVIEWS", str(reviews))

    def start(page: str = "review", **query: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=TIMEOUT)
        app.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            app.query_params[name.rstrip("_")] = value
        return good(app.run())

    return start


def _say(app: AppTest, verdict: str) -> AppTest:
    return good(next(b for b in app.button if b.key == f"review_say_{verdict}").click().run())


def _press(app: AppTest, key: str) -> AppTest:
    return good(next(b for b in app.button if b.key == key).click().run())


def _standing(reviews: Path, dataset: str = "d") -> list[Decision]:
    store = ReviewStore(reviews)
    try:
        return store.standing(dataset)
    finally:
        store.close()


def _append(reviews: Path, *decisions: Decision) -> None:
    store = ReviewStore(reviews)
    store.append_all(decisions)
    store.close()


def test_the_name_is_asked_once_and_kept(run) -> None:
    app = run(dataset="d")
    assert not [b for b in app.button if b.key and b.key.startswith("review_say")]
    app.text_input(key="review_who_name").input("ana")
    app = good(next(b for b in app.button if b.label == "Start reviewing").click().run())
    assert url(app)["reviewer"] == ["ana"]
    assert next(b.label for b in app.button if b.key and b.key.startswith("review_say")) == "Good"


def test_a_verdict_is_saved_shown_as_saved_and_the_next_item_is_there(run, reviews: Path) -> None:
    app = run(dataset="d", check="box-zero-area", reviewer="ana")
    first = url(app)["image"]
    assert "0 of 6 records judged" in app.get("progress")[0].proto.text.replace("*", "")
    app = _say(app, "bad box")
    (kept,) = _standing(reviews)
    assert (kept.reviewer, kept.verdict, kept.check_id) == ("ana", "bad box", "box-zero-area")
    assert [kept.item.image_key] == first
    assert kept.finding_key
    assert kept.digest is not None
    assert "as **bad box**" in said(app)
    assert url(app)["image"] != first
    for _ in range(5):
        app = _say(app, "good")
    assert "has judged all of this queue" in said(app)
    assert len(_standing(reviews)) == 6


def test_undo_brings_the_item_back_and_history_tells_all(run, reviews: Path) -> None:
    app = run(dataset="d", check="box-zero-area", reviewer="ana")
    first = url(app)["image"]
    app = _say(app, "bad box")
    app = _press(app, "review_undo")
    assert url(app)["image"] == first
    assert _standing(reviews) == []
    assert "taken back" in said(app)
    app = _say(app, "good")
    app = _press(app, "review_back")
    text = said(app)
    assert "Who said what" in text
    assert text.index("good") < text.rindex("bad box")


def test_skip_leaves_an_item_open_and_comes_round(run) -> None:
    app = run(dataset="d", check="box-zero-area", reviewer="ana")
    seen = [url(app)["image"][0]]
    for _ in range(5):
        app = _press(app, "review_skip")
        seen.append(url(app)["image"][0])
    assert len(set(seen)) == 6
    app = _press(app, "review_skip")
    assert url(app)["image"][0] == seen[0]


def test_comment_label_and_joints_go_with_the_verdict(run, reviews: Path) -> None:
    app = run(dataset="d", queue="filter", class_="call", reviewer="ana", image="a", own="instance 0")
    labels = next(s for s in app.selectbox if s.label == "Right class")
    assert "call" not in labels.options
    app = good(labels.select("like").run())
    comment = next(t for t in app.text_input if t.label == "Comment")
    app = good(comment.input("née 'x'; drop").run())
    app = _say(app, "bad label")
    (kept,) = _standing(reviews)
    assert (kept.label, kept.comment, kept.joints) == ("like", "née 'x'; drop", ())
    app = _press(app, "review_back")
    assert next(s for s in app.selectbox if s.label == "Right class").value == "like"
    assert next(t for t in app.text_input if t.label == "Comment").value == kept.comment
    assert kept.item == Item("d", "train", "a", "instance 0")
    assert kept.finding_key is None
    app = _press(app, "review_undo")
    joints = next(m for m in app.multiselect if m.label == "Joints at fault")
    app = good(joints.set_value([4, 8]).run())
    _say(app, "bad keypoints")
    (kept,) = _standing(reviews)
    assert kept.joints == (4, 8)
    assert kept.label is None


def test_others_verdicts_are_hidden_until_ones_own(run, reviews: Path) -> None:
    item = Item("d", "train", "a", "instance 0")
    _append(reviews, Decision(item, "ben", "reject image", comment="blurred"))
    asked = {"dataset": "d", "queue": "filter", "class_": "call", "image": "a", "own": "instance 0"}
    app = run(**asked, reviewer="ana")
    assert "blurred" not in said(app)
    assert "blurred" in said(run(**asked, reviewer="ana", others="yes"))
    app = _say(app, "good")
    assert "ben said **reject image**" in said(app)
    assert "blurred" in said(run(**asked, reviewer="ana"))
    assert {d.reviewer for d in _standing(reviews)} == {"ana", "ben"}, "both stay"


def test_a_correction_is_stored_beside_the_original(run, reviews: Path) -> None:
    app = run(dataset="p", queue="filter", reviewer="ana", image="2.jpg", own="2")
    app = _press(app, "review_swap")
    app = _say(app, "good")
    assert "The joints are corrected, and the verdict is good" in said(app).replace("\\", "")
    assert _standing(reviews, "p") == []
    app = _say(app, "bad keypoints")
    (kept,) = _standing(reviews, "p")
    assert kept.proposal == {"keypoints": {"1": [0.0, 0.0, 0], "2": [20.5, 20.0, 1]}}
    assert kept.joints == (1, 2)
    app = _press(app, "review_back")
    assert "2 corrected" in said(app)
    # another verdict on it takes the correction not back; taking it back does
    app = _press(_say(app, "bad label"), "review_back")
    assert _standing(reviews, "p")[0].proposal == kept.proposal
    app = _press(app, "review_edit")
    app = _say(app, "bad keypoints")
    assert _standing(reviews, "p")[0].proposal == kept.proposal
    app = _press(_press(_press(app, "review_back"), "review_edit"), "review_reset")
    _say(app, "bad keypoints")
    assert _standing(reviews, "p")[0].proposal is None


def test_a_proposal_is_in_the_datasets_unit_and_exact_where_nothing_moved() -> None:
    joints = tuple(Joint(j, str(j), x, 0.3, 2) for j, x in enumerate((0.1, 0.7 / 3)))
    source = Scene(300, 90, (Instance(7, box=(0.1, 0.1, 0.5, 0.5), joints=joints),), unit="normalized")
    shown = Shown("k", Plain(to_pixels(source), None, None, None), 7, True)
    own = shown.instance
    rows = [{"joint": 0, "flip": 1, "name": "l"}, {"joint": 1, "flip": 0, "name": "r"}]
    draft = Draft("k", {0: (*own.joints[1].place, 2), 1: (30.0, 45.0, 1)})
    made = review_edit.proposal(draft, shown, source)
    assert made == {"keypoints": {"0": [0.7 / 3, 0.3, 2], "1": [0.1, 0.5, 1]}}
    assert review_edit.pixels(made, shown.plain.scene, "normalized")[1] == pytest.approx((30, 45, 1))
    assert review_edit.swappable(rows)
    assert not review_edit.swappable([{"joint": 0, "flip": 0, "name": "l"}])
    assert review_edit.proposal(Draft("k"), shown, source) is None
    back = Draft("k", {0: (*own.joints[0].place, 2), 1: (*own.joints[1].place, 2)})
    assert review_edit.proposal(back, shown, source) is None, "what was moved and put back is no correction"


def test_left_and_right_are_exchanged_where_it_was_found_and_twice_is_nothing(monkeypatch) -> None:
    monkeypatch.setattr(review_edit, "st", type("Fake", (), {"session_state": {}}))
    names = ["nose", "left_hip", "right_hip", "left_ear", "right_ear"]
    rows = [{"joint": j, "flip": f, "name": names[j]} for j, f in enumerate((0, 2, 1, 4, 3))]
    own = Instance(7, joints=tuple(Joint(j, names[j], j * 10.0, 5.0, 2) for j in range(4)))
    arms = review_edit.pairs(rows, {"right_hip"})  # its mirror image is meant too
    assert [row["joint"] for row in arms] == [1, 2]
    review_edit.swap("k", own, arms)
    assert review_edit.draft("k").joints == {1: (20.0, 5.0, 2), 2: (10.0, 5.0, 2)}
    review_edit.swap("k", own, arms)
    assert review_edit.draft("k").joints == {}
    review_edit.swap("k", own, rows)
    assert review_edit.draft("k").joints[4] == (30.0, 5.0, 2)
    assert review_edit.draft("k").joints[3] == (0.0, 0.0, 0), "its mirror image was not labelled"


def test_joints_are_typed_and_what_is_as_it_was_is_no_correction(monkeypatch) -> None:
    monkeypatch.setattr(review_edit, "st", type("Fake", (), {"session_state": {}}))
    own = Instance(7, joints=(Joint(0, "a", 10.0, 20.0, 2), Joint(1, "b", 5.0, 5.0, 1)))
    draft = review_edit.begin("k")

    def typed(rows: dict) -> dict:
        review_edit.st.session_state["e"] = {"edited_rows": rows}
        review_edit._typed("e", draft, own, [0, 1, 2], True)
        return draft.joints

    assert typed({0: {"x": 11.5}}) == {0: (11.5, 20.0, 2)}
    assert typed({2: {"x": 1.0}})[2] == (1.0, 12.5, 2), "amid the others until y is typed"
    assert typed({2: {"y": 2.0}})[2] == (1.0, 2.0, 2)
    assert typed({1: {"state": "absent"}})[1] == (0.0, 0.0, 0)
    assert typed({2: {"state": "absent"}, 0: {"x": 10.0}}) == {1: (0.0, 0.0, 0)}
    assert review_edit.draft("other") is None
    # said to be there, without a number: where the source has it, else amid the others, never at (0, 0)
    assert typed({1: {"state": "visible"}, 2: {"state": "occluded"}}) == {1: (5.0, 5.0, 2), 2: (7.5, 12.5, 1)}
    review_edit.reset("k")
    assert review_edit.draft("k").joints == {}


def test_the_picture_is_heard_only_about_what_is_drawn(monkeypatch) -> None:
    monkeypatch.setattr(review_edit, "st", type("Fake", (), {"session_state": {}}))
    sent = {"item": "k", "rev": 0, "seq": 3, "joints": {"4": [1, 2.5, None]}}
    monkeypatch.setattr(review_picture, "sent", lambda: sent)
    review_edit.moved()
    draft = review_edit.begin("k")
    review_edit.moved()
    assert (draft.joints, draft.seq) == ({4: (1.0, 2.5, None)}, 3)
    review_edit.reset("k")
    review_edit.moved()
    assert draft.joints == {}, "it was sent before the reset"


def test_what_is_corrected_waits_for_the_verdict(run, reviews: Path) -> None:
    """Leaving the joints, skipping the record and taking the verdict back lose none of it."""
    app = run(dataset="p", queue="filter", reviewer="ana", image="2.jpg", own="2")
    app = _press(_press(app, "review_swap"), "review_edit_end")
    app = _press(_press(app, "review_skip"), "review_back")
    assert url(app)["image"] == ["2.jpg"]
    assert [b for b in app.button if b.key == "review_edit"], "it is not being moved"
    app = _say(app, "bad keypoints")
    made = _standing(reviews, "p")[0].proposal
    assert made == {"keypoints": {"1": [0.0, 0.0, 0], "2": [20.5, 20.0, 1]}}
    app = _say(_press(app, "review_undo"), "bad label")
    assert _standing(reviews, "p")[0].proposal == made
    app = _press(_press(_press(app, "review_undo"), "review_reset"), "review_say_good")
    assert [(d.verdict, d.proposal) for d in _standing(reviews, "p")] == [("good", None)]


def test_a_comment_outlives_the_verdict_that_is_taken_back(run, reviews: Path) -> None:
    app = run(dataset="d", queue="filter", reviewer="ana", image="a", own="instance 0")
    comment = "x" * 9_999 + "!"  # as long as the store takes
    app = good(next(t for t in app.text_input if t.label == "Comment").input(comment).run())
    app = _say(_press(_say(app, "good"), "review_undo"), "bad box")
    assert [(d.verdict, d.comment) for d in _standing(reviews)] == [("bad box", comment)]
    app = _say(_press(app, "review_back"), "bad label")
    assert _standing(reviews)[0].comment == comment, "judged anew, it keeps what was said"


def test_a_joint_that_was_dragged_just_before_the_key_goes_with_the_verdict(
    run, reviews: Path, monkeypatch
) -> None:
    """Both may come with one message of the browser, and then the verdict may be heard first."""
    app = run(dataset="p", queue="filter", reviewer="ana", image="2.jpg", own="2")
    app = _press(app, "review_edit")
    (key,) = app.session_state["kp_review_draft"]
    sent = {"item": key, "rev": 0, "seq": 1, "joints": {"0": [16.25, 25, 2]}}
    monkeypatch.setattr(review_picture, "sent", lambda: sent)
    _say(app, "bad keypoints")
    assert _standing(reviews, "p")[0].proposal == {"keypoints": {"0": [16.25, 25.0, 2]}}


def test_a_record_that_changed_or_is_gone_is_said(run, reviews: Path) -> None:
    item = Item("d", "train", "a", "instance 0")
    lost = Decision(Item("d", "x", "lost"), "ana", "unsure")
    _append(reviews, Decision(item, "ana", "good", digest=1), lost)
    app = run(dataset="d", queue="filter", reviewer="ana", image="a", own="instance 0")
    assert "has changed since you judged it as good" in said(app)
    below = next(b for b in app.button_group if b.key == "review_below")
    app = good(below.set_value("Decisions").run())
    assert "of 1 decision the record has changed since, of 1 decision it is gone" in said(app).lower()


@pytest.mark.parametrize("queue", review_queue.KINDS)
@pytest.mark.parametrize("dataset", ["d", "p", "new", "empty"])
def test_every_queue_of_every_dataset_shows(run, queue: str, dataset: str) -> None:
    for below in ("What the sample says", "Agreement", "Decisions"):
        app = run(dataset=dataset, queue=queue, reviewer="ana")
        choice = next(b for b in app.button_group if b.key == "review_below")
        if below in choice.options:
            good(choice.set_value(below).run())
    good(run(dataset=dataset, queue=queue, reviewer="ana", class_="nothing such"))


def test_strange_links_are_followed_as_far_as_they_go(run) -> None:
    run(dataset="d", reviewer="ana", queue="x", margin="nan", seed="-1", of="99999", part="77", overlap="7")
    app = run(dataset="d", reviewer="ana", check="no-such-check")
    assert "no open finding" in said(app)
    app = run(dataset="d", reviewer="ana", image="nowhere")
    assert "The record of nowhere is not in the index" in said(app)
    app = good(app.run())
    assert "not in the index" not in said(app)
    app.query_params["dataset"] = "p"  # a place in another dataset is none in this one
    assert "not in the index" not in said(good(app.run()))
    app = run(dataset="d", reviewer="ana", image="nowhere")
    assert [b for b in app.button if b.key == "review_say_good"], "the first open one instead"
    app = run(dataset="d", reviewer="ana", check="box-zero-area", image="v1", own="instance 0")
    assert "is not in the queue any more" in app.get("progress")[0].proto.text


def test_hostile_names_are_text(run, reviews: Path) -> None:
    item = Item("d", "train", KEY, "instance 0")
    _append(reviews, Decision(item, HOSTILE, "good", comment=HOSTILE, label=HOSTILE))
    app = run(dataset="d", queue="filter", reviewer=HOSTILE, image=KEY, own="instance 0", of="2")
    app = _say(app, "bad label")
    app = _press(app, "review_undo")
    below = next(b for b in app.button_group if b.key == "review_below")
    good(below.set_value("Agreement").run())
    everything = "\n".join(m.value for m in [*app.markdown, *app.caption, *app.warning, *app.info])
    assert "**bold**" not in everything
    assert "<b>x</b>" not in everything


def test_a_store_that_fails_says_so_and_loses_nothing(run, reviews: Path, monkeypatch) -> None:
    monkeypatch.setattr(review_store, "_PATIENCE", 1)
    app = run(dataset="d", queue="filter", reviewer="ana", image="a", own="instance 0")
    comment = next(t for t in app.text_input if t.label == "Comment")
    app = good(comment.input("keep me").run())
    other = sqlite3.connect(reviews, isolation_level=None)
    other.execute("begin immediate")
    app = _say(app, "good")
    assert "locked by another program" in said(app).replace("\\", "")
    assert url(app)["image"] == ["a"]
    assert next(t for t in app.text_input if t.label == "Comment").value == "keep me"
    other.execute("rollback")
    other.close()
    app = _say(app, "good")
    assert "locked" not in said(app)
    assert _standing(reviews)[0].comment == "keep me"


def test_a_full_disk_is_said_and_the_record_stays(run, reviews: Path, monkeypatch) -> None:
    app = run(dataset="d", queue="filter", reviewer="ana", image="a", own="instance 0")
    comment = next(t for t in app.text_input if t.label == "Comment")
    app = good(comment.input("x" * 2000).run())
    app = _press(_say(app, "good"), "review_back")
    pages = len(reviews.read_bytes()) // 4096 + 1
    real = review_store._engine

    def small(url: str):
        engine = real(url)
        limit = f"pragma max_page_count = {pages}"
        event.listen(engine, "checkout", lambda connection, *_: connection.execute(limit))
        return engine

    monkeypatch.setattr(review_store, "_engine", small)
    review_data._opened.clear()
    for _ in range(40):
        app = _say(app, "bad box")
        if "no space left" in said(app):
            break
        app = _press(app, "review_back")
    assert "Not saved: no space left" in said(app).replace("\\", "")
    assert url(app)["image"] == ["a"]
    assert next(t for t in app.text_input if t.label == "Comment").value == "x" * 2000
    assert _standing(reviews), "those before it are"
    monkeypatch.setattr(review_store, "_engine", real)
    review_data._opened.clear()
    app = _say(app, "reject image")
    assert [d.verdict for d in _standing(reviews)] == ["reject image"]


def test_two_who_judge_one_record_at_once_both_stand(run, reviews: Path) -> None:
    """Both have it on the screen before either decides; one name in two browsers loses no entry either."""
    asked = {"dataset": "d", "queue": "filter", "class_": "call", "image": "a", "own": "instance 0"}
    apps = [run(**asked, reviewer=who) for who in ("ana", "ben", "ana")]
    apps = [_say(app, verdict) for app, verdict in zip(apps, ("good", "bad box", "unsure"), strict=True)]
    assert all("saved" in said(app) for app in apps)
    assert "ana said **good**" in said(apps[1])
    assert {(d.reviewer, d.verdict) for d in _standing(reviews)} == {("ana", "unsure"), ("ben", "bad box")}
    store = ReviewStore(reviews)
    assert [d.verdict for d in store.ledger()] == ["good", "bad box", "unsure"]
    store.close()


def test_a_dataset_without_an_audit_is_told_from_one_without_findings(run) -> None:
    assert "has not been audited" in said(run(dataset="new", reviewer="ana"))
    assert "no open finding" in said(run(dataset="p", reviewer="ana", check="record-malformed"))


def test_a_store_of_a_newer_version_or_none_at_all_is_said(run, reviews: Path) -> None:
    ReviewStore(reviews).close()
    with sqlite3.connect(reviews) as con:
        con.execute("update kpaudit_reviews set schema_version = 99")
    app = run(dataset="d", reviewer="ana")
    assert "newer kpaudit" in said(app)
    assert all(b.disabled for b in app.button if b.key and b.key.startswith("review_say"))
    run("findings", dataset="d")
    reviews.unlink()
    reviews.write_bytes(b"no database at all" * 100)
    assert "Nothing can be saved" in said(run(dataset="d", reviewer="ana"))


def test_an_index_made_anew_while_somebody_reviews(tmp_path: Path, run, monkeypatch, reviews: Path) -> None:
    """The ids of all records shift: the verdict is of what was on the screen, and the next one is another."""
    here = Workspace(tmp_path / "ws")
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(here.path))
    flat = {f"k{n}": BOX for n in range(4)}
    folder = write(tmp_path / "d", {"ann/train/call.json": flat})
    index(here, folder, Options(name="d"))
    app = run(dataset="d", queue="filter", reviewer="ana", image="k1", own="instance 0")
    app = good(next(t for t in app.text_input if t.label == "Comment").input("mine").run())
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(here.path))
    changed = {"ann/train/call.json": {"a0": BOX, "a1": BOX, **flat, "k1": HAND}}
    index(here, write(folder, changed), Options(name="d"))
    app = _say(app, "bad box")
    (kept,) = _standing(reviews)
    assert (kept.item.image_key, kept.comment) == ("k1", "mine")
    assert url(app)["image"] != ["k1"]
    app = run(dataset="d", queue="filter", reviewer="ana", image="k1", own="instance 0")
    assert "has changed since you judged it as bad box" in said(app)
    # what is gone while it is on the screen is judged all the same, and said to be gone
    write(folder, {"ann/train/call.json": {"a0": BOX}})
    index(here, folder, Options(name="d"))
    app = _say(app, "good")
    assert _standing(reviews)[0].verdict == "good"
    app = run(dataset="d", queue="filter", reviewer="ana", image="k1", own="instance 0")
    assert "The record of k1 is not in the index" in said(app)


def test_a_key_for_a_former_picture_is_not_counted(run, reviews: Path) -> None:
    app = run(dataset="d", check="box-zero-area", reviewer="ana")
    app.session_state["kp_review_now"] = "another"
    _say(app, "good")
    assert _standing(reviews) == []


@pytest.mark.parametrize("key", ["review_say_bad box", "review_skip", "review_back", "review_undo"])
def test_a_key_from_before_the_browser_had_the_next_record_is_not_counted(run, reviews: Path, key) -> None:
    """It is sent with the address of the former record, which is not judged a second time for it."""
    app = run(dataset="d", check="box-zero-area", reviewer="ana")
    former = url(app)
    app = _say(app, "good")
    place = url(app)
    assert place["image"] != former["image"]
    app.query_params["image"], app.query_params["image_split"] = former["image"], former["image_split"]
    app = _press(app, key)
    assert url(app) == place, "the record that comes next stays"
    assert [d.verdict for d in _standing(reviews)] == ["good"]
    # without a key it is the browser's way back
    app.query_params["image"], app.query_params["image_split"] = former["image"], former["image_split"]
    assert url(good(app.run()))["image"] == former["image"]


def test_one_person_in_two_windows_is_told(run, reviews: Path) -> None:
    asked = {"dataset": "d", "queue": "filter", "reviewer": "ana", "image": "a", "own": "instance 0"}
    first, second = run(**asked), run(**asked)
    assert "in another window" not in said(_say(first, "good"))
    assert "in another window you had said **good**" in said(_say(second, "bad box"))


def test_findings_of_no_image_are_said_to_be_in_no_queue(run) -> None:
    told = "1 finding is of no image, but of the dataset, a class or a file, and in no queue"
    app = run(dataset="torn", reviewer="ana")
    assert told in said(app)
    assert "record-malformed (1)" in said(app).replace("\\", "")
    assert "in no queue" not in said(run(dataset="p", reviewer="ana", check="box-zero-area", class_="none"))


def test_serve_hands_the_store_on(monkeypatch: pytest.MonkeyPatch, place: Workspace) -> None:
    seen = {}

    class Served:
        def __init__(self, command, env):
            seen.update(env)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def wait(self):
            return 0

    monkeypatch.setattr(cli.subprocess, "Popen", Served)
    monkeypatch.setattr(cli.signal, "signal", lambda *_: None)
    command = ["serve", "--workspace", str(place.path), "--no-browser", "--reviews"]
    for given, expected in (("r.db", str(Path("r.db").absolute())), ("postgresql://h/d", "postgresql://h/d")):
        with pytest.raises(SystemExit) as stop:
            cli.main([*command, given])
        assert not stop.value.code
        assert seen["KPAUDIT_REVIEWS"] == expected


def test_findings_show_how_often_reviewers_agreed(run, reviews: Path) -> None:
    app = run(dataset="d", check="box-zero-area", reviewer="ana")
    for verdict in ("bad box", "bad box", "good"):
        app = _say(app, verdict)
    frame = run("findings", dataset="d").dataframe[0].value
    agreed = dict(zip(frame["check"], frame["agreed"], strict=True))
    assert agreed["box-zero-area"] == "67% of 3 (21% to 94%)"
    app = _press(run("findings", dataset="d", check="box-zero-area"), "findings_review")
    assert app.title[0].value == "Review"
    assert url(app)["check"] == ["box-zero-area"]


def test_agreement_of_two_and_of_more(run, reviews: Path) -> None:
    """κ is (observed − by chance) ÷ (1 − by chance), by hand."""
    places = [("train", "a"), ("val", "v0"), ("val", "v1"), ("val", "v2")]
    items = [Item("d", *place, "instance 0") for place in places]
    said_by = {"ana": ("good", "good", "bad box", "good"), "ben": ("good", "bad box", "bad label", "good")}
    for who, verdicts in said_by.items():
        _append(reviews, *(Decision(i, who, v) for i, v in zip(items, verdicts, strict=True)))

    def tables() -> list:
        app = run(dataset="d", reviewer="ana")
        below = next(b for b in app.button_group if b.key == "review_below")
        return [table.value for table in good(below.set_value("Agreement").run()).dataframe]

    (both,) = tables()
    rows = {row["over"]: row for row in both.to_dict("records")}
    assert rows["all"]["κ"] == 0.111  # (8/16 − 7/16) ÷ (1 − 7/16)
    assert rows["verdict good"]["κ"] == 0.5  # (¾ − ½) ÷ (1 − ½)
    assert rows["class like"]["κ"] == 0
    assert {name: row["judged by both"] for name, row in rows.items()} == {
        "all": 4, "verdict bad box": 2, "verdict bad label": 1, "verdict good": 3, "class call": 1,
        "class like": 3,
    }  # fmt: skip
    _append(reviews, Decision(items[0], "cy", "good"))
    alpha, kappa = tables()
    assert alpha.set_index("over")["judged by several"]["all"] == 4
    assert kappa["κ"][0] == 0.111
    assert kappa["judged by both"].tolist() == [4, 1, 1]


@pytest.mark.parametrize("of", [2, 3, 7])
def test_assignment_is_complete_disjoint_and_even(of: int) -> None:
    hashes = np.random.default_rng(1).integers(0, 2**64, 20_000, dtype=np.uint64)
    parts = [mine(hashes, Asked(of=of, part=part)) for part in range(1, of + 1)]
    assert (np.sum(parts, axis=0) == 1).all()
    assert all(abs(part.mean() - 1 / of) < 0.02 for part in parts)
    shared = [mine(hashes, Asked(of=of, part=part, overlap=0.3)) for part in range(1, of + 1)]
    counts = np.sum(shared, axis=0)
    assert set(counts) == {1, 2}
    assert abs((counts == 2).mean() - 0.3) < 0.02
    assert all((part <= more).all() for part, more in zip(parts, shared, strict=True))
    everything = [mine(hashes, Asked(of=of, part=part, overlap=1.0)) for part in range(1, of + 1)]
    assert (np.sum(everything, axis=0) == 2).all()


def test_queues_of_several_reviewers_are_one_whole(place: Workspace) -> None:
    store = Store(place)
    f = Filters(1)
    for kind in review_queue.KINDS:
        whole = build(store, f, Asked(kind))
        parts = [build(store, f, Asked(kind, of=3, part=n)) for n in (1, 2, 3)]
        assert sorted(i for part in parts for i in part.items.tolist()) == sorted(whole.items.tolist())
    assert len(build(store, f, Asked("filter"))) == 27
    assert len(build(store, f, Asked("findings", "box-zero-area"))) == 6
    assert len(build(store, f, Asked("findings"))) == len(build(store, f, Asked("findings", "box-zero-area")))
    # an id that was given twice is one item, shown as the record that was found; an image without any is one
    twice = build(store, Filters(2), Asked("findings", "box-zero-area"))
    assert twice.items.tolist() != twice.shown.tolist()
    people = build(store, Filters(2), Asked("filter"))
    assert len(people) == 4
    assert sum(people.items < 0) == 1
    store.close()


def test_samples_are_seeded_nested_and_of_each_class(place: Workspace) -> None:
    store = Store(place)
    f = Filters(1)
    small, large = (build(store, f, Asked("sample", margin=m)) for m in (0.3, 0.2))
    assert small.drawn == {"call": (5, 7), "like": (8, 20)}
    assert sorted(small.labels) == ["call"] * 5 + ["like"] * 8
    assert set(small.items) < set(large.items)
    assert build(store, f, Asked("sample", margin=0.3)).items.tolist() == small.items.tolist()
    other = build(store, f, Asked("sample", margin=0.3, seed=1))
    assert other.items.tolist() != small.items.tolist()
    store.close()


@pytest.mark.parametrize(
    ("population", "margin", "size"),
    # Cochran's 385 for ± 5 points of an endless population, 278 of a thousand, and the whole of a few
    [
        (10**9, 0.05, 385), (1000, 0.05, 278), (10**9, 0.1, 97), (100, 0.1, 50), (1, 0.05, 1), (0, 0.05, 0),
        (9, 0.01, 9),
    ],
)  # fmt: skip
def test_sample_size(population: int, margin: float, size: int) -> None:
    assert sample_size(population, margin) == size


def test_sample_size_refuses_no_margin() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        sample_size(10, 0.0)


def test_quality_counts_the_majority() -> None:
    def of(*verdicts: str) -> list[Decision]:
        return [Decision(Item("d", "s", "k"), str(n), verdict) for n, verdict in enumerate(verdicts)]

    judged = [
        ("a", of("bad label")), ("a", of("good", "good", "bad label")), ("a", of("good", "bad label")),
        ("a", of("unsure")), ("a", of("bad box", "bad label", "bad label")), ("a", []), ("gone", of("good")),
    ]  # fmt: skip
    (found,) = quality({"a": (10, 50)}, judged)
    assert (found.judged, found.unsure, found.bad_label, found.bad) == (3, 2, 2, 2)
    low, high = found.interval(found.bad_label)
    assert (round(low, 3), round(high, 3)) == (0.213, 0.937), "of 50 and not of an endless class"
    assert quality({"b": (1, 1)}, [])[0].interval(0) == (0.0, 1.0)


def test_intervals_are_of_a_class_that_ends(place: Workspace) -> None:
    """A whole sample has the margin that was asked for, in a small class too; of all nothing is uncertain."""
    for population in (30, 120, 5_000, 10**6):
        size = sample_size(population, 0.1)
        low, high = quality_of(population, size, size // 2).interval(size // 2)
        assert 0.07 < (high - low) / 2 <= 0.105, population
    low, high = quality_of(30, 30, 12).interval(12)
    assert (low, high) == (0.4, 0.4)
    assert quality_of(30, 0, 0).interval(0) == (0.0, 1.0)
    # by hand: 7 of 20 of 50 count as 11.433… of 32.667…
    assert quality_of(50, 20, 7).interval(7) == pytest.approx((0.21026, 0.52130), abs=1e-5)


def quality_of(population: int, judged: int, bad: int) -> review_queue.Quality:
    return review_queue.Quality("like", population, judged, judged, 0, bad, bad)


def test_what_was_judged_for_a_finding_does_not_make_the_sample_worse(run, place: Workspace, reviews) -> None:
    """Findings come first to who is shown them: five bad ones of twenty must not read as all of five."""
    asked = Asked("sample", margin=0.05)
    store = Store(place)
    f = Filters(next(d["dataset_id"] for d in store.datasets if d["name"] == "d"), labels=("like",))
    rows = [store.rows("review_item", item=int(item))[0] for item in build(store, f, asked).items]
    store.close()
    items = [Item("d", row["split"], row["key"], row["own"]) for row in rows]
    assert len(items) == 20
    for n in (3, 9, 12, 15, 18):
        _append(reviews, Decision(items[n], "ana", "bad label", check_id="label-suspect", finding_key="f"))
    shown = {"dataset": "d", "queue": "sample", "margin": "0.05", "reviewer": "ana", "class_": "like"}

    def told() -> tuple:
        app = run(**shown)
        choice = next(b for b in app.button_group if b.key == "review_below")
        frame = good(choice.set_value("What the sample says").run()).dataframe[0].value
        return tuple(frame[["judged", "bad labels"]].iloc[0])

    assert told() == (0, 0)
    _append(reviews, *(Decision(item, "ana", "good") for n, item in enumerate(items[:11]) if n not in (3, 9)))
    assert told() == (11, 2), "as far as the sample has come, those that were judged before too"
    _append(reviews, Decision(items[19], "ben", "good"))
    assert told() == (15, 5)


def test_next_open_goes_round_and_survives_what_vanishes() -> None:
    items = np.array([50, -7, 30, 20])
    queue = Queue(items, items)
    assert queue.places([30, 99, -7]).tolist() == [1, 2]
    assert queue.place(99) is None
    done = queue.places([50, 20])
    assert queue.next_open(done) == 1
    assert queue.next_open(done, 2) == 1
    assert queue.next_open(np.arange(4)) is None
    empty = Queue(items[:0], items[:0])
    assert empty.places([1]).tolist() == []
    assert empty.next_open(empty.places([])) is None


def test_the_journal_reads_on_and_knows_what_was_taken_back(reviews: Path) -> None:
    store, other = ReviewStore(reviews), ReviewStore(reviews)
    journal = Journal(store)
    item = Item("d", "s", "k", "1")
    at = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    first = other.append(Decision(item, "ben", "good", at=at))
    journal.refresh()
    second = other.append(Decision(item, "ben", "bad box"))
    store.append(Decision(item, "ana", "unsure"))
    journal.refresh()
    assert {d.verdict for d in journal.of_item(item).values()} == {"bad box", "unsure"}
    other.undo(second.decision_id, "ben")
    journal.refresh()
    assert journal.of_item(item)["ben"] == first
    assert journal.items_of("d", "ben") == [item]
    other.undo(first.decision_id, "ben")
    journal.refresh()
    assert journal.items_of("d", "ben") == []
    stands = {item: {"ana": journal.of_item(item)["ana"]}}
    assert journal.standing("d") == stands
    assert journal.standing("d")[item]["ana"] == store.standing("d")[0]
    store.close()
    other.close()
