"""Bytes to a checked RGB image with a fingerprint; sizes, ranges and color order end here."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin, UnidentifiedImageError

from cnnviz.errors import InvalidImageError
from cnnviz.images import file_bytes
from cnnviz.images.color_profiles import to_srgb
from cnnviz.images.deep_files import BandedImage, deep_png, deep_tiff
from cnnviz.images.image import MIN_SIDE_PX, ImageInput, image_from_pixels

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")  # the last by a plugin
FILE_TYPES = (
    *("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif"),
    *("heic", "heif", "hif"),
)
MAX_BYTES = 20 * 1024**2
MAX_PIXELS = 40_000_000
# Their decoders hold an image many times; a HEIC with alpha may have half as many pixels.
MAX_PIXELS_OF = {"WEBP": 20_000_000, "AVIF": 16_000_000, "HEIF": 25_000_000}
MAX_SIDE_PX = 2048  # larger images are reduced to this at once; no page shows more
_MAX_PIECE_BYTES = 4 * MAX_PIXELS  # a TIFF's strip or tile is unpacked besides the image
_MAX_JPEG_SCANS = 600  # real images have up to 20; each costs time for all pixels, but few bytes
_MAX_SCANS_TO_COMPLETE = 50  # to tell whether only the end lacks, an image is decoded five times
_BAND_PIXELS = 1_000_000
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
_ACCEPTED = "Please use a PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC image."


def read_image(source: str | Path | bytes | BinaryIO) -> ImageInput:
    """Read an image, check it, and return its RGB pixels.

    It is turned as its camera noted (EXIF), laid over white where it is transparent, and converted
    to sRGB if it has a color profile. The first frame of an animation and the first page of a TIFF
    are read. Values of more than 8 bits and floating point are mapped to gray levels as
    `cnnviz.images.value_range.display_range` says. A JPEG that lacks only its end marker is read.
    What was done is said in the `note` of the result.

    A longer side above `MAX_SIDE_PX` is reduced to that. Reading takes less than 400 MB of memory;
    threads wait for each other.

    Parameters
    ----------
    source : str, Path, bytes or binary file
        A path, the content of a file, or an open file.

    Returns
    -------
    ImageInput
        Pixels uint8 (h, w, 3) sRGB; never the bytes that came.

    Raises
    ------
    InvalidImageError
        If it is no image of an accepted format, damaged, larger than `MAX_BYTES`, `MAX_PIXELS`
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
            pixels, note = _decoded(content)
    except InvalidImageError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(MAX_PIXELS) from error
    except Exception as error:  # on damaged bytes the decoders raise whatever comes
        raise InvalidImageError(f"{_fault(content)} {_ACCEPTED}") from error
    return replace(image_from_pixels(pixels), note=note)


def _content(source: str | Path | bytes | BinaryIO) -> bytes:
    """Read at most one byte more than allowed."""
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, Path)):
        return _content_of_path(Path(source))
    content = source.read(MAX_BYTES + 1) if hasattr(source, "read") else source
    if not isinstance(content, bytes):
        raise InvalidImageError(
            f"An image comes as a path, as bytes or as an open binary file, not as "
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


def _decoded(content: bytes) -> tuple[np.ndarray, str]:
    """Decode, reduce, convert to sRGB and turn; also say what was done."""
    image = _opened(content)
    small = _reduced(image)
    small.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.BOX)
    small, color_note = to_srgb(small, image.profile)
    if image.orientation in _TURNS:
        small = small.transpose(_TURNS[image.orientation])
    return np.asarray(small), " ".join(filter(None, [image.note, color_note]))


