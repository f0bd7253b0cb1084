"""How sure a share or a mean is that was measured on a few images."""

from collections.abc import Sequence

import numpy as np

from cnnviz.errors import InvalidParameterError


def wilson_interval(num_right: int, num_all: int) -> tuple[float, float]:
    """Return the range in which a share plausibly lies: Wilson's score interval for 95 %.

    Parameters
    ----------
    num_right, num_all : int
        The count and what it is out of. Each image counts as drawn independently of the others:
        for many views of one thing the truth is wider.

    Returns
    -------
    low, high : float
        From 0 to 1. Unlike the plain normal interval it has a width also where all are right.

    Raises
    ------
    InvalidParameterError
        If there is nothing to count or more right than there are.

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927.

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(20, 20)]
    [0.839, 1.0]
    """
    if not 0 <= num_right <= num_all or num_all < 1:
        raise InvalidParameterError(
            f"expected a count from 0 to a total of at least 1, got {num_right} of {num_all}."
        )
    from scipy.stats import binomtest  # takes half a second the first time

    low, high = binomtest(num_right, num_all).proportion_ci(0.95, method="wilson")
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of a few measurements and the half width of its 95 % confidence interval.

    Parameters
    ----------
    values : sequence of float
        Measurements that do not depend on each other, at least two.

    Returns
    -------
    mean, half_width : float
        Student's t interval: mean ± t(0.975, n − 1) · s / √n.

    Raises
    ------
    InvalidParameterError
        If there are fewer than two.

    References
    ----------
    Student, "The probable error of a mean", Biometrika 6, 1908.

    Examples
    --------
    >>> [round(number, 3) for number in mean_interval([1.0, 2.0, 3.0])]
    [2.0, 2.484]
    """
    if len(values) < 2:
        raise InvalidParameterError(f"expected at least two values, got {len(values)}.")
    from scipy.stats import sem, t

    return float(np.mean(values)), float(sem(values) * t.ppf(0.975, len(values) - 1))
