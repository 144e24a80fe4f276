"""The words of reports: numbers, shares, places and states, the same in every kind of report."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from queries.printing import one_line as shown

if TYPE_CHECKING:
    from queries.reports import CheckResult

__all__ = [
    "STATES", "agreed_words", "figure", "number", "place", "quiet_words", "rate_words", "sentence", "share",
    "short_numbers", "shown", "state",
]  # fmt: skip

_ENDLESS = re.compile(r"-?\b\d{25,}(?:\.\d+)?")

#: What became of a check that has no finding that counts (`state`), of one and of several.
STATES = {
    "nothing": ("found nothing", "found nothing"),
    "suppressed": ("found only what is suppressed", "found only what is suppressed"),
    "known": ("found only what the baseline has", "found only what the baseline has"),
    "not applicable": ("did not apply", "did not apply"),
    "off": ("is off", "are off"),
    "failed": ("failed to run", "failed to run"),
    "not asked": ("was not asked for", "were not asked for"),
}


def number(count: int, noun: str) -> str:
    """`1 error`, `1,204 warnings`; info has no plural."""
    return f"{count:,} {noun}{'' if count == 1 or noun == 'info' else 's'}"


def figure(value: float) -> str:
    """A number of any size as people read it: whole ones up to 15 digits as they are, else four figures."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    if math.isinf(value) if isinstance(value, float) else abs(value) > 1e308:
        return "infinite" if value > 0 else "minus infinite"
    return "not known" if math.isnan(value) else f"{value:.4g}"


def place(row: Mapping[str, Any], limit: int = 80) -> list[str]:
    """Where a finding is, coarse to fine: the image or what else it is about, the annotation, the joint."""
    told = row["image"] if row["image"] is not None else _prefix(row) or row["about"] or "the dataset"
    said = [shown(told, limit)]
    if row["annotation"] is not None:
        given = f" (id {shown(row['annotation_id'], 40)})" if row["annotation_id"] is not None else ""
        said.append(f"annotation {row['annotation']}{given}")
    if row["joint"] is not None:
        name = f" ({shown(row['joint_name'], 40)})" if row["joint_name"] is not None else ""
        said.append(f"joint {row['joint']}{name}")
    return said


def sentence(row: Mapping[str, Any], limit: int = 400) -> str:
    """What is wrong, without the file and record that `place` names."""
    detail, prefix = str(row["detail"]), _prefix(row)
    if row["image"] is None and prefix is not None:
        detail = detail[len(prefix) + 2 :]
    return shown(short_numbers(detail), limit)


def short_numbers(text: str) -> str:
    """A sentence in which numbers of hundreds of digits, which a broken coordinate may have, are short."""
    return _ENDLESS.sub(lambda found: figure(float(found[0])), text)


def _prefix(row: Mapping[str, Any]) -> str | None:
    """`FILE, RECORD`, where the detail begins with them and a colon: findings of records are written so."""
    evidence = row["evidence"]
    if not isinstance(evidence, Mapping):
        return None
    given = [str(evidence[name]) for name in ("file", "locator") if evidence.get(name)]
    prefix = ", ".join(given)
    return prefix if prefix and str(row["detail"]).startswith(f"{prefix}: ") else None


def share(value: float) -> str:
    """A share as people read it: 12 %, 0.4 %, 0.017 %, 0 %."""
    percent = value * 100
    if percent == 0:
        return "0 %"
    if percent < 0.0001:
        return "< 0.0001 %"
    if percent < 0.1:
        return f"{percent:.4f}".rstrip("0") + " %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def rate_words(check: CheckResult, interval: bool = False) -> str:
    """`3 of 560 boxes, 0.5 %`, with Wilson's interval where the records are few or `interval` asks."""
    if check.records is None:
        return ""
    unit = check.unit.removesuffix("s") if check.records == 1 and check.unit != "classes" else check.unit
    unit = "class" if check.records == 1 and unit == "classes" else unit
    rate = check.rate
    if rate is None:
        return f"{check.records:,} {unit}"
    text = f"{check.flagged:,} of {check.records:,} {unit}, {share(rate[0])}"
    if check.records >= 1000 and not interval:
        return text
    return f"{text} ({share(rate[1])} to {share(rate[2])})"


def agreed_words(check: CheckResult) -> str:
    """`10 of 12, 83 % (55 % to 95 %)`: how many of the judged findings are right; empty where none was."""
    found = check.agreed
    if found is None:
        return ""
    unsure = f"unsure of {found.unsure:,}" if found.unsure else ""
    if found.share is None:
        return unsure
    said = f"{found.right:,} of {found.judged:,}, {share(found.share)}"
    said += f" ({share(found.low)} to {share(found.high)})"
    return f"{said}, {unsure}" if unsure else said


def state(check: CheckResult) -> str:
    """`findings` where any counts, else a name of STATES: silence has several reasons, and one is a pass."""
    if check.status != "done":
        return check.status
    if check.new:
        return "findings"
    if check.known:
        return "known"
    return "suppressed" if check.suppressed else "nothing"


def quiet_words(checks: Iterable[CheckResult], not_asked: int = 0) -> str:
    """`12 checks found nothing, 1 is off, 5 did not apply`, of all that have no finding that counts."""
    counts = Counter(state(check) for check in checks)
    counts["not asked"] = not_asked
    said = []
    for name, (one, many) in STATES.items():
        if counts[name]:
            told = one if counts[name] == 1 else many
            said.append(f"{counts[name]:,} {told}" if said else f"{number(counts[name], 'check')} {told}")
    return ", ".join(said)
