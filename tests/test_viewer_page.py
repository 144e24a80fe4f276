"""The viewer as a person meets it, without a browser."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from queries.index import index
from queries.model import Options
from queries.workspace import Workspace

APP = str(Path(__file__).parent.parent / "dashboard" / "app.py")
HOSTILE = "<img src=x onerror=alert(1)> **b** [a](http://x) $x$ :red[r] `c`"
TIMEOUT = 60
# Of the hostile label, what Markdown would take for markup: no backslash before it.
_MARKUP = re.compile(r"(?<!\\)(<img|\*\*b|\[a|\$x|:red|`c)")


def _jpeg(width: int = 120, height: int = 90) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), (40, 90, 160)).save(out, "JPEG")
    return out.getvalue()


def _coco(root: Path) -> None:
    names = ["nose", "left_hand", "right_hand"]
    files = ["here.jpg", "gone.jpg", "cut.jpg", "../secret.jpg", f"{HOSTILE}.jpg", "empty.jpg"]
    images = [{"id": n, "file_name": f, "width": 120, "height": 90} for n, f in enumerate(files, start=1)]
    annotations = [
        {"id": n, "image_id": n, "category_id": 1 + (n == 5), "bbox": [10, 10, 50, 60], "area": 3000,
         "iscrowd": 0, "keypoints": [20, 20, 2, 40, 30, 1, 0, 0, 0], "num_keypoints": 2, "note": HOSTILE}
        for n in range(1, 6)
    ]  # fmt: skip
    annotations.append({**annotations[0], "id": 90, "bbox": [60, 20, 30, 30]})
    categories = [{"id": n, "name": name, "keypoints": names, "skeleton": [[1, 2], [1, 3]]}
                  for n, name in ((1, "person"), (2, HOSTILE))]  # fmt: skip
    root.mkdir()
    made = {"images": images, "annotations": annotations, "categories": categories}
    (root / "person_keypoints_train2017.json").write_text(json.dumps(made))
    (root / "here.jpg").write_bytes(_jpeg())
    (root / "empty.jpg").write_bytes(_jpeg())
    (root / "cut.jpg").write_bytes(_jpeg()[:400])
    (root.parent / "secret.jpg").write_bytes(_jpeg())


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("page")
    _coco(base / "people")
    place = Workspace(base / "ws")
    index(place, base / "people", Options())
    return place.path


@pytest.fixture
def viewer(workspace: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(workspace))

    def run(**query: str) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=TIMEOUT)
        app.switch_page("pages/viewer.py")
        for name, value in query.items():
            app.query_params[name] = value
        return _good(app.run())

    return run


def _good(app: AppTest) -> AppTest:
    assert not app.exception, [e.value for e in app.exception]
    assert not app.error, [e.value for e in app.error]
    return app


def _said(app: AppTest) -> str:
    """Everything in words, Markdown's escapes taken out."""
    boxes = [*app.markdown, *app.caption, *app.info, *app.warning, *app.title, *app.subheader]
    return "\n".join(box.value for box in boxes).replace("\\", "")


def _url(app: AppTest, name: str) -> str | None:
    values = app.query_params.get(name)
    return values[0] if isinstance(values, list) and values else values or None


def test_gallery(viewer) -> None:
    app = viewer()
    assert "1–6** of **6 boxes" in _said(app)
    assert len([b for b in app.button if (b.key or "").startswith("open_")]) == 6
    app.segmented_control(key="viewer_show").set_value("images")
    app = _good(app.run())
    assert "1–6** of **6 images" in _said(app)
    assert "no boxes" in _said(app)
    app.selectbox(key="viewer_order").set_value("most_boxes")
    app = _good(app.run())
    assert _url(app, "order") == "most_boxes"
    _good(app.button(key="open_0").click().run())
    assert _url(app, "image") == "here.jpg"


def test_gallery_to_image_and_back(viewer) -> None:
    app = viewer()
    app = _good(app.button(key="open_1").click().run())
    assert _url(app, "image") == "here.jpg"
    assert _url(app, "annotation") == "1"
    assert "Image **1** of **6**" in _said(app)
    app = _good(app.button(key="viewer_next").click().run())
    assert _url(app, "image") == "gone.jpg"
    assert _url(app, "annotation") is None
    app = _good(app.button(key="viewer_previous").click().run())
    assert _url(app, "image") == "here.jpg"
    assert app.button(key="viewer_previous").disabled
    app = _good(app.button(key="viewer_back").click().run())
    assert _url(app, "image") is None
    assert "6 boxes" in _said(app)


