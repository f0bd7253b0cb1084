"""Banks of many kinds: gradients, blobs, wavelets, textures; and their redundancy."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks.gabor import FilterBank, gabor_bank
from cnnviz.filter_banks.spectra import magnitude_spectrum

MAX_LEVELS = 4
_CELLS_AT_ONCE = 1 << 14  # bounds the memory
_PLAIN = 1e-9  # of a bank's strongest response: below this a filter says nothing


@dataclass(frozen=True, slots=True)
class BankKind:
    """A kind of bank: its name, title, what it is for, where it comes from, and how it is made."""

    name: str
    title: str
    note: str
    source: str
    make: Callable[[], FilterBank]


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(energy=np.float64, similarity=np.float64)
class Redundancy:
    """How much the filters of a bank say about one image.

    Attributes
    ----------
    energy : float64 ndarray of shape (num_filters,)
        Mean square of each response.
    similarity : float64 ndarray of shape (num_filters, num_filters)
        Correlation of the responses, -1 to 1; 0 for a filter that says nothing.
    effective_filters : float
        How many independent filters would carry as much: (Σλ)² / Σλ² over the eigenvalues λ of
        the correlation matrix; 1 if all say the same, their number if each says something new.
    """

    energy: np.ndarray
    similarity: np.ndarray
    effective_filters: float

    def twin(self, place: int) -> tuple[int, float]:
        """Find the other filter that is most like this one, and how much (0 to 1)."""
        alike = np.abs(self.similarity[place])
        others = np.where(np.arange(len(alike)) == place, -1.0, alike)
        return int(others.argmax()), float(max(others.max(), 0.0))


def redundancy(responses: np.ndarray) -> Redundancy:
    """Measure the share of each filter in the energy, and how redundant the filters are.

    Parameters
    ----------
    responses : float ndarray of shape (num_filters, h, w)

    Returns
    -------
    Redundancy
    """
    flat = np.asarray(responses).reshape(len(responses), -1)
    means = flat.mean(axis=1, dtype=np.float64)
    covariance = np.zeros((len(flat), len(flat)))
    for start in range(0, flat.shape[1], _CELLS_AT_ONCE):
        centered = flat[:, start : start + _CELLS_AT_ONCE] - means[:, np.newaxis]
        covariance += centered @ centered.T / flat.shape[1]
    spread = np.sqrt(np.diag(covariance))
    says_something = spread > _PLAIN * max(float(np.abs(flat).max()), 1e-300)
    scaled = np.where(says_something, 1 / np.where(says_something, spread, 1), 0)
    similarity = covariance * np.outer(scaled, scaled)
    eigenvalues = np.clip(np.linalg.eigvalsh(similarity), 0, None)
    squares = float((eigenvalues**2).sum())
    effective = float(eigenvalues.sum()) ** 2 / squares if squares else 0.0
    return Redundancy(np.diag(covariance) + means**2, np.clip(similarity, -1, 1), effective)


def preferred_wave(kernel: np.ndarray) -> tuple[float, float]:
    """Find the sinusoid to which a kernel responds most.

    Parameters
    ----------
    kernel : real or complex ndarray of shape (kh, kw)

    Returns
    -------
    frequency : float
        Cycles per pixel, 0 to 0.71; 0 for a blur.
    theta : float
        Direction of the wave, 0 to below π.
    """
    size = 128
    spectrum = magnitude_spectrum(np.asarray(kernel), size)
    row, column = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
    down, right = (int(row) - size // 2) / size, (int(column) - size // 2) / size
    return math.hypot(down, right), math.atan2(down, right) % math.pi


def gradient_bank(base: str = "sobel", num_thetas: int = 8) -> FilterBank:
    """Rotate the Sobel or Scharr gradient: cos θ · horizontal + sin θ · vertical.

    Parameters
    ----------
    base : {"sobel", "scharr"}
    num_thetas : int
        Orientations from 0° to below 180°, 2 to 32.

    Returns
    -------
    FilterBank

    References
    ----------
    Scharr, "Optimale Operatoren in der digitalen Bildverarbeitung", Heidelberg 2000.
    """
    smooth = {"sobel": (1, 2, 1), "scharr": (3, 10, 3)}
    if base not in smooth:
        raise InvalidParameterError(f"There is no gradient {base!r}. Choose one of: sobel, scharr.")
    across = np.outer(smooth[base], (-1, 0, 1))
    thetas = _directions(num_thetas)
    kernels = [math.cos(t) * across + math.sin(t) * across.T for t in thetas]
    return _bank(kernels, [f"{base.capitalize()} {math.degrees(t):.0f}°" for t in thetas])


def gaussian_derivative_bank(
    sigmas: tuple[float, ...] = (1.0, 2.0), num_thetas: int = 6
) -> FilterBank:
    """Make first and second derivatives of a Gaussian: edges and bars of every orientation.

    Parameters
    ----------
    sigmas : tuple of float
        Widths in pixels.
    num_thetas : int
        Orientations from 0° to below 180°.

    Returns
    -------
    FilterBank

    References
    ----------
    Freeman and Adelson, "The design and use of steerable filters", PAMI 1991.
    """
    size = _support(max(sigmas))
    kernels, names = [], []
    for order, what in ((1, "edge"), (2, "bar")):
        for sigma in sigmas:
            for theta in _directions(num_thetas):
                kernels.append(_derivative(size, sigma, sigma, theta, order))
                names.append(f"{what} {sigma:g} px {math.degrees(theta):.0f}°")
    return _bank(kernels, names)


def blob_bank(sigmas: tuple[float, ...] = (1.0, 1.4, 2.0, 2.8, 4.0)) -> FilterBank:
    """Make Laplacians of Gaussians, and differences of Gaussians that approximate them.

    The difference of two Gaussians of widths √(1/1.6)·σ and √1.6·σ comes close to the Laplacian.

    Parameters
    ----------
    sigmas : tuple of float
        Widths in pixels.

    Returns
    -------
    FilterBank
        Two filters a width.

    References
    ----------
    Marr and Hildreth, "Theory of edge detection", Proc. R. Soc. B 1980.
    """
    size = _support(max(sigmas) * 1.3)
    ratio = math.sqrt(1.6)
    laplacians = [_laplacian(size, sigma) for sigma in sigmas]
    differences = [_bell(size, s * ratio) - _bell(size, s / ratio) for s in sigmas]
    names = [f"LoG {sigma:g} px" for sigma in sigmas] + [f"DoG {sigma:g} px" for sigma in sigmas]
    return _bank([*laplacians, *differences], names)


def haar_bank(num_levels: int = 3) -> FilterBank:
    """Make Haar wavelets as filters: horizontal, vertical and diagonal details of each level.

    Their sides are even; a row and a column of zeros give them a center.

    Parameters
    ----------
    num_levels : int
        1 to 4; the kernels of level l have 2^l pixels a side.

    Returns
    -------
    FilterBank

    References
    ----------
    Mallat, "A theory for multiresolution signal decomposition", PAMI 1989; PyWavelets.
    """
    if not 1 <= num_levels <= MAX_LEVELS:
        raise InvalidParameterError(f"Levels go from 1 to {MAX_LEVELS}, got {num_levels}.")
    size = 2**num_levels + 1
    kernels, names = [], []
    for level in range(1, num_levels + 1):
        low = np.ones(2**level) / 2 ** (level / 2)
        high = np.repeat([1.0, -1.0], 2 ** (level - 1)) / 2 ** (level / 2)
        for name, rows, columns in (
            ("across", low, high),
            ("down", high, low),
            ("diagonal", high, high),
        ):
            kernel = np.zeros((size, size))
            start = (size - 2**level) // 2
            kernel[start : start + 2**level, start : start + 2**level] = np.outer(rows, columns)
            kernels.append(kernel)
            names.append(f"level {level} {name}")
    return _bank(kernels, names)


def leung_malik_bank() -> FilterBank:
    """Make the 48 texture filters of Leung and Malik.

    Edges and bars three times as long as wide at three widths and six orientations, eight
    Laplacians of Gaussians, four Gaussians; 49 pixels a side.

    Returns
    -------
    FilterBank

    References
    ----------
    Leung and Malik, "Representing and recognizing the visual appearance of materials using
    three-dimensional textons", IJCV 2001.
    """
    size = 49
    widths = (math.sqrt(2), 2.0, 2 * math.sqrt(2))
    kernels, names = [], []
    for order, what in ((1, "edge"), (2, "bar")):
        for width in widths:
            for theta in _directions(6):
                kernels.append(_derivative(size, width, 3 * width, theta, order))
                names.append(f"{what} {width:.1f} px {math.degrees(theta):.0f}°")
    scales = (math.sqrt(2), 2.0, 2 * math.sqrt(2), 4.0)
    for sigma in (*scales, *(3 * scale for scale in scales)):
        kernels.append(_laplacian(size, sigma))
        names.append(f"LoG {sigma:.1f} px")
    for sigma in scales:
        kernels.append(_bell(size, sigma))
        names.append(f"Gaussian {sigma:.1f} px")
    return _bank(kernels, names)


def _default_gabor_bank() -> FilterBank:
    frequencies = np.geomspace(0.4, 0.08, 4)
    return gabor_bank(frequencies, _directions(8), None, remove_dc=True)


BANKS = {
    kind.name: kind
    for kind in (
        BankKind(
            "gabor",
            "Gabor",
            "sinusoids of four frequencies and eight orientations under a Gaussian",
            "Daugman 1985",
            _default_gabor_bank,
        ),
        BankKind(
            "sobel",
            "Sobel",
            "the derivative of brightness in eight directions",
            "Sobel 1968",
            gradient_bank,
        ),
        BankKind(
            "scharr",
            "Scharr",
            "as Sobel, but alike in all directions",
            "Scharr 2000",
            lambda: gradient_bank("scharr"),
        ),
        BankKind(
            "derivatives",
            "Gaussian derivatives",
            "edges (first derivative) and bars (second) of two widths and six directions",
            "Freeman and Adelson 1991",
            gaussian_derivative_bank,
        ),
        BankKind(
            "blobs",
            "Blobs (LoG and DoG)",
            "points and blobs of five sizes, without any direction",
            "Marr and Hildreth 1980",
            blob_bank,
        ),
        BankKind(
            "haar",
            "Haar wavelets",
            "steps across, down and diagonal at three levels",
            "Mallat 1989",
            haar_bank,
        ),
        BankKind(
            "leung-malik",
            "Leung–Malik",
            "48 filters for textures: long edges and bars, blobs, blurs",
            "Leung and Malik 2001",
            leung_malik_bank,
        ),
    )
}


def _bank(kernels: list[np.ndarray], names: list[str]) -> FilterBank:
    """Scale every kernel to unit norm, so that responses can be compared."""
    scaled = [kernel / np.linalg.norm(kernel) for kernel in kernels]
    return FilterBank(np.stack(scaled).astype(np.complex128), names=tuple(names))


def _directions(number: int) -> list[float]:
    if not 2 <= number <= 32:
        raise InvalidParameterError(f"Directions go from 2 to 32, got {number}.")
    return [place * math.pi / number for place in range(number)]


def _support(sigma: float) -> int:
    if not (math.isfinite(sigma) and 0.3 <= sigma <= 20):
        raise InvalidParameterError(f"Widths go from 0.3 to 20 pixels, got {sigma}.")
    return 2 * math.ceil(3.5 * sigma) + 1


def _places(size: int) -> tuple[np.ndarray, np.ndarray]:
    places = np.arange(size) - size // 2
    return np.meshgrid(places, places, indexing="xy")


def _bell(size: int, sigma: float) -> np.ndarray:
    x, y = _places(size)
    bell = np.exp(-(x**2 + y**2) / (2 * sigma**2))
    return bell / bell.sum()


def _laplacian(size: int, sigma: float) -> np.ndarray:
    """Laplacian of a Gaussian, without what sampling leaves of brightness."""
    x, y = _places(size)
    square = (x**2 + y**2) / sigma**2
    kernel = (square - 2) * np.exp(-square / 2)
    return kernel - kernel.mean()


def _derivative(size: int, across: float, along: float, theta: float, order: int) -> np.ndarray:
    """First or second derivative of a Gaussian in direction theta, without brightness."""
    x, y = _places(size)
    u = (x * math.cos(theta) + y * math.sin(theta)) / across
    v = (y * math.cos(theta) - x * math.sin(theta)) / along
    bell = np.exp(-(u**2 + v**2) / 2)
    kernel = u * bell if order == 1 else (1 - u**2) * bell
    return kernel - kernel.mean()
