"""The Findings page, the Overview's lead and the viewer's panel, without a browser; and their queries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import findings_list
from queries import audit, catalogue, suppressions
from queries.filters import Filters
from queries.index import index
from queries.model import Options
from queries.store import Store
from queries.workspace import Workspace
from tests.test_pages import APP, HOSTILE, TIMEOUT, good, said, url, write

GOOD = {"bboxes": [[0.1, 0.1, 0.2, 0.3]], "labels": ["call"], "user_id": "s1"}
FLAT = {**GOOD, "bboxes": [[0.1, 0.1, 0.0, 0.3]]}
TWO = {
    **GOOD,
    "bboxes": [[0.1, 0.1, 0.0, 0.3], [0.5, 0.5, 0.2, 0.0]],
    "labels": ["call", "like"],
    "user_id": "s2",
}
KEY = f"k {HOSTILE}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    base = tmp_path_factory.mktemp("findings")
    found = Workspace(base / "ws")
    flat = {f"f{n}": FLAT for n in range(10)}
    files = {
        "ann/train/call.json": {"a": GOOD, KEY: FLAT, **flat},
        "ann/val/call.json": {"two": TWO, "bad": {"labels": "x"}},
    }
    index(found, write(base / "d", files), Options(name="d"))
    index(found, write(base / "clean", {"ann/train/call.json": {"a": GOOD}}), Options(name="clean"))
    index(found, write(base / "new", {"ann/train/call.json": {"a": GOOD}}), Options(name="new"))
    audit.run(found, datasets=["d", "clean"], checks=["box-zero-area", "record-malformed", "field-type"])
    return found


@pytest.fixture
def run(place: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("KPAUDIT_WORKSPACE", str(place.path))
    place.suppressed.unlink(missing_ok=True)

    def start(page: str = "findings", **query: str | list[str]) -> AppTest:
        app = AppTest.from_file(APP, default_timeout=TIMEOUT)
        if page != "overview":
            app.switch_page(f"pages/{page}.py")
        for name, value in query.items():
            app.query_params[name.rstrip("_")] = value
        return good(app.run())

    return start


def _metric(app: AppTest, label: str) -> str:
    return next(m.value for m in app.metric if m.label == label)


def _button(app: AppTest, label: str, nth: int = 0):
    return [b for b in app.button if b.label == label][nth]


def test_it_leads_with_the_worst_and_says_what_to_do(run) -> None:
    app = run(dataset="d")
    assert _metric(app, "Errors") == "14"
    text = said(app)
    assert "Why it matters" in text
    assert "What to do" in text
    assert "1–8 of 13 findings" in text.replace("*", "")


def test_pages_of_findings(run) -> None:
    app = run(dataset="d", check="box-zero-area", first="8")
    assert "9–13 of 13 findings" in said(app).replace("*", "")
    app = run(dataset="d", check="box-zero-area", first="800")
    assert "1–8 of 13 findings" in said(app).replace("*", "")
    run(dataset="d", check="box-zero-area", first="x")
    app = run(dataset="d", check="no-such-check")
    assert "1–8 of 13 findings" in said(app).replace("*", "")


def test_the_filters_select_findings(run) -> None:
    app = run(dataset="d", class_="like")
    assert "**1 finding**" in said(app)
    app = run(dataset="d", subject="s2")
    assert "of 2 findings" in said(app).replace("*", "")
    app = run(dataset="d", split="nowhere")
    assert "No finding is open in this selection: 1 check found nothing, 2 found nothing in" in said(app)


def test_a_finding_opens_its_image_and_annotation(run) -> None:
    app = run(dataset="d", class_="like")
    app = good(_button(app, "Open the image").click().run())
    assert app.title[0].value == "Viewer"
    query = url(app)
    assert query["image"] == ["two"]
    assert query["annotation"] == ["1"]
    assert query["finding"] == ["box-zero-area"]
    assert "2 findings of this image" in "\n".join(s.value for s in app.subheader)


def test_suppress_and_let_it_count_again(run, place: Workspace) -> None:
    app = run(dataset="d", class_="like")
    app = good(_button(app, "Suppress this finding").click().run())
    assert _metric(app, "Suppressed") == "0", "without a reason nothing is suppressed"
    assert "a suppression needs a reason" in "".join(w.value for w in app.warning)
    assert not good(app.run()).warning, "it is said once"
    reason = next(t for t in app.text_input if t.key.startswith("finding_reason_"))
    app = good(reason.input("seen: a line is meant").run())
    app = good(_button(app, "Suppress this finding").click().run())
    assert _metric(app, "Suppressed") == "1"
    assert [entry[1] for entry in suppressions.standing(place.suppressed)] == ["seen: a line is meant"]
    which = next(b for b in app.button_group if b.key == "findings_which_box-zero-area")
    app = good(which.set_value("suppressed").run())
    assert "seen: a line is meant" in said(app)
    app = good(_button(app, "Let it count again").click().run())
    assert _metric(app, "Suppressed") == "0"


def test_the_overview_leads_with_the_findings(run) -> None:
    app = run("overview", dataset="d")
    text = said(app)
    assert re.search(r"14 errors", text)
    assert app.subheader[0].value == "What matters most"
    button = next(b for b in app.button if b.key == "worst_box-zero-area")
    assert button.label == "13"
    app = good(button.click().run())
    assert app.title[0].value == "Findings"
    assert url(app)["check"] == ["box-zero-area"]
    assert "No finding is open: 3 checks found nothing, " in said(run("overview", dataset="clean"))
    assert "Not audited since it was indexed" in said(run("overview", dataset="new"))
    assert "has not been audited" in said(run(dataset="new"))


def test_silence_says_its_reason(run, place: Workspace) -> None:
    """Found nothing, all suppressed, not in the selection and not run are four things, and one is a pass."""
    store = Store(place)
    keys = [r["finding_key"] for check in ("box-zero-area", "record-malformed", "field-type")
            for r in store.rows("finding_keys", f=Filters(1).struct(), check=check)]  # fmt: skip
    store.close()
    app = run(dataset="d")
    assert _metric(app, "Found nothing") == "1 of 3"
    assert f"{len(catalogue.sources()) - 3} checks not run since" in "".join(e.label for e in app.expander)
    suppressions.suppress(place.suppressed, keys, "seen")
    assert "2 found only what is suppressed" in said(run("overview", dataset="d"))
    app = run(dataset="d")
    assert _metric(app, "Found nothing") == "1 of 3"
    assert "2 checks found only what is suppressed" in [e.label for e in app.expander]


def test_numbers_of_any_size_are_shown() -> None:
    text = '{"a": 1e300, "b": NaN, "c": [Infinity, null], "d": ' + "9" * 350 + ', "e": 12345, "f": true}'
    assert findings_list.evidence_rows(text) == [
        ("a", "1e+300"), ("b", "not known"), ("c", "infinite, not known"), ("d", "infinite"), ("e", "12345"),
        ("f", "true"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "page", ["classes", "keypoints", "boxes", "demographics", "splits", "viewer", "findings"]
)
def test_every_page_takes_the_finding_as_a_filter(run, page: str) -> None:
    app = run(page, dataset="d", finding="box-zero-area")
    assert "finding box-zero-area" in said(app)
    run(page, dataset="d", finding="nothing-such")


def test_hostile_names_are_text(run) -> None:
    app = run(dataset="d", check="box-zero-area")
    everything = "\n".join(m.value for m in [*app.markdown, *app.caption])
    assert "**bold**" not in everything
    assert "<b>x</b>" not in everything


def _values(store: Store, query: str, f: Filters, **params) -> list[dict]:
    return store.rows(query, f=f.struct(), **params)


def test_queries_count_what_the_table_holds(place: Workspace) -> None:
    place.suppressed.unlink(missing_ok=True)
    store = Store(place)
    f = Filters(1)
    everything = {r["check_id"]: r for r in _values(store, "finding_checks", f)}
    assert everything["box-zero-area"]["open"] == 13
    assert everything["box-zero-area"]["images"] == 12
    assert everything["box-zero-area"]["records"] == 14
    groups = _values(store, "finding_groups", f, check="box-zero-area", by="class", limit=9)
    assert [(g["value"], g["findings"], g["records"]) for g in groups] == [("call", 12, 13), ("like", 1, 1)]
    groups = _values(store, "finding_groups", f, check="box-zero-area", by="subject", limit=9)
    assert [(g["value"], g["flagged"]) for g in groups] == [("s1", 11), ("s2", 2)]
    # the denominators keep to the same filters
    val = Filters(1, splits=("val",))
    groups = _values(store, "finding_groups", val, check="box-zero-area", by="class", limit=9)
    assert [(g["value"], g["findings"], g["records"]) for g in groups] == [("call", 1, 1), ("like", 1, 1)]
    only = Filters(1, findings=("box-zero-area",))
    assert store.rows("selection", f=only.struct())[0]["images"] == 12
    assert store.rows("selection", f=only.struct())[0]["annotations"] == 13
    assert store.rows("selection", f=Filters(1, findings=()).struct())[0]["images"] == 0
    store.close()


def test_findings_of_united_boxes_are_of_united_boxes(tmp_path: Path) -> None:
    hands = {**GOOD, "bboxes": [[0.1, 0.1, 0.2, 0.3], [0.5, 0.1, 0.2, 0.3]], "labels": ["hand_heart"] * 2}
    right = {**hands, "united_bbox": [[0.1, 0.1, 0.6, 0.3]], "united_label": ["hand_heart"]}
    wrong = {**right, "united_bbox": [[0.8, 0.8, 0.1, 0.1]]}
    place = Workspace(tmp_path / "ws")
    files = {"ann/train/hand_heart.json": {"a": right, "b": right, "c": wrong}}
    index(place, write(tmp_path / "d", files), Options(name="d"))
    audit.run(place, checks=["united-box-mismatch"])
    store = Store(place)
    (group,) = _values(store, "finding_groups", Filters(1), check="united-box-mismatch", by="class", limit=9)
    assert (group["findings"], group["flagged"], group["records"]) == (1, 1, 3)
    store.close()
