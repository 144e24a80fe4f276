"""The cards: each figure as published, each dataset recognised for what it is, and the Overview beside it."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import published
from dashboard.state import Door
from queries import cards, skeletons
from queries.cards import TOTAL, Facts, Figure
from queries.filters import Filters
from queries.index import index
from queries.model import Options
from queries.readers import READERS
from queries.readers.hagrid import GESTURES
from queries.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_data"
APP = str(ROOT / "dashboard" / "app.py")

#: What is published, typed from its sources: whole numbers as they are, rounded ones as the text has them.
PUBLISHED = {
    "hagrid-v1": {
        "images": {"train": "509,323", "test": "43,669", "total": "552,992"}, "subjects": {"total": "34,730"},
    },
    "hagrid-2.0": {
        "images": {"train": "410,800", "val": "54,000", "test": "90,000", "total": "554,800"},
        "subjects": {"total": "37,583"},
    },
    "hagrid-v2": {
        "images": {"train": "821,458", "val": "99,200", "test": "165,500", "total": "1,086,158"},
        "subjects": {"total": "65,977"},
        "gesture_boxes": {"train": "980,924", "val": "120,003", "test": "200,006", "total": "1,300,933"},
        "no_gesture_boxes": {"train": "154,403", "val": "19,411", "test": "29,386", "total": "203,200"},
        "annotations": {"train": "1,135,327", "val": "139,414", "test": "229,392", "total": "1,504,133"},
        "keypoint_instances": {"train": "983,991", "val": "123,230", "test": "201,131", "total": "1,308,352"},
    },
    "coco-keypoints-2017": {
        "images": {"train": "64k", "total": "200k"}, "keypoint_instances": {"total": "250k"},
    },
    "coco-pose-ultralytics": {"images": {"train": "56,599", "val": "2,346"}},
    "ultralytics-hand-keypoints": {"images": {"train": "18,776", "val": "7,992", "total": "26,768"}},
    "mpii": {"images": {"train": "25k", "test": "7k"}, "keypoint_instances": {"total": "40k"}},
    "aic": {
        "images": {"train": "210k", "val": "30k", "test": "60k"}, "keypoint_instances": {"total": "300k"},
    },
    "mhp-v2": {"images": {"train": "15k", "val": "5k", "test": "5k"}},
    "crowdpose": {"images": {"train": "10k", "val": "2k", "test": "8k"}},
    "ochuman": {
        "images": {"val": "2.5k", "test": "2.2k", "total": "5,081"},
        "annotations": {"total": "13,360"}, "keypoint_instances": {"total": "10,375"},
    },
    "mpii-trb": {},
    "human-art": {
        "images": {"train": "35k", "val": "5k", "test": "10k"}, "keypoint_instances": {"total": "123k"},
    },
    "coco-wholebody": {"images": {"train": "50k", "val": "2k"}},
    "halpe": {"images": {"train": "118k", "val": "5k", "test": "41k"}},
    "lsp": {"images": {"train": "1,000", "test": "1,000", "total": "2,000"}},
    "lspet": {"images": {"train": "10,000", "total": "10,000"}},
    "human3.6m": {"subjects": {"train": "5", "test": "2", "total": "7"}},
}  # fmt: skip

COCO, HANDS = frozenset({"coco-17"}), frozenset({"hand-21"})
_V1 = (
    "call dislike fist four like mute ok one palm peace peace_inverted rock stop stop_inverted three three2 "
    "two_up two_up_inverted no_gesture"
)
V1_GESTURES = frozenset(_V1.split())


def figure(text: str) -> Figure:
    """`25k` is 25,000 to the thousand, `2.5k` 2,500 to the hundred, `5,081` is exact."""
    if not text.endswith("k"):
        return Figure(int(text.replace(",", "")))
    number = text[:-1]
    return Figure(int(float(number) * 1000), True, 100 if "." in number else 1000)


def counts(split: str | None = None, **found: int) -> dict:
    return {"split": split, **dict.fromkeys(cards.MEASURES, 0), **found}


def seen(found) -> tuple | None:
    """The card that the only dataset of a workspace is given, and which splits are whole and absent."""
    compared = cards.beside(found.store, found.store.datasets[0])
    return compared and (compared.card.name, compared.whole, compared.absent)


def test_every_card_loads_and_is_named_as_its_file():
    files = {path.stem for path in (ROOT / "queries" / "cards").glob("*.toml")}
    assert set(cards.bundled()) == files == set(PUBLISHED)


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_figure_is_as_published(name):
    typed = {
        measure: {split: figure(text) for split, text in figures.items()}
        for measure, figures in PUBLISHED[name].items()
    }
    assert cards.bundled()[name].published == typed


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_card_speaks_of_formats_skeletons_and_classes_that_there_are(name):
    card = cards.bundled()[name]
    assert card.source and card.title and card.known_by
    for rule in card.known_by:
        assert set(rule.formats) <= {reader.NAME for reader in READERS} and rule.formats
        assert {*rule.skeletons, *rule.beside} <= set(skeletons.bundled())
        assert {*rule.classes_any, *rule.classes_within} <= set(GESTURES)
        assert rule.why


def test_v2s_own_gestures_are_those_that_v1_has_not():
    (rule,) = [rule for rule in cards.bundled()["hagrid-v2"].known_by if rule.classes_any]
    assert set(rule.classes_any) == set(GESTURES) - V1_GESTURES
    (rule,) = cards.bundled()["hagrid-2.0"].known_by
    assert set(rule.classes_within) == V1_GESTURES


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[published.eyes]\ntotal = 2\n", "nothing is counted as eyes"),
        ("has = ['luck']\n", "no trait is called luck"),
    ],
)
def test_a_card_with_a_word_that_means_nothing_is_refused(text, error):
    head = "name = 'x'\ntitle = 'x'\nsource = 'x'\n[[known_by]]\nwhy = 'x'\n"
    with pytest.raises(ValueError, match=f"x.toml: {error}"):
        cards._from_toml(tomllib.loads(head + text), "x.toml")


@pytest.mark.parametrize(
    ("traits", "classes", "name"),
    [
        ({"leading_hand", "keypoints"}, V1_GESTURES, "hagrid-v1"),
        ({"leading_hand", "merged_splits"}, {"call"}, "hagrid-v1"),
        ({"merged_splits"}, V1_GESTURES, "hagrid-v1"),
        (set(), V1_GESTURES, "hagrid-2.0"),
        (set(), {"call", "no_gesture"}, "hagrid-2.0"),
        ({"keypoints"}, {"call"}, "hagrid-v2"),
        ({"meta"}, {"call"}, "hagrid-v2"),
        ({"united"}, {"holy"}, "hagrid-v2"),
        (set(), {"grabbing"}, "hagrid-v2"),
        ({"keypoints", "meta", "united"}, set(GESTURES), "hagrid-v2"),
        (set(), {"call", "wave"}, None),
        (set(), set(), None),
    ],
)
def test_the_releases_of_hagrid_are_told_apart(traits, classes, name):
    card = cards.recognise(Facts("hagrid", (), (), frozenset(classes), HANDS, frozenset(traits)))
    assert (card and card.name) == name


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (Facts("coco", ("a",), ("000000000785.jpg",), skeletons=COCO), "coco-keypoints-2017"),
        (Facts("coco", ("a",), ("COCO_val2014_000000000785.jpg",), skeletons=COCO),
         "coco-keypoints-2017"),
        (Facts("coco", ("a",), ("me.jpg", "000000000785.jpg"), skeletons=COCO), None),
        (Facts("coco", ("a",), (), skeletons=COCO), None),
        (Facts("coco", ("a",), ("HumanArt/images/000000000785.jpg",), skeletons=COCO),
         "human-art"),
        (Facts("coco", ("x/ochuman_val.json",), ("000785.jpg",), skeletons=COCO), "ochuman"),
        (Facts("coco", ("a",), ("000785.jpg",), skeletons=COCO), None),
        (Facts("coco", ("a",), ("060754485.jpg",), skeletons=frozenset({"mpii-16"})), "mpii"),
        (Facts("coco", ("a",), ("060754485.jpg",), skeletons=frozenset({"mpii-16", "mpii-trb-40"})), None),
        (Facts("coco", skeletons=frozenset({"coco-wholebody-133", "coco-17"})), "coco-wholebody"),
        (Facts("coco", skeletons=frozenset({"halpe-26"})), "halpe"),
        (Facts("coco", skeletons=frozenset({"mpii-trb-40"})), "mpii-trb"),
        (Facts("coco", skeletons=frozenset({"animal-20"})), None),
        (Facts("coco"), None),
        (Facts("yolo", ("a",), ("images/train2017/000000000785.jpg",), skeletons=COCO),
         "coco-pose-ultralytics"),
        (Facts("yolo", ("hand-keypoints",), skeletons=HANDS), "ultralytics-hand-keypoints"),
        (Facts("yolo", ("mine",), skeletons=HANDS, images={"train": 18700, "val": 9}),
         "ultralytics-hand-keypoints"),
        (Facts("yolo", ("mine",), skeletons=HANDS, images={"train": 500}), None),
        (Facts("lsp", file_names=("images/im0001.jpg",)), "lsp"),
        (Facts("lsp", file_names=("images/im00001.jpg",)), "lspet"),
        (Facts("aic"), "aic"),
        (Facts("mpii"), "mpii"),
        (Facts("mhp"), "mhp-v2"),
        (Facts("ochuman"), "ochuman"),
        (Facts("h36m"), "human3.6m"),
        (Facts("hagrid-yolo", classes=V1_GESTURES), None),
        (Facts("hagrid-yolo", classes=frozenset({"grip"})), "hagrid-v2"),
    ],
)  # fmt: skip
def test_a_dataset_is_known_by_what_it_shows(facts, name):
    card = cards.recognise(facts)
    assert (card and card.name) == name


def test_a_skeleton_is_known_by_its_joints_where_a_file_spells_them_its_own_way():
    known = skeletons.get("crowdpose-14")
    joints = [joint.canonical or skeletons.canonical(joint.name) for joint in known.joints]
    row = {"format": "coco", "name": "a", "root": "/a"}
    found = dict.fromkeys(("meta", "united", "keypoints", "leading_hand"), False)
    found |= {"splits": [], "paths": None, "file_names": None, "classes": None, "skeletons": ["a/person"]}
    assert cards.facts_of(row, found, {"a/person": joints}, []).skeletons == {"crowdpose-14"}
    assert cards.facts_of(row, found, {"a/person": joints[::-1]}, []).skeletons == {"a/person"}


def test_the_comparison_says_what_is_missing():
    card = cards.bundled()["hagrid-2.0"]
    rows = cards.compare(
        card, [counts("val", images=53982), counts("extra", images=7), counts(images=53989, subjects=40000)]
    )
    assert [(r.split, r.what, str(r.published), r.found, r.missing) for r in rows] == [
        ("train", "images", "410,800", 0, "the split is not here"),
        ("val", "images", "54,000", 53982, "18 missing"),
        ("test", "images", "90,000", 0, "the split is not here"),
        ("extra", "images", "None", 7, "no count is published for this split"),
        (TOTAL, "images", "554,800", 53989, "500,811 missing"),
        (TOTAL, "subjects", "37,583", 40000, "2,417 more than published"),
    ]
    assert rows[1].share == 53982 / 54000 and rows[1].nearly_all and not rows[4].nearly_all
    (subjects,) = [r for r in cards.compare(card, [counts(images=1)], False) if r.measure == "subjects"]
    assert (subjects.found, subjects.share, subjects.missing) == (None, None, "not recorded here")


def test_what_v1_calls_train_lies_in_ann_train_val():
    found = [counts("train_val", images=509323), counts(images=509323)]
    rows = cards.compare(cards.bundled()["hagrid-v1"], found)
    assert [(r.split, r.missing) for r in rows if r.measure == "images"] == [
        ("train", "none is missing"), ("test", "the split is not here"), (TOTAL, "43,669 missing")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (10000, "as many as the rounded figure says"),
        (9400, "as many as the rounded figure says"),
        (7600, "about 2,000 missing"),
        (3, "about 10,000 missing"),
        (12500, "about 2,000 more than published"),
        (0, "none of them is here"),
    ],
)
def test_a_rounded_figure_is_compared_as_one(found, told):
    rows = cards.compare(cards.bundled()["crowdpose"], [counts("train", images=found), counts(images=found)])
    assert (str(rows[0].published), rows[0].missing) == ("≈ 10,000", told)


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("hagrid_2023_val", ("hagrid-2.0", ("val",), ("train", "test"))),
        ("hagrid_landmarks", ("hagrid-v2", (), ("train", "val"))),
        ("pose/aic", ("aic", (), ("train", "val"))),
        ("pose/coco", ("coco-wholebody", (), ("train", "val"))),
        ("pose/coco/test_coco.json", ("coco-keypoints-2017", (), ("train",))),
        ("pose/coco_val2017_part", ("coco-keypoints-2017", (), ("train",))),
        ("pose/crowdpose", ("crowdpose", (), ("train", "val"))),
        ("pose/h36m", ("human3.6m", (), ())),
        ("pose/h36m/h36m_coco.json", ("human3.6m", (), ())),
        ("pose/halpe", ("halpe", (), ("train", "val"))),
        ("pose/humanart", ("human-art", (), ("train", "val"))),
        ("pose/mhp", ("mhp-v2", (), ("train", "val"))),
        ("pose/mpii", ("mpii", (), ("train",))),
        ("pose/mpii/test_mpii_trb.json", ("mpii-trb", (), ())),
        ("pose/ochuman", ("ochuman", (), ("val",))),
    ],
)
def test_the_real_datasets_are_recognised(real_data, indexed, folder, expected):
    assert seen(indexed(real_data / folder)) == expected


def test_the_real_val_split_is_nearly_all_there(real_data, indexed):
    found = indexed(real_data / "hagrid_2023_val")
    compared = cards.beside(found.store, found.store.datasets[0])
    assert {(r.split, r.measure): r.found for r in compared.rows} == {
        ("train", "images"): 0, ("val", "images"): 53982, ("test", "images"): 0,
        (TOTAL, "images"): 53982, (TOTAL, "subjects"): 1907,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("hagrid", ("hagrid-v2", (), ())),
        ("coco_people", ("coco-keypoints-2017", (), ())),
        ("yolo_hands", None),
    ],
)
def test_the_sample_is_taken_for_no_whole_dataset(indexed, folder, expected):
    assert seen(indexed(SAMPLE / folder)) == expected


def test_gesture_boxes_are_counted_by_label_and_united_ones_never(indexed):
    two = {"bboxes": [[0, 0, 0.1, 0.1]] * 2, "labels": ["holy", "no_gesture"], "user_id": "s",
           "united_bbox": [[0, 0, 0.5, 0.5]], "united_label": ["holy"],
           "hand_landmarks": [[[0.1, 0.1]] * 21, []]}  # fmt: skip
    found = indexed({"ann/val/holy.json": {"a": two, "b": two}})
    assert found.store.rows("card_counts", dataset=1) == [
        {"split": split, "images": 2, "subjects": 1, "annotations": 4, "keypoint_instances": 2,
         "gesture_boxes": 2, "no_gesture_boxes": 2}
        for split in ("val", None)
    ]  # fmt: skip


def test_images_without_annotations_have_no_card(indexed):
    category = {"id": 1, "name": "person", "keypoints": ["nose"], "skeleton": []}
    image = {"id": 1, "file_name": "000000000001.jpg", "width": 10, "height": 10}
    document = {"images": [image], "annotations": [], "categories": [category]}
    assert seen(indexed({"a_val.json": document})) is None


def overview(monkeypatch: pytest.MonkeyPatch, place: Path) -> tuple[str, list]:
    """What the Overview says of the only dataset of a workspace, and its tables."""
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place))
    app = AppTest.from_file(APP, default_timeout=60).run()
    assert not app.exception, [e.value for e in app.exception]
    boxes = [*app.subheader, *app.markdown, *app.caption]
    return "\n".join(box.value for box in boxes).replace("\\", ""), [frame.value for frame in app.dataframe]


def test_the_overview_compares_the_sample_by_share(tmp_path, monkeypatch):
    index(Workspace(tmp_path / "w"), SAMPLE / "hagrid", Options())
    said, frames = overview(monkeypatch, tmp_path / "w")
    assert "Beside what is published" in said
    assert "Laid out like **HaGRIDv2** (2024), with 237 of 821,458 images in **train** (< 0.1 %)" in said
    assert "a part of it, or another dataset of the same layout" in said
    assert "This is" not in said
    (frame,) = [frame for frame in frames if "published" in frame]
    assert len(frame) == 3 * 5 + 6 and set(frame["split"]) == {"train", "val", "test", "total"}


def test_the_overview_says_nothing_of_an_unknown_dataset(tmp_path, monkeypatch):
    index(Workspace(tmp_path / "w"), SAMPLE / "yolo_hands", Options())
    said, frames = overview(monkeypatch, tmp_path / "w")
    assert "published" not in said
    assert not [frame for frame in frames if "published" in frame]


def test_the_overview_of_the_real_val_split(real_data, tmp_path, monkeypatch):
    index(Workspace(tmp_path / "w"), real_data / "hagrid_2023_val", Options())
    said, frames = overview(monkeypatch, tmp_path / "w")
    assert "This is **HaGRID 2.0** (2023): 53,982 of 54,000 images in **val** (> 99.9 %)" in said
    assert "Images: 18 missing in **val**. Not here: the published splits **train** and **test**." in said
    (frame,) = [frame for frame in frames if "published" in frame]
    assert frame["found"].tolist() == [0, 53982, 0, 53982, 1907]


def test_the_overview_where_no_count_is_published(real_data, tmp_path, monkeypatch):
    shutil.copy(real_data / "pose" / "mpii" / "test_mpii_trb.json", tmp_path / "test_mpii_trb.json")
    index(Workspace(tmp_path / "w"), tmp_path / "test_mpii_trb.json", Options())
    said, _ = overview(monkeypatch, tmp_path / "w")
    assert "Laid out like **MPII-TRB** (2019); no published number of images is known here" in said


def test_a_row_of_the_comparison_leads_to_the_images_of_its_split(indexed):
    record = {"bboxes": [[0, 0, 0.1, 0.1]], "labels": ["call"], "user_id": "s", "leading_hand": "left"}
    found = indexed({"ann_train_val/call.json": {"a": record}})
    compared = cards.beside(found.store, found.store.datasets[0])
    assert [row.split for row in compared.rows] == ["train", "test", TOTAL, TOTAL]
    everything = Filters(1)
    assert published.door(compared, "train", everything, ["train_val"]) == Door(Filters(1, ("train_val",)))
    assert published.door(compared, TOTAL, everything, ["train_val"]) == Door(everything)
    assert published.door(compared, "test", everything, ["train_val"]) is None


def test_a_split_without_a_published_count_is_named(real_data, tmp_path, monkeypatch):
    index(Workspace(tmp_path / "w"), real_data / "pose" / "coco", Options())
    said, _ = overview(monkeypatch, tmp_path / "w")
    assert "Laid out like **COCO-WholeBody** (2020): a part of it, or another dataset" in said
    assert "No count is published for **test** (4 images)." in said
