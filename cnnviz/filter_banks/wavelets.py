"""An image taken apart by Haar's wavelets, level by level, and put together again."""

from dataclasses import dataclass

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, as_gray


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(coefficients=np.float32)
class Decomposition:
    """What is left of an image when it is taken apart.

    Attributes
    ----------
    coefficients : float32 ndarray of shape (h, w)
        The coarse image in the upper left corner; around it, level by level, the details across
        (upper right), down (lower left) and diagonal (lower right).
    coarse : (int, int)
        Rows and columns of the coarse image.
    error : float
        Largest difference between the image and what is put together again.
    """

    coefficients: np.ndarray
    coarse: tuple[int, int]
    error: float


def haar_decomposition(image: ImageInput | np.ndarray, num_levels: int) -> Decomposition:
    """Decompose an image into a coarse image and the details of several levels.

    Parameters
    ----------
    image : ImageInput or float ndarray of shape (h, w)
        Of a color image the luminance is taken. It is cropped to multiples of 2 to the number of
        levels.
    num_levels : int
        1 to as many as the image can be halved.

    Returns
    -------
    Decomposition

    Raises
    ------
    InvalidParameterError
        If the image cannot be halved so often.

    References
    ----------
    Mallat, "A theory for multiresolution signal decomposition: the wavelet representation", PAMI
    1989; computed by PyWavelets.
    """
    import pywt

    gray = as_gray(image) if isinstance(image, ImageInput) else np.asarray(image)
    block = 2**num_levels if num_levels >= 1 else 0
    if not 1 <= block <= min(gray.shape):
        raise InvalidParameterError(
            f"An image of {gray.shape[0]} × {gray.shape[1]} pixels cannot be halved "
            f"{num_levels} times. Choose fewer levels, at least 1."
        )
    height, width = (length - length % block for length in gray.shape)
    cut = gray[:height, :width].astype(np.float64)
    parts = pywt.wavedec2(cut, "haar", level=num_levels)
    coefficients, _ = pywt.coeffs_to_array(parts)
    error = float(np.abs(pywt.waverec2(parts, "haar") - cut).max())
    return Decomposition(coefficients, (height // block, width // block), error)
