"""The checks of group keypoints: clean, planted, clean again; on records made here and on the sample."""

from __future__ import annotations

import copy
import csv
import json

import numpy as np
import pytest

from queries import audit, catalogue
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace
from tests.checks.audited import check
from tests.checks.keypoint_records import (
    HAND,
    PLANTED_HANDS,
    PLANTED_PEOPLE,
    another_persons,
    at_origin,
    crowd_twin,
    ghost,
    hands,
    joint,
    people,
    person,
    record,
    stack,
    twin,
)
from tests.conftest import ROOT, Indexed, write

IDS = (
    "box-cuts-keypoints", "box-loose", "instance-duplicate", "keypoint-at-origin", "keypoint-outside-box",
    "keypoint-outside-image", "keypoints-collapsed", "keypoints-far-from-box", "landmarks-missing",
    "num-keypoints-mismatch", "unlabelled-with-coordinates",
)  # fmt: skip


def coco(indexed, document: dict, name: str = "person_keypoints_val2017.json") -> Indexed:
    return indexed({f"annotations/{name}": json.dumps(document)})


def hagrid(indexed, records: dict) -> Indexed:
    folder = "hagrid_annotations/train"
    return indexed({f"{folder}/{gesture}.json": json.dumps(group) for gesture, group in records.items()})


FINDINGS = """
select f.check_id, i.key, a.ordinal, f.joint, f.about, f.score, f.detail, f.evidence
from finding f
join dataset d using (dataset_id)
left join image i on i.image_id = f.image_id
left join annotation a on a.annotation_id = f.annotation_id
where d.name = ?
order by all
"""


def found_by_all(data: Indexed) -> list[dict]:
    """What all checks of the group find in one run, none of which may fail."""
    ran = audit.run(data.workspace, checks=IDS)[data.summary.name]
    assert [r.reason for r in ran if r.status == "failed"] == []
    store = Store(data.workspace)
    try:
        return (
            store.cursor()
            .execute(FINDINGS, [data.summary.name])
            .df()
            .replace({np.nan: None})
            .to_dict("records")
        )
    finally:
        store.close()


#: the checks that compare joints with their box
OF_BOXES = ("keypoint-outside-box", "keypoints-far-from-box", "box-cuts-keypoints")


def looked_at(data: Indexed, check_id: str) -> tuple:
    """(records, flagged, notes) of the check's last run on the dataset."""
    store = Store(data.workspace)
    try:
        (row,) = (
            store.cursor()
            .execute("select records, flagged, notes from check_run where check_id = ?", [check_id])
            .fetchall()
        )
        return row
    finally:
        store.close()


def place(finding: dict) -> tuple:
    return finding["key"], finding["ordinal"], finding["joint"]


@pytest.fixture(scope="module")
def planted_people(tmp_path_factory):
    """Every defect in people of its own, and people without one, in one dataset."""
    documents = {"clean": people()}
    for n, (_, plant, *_) in enumerate(PLANTED_PEOPLE):
        documents[str(n)] = people()
        plant(documents[str(n)])
    folder = tmp_path_factory.mktemp("people")
    files = {"annotations/person_keypoints_val2017.json": json.dumps(stack(documents))}
    source = write(folder / "data", files)
    workspace = Workspace(folder / "workspace")
    data = Indexed(workspace, index(workspace, source, Options()))
    yield found_by_all(data)
    data.store.close()


@pytest.mark.parametrize("number", range(len(PLANTED_PEOPLE)), ids=[p[1].__name__ for p in PLANTED_PEOPLE])
def test_a_defect_among_people_is_found_and_nothing_else(planted_people, number):
    check_id, _, (key, ordinal, joint_), said, score = PLANTED_PEOPLE[number]
    [finding] = [f for f in planted_people if f["check_id"] == check_id and f["key"].startswith(f"{number}/")]
    assert place(finding) == (f"{number}/{key}", ordinal, joint_)
    assert said in finding["detail"]
    assert score is None or finding["score"] == pytest.approx(score, abs=1e-4)
    assert json.loads(finding["evidence"])


def test_people_without_a_defect_have_no_finding(planted_people):
    assert [f for f in planted_people if f["key"] is None or f["key"].startswith("clean/")] == []


