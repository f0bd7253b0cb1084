"""An image as a short list of numbers: mean and variance of every filter's response."""

import numpy as np
from scipy import fft

from cnnviz.errors import InvalidImageError
from cnnviz.filter_banks.gabor import FilterBank

_AT_ONCE = 250  # images; bounds the memory


def bank_features(bank: FilterBank, images: np.ndarray) -> np.ndarray:
    """Describe many images of one size by the responses of a bank.

    Parameters
    ----------
    bank : FilterBank
    images : float ndarray of shape (N, h, w)
        Gray, from 0 to 1. Borders are mirrored, as in `FilterBank.responses`.

    Returns
    -------
    float32 ndarray of shape (N, 2 · num_filters)
        The mean strength of every response, then the variance of every response.

    Raises
    ------
    InvalidImageError
        If the images are not gray or not finite floats.
    """
    images = np.asarray(images)
    if images.ndim != 3 or images.dtype.kind != "f" or not np.isfinite(images).all():
        raise InvalidImageError(
            f"Expected finite gray images (N, height, width) of floats, got {images.dtype} of "
            f"shape {images.shape}."
        )
    parts = [images[start : start + _AT_ONCE] for start in range(0, len(images), _AT_ONCE)]
    return np.concatenate([_features(bank, part.astype(np.float32)) for part in parts])


def _features(bank: FilterBank, images: np.ndarray) -> np.ndarray:
    _, height, width = images.shape
    reach = bank.kernels.shape[1] // 2
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)), mode="symmetric")
    shape = [fft.next_fast_len(length, real=True) for length in padded.shape[1:]]
    spectra = fft.rfft2(padded, shape)
    is_complex = bool(bank.kernels.imag.any())
    means, variances = [], []
    for kernel in bank.kernels:
        strength = _answers(spectra, kernel.real, shape, height, width)
        if is_complex:
            strength = np.hypot(strength, _answers(spectra, kernel.imag, shape, height, width))
        strength = np.abs(strength)
        means.append(strength.mean(axis=(1, 2)))
        variances.append(strength.var(axis=(1, 2)))
    return np.stack([*means, *variances], axis=1).astype(np.float32)


def _answers(
    spectra: np.ndarray, kernel: np.ndarray, shape: list[int], height: int, width: int
) -> np.ndarray:
    spectrum = np.conj(fft.rfft2(kernel.astype(np.float32), shape))
    return fft.irfft2(spectra * spectrum, shape)[:, :height, :width]
