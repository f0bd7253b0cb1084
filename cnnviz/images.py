"""Bytes to a checked RGB picture with a fingerprint; sizes, ranges and colour order end here."""

import warnings
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from cnnviz.errors import InvalidImageError
from cnnviz.results import ImageInput

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_BYTES = 20 * 1024**2
MAX_PIXELS = 40_000_000
MAX_PIXELS_OF = {"WEBP": 20_000_000, "AVIF": 16_000_000}  # their decoders hold a picture many times
MIN_SIDE_PX = 8
MAX_SIDE_PX = 2048  # larger pictures are reduced to this at once; no page shows more
_GRAY_WEIGHTS = np.array([19595, 38470, 7471], np.int32)  # BT.601 in 65,536ths, those of Pillow
_MAX_PIECE_BYTES = 4 * MAX_PIXELS  # a TIFF's strip or tile is unpacked besides the picture
_MAX_JPEG_SCANS = 600  # real pictures have up to 20; each costs time for all pixels, but few bytes
_BAND_PIXELS = 4_000_000
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_one_at_a_time = Lock()  # bounds the memory of a whole class; and filters of warnings are global
_ACCEPTED = "Please use a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF picture."


def read_image(source: str | Path | bytes | BinaryIO) -> ImageInput:
    """Read a picture, check it, and give its RGB pixels.

    Turned as its camera noted (EXIF), alpha laid over white, first frame of an animation, 16 bits
    reduced to 8. A longer side above `MAX_SIDE_PX` is reduced to that. Reading takes less than
    400 MB of memory; threads wait for each other.

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
        If it is no picture of an accepted format, damaged, larger than `MAX_BYTES`, `MAX_PIXELS`
        or the limit of its format in `MAX_PIXELS_OF`, or smaller than `MIN_SIDE_PX` on a side, now
        or once reduced. Sizes are decided before the pixels are decoded.
    """
    content = _content(source)
    if not content:
        raise InvalidImageError(f"The file is empty. {_ACCEPTED}")
    if len(content) > MAX_BYTES:
        raise _too_many_bytes()
    try:
        with _one_at_a_time, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a size is judged here, an odd camera note is harmless
            return image_from_pixels(_decoded(content))
    except InvalidImageError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(MAX_PIXELS) from error
    except UnidentifiedImageError as error:
        raise InvalidImageError(f"This is not a picture that can be read. {_ACCEPTED}") from error
    except Exception as error:  # on damaged bytes the decoders raise whatever comes
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


def centre_part(image: ImageInput, height: int, width: int) -> tuple[slice, slice]:
    """Find the largest part in the middle of a picture with the proportions height : width.

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


def centre_view(
    image: ImageInput, height: int, width: int, *, is_grayscale: bool = False
) -> np.ndarray:
    """Cut the middle out of a picture with `centre_part` and bring it to a size.

    Returns
    -------
    uint8 ndarray of shape (height, width, 3)
        RGB; three equal channels if `is_grayscale`, those of Pillow's ``convert("L")``.
    """
    view = resize_pixels(image.pixels[centre_part(image, height, width)], height, width)
    if is_grayscale:
        gray = ((_weighted_sum(view) + 2**15) >> 16).astype(np.uint8)
        view = np.repeat(gray[..., np.newaxis], 3, axis=2)
    return view


def shrink_to_fit(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce a picture so that its longer side is at most `max_side_px`; never enlarge it."""
    height, width = image.pixels.shape[:2]
    scale = max_side_px / max(height, width)
    if scale >= 1:
        return image
    size = [max(1, round(side * scale)) for side in (height, width)]
    return image_from_pixels(resize_pixels(image.pixels, size[0], size[1]))


def _weighted_sum(pixels: np.ndarray) -> np.ndarray:
    """Return the luma of RGB pixels, int32 (...) in 65,536ths of a gray level."""
    return pixels @ _GRAY_WEIGHTS