def test_people_without_a_defect_are_judged_by_every_check(indexed):
    data = coco(indexed, people())
    assert found_by_all(data) == []
    store = Store(data.workspace)
    runs = store.cursor().execute("select check_id, status from check_run").fetchall()
    # of three people nobody can tell how close their boxes should be
    assert dict(runs) == dict.fromkeys(IDS, "done") | {"box-loose": "not applicable"}
    store.close()


def test_all_is_found_in_the_first_of_two_datasets_as_if_it_were_alone(indexed, tmp_path):
    """Ids of the other dataset's annotations are in another block: nothing leaks from one into the other."""
    bad = people()
    for plant in (at_origin, ghost, twin):
        plant(bad)
    first = coco(indexed, bad)
    files = {"annotations/person_keypoints_train2017.json": json.dumps(people())}
    second = indexed(files, first.workspace.path, name="clean")
    assert second.summary.name == "clean"
    assert [(f["check_id"], *place(f)) for f in found_by_all(first)] == [
        ("instance-duplicate", "a.jpg", 2, None),
        ("keypoint-at-origin", "a.jpg", 1, 4),
        ("unlabelled-with-coordinates", "a.jpg", 0, 13),
    ]
    assert found_by_all(second) == []


@pytest.mark.parametrize("planted", PLANTED_HANDS, ids=[p[1].__name__ for p in PLANTED_HANDS])
def test_a_defect_among_hands_is_found_and_nothing_else(indexed, planted):
    check_id, plant, where, said, score = planted
    records = hands()
    plant(records)
    found = check(hagrid(indexed, records), check_id)
    assert found.places == [where]
    assert said in found.findings[0]["detail"]
    assert score is None or found.findings[0]["score"] == pytest.approx(score, abs=1e-4)


def test_hands_without_a_defect_have_no_finding(indexed):
    assert found_by_all(hagrid(indexed, hands())) == []


def test_what_a_format_does_not_record_is_not_applicable_and_never_passed(indexed):
    data = hagrid(indexed, hands())
    for check_id in ("unlabelled-with-coordinates", "num-keypoints-mismatch"):
        run = check(data, check_id).run
        assert (run["status"], run["findings"]) == ("not applicable", 0)
        assert run["reason"]
    bare = hands()
    for group in bare.values():
        for r in group.values():
            r["hand_landmarks"] = None
    data = hagrid(indexed, bare)
    ran = audit.run(data.workspace, checks=IDS)[data.summary.name]
    assert {r.status for r in ran} == {"not applicable"}


def test_edges_of_the_image_and_a_pixel_beyond_are_inside(indexed):
    documents = {}
    for name, x in {"edge": 640.0, "pixel": 641.0, "out": 641.2, "left": -1.0, "left_out": -1.5}.items():
        documents[name] = people()
        joint(documents[name], 1, 9, x, 260.0)
    documents["not_labelled"] = people()
    joint(documents["not_labelled"], 1, 9, 700.0, 260.0, 0)
    # of an image whose size nothing says only its left and upper edges are known
    documents["unsized"] = people()
    for field in ("width", "height"):
        del documents["unsized"]["images"][0][field]
    joint(documents["unsized"], 1, 9, 5000.0, 260.0)
    joint(documents["unsized"], 1, 10, 300.0, -40.0)
    found = check(coco(indexed, stack(documents)), "keypoint-outside-image")
    assert found.places == [("left_out/a.jpg", 1, 9), ("out/a.jpg", 1, 9), ("unsized/a.jpg", 1, 10)]
    # 7 times 3 people, of whom one of the two in the unsized image could not be judged
    assert (found.run["records"], found.run["flagged"]) == (20, 3)
    (note,) = found.run["notes"]
    assert note.startswith("1 of 21 poses could not be judged: their images' sizes are not known")


