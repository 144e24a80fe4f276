"""The statistics that reports and checks share: intervals, distances between distributions, effect sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

#: The standard normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054

#: What makes a median absolute deviation comparable to a standard deviation (the normal's upper quartile).
_MAD_SCALE = 0.6744897501960817


def wilson(part: float, whole: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of the share part ÷ whole, 95 % unless `z` says otherwise.

    It is honest near 0 and 1 and for few observations, where the usual p ± z·s is not; of nothing it is
    (0, 1). Raises ValueError unless 0 ≤ part ≤ whole.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22
    (1927) 209–212.
    """
    if not 0 <= part <= whole:
        raise ValueError(f"{part} of {whole} is no share")
    if whole == 0:
        return 0.0, 1.0
    share = part / whole
    middle = share + z * z / (2 * whole)
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    scale = 1 + z * z / whole
    low = 0.0 if part == 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if part == whole else min(1.0, (middle + half) / scale)
    return low, high


def jensen_shannon(first: ArrayLike, second: ArrayLike) -> float:
    """The Jensen–Shannon distance of two distributions over the same K categories: 0 alike, 1 disjoint.

    Takes counts or shares (each is divided by its sum); logarithms are to base 2, and the distance is the
    square root of the divergence, which makes it a metric. NaN where one of them is empty.

    Source: J. Lin, "Divergence measures based on the Shannon entropy", IEEE Trans. Inf. Theory 37 (1991)
    145–151; D. M. Endres, J. E. Schindelin, IEEE Trans. Inf. Theory 49 (2003) 1858–1860.
    """
    import numpy as np  # noqa: PLC0415  (reports need the interval alone, and start fast)

    p, q = (np.asarray(values, dtype=float) for values in (first, second))
    if p.sum() <= 0 or q.sum() <= 0:
        return math.nan
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = sum(_relative_entropy(one, middle) for one in (p, q)) / 2
    return math.sqrt(min(max(divergence, 0.0), 1.0))


def jensen_shannon_by_chance(categories: int, first: int, second: int) -> float:
    """The Jensen–Shannon distance that two samples of one distribution show on average.

    For K categories that occur and samples of n and m the divergence is near Σ (p − q)² ÷ 8 p ln 2, of which
    the expectation is (K − 1)(1/n + 1/m) ÷ 8 ln 2: small samples always differ.
    """
    if categories < 2 or first < 1 or second < 1:
        return 0.0
    return math.sqrt(min(1.0, (categories - 1) * (1 / first + 1 / second) / (8 * math.log(2))))


@dataclass(frozen=True)
class Association:
    """A χ² test of independence: its statistic, degrees of freedom, p-value and effect sizes."""

    statistic: float
    freedom: int
    p: float
    v: float  # Cramér's V, 0 to 1
    corrected_v: float  # Cramér's V less what chance alone gives


def chi_squared(table: ArrayLike) -> Association:
    """Pearson's χ² of a table of counts (R, C) without empty rows and columns, with Cramér's V.

    No continuity correction. `corrected_v` takes off the bias of small samples and many categories, and is 0
    where chance explains the table. A table of one row or column is associated with nothing: p is 1.

    Source: H. Cramér, Mathematical Methods of Statistics (1946) 282; W. Bergsma, "A bias-correction for
    Cramér's V and Tschuprow's T", J. Korean Stat. Soc. 42 (2013) 323–328.
    """
    import numpy as np  # noqa: PLC0415
    from scipy.stats import chi2  # noqa: PLC0415

    counts = np.asarray(table, dtype=float)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    rows, columns = counts.shape
    freedom = (rows - 1) * (columns - 1)
    n = counts.sum()
    if freedom < 1 or n <= 1:
        return Association(0.0, max(freedom, 0), 1.0, 0.0, 0.0)
    expected = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / n
    statistic = float(((counts - expected) ** 2 / expected).sum())
    phi = statistic / n
    free_phi = max(0.0, phi - freedom / (n - 1))
    r, c = (size - (size - 1) ** 2 / (n - 1) for size in (rows, columns))
    v = math.sqrt(phi / min(rows - 1, columns - 1))
    smaller = min(r - 1, c - 1)
    corrected = math.sqrt(free_phi / smaller) if smaller > 0 else 0.0
    return Association(statistic, freedom, float(chi2.sf(statistic, freedom)), v, min(corrected, 1.0))


def robust_z(values: ArrayLike, least_spread: float = 0.0) -> np.ndarray:
    """How many robust standard deviations each value (N) lies from the median; NaN stays NaN.

    z = 0.6745 (value − median) ÷ MAD: the outliers that are looked for do not widen the scale they are
    measured by. `least_spread` (in units of the values) is the least standard deviation that is believed;
    where both are 0, what differs from the median is infinitely far.

    Source: B. Iglewicz, D. C. Hoaglin, How to Detect and Handle Outliers (1993), the modified z-score.
    """
    import numpy as np  # noqa: PLC0415

    values = np.asarray(values, dtype=float)
    if not np.isfinite(values).any():
        return np.full(values.shape, np.nan)
    finite = values[np.isfinite(values)]
    away = values - np.median(finite)
    spread = max(float(np.median(np.abs(finite - np.median(finite)))) / _MAD_SCALE, least_spread)
    if spread > 0:
        return away / spread
    return np.where(np.isnan(away), np.nan, np.where(away == 0, 0.0, np.copysign(np.inf, away)))


def _relative_entropy(p: np.ndarray, q: np.ndarray) -> float:
    """Kullback–Leibler divergence in bits; q is above 0 wherever p is."""
    import numpy as np  # noqa: PLC0415

    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())
