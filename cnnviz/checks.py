"""Checks of values that a user gives, with one wording for all of them."""

from collections.abc import Iterable
from math import isfinite

from cnnviz.errors import InvalidParameterError


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside a range.

    Parameters
    ----------
    name : str
        What the number is, as the user knows it.
    value, low, high : float
        The bounds are allowed.

    Raises
    ------
    InvalidParameterError
        If the number is outside, or not finite.

    Examples
    --------
    >>> check_range("epochs", 0, 1, 50)
    Traceback (most recent call last):
    cnnviz.errors.InvalidParameterError: epochs must be from 1 to 50, got 0.
    """
    if not isfinite(value) or not low <= value <= high:
        raise InvalidParameterError(f"{name} must be from {low:g} to {high:g}, got {value}.")


def check_choice(name: str, value: object, choices: Iterable[object]) -> None:
    """Refuse a value that is none of the choices.

    Parameters
    ----------
    name : str
        What is chosen, as the user knows it.
    value : object
    choices : iterable
        All that can be chosen.

    Raises
    ------
    InvalidParameterError

    Examples
    --------
    >>> check_choice("padding", "full", ("valid", "same"))
    Traceback (most recent call last):
    cnnviz.errors.InvalidParameterError: padding must be one of: valid, same; got 'full'.
    """
    choices = tuple(choices)
    if value not in choices:
        listed = ", ".join(map(str, choices))
        raise InvalidParameterError(f"{name} must be one of: {listed}; got {value!r}.")
