"""PNG and TIFF images that Pillow reduces to 8 bits too early, or not at all, as 8-bit rows.

Pillow holds at most 8 bits a channel of a color image, takes 32-bit numbers for signed, and knows
white-is-zero only up to 8 bits. Here `imagecodecs` and `tifffile` read the values, and
`cnnviz.images.value_range` maps them to gray levels.
"""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from cnnviz.errors import InvalidImageError
from cnnviz.images.value_range import (
    DisplayRange,
    Sampler,
    ValueRange,
    display_range,
    not_empty,
    to_bytes,
    usual_range,
)

if TYPE_CHECKING:
    from tifffile import TiffPage

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # else it prints about bad files

SizeCheck = Callable[[int, int], None]  # raises for a width and height that are not allowed

_WHITE_IS_ZERO, _RGB, _CMYK, _CIE_LAB, _ICC_LAB = 0, 2, 5, 8, 9
_MODES = {0: "L", 1: "L", _RGB: "RGB", _CMYK: "CMYK", _CIE_LAB: "LAB", _ICC_LAB: "LAB"}
_PREMULTIPLIED, _STRAIGHT = 1, 2  # kinds of alpha among the extra samples of a TIFF
_COMPRESSIONS = {1, 5, 8, 32773, 32946, 34925, 50000}  # their output is bounded beforehand
_MAX_SAMPLE_TAGS = (341, 281)  # SMaxSampleValue, MaxSampleValue
_MIN_SAMPLE_TAG, _ORIENTATION_TAG, _MISSING_VALUE_TAG = 340, 274, 42113
_MAX_PIECE_BYTES = 64 * 1024**2  # a strip or tile is held up to three times besides the image
_MAX_PIECES = 100_000  # each costs time, however small it is
_BLOCK_VALUES = 1_000_000
_READABLE = (
    "A TIFF can be read if it is a gray, RGB, CMYK or Lab image of whole numbers or floating "
    "point, without compression or with LZW, Deflate, PackBits, LZMA or Zstandard; with 8 bits a "
    "channel also a palette or YCbCr image, JPEG and fax compression. Please save it as such, or "
    "as PNG."
)


@dataclass(frozen=True, slots=True)
class BandedImage:
    """An image whose rows are mapped to 8 bits a channel when they are asked for.

    Attributes
    ----------
    width, height : int
    rows : callable (top, bottom) -> PIL.Image.Image
        Mode L, LA, La, RGB, RGBA, RGBa, CMYK or LAB.
    note : str
        How values became gray levels.
    profile : bytes or None
        The ICC profile that came with the image.
    orientation : int
        As in EXIF, 1 to 8.
    """

    width: int
    height: int
    rows: Callable[[int, int], Image.Image]
    note: str
    profile: bytes | None = None
    orientation: int = 1


class _Layout(NamedTuple):
    """How the channels of an image are to be understood."""

    mode: str
    num_colors: int
    channels: tuple[int, ...]  # the colors, then alpha where the mode has it; others are left out
    is_inverted: bool = False
    missing: float | None = None  # a value that marks pixels without data


class _Block(NamedTuple):
    """A part of an image: its rows, columns and channels, and values (h, w, channels)."""

    area: tuple[slice, slice, slice]
    values: np.ndarray


class _Ranges(NamedTuple):
    """Which values are black and white, and which alpha is transparent and opaque."""

    colors: DisplayRange
    alpha: ValueRange


def deep_png(content: bytes, significant_bits: int | None) -> BandedImage:
    """Read a PNG with 16 bits a channel.

    Parameters
    ----------
    content : bytes
        The file; its size has been checked.
    significant_bits : int or None
        What its sBIT chunk says. Such values fill the 16 bits, but some files hold them unscaled.
    """
    import imagecodecs

    values = imagecodecs.png_decode(content)
    values = values.reshape(*values.shape[:2], -1)
    height, width, num_channels = values.shape
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[num_channels]
    layout = _Layout(mode, len(mode.removesuffix("A")), tuple(range(num_channels)))
    declared = []
    if significant_bits is not None:
        declared = [ValueRange(0, 2**significant_bits - 1), ValueRange(0, 65535)]
    ranges = _ranges(_rows_of_values(values), values.size, layout, declared)

    def rows(top: int, bottom: int) -> Image.Image:
        pixels = np.empty((bottom - top, width, num_channels), np.uint8)
        for block in _rows_of_values(values[top:bottom]):
            pixels[block.area] = _gray_levels(block, layout, ranges)
        return _image(pixels, mode)

    return BandedImage(width, height, rows, ranges.colors.note)


