"""What the viewer's tables say of an image: rows of text and numbers, nothing drawn."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from dashboard import viewer_data
from dashboard.text import clean
from dashboard.viewer_data import Instance, Picture, Scene


def size(row: dict[str, Any], content: Picture) -> str:
    """The file's size, and the declared one where it is another or the only one."""
    declared = (row["width"], row["height"]) if row["width"] and row["height"] else None
    if content.size is None:
        return f"{declared[0]} × {declared[1]} px, as declared" if declared else "not known"
    said = f"{content.size[0]} × {content.size[1]} px"
    if declared is not None and declared != content.size:
        return f"{said}; declared as {declared[0]} × {declared[1]}"
    return said


def attributes(text: str | None) -> list[tuple[str, str]]:
    """The source's other fields, each as text; what is no JSON object stays one text."""
    if text is None:
        return []
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        return [("Other", text)]
    return [
        (str(k), v if isinstance(v, str) else json.dumps(v, ensure_ascii=False)) for k, v in found.items()
    ]


def annotation_frame(annotations: list[dict[str, Any]], pixels: Scene) -> pd.DataFrame:
    """Boxes in pixels where the size is known, else as in the source; columns without values left out."""
    rows = []
    for n, (row, instance) in enumerate(zip(annotations, pixels.instances, strict=True), start=1):
        box = (instance.box if pixels.size_known else (row["x"], row["y"], row["w"], row["h"])) or (None,) * 4
        rows.append({
            "#": n, "class": row["label"], "kind": row["kind"],
            "x": box[0], "y": box[1], "w": box[2], "h": box[3],
            "labelled joints": row["labelled"], "visible joints": row["visible"], "hand": row["handedness"],
            "crowd": "crowd" if row["crowd"] else None, "area in the source": row["area"],
            "id": row["source_id"],
            "other": clean(row["attributes"], 2000) if row["attributes"] is not None else None,
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    always = ("#", "class", "x", "y", "w", "h", "labelled joints")
    frame = frame.drop(columns="kind") if set(frame["kind"]) == {"instance"} else frame
    return frame[[name for name in frame.columns if name in always or frame[name].notna().any()]]


def joint_frame(place: int, pixels: Scene, what: Scene) -> pd.DataFrame:
    """The joints of one annotation, in pixels and as shares of the image's sides, as far as known."""
    instance: Instance = pixels.instances[place]
    own = what.instances[place]
    rows = []
    for joint, source in zip(instance.joints, own.joints, strict=True):
        x, y = joint.place or (None, None)
        norm = source if what.unit == "normalized" else None
        outside = joint.labelled and not (0 <= x <= pixels.width and 0 <= y <= pixels.height)
        words = viewer_data.visibility_words(joint.visibility) + (", outside the image" if outside else "")
        known = pixels.size_known and x is not None
        rows.append({
            "#": joint.index, "joint": clean(joint.name, 80), "visibility": words,
            "x (px)": x if known else None, "y (px)": y if known else None,
            "x (share)": norm.x if norm else (x / pixels.width if known else None),
            "y (share)": norm.y if norm else (y / pixels.height if known else None),
        })  # fmt: skip
    frame = pd.DataFrame(rows)
    if what.unit == "pixel" and not pixels.size_known:
        frame["x"], frame["y"] = [j.x for j in own.joints], [j.y for j in own.joints]
    return frame.dropna(axis="columns", how="all")