def test_single_image(viewer) -> None:
    app = viewer(image="here.jpg")
    facts = app.dataframe[0].value.set_index("fact")["value"]
    assert facts["Key"] == "here.jpg"
    assert facts["Size"] == "120 × 90 px"
    assert facts["Split"] == "train"
    assert facts["Described in"] == "person_keypoints_train2017.json"
    annotations, joints = app.dataframe[1].value, app.dataframe[2].value
    assert list(annotations["class"]) == ["person", "person"]
    assert list(annotations["w"]) == [50, 30]
    assert list(joints["joint"]) == ["nose", "left_hand", "right_hand"]
    assert list(joints["visibility"]) == ["visible", "occluded", "not labelled"]
    assert joints["x (px)"][0] == 20
    assert joints["x (share)"][0] == pytest.approx(20 / 120)
    assert not app.info


def test_image_without_annotations(viewer) -> None:
    assert "has no annotations" in _said(viewer(image="empty.jpg"))


def test_unknown_key(viewer) -> None:
    app = viewer(image="no such <b>key</b>")
    assert "There is no image with the key “no such <b>key</b>”" in _said(app)
    app = _good(app.button(key="viewer_back").click().run())
    assert "6 boxes" in _said(app)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("gone.jpg", "not on disk"),
        ("cut.jpg", "truncated"),
        ("../secret.jpg", "outside the image folder"),
    ],
)
def test_image_that_can_not_be_shown(viewer, key: str, why: str) -> None:
    app = viewer(image=key)
    assert len(app.info) == 1
    assert why in _said(app)
    assert "blank frame" in _said(app)
    assert ("--images" in app.info[0].value) == (key == "gone.jpg")
    assert len(app.dataframe[1].value) == 1


def test_hostile_label_and_key_are_text(viewer) -> None:
    app = viewer()
    for box in (*app.caption, *app.markdown):
        assert not _MARKUP.search(box.value)
    assert HOSTILE in _said(app)
    app = viewer(image=f"{HOSTILE}.jpg")
    assert app.dataframe[1].value["class"][0] == HOSTILE
    for box in (*app.caption, *app.markdown, *app.info):
        assert not _MARKUP.search(box.value)
    for button in app.button:
        assert not _MARKUP.search(button.label)


def test_narrowed_and_widened(viewer) -> None:
    app = viewer(joint="left_hand", state="occluded", measure="width", low="40")
    assert "Narrowed to: **joint left_hand occluded, 40 ≤ box width**" in _said(app)
    assert "of **5 boxes" in _said(app)
    app = _good(app.button(key="viewer_clear").click().run())
    assert "of **6 boxes" in _said(app)
    assert _url(app, "joint") is None


def test_nothing_found_says_why_and_leads_out(viewer) -> None:
    app = viewer(joint="nose", state="occluded", **{"class": "person"})
    assert "No box matches: class person; joint nose occluded" in _said(app)
    assert "The filters alone (class person) leave something" in _said(app)
    app = viewer(joint="nose", state="occluded")
    assert "No box matches: joint nose occluded" in _said(app)
    app = _good(app.button(key="viewer_nothing_reset").click().run())
    assert "of **6 boxes" in _said(app)


def test_link_with_a_mistake(viewer) -> None:
    app = viewer(
        measure="depth", low="x", **{"from": "999", "order": "sideways", "annotation": "7", "show": "?"}
    )
    assert "measure is 'depth'" in _said(app)
    assert "of **6 boxes" in _said(app)
    _good(viewer(image="here.jpg", annotation="99"))


def test_doors(viewer) -> None:
    app = viewer(image="here.jpg")
    doors = {b.key: b.label.replace("\\", "") for b in app.button if (b.key or "").startswith("viewer_door_")}
    assert doors == {
        "viewer_door_class_0": "All of class person",
        "viewer_door_file": "All of this file",
    }
    _good(app.button(key="viewer_door_file").click().run())
    # where the door leads
    app = viewer(file="person_keypoints_train2017.json")
    assert "Narrowed to: **file person_keypoints_train2017.json**" in _said(app)
    assert "of **6 boxes" in _said(app)


def test_thumbnails_are_kept_in_the_workspace(viewer, workspace: Path) -> None:
    viewer()
    assert list((workspace / "thumbnails").rglob("*.bin"))


def test_a_problem_that_is_in_no_image_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _coco(tmp_path / "people")
    path = tmp_path / "people" / "person_keypoints_train2017.json"
    made = json.loads(path.read_text())
    made["annotations"].append({**made["annotations"][0], "id": 700, "image_id": 999})
    path.write_text(json.dumps(made))
    place = Workspace(tmp_path / "ws")
    index(place, tmp_path / "people", Options())
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place.path))
    app = AppTest.from_file(APP, default_timeout=TIMEOUT)
    app.switch_page("pages/viewer.py")
    app.query_params["problem"] = "orphan-annotation"
    assert "Of 1 problem the record itself is in no image for 1" in _said(_good(app.run()))