def test_without_any_size_only_what_is_left_or_above_can_be_judged(indexed):
    document = people()
    for image in document["images"]:
        del image["width"], image["height"]
    joint(document, 1, 9, 5000.0, 260.0)
    run = check(coco(indexed, document), "keypoint-outside-image").run
    assert run["status"] == "not applicable"
    assert run["reason"].startswith("none of 3 poses can be judged: their images' sizes are not known")
    joint(document, 1, 10, -40.0, 260.0)
    # without a box there is no length, either, that it could be compared with
    del document["annotations"][1]["bbox"]
    found = check(coco(indexed, document), "keypoint-outside-image")
    assert (found.places, found.findings[0]["score"]) == ([("a.jpg", 1, 10)], 0.5)


def planted_in(indexed, check_id: str, joints: list[int], plant) -> list[dict]:
    """The findings among people of whom the first, second, ... have that many of their joints planted."""
    return said_of(indexed, check_id, joints, plant).findings


def said_of(indexed, check_id: str, joints: list[int], plant):
    """What the check says of such people: findings and run."""
    document = people()
    document["annotations"] = [person(100 + n, 1 + n % 2, (20, 20, 120, 300)) for n in range(len(joints))]
    for n, count in enumerate(joints):
        for number in range(count):
            plant(document, n, number)
    return check(coco(indexed, document), check_id)


#: check → what is done to a joint, what is said of five of a person's joints, and of most people's
FACTS = {
    "keypoint-outside-image": (
        lambda d, n, number: joint(d, n, number, 700.0 + number, 100.0),
        "5 of 17 joints are outside the image (nose, left_eye, right_eye, left_ear, right_ear), "
        "the furthest 64.0 pixels right of it",
        "21 of 40 annotations have joints outside the image: ",
    ),
    "keypoint-at-origin": (
        lambda d, n, number: joint(d, n, number, 0, 0),
        "5 of 17 labelled joints are at (0, 0): nose, left_eye, right_eye, left_ear, right_ear",
        "21 of 40 annotations have labelled joints at (0, 0), 21 joints in all: ",
    ),
    "keypoint-outside-box": (
        lambda d, n, number: joint(d, n, number, 290.0, 100.0),
        "5 of 17 joints are far outside the box (nose, left_eye, right_eye, left_ear, right_ear), "
        "the furthest by 0.50 of its larger side",
        "21 of 40 annotations have joints far outside their boxes, 21 joints in all: ",
    ),
}


@pytest.mark.parametrize("check_id", FACTS)
def test_many_joints_are_one_finding_and_most_annotations_are_one(indexed, check_id):
    plant, several, way = FACTS[check_id]
    *three, finding = planted_in(indexed, check_id, [3, 0, 5], plant)
    assert [place(f) for f in three] == [("a.jpg", 0, n) for n in range(3)]
    assert place(finding) == ("a.jpg", 1, None)
    assert finding["detail"] == several
    assert finding["evidence"]["joints"] == [0, 1, 2, 3, 4]
    # half of the annotations are so many single cases, more are the dataset's way
    assert len(planted_in(indexed, check_id, [1] * 20 + [0] * 20, plant)) == 20
    found = said_of(indexed, check_id, [1] * 21 + [0] * 19, plant)
    (finding,) = found.findings
    assert (finding["key"], finding["joint"]) == (None, None)
    assert finding["about"].endswith("person-17")
    assert finding["detail"].startswith(way)
    assert (found.run["records"], found.run["flagged"]) == (40, 21)
    # and of few nothing is a way
    assert len(planted_in(indexed, check_id, [1] * 19, plant)) == 19


def test_a_crowds_joints_are_compared_with_nothing(indexed):
    """A crowd's box is of many and its joints are of one; they count in no denominator, either."""
    document = people()
    crowd = person(16, 1, (0, 0, 60, 60), iscrowd=1)
    crowd["keypoints"] = person(16, 1, (900, 100, 100, 300))["keypoints"]
    document["annotations"].append(crowd)
    data = coco(indexed, document)
    assert found_by_all(data) == []
    for check_id in ("keypoint-outside-image", *OF_BOXES):
        assert looked_at(data, check_id) == (3, 0, []), check_id
    crowd["iscrowd"] = 0
    data = coco(indexed, document)
    assert [(f["check_id"], *place(f)) for f in found_by_all(data)] == [
        ("keypoint-outside-image", "a.jpg", 2, None),
        ("keypoints-far-from-box", "a.jpg", 2, None),
    ]
    assert looked_at(data, "keypoint-outside-image") == (4, 1, [])


