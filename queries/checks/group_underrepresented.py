"""Groups of people that are few in the dataset, or fewer in a split or class than elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from queries.audit_context import NotApplicable
from queries.catalogue import Check, Param
from queries.statistics import wilson

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

CHECK = Check(
    id="group-underrepresented",
    title="A group of people is hardly there",
    category="demographics",
    severity="info",
    why="A model is mostly worse for those it has seen little of, and a test with few of them can't show it.",
    fix="Collect more of them, weigh them up in training, and report scores by group with their intervals.",
    of="groups",
    needs=("demographics",),
    params={
        "share": Param(0.05, "a group is few where the 95 % interval of its share ends below this"),
        "relative": Param(0.5, "in a split or class: below this part of its share in the whole dataset"),
        "least": Param(100, "subjects (or images, without subjects) that are needed to say anything"),
        "expected": Param(10, "in a split or class: how many there should be, by their share of the whole"),
    },
)

_SQL = "checks/tables/shares.sql"


def find(audit: Audit) -> pd.DataFrame | None:
    import pandas as pd  # noqa: PLC0415

    dataset = audit.dataset["dataset_id"]
    overall = audit.frame(f"{_SQL}:overall", dataset=dataset)
    wholes = overall.groupby("field")["n"].sum()
    known = wholes[wholes >= audit.params["least"]]
    if known.empty:
        unit = _unit(audit)
        raise NotApplicable(
            f"age, gender and race are known of fewer than {audit.params['least']:,} {unit}: too few to tell"
        )
    rows, checked, share_of = [], 0, {}
    for row in overall.itertuples():
        if row.field not in known:
            continue
        whole = int(wholes[row.field])
        share_of[row.field, row.value] = row.n / whole
        checked += 1
        if wilson(row.n, whole)[1] < audit.params["share"]:
            rows.append(_finding(audit, (row.field, row.value), (row.n, whole), "the dataset", None))
    few = {(row["field"], row["value"]) for row in rows}
    split = audit.frame(f"{_SQL}:by_split", dataset=dataset).rename(columns={"split": "place"})
    split = split[split["field"] != "class"].assign(kind="split")
    label = audit.frame(f"{_SQL}:by_class", dataset=dataset).rename(columns={"label": "place"})
    for (kind, place, field), group in pd.concat([split, label.assign(kind="class")]).groupby(
        ["kind", "place", "field"]
    ):
        whole, here = int(group["n"].sum()), dict(zip(group["value"], group["n"], strict=True))
        if kind == "split" and split["place"].nunique() < 2:
            continue
        for (other, value), share in share_of.items():
            if other != field or (field, value) in few or whole * share < audit.params["expected"]:
                continue
            checked += 1
            part = int(here.get(value, 0))
            if wilson(part, whole)[1] < share * audit.params["relative"]:
                rows.append(_finding(audit, (field, value), (part, whole), f"{kind} {place}", share))
    audit.checked(checked)
    return pd.DataFrame(rows).drop(columns=["field", "value"]) if rows else None


def _finding(
    audit: Audit, group: tuple[str, str], counts: tuple[int, int], where: str, overall: float | None
) -> dict:
    (field, value), (part, whole) = group, counts
    low, high = wilson(part, whole)
    predicted = " (predicted by a network)" if audit.dataset["format"] == "hagrid" else ""
    detail = (
        f"{field} {value}{predicted}: {part:,} of {whole:,} {_unit(audit)} of {where}, {part / whole:.1%} "
        f"(95 % interval {low:.1%} to {high:.1%})"
    )
    if overall is not None:
        detail += f"; of the whole dataset it is {overall:.1%}"
    wanted = audit.params["share"] if overall is None else overall * audit.params["relative"]
    evidence = {
        "field": field, "value": value, "where": where, "unit": _unit(audit), "part": part, "whole": whole,
        "share": part / whole, "low": low, "high": high, "overall": overall, "predicted": bool(predicted),
    }  # fmt: skip
    return {
        "field": field,
        "value": value,
        "about": f"{field} {value} in {where}",
        "score": min(1.0, max(0.05, 1 - high / wanted)),
        "detail": detail,
        "evidence": json.dumps(evidence, ensure_ascii=False),
    }


def _unit(audit: Audit) -> str:
    return "subjects" if audit.census["subjects_recorded"] else "images"
