"""Sentences of the page: numbers in, Markdown out."""

from collections.abc import Mapping

from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM

MAP = "this map"
_CHANGES = 0.005  # of the probability before
_DECIDES = 0.02  # differences of areas below it are not told apart


def signed(value: float, num_decimals: int = 3) -> str:
    """Write a difference with its sign; zero has none."""
    rounded = round(value, num_decimals)
    return f"{rounded:+.{num_decimals}f}".replace("-", "−") if rounded else "0"


def faithfulness_verdict(differences: Mapping[str, float]) -> str:
    """Compare a map with orders of pixels that do not look at the image.

    Parameters
    ----------
    differences : mapping
        Insertion area minus deletion area of `MAP`, `RANDOM` and `CENTER`.
    """
    over_random = differences[MAP] - differences[RANDOM]
    over_center = differences[MAP] - differences[CENTER]
    if over_random < _DECIDES:
        return (
            "The map is **no better than a random order**: for this prediction, the pixels that it "
            "marks matter no more than others."
        )
    if over_center < -_DECIDES:
        return (
            "The map is better than a random order, but a **centered Gaussian is better still**: "
            "for this image it is enough to mark the center, as for many photos. Test the map on "
            "an image with the object off center."
        )
    if over_center < _DECIDES:
        return (
            "The map is better than a random order, and **as good as a centered Gaussian**, which "
            "does not look at the image."
        )
    return "The map is **better than both baselines**, which do not look at the image."


def masked_change(before: float, after: float, label: str) -> str:
    """Say what is left of the probability of a class with the map as a mask."""
    start = f"With the map as a mask, the probability of {label} changes from "
    start += f"{before:.1%} to {after:.1%}"
    drop = (before - after) / before if before else -after
    if drop >= _CHANGES:
        return f"{start}, a drop of {drop:.0%}."
    if after > before and drop <= -_CHANGES:
        return f"{start}, an increase."
    return f"{start}, hardly at all."