def _opened(content: bytes) -> BandedImage:
    """Decode with Pillow, or where that would lose bits, with `cnnviz.images.deep_files`."""
    note = ""
    if content.startswith(file_bytes.PNG_SIGNATURE):
        content, note = file_bytes.without_bad_profile(content)
    try:
        image = _opened_by_pillow(content)
    except UnidentifiedImageError:
        if content.startswith(file_bytes.TIFF_SIGNATURES):
            return deep_tiff(content, partial(_check_size, MAX_PIXELS))
        raise
    _check_size(_max_pixels(image), *image.size)
    _check_effort(image, content)
    if _is_deep_tiff(image):
        return deep_tiff(content, partial(_check_size, MAX_PIXELS))
    if image.format == "PNG" and content[24] == 16:  # bits a channel
        opened = deep_png(content, file_bytes.significant_bits(content))
        orientation = _orientation(partial(_exif_of_png, content))
    else:
        opened = _loaded(image, content)
        orientation = _orientation(image.getexif)
    note = " ".join(filter(None, [opened.note, note]))
    profile = image.info.get("icc_profile")
    return replace(opened, note=note, profile=profile, orientation=orientation)


def _opened_by_pillow(content: bytes) -> Image.Image:
    """Read what stands before the pixels."""
    if content[4:8] != b"ftyp":
        return Image.open(BytesIO(content), formats=FORMATS[:-1])
    import pillow_heif

    pillow_heif.register_heif_opener(
        decode_threads=1, thumbnails=False, depth_images=False, aux_images=False
    )
    return Image.open(BytesIO(content), formats=FORMATS)


def _loaded(image: Image.Image, content: bytes) -> BandedImage:
    """Decode the pixels with Pillow."""
    note = ""
    if image.format in ("JPEG", "MPO"):
        if not file_bytes.has_end(content):
            content = _with_end(content)
            note = "The end of the file is missing; every pixel is there."
        image = _loaded_jpeg(content)
    image.load()
    if image.format == "BMP" and image.mode == "RGBA" and not image.getchannel("A").getbbox():
        image.putalpha(255)  # many programs leave the fourth byte empty
    if isinstance(image, TiffImagePlugin.TiffImageFile) and image.palette is not None:
        _repair_palette(image)

    def rows(top: int, bottom: int) -> Image.Image:
        return image.crop((0, top, image.width, bottom))

    return BandedImage(*image.size, rows, note)


def _loaded_jpeg(content: bytes) -> Image.Image:
    """Decode a JPEG, a large one at a half, a quarter or an eighth of its size."""
    image = Image.open(BytesIO(content), formats=("JPEG",))
    scale = MAX_SIDE_PX / max(image.size)
    image.draft("RGB", (int(image.width * scale), int(image.height * scale)))
    image.load()
    return image


def _with_end(content: bytes) -> bytes:
    """Add the end that a JPEG lacks; raise if it lacks more."""
    num_scans = content.count(b"\xff\xda")
    is_cheap = num_scans <= _MAX_SCANS_TO_COMPLETE
    complete = file_bytes.with_end(content, _digest_of_jpeg) if is_cheap else None
    if complete is None:
        raise OSError("the JPEG lacks image data")
    return complete


def _repair_palette(image: TiffImagePlugin.TiffImageFile) -> None:
    """Take colors of a TIFF for 8 bits if none needs 16; Pillow takes them for black."""
    colors = image.tag_v2[TiffImagePlugin.COLORMAP]
    if max(colors) < 256:
        image.putpalette(np.array(colors, np.uint8).reshape(3, -1).T.tobytes())


def _digest_of_jpeg(content: bytes) -> bytes:
    return blake2b(_loaded_jpeg(content).tobytes()).digest()