def deep_tiff(content: bytes, check_size: SizeCheck) -> BandedImage:
    """Read the first page of a TIFF.

    Parameters
    ----------
    content : bytes
        The file.
    check_size : callable (width, height)
        Raises if the size is not allowed; called before a pixel is decoded.

    Raises
    ------
    InvalidImageError
        If it is a kind of TIFF that cannot be read, its strips or tiles are too large or too many,
        or it has no finite value.
    Exception
        Whatever `tifffile` and `imagecodecs` raise on damaged bytes.
    """
    import tifffile

    with tifffile.TiffFile(BytesIO(content)) as file:
        page = file.pages.first
        check_size(page.imagewidth, page.imagelength)
        layout = _layout(page)
        _check_pieces(page)
        pixels, note = _pixels(page, layout)
        orientation = page.tags.valueof(_ORIENTATION_TAG)
        profile = page.iccprofile
    return BandedImage(
        page.imagewidth,
        page.imagelength,
        lambda top, bottom: _image(pixels[top:bottom], layout.mode),
        note,
        profile if isinstance(profile, bytes) else None,
        orientation if isinstance(orientation, int) else 1,
    )


def _pixels(page: "TiffPage", layout: _Layout) -> tuple[np.ndarray, str]:
    """Decode a page twice, to find the range of its values and to map them: this takes less memory.

    Returns
    -------
    uint8 ndarray of shape (h, w, channels), and how values became gray levels
    """
    pixels = np.zeros((page.imagelength, page.imagewidth, len(layout.channels)), np.uint8)
    if layout.mode == "LAB":
        for block in _blocks_of_page(page, layout):
            pixels[block.area] = _lab_bytes(block, page.photometric == _ICC_LAB)
        return pixels, ""
    blocks = _blocks_of_page(page, layout)
    ranges = _ranges(blocks, pixels.size, layout, _declared_ranges(page))
    for block in _blocks_of_page(page, layout):
        pixels[block.area] = _gray_levels(block, layout, ranges)
    return pixels, _note(page, layout, ranges)


def _layout(page: "TiffPage") -> _Layout:
    """Say what the channels of a page are; raise if they cannot be read."""
    mode = _MODES.get(page.photometric, "")
    kind, bits = np.dtype(page.dtype).kind if page.dtype else "", page.bitspersample
    if not 0 < len(mode) <= page.samplesperpixel:
        raise _not_readable(f"its colors are of the kind {_name(page.photometric)}")
    if page.compression not in _COMPRESSIONS:
        raise _not_readable(f"its compression is {_name(page.compression)}")
    if kind not in tuple("uif") or not isinstance(bits, int) or page.imagedepth > 1:
        raise _not_readable("its values are of an unusual type")
    if mode == "LAB" and (bits not in (8, 16) or kind == "f"):
        raise _not_readable(f"it is a Lab image with {bits} bits a channel")
    channels = tuple(range(len(mode)))
    missing = float(page.nodata) if _MISSING_VALUE_TAG in page.tags else None
    is_inverted = page.photometric == _WHITE_IS_ZERO
    alpha = _alpha(page, mode)
    letter = {None: "", _STRAIGHT: "A", _PREMULTIPLIED: "a"}[alpha and alpha[0]]
    return _Layout(
        mode + letter, len(mode), channels + (alpha[1:] if alpha else ()), is_inverted, missing
    )


def _alpha(page: "TiffPage", mode: str) -> tuple[int, int] | None:
    """Find the kind of alpha and its channel among the extra samples."""
    if mode not in ("L", "RGB"):
        return None
    extras = [int(kind) for kind in np.atleast_1d(page.extrasamples)]
    if mode == "RGB" and page.samplesperpixel == 4 and not extras:
        extras = [_STRAIGHT]  # the tag is lacking, as in Pillow
    for i, kind in enumerate(extras[: page.samplesperpixel - len(mode)]):
        if kind in (_PREMULTIPLIED, _STRAIGHT):
            return kind, len(mode) + i
    return None


def _check_pieces(page: "TiffPage") -> None:
    """Refuse strips and tiles that take much memory or, being very many, much time."""
    piece_bytes = math.prod(page.chunks) * np.dtype(page.dtype).itemsize
    if piece_bytes > _MAX_PIECE_BYTES or math.prod(page.chunked) > _MAX_PIECES:
        raise InvalidImageError(
            "The TIFF holds its pixels in pieces that are too large or too many. "
            "Please save it as PNG."
        )


def _blocks_of_page(page: "TiffPage", layout: _Layout) -> Iterator[_Block]:
    """Decode one strip or tile after the other."""
    for values, (plane, _, top, left, _), shape in page.segments(maxworkers=1):
        channels = layout.channels if page.planarconfig == 1 else (plane,)
        if not set(channels) <= set(layout.channels):
            continue  # a plane that is not shown
        if values is None:  # a piece that the file leaves out
            values = np.full(shape, page.nodata, page.dtype)
        height, width = page.imagelength - top, page.imagewidth - left
        values = values[0, :height, :width]
        if page.planarconfig == 1 and values.shape[2] != len(channels):
            values = values[..., list(channels)]
        first = layout.channels.index(channels[0])
        yield from _rows_of_values(values, top, left, first)


