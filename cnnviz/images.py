"""Bytes to a checked RGB picture with a fingerprint; sizes, ranges and colour order end here."""

from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from cnnviz.errors import InvalidImageError
from cnnviz.results import ImageInput

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_BYTES = 20 * 1024**2
MAX_PIXELS = 40_000_000
MIN_SIDE_PX = 8
MAX_SIDE_PX = 2048  # larger pictures are reduced to this at once; no page shows more
_LARGEST = (MAX_SIDE_PX, MAX_SIDE_PX)
_ACCEPTED = "Please use a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF picture."


def read_image(source: str | Path | bytes | BinaryIO) -> ImageInput:
    """Read a picture, check it, and give its RGB pixels.

    Turned as its camera noted (EXIF), alpha laid over white, first frame of an animation, 16 bits
    reduced to 8. A longer side above `MAX_SIDE_PX` is reduced to that.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        A path, the content of a file, or an open file.

    Returns
    -------
    ImageInput
        Pixels uint8 (h, w, 3) RGB; never the bytes that came.

    Raises
    ------
    InvalidImageError
        If it is no picture of an accepted format, damaged, larger than `MAX_BYTES` or
        `MAX_PIXELS`, or smaller than `MIN_SIDE_PX` on a side. Sizes are decided before the pixels
        are decoded.
    """
    content = _content(source)
    if not content:
        raise InvalidImageError(f"The file is empty. {_ACCEPTED}")
    if len(content) > MAX_BYTES:
        raise InvalidImageError(
            f"The file is larger than {MAX_BYTES // 1024**2} MB. Please make the picture smaller."
        )
    try:
        return image_from_pixels(_decoded(content))
    except InvalidImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _too_many_pixels() from error
    except UnidentifiedImageError as error:
        raise InvalidImageError(f"This is not a picture that can be read. {_ACCEPTED}") from error
    except Exception as error:
        raise InvalidImageError(
            f"The picture is damaged or not complete and cannot be read. {_ACCEPTED}"
        ) from error


def image_from_pixels(pixels: np.ndarray) -> ImageInput:
    """Make a picture of pixels: uint8, grey (h, w) or RGB (h, w, 3); they are copied.

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
    if pixels.ndim != 3 or pixels.shape[2] != 3:
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
    """Give the luminance of a picture, float32 (h, w) from 0 to 1 (ITU-R BT.709)."""
    from skimage.color import rgb2gray

    return rgb2gray(as_unit_float(image.pixels)).astype(np.float32)


def resize_pixels(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize uint8 pixels: averaging areas to shrink, bilinear to enlarge."""
    shrinks = height * width < pixels.shape[0] * pixels.shape[1]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(pixels, (width, height), interpolation=way)


def shrink_to_fit(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce a picture so that its longer side is at most `max_side_px`; never enlarge it."""
    height, width = image.pixels.shape[:2]
    scale = max_side_px / max(height, width)
    if scale >= 1:
        return image
    size = [max(1, round(side * scale)) for side in (height, width)]
    return image_from_pixels(resize_pixels(image.pixels, size[0], size[1]))


def _content(source: str | Path | bytes | BinaryIO) -> bytes:
    """Read at most one byte more than allowed."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, Path)):
        try:
            with Path(source).open("rb") as file:
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            reason = error.strerror or "it cannot be opened"
            raise InvalidImageError(f"{str(source)!r} cannot be read: {reason}.") from error
    return source.read(MAX_BYTES + 1)


def _decoded(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        _check_size(*image.size)
        image.draft("RGB", _LARGEST)  # JPEG can be decoded at half its size
        image.load()
        small = _with_eight_bits(image)
        small.thumbnail(_LARGEST, Image.Resampling.BOX)
        turned = ImageOps.exif_transpose(_over_white(small))
        return np.asarray(turned)


def _with_eight_bits(image: Image.Image) -> Image.Image:
    """Give a mode that can be averaged: 16 bits and floats to grey, palettes to colours."""
    if image.mode.startswith("I;16"):
        eight = (np.asarray(image) >> 8).astype(np.uint8)
    elif image.mode in ("I", "F"):
        image.thumbnail(_LARGEST, Image.Resampling.BOX)  # first, for four bytes a pixel are many
        values = np.nan_to_num(np.asarray(image))
        top = 65535 if image.mode == "I" else max(1.0, float(values.max()))
        eight = (np.clip(values, 0, top) * (255 / top)).astype(np.uint8)
    elif image.mode in ("P", "PA"):
        has_alpha = image.mode == "PA" or "transparency" in image.info
        return image.convert("RGBA" if has_alpha else "RGB")
    elif image.mode == "1":
        return image.convert("L")
    else:
        return image
    gray = Image.fromarray(eight)
    gray.info = {"exif": image.getexif().tobytes()}
    return gray


def _over_white(image: Image.Image) -> Image.Image:
    """Lay what is transparent over white, and give RGB."""
    if image.mode in ("RGBA", "LA", "RGBa", "La") or "transparency" in image.info:
        colours = image.convert("RGBA")
        white = Image.new("RGBA", colours.size, "white")
        flat = Image.alpha_composite(white, colours).convert("RGB")
    else:
        flat = image.convert("RGB")
    flat.info["exif"] = image.getexif().tobytes()
    return flat


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise _too_many_pixels()
    if min(width, height) < MIN_SIDE_PX:
        raise InvalidImageError(
            f"The picture is {width} × {height} pixels. Both sides must have at least "
            f"{MIN_SIDE_PX} pixels."
        )


def _too_many_pixels() -> InvalidImageError:
    return InvalidImageError(
        f"The picture has more than {MAX_PIXELS // 1_000_000} million pixels. "
        "Please make it smaller first."
    )