def _reduced(image: BandedImage) -> Image.Image:
    """Bring an image below twice the largest side, in bands, to mode L, RGB, CMYK or LAB."""
    factor = max(1, max(image.width, image.height) // MAX_SIDE_PX)
    num_rows = factor * max(1, _BAND_PIXELS // (factor * image.width))
    reduced = None
    for top in range(0, image.height, num_rows):
        band = _averageable(image.rows(top, min(top + num_rows, image.height)))
        band = _over_white(band.reduce(factor))
        if reduced is None:
            reduced = Image.new(band.mode, (band.width, -(-image.height // factor)))
        reduced.paste(band, (0, top // factor))
    assert reduced is not None  # an image has at least one row
    return reduced


def _averageable(image: Image.Image) -> Image.Image:
    """Convert to mode L, LA, RGB, RGBA, CMYK or LAB."""
    if image.mode in ("CMYK", "LAB"):
        return image
    is_gray = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        return image.convert("LA" if is_gray else "RGBA")
    return image.convert("L" if is_gray else "RGB")


def _over_white(image: Image.Image) -> Image.Image:
    """Lay what is transparent over white, and drop alpha."""
    if not image.mode.endswith("A"):
        return image
    mode = image.mode.removesuffix("A")
    white = Image.new(mode, image.size, "white")
    white.paste(image.convert(mode), mask=image.getchannel("A"))
    return white


def _orientation(read_exif: Callable[[], Image.Exif]) -> int:
    """Read how the camera was held, 1 to 8; Pillow has turned a TIFF, and libheif a HEIC."""
    try:
        return read_exif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - with a damaged camera note the image is still an image
        return 1


def _exif_of_png(content: bytes) -> Image.Exif:
    """Read the camera's note; Pillow would decode the image to look for it behind the pixels."""
    exif = Image.Exif()
    exif.load(file_bytes.png_chunk(content, b"eXIf"))
    return exif


def _is_deep_tiff(image: Image.Image) -> bool:
    """Whether Pillow cannot read the values of a TIFF: more than 8 bits, signed, or in WebP."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return False
    bits = image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    formats = image.tag_v2.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    return max(bits) > 8 or set(formats) != {1} or image.info["compression"] == "webp"


def _fault(content: bytes) -> str:
    """Say what is wrong with bytes that no reader could decode."""
    kind = file_bytes.accepted_kind(content)
    if kind == "JPEG" and (variant := file_bytes.unusual_jpeg(content)):
        return f"A JPEG of this kind ({variant}) cannot be read."
    if kind in ("BMP", "TIFF", "HEIC or AVIF"):  # there are more variants than can be read
        return f"The {kind} image is damaged, not complete or of a rare kind, and cannot be read."
    if kind is not None:
        return "The image is damaged or not complete and cannot be read."
    kind = file_bytes.kind_of_unread_file(content)
    return f"{kind} files cannot be read." if kind else "This file cannot be read as an image."


def _max_pixels(image: Image.Image) -> int:
    most = MAX_PIXELS_OF.get(image.format or "", MAX_PIXELS)
    return most // 2 if image.format == "HEIF" and image.mode[-1] in "Aa" else most


def _check_size(max_pixels: int, width: int, height: int) -> None:
    if width * height > max_pixels:
        raise _too_many_pixels(max_pixels)
    size = f"The image is {height} × {width} pixels (rows × columns)"
    if min(width, height) < MIN_SIDE_PX:
        raise InvalidImageError(f"{size}. Both sides must have at least {MIN_SIDE_PX} pixels.")
    longest = MAX_SIDE_PX // MIN_SIDE_PX
    if max(width, height) > longest * min(width, height):
        raise InvalidImageError(
            f"{size}: one side is more than {longest} times the other. Please cut out a part."
        )


def _check_effort(image: Image.Image, content: bytes) -> None:
    """Refuse small files of few pixels that still take much time or memory."""
    if image.format == "HEIF":
        for width, height in file_bytes.heif_sizes(content):
            if width * height > _max_pixels(image):
                raise _too_many_pixels(_max_pixels(image))
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
        f"The file is larger than {MAX_BYTES // 1024**2} MB. Please make the image smaller."
    )


def _too_many_pixels(most: int) -> InvalidImageError:
    return InvalidImageError(
        f"The image has more than {most // 1_000_000} million pixels. Please make it smaller first."
    )
