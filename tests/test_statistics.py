"""Intervals, against their defining equations, published figures and SciPy."""

import math
from statistics import NormalDist

import pytest
import scipy.stats

from cnnviz.errors import InvalidParameterError
from cnnviz.statistics import mean_interval, wilson_interval


@pytest.mark.parametrize(("right", "total"), [(0, 5), (3, 8), (60, 100), (991, 1000)])
def test_at_both_ends_the_count_is_z_standard_deviations_away(right: int, total: int) -> None:
    z = NormalDist().inv_cdf(0.975)
    for end in wilson_interval(right, total):
        if 0 < end < 1:
            deviation = math.sqrt(end * (1 - end) / total)
            assert abs(right / total - end) == pytest.approx(z * deviation)


def test_published_values() -> None:  # Newcombe 1998, table I, Wilson without continuity correction
    assert wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson_interval(0, 20) == pytest.approx((0, 0.1611), abs=5e-5)


def test_left_and_right_are_mirrored() -> None:
    low, high = wilson_interval(17, 20)
    assert wilson_interval(3, 20) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(("right", "total"), [(0, 0), (-1, 4), (5, 4)])
def test_impossible_counts_are_refused(right: int, total: int) -> None:
    with pytest.raises(InvalidParameterError, match=f"got {right} of {total}"):
        wilson_interval(right, total)


def test_the_interval_of_a_mean_is_students() -> None:
    values = [0.2, 0.4, 0.1, 0.7]
    mean, half_width = mean_interval(values)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (mean - half_width, mean + half_width) == pytest.approx(tuple(expected))
    with pytest.raises(InvalidParameterError, match="at least two"):
        mean_interval([1.0])
