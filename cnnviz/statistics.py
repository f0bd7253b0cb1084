"""How sure a share is that was counted on a few images."""

from cnnviz.errors import InvalidParameterError


def wilson_interval(num_right: int, num_all: int) -> tuple[float, float]:
    """Give the range in which a share plausibly lies: Wilson's score interval for 95 %.

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
