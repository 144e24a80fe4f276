"""What to do next: concrete suggestions, from what the index says about the dataset as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from dashboard import data
from dashboard.data import NO_CLASS, Filters, Narrow
from dashboard.state import Current, Door
from dashboard.text import count, listed, md, share

_LIMIT = 500


@dataclass(frozen=True)
class Advice:
    """A sentence (Markdown, data in it escaped), and the door to what it speaks of."""

    text: str
    label: str = ""
    door: Door | None = None


@dataclass(frozen=True)
class Facts:
    """The frames that suggestions are drawn from, all of the unfiltered dataset."""

    splits: pd.DataFrame
    problems: pd.DataFrame
    leaks: pd.DataFrame
    repeated: pd.DataFrame
    classes: pd.DataFrame
    skeletons: pd.DataFrame


def facts_of(dataset: int) -> Facts:
    """The frames of a dataset, by its id."""
    everything = Filters(dataset)
    return Facts(
        splits=data.frame("overview_splits", everything),
        problems=data.frame("problem_kinds", dataset=dataset),
        leaks=data.frame("split_leaks", everything, limit=_LIMIT),
        repeated=data.frame("split_keys", everything, limit=_LIMIT),
        classes=data.frame("class_split", everything),
        skeletons=data.frame("skeletons", everything),
    )


def suggest(now: Current, facts: Facts, images_found: tuple[int, int]) -> list[Advice]:
    """The suggestions that apply, the gravest first; `images_found`: how many files, of how many sought."""
    everything = Filters(now.filters.dataset)
    found = [
        *_problems(everything, facts.problems),
        *_leaks(everything, facts),
        *_classes(now, everything, facts.classes),
        *_keypoints(everything, facts.skeletons),
        *_images(now, images_found),
    ]
    if len(facts.splits) == 1:
        name = facts.splits["split"].iloc[0]
        found.append(
            Advice(
                f"All images are in one split (**{md(name)}**): leaks between splits can't be seen here. "
                "Index the other splits with it."
            )
        )
    return found


def _problems(everything: Filters, problems: pd.DataFrame) -> list[Advice]:
    if problems.empty:
        return []
    kinds = [f"{md(row.kind)} ({row.problems:,})" for row in problems.itertuples()]
    return [
        Advice(
            f"{count(problems['problems'].sum(), 'problem')} while reading: {listed(kinds, 3)}.",
            "See these images",
            Door(everything, Narrow(problem=problems["kind"].iloc[0])),
        )
    ]


def _leaks(everything: Filters, facts: Facts) -> list[Advice]:
    found = []
    if not facts.leaks.empty:
        number = int(facts.leaks["leaks"].iloc[0])
        found.append(
            Advice(
                f"**{count(number, 'subject')} in more than one split**: a model is tested on people that it "
                "was trained on.",
                "See which",
                Door(everything, page="splits"),
            )
        )
    if not facts.repeated.empty:
        number = int(facts.repeated["leaks"].iloc[0])
        found.append(
            Advice(f"**{count(number, 'image')} in more than one split**, by key.", "See which",
                   Door(everything, page="splits"))
        )  # fmt: skip
    return found


def _classes(now: Current, everything: Filters, classes: pd.DataFrame) -> list[Advice]:
    found = []
    present = set(classes["label"]) - {NO_CLASS}
    unused = [name for name in now.dataset["classes"] or [] if name not in present]
    if unused:
        found.append(
            Advice(f"{count(len(unused), 'declared class has', 'declared classes have')} no annotation: "
                   f"{md(listed(unused))}.", "See the classes", Door(everything, page="classes"))
        )  # fmt: skip
    splits = sorted(set(classes["split"]))
    for split in splits if len(splits) > 1 else []:
        missing = sorted(present - set(classes.loc[classes["split"] == split, "label"]))
        if missing:
            found.append(
                Advice(f"{count(len(missing), 'class is', 'classes are')} missing in split **{md(split)}**: "
                       f"{md(listed(missing))}.", "See the classes", Door(everything, page="classes"))
            )  # fmt: skip
    return found


def _keypoints(everything: Filters, skeletons: pd.DataFrame) -> list[Advice]:
    total, with_keypoints = int(skeletons["annotations"].sum()), int(skeletons["with_keypoints"].sum())
    if not total or with_keypoints == total:
        return []
    if not with_keypoints:
        return [Advice("No annotation has keypoints: boxes and classes can be audited, poses can't.")]
    bare = total - with_keypoints
    return [
        Advice(
            f"{count(bare, 'annotation has', 'annotations have')} no labelled keypoint "
            f"({share(bare, total)} of those that could).",
            "See the keypoints",
            Door(everything, page="keypoints"),
        )
    ]


def _images(now: Current, found: tuple[int, int]) -> list[Advice]:
    have, wanted = found
    if have == wanted:
        return []
    root = now.dataset["image_root"] or now.dataset["root"]
    some = (
        f"None of {wanted} sampled image files was"
        if not have
        else f"Only {have} of {wanted} sampled image files were"
    )
    return [
        Advice(
            f"{some} found under {md(root)}. Say where they are with `kpaudit index PATH --images DIR`; "
            "without images everything but the pixels can be audited."
        )
    ]
