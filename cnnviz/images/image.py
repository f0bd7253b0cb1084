"""Images as the package holds them, and their gray values, sizes and parts."""

from dataclasses import dataclass
from hashlib import blake2b

import cv2
import numpy as np

from cnnviz.errors import InvalidImageError

MIN_SIDE_PX = 8


_GRAY_WEIGHTS = np.array([19595, 38470, 7471], np.int32)  # BT.601 in 65,536ths, those of Pillow


@dataclass(frozen=True, slots=True, eq=False)
class ImageInput:
    """A checked image.

    Attributes
    ----------
    pixels : uint8 ndarray of shape (h, w, 3)
        RGB, read-only.
    digest : str
        Fingerprint of size and pixels: equal images have equal digests. Cache key.
    note : str
        What was done to read it, in sentences; empty if nothing is worth saying.
    """

    pixels: np.ndarray
    digest: str
    note: str = ""


def image_from_pixels(pixels: np.ndarray) -> ImageInput:
    """Make an image of pixels: uint8, gray (h, w) or RGB (h, w, 3); they are copied.

    Raises
    ------
    InvalidImageError
        If the array has another type or shape.
    """
    pixels = np.asarray(pixels)
    if pixels.dtype != np.uint8:
        raise InvalidImageError(f"expected uint8 pixels, got {pixels.dtype}.")
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InvalidImageError(f"expected pixels (h, w) or (h, w, 3), got {pixels.shape}.")
    pixels = np.array(pixels, order="C")
    pixels.flags.writeable = False
    fingerprint = blake2b(repr(pixels.shape).encode(), digest_size=16)
    fingerprint.update(pixels.data)
    return ImageInput(pixels, fingerprint.hexdigest())


def as_unit_float(pixels: np.ndarray) -> np.ndarray:
    """Turn uint8 pixels into float32 from 0 to 1."""
    if pixels.dtype != np.uint8:
        raise InvalidImageError(f"expected uint8 pixels, got {pixels.dtype}.")
    return pixels.astype(np.float32) / 255


def as_gray(image: ImageInput) -> np.ndarray:
    """Return the luma of an image, float32 (h, w) from 0 to 1 (ITU-R BT.601)."""
    return luma(image.pixels)


def luma(pixels: np.ndarray) -> np.ndarray:
    """Return the luma of RGB pixels, uint8 (..., 3), as float32 (...) from 0 to 1 (ITU-R BT.601).

    The weights are those of Pillow's ``convert("L")``, with which
    ``keras.utils.load_img(color_mode="grayscale")`` reads what networks are trained on.
    """
    return (_weighted_sum(pixels) / (255 * 2**16)).astype(np.float32)


def resize_pixels(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize uint8 pixels: averaging areas to shrink, bilinear to enlarge."""
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=way)


def center_part(image: ImageInput, height: int, width: int) -> tuple[slice, slice]:
    """Find the largest part in the middle of an image with the proportions height : width.

    Returns
    -------
    two slices
        Rows and columns of ``image.pixels``.
    """
    image_height, image_width = image.pixels.shape[:2]
    scale = min(image_height / height, image_width / width)
    part_height, part_width = max(1, round(height * scale)), max(1, round(width * scale))
    top, left = (image_height - part_height) // 2, (image_width - part_width) // 2
    return slice(top, top + part_height), slice(left, left + part_width)


def center_view(
    image: ImageInput, height: int, width: int, *, is_grayscale: bool = False
) -> np.ndarray:
    """Cut the middle out of an image with `center_part` and bring it to a size.

    Returns
    -------
    uint8 ndarray of shape (height, width, 3)
        RGB; three equal channels if `is_grayscale`, those of Pillow's ``convert("L")``.
    """
    view = resize_pixels(image.pixels[center_part(image, height, width)], height, width)
    if is_grayscale:
        gray = ((_weighted_sum(view) + 2**15) >> 16).astype(np.uint8)
        view = np.repeat(gray[..., np.newaxis], 3, axis=2)
    return view


def shrink_to_fit(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce an image so that its longer side is at most `max_side_px`; never enlarge it."""
    height, width = image.pixels.shape[:2]
    scale = max_side_px / max(height, width)
    if scale >= 1:
        return image
    size = [max(1, round(side * scale)) for side in (height, width)]
    return image_from_pixels(resize_pixels(image.pixels, size[0], size[1]))


def _weighted_sum(pixels: np.ndarray) -> np.ndarray:
    """Return the luma of RGB pixels, int32 (...) in 65,536ths of a gray level."""
    return pixels @ _GRAY_WEIGHTS
