"""Data as text: labels, names and messages of a dataset are shown as they are, never as markup."""

from __future__ import annotations

import html
import re

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&^=@/])")


def clean(value: object, limit: int = 200) -> str:
    """One line without control characters or direction overrides, cut at `limit` characters."""
    text = _CONTROL.sub(" ", str(value))
    return text if len(text) <= limit else text[: limit - 1] + "…"


def plotly(value: object, limit: int = 60) -> str:
    """For Plotly's ticks, legends and hovers, which read tags, entities, $TeX$ and %{templates}."""
    return html.escape(clean(value, limit), quote=False).replace("$", "&#36;").replace("%", "&#37;")


def md(value: object, limit: int = 500) -> str:
    """For Streamlit's Markdown: every character stands for itself."""
    return _MARKDOWN.sub(r"\\\1", clean(value, limit))


def count(number: float, one: str, many: str | None = None) -> str:
    """`1 image`, `55,182 images`."""
    return f"{int(number):,} {one if int(number) == 1 else many or one + 's'}"


def share(part: float, whole: float) -> str:
    """A share in per cent that never rounds something to nothing, nor nearly all to all."""
    if not whole:
        return "–"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def listed(values: list[str], limit: int = 5) -> str:
    """`a, b and c`; beyond `limit` names, how many more there are."""
    if len(values) > limit:
        return ", ".join(values[:limit]) + f" and {len(values) - limit} more"
    return " and ".join([", ".join(values[:-1]), values[-1]] if len(values) > 1 else values)


def size(number: float) -> str:
    """Bytes in the unit that people say."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return ""
