"""Every page over every kind of dataset, without a browser; filters, the URL and the doors."""

from __future__ import annotations

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import __main__ as server
from dashboard import state
from queries.filters import Filters, Narrow
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace

APP = str(Path(__file__).parent.parent / "dashboard" / "app.py")
TIMEOUT = 60
PAGES = ("overview", "classes", "keypoints", "boxes", "demographics", "splits", "sql")
HOSTILE = "<b>x</b> **bold** [z](http://a) $m$ %{x} `c`"


def _hand(n: float) -> list[list[float]]:
    return [[0.3 + 0.01 * j, 0.3 + 0.005 * n * j] for j in range(21)]


def _record(n: int, subject: str | None, label: str = "call", landmarks: bool = True, **more: Any) -> dict:
    box = [0.25, 0.25, 0.2 + 0.01 * n, 0.3]
    return {
        "bboxes": [box],
        "labels": [label],
        "hand_landmarks": [_hand(n) if landmarks else []],
        "user_id": subject,
        "united_bbox": None,
        "united_label": None,
        **more,
    }


def _meta(age: float, gender: str) -> dict:
    return {"meta": {"age": [age], "gender": [gender], "race": ["White"]}}


def _hagrid() -> dict[str, Any]:
    """Three splits, a subject and an image in two of them, a class in one split only, meta for some."""
    two = _record(9, "s4", "holy")
    two |= {"bboxes": two["bboxes"] * 2, "labels": ["holy", "holy"], "hand_landmarks": [_hand(1), _hand(2)],
            "united_bbox": [[0.2, 0.2, 0.5, 0.5]], "united_label": ["holy"]}  # fmt: skip
    return {
        "ann/train/call.json": {
            "a1": _record(1, "s1", **_meta(25, "male")),
            "a2": _record(2, "s2", **_meta(33, "female")),
            "both": _record(3, "s1", **_meta(26, "male")),
        },
        "ann/train/holy.json": {"h1": two},
        "ann/val/call.json": {"b1": _record(4, "s1", **_meta(61, "male")), "both": _record(3, "s3")},
        "ann/test/call.json": {"c1": _record(5, "s5", landmarks=False), "bad": {"labels": "x"}},
    }


def _coco() -> dict[str, Any]:
    """Pixels, flags, two skeletons, a crowd, a label that is full of markup, joints outside the frame."""
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 640, "height": 480} for n in range(1, 5)]
    people = [
        {"id": 1, "name": "person", "keypoints": ["nose", "left_eye", "right_eye"], "skeleton": [[1, 2]]},
        {"id": 2, "name": HOSTILE, "keypoints": ["head", "tail"], "skeleton": [[1, 2]]},
    ]
    annotations = [
        {
            "id": n,
            "image_id": 1 + n % 3,
            "category_id": 1,
            "bbox": [10 * n, 20, 20.0 * n, 30.0 * n],
            "area": 90.0 * n,
            "iscrowd": int(n == 3),
            "keypoints": [15, 25, 2, 700 if n == 1 else 30, 40, 1, 0, 0, 0],
            "num_keypoints": 2,
        }
        for n in range(1, 6)
    ]
    annotations.append(
        {
            "id": 9,
            "image_id": 2,
            "category_id": 2,
            "bbox": [5, 5, 0, 10],
            "area": 0,
            "iscrowd": 0,
            "keypoints": [6, 6, 2, 7, 7, 2],
            "num_keypoints": 2,
        }
    )
    made = {"images": images, "annotations": annotations, "categories": people}
    return {"person_keypoints_train2017.json": made}


def _bare() -> dict[str, Any]:
    """No subject, no landmarks, no meta, one class, no split."""
    return {"call.json": {"k": {"bboxes": [[0.1, 0.1, 0.2, 0.2]], "labels": ["call"]}}}


