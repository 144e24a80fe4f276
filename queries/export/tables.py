"""CSV and Parquet: the tables of the public schema, selected and corrected, written by DuckDB in parallel.

Parquet's keypoints are a folder partitioned by split (`keypoint/split=train/`), as engines that spread work
over many machines read it; coordinates are in the dataset's unit, which `dataset` gives.
"""

from __future__ import annotations

from pathlib import Path

from queries import sqlfile
from queries.export.base import Written
from queries.export.records import count_taken
from queries.export.selection import Selection

#: The tables, and their file names in CSV.
_TABLES = {
    "dataset": "dataset",
    "image": "images",
    "annotation": "annotations",
    "keypoint": "keypoints",
    "joint": "joints",
    "bone": "bones",
}
_COPY = {
    "csv": "(format csv, header true)",
    "parquet": "(format parquet, compression zstd)",
    "partitioned": "(format parquet, compression zstd, partition_by (split))",
}


def write(selection: Selection, folder: Path, written: Written, target: str) -> None:
    """Writes one file a table; Parquet's keypoints in a folder a split."""
    sql = sqlfile.statements("export/tables.sql")
    low, high = selection.id_range
    values = {"dataset": selection.dataset_id, "low": low, "high": high}
    for table, plural in _TABLES.items():
        query = sql[table].rstrip(";")
        how, name = target, f"{plural}.csv" if target == "csv" else f"{table}.parquet"
        if target == "parquet" and table == "keypoint":
            how, name = "partitioned", table
        asked = {key: value for key, value in values.items() if f"${key}" in query}
        selection.con.execute(
            f"copy ({query}) to $target {_COPY[how]}", {**asked, "target": str(folder / name)}
        )
    count_taken(selection, written)
    unit = selection.dataset["unit"]
    written.note(f"coordinates are in the dataset's unit, {unit}; a corrected annotation has no digest")
