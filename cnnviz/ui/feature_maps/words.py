"""Sentences of the page: numbers in, Markdown out."""

from cnnviz.ui.shell.display import number

_SMALL = 0.25  # share of the receptive field


def gradient_spread(num_strongest: int, num_pixels: int, num_windows: int) -> str:
    """Say how concentrated the gradient is within the receptive field of a unit.

    Parameters
    ----------
    num_strongest : int
        The fewest pixels that hold half of the gradient magnitude; 0 if the gradient is zero.
    num_pixels : int
        Pixels of the receptive field.
    num_windows : int
        Convolution and pooling layers between the image and the unit, at most. With fewer than two
        there is no effective receptive field to tell from the theoretical one.
    """
    if not num_strongest:
        return (
            "The gradient is zero at every pixel: a ReLU is inactive, or saturated at its upper "
            "limit."
        )
    share = num_strongest / num_pixels
    half = f"Half of the gradient magnitude lies in **{num_strongest:,}** of them (**{share:.0%}**)"
    if num_windows < 2 or share > _SMALL:
        return f"{half}."
    return f"{half}: the effective receptive field is smaller."


def same_value(computed: float, recomputed: float) -> str:
    """Compare the network's activation (32-bit) with the recomputed one (64-bit)."""
    difference = abs(computed - recomputed)
    end = (
        f"They differ by {number(difference, 1)}, a rounding error."
        if difference
        else "They are equal."
    )
    return (
        f"The network computed **{number(computed, 6)}** in 32-bit floating point; in 64-bit the "
        f"result is **{number(recomputed, 6)}**. {end}"
    )