def _empty() -> dict[str, Any]:
    """Images without a single annotation."""
    images = [{"id": 1, "file_name": "1.jpg", "width": 10, "height": 10}]
    category = {"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}
    return {"instances_val2017.json": {"images": images, "annotations": [], "categories": [category]}}


def write(folder: Path, files: dict[str, Any]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


KINDS = {"gestures": _hagrid, "people": _coco, "bare": _bare, "empty": _empty}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("pages")
    place = Workspace(base / "ws")
    for name, make in KINDS.items():
        index(place, write(base / name, make()), Options(name=name))
    return place.path


@pytest.fixture
def run(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(workspace))

    def start(page: str = "overview", **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=TIMEOUT)
        if page != "overview":
            app.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            app.query_params[name.rstrip("_")] = value
        return good(app.run())

    return start


def good(app: AppTest) -> AppTest:
    assert not app.exception, [e.value for e in app.exception]
    return app


def said(app: AppTest) -> str:
    boxes = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success, *app.title]
    return "\n".join(box.value for box in boxes).replace("\\", "")


def url(app: AppTest) -> dict[str, list[str]]:
    return {k: v if isinstance(v, list) else [v] for k, v in app.query_params.items()}


@pytest.mark.parametrize("dataset", KINDS)
@pytest.mark.parametrize("page", PAGES)
def test_page_shows(run, page: str, dataset: str) -> None:
    app = run(page, dataset=dataset)
    assert app.title[0].value.lower() == page
    assert url(app)["dataset"] == [dataset]


@pytest.mark.parametrize("dataset", KINDS)
@pytest.mark.parametrize("page", PAGES)
def test_page_with_nothing_selected(run, page: str, dataset: str) -> None:
    run(
        page,
        dataset=dataset,
        split="nowhere",
        class_="nothing",
        subject="nobody",
        gender="x",
        race="y",
        age="z",
    )


@pytest.mark.parametrize("page", PAGES)
def test_page_filtered(run, page: str) -> None:
    app = run(page, dataset="gestures", split=["train", "val"], class_="call")
    if page != "sql":
        assert "split train or val, class call" in said(app)


def test_hostile_link(run) -> None:
    app = run(
        "classes", dataset=HOSTILE, split=HOSTILE, class_=["x" * 9000, "\x00", ""], low="nan", joint="'--"
    )
    assert "There is no dataset called" in said(app)
    assert url(app) == {"dataset": ["gestures"]}
    app = run("classes", dataset="gestures", class_=["x" * 9000, "\x00", ""])
    assert len(url(app)["class"][0]) <= 500


def test_dataset_that_is_gone_takes_its_filters_along(run) -> None:
    app = run("viewer", dataset="removed", split="val", class_="call", measure="width", low="0.5")
    assert "There is no dataset called" in said(app)
    assert "unfiltered" in said(app)
    assert url(app) == {"dataset": ["gestures"]}


def test_no_class_is_not_counted_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workspace(tmp_path / "ws")
    made = _coco()
    for annotation in made["person_keypoints_train2017.json"]["annotations"][:2]:
        annotation["category_id"] = None
    index(place, write(tmp_path / "d", made), Options())
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place.path))
    shown = {}
    for page in ("overview", "classes"):
        app = AppTest.from_file(APP, default_timeout=TIMEOUT)
        if page != "overview":
            app.switch_page(f"pages/{page}.py")
        shown |= {metric.label: metric.value for metric in good(app.run()).metric}
    assert shown["Classes"] == shown["Classes with instances"] == "2"
    assert shown["Instances"] == shown["Annotations"] == "6"
    assert shown["Imbalance ratio"] == "3.0"
    app = AppTest.from_file(APP, default_timeout=TIMEOUT)
    app.query_params["class"] = "no class"
    app = good(app.run())
    assert "class no class" in said(app)
    assert "Not in this dataset" not in said(app)