def _content(source: str | Path | bytes | BinaryIO) -> bytes:
    """Read at most one byte more than allowed."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, Path)):
        return _content_of_path(Path(source))
    content = source.read(MAX_BYTES + 1) if hasattr(source, "read") else source
    if not isinstance(content, bytes):
        raise InvalidImageError(
            f"A picture comes as a path, as bytes or as an open binary file, not as "
            f"{type(source).__name__}."
        )
    return content


def _content_of_path(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _too_many_bytes()
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except InvalidImageError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a path with a zero byte in it
        reason = getattr(error, "strerror", None) or "it cannot be opened"
        raise InvalidImageError(f"{str(path)!r} cannot be read: {reason}.") from error


def _decoded(content: bytes) -> np.ndarray:
    with Image.open(BytesIO(content), formats=FORMATS) as image:
        _check_size(image)
        _check_effort(image, content)
        scale = MAX_SIDE_PX / max(image.size)
        wanted = (int(image.width * scale), int(image.height * scale))
        image.draft("RGB", wanted)  # JPEG can be decoded at a half, a quarter or an eighth
        image.load()
        small = Image.fromarray(_reduced(image))
        small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BOX)
        turn = _turn(image)
        return np.asarray(small if turn is None else small.transpose(turn))


def _reduced(image: Image.Image) -> np.ndarray:
    """Give RGB below twice the largest side, in bands: nothing is converted at full size."""
    factor = max(1, max(image.size) // MAX_SIDE_PX)
    num_rows = factor * max(1, _BAND_PIXELS // (factor * image.width))
    brightest = _brightest(image)
    bands = []
    for top in range(0, image.height, num_rows):
        bottom = min(top + num_rows, image.height)
        band = _with_eight_bits(image.crop((0, top, image.width, bottom)), brightest)
        bands.append(np.asarray(_over_white(band.reduce(factor))))
    return np.concatenate(bands)


def _brightest(image: Image.Image) -> float:
    """Find what is white: 65535 for whole numbers, 1 for floats, or the maximum if that is more."""
    if image.mode not in ("I", "F"):
        return 255
    white = 65535.0 if image.mode == "I" else 1.0
    maximum = float(np.asarray(image.getextrema()).max())
    return maximum if white < maximum < np.inf else white


def _with_eight_bits(image: Image.Image, brightest: float) -> Image.Image:
    """Give a mode that can be averaged: grey for 16 and 32 bits, else RGB or RGBA."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.clip(np.nan_to_num(np.asarray(image)), 0, brightest)
        return Image.fromarray((values * (255 / brightest)).astype(np.uint8))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """Lay what is transparent over white, and give RGB."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn a picture upright; Pillow has done so for TIFF."""
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - with a damaged camera note the picture is still a picture
        return None


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    most = MAX_PIXELS_OF.get(image.format or "", MAX_PIXELS)
    if width * height > most:
        raise _too_many_pixels(most)
    size = f"The picture is {width} × {height} pixels"
    if min(width, height) < MIN_SIDE_PX:
        raise InvalidImageError(f"{size}. Both sides must have at least {MIN_SIDE_PX} pixels.")
    longest = MAX_SIDE_PX // MIN_SIDE_PX
    if max(width, height) > longest * min(width, height):
        raise InvalidImageError(
            f"{size}: one side is more than {longest} times the other. Please cut out a part."
        )


def _check_effort(image: Image.Image, content: bytes) -> None:
    """Refuse small files of few pixels that still take much time or memory."""
    if image.format in ("JPEG", "MPO") and content.count(b"\xff\xda") > _MAX_JPEG_SCANS:
        raise InvalidImageError("The JPEG has too many scans. Please save it as PNG.")
    pieces = _piece_bytes(image.tag_v2) if isinstance(image, TiffImagePlugin.TiffImageFile) else 0
    if pieces > _MAX_PIECE_BYTES:
        raise InvalidImageError(
            "The TIFF holds its pixels in pieces that are too large. Please save it as PNG."
        )


def _piece_bytes(tags: TiffImagePlugin.ImageFileDirectory_v2) -> int:
    """Size of one strip or tile of a TIFF, unpacked."""
    height = tags[TiffImagePlugin.IMAGELENGTH]
    width = tags.get(TiffImagePlugin.TILEWIDTH, tags[TiffImagePlugin.IMAGEWIDTH])
    strip_rows = min(tags.get(TiffImagePlugin.ROWSPERSTRIP, height), height)
    num_rows = tags.get(TiffImagePlugin.TILELENGTH, strip_rows)
    bits = max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,)))
    return width * num_rows * tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1) * bits // 8


def _too_many_bytes() -> InvalidImageError:
    return InvalidImageError(
        f"The file is larger than {MAX_BYTES // 1024**2} MB. Please make the picture smaller."
    )


def _too_many_pixels(most: int) -> InvalidImageError:
    return InvalidImageError(
        f"The picture has more than {most // 1_000_000} million pixels. "
        "Please make it smaller first."
    )
