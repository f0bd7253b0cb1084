"""Orientation tuning: how strongly filters respond to stripes of every direction."""

import math
from collections.abc import Sequence

import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks.gabor import NYQUIST


def grating(size_px: int, frequency: float, theta: float, phase: float = 0.0) -> np.ndarray:
    """Draw even stripes: a cosine wave from 0 to 1 that runs in direction theta.

    Parameters
    ----------
    size_px : int
        Side of the image, 8 to 512.
    frequency : float
        Cycles per pixel, above 0 up to 0.5.
    theta, phase : float
        Radians, as for `gabor_kernel`.

    Returns
    -------
    float32 ndarray of shape (size_px, size_px)

    Examples
    --------
    >>> grating(8, 0.25, 0.0)[0].round(2).tolist()
    [1.0, 0.5, 0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
    """
    if not 8 <= size_px <= 512:
        raise InvalidParameterError(f"Gratings have 8 to 512 pixels a side, not {size_px}.")
    if not 0 < frequency <= NYQUIST:
        raise InvalidParameterError(
            f"The frequency of a grating goes from above 0 to {NYQUIST}, got {frequency}."
        )
    y, x = np.indices((size_px, size_px)) - size_px // 2
    along = x * math.cos(theta) + y * math.sin(theta)
    return (0.5 + 0.5 * np.cos(2 * math.pi * frequency * along + phase)).astype(np.float32)


def kernel_tuning(kernel: np.ndarray, frequency: float, thetas: Sequence[float]) -> np.ndarray:
    """Compute how strongly a kernel responds to a grating of each direction.

    The response to an endless wave is a wave; its amplitude is the magnitude of the kernel's
    Fourier transform there, so no convolution is needed. Of a complex kernel it
    is that of the wave running the way of theta or against it, whichever is stronger.

    Parameters
    ----------
    kernel : real or complex ndarray of shape (kh, kw)
    frequency : float
        Cycles per pixel.
    thetas : sequence of float
        Directions in radians.

    Returns
    -------
    float64 ndarray of shape (num_thetas,)
        For a grating between 0 and 1 (amplitude 0.5).
    """
    kernel = np.asarray(kernel)
    rows, columns = (np.arange(length) - length // 2 for length in kernel.shape)
    x, y = np.meshgrid(columns, rows, indexing="xy")
    strengths = []
    for theta in thetas:
        wave = 2 * math.pi * frequency * (x * math.cos(theta) + y * math.sin(theta))
        both = [abs((kernel * np.exp(sign * 1j * wave)).sum()) for sign in (1, -1)]
        strengths.append(0.5 * max(both))
    return np.array(strengths)