def test_poses_that_have_no_box_are_not_said_to_be_inside_it(indexed):
    document = people()
    document["annotations"][0]["bbox"] = [40, 100, 0, 300]
    document["annotations"][1]["keypoints"] = [0, 0, 2] * 17
    data = coco(indexed, document)
    found_by_all(data)
    told = "2 of 3 poses could not be judged: they have no usable box, or no joint but at (0, 0)"
    for check_id in OF_BOXES:
        assert looked_at(data, check_id) == (1, 0, [told])
    del document["annotations"][2]["bbox"]
    run = check(coco(indexed, document), "keypoint-outside-box").run
    assert run["status"] == "not applicable" and "no usable box" in run["reason"]


def test_lengths_are_compared_in_the_frame_of_pixels(indexed):
    """The same shares of a square and of a tall image: 0.12 of the width is much of the one box only."""
    rows = []
    for width, height in [(1000, 1000), (300, 1200)]:
        document = people()
        document["images"][0] |= {"width": width, "height": height}
        box = (0.2 * width, 0.2 * height, 0.3 * width, 0.3 * height)
        document["annotations"] = [person(11, 1, box), *document["annotations"][2:]]
        joint(document, 0, 9, (0.5 + 0.12) * width, 0.3 * height)
        rows.append(check(coco(indexed, document), "keypoint-outside-box").findings)
    assert [f["evidence"]["gap"] for f in rows[0]] == [pytest.approx(0.4, abs=1e-4)]
    # 36 pixels of a box 360 high
    assert rows[1] == []


def test_an_occluded_joint_needs_twice_the_distance(indexed):
    document = people()
    joint(document, 0, 9, 260.0, 200.0, 1)
    assert check(coco(indexed, document), "keypoint-outside-box").findings == []


def test_joints_of_another_are_one_finding_that_names_whose_they_are(indexed):
    document = people()
    another_persons(document)
    data = coco(indexed, document)
    assert check(data, "keypoint-outside-box").findings == []
    assert check(data, "box-cuts-keypoints").findings == []
    [finding] = check(data, "keypoints-far-from-box").findings
    assert "the box of annotation 12 holds 17" in finding["detail"]
    assert finding["evidence"]["fits_annotation"] == "12"


def test_a_joint_at_the_origin_is_no_other_checks_finding(indexed):
    document = people()
    at_origin(document)
    assert [f["check_id"] for f in found_by_all(coco(indexed, document))] == ["keypoint-at-origin"]


def test_a_dataset_whose_way_it_is_to_keep_coordinates_has_one_finding(indexed):
    document = people()
    document["annotations"] = [
        person(100 + n, 1 + n % 2, (10 * n, 20, 100, 300), num_keypoints=16) for n in range(24)
    ]
    for n in range(24):
        document["annotations"][n]["keypoints"][3 * 13 + 2] = 0
    [finding] = check(coco(indexed, document), "unlabelled-with-coordinates").findings
    assert finding["key"] is None and finding["about"]
    assert "24 of 24 annotations keep coordinates" in finding["detail"]


def test_a_class_without_landmarks_is_one_finding_with_its_subjects(indexed):
    records = hands()
    for n in range(12):
        records["stop"][f"1000000{n:x}-0000-4000-8000-000000000000"] = copy.deepcopy(record(records, 2)) | {
            "hand_landmarks": [[]], "user_id": f"t{n % 2}",
        }  # fmt: skip
    found = check(hagrid(indexed, records), "landmarks-missing")
    assert found.places == [("stop",)]
    [finding] = found.findings
    assert finding["detail"] == "12 of 14 (85.7 %) of this class have no landmarks"
    assert finding["evidence"]["subjects"] == [
        {"subject": "t0", "missing": 6, "of": 6}, {"subject": "t1", "missing": 6, "of": 6}
    ]  # fmt: skip


def test_a_list_of_another_length_is_not_missing(indexed):
    document = people()
    document["annotations"][0]["keypoints"] = document["annotations"][0]["keypoints"][:30]
    document["annotations"][0]["num_keypoints"] = 10
    data = coco(indexed, document)
    assert ("wrong-joint-count",) in data.rows("select kind from problem")
    assert check(data, "landmarks-missing").findings == []
    assert check(data, "num-keypoints-mismatch").findings == []