def _rows_of_values(
    values: np.ndarray, top: int = 0, left: int = 0, first_channel: int = 0
) -> Iterator[_Block]:
    """Cut values (h, w, channels) into blocks of rows that take little memory as float64."""
    height, width, num_channels = values.shape
    num_rows = max(1, _BLOCK_VALUES // (width * num_channels))
    columns = slice(left, left + width)
    channels = slice(first_channel, first_channel + num_channels)
    for start in range(0, height, num_rows):
        part = values[start : start + num_rows]
        rows = slice(top + start, top + start + part.shape[0])
        yield _Block((rows, columns, channels), part)


def _ranges(
    blocks: Iterable[_Block], num_values: int, layout: _Layout, declared: Sequence[ValueRange]
) -> _Ranges:
    """Look at all values to choose what is black and white, opaque and transparent."""
    color_sampler, alpha_sampler = Sampler(num_values, layout.missing), Sampler(num_values)
    for block in blocks:
        colors, alpha = _parts(block, layout)
        color_sampler.add(colors)
        alpha_sampler.add(alpha)
    sample = color_sampler.sample()
    if not sample.size:
        raise InvalidImageError("All values of the image are missing or not finite numbers.")
    return _Ranges(display_range(sample, declared), _alpha_range(alpha_sampler.sample(), declared))


def _alpha_range(alpha: np.ndarray, declared: Sequence[ValueRange]) -> ValueRange:
    """Choose what is transparent and opaque: a range like that of the colors, never stretched."""
    if not alpha.size:
        return ValueRange(0, 1)
    low, high = float(alpha.min()), float(alpha.max())
    for stated in declared:
        if stated.low <= low and high <= stated.high:
            return stated
    return usual_range(low, high, alpha) or not_empty(low, high)


def _parts(block: _Block, layout: _Layout) -> tuple[np.ndarray, np.ndarray]:
    """Split the values of a block into colors and alpha."""
    num_colors = max(0, layout.num_colors - block.area[2].start)
    return block.values[..., :num_colors], block.values[..., num_colors:]


def _gray_levels(block: _Block, layout: _Layout, ranges: _Ranges) -> np.ndarray:
    colors, alpha = _parts(block, layout)
    levels = to_bytes(colors, ranges.colors, is_inverted=layout.is_inverted, missing=layout.missing)
    return np.concatenate([levels, to_bytes(alpha, ranges.alpha)], axis=2)


def _lab_bytes(block: _Block, is_icc: bool) -> np.ndarray:
    """Return the upper bytes of L, a, b as Pillow stores them in a TIFF: a and b with a sign."""
    bits = 8 * block.values.dtype.itemsize
    lab = (block.values.astype(np.int64) >> (bits - 8)).astype(np.uint8)
    if is_icc:  # its a and b are larger by half the range
        lab ^= np.array([0, 128, 128], np.uint8)[block.area[2]]
    return lab


def _declared_ranges(page: "TiffPage") -> list[ValueRange]:
    """Return the ranges that the tags of a page state, the most specific first."""
    bits, kind = int(page.bitspersample), np.dtype(page.dtype).kind
    maxima = [_number(page, tag) for tag in _MAX_SAMPLE_TAGS]
    if kind == "f":
        low, high = _number(page, _MIN_SAMPLE_TAG), maxima[0]
        return [ValueRange(low, high)] if low < high < np.inf else []
    stated = [int(maximum).bit_length() for maximum in maxima if 0 < maximum < 2**64]
    if bits not in (8, 16, 32, 64) or (bits, kind) == (8, "u") or page.photometric == _CMYK:
        stated.append(bits - (kind == "i"))
    ranges = []
    for num_bits in stated:
        ranges.append(ValueRange(0, 2**num_bits - 1))
        if kind == "i":
            ranges.append(ValueRange(-(2**num_bits), 2**num_bits - 1))
    return ranges


def _number(page: "TiffPage", tag: int) -> float:
    """Return the largest number that a tag holds, NaN if it holds none."""
    try:
        return float(np.max(np.asarray(page.tags.valueof(tag), np.float64)))
    except (TypeError, ValueError):
        return math.nan


def _note(page: "TiffPage", layout: _Layout, ranges: _Ranges) -> str:
    """Say how values became gray levels, where that is no matter of course."""
    notes = []
    is_usual = page.bitspersample == 8 or layout.mode == "CMYK"
    if not (is_usual and np.dtype(page.dtype).kind == "u"):
        notes.append(ranges.colors.note)
    if layout.is_inverted:
        notes = [note.replace("black and white", "white and black") for note in notes]
    if layout.num_colors == 1 and page.samplesperpixel > len(layout.channels):
        notes.append(f"Only the first of {page.samplesperpixel} channels is shown.")
    return " ".join(notes)


def _image(pixels: np.ndarray, mode: str) -> Image.Image:
    return Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())


def _name(number: int) -> str:
    """Return the name of a tag's value, or its number."""
    return str(getattr(number, "name", number))


def _not_readable(reason: str) -> InvalidImageError:
    return InvalidImageError(f"This TIFF cannot be read: {reason}. {_READABLE}")
