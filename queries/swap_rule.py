"""Left and right by geometry alone, for datasets too small to learn from: the trunk against the visible face.

Eyes and nose show which way round a face is, however the head is tilted: a face that is seen is never seen
from inside. Shoulders and hips, across the line from hips to shoulders, show which way round the trunk is.
A person seen from behind who looks back over the shoulder is no contradiction of this rule: only a whole
person turned round (face and trunk), or shoulders against both face and hips (or hips against both), is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from queries import swap_features
from queries.swap_features import EYE, HIP, NOSE, SHOULDER

if TYPE_CHECKING:
    from queries.poses import Poses

#: Eyes and nose must span a triangle: the sine at least that of the angle between eyes' line and nose.
_SINE = 0.5
_VISIBLE = 2


@dataclass(frozen=True)
class Ruled:
    """What the rule says of M poses: `row` of `Poses`; `kind` (M,) a kind of swap_features.KINDS, '' where
    nothing is wrong; `shoulders`, `hips` (M,) how far left is from right across the trunk, in the square
    root of the box's area, positive on a person who faces the camera; NaN where not labelled."""

    row: np.ndarray
    kind: np.ndarray
    shoulders: np.ndarray
    hips: np.ndarray


def applied(poses: Poses, rows: np.ndarray, width: float) -> Ruled:
    """Judges the poses of these rows that have a visible face (nose and both eyes) and a trunk wider than
    `width` (square roots of the box's area) at the shoulders, at the hips, or both."""
    given = swap_features.figures(poses, rows)
    face = _face(given)
    shoulders, hips = (swap_features.across(given)[:, pair] for pair in (SHOULDER, HIP))
    wide = [np.abs(at) >= width for at in (shoulders, hips)]
    # where no flags are recorded, a face in the mirror may be labelled through the back of a head
    judged = np.isfinite(face) & (wide[0] | wide[1]) & ~(given.hidden & (face < 0))
    # narrower than `width`, as in a profile: it speaks neither for nor against
    top, low = (np.where(ok, np.sign(at), 0) for ok, at in zip(wide, (shoulders, hips), strict=True))
    kind = np.select(
        [
            (face < 0) & (np.minimum(top, low) < 0) & (np.maximum(top, low) <= 0),
            (face > 0) & (top < 0) & (low > 0),
            (face > 0) & (top > 0) & (low < 0),
        ],
        ["body", "arms", "legs"],
        default="",
    )
    return Ruled(rows[judged], kind[judged], shoulders[judged], hips[judged])


def _face(given: swap_features.Figures) -> np.ndarray:
    """(N,) +1 where eyes and nose are as on a face, -1 where they are as in a mirror, NaN where not seen."""
    places, flags = given.xy[:, [EYE, EYE + 8, NOSE]], given.flag[:, [EYE, EYE + 8, NOSE]]
    eyes, down = places[:, 0] - places[:, 1], places[:, 2] - (places[:, 0] + places[:, 1]) / 2
    cross = eyes[:, 0] * down[:, 1] - eyes[:, 1] * down[:, 0]
    size = np.sqrt((eyes**2).sum(axis=1) * (down**2).sum(axis=1))
    clear = (flags == _VISIBLE).all(axis=1) & (np.abs(cross) > _SINE * size)
    return np.where(clear, np.sign(cross), np.nan)