def test_sql_page_lists_the_views(run) -> None:
    labels = {box.label for box in run("sql").expander}
    assert labels >= {"finding", "image_fact", "annotation_px", "annotation_norm", "keypoint_px"}


def test_boxes_without_a_size_have_a_door(run) -> None:
    app = run("boxes", dataset="people")
    app = good(app.button(key="boxes_unusable").click().run())
    assert app.title[0].value == "Viewer"
    assert url(app)["measure"] == ["unusable"]
    assert "without a finite, positive width and height" in said(app)


def test_data_is_never_markup(run) -> None:
    for page in PAGES:
        app = run(page, dataset="people", class_=HOSTILE)
        boxes = [*app.markdown, *app.caption, *app.info, *app.warning, *app.error, *app.success]
        for box in boxes:
            assert "<b>x" not in box.value
            assert "**bold**" not in box.value
            assert "[z](" not in box.value


def test_unknown_values_can_be_taken_out(run) -> None:
    app = run(dataset="gestures", split="nowhere")
    assert "Not in this dataset: nowhere" in said(app)
    app.multiselect(key="kp_splits").set_value([])
    app = good(app.run())
    assert "split" not in url(app)


def test_only_recorded_filters_are_shown(run) -> None:
    keys = {box.key for box in run(dataset="bare").multiselect}
    assert keys == {"kp_labels"}
    keys = {box.key for box in run(dataset="gestures").multiselect}
    assert keys == {"kp_splits", "kp_labels", "kp_genders", "kp_races", "kp_ages"}


def test_widgets_write_the_url_and_reset(run) -> None:
    app = run(dataset="gestures")
    app.multiselect(key="kp_splits").set_value(["val"])
    app = good(app.run())
    app.multiselect(key="kp_labels").set_value(["call", "holy"])
    app = good(app.run())
    assert url(app) == {"dataset": ["gestures"], "split": ["val"], "class": ["call", "holy"]}
    app = good(next(b for b in app.button if b.label == "Reset filters").click().run())
    assert url(app) == {"dataset": ["gestures"]}


def test_another_dataset_drops_the_filters(run) -> None:
    app = run(dataset="gestures", split="val")
    app.selectbox(key="kp_dataset").set_value(app.selectbox(key="kp_dataset").options.index("people") + 1)
    app = good(app.run())
    assert url(app) == {"dataset": ["people"]}


def test_filters_survive_a_change_of_page(run) -> None:
    app = run("classes", dataset="gestures", split="val")
    # The menu changes the page and clears the URL.
    app.query_params.clear()
    app.switch_page("pages/boxes.py")
    app = good(app.run())
    assert app.title[0].value == "Boxes"
    assert url(app) == {"dataset": ["gestures"], "split": ["val"]}


def test_subjects_by_search(run) -> None:
    app = run(dataset="gestures")
    assert "kp_subjects" not in {box.key for box in app.multiselect}
    app.text_input(key="kp_subject_text").set_value("S1")
    app = good(app.run())
    found = app.multiselect(key="kp_subjects")
    assert found.options == ["s1 (3 images)"]
    found.set_value(["s1"])
    app = good(app.run())
    assert url(app)["subject"] == ["s1"]


def test_sql_page(run) -> None:
    app = run("sql")
    app.text_area(key="sql_text").set_value("select name, count(*) over () as n from dataset order by 1")
    app = good(next(b for b in app.button if b.label == "Run").click().run())
    assert app.dataframe[-1].value["name"].tolist() == sorted(KINDS)
    app.text_area(key="sql_text").set_value("select nothing from nowhere")
    app = good(next(b for b in app.button if b.label == "Run").click().run())
    assert len(app.error) == 1
    assert "nowhere" in app.error[0].value


def test_pages_say_what_is_missing(run) -> None:
    assert "No subject ids recorded" in said(run("splits", dataset="bare"))
    assert "records no age, gender or race" in said(run("demographics", dataset="bare"))
    assert "predicted by neural networks" in said(run("demographics", dataset="gestures"))
    assert "No keypoints" in said(run("keypoints", dataset="bare"))
    assert "not known: coordinates are normalized" in said(run("boxes", dataset="gestures"))