def test_places_that_are_no_numbers_count_nowhere(indexed):
    """A joint whose x is NaN is told while reading; it must neither hide nor make other findings."""
    document = people()
    joint(document, 0, 9, float("nan"), 260.0)
    joint(document, 0, 10, float("inf"), 260.0)
    joint(document, 1, 9, float("nan"), float("nan"), 0)
    document["annotations"][1]["num_keypoints"] = 16
    document["annotations"][2]["bbox"] = [float("nan"), 50, 240, 700]
    data = coco(indexed, document)
    assert ("non-finite-coordinate",) in data.rows("select kind from problem")
    assert found_by_all(data) == []
    twin(document)
    joint(document, 0, 4, 0, 0)
    joint(document, 0, 8, 700.0, 210.0)
    assert {(f["check_id"], *place(f)) for f in found_by_all(coco(indexed, document))} == {
        ("instance-duplicate", "a.jpg", 2, None),
        ("keypoint-at-origin", "a.jpg", 0, 4),
        ("keypoint-outside-box", "a.jpg", 0, 8),
        ("keypoint-outside-image", "a.jpg", 0, 8),
    }


def test_poses_without_a_usable_box(indexed):
    document = people()
    document["annotations"][0]["bbox"] = [40, 100, 0, 300]
    assert found_by_all(coco(indexed, document)) == []
    document["annotations"][0]["keypoints"] = [100, 250, 2] * 17
    assert check(coco(indexed, document), "keypoints-collapsed").places == [("a.jpg", 0, None)]
    document = people()
    for annotation in document["annotations"]:
        del annotation["bbox"], annotation["area"]
    twin(document)
    data = coco(indexed, document)
    assert check(data, "instance-duplicate").places == [("a.jpg", 2, None)]


def test_a_crowd_is_nobodys_duplicate(indexed):
    document = people()
    crowd_twin(document)
    assert check(coco(indexed, document), "instance-duplicate").findings == []


def test_three_of_a_kind_are_two_findings_with_keys_of_their_own(indexed):
    document = people()
    document["annotations"] += [person(16, 1, (301, 60, 160, 400)), person(17, 1, (302, 60, 160, 400))]
    found = check(coco(indexed, document), "instance-duplicate")
    assert found.places == [("a.jpg", 2, None), ("a.jpg", 3, None)]
    assert len({f["finding_key"] for f in found.findings}) == 2
    assert found.findings[1]["evidence"]["other_annotation"] == "16"
    assert "1 more of the image" in found.findings[1]["detail"]


def test_few_joints_in_common_are_no_evidence(indexed):
    document = people()
    twin(document)
    for n in range(17):
        if n not in (5, 6):
            joint(document, 5, n, 0, 0, 0)
    document["annotations"][5]["num_keypoints"] = 2
    assert check(coco(indexed, document), "instance-duplicate").findings == []


