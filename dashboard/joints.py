"""Joints: their states, with words, colours and frames to draw, and what two skeletons share. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class State:
    """A column of joint_states: what it is called, its colour, and how a click asks for it."""

    column: str
    words: str
    color: str
    narrow: str


#: From the best known to the least; labelled first, so that bars of labelled joints share a foot.
STATES = (
    State("visible", "visible", "#2272b2", "visible"),
    State("occluded", "occluded", "#e08a1e", "occluded"),
    State("recorded", "given, visibility not recorded", "#7a5fc0", "recorded"),
    State("invalid", "flag other than 0, 1, 2", "#b0413e", "invalid"),
    State("unlabelled", "not labelled", "#9aa3ad", "unlabelled"),
    State("absent", "not given at all", "#c9ced6", "absent"),
)


def in_states(frame: pd.DataFrame) -> pd.DataFrame:
    """joint_states, a row a group, joint and state, with the share of the annotations that are in it."""
    kept = ["grp", "joint", "name", "annotations"]
    long = frame.melt(kept, [s.column for s in STATES], var_name="state", value_name="n")
    long["state"] = long["state"].map({s.column: s.words for s in STATES})
    long["share"] = long["n"] / long["annotations"]
    return long.sort_values(["grp", "joint"], kind="stable").reset_index(drop=True)


def present(frame: pd.DataFrame) -> list[State]:
    """The states that occur."""
    return [s for s in STATES if frame[s.column].sum() > 0]


def state_called(words: str) -> State:
    """The state by its words."""
    return next(s for s in STATES if s.words == words)


@dataclass(frozen=True)
class Common:
    """The joints of two skeletons: `shared` (canonical, name_a, joint_a, name_b, joint_b), and the rest.

    `close` are pairs of the rest, one of either, that are taken for the same joint but are not, and why.
    """

    shared: pd.DataFrame
    only_a: list[str]
    only_b: list[str]
    close: list[tuple[str, str, str]]


def common(a: pd.DataFrame, b: pd.DataFrame, close: Sequence[tuple[str, str, str]] = ()) -> Common:
    """Matches two frames of joint_names by their canonical names, in the first one's order."""
    # Of joints that a skeleton of one's own gives the same name, the first one counts.
    first, second = (f.drop_duplicates("canonical")[["canonical", "name", "joint"]] for f in (a, b))
    shared = first.merge(second, on="canonical", suffixes=("_a", "_b"))
    known = set(shared["canonical"])
    only_a, only_b = ([n for n in f["canonical"] if n not in known] for f in (first, second))
    pairs = [
        (left, right, why)
        for one, other, why in close
        for left, right in ((one, other), (other, one))
        if left in only_a and right in only_b
    ]
    return Common(shared, only_a, only_b, pairs)
