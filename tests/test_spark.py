"""The checks that run on Spark over an export find what they find in DuckDB, sentence for sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from queries import audit
from queries.cli import main
from queries.store import Store
from queries.workspace import Workspace

if shutil.which("java") is None:
    pytest.skip("Spark needs Java, and there is no java here", allow_module_level=True)
pytest.importorskip("pyspark", reason="pyspark is not installed: pip install 'kpaudit[spark]'")
from queries import spark

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).resolve().parents[1] / "sample_data"
#: Among them the heaviest of the catalogue, which join the keypoints of all pairs of an image.
RUN = (
    "box-area-mismatch", "box-aspect-outlier", "box-cuts-keypoints", "box-duplicate", "box-huge", "box-loose",
    "box-tiny", "box-zero-area", "instance-duplicate", "keypoints-collapsed", "keypoints-far-from-box",
    "meta-missing", "meta-value-unknown", "num-keypoints-mismatch", "united-box-mismatch",
)  # fmt: skip


@pytest.fixture(scope="module")
def session() -> Any:
    made = spark.session()
    yield made
    made.stop()


@pytest.mark.parametrize("name", ["hagrid", "coco_people"])
def test_spark_finds_what_duckdb_finds(name: str, session: Any, tmp_path: Path) -> None:
    workspace = tmp_path / "ws"
    for words in (["index", SAMPLE / name], ["export", tmp_path / "out", "--to", "parquet"]):
        with pytest.raises(SystemExit) as stop:
            main([*map(str, words), "--workspace", str(workspace)])
        assert stop.value.code == 0
    audit.run(Workspace(workspace), checks=list(RUN))
    over = spark.SparkAudit(session, tmp_path / "out")
    assert set(RUN) <= {check_id for check_id, why in over.runnable().items() if why is None}
    wanted = Store(Workspace(workspace)).cursor().execute(
        "select check_id, image_id, annotation_id, joint, about, score, detail, evidence, records from finding"
    ).fetchall()  # fmt: skip
    assert {"hagrid": "instance-duplicate", "coco_people": "num-keypoints-mismatch"}[name] in {
        row[0] for row in wanted
    }
    found = [
        {"check_id": check_id, **row.asDict()} for check_id in RUN for row in over.find(check_id).collect()
    ]
    columns = ("check_id", *spark.COLUMNS)
    assert _comparable(found) == _comparable([dict(zip(columns, row, strict=True)) for row in wanted])


def _comparable(rows: list[dict[str, Any]]) -> list[str]:
    """Rows without what depends on the order of addition: the last digits."""

    def near(value: Any) -> Any:
        if isinstance(value, float):
            return round(value, 9)
        if isinstance(value, list):
            return [near(one) for one in value]
        return {key: near(one) for key, one in value.items()} if isinstance(value, dict) else value

    found = []
    for row in rows:
        evidence = json.loads(row["evidence"] or "null")
        whole = {**row, "score": float(row["score"]), "evidence": evidence}
        found.append(json.dumps(near(whole), sort_keys=True))
    return sorted(found)


def test_a_folder_that_is_no_export(session: Any, tmp_path: Path) -> None:
    with pytest.raises(spark.KpauditError, match=r"dataset\.parquet: not there"):
        spark.SparkAudit(session, tmp_path)
