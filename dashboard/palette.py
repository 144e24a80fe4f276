"""The colours of every page: colour-blind-safe, and the same thing has the same colour everywhere.

The hues are Okabe and Ito's, moved to middle tones that keep a contrast of about 3:1 against a white and
against a near-black page, so that splits and parts need not change with the theme. Colours are
`#rrggbb`; scales are lists of them from low to high, as Plotly's `colorscale` takes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

BACKGROUND = {"light": "#ffffff", "dark": "#0e1117"}
TEXT = {"light": "#262730", "dark": "#fafafa"}
MUTED = {"light": "#6b7280", "dark": "#9aa3b2"}
GRID = {"light": "#e5e7eb", "dark": "#2a2f3a"}
NEUTRAL = "#808890"  # no name, no part, not split: said by having no hue

SPLIT_COLORS = {"train": "#0072b2", "val": "#d17f00", "test": "#009e73", "unsplit": NEUTRAL}

# Two datasets side by side, the first and the second: no split's colours, and apart in every deficiency.
DATASET_COLORS = ("#4596c8", "#d55e00")

# Ten hues that stay apart under the common colour deficiencies, in their three lightnesses: a class
# beyond the tenth repeats a hue, never a colour, until thirty are used up.
_HUES = (
    ("#0072b2", "#4aa3dc", "#00507d"),
    ("#d17f00", "#f0a93a", "#945a00"),
    ("#009e73", "#3cc79d", "#006b4e"),
    ("#cc5f9c", "#e694c1", "#953f6f"),
    ("#d55e00", "#f58b3c", "#9a4400"),
    ("#4596c8", "#7fbde2", "#2b6c95"),
    ("#7a5fc0", "#a48fdc", "#563f94"),
    ("#8a7a00", "#b8a520", "#5e5300"),
    ("#b0413e", "#d97c79", "#7e2a28"),
    ("#6b8e23", "#98bd4c", "#4a6415"),
)

# Left is cool, right is warm; a foot is a darker leg, a hand a lighter arm. Fingers have five hues.
_PARTS = {
    "head": "#d877ab", "face": "#e9a9cb", "torso": "#00a97a",
    "left_arm": "#56b4e9", "left_hand": "#9bd6ff", "left_leg": "#1f77d0", "left_foot": "#5560c8",
    "right_arm": "#f0a000", "right_hand": "#ffc861", "right_leg": "#e05a00", "right_foot": "#b5402a",
    "wrist": "#a0a8b0", "thumb": "#f0a000", "index": "#56b4e9", "middle": "#00a97a",
    "ring": "#f0e442", "pinky": "#d877ab",
}  # fmt: skip
# Too pale to read as text or as a legend's line on a white page.
_PARTS_LIGHT = {
    "face": "#d88fb8", "left_hand": "#6dbdf0", "right_hand": "#e0a030", "ring": "#b8a800",
}  # fmt: skip

_BLUES = ["#eff5fb", "#d3e4f3", "#a8cce6", "#73b0d8", "#4292c6", "#2272b2", "#0b559f", "#083979", "#06264f"]
_BLUES_DARK = [
    "#161d2b", "#14304f", "#124673", "#155f97", "#2b7bb5", "#5199cb", "#82b8de", "#b5d5ec", "#e6f2fb",
]  # fmt: skip
_PUOR = ["#7f3b08", "#b8651b", "#e5974a", "#f8d3a3", "#f5f5f5", "#cdc8e2", "#9a8fc1", "#65479c", "#3b1466"]
_PUOR_DARK = [
    "#ffc27a", "#ec9a45", "#b8691f", "#693c17", "#1d212b", "#3f3566", "#6d58a6", "#a08fd4", "#d3caf5",
]  # fmt: skip

SEQUENTIAL = _BLUES  # light page; `sequential(theme)` for both
DIVERGING = _PUOR


def sequential(theme: str = "light") -> list[str]:
    """A scale for amounts, from the page's own background to the strongest tone."""
    return list(_BLUES_DARK if theme == "dark" else _BLUES)


def diverging(theme: str = "light") -> list[str]:
    """A scale for signed differences; its middle is the page's own background."""
    return list(_PUOR_DARK if theme == "dark" else _PUOR)


def split_color(split: str | None) -> str:
    """The colour of a split: fixed for train, val, test, derived from the name for any other."""
    if split is None:
        return NEUTRAL
    return SPLIT_COLORS.get(split) or _HUES[3 + _slot(split, len(_HUES) - 3)][0]


def category_colors(names: Iterable[str | None]) -> dict[str | None, str]:
    """A colour for each name, whatever the order they come in.

    A name asks for the hue that its letters hash to and takes the next free one if that is gone, so
    colours differ as long as they can. Pass every class of the dataset, not the filtered ones, and a
    class keeps its colour through all filters.
    """
    wanted = set(names)
    out: dict[str | None, str] = {None: NEUTRAL} if None in wanted else {}
    todo = sorted(name for name in wanted if name is not None)
    for start in range(0, len(todo), len(_HUES)):
        tone = (start // len(_HUES)) % 3
        free = list(range(len(_HUES)))
        for name in todo[start : start + len(_HUES)]:
            want = _slot(name, len(_HUES))
            hue = min(free, key=lambda slot, want=want: (slot - want) % len(_HUES))
            free.remove(hue)
            out[name] = _HUES[hue][tone]
    return out


def part_color(part: str | None, theme: str = "dark") -> str:
    """The colour of a body part or finger; unknown parts are grey.

    On an image the dark variant is right under either theme, since lines there have a dark rim.
    """
    key = (part or "").lower()
    if theme == "light" and key in _PARTS_LIGHT:
        return _PARTS_LIGHT[key]
    return _PARTS.get(key, NEUTRAL)


def part_rank(part: str | None) -> int:
    """The place of a part in a legend: from the head down, from the thumb to the pinky, unknown ones last."""
    known = list(_PARTS)
    key = (part or "").lower()
    return known.index(key) if key in known else len(known)


def rgb(color: str) -> tuple[int, int, int]:
    """`#rrggbb` as three numbers 0..255."""
    return (int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16))


def luminance(color: str) -> float:
    """WCAG's relative luminance, 0 (black) to 1 (white)."""
    channels = (value / 255 for value in rgb(color))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def text_on(color: str) -> str:
    """Black or white, whichever reads better on `color`."""
    return "#000000" if luminance(color) > 0.179 else "#ffffff"


def _slot(name: str, count: int) -> int:
    # Python's own hash differs from one process to the next.
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=4).digest()
    return int.from_bytes(digest, "big") % count