def test_oks_is_pycocotools(indexed):
    """The same records through COCO's own evaluation, where both annotations have one area."""
    api = pytest.importorskip("pycocotools.coco")
    evaluations = pytest.importorskip("pycocotools.cocoeval")
    rng = np.random.default_rng(5)
    document = people() | {"annotations": []}
    document["images"] = [
        {"id": n, "file_name": f"{n:02}.jpg", "width": 640, "height": 480} for n in range(1, 31)
    ]
    for n in range(1, 31):
        first = person(2 * n, n, (100, 30, 150 + n, 400))
        if n % 2:
            del first["area"]  # then the box's share of 0.53 stands in
        second = copy.deepcopy(first) | {"id": 2 * n + 1}
        points = np.array(second["keypoints"], dtype=float).reshape(17, 3)
        points[:, :2] += rng.normal(0, n / 4, (17, 2))
        second["keypoints"] = points.ravel().tolist()
        for annotation in (first, second):
            hidden = np.array(annotation["keypoints"], dtype=float).reshape(17, 3)
            hidden[rng.permutation(17)[: n % 5]] = 0
            annotation["keypoints"] = hidden.ravel().tolist()
            annotation["num_keypoints"] = int((hidden[:, 2] > 0).sum())
        document["annotations"] += [first, second]
    found = check(coco(indexed, document), "instance-duplicate")
    ours = {f["key"]: f["evidence"]["oks"] for f in found.findings}
    theirs = {}
    for n in range(1, 31):
        first, second = document["annotations"][2 * n - 2 : 2 * n]
        a, b = (np.array(x["keypoints"]).reshape(17, 3).copy() for x in (first, second))
        a[(b[:, 2] == 0)] = 0  # labelled in both: COCO's evaluation takes all that the first has
        truth = api.COCO()
        area = first.get("area", 0.53 * first["bbox"][2] * first["bbox"][3])
        wanted = first | {"keypoints": a.ravel().tolist(), "num_keypoints": 17, "area": area}
        truth.dataset = document | {"annotations": [wanted]}
        truth.createIndex()
        result = {"image_id": n, "category_id": 1, "keypoints": b.ravel().tolist(), "score": 1}
        evaluation = evaluations.COCOeval(truth, truth.loadRes([result]), "keypoints")
        evaluation._prepare()
        theirs[f"{n:02}.jpg"] = float(evaluation.computeOks(n, 1)[0, 0])
    assert 5 < len(ours) < 30
    assert set(ours) == {key for key, value in theirs.items() if value > 0.9}
    for key, value in ours.items():
        assert value == pytest.approx(theirs[key], abs=2e-5)


def test_a_loose_box_is_one_far_from_its_classs_way(indexed):
    document = people()
    document["annotations"] = [person(100 + n, 1 + n % 2, (4 * n, 20, 100 + n, 300)) for n in range(40)]
    data = coco(indexed, document)
    assert check(data, "box-loose").findings == []
    document["annotations"][7]["bbox"] = [0, 0, 240, 640]
    found = check(coco(indexed, document), "box-loose")
    assert found.places == [("b.jpg", 3, None)]
    assert (found.run["records"], found.run["notes"]) == (40, [])
    [finding] = found.findings
    assert finding["detail"] == (
        "17 joints take 36 % of the box's width and 41 % of its height; "
        "the larger share is 88 % in the median of person"
    )
    assert finding["evidence"]["z"] < -3.5
    # a figure of which little is labelled is honestly small in its box
    for n in range(4, 17):
        joint(document, 7, n, 0, 0, 0)
    document["annotations"][7]["num_keypoints"] = 4
    found = check(coco(indexed, document), "box-loose")
    assert (found.findings, found.run["records"]) == ([], 39)
    (note,) = found.run["notes"]
    assert note.startswith("1 of 40 poses could not be judged: ")
    # 29 people do not tell what is usual
    document["annotations"] = document["annotations"][:7] + document["annotations"][8:30]
    document["annotations"][3]["bbox"] = [0, 0, 240, 640]
    run = check(coco(indexed, document), "box-loose").run
    assert run["status"] == "not applicable" and "fewer than 30" in run["reason"]


def test_halpe_and_crowdpose_count_cocos_joints_alone(indexed):
    names = [
        "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
        "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "top_head", "neck",
    ]  # fmt: skip
    document = people()
    document["categories"][0] |= {"keypoints": names, "skeleton": []}
    document["annotations"] = document["annotations"][:1]
    document["annotations"][0] |= {"keypoints": [60, 150, 2, 90, 200, 2] * 7, "num_keypoints": 12}
    assert check(coco(indexed, document), "num-keypoints-mismatch").findings == []
    document["annotations"][0]["num_keypoints"] = 13
    assert check(coco(indexed, document), "num-keypoints-mismatch").places == [("a.jpg", 0, None)]
    # of somebody of whom the head alone is labelled they count none
    document["annotations"][0] |= {"keypoints": [0, 0, 0] * 12 + [60, 150, 2] * 2, "num_keypoints": 0}
    assert check(coco(indexed, document), "num-keypoints-mismatch").findings == []
    document["annotations"][0]["keypoints"][:3] = [60, 150, 2]
    (finding,) = check(coco(indexed, document), "num-keypoints-mismatch").findings
    assert finding["detail"] == "num_keypoints is 0, but 3 joints are labelled"


