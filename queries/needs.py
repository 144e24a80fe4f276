"""What a check can need of the data, and the sentence that says why it does not apply without it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Census = Mapping[str, Any]


def _may_be_united(census: Census) -> bool:
    """Whether united boxes are there, or missing: releases of HaGRID before v2 never had any.

    What v2 alone has beside them is meta, and landmarks without the leading hand that v1 tells.
    """
    if census["united_boxes"]:
        return True
    told = census["aged"] + census["gendered"] + census["raced"] > 0
    return census["paired"] > 0 and (told or (census["poses"] > 0 and census["led"] == 0))


#: need → (whether the census meets it, the reason why a check does not apply where it does not, which may
#: be made of the census).
NEEDS: Mapping[str, tuple[Callable[[Census], bool], str | Callable[[Census], str]]] = {
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
    "coco": (lambda c: c["format"] == "coco", "only COCO's files refer to images and annotations by id"),
    "num_keypoints": (
        lambda c: c["format"] == "coco" and c["numbered"],
        "no annotation says how many of its joints are labelled (COCO's num_keypoints)",
    ),
    "lists": (
        lambda c: c["format"] in ("hagrid", "h36m", "mpii"),
        "the format has no lists that go together by their places",
    ),
    "area": (lambda c: c["areas"] > 0, "no annotation gives an area"),
    "labels": (lambda c: c["classes"] > 0, "the annotations have no class"),
    "classes": (lambda c: c["classes"] > 1, "there are fewer than two classes"),
    "splits": (lambda c: c["split_pairs"] > 0, lambda c: c["why_no_split_pair"]),
    "hagrid": (lambda c: c["format"] == "hagrid", "it is about HaGRID's own files"),
    "united": (_may_be_united, "no image has a box around two hands (united_bbox)"),
    "handedness": (lambda c: c["handed"] > 0, "no annotation says which hand it is"),
    "demographics": (
        lambda c: c["aged"] + c["gendered"] + c["raced"] > 0,
        "no age, gender or race is recorded",
    ),
    "ages": (lambda c: c["aged"] > 0, "no age is recorded"),
    "genders": (lambda c: c["described"] > 0, "no gender or race is recorded"),
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
    for name in needs:
        met, reason = NEEDS[name]
        if not met(census):
            return reason if isinstance(reason, str) else reason(census)
    return None
