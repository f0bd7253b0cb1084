"""Small kernels with names: edges, blurs, sharpening, and what can be done to any kernel."""

import math
from dataclasses import dataclass

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError

MAX_SIDE = 11


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(values=np.float64)
class NamedKernel:
    """A kernel of the picker.

    Attributes
    ----------
    name, title : str
        What the address and what people call it.
    note : str
        What it finds or does, in a student's words.
    values : float64 ndarray of shape (n, n)
        n odd.
    """

    name: str
    title: str
    note: str
    values: np.ndarray


def box_kernel(size: int) -> np.ndarray:
    """Make the kernel of the mean over a square: every entry is 1 / size².

    Parameters
    ----------
    size : int
        Odd, 1 to 11.

    Returns
    -------
    float64 ndarray of shape (size, size)
    """
    _check_side(size)
    return np.full((size, size), 1 / size**2)


def gaussian_kernel(size: int, sigma: float) -> np.ndarray:
    """Make a Gaussian that sums to 1, sampled at whole pixels.

    Parameters
    ----------
    size : int
        Odd, 1 to 11.
    sigma : float
        Standard deviation in pixels, above 0.

    Returns
    -------
    float64 ndarray of shape (size, size)

    Examples
    --------
    >>> gaussian_kernel(3, 0.5).round(2).tolist()
    [[0.01, 0.08, 0.01], [0.08, 0.62, 0.08], [0.01, 0.08, 0.01]]
    """
    _check_side(size)
    if not (math.isfinite(sigma) and sigma > 0):
        raise InvalidParameterError(f"sigma must be above 0 pixels, got {sigma}.")
    places = np.arange(size) - size // 2
    bell = np.exp(-0.5 * (places / sigma) ** 2)
    return np.outer(bell, bell) / bell.sum() ** 2


def resized(kernel: np.ndarray, size: int) -> np.ndarray:
    """Pad a kernel with zeros, or crop its border, to an odd side.

    Parameters
    ----------
    kernel : real ndarray of shape (s, s)
    size : int
        Odd.

    Returns
    -------
    ndarray of shape (size, size)
    """
    _check_side(size)
    change = (size - len(kernel)) // 2
    if change >= 0:
        return np.pad(kernel, change)
    return kernel[-change:change, -change:change].copy()


def normalized(kernel: np.ndarray) -> np.ndarray:
    """Divide a kernel by its sum, so that brightness stays, or by its norm where the sum is zero.

    Parameters
    ----------
    kernel : real ndarray

    Returns
    -------
    ndarray
        The norm is the sum of absolute entries.
    """
    total = float(kernel.sum())
    if abs(total) < 1e-9:
        total = float(np.abs(kernel).sum())
    return kernel / total if total else kernel


def zero_mean(kernel: np.ndarray) -> np.ndarray:
    """Subtract the mean of a kernel, so that a constant image gives zero.

    Parameters
    ----------
    kernel : real ndarray

    Returns
    -------
    ndarray
    """
    return kernel - kernel.mean()


def _check_side(size: int) -> None:
    if not (1 <= size <= MAX_SIDE and size % 2):
        raise InvalidParameterError(
            f"The side of a kernel must be odd and from 1 to {MAX_SIDE}, got {size}."
        )


KERNELS = tuple(
    NamedKernel(name, title, note, np.asarray(values, np.float64))
    for name, title, note, values in (
        (
            "horizontal",
            "Horizontal edge",
            "bright above and dark below gives a large number",
            [[1, 1, 1], [0, 0, 0], [-1, -1, -1]],
        ),
        (
            "vertical",
            "Vertical edge",
            "bright on the left and dark on the right gives a large number",
            [[1, 0, -1], [1, 0, -1], [1, 0, -1]],
        ),
        (
            "diagonal",
            "Diagonal edge",
            "bright in the upper left and dark in the lower right gives a large number",
            [[1, 1, 0], [1, 0, -1], [0, -1, -1]],
        ),
        (
            "edge-detect",
            "Edge detect",
            "a pixel that differs from its eight neighbors gives a large number",
            [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]],
        ),
        (
            "sobel",
            "Sobel, across",
            "the derivative of brightness to the right, smoothed down the columns",
            [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
        ),
        (
            "scharr",
            "Scharr, across",
            "as Sobel, but the response hardly depends on the direction of an edge",
            [[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]],
        ),
        (
            "prewitt",
            "Prewitt, across",
            "the derivative of brightness to the right, with equal weights for all rows",
            [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]],
        ),
        (
            "laplacian",
            "Laplacian",
            "how much a pixel lies below its four neighbors: thin lines, points",
            [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
        ),
        (
            "sharpen",
            "Sharpen",
            "the image minus its Laplacian: edges become steeper",
            [[0, -1, 0], [-1, 5, -1], [0, -1, 0]],
        ),
        ("box", "Box blur", "the mean of nine pixels", box_kernel(3)),
        ("gaussian", "Gaussian blur", "a mean that counts near pixels more", gaussian_kernel(5, 1)),
        (
            "emboss",
            "Emboss",
            "light from the upper left: the image looks like a relief",
            [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]],
        ),
        ("identity", "Identity", "the image itself", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
        (
            "cross",
            "Diagonal cross",
            "the sum of a pixel and its four diagonal neighbors: the filter of many lectures",
            [[1, 0, 1], [0, 1, 0], [1, 0, 1]],
        ),
    )
)