def hand_of_coco(**fields) -> dict:
    """COCO's file of a hand with 21 joints, of which the body has none."""
    document = people()
    document["categories"][0] = {"id": 1, "name": "hand", "keypoints": [f"{n}" for n in range(21)]}
    points = [v for x, y in (HAND * (100, 100) + (40, 40)).round(2).tolist() for v in (x, y, 2)]
    hand = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [40, 40, 100, 100], "keypoints": points}
    document["annotations"] = [hand | fields]
    return document


def test_a_hand_whose_joints_are_not_counted_at_all(indexed):
    assert check(coco(indexed, hand_of_coco(num_keypoints=21)), "num-keypoints-mismatch").findings == []
    (finding,) = check(coco(indexed, hand_of_coco(num_keypoints=0)), "num-keypoints-mismatch").findings
    assert finding["detail"] == "num_keypoints is 0, but 21 joints are labelled"


def test_where_no_annotation_counts_its_joints_nothing_is_passed(indexed):
    run = check(coco(indexed, hand_of_coco()), "num-keypoints-mismatch").run
    assert run["status"] == "not applicable" and "num_keypoints" in run["reason"]


def test_whole_bodies_are_told_the_number_that_was_compared(indexed):
    document = people()
    rest = {"foot": 6, "face": 68, "lefthand": 21, "righthand": 21}
    for annotation in document["annotations"]:
        for name, joints in rest.items():
            annotation[f"{name}_kpts"] = [100, 150, 2] * joints
            annotation[f"{name}_valid"] = True
    data = coco(indexed, document)
    assert data.rows("select distinct skeleton from annotation") == [("coco-wholebody-133",)]
    assert check(data, "num-keypoints-mismatch").findings == []
    document["annotations"][0]["num_keypoints"] = 12
    (finding,) = check(coco(indexed, document), "num-keypoints-mismatch").findings
    assert finding["detail"] == (
        "num_keypoints is 12, but 17 joints are labelled of the 17 of COCO, which it counts"
    )


# ------------------------------------------------------------------------------------------ the sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample's three datasets in one workspace, audited once by the checks of this group."""
    workspace = Workspace(tmp_path_factory.mktemp("sample"))
    for name in ("hagrid", "coco_people", "yolo_hands"):
        index(workspace, ROOT / "sample_data" / name, Options())
    audit.run(workspace, checks=IDS)
    store = Store(workspace)
    yield store
    store.close()


def planted() -> list[dict]:
    rows = csv.DictReader((ROOT / "sample_data" / "planted.csv").read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row["check_id"] in IDS]


@pytest.mark.parametrize("row", planted(), ids=lambda row: f"{row['check_id']} {row['key'][:12]}")
def test_what_is_planted_in_the_sample_is_found(sample, row):
    own = "a.source_id" if row["dataset"] == "coco_people" else "a.ordinal::varchar"
    found = sample.cursor().execute(
        f"""
        select f.joint from finding f
        join dataset d using (dataset_id)
        join image i on i.image_id = f.image_id
        join annotation a on a.annotation_id = f.annotation_id
        where d.name = ? and f.check_id = ? and i.key = ? and i.split = ? and {own} = ?
        """,
        [row["dataset"], row["check_id"], row["key"], row["split"], row["annotation"]],
    ).fetchall()  # fmt: skip
    assert found == [(int(row["joint"]) if row["joint"] else None,)]


def test_the_samples_checks_all_ran_and_their_keys_are_unique(sample):
    cursor = sample.cursor()
    assert cursor.execute("select check_id, reason from check_run where status = 'failed'").fetchall() == []
    total, keys = cursor.execute("select count(*), count(distinct finding_key) from finding").fetchone()
    assert total == keys > 0
    lowest, highest = cursor.execute("select min(score), max(score) from finding").fetchone()
    assert lowest > 0 and highest == 1


def test_every_check_of_the_group_is_declared():
    # flags that are none are told by the reader
    assert {c.id for c in catalogue.checks() if c.category == "keypoints"} == {*IDS, "visibility-invalid"}
