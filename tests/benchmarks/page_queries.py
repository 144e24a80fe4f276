"""The queries that the pages ask, with the parameters that they give, under a handful of filters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from queries.filters import Filters, Narrow
from queries.review_queue import sample_size, upper_bound
from queries.store import Store


@dataclass(frozen=True)
class Call:
    """A named query with its parameters, and which filter they are."""

    query: str
    params: dict[str, Any]
    told: str


#: Queries by their other parameters than `$f`: those of the pages. A list is of several ways to ask.
PAGES: dict[str, list[dict[str, Any]]] = {
    "selection": [{}],
    "overview_totals": [{}],
    "overview_splits": [{}],
    "finding_checks": [{}],
    "class_split": [{}],
    "class_subject": [{}],
    "class_united": [{}],
    "box_histogram": [{"measure": m, "bins": 60, "log": m == "area"} for m in ("width", "area")],
    "box_unusable": [{}],
    "box_centres": [{"cells": 40}],
    "box_sizes": [{}],
    "box_per_image": [{}],
    "box_classes": [{}],
    "skeletons": [{}],
    "joint_states": [{"skeleton": "$skeleton", "by": by} for by in ("all", "split", "class")],
    "joint_outside": [{"skeleton": "$skeleton"}],
    "joint_patterns": [{"skeleton": "$skeleton"}],
    "joint_in_box": [{"skeleton": "$skeleton", "joint": 8, "cells": 40}],
    "bone_lengths": [{"skeleton": "$skeleton", "sample": 20_000}],
    "split_subjects": [{}],
    "split_leaks": [{"limit": 200}],
    "split_keys": [{"limit": 200}],
    "demographic_split": [{"field": "gender"}],
    "demographic_class": [{"field": "race"}],
    "demographic_cross": [{}],
    "demographic_missing": [{}],
    "viewer_images": [
        {"n": narrow.struct(), "order": "file"}
        for narrow in (Narrow(), Narrow(state="outside"), Narrow(state="labelled"), Narrow(state="absent"))
    ],
    "viewer_crops": [
        {"n": narrow.struct(), "order": "largest"} for narrow in (Narrow(), Narrow(measure="width", low=0.1))
    ],
    "finding_list": [{"check": "$check", "suppressed": False, "first": 0, "limit": 50}],
    "review_classes": [{}],
    "review_findings": [{"check": "$check"}],
    "review_records": [{"of": of} for of in (1, 2)],
    "review_sample": [{"seed": 1, "labels": "$labels", "sizes": "$sizes", "bounds": "$bounds"}],
}
#: Queries of a whole dataset, which no filter changes.
WHOLE: dict[str, dict[str, Any]] = {
    "facets": {},
    "source_status": {},
    "source_trouble": {"limit": 200},
    "problem_kinds": {},
    "subject_search": {"text": "a1", "limit": 50},
}
#: Queries that compare two datasets, and those that answer a click on one finding's group.
OF_TWO = ("compared_bones", "compared_boxes", "compared_sizes")
OF_A_CLICK = ("finding_groups", "finding_keys")


def filters(store: Store) -> dict[str, Filters]:
    """No filter, a split, a class, both, a subject, a group of people; what the dataset has of these."""
    dataset = store.datasets[0]["dataset_id"]
    everything = Filters(dataset)
    cursor = store.cursor()
    splits = [row[0] for row in cursor.execute("select distinct split from image order by 1").fetchall()]
    labels = [
        row[0]
        for row in cursor.execute(
            "select label from annotation where label is not null group by 1 order by count(*) desc, 1"
        ).fetchall()
    ]
    found = {"everything": everything, f"split {splits[-1]}": everything.with_(splits=(splits[-1],))}
    if len(labels) > 1:
        found["one class"] = everything.with_(labels=(labels[1],))
        found["split and class"] = everything.with_(splits=(splits[-1],), labels=(labels[1],))
    who = cursor.execute(
        "select subject from image where subject is not null group by 1 order by count(*) desc, 1 limit 1"
    ).fetchone()
    if who:
        found["one subject"] = everything.with_(subjects=(who[0],))
        found["women under 30"] = everything.with_(genders=("female",), ages=("18-29",))
    return found


def calls(store: Store) -> list[Call]:
    """Every query of the pages, once for each filter."""
    cursor = store.cursor()
    skeleton = cursor.execute("select skeleton from joint limit 1").fetchone()
    check = cursor.execute(
        "select check_id from finding group by 1 order by count(*) desc, 1 limit 1"
    ).fetchone()
    counts = cursor.execute("select label, count(*) from annotation where label is not null group by 1 order by 1")
    classes = dict(counts.fetchall())
    sizes = {label: sample_size(count, 0.05) for label, count in classes.items()}
    bounds = [upper_bound(size, classes[label]) for label, size in sizes.items()]
    real = {
        "$skeleton": skeleton and skeleton[0], "$check": check and check[0],
        "$labels": list(sizes), "$sizes": list(sizes.values()), "$bounds": bounds,
    }  # fmt: skip
    found = []
    for told, chosen in filters(store).items():
        for query, ways in PAGES.items():
            for way in ways:
                params = {k: real.get(v, v) if isinstance(v, str) else v for k, v in way.items()}
                if None not in params.values():
                    shown = [told, *(str(value) for name, value in way.items() if name in ("by", "measure", "of"))]
                    door = way.get("n", {})
                    shown += [door[name] for name in ("state", "measure") if door.get(name)]
                    found.append(Call(query, {"f": chosen.struct(), **params}, ", ".join(shown)))
    dataset = store.datasets[0]["dataset_id"]
    found += [Call(query, {"dataset": dataset, **more}, "whole") for query, more in WHOLE.items()]
    return found


def unasked() -> list[str]:
    """Queries with the shared filters that no call above asks: a new page's, which should be listed here."""
    folder = resources.files("queries").joinpath("sql")
    filtered = {
        entry.name.removesuffix(".sql")
        for entry in folder.iterdir()
        if entry.name.endswith(".sql") and re.search(r"\$f\b", entry.read_text(encoding="utf-8"))
    }
    return sorted(filtered - set(PAGES) - set(OF_TWO) - set(OF_A_CLICK))
