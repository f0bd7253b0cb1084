"""Gabor filters and banks of them: waves under a bell, and what they find in an image."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from numbers import Integral, Real

import numpy as np

from cnnviz.arrays import frozen_arrays, read_only
from cnnviz.convolution import convolve, correlate, correlate_many
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, as_gray

# for sliders: smallest, largest, start, step
FREQUENCY_RANGE = (0.05, 0.45, 0.2, 0.01)
THETA_RANGE = (0.0, 3.1, 0.0, 0.05)
SIGMA_RANGE = (1.0, 8.0, 3.0, 0.1)
ASPECT_RANGE = (0.5, 2.0, 1.0, 0.1)

NYQUIST = 0.5
MAX_SUPPORT_PX = 255
_MAX_SIGMA_PX = MAX_SUPPORT_PX // 2 / 3  # three standard deviations on each side of the center
MAX_FILTERS = 128
MAX_RESPONSE_VALUES = 2**26  # 256 MiB as float32: 64 filters on 1024 × 1024 pixels
_FILTERS_AT_ONCE = 8  # enough to share the image's spectrum, few enough to fit into memory
_OPERATIONS = {"correlate": correlate, "convolve": convolve}


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(real=np.float32, imaginary=np.float32)
class GaborResponse:
    """Response of one complex Gabor filter to a gray image, each array float32 (h, w).

    `real` is the response of the even (cosine) part, `imaginary` of the odd (sine) part,
    `magnitude` the square root of the sum of their squares: never negative.
    """

    real: np.ndarray
    imaginary: np.ndarray

    @property
    def magnitude(self) -> np.ndarray:
        """Magnitude of the response, whatever its phase, float32 (h, w)."""
        return np.hypot(self.real, self.imaginary)


@dataclass(frozen=True, slots=True)
class GaborPreset:
    """A setting worth looking at, and what it shows in plain words."""

    title: str
    frequency: float
    theta: float
    sigma: float


GABOR_PRESETS = (
    GaborPreset("Wide, nearly horizontal stripes: a wavelength of 6 pixels", 0.16, 1.2, 4.0),
    GaborPreset("Fine vertical stripes: a wavelength of 3 pixels", 0.31, 0.0, 3.6),
    GaborPreset(
        "Fine horizontal stripes under a narrow Gaussian: hardly more than one", 0.36, 1.6, 1.3
    ),
)


@dataclass(frozen=True, slots=True)
class GaborParameters:
    """What one filter of a bank is made of; the words are those of `gabor_kernel`."""

    frequency: float
    theta: float
    sigma: float
    aspect: float = 1.0
    phase: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class FilterBank:
    """Kernels of one size, asked together.

    Attributes
    ----------
    kernels : complex128 ndarray of shape (num_filters, n, n)
        Read-only. Of a bank that is not made of quadrature pairs the imaginary part is zero.
    parameters : tuple of GaborParameters
        What each Gabor kernel is made of, in the same order; empty for other banks.
    names : tuple of str
        What to call each filter.
    """

    kernels: np.ndarray
    parameters: tuple[GaborParameters, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernels", read_only(self.kernels, np.complex128))
        names = self.names or tuple(
            f"f {p.frequency:.2f} θ {math.degrees(p.theta):.0f}° σ {p.sigma:.1f}"
            for p in self.parameters
        )
        object.__setattr__(self, "names", names)

    def responses(self, image: ImageInput | np.ndarray, part: str = "magnitude") -> np.ndarray:
        """Ask all filters about one image; they are correlated with it, as in a network.

        Parameters
        ----------
        image : ImageInput or float ndarray of shape (h, w)
            Of a color image the luminance is taken. Borders are mirrored.
        part : {"magnitude", "real", "imaginary"}
            Magnitude is the strength of the response, whether line or edge, and never negative.

        Returns
        -------
        float32 ndarray of shape (num_filters, h, w)

        Raises
        ------
        InvalidParameterError
            If the part has another name, or the responses are more than `MAX_RESPONSE_VALUES`.
        InvalidImageError
            If the array is not a finite gray image of floats.
        """
        gray = _gray(image)
        _check_memory(len(self.kernels), gray)
        if part == "real":
            return correlate_many(gray, self.kernels.real)
        if part == "imaginary":
            return correlate_many(gray, self.kernels.imag)
        if part != "magnitude":
            raise InvalidParameterError(
                f"There is no part {part!r}. Choose one of: magnitude, real, imaginary."
            )
        magnitudes = np.empty((len(self.kernels), *gray.shape), np.float32)
        for start in range(0, len(self.kernels), _FILTERS_AT_ONCE):
            group = slice(start, start + _FILTERS_AT_ONCE)
            magnitudes[group] = _magnitudes(gray, self.kernels[group])
        return magnitudes


def gabor_kernel(
    frequency: float,
    theta: float,
    sigma: float,
    *,
    aspect: float = 1.0,
    phase: float = 0.0,
    size_px: int | None = None,
    remove_dc: bool = False,
    normalize: bool = False,
) -> np.ndarray:
    """Make a complex Gabor kernel: a wave under a bell.

    ``g(x, y) = exp(-(x'²/σx² + y'²/σy²)/2) exp(i(2πf x' + φ)) / (2π σx σy)`` with
    ``x' = x cos θ + y sin θ`` along the wave, ``y' = -x sin θ + y cos θ`` across it, x to the
    right and y down, both zero at the center.

    Parameters
    ----------
    frequency : float
        f in cycles per pixel, above 0 up to 0.5. A grid of pixels holds no finer wave: 0.6 would
        look like 0.4.
    theta : float
        θ, where the wave runs, in radians. At 0 it runs to the right: upright stripes.
    sigma : float
        σx, the bell's standard deviation along the wave, in pixels, from 0.1.
    aspect : float
        σx/σy, from 0.1 to 10: OpenCV's gamma. Below 1 the stripes are long.
    phase : float
        φ in radians. It turns cosine into sine.
    size_px : int, optional
        Side of the kernel, odd, 3 to 255. A small one cuts the bell off. Left out, it reaches
        three standard deviations of the wider direction, whatever theta is (in scikit-image the
        shape changes with theta).
    remove_dc : bool
        Take the bell, weighted, away from the wave, so that constant brightness gives no response
        (the sum is 0): a Morlet wavelet.
    normalize : bool
        Divide by the Euclidean norm of the complex kernel, so that filters can be compared.

    Returns
    -------
    complex128 ndarray of shape (n, n)

    Raises
    ------
    InvalidParameterError
        If a number is outside its range, the bell is wider than a kernel of 255 pixels, or
        removing the brightness leaves nothing to normalize.

    References
    ----------
    Daugman, "Uncertainty relation for resolution in space, spatial frequency, and orientation
    optimized by two-dimensional visual cortical filters", J. Opt. Soc. Am. A 2, 1985.

    Examples
    --------
    >>> kernel = gabor_kernel(0.25, 0.0, 1.0)
    >>> kernel.shape
    (7, 7)
    >>> kernel.real[3, 1:6:2].round(3)
    array([-0.022,  0.159, -0.022])
    """
    _check_wave(frequency, theta, phase)
    fitting_px = _support_px(sigma, aspect)
    size_px = fitting_px if size_px is None else _checked_size(size_px)
    sigma_across = sigma / aspect
    y, x = np.indices((size_px, size_px)) - size_px // 2
    along = x * math.cos(theta) + y * math.sin(theta)
    across = y * math.cos(theta) - x * math.sin(theta)
    bell = np.exp(-((along / sigma) ** 2 + (across / sigma_across) ** 2) / 2)
    bell /= 2 * np.pi * sigma * sigma_across
    kernel = bell * np.exp(1j * (2 * np.pi * frequency * along + phase))
    if remove_dc:
        kernel -= bell * (kernel.sum() / bell.sum())
    return _unit_norm(kernel, bell) if normalize else kernel


def sigma_for_bandwidth(frequency: float, bandwidth_octaves: float = 1.0) -> float:
    """Tie sigma to frequency: the bell under which a wave lets a band of some octaves pass.

    The filter responds at least half as strongly from f·a to f·b where b/a = 2^octaves. Tied by
    one octave, all filters of a bank have the same number of stripes.

    Parameters
    ----------
    frequency : float
        Cycles per pixel, above 0 up to 0.5.
    bandwidth_octaves : float
        From 0.1 to 10.

    Returns
    -------
    float
        Sigma in pixels: 0.56 / f for one octave, as scikit-image takes it.

    Examples
    --------
    >>> round(sigma_for_bandwidth(0.2), 3)
    2.811
    """
    _check_wave(frequency)
    _check_range("bandwidth_octaves", bandwidth_octaves, 0.1, 10.0)
    ratio = (2.0**bandwidth_octaves + 1) / (2.0**bandwidth_octaves - 1)
    return math.sqrt(math.log(2) / 2) * ratio / (math.pi * frequency)


def dc_leak(frequency: float, sigma: float) -> float:
    """Compute the response of a Gabor filter to constant brightness, as a share from 0 to 1.

    ``exp(-2π²f²σ²)``: the sum of the kernel divided by the sum of its Gaussian envelope. Where it
    is large, less than one period fits under the envelope, and the filter blurs. The aspect has no
    influence; `remove_dc` of `gabor_kernel` makes it 0.

    Parameters
    ----------
    frequency : float
        Cycles per pixel.
    sigma : float
        Width of the envelope in pixels.

    Returns
    -------
    float

    Examples
    --------
    >>> round(dc_leak(0.1, 1.0), 2), round(dc_leak(0.2, 3.0), 3)
    (0.82, 0.001)
    """
    _check_wave(frequency)
    _support_px(sigma, 1.0)
    return math.exp(-2 * (math.pi * frequency * sigma) ** 2)


def gabor_response(
    image: ImageInput | np.ndarray,
    frequency: float,
    theta: float,
    sigma: float,
    *,
    aspect: float = 1.0,
    phase: float = 0.0,
    size_px: int | None = None,
    remove_dc: bool = False,
    normalize: bool = False,
    operation: str = "correlate",
) -> GaborResponse:
    """Compute the response of one Gabor filter to an image.

    Borders are mirrored. A plain image of gray c gives a real part of c times `dc_leak` and an
    imaginary part of 0 (at phase 0).

    Parameters
    ----------
    image : ImageInput or float ndarray of shape (h, w)
        Of a color image the luminance, 0 to 1, is taken.
    frequency, theta, sigma, aspect, phase, size_px, remove_dc, normalize
        As for `gabor_kernel`.
    operation : {"correlate", "convolve"}
        "correlate" slides the kernel as it is, as networks do. "convolve" turns it by 180°
        first, as `skimage.filters.gabor` does: at phase 0 the imaginary part changes its sign.

    Returns
    -------
    GaborResponse
        Real part, imaginary part and magnitude, each float32 (h, w).

    Raises
    ------
    InvalidParameterError
        If a number is outside its range, or the operation has another name.
    InvalidImageError
        If the array is not a finite gray image of floats: whole numbers (uint8) would cut the
        negative responses off.

    Examples
    --------
    >>> row = np.cos(2 * np.pi * 0.25 * np.arange(64)).astype(np.float32)
    >>> response = gabor_response(np.tile(row, (64, 1)), 0.25, 0.0, 3.0)
    >>> round(float(response.magnitude[32, 32]), 2)
    0.5
    """
    if operation not in _OPERATIONS:
        raise InvalidParameterError(
            f"There is no operation {operation!r}. Choose one of: {', '.join(_OPERATIONS)}."
        )
    kernel = gabor_kernel(
        *(frequency, theta, sigma),
        aspect=aspect,
        phase=phase,
        size_px=size_px,
        remove_dc=remove_dc,
        normalize=normalize,
    )
    gray, apply = _gray(image), _OPERATIONS[operation]
    return GaborResponse(apply(gray, kernel.real), apply(gray, kernel.imag))


def gabor_bank(
    frequencies: Iterable[float],
    thetas: Iterable[float],
    sigmas: Iterable[float] | None,
    *,
    aspect: float = 1.0,
    phase: float = 0.0,
    remove_dc: bool = False,
    normalize: bool = True,
    size_px: int | None = None,
) -> FilterBank:
    """Make a Gabor filter for each combination of frequency, theta and sigma.

    Sigma changes fastest, then theta. All kernels have the size of the largest, unless `size_px`
    says another. They have unit norm, so that their responses can be compared.

    Parameters
    ----------
    frequencies, thetas, sigmas : iterables of float
        As for `gabor_kernel`. If `sigmas` is None, each filter gets the sigma that
        `sigma_for_bandwidth` ties to its frequency: one octave (for frequencies from 0.0133, whose
        bells fit into 255 pixels).
    aspect, phase, remove_dc, normalize, size_px
        As for `gabor_kernel`, the same for all filters.

    Returns
    -------
    FilterBank

    Raises
    ------
    InvalidParameterError
        If a number is outside its range, or there is no filter or more than `MAX_FILTERS`.

    Examples
    --------
    >>> bank = gabor_bank([0.1, 0.2], np.arange(4) * np.pi / 4, None)
    >>> bank.kernels.shape
    (8, 35, 35)
    >>> bank.responses(np.ones((20, 30), np.float32)).shape
    (8, 20, 30)
    """
    members = _combinations(frequencies, thetas, sigmas)
    if size_px is None:
        size_px = max(_support_px(sigma, aspect) for _, _, sigma in members)
    kernels = [
        gabor_kernel(
            *member,
            aspect=aspect,
            phase=phase,
            size_px=size_px,
            remove_dc=remove_dc,
            normalize=normalize,
        )
        for member in members
    ]
    parameters = [GaborParameters(*map(float, (*member, aspect, phase))) for member in members]
    return FilterBank(np.stack(kernels), tuple(parameters))


def _combinations(
    frequencies: Iterable[float], thetas: Iterable[float], sigmas: Iterable[float] | None
) -> list[tuple[float, float, float]]:
    """Combine each frequency with each theta and each sigma, or with the sigma tied to it."""
    waves = list(product(frequencies, thetas))
    if sigmas is None:
        members = [(f, theta, sigma_for_bandwidth(f)) for f, theta in waves]
    else:
        members = [(*wave, sigma) for wave, sigma in product(waves, sigmas)]
    if not 1 <= len(members) <= MAX_FILTERS:
        raise InvalidParameterError(
            f"{len(members)} filters asked for: expected 1 to {MAX_FILTERS}. Their number is that "
            "of the frequencies times that of the thetas times that of the sigmas."
        )
    return members


def _gray(image: ImageInput | np.ndarray) -> np.ndarray:
    """Take the luminance of an image; an array is taken for gray as it is."""
    return as_gray(image) if isinstance(image, ImageInput) else np.asarray(image)


def _magnitudes(gray: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    real = correlate_many(gray, kernels.real)
    return np.hypot(real, correlate_many(gray, kernels.imag)) if kernels.imag.any() else abs(real)


def _check_memory(num_filters: int, gray: np.ndarray) -> None:
    """Refuse responses that would fill the memory which all sessions share."""
    if num_filters * gray.size > MAX_RESPONSE_VALUES:
        side_px = math.isqrt(MAX_RESPONSE_VALUES // num_filters)
        raise InvalidParameterError(
            f"{num_filters} responses of {' × '.join(map(str, gray.shape))} values do not fit into "
            f"memory. Shrink the image to at most {side_px} × {side_px} pixels, or take fewer "
            "filters."
        )


def _unit_norm(kernel: np.ndarray, bell: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(kernel)
    if norm < 1e-6 * np.linalg.norm(bell):  # what is left would be rounding errors, blown up
        raise InvalidParameterError(
            "Without its mean nothing is left of this kernel to normalize: too small a part of a "
            "period lies under the Gaussian. Choose a larger sigma or frequency."
        )
    return kernel / norm


def _support_px(sigma: float, aspect: float) -> int:
    """Side of the odd square that holds three standard deviations of the wider direction."""
    _check_range("sigma", sigma, 0.1, _MAX_SIGMA_PX)
    _check_range("aspect", aspect, 0.1, 10.0)
    _check_range("sigma / aspect, the width across the stripes,", sigma / aspect, 0, _MAX_SIGMA_PX)
    return 2 * math.ceil(3 * max(sigma, sigma / aspect)) + 1


def _check_wave(frequency: float, *angles: float) -> None:
    if not (isinstance(frequency, Real) and 0 < frequency <= NYQUIST):
        raise InvalidParameterError(
            f"frequency is {frequency}: expected a number above 0 and at most {NYQUIST} cycles "
            "per pixel, the Nyquist frequency."
        )
    for angle in angles:
        if not (isinstance(angle, Real) and math.isfinite(angle)):
            raise InvalidParameterError(
                f"theta or phase is {angle}: expected a finite number of radians (180° are pi)."
            )


def _check_range(name: str, value: float, low: float, high: float) -> None:
    if not (isinstance(value, Real) and low <= value <= high):
        raise InvalidParameterError(
            f"{name} is {value}: expected a number from {low:g} to {high:.4g}."
        )


def _checked_size(size_px: int) -> int:
    if not (isinstance(size_px, Integral) and 3 <= size_px <= MAX_SUPPORT_PX and size_px % 2):
        raise InvalidParameterError(
            f"size_px is {size_px}: expected an odd whole number from 3 to {MAX_SUPPORT_PX}, so "
            "that the kernel has a center."
        )
    return int(size_px)