def test_leaks_are_said(run) -> None:
    words = said(run("splits", dataset="gestures"))
    assert "1 subject in more than one split" in words
    assert "1 image in more than one split" in words
    assert "1 subject in more than one split" in said(run("overview", dataset="gestures"))


def test_several_skeletons_can_be_chosen(run) -> None:
    app = run("keypoints", dataset="people")
    picker = next(box for box in app.selectbox if box.label == "Skeleton")
    assert len(picker.options) == 2
    picker.set_value(
        next(o for o in ("people/person-3", *picker.options) if "2" in o or o == picker.options[1])
    )


def test_no_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(tmp_path / "none"))
    app = good(AppTest.from_file(APP, default_timeout=TIMEOUT).run())
    assert "nothing to show yet" in said(app)


def test_replaced_index_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = Workspace(tmp_path / "ws")
    folder = write(tmp_path / "d", {"call.json": {"k": _record(1, "s")}})
    index(place, folder, Options())
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place.path))
    app = good(AppTest.from_file(APP, default_timeout=TIMEOUT).run())
    assert app.metric[0].value == "1"
    write(folder, {"call.json": {"k": _record(1, "s"), "l": _record(2, "s")}})
    index(place, folder, Options())
    app = good(app.run())
    assert app.metric[0].value == "2"


def test_door_leads_on_and_back_restores(run) -> None:
    app = run("classes", dataset="gestures", split="train")
    app.session_state["kp_go"] = state.Door(
        Filters(1, splits=("train",), labels=("call",)),
        Narrow(measure="width", low=0.1, high=math.inf),
        page="boxes",
    )
    app = good(app.run())
    assert app.title[0].value == "Boxes"
    found = url(app)
    assert (found["class"], found["measure"], found["low"], found["high"]) == (
        ["call"],
        ["width"],
        ["0.1"],
        ["inf"],
    )
    # The browser's Back: the old page with the door's query, which Streamlit leaves in the history.
    app.switch_page("pages/classes.py")
    app = good(app.run())
    assert app.title[0].value == "Classes"
    assert url(app) == {"dataset": ["gestures"], "split": ["train"]}


def test_filters_and_url_round_trip() -> None:
    filters = Filters(3, ("val",), ("a", "b"), ("s,1",), ("not recorded",), ("x y",), ("18-29",))
    assert Filters.from_query(3, filters.to_query()) == filters
    narrow = Narrow("nose", "visible", "area", 0.1 + 0.2, math.inf, None, True, "a/b.json")
    assert Narrow.from_query(narrow.to_query()) == narrow


def test_the_first_page_finds_its_answers_prepared(tmp_path, write, monkeypatch):
    """What the server works out while it starts is what the Overview asks, to the last parameter."""
    place = Workspace(tmp_path / "w")
    index(place, write(tmp_path / "set", _hagrid()), Options())
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place.path))
    asked = []
    real = Store.frame
    monkeypatch.setattr(Store, "frame", lambda self, query, **of: asked.append(query) or real(self, query, **of))

    def opened() -> set[str]:
        asked.clear()
        page = AppTest.from_file(APP, default_timeout=TIMEOUT).run()
        assert not page.exception
        return set(asked)

    prepared = {"facets", "selection", "finding_checks", "overview_totals", "overview_splits", "problem_kinds",
                "split_leaks", "split_keys", "class_split", "skeletons"}  # fmt: skip
    st.cache_data.clear()
    assert prepared <= opened()
    st.cache_data.clear()
    server.warm_up(threading.Event())
    assert not opened() & prepared
    st.cache_data.clear()
    ended = threading.Event()
    ended.set()
    asked.clear()
    server.warm_up(ended)
    assert asked == []
