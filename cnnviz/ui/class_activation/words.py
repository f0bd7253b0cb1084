"""Sentences of the page: numbers in, Markdown out."""

from collections.abc import Mapping, Sequence

import numpy as np

from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM
from cnnviz.attribution.evaluation.several_images import METHOD
from cnnviz.figures import Scale
from cnnviz.statistics import mean_interval
from cnnviz.ui.shell.display import number

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


def color_note(values: np.ndarray, scale: Scale, *, is_on_a_layer: bool) -> str:
    """Say what the colors of a map mean, and where they end.

    Parameters
    ----------
    values : ndarray
    scale : Scale
        From a negative low end on, its colors are those of signed values.
    is_on_a_layer : bool
        Whether the map is one of a layer; unsigned maps of pixels do not tell for from against.
    """
    largest = float(np.abs(values).max())
    if not largest:
        return "The map is zero everywhere."
    meaning = "Bright regions support the class."
    if not is_on_a_layer:
        meaning = "Bright pixels matter most for the target."
    if scale.low < 0:
        meaning = "Red regions support the class, blue ones oppose it, white ones do neither."
    if scale.high >= largest * (1 - 1e-6):
        return f"{meaning} The colors end at the largest value of this map."
    return (
        f"{meaning} The colors end at the 99th percentile, {number(scale.high)}; the largest value "
        f"is {number(largest)}."
    )


def mean_verdict(scores: Mapping[str, Sequence[float]]) -> str:
    """Compare a method with both baselines on several images, image by image.

    Parameters
    ----------
    scores : mapping
        Insertion area minus deletion area of `METHOD`, `RANDOM` and `CENTER`, one for each image.
    """
    told = []
    for name, title in ((RANDOM, "a random order"), (CENTER, "a centered Gaussian")):
        differences = np.subtract(scores[METHOD], scores[name])
        mean, half_width = mean_interval(differences.tolist())
        if abs(mean) <= half_width:
            told.append(f"cannot be told apart from {title} with so few images")
        else:
            told.append(f"is {'better' if mean > 0 else 'worse'} than {title}")
    return f"The method {told[0]}. It {told[1]}."
