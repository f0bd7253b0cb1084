"""The operation itself: a kernel slides over a gray image and gives a sum of products."""

import numpy as np
from scipy import fft

from cnnviz.errors import InvalidImageError, InvalidParameterError

PAD_MODES = {"reflect": "symmetric", "zero": "constant", "nearest": "edge"}
BORDERS = tuple(PAD_MODES)


def correlate(image: np.ndarray, kernel: np.ndarray, *, border: str = "reflect") -> np.ndarray:
    """Slide a kernel over an image as a convolutional network does: without turning it.

    Parameters
    ----------
    image : float ndarray of shape (h, w)
        A gray image; computed in float32.
    kernel : real ndarray of shape (kh, kw)
        Both sides odd, so that there is a center.
    border : {"reflect", "zero", "nearest"}
        What lies outside the image. "reflect" mirrors it and repeats the edge pixel
        (c b a | a b c): as in scikit-image and scipy.ndimage, where it has the same name, and as
        cv2.BORDER_REFLECT, which is not OpenCV's default. "zero" is the `same` padding of
        networks, "nearest" goes on with the edge pixel.

    Returns
    -------
    float32 ndarray of shape (h, w)
        ``output[y, x] = sum of image[y + i, x + j] * kernel[i, j]``, i and j counted from the
        kernel's center.

    Raises
    ------
    InvalidImageError
        If the image is not gray, not float, empty or not finite.
    InvalidParameterError
        If the kernel has an even side, is complex or not finite, or the border has another name.

    Examples
    --------
    >>> correlate(np.float32([[1, 2, 4]]), [[-1, 0, 1]], border="zero").round(5)
    array([[ 2.,  3., -2.]], dtype=float32)
    """
    return correlate_many(image, np.asarray(kernel)[np.newaxis], border=border)[0]


def convolve(image: np.ndarray, kernel: np.ndarray, *, border: str = "reflect") -> np.ndarray:
    """Convolve in the mathematical sense: slide the kernel, rotated by 180°, over the image.

    It equals `correlate` for a kernel that half a turn leaves unchanged, and its negative for one
    that half a turn negates.

    Parameters
    ----------
    image, kernel, border
        As for `correlate`.

    Returns
    -------
    float32 ndarray of shape (h, w)

    Raises
    ------
    InvalidImageError, InvalidParameterError
        As for `correlate`.
    """
    return correlate(image, np.asarray(kernel)[::-1, ::-1], border=border)


def correlate_many(
    image: np.ndarray, kernels: np.ndarray, *, border: str = "reflect"
) -> np.ndarray:
    """Correlate an image with n kernels of one size.

    Correlation is a product of spectra, and all kernels share the spectrum of the image. The time
    therefore hardly depends on the kernels' size. Rounding errors are about 1e-6 of the largest
    values.

    Parameters
    ----------
    image : ImageInput or real ndarray of shape (h, w)
        As for `correlate`.
    kernels : real ndarray of shape (n, kh, kw)
        Both sides odd.
    border : str
        As for `correlate`.

    Returns
    -------
    float32 ndarray of shape (n, h, w)
        One response map a kernel, in their order.

    Raises
    ------
    InvalidImageError, InvalidParameterError
        As for `correlate`.
    """
    image, kernels = _checked_image(image), _checked_kernels(kernels)
    height, width = image.shape
    padded = _padded(image, kernels.shape[1] // 2, kernels.shape[2] // 2, border)
    shape = [fft.next_fast_len(length, real=True) for length in padded.shape]
    image_spectrum = fft.rfft2(padded, shape)
    outputs = np.empty((len(kernels), height, width), np.float32)
    # one by one: measured faster than all at once, whose spectra do not fit into the CPU's cache;
    # in one thread, because more of them slow small images down and starve other sessions
    for output, kernel in zip(outputs, kernels, strict=True):
        spectrum = image_spectrum * np.conj(fft.rfft2(kernel, shape))
        output[:] = fft.irfft2(spectrum, shape)[:height, :width]
    return outputs


def _padded(image: np.ndarray, rows: int, columns: int, border: str) -> np.ndarray:
    """Continue the image beyond its edges by a number of rows and columns on each side."""
    if border not in PAD_MODES:
        raise InvalidParameterError(
            f"There is no border {border!r}. Choose one of: {', '.join(BORDERS)}."
        )
    widths = ((rows, rows), (columns, columns))
    return np.pad(image, widths, mode=PAD_MODES[border])  # type: ignore[call-overload]


def _checked_image(image: np.ndarray) -> np.ndarray:
    """Return the image as float32, or say why it cannot be used."""
    image = np.asarray(image)
    if image.dtype.kind != "f":
        raise InvalidImageError(
            f"The image holds {image.dtype} numbers, which cannot hold negative or fractional "
            "results. Make it float first, such as image / 255 for pixels from 0 to 255."
        )
    if image.ndim != 2 or image.size == 0:
        raise InvalidImageError(
            f"Expected one gray image of shape (height, width), got shape {image.shape}. "
            "Take one channel or the luminance of a color image."
        )
    with np.errstate(over="ignore"):  # what overflows is infinite, and refused below
        image = image.astype(np.float32, copy=False)
    if not np.isfinite(image).all():
        raise InvalidImageError(
            "The image holds NaN, infinite or far too large values. Replace them by gray values "
            "first."
        )
    return image


def _checked_kernels(kernels: np.ndarray) -> np.ndarray:
    """Return the kernels as float32, or say why they cannot be used."""
    kernels = np.asarray(kernels)
    if kernels.dtype.kind not in "fiu" or kernels.ndim != 3:
        raise InvalidParameterError(
            f"Expected kernels of real numbers, rows and columns, got {kernels.dtype} numbers of "
            f"shape {kernels.shape[1:]}. Give a complex kernel's real and imaginary part apart."
        )
    if kernels.shape[1] % 2 == 0 or kernels.shape[2] % 2 == 0:
        raise InvalidParameterError(
            f"A kernel of shape {kernels.shape[1:]} has no center. Both sides must be odd, such "
            "as 3, 5 or 7: put zeros around it."
        )
    with np.errstate(over="ignore"):
        kernels = kernels.astype(np.float32, copy=False)
    if not np.isfinite(kernels).all():
        raise InvalidParameterError("The kernel holds NaN, infinite or far too large values.")
    return kernels
