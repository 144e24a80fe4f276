"""Statistics that the pages show; pure functions of counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

_Z95 = 1.959963984540054


def wilson(part: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Wilson's 95 % interval of a share: honest near 0 and 1 and for few observations."""
    k, n = np.asarray(part, float), np.asarray(whole, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = k / n
        middle = (p + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
        half = _Z95 / (1 + _Z95**2 / n) * np.sqrt(p * (1 - p) / n + _Z95**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def normalized_entropy(counts: np.ndarray) -> float | None:
    """Shannon entropy ÷ its maximum: 1 where all classes are equally frequent. None for one class."""
    n = np.asarray(counts, float)
    if len(n) < 2 or n.sum() <= 0:
        return None
    p = n[n > 0] / n.sum()
    return float(-(p * np.log(p)).sum() / math.log(len(n))) + 0.0


def imbalance_ratio(counts: np.ndarray) -> float | None:
    """The most frequent class ÷ the rarest that occurs at all. None for fewer than two classes."""
    n = np.asarray(counts, float)
    n = n[n > 0]
    return float(n.max() / n.min()) if len(n) > 1 else None


def js_distance(a: np.ndarray, b: np.ndarray) -> float | None:
    """Jensen–Shannon distance to base 2: 0 the same shares, 1 nothing in common."""
    p, q = np.asarray(a, float), np.asarray(b, float)
    if p.sum() <= 0 or q.sum() <= 0:
        return None
    p, q = p / p.sum(), q / q.sum()
    m = (p + q) / 2

    def divergence(x: np.ndarray) -> float:
        some = x > 0
        return float((x[some] * np.log2(x[some] / m[some])).sum())

    return math.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2))


def cramers_v(table: np.ndarray) -> tuple[float, float, int] | None:
    """(V, χ², degrees of freedom) of a contingency table; None where it has no two rows and columns."""
    t = np.asarray(table, float)
    t = t[t.sum(axis=1) > 0][:, t.sum(axis=0) > 0] if t.size else t
    if t.ndim != 2 or min(t.shape) < 2:
        return None
    expected = np.outer(t.sum(axis=1), t.sum(axis=0)) / t.sum()
    chi2 = float(((t - expected) ** 2 / expected).sum())
    return math.sqrt(chi2 / (t.sum() * (min(t.shape) - 1))), chi2, (t.shape[0] - 1) * (t.shape[1] - 1)


def effect_words(v: float) -> str:
    """Cramér's V in the words that Cohen's conventions suggest."""
    return "negligible" if v < 0.1 else "small" if v < 0.3 else "medium" if v < 0.5 else "large"


@dataclass(frozen=True)
class CoVisibility:
    """How often two joints are labelled together: counts, and of how many annotations."""

    both: np.ndarray
    annotations: int


def co_visibility(patterns: pd.DataFrame, joints: int) -> CoVisibility:
    """Pair counts from the sets of joints that are labelled together (three masks of 60 joints)."""
    n = patterns["annotations"].to_numpy(np.int64)
    both = np.zeros((joints, joints))
    masks = [patterns[name].to_numpy(np.int64) for name in ("joints_0", "joints_60", "joints_120")]
    # In blocks: a hundred thousand patterns of 133 joints would be a matrix of a hundred megabytes.
    for start in range(0, len(n), 20_000):
        block = slice(start, start + 20_000)
        has = np.stack([masks[j // 60][block] >> (j % 60) & 1 for j in range(joints)], axis=1).astype(float)
        both += has.T @ (has * n[block, None])
    return CoVisibility(np.rint(both).astype(np.int64), int(n.sum()))


def class_shift(counts: pd.DataFrame) -> pd.DataFrame:
    """For each pair of splits: how far apart their class shares are. `counts`: label × split."""
    rows = []
    names = list(counts.columns)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            pair = counts[[a, b]].to_numpy(float)
            distance = js_distance(pair[:, 0], pair[:, 1])
            effect = cramers_v(pair)
            if distance is None:
                continue
            with np.errstate(divide="ignore", invalid="ignore"):
                shares = pair / pair.sum(axis=0)
            most = int(np.argmax(np.abs(shares[:, 0] - shares[:, 1])))
            v, chi2, dof = effect or (None, None, None)
            rows.append({
                "split_a": a, "split_b": b, "js_distance": distance, "cramers_v": v, "chi2": chi2, "dof": dof,
                "most_moved": counts.index[most], "share_a": shares[most, 0], "share_b": shares[most, 1],
            })  # fmt: skip
    columns = [
        "split_a",
        "split_b",
        "js_distance",
        "cramers_v",
        "chi2",
        "dof",
        "most_moved",
        "share_a",
        "share_b",
    ]
    return pd.DataFrame(rows, columns=columns)
