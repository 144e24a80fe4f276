"""Splits that differ in their classes or groups by more than chance."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from queries.audit_context import NotApplicable
from queries.catalogue import Check, Param
from queries.statistics import chi_squared, jensen_shannon, jensen_shannon_by_chance

if TYPE_CHECKING:
    import pandas as pd

    from queries.audit_context import Audit

CHECK = Check(
    id="split-shift",
    title="Two splits differ in their classes or groups",
    category="splits",
    severity="warning",
    why="A score on a split with another mixture of classes or people mixes two things: how good the model "
    "is, and how different the split is. Thresholds chosen on it do not hold elsewhere.",
    fix="Split again with the class (and the group) stratified: kpaudit resplit --stratify label; or report "
    "scores by class and group.",
    of="groups",
    needs=("splits",),
    uses=("split_pair",),
    params={
        "least": Param(100, "instances (of groups: subjects, or images without) that each split must have"),
        "distance": Param(0.1, "Jensen–Shannon distance, beyond what chance gives samples of that size"),
        "effect": Param(0.1, "Cramér's V, corrected for small samples (0.1 is called a small effect)"),
        "p": Param(0.001, "the largest p of the χ² test"),
    },
)

#: Values that are expected fewer times in one of two splits are counted as one: χ² needs a few in each cell.
_FEW = 5

_REST = "all others"


def find(audit: Audit) -> pd.DataFrame | None:
    import pandas as pd  # noqa: PLC0415

    counts = audit.frame("checks/tables/shares.sql:by_split", dataset=audit.dataset["dataset_id"])
    pairs = audit.con.execute("select split, other from split_pair order by place, split").fetchall()
    compared, rows = 0, []
    for field, group in counts.groupby("field"):
        table = group.pivot(index="value", columns="split", values="n").fillna(0).astype(int)
        for split, other in pairs:
            if split not in table or other not in table:
                continue
            pair = table[[split, other]]
            if pair.sum().min() < audit.params["least"]:
                continue
            compared += 1
            if (row := _compared(audit, field, pair)) is not None:
                rows.append(row)
    if not compared:
        least = audit.params["least"]
        raise NotApplicable(f"no two splits have {least:,} instances or subjects each, too few to compare")
    audit.checked(compared)
    return pd.DataFrame(rows)


def _compared(audit: Audit, field: str, pair: pd.DataFrame) -> dict | None:
    """The finding on one field of two splits, or None where they are alike enough."""
    split, other = pair.columns
    first, second = (int(n) for n in pair.sum())
    expected = pair.sum(axis=1) * min(first, second) / (first + second)
    common, rare = pair[expected >= _FEW], pair[expected < _FEW]
    if rare.to_numpy().sum():
        common.loc[_REST] = rare.sum()
    test = chi_squared(common.to_numpy().T)
    distance = jensen_shannon(common[split], common[other])
    chance = jensen_shannon_by_chance(len(common), first, second)
    beyond = math.sqrt(max(distance**2 - chance**2, 0.0))
    wanted = audit.params
    if test.p > wanted["p"] or test.corrected_v < wanted["effect"] or beyond < wanted["distance"]:
        return None
    shares = common / common.sum()
    middle = shares.mean(axis=1)
    part = ((shares[split] - middle) ** 2 / middle).to_numpy()
    order = np.argsort(-part)[:5]
    most = [
        {
            "value": str(common.index[i]),
            split: round(float(shares[split].iloc[i]), 4),
            other: round(float(shares[other].iloc[i]), 4),
            "contribution": round(float(part[i] / part.sum()), 3),
        }
        for i in order
    ]
    unit = "instances" if field == "class" else _unit(audit)
    detail = (
        f"{_words(audit, field)} differ{'s' if field != 'class' else ''} between {split} ({first:,} {unit}) "
        f"and {other} ({second:,}): Jensen–Shannon distance {distance:.2f} ({chance:.2f} is chance at these "
        f"sizes), Cramér's V {test.corrected_v:.2f}; most of all {most[0]['value']}, {most[0][split]:.1%} of "
        f"{split} and {most[0][other]:.1%} of {other}"
    )
    evidence = {
        "field": field, "unit": unit, "records": {split: first, other: second},
        "jensen_shannon": round(distance, 4), "by_chance": round(chance, 4),
        "chi_squared": round(test.statistic, 2), "freedom": test.freedom, "p": test.p,
        "cramers_v": round(test.v, 4), "cramers_v_corrected": round(test.corrected_v, 4), "most": most,
    }  # fmt: skip
    return {
        "about": f"{field}: {split} and {other}",
        "score": min(1.0, max(beyond, test.corrected_v) * 2),
        "detail": detail,
        "evidence": json.dumps(evidence, ensure_ascii=False),
    }


def _unit(audit: Audit) -> str:
    return "subjects" if audit.census["subjects_recorded"] else "images"


def _words(audit: Audit, field: str) -> str:
    if field == "class":
        return "the classes' shares"
    return f"{field} (predicted by a network)" if audit.dataset["format"] == "hagrid" else field
