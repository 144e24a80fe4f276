"""Intervals, distances and effect sizes: against published values, scipy, and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import spatial, stats

from queries.statistics import (
    chi_squared,
    jensen_shannon,
    jensen_shannon_by_chance,
    robust_z,
    wilson,
)

counts = st.lists(st.integers(0, 500), min_size=2, max_size=12)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_is_the_published_interval(part, whole, low, high):
    assert wilson(part, whole) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys_and_holds_the_share(pair):
    part, whole = pair
    low, high = wilson(part, whole)
    expected = stats.binomtest(part, whole).proportion_ci(0.95, method="wilson") if whole < 10**5 else None
    if expected is not None:
        assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert 0 <= low <= part / whole <= high <= 1


def test_wilson_of_nothing_is_anything_and_of_nonsense_an_error():
    assert wilson(0, 0) == (0.0, 1.0)
    for part, whole in ((3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            wilson(part, whole)


@given(counts, st.data())
def test_jensen_shannon_is_scipys_and_a_distance(first, data):
    second = data.draw(st.lists(st.integers(0, 500), min_size=len(first), max_size=len(first)))
    got = jensen_shannon(first, second)
    if not sum(first) or not sum(second):
        assert math.isnan(got)
        return
    assert got == pytest.approx(spatial.distance.jensenshannon(first, second, base=2), abs=1e-6)
    assert got == pytest.approx(jensen_shannon(second, first), abs=1e-9)
    assert jensen_shannon(first, first) == 0


def test_jensen_shannon_of_disjoint_distributions_is_one():
    assert jensen_shannon([3, 0], [0, 9]) == 1


def test_samples_of_one_distribution_differ_as_much_as_is_said():
    rng = np.random.default_rng(3)
    shares = np.full(12, 1 / 12)
    squares = [
        jensen_shannon(rng.multinomial(400, shares), rng.multinomial(900, shares)) ** 2 for _ in range(400)
    ]
    assert math.sqrt(np.mean(squares)) == pytest.approx(jensen_shannon_by_chance(12, 400, 900), rel=0.05)
    assert jensen_shannon_by_chance(1, 400, 900) == 0


@given(st.integers(2, 4).flatmap(lambda c: st.lists(st.lists(st.integers(1, 200), min_size=c, max_size=c),
                                                    min_size=2, max_size=5)))  # fmt: skip
def test_chi_squared_is_scipys(table):
    got = chi_squared(table)
    expected = stats.chi2_contingency(table, correction=False)
    assert (got.statistic, got.freedom) == (pytest.approx(expected.statistic, abs=1e-8), expected.dof)
    assert got.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert got.v == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-8)
    assert 0 <= got.corrected_v <= 1


def test_chi_squared_leaves_out_what_is_empty():
    whole = chi_squared([[10, 0, 20], [0, 0, 0], [20, 0, 10]])
    assert whole == chi_squared([[10, 20], [20, 10]])
    assert whole.v == pytest.approx(1 / 3)
    assert chi_squared([[3, 0], [4, 0]]).p == 1


def test_corrected_v_is_near_zero_where_there_is_nothing():
    rng = np.random.default_rng(5)
    tables = [rng.multinomial(150, np.full(20, 0.05), size=2) for _ in range(200)]
    assert np.mean([chi_squared(t).v for t in tables]) > 0.2  # so much for the plain one
    assert np.mean([chi_squared(t).corrected_v for t in tables]) < 0.08


def test_robust_z():
    assert robust_z([1, 2, 3, 4, 100])[-1] == pytest.approx(0.6744897501960817 * 97)
    assert list(robust_z([1.0, 1.0, 1.0, 2.0])) == [0, 0, 0, math.inf]
    assert list(robust_z([1.0, 1.0, 1.0, 2.0], least_spread=0.5)) == [0, 0, 0, 2]
    assert np.isnan(robust_z([1.0, math.nan, 3.0])[1])
    assert np.isnan(robust_z([math.nan, math.nan])).all()


@given(st.lists(st.floats(-1e3, 1e3), min_size=3, max_size=40))
def test_robust_z_is_scipys_median_deviation(values):
    deviation = stats.median_abs_deviation(values, scale="normal")
    if deviation > 1e-6:
        expected = (np.array(values) - np.median(values)) / deviation
        assert robust_z(values) == pytest.approx(expected, rel=1e-6, abs=1e-9)
