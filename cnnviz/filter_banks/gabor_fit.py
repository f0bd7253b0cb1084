"""The Gabor function nearest to a learned kernel: what has a network found by itself?"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError

SMALLEST_SIDE = 7
_STARTS = 4  # of all those tried coarsely, the best are refined
_FREQUENCIES = (0.06, 0.12, 0.2, 0.3)
_NUM_THETAS = 12
_LOWEST, _HIGHEST = 0.02, 0.5  # cycles per pixel


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(kernel=np.float64, fitted=np.float64)
class GaborFit:
    """A kernel and the Gabor function nearest to it.

    ``amplitude · exp(-(x'² + (aspect·y')²) / (2 sigma²)) · cos(2π·frequency·x' + phase) + offset``,
    x' along theta and y' across it, both counted from the center.

    Attributes
    ----------
    kernel, fitted : float64 ndarray of shape (n, n)
        What was given, of a kernel that sees colors its strongest color direction; and the fit.
    frequency : float
        Cycles per pixel.
    theta : float
        Radians, 0 to below π.
    sigma, aspect : float
        Width along the wave in pixels, and that divided by the width across it.
    phase : float
        Radians at the center of the bell, -π to π.
    center : (float, float)
        Of the bell, right and down from the middle of the kernel, in pixels.
    amplitude, offset : float
    r_squared : float
        Share of the kernel's variance that the fit explains; 1 is perfect.
    """

    kernel: np.ndarray
    fitted: np.ndarray
    frequency: float
    theta: float
    sigma: float
    aspect: float
    phase: float
    center: tuple[float, float]
    amplitude: float
    offset: float
    r_squared: float

    @property
    def residual(self) -> np.ndarray:
        """What the fit leaves unexplained."""
        return self.kernel - self.fitted


def fit_gabor(kernel: np.ndarray) -> GaborFit:
    """Fit a Gabor function to a kernel by bounded least squares from several starts.

    Phase, amplitude and offset enter linearly and are solved for exactly at every step; the search
    goes over frequency, direction, both widths and the center.

    Parameters
    ----------
    kernel : float ndarray of shape (n, n) or (n, n, C)
        n at least 7. Of several channels the direction in color space is taken that holds most of
        the kernel's energy (its first principal component).

    Returns
    -------
    GaborFit

    Raises
    ------
    InvalidParameterError
        If the kernel is smaller, not square, not finite, or all one number.

    References
    ----------
    Jones and Palmer, "An evaluation of the two-dimensional Gabor filter model of simple receptive
    fields in cat striate cortex", Journal of Neurophysiology 58, 1987. Golub and Pereyra, "The
    differentiation of pseudo-inverses and nonlinear least squares problems", SIAM J. Numer. Anal.
    10, 1973 (variable projection).
    """
    values = _one_channel(np.asarray(kernel, np.float64))
    size = len(values)
    places = np.arange(size) - (size - 1) / 2
    x, y = np.meshgrid(places, places, indexing="xy")
    spread = float(((values - values.mean()) ** 2).sum())
    if spread <= 1e-24 * max(float((values**2).sum()), 1e-300):
        raise InvalidParameterError(
            "All weights of this kernel are equal: no sinusoid can be fitted."
        )
    target = values / math.sqrt(spread)

    def residual(shape: np.ndarray) -> np.ndarray:
        basis = _basis(shape, x, y)
        weights, *_ = np.linalg.lstsq(basis, target.ravel(), rcond=None)
        return basis @ weights - target.ravel()

    reach = 0.35 * size
    lower = np.array([_LOWEST, -np.inf, 0.6, 0.6, -reach, -reach])
    upper = np.array([_HIGHEST, np.inf, size, size, reach, reach])
    starts = _coarse_starts(target, residual, size)
    fits = [
        least_squares(residual, start, bounds=(lower, upper), x_scale=[0.1, 0.5, 1, 1, 1, 1])
        for start in starts
    ]
    best = min(fits, key=lambda each: each.cost)
    return _as_fit(values, best.x, x, y)


def _basis(shape: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cosine and sine under the bell, and a constant: what is combined linearly."""
    frequency, theta, along, across, right, down = shape
    dx, dy = x - right, y - down
    u = dx * math.cos(theta) + dy * math.sin(theta)
    v = dy * math.cos(theta) - dx * math.sin(theta)
    bell = np.exp(-0.5 * ((u / along) ** 2 + (v / across) ** 2))
    wave = 2 * math.pi * frequency * u
    parts = (bell * np.cos(wave), bell * np.sin(wave), np.ones_like(bell))
    return np.stack([part.ravel() for part in parts], axis=1)


def _coarse_starts(
    target: np.ndarray, residual: Callable[[np.ndarray], np.ndarray], size: int
) -> list[np.ndarray]:
    """Try a grid of waves about the middle and about the kernel's center of energy."""
    energy = target**2 / (target**2).sum()
    places = np.arange(size) - (size - 1) / 2
    middle = float(energy.sum(axis=0) @ places), float(energy.sum(axis=1) @ places)
    tried = [
        np.array([frequency, place * math.pi / _NUM_THETAS, width, width, *center])
        for frequency in _FREQUENCIES
        for place in range(_NUM_THETAS)
        for width in (size / 5, size / 3)
        for center in ((0.0, 0.0), middle)
    ]
    tried.sort(key=lambda start: float((residual(start) ** 2).sum()))
    return tried[:_STARTS]


def _as_fit(values: np.ndarray, shape: np.ndarray, x: np.ndarray, y: np.ndarray) -> GaborFit:
    basis = _basis(shape, x, y)
    (even, odd, offset), *_ = np.linalg.lstsq(basis, values.ravel(), rcond=None)
    fitted = (basis @ [even, odd, offset]).reshape(values.shape)
    frequency, theta, along, across, right, down = map(float, shape)
    phase = math.atan2(-odd, even)
    if math.floor(theta / math.pi) % 2:  # turned by 180° the wave runs the other way
        phase = -phase
    spread = ((values - values.mean()) ** 2).sum()
    return GaborFit(
        kernel=values,
        fitted=fitted,
        frequency=frequency,
        theta=theta % math.pi,
        sigma=along,
        aspect=along / across,
        phase=phase,
        center=(right, down),
        amplitude=math.hypot(even, odd),
        offset=float(offset),
        r_squared=float(1 - ((values - fitted) ** 2).sum() / spread),
    )


def _one_channel(kernel: np.ndarray) -> np.ndarray:
    if kernel.ndim not in (2, 3) or kernel.shape[0] != kernel.shape[1]:
        raise InvalidParameterError(
            f"Expected a square kernel (n, n) or (n, n, channels), got shape {kernel.shape}."
        )
    if len(kernel) < SMALLEST_SIDE:
        raise InvalidParameterError(
            f"A kernel of {len(kernel)} × {len(kernel)} has {len(kernel) ** 2} numbers, and a "
            f"Gabor function has nine parameters: it would fit anything. {SMALLEST_SIDE} × "
            f"{SMALLEST_SIDE} or more are needed."
        )
    if not np.isfinite(kernel).all():
        raise InvalidParameterError("The kernel holds NaN or infinite values.")
    if kernel.ndim == 2:
        return kernel
    flat = kernel.reshape(-1, kernel.shape[2])
    _, _, directions = np.linalg.svd(flat, full_matrices=False)
    color = directions[0] * (1 if directions[0].sum() >= 0 else -1)
    return (flat @ color).reshape(kernel.shape[:2])
