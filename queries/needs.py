"""What a check can need of the data, and the sentence that says why it does not apply without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Census = Mapping[str, Any]

#: need → (whether the census meets it, the reason why a check does not apply where it does not).
NEEDS: Mapping[str, tuple[Callable[[Census], bool], str]] = {
    "annotations": (lambda c: c["annotations"] > 0, "there are no annotations"),
    "boxes": (lambda c: c["boxes"] > 0, "there are no boxes"),
    "keypoints": (lambda c: c["poses"] > 0, "no annotation has labelled keypoints"),
    "skeletons": (lambda c: c["skeletal"] > 0, "no annotation can have keypoints: there is no skeleton"),
    "bones": (lambda c: c["boned"] > 0, "the skeleton has no bones"),
    "flips": (lambda c: c["flips"] > 0, "no flip map is known: the skeleton's joints have no mirror images"),
    "sides": (
        lambda c: c["flipped"] > 0,
        "the skeleton has no left and right joints: a mirrored hand is a hand",
    ),
    "visibility": (lambda c: c["visibility_recorded"], "the format records no visibility flags"),
    "subjects": (lambda c: c["subjects_recorded"], "no subject ids are recorded"),
    "num_keypoints": (lambda c: c["format"] == "coco", "only COCO's files say how many joints are labelled"),
    "area": (lambda c: c["areas"] > 0, "no annotation gives an area"),
    "frame": (
        lambda c: c["unit"] == "normalized" or c["sized"] > 0,
        "the images' sizes are not known: run kpaudit measure with the images on disk",
    ),
    "labels": (lambda c: c["classes"] > 0, "the annotations have no class"),
    "classes": (lambda c: c["classes"] > 1, "there are fewer than two classes"),
    "splits": (lambda c: c["splits"] > 1, "all images are in one split"),
    "hagrid": (lambda c: c["format"] == "hagrid", "it is about HaGRID's own files"),
    "united": (lambda c: c["united_boxes"] > 0, "no image has a box around two hands (united_bbox)"),
    "handedness": (lambda c: c["handed"] > 0, "no annotation says which hand it is"),
    "demographics": (
        lambda c: c["aged"] + c["gendered"] + c["raced"] > 0,
        "no age, gender or race is recorded",
    ),
    "measured": (
        lambda c: c["measured"] > 0,
        "the images have not been measured: run kpaudit measure with the images on disk",
    ),
    "hashed": (
        lambda c: c["hashed"] > 0,
        "no image could be hashed: run kpaudit measure with the images on disk",
    ),
    "datasets": (lambda c: c["datasets"] > 1, "only one dataset is indexed in the workspace"),
}

#: unit of `of` → column of the census that counts it; a check may count for itself instead.
COUNTS = {
    "files": "files", "records": "images", "images": "images", "annotations": "annotations", "boxes": "boxes",
    "united boxes": "united_boxes", "poses": "poses", "keypoints": "keypoints", "skeletons": "skeletons",
    "classes": "classes", "subjects": "subjects", "splits": "splits",
}  # fmt: skip


def unmet(needs: tuple[str, ...], census: Census) -> str | None:
    """The reason why a check with these needs does not apply, or None where it does."""
    return next((NEEDS[name][1] for name in needs if not NEEDS[name][0](census)), None)
