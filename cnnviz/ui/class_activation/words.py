"""Sentences of the page: numbers in, Markdown out."""

from collections.abc import Mapping

from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM

MAP = "this map"
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
            "The map is **no better than a random order** here: the pixels that it marks do not "
            "decide this prediction."
        )
    if over_center < -_DECIDES:
        return (
            "The map is better than a random order, but a **centered Gaussian is better still**: "
            "the object is in the center, as in many photos, so its position alone explains the "
            "score. Test the map on an image with the object off center."
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
    drop = (before - after) / before if before else 0.0
    if drop >= 0.005:
        return f"{start}, a drop of {drop:.0%}."
    return f"{start}: it does not drop."
