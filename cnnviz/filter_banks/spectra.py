"""Which waves a kernel lets through, and which an image is made of."""

from numbers import Integral

import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, as_gray


def spectrum_frequencies(size_px: int = 128) -> np.ndarray:
    """Return the axis of `magnitude_spectrum`: cycles per pixel from -0.5 to below 0.5.

    Parameters
    ----------
    size_px : int
        2 to 1024.

    Returns
    -------
    float64 ndarray of shape (size_px,)
        Frequency 0 stands at index ``size_px // 2``.

    Examples
    --------
    >>> spectrum_frequencies(4)
    array([-0.5 , -0.25,  0.  ,  0.25])
    """
    if not isinstance(size_px, Integral) or not 2 <= size_px <= 1024:
        raise InvalidParameterError(
            f"size_px of a spectrum is {size_px}: expected a whole number from 2 to 1024."
        )
    return np.fft.fftshift(np.fft.fftfreq(size_px))


def magnitude_spectrum(kernel: np.ndarray, size_px: int = 128) -> np.ndarray:
    """Show which waves a filter lets through: the magnitude of the kernel's Fourier transform.

    Parameters
    ----------
    kernel : real or complex ndarray of shape (kh, kw)
    size_px : int
        Side of the spectrum, 2 to 1024; it may be smaller than the kernel.

    Returns
    -------
    float32 ndarray of shape (size_px, size_px)
        Frequency 0 in the center, vertical frequency downwards, horizontal to the right, on the
        axes of `spectrum_frequencies`. A complex Gabor gives one spot at its frequency in the
        direction of theta, its real part alone a second one on the other side.

    Raises
    ------
    InvalidParameterError
        If the kernel is no table of finite numbers, or the size is outside its range.
    """
    kernel = np.asarray(kernel)
    if kernel.ndim != 2 or kernel.dtype.kind not in "fciu" or not np.isfinite(kernel).all():
        raise InvalidParameterError(
            f"Expected a kernel of finite numbers in rows and columns, got {kernel.dtype} of "
            f"shape {kernel.shape}."
        )
    # written as two products, not as an FFT: that would cut a kernel larger than the spectrum off
    frequencies = spectrum_frequencies(size_px)
    rows, columns = (
        np.exp(-2j * np.pi * np.outer(frequencies, np.arange(length))) for length in kernel.shape
    )
    return np.abs(rows @ kernel @ columns.T).astype(np.float32)


def image_spectrum(image: ImageInput | np.ndarray, size_px: int = 128) -> np.ndarray:
    """Show which waves an image is made of: the magnitude of its Fourier transform.

    The mean is taken away, and the image fades out towards its borders (a Hann window):
    otherwise the jump from one border to the opposite one would draw a bright cross.

    Parameters
    ----------
    image : ImageInput or float ndarray of shape (h, w)
        Of a color image the luminance is taken.
    size_px : int
        Side of the spectrum, on the axes of `spectrum_frequencies`.

    Returns
    -------
    float32 ndarray of shape (size_px, size_px)
    """
    gray = as_gray(image) if isinstance(image, ImageInput) else np.asarray(image)
    faded = (gray - gray.mean()) * np.outer(
        *(np.hanning(length + 2)[1:-1] for length in gray.shape)
    )
    return magnitude_spectrum(faded, size_px)
