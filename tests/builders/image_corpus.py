"""Files that people upload, and files that are made to do harm: each with what must come of it."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from tests.builders import profiles

pillow_heif.register_heif_opener()  # saves as well

HEIGHT, WIDTH = 24, 40
_CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def drawing() -> np.ndarray:
    """Four quarters: red, green / blue, white; no symmetry, so that a turn is noticed."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    colors = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (255, 255, 255)]
    for (down, right), color in zip(_CORNERS, colors, strict=True):
        rows = slice(down * HEIGHT // 2, (down + 1) * HEIGHT // 2)
        pixels[rows, right * WIDTH // 2 : (right + 1) * WIDTH // 2] = color
    return pixels


DRAWING = drawing()
GRAY = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
ALPHA = np.zeros((HEIGHT, WIDTH), np.uint8)
ALPHA[:, WIDTH // 2 :] = 255
OVER_WHITE = np.where(ALPHA[..., None] == 255, DRAWING, 255).astype(np.uint8)


@dataclass(frozen=True)
class Good:
    """A file that must be read: its pixels, how far they may be off, and what is said of it."""

    name: str
    make: Callable[[], bytes]
    pixels: np.ndarray
    tolerance: int = 0
    note: str = ""


@dataclass(frozen=True)
class Bad:
    """A file that must be refused, and a word of the sentence that says why."""

    name: str
    make: Callable[[], bytes]
    words: str


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def rgb(file_format: str, **options: Any) -> Callable[[], bytes]:
    return lambda: saved(Image.fromarray(DRAWING), file_format, **options)


def mode(name: str, file_format: str, **options: Any) -> Callable[[], bytes]:
    return lambda: saved(Image.fromarray(DRAWING).convert(name), file_format, **options)


def with_alpha(file_format: str, **options: Any) -> bytes:
    return saved(Image.fromarray(np.dstack([DRAWING, ALPHA])), file_format, **options)


def turned(orientation: int, file_format: str = "JPEG", **options: Any) -> bytes:
    """Store the drawing the way a camera does that was held in this orientation."""
    back = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, 1),
        7: lambda a: np.rot90(a.swapaxes(0, 1), 2),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(back[orientation](DRAWING)))
    return saved(stored, file_format, exif=exif.tobytes(), **options)


def chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)


def png(
    width: int,
    height: int,
    depth: int = 8,
    color: int = 2,
    *,
    rows: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """Write a PNG by hand; without `rows` it only claims to have pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    data = zlib.compress(rows, 9) if rows is not None else zlib.compress(b"\0" * 100)
    chunks = [chunk(b"IHDR", header), extra, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def full_png(width: int, height: int, depth: int, color: int, row_bytes: int) -> bytes:
    """Write a large black PNG whose rows are really there, without ever holding them."""
    packer = zlib.compressobj(9)
    row = bytes(1 + row_bytes) * 100
    data = b"".join(packer.compress(row) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def sixteen_bit_rgb() -> bytes:
    values = DRAWING.astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    return png(WIDTH, HEIGHT, 16, 2, rows=rows)


def gray_rows() -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in GRAY)


def transparent_gray() -> bytes:
    """Gray with one value declared transparent."""
    extra = chunk(b"tRNS", struct.pack(">H", int(GRAY[0, 0])))
    return png(WIDTH, HEIGHT, 8, 0, rows=gray_rows(), extra=extra)


def transparent_palette() -> bytes:
    image = Image.fromarray(DRAWING).quantize(8)
    index = image.getpixel((0, 0))
    return saved(image, "PNG", transparency=index)


def tiff(values: np.ndarray, **options: Any) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def palette_tiff() -> bytes:
    """A palette whose colors are from 0 to 255; the TIFF standard has them from 0 to 65,535."""
    image = Image.fromarray(DRAWING).quantize(8)
    colors = np.zeros((256, 3), np.uint16)
    used = np.array(image.getpalette(), np.uint16).reshape(-1, 3)
    colors[: len(used)] = used
    return tiff(np.asarray(image), photometric="palette", colormap=colors.T)


def bmp_with_alpha(alpha: np.ndarray) -> bytes:
    """Write a BMP by hand that declares its fourth byte to be alpha (BITMAPV4HEADER)."""
    pixels = np.dstack([DRAWING[..., ::-1], alpha])[::-1].tobytes()
    header = struct.pack("<IiiHHIIiiII", 108, WIDTH, HEIGHT, 1, 32, 3, len(pixels), 0, 0, 0, 0)
    header += struct.pack("<IIII4s", 0xFF0000, 0xFF00, 0xFF, 0xFF000000, b"sRGB") + bytes(48)
    start = 14 + len(header)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + header + pixels


_FAST = {"preset": "ultrafast"}


def heic(image: Image.Image | None = None, **options: Any) -> bytes:
    """Write a HEIC; x265 codes blocks of 8 pixels, and a crop is declared for other sizes."""
    image = image or Image.fromarray(DRAWING)
    return saved(image, "HEIF", quality=95, chroma=444, enc_params=_FAST, **options)


def heic_of_ten_bits() -> bytes:
    values = DRAWING.astype(np.uint16) * 257
    file = pillow_heif.from_bytes("RGB;16", (WIDTH, HEIGHT), values.tobytes())
    buffer = BytesIO()
    file.save(buffer, quality=95, chroma=444)
    return buffer.getvalue()


def heic_that_claims(width: int, height: int, image: Image.Image) -> bytes:
    """Change the size in the header; a crop to a part, if there is one, stays."""
    content = bytearray(heic(image))
    place = content.index(b"ispe")
    content[place + 8 : place + 16] = struct.pack(">II", width, height)
    return bytes(content)


def two_images(file_format: str, **options: Any) -> bytes:
    second = [Image.fromarray(255 - DRAWING)]
    first = Image.fromarray(DRAWING)
    return saved(first, file_format, save_all=True, append_images=second, quality=95, **options)


def without_adobe_marker() -> bytes:
    content = mode("CMYK", "JPEG", quality=95)()
    start = content.index(b"\xff\xee")
    length = int.from_bytes(content[start + 2 : start + 4])
    return content[:start] + content[start + 2 + length :]


def ycck_jpeg() -> bytes:
    """Inks coded as luma, chroma and black, inverted as Adobe does."""
    inks = np.asarray(Image.fromarray(DRAWING).convert("CMYK"))
    content = imagecodecs.jpeg8_encode(
        255 - inks, level=95, colorspace="CMYK", outcolorspace="YCCK", subsampling="444"
    )
    assert b"Adobe" in content
    return bytes(content)


def with_profile(file_format: str, profile: bytes, name: str = "RGB", **options: Any) -> bytes:
    image = Image.fromarray(DRAWING).convert(name)
    return saved(image, file_format, icc_profile=profile, **options)


def animation(file_format: str) -> bytes:
    frames = [Image.fromarray(DRAWING), Image.fromarray(255 - DRAWING), Image.fromarray(DRAWING)]
    options = {"lossless": True} if file_format == "WEBP" else {}
    return saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)


def bomb_in(kind: bytes) -> bytes:
    """A PNG whose text or color profile unpacks to 100 MB."""
    packed = zlib.compress(bytes(100_000_000), 9)
    extra = chunk(kind, b"x\0\0" + packed)
    return png(WIDTH, HEIGHT, 8, 0, rows=gray_rows(), extra=extra)


def looping_tiff() -> bytes:
    """A TIFF whose directory names itself as the next one."""
    entries = [(256, 3, 1, WIDTH), (257, 3, 1, HEIGHT), (258, 3, 1, 8), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 1), (273, 4, 1, 200), (278, 3, 1, HEIGHT), (279, 4, 1, WIDTH * HEIGHT)]
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory += struct.pack("<I", 8)
    file = b"II*\0" + struct.pack("<I", 8) + directory
    return file.ljust(200, b"\0") + GRAY.tobytes()


def huge_gif() -> bytes:
    content = bytearray(rgb("GIF")())
    content[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(content)


def huge_jpeg() -> bytes:
    content = bytearray(rgb("JPEG")())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", 65000, 65000)
    return bytes(content)


def cut(make: Callable[[], bytes], share: float = 0.6) -> Callable[[], bytes]:
    def half() -> bytes:
        content = make()
        return content[: int(len(content) * share)]

    return half


def noise(file_format: str, **options: Any) -> bytes:
    """Something that does not compress, so that a cut falls into the pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), file_format, **options)


def sized(width: int, height: int) -> Callable[[], bytes]:
    return lambda: saved(Image.new("RGB", (width, height), "red"), "PNG")


def blank(width: int, height: int, file_format: str, **options: Any) -> bytes:
    return saved(Image.new("RGB", (width, height), "red"), file_format, **options)


def float_tiff() -> bytes:
    return saved(Image.fromarray(GRAY.astype(np.float32) / 255), "TIFF")


_GRAY_RGB = np.repeat(GRAY[..., None], 3, axis=2)
_LUMA = np.asarray(Image.fromarray(DRAWING).convert("L"))
_LUMA_RGB = np.repeat(_LUMA[..., None], 3, axis=2)
_ONE_BIT = np.repeat(
    np.asarray(Image.fromarray(DRAWING).convert("1").convert("L"))[..., None], 3, axis=2
)
_SIXTEEN = (GRAY.astype(np.uint16) << 8) + 77
_FULL = "Values 0 to 65535 were mapped to black and white."
_FLOAT = "Values 0 to 1 were mapped to black and white."
_END = "The end of the file is missing; every pixel is there."
_P3 = profiles.rgb_profile(profiles.DISPLAY_P3, 2.2, b"Display P3")
_FROM_P3 = profiles.rgb_in_srgb(DRAWING, profiles.DISPLAY_P3, 2.2)
_P3_NOTE = "Converted from the Display P3 color profile to sRGB."

GOOD = [
    Good("rgb.png", rgb("PNG"), DRAWING),
    Good("rgb.jpg", rgb("JPEG", quality=95), DRAWING, 12),
    Good("progressive.jpg", rgb("JPEG", quality=95, progressive=True), DRAWING, 12),
    Good("lossless.webp", rgb("WEBP", lossless=True), DRAWING),
    Good("lossy.webp", rgb("WEBP", quality=95), DRAWING, 24),
    Good("rgb.gif", rgb("GIF"), DRAWING),
    Good("rgb.bmp", rgb("BMP"), DRAWING),
    Good("rgb.tif", rgb("TIFF"), DRAWING),
    Good("lzw.tif", rgb("TIFF", compression="tiff_lzw"), DRAWING),
    Good("deflate.tif", rgb("TIFF", compression="tiff_adobe_deflate"), DRAWING),
    Good("rgb.avif", rgb("AVIF", quality=95), DRAWING, 24),
    Good("gray.png", mode("L", "PNG"), _LUMA_RGB),
    Good("gray.jpg", mode("L", "JPEG", quality=95), _LUMA_RGB, 12),
    Good("gray.bmp", mode("L", "BMP"), _LUMA_RGB),
    Good("gray.tif", mode("L", "TIFF"), _LUMA_RGB),
    Good("one-bit.png", mode("1", "PNG"), _ONE_BIT),
    Good("one-bit.tif", mode("1", "TIFF"), _ONE_BIT),
    Good("one-bit.bmp", mode("1", "BMP"), _ONE_BIT),
    Good("palette.png", lambda: saved(Image.fromarray(DRAWING).quantize(8), "PNG"), DRAWING),
    Good("palette.gif", lambda: saved(Image.fromarray(DRAWING).quantize(8), "GIF"), DRAWING),
    Good("palette.bmp", lambda: saved(Image.fromarray(DRAWING).quantize(8), "BMP"), DRAWING),
    Good(
        "palette-transparent.png",
        transparent_palette,
        np.where((DRAWING[0, 0] == DRAWING).all(-1, keepdims=True), 255, DRAWING),
    ),
    Good("gray-transparent.png", transparent_gray, np.where(_GRAY_RGB == 0, 255, _GRAY_RGB)),
    Good("alpha.png", lambda: with_alpha("PNG"), OVER_WHITE),
    Good("alpha.webp", lambda: with_alpha("WEBP", lossless=True), OVER_WHITE),
    Good("alpha.tif", lambda: with_alpha("TIFF"), OVER_WHITE),
    Good("alpha.avif", lambda: with_alpha("AVIF", quality=95), OVER_WHITE, 24),
    Good(
        "gray-alpha.png",
        lambda: saved(Image.fromarray(np.dstack([GRAY, ALPHA])), "PNG"),
        np.where(ALPHA[..., None] == 255, _GRAY_RGB, 255),
    ),
    Good(
        "sixteen-bit-gray.png",
        lambda: saved(Image.fromarray(_SIXTEEN), "PNG"),
        _GRAY_RGB,
        note=_FULL,
    ),
    Good(
        "sixteen-bit-gray.tif",
        lambda: saved(Image.fromarray(_SIXTEEN), "TIFF"),
        _GRAY_RGB,
        note=_FULL,
    ),
    Good("sixteen-bit-rgb.png", sixteen_bit_rgb, DRAWING, note=_FULL),
    Good("float.tif", float_tiff, _GRAY_RGB, note=_FLOAT),
    Good(
        "float-rgb.tif",
        lambda: tiff((DRAWING / 255).astype(np.float32), photometric="rgb"),
        DRAWING,
        note=_FLOAT,
    ),
    Good(
        "twelve-of-sixteen-bits.tif",
        lambda: tiff(GRAY.astype(np.uint16) << 4),
        _GRAY_RGB,
        note="Values 0 to 4095 were mapped to black and white "
        "(12 bits hold the data, and the file declares no range).",
    ),
    Good("palette-of-8-bits.tif", palette_tiff, DRAWING),
    Good("jpeg-in.tif", lambda: tiff(DRAWING, photometric="rgb", compression="jpeg"), DRAWING, 24),
    Good("empty-alpha.bmp", lambda: bmp_with_alpha(ALPHA * 0), DRAWING),
    Good("alpha.bmp", lambda: bmp_with_alpha(ALPHA), OVER_WHITE),
    Good("photo.heic", heic, DRAWING, 12),
    Good("ten-bits.heic", heic_of_ten_bits, DRAWING, 12),
    Good("gray.heic", lambda: heic(Image.fromarray(_LUMA)), _LUMA_RGB, 12),
    Good(
        "alpha.heic",
        lambda: heic(Image.fromarray(np.dstack([DRAWING, ALPHA]))),
        OVER_WHITE,
        12,
    ),
    Good("two-images.heic", lambda: two_images("HEIF"), DRAWING, 24),
    Good("second-is-first.heic", lambda: two_images("HEIF", primary_index=1), 255 - DRAWING, 24),
    Good("tiles.heic", lambda: heic(tile_size=16), DRAWING, 12),
    Good("named-mif1.heif", lambda: heic().replace(b"heic", b"mif1", 1), DRAWING, 12),
    *[
        Good(
            f"orientation-{i}.heic",
            lambda i=i: turned(i, "HEIF", quality=95, chroma=444),
            DRAWING,
            12,
        )
        for i in range(1, 9)
    ],
    Good("two-images.jpg", lambda: two_images("MPO"), DRAWING, 12),
    Good("without-end.jpg", lambda: rgb("JPEG", quality=95)()[:-2], DRAWING, 12, _END),
    Good("p3.png", lambda: with_profile("PNG", _P3), _FROM_P3, 1, _P3_NOTE),
    Good("p3.jpg", lambda: with_profile("JPEG", _P3, quality=95), _FROM_P3, 12, _P3_NOTE),
    Good("p3.webp", lambda: with_profile("WEBP", _P3, lossless=True), _FROM_P3, 1, _P3_NOTE),
    Good("p3.tif", lambda: with_profile("TIFF", _P3), _FROM_P3, 1, _P3_NOTE),
    Good("p3.avif", lambda: with_profile("AVIF", _P3, quality=95), _FROM_P3, 24, _P3_NOTE),
    Good("p3.heic", lambda: with_profile("HEIF", _P3, quality=95), _FROM_P3, 24, _P3_NOTE),
    Good(
        "p3-palette.png",
        lambda: saved(Image.fromarray(DRAWING).quantize(8), "PNG", icc_profile=_P3),
        _FROM_P3,
        1,
        _P3_NOTE,
    ),
    Good(
        "p3-alpha.png",
        lambda: with_alpha("PNG", icc_profile=_P3),
        np.where(ALPHA[..., None] == 255, _FROM_P3, 255),
        1,
        _P3_NOTE,
    ),
    Good(
        "linear-gray.png",
        lambda: saved(Image.fromarray(GRAY), "PNG", icc_profile=profiles.gray_profile(1.0)),
        np.dstack([profiles.gray_in_srgb(GRAY, 1.0)] * 3),
        1,
        "Converted from its color profile to sRGB.",
    ),
    Good(
        "black-ink.jpg",
        lambda: saved(
            Image.merge("CMYK", [*[Image.new("L", (WIDTH, HEIGHT))] * 3, Image.fromarray(GRAY)]),
            "JPEG",
            quality=100,
            icc_profile=profiles.ink_profile(),
        ),
        np.dstack([profiles.black_ink_in_srgb(GRAY)] * 3),
        6,
        "Converted from its color profile to sRGB.",
    ),
    Good(
        "gray-profile-of-color.png",
        lambda: with_profile("PNG", profiles.gray_profile(1.8)),
        DRAWING,
        note="The color profile is not for RGB images and was ignored.",
    ),
    Good(
        "bomb-in-profile.png",
        lambda: bomb_in(b"iCCP"),
        _GRAY_RGB,
        note="The color profile is too large and was ignored.",
    ),
    Good(
        "broken-profile.jpg",
        lambda: with_profile("JPEG", _P3[:300], quality=95),
        DRAWING,
        12,
        "The color profile is damaged and was ignored.",
    ),
    Good("cmyk.jpg", mode("CMYK", "JPEG", quality=95), DRAWING, 16),
    Good("cmyk-without-marker.jpg", without_adobe_marker, DRAWING, 16),
    Good("ycck.jpg", ycck_jpeg, DRAWING, 16),
    Good("cmyk.tif", mode("CMYK", "TIFF"), DRAWING, 1),
    Good("ycbcr.tif", mode("YCbCr", "TIFF"), DRAWING, 3),
    Good("lab.tif", mode("LAB", "TIFF"), DRAWING, 16),
    *[
        Good(f"orientation-{i}.jpg", lambda i=i: turned(i, quality=95), DRAWING, 12)
        for i in range(1, 9)
    ],
    Good("orientation-6.png", lambda: turned(6, "PNG"), DRAWING),
    Good("orientation-8.webp", lambda: turned(8, "WEBP", lossless=True), DRAWING),
    Good("orientation-3.tif", lambda: turned(3, "TIFF"), DRAWING),
    Good("animated.gif", lambda: animation("GIF"), DRAWING),
    Good("animated.webp", lambda: animation("WEBP"), DRAWING),
    Good("animated.png", lambda: animation("PNG"), DRAWING),
    Good("pages.tif", lambda: animation("TIFF"), DRAWING),
    Good("looping.tif", looping_tiff, _GRAY_RGB),
    Good("with-a-zip-behind.png", lambda: rgb("PNG")() + b"PK\x03\x04 and more", DRAWING),
    Good("with-html-behind.gif", lambda: rgb("GIF")() + b"<script>alert(1)</script>", DRAWING),
    Good("eight-by-eight.png", sized(8, 8), np.full((8, 8, 3), (255, 0, 0), np.uint8)),
    Good("strip.png", sized(2000, 8), np.full((8, 2000, 3), (255, 0, 0), np.uint8)),
]

_BLANK = Image.new("RGB", (64, 64), "red")

BAD = [
    Bad("empty", lambda: b"", "empty"),
    Bad("text.png", lambda: b"this is no image", "cannot be read"),
    Bad("drawing.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "cannot be read"),
    Bad("page.pdf", lambda: b"%PDF-1.7\n1 0 obj\n", "cannot be read"),
    Bad("header-only.heic", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "HEIC"),
    Bad("cut.heic", lambda: heic()[:-200], "HEIC"),
    Bad("bomb.heic", lambda: heic_that_claims(60_000, 60_000, _BLANK), "40 million"),
    Bad("large.heic", lambda: heic_that_claims(5_001, 5_000, _BLANK), "25 million"),
    Bad(
        "large-alpha.heic",
        lambda: heic_that_claims(4_001, 3_125, _BLANK.convert("RGBA")),
        "12 million",
    ),
    Bad(
        "bomb-in-a-crop.heic",  # 60 × 60 of it are to be shown
        lambda: heic_that_claims(9_000, 9_000, _BLANK.resize((60, 60))),
        "25 million",
    ),
    Bad(
        "larger-than-it-claims.heic",
        lambda: heic_that_claims(64, 64, _BLANK.resize((1_600, 1_600))),
        "HEIC",
    ),
    Bad("zip", lambda: b"PK\x03\x04" + bytes(100), "cannot be read"),
    Bad("pickle", lambda: b"\x80\x04\x95cos\nsystem\n", "cannot be read"),
    Bad("icon.ico", lambda: saved(Image.new("RGB", (16, 16)), "ICO"), "cannot be read"),
    Bad("zeros", lambda: bytes(10_000), "cannot be read"),
    Bad("signature-only.png", lambda: b"\x89PNG\r\n\x1a\n", "image"),
    Bad("signature-only.jpg", lambda: b"\xff\xd8\xff\xe0", "image"),
    Bad("one-pixel.png", sized(1, 1), "1 × 1"),
    Bad("narrow.png", sized(3000, 1), "1 × 3000"),
    Bad("too-low.png", sized(40, 7), "7 × 40"),
    Bad("thread.png", sized(3000, 8), "times the other"),
    Bad("large.webp", lambda: blank(5_001, 4_000, "WEBP", method=0), "20 million"),
    Bad("large.avif", lambda: blank(4_001, 4_000, "AVIF", speed=10), "16 million"),
    Bad("cut.png", cut(lambda: noise("PNG")), "damaged"),
    Bad("cut.jpg", cut(lambda: noise("JPEG")), "damaged"),
    Bad("cut.webp", cut(lambda: noise("WEBP")), "image"),
    Bad("cut.gif", cut(lambda: noise("GIF")), "damaged"),
    Bad("cut.bmp", cut(lambda: noise("BMP")), "damaged"),
    Bad("cut.tif", cut(lambda: noise("TIFF")), "image"),
    Bad("cut.avif", cut(lambda: noise("AVIF")), "image"),
    Bad("without-pixels.png", lambda: png(WIDTH, HEIGHT), "damaged"),
    Bad("no-width.png", lambda: png(0, 8), "image"),
    Bad("bomb-10000.png", lambda: full_png(10_000, 10_000, 8, 2, 30_000), "40 million"),
    Bad("bomb-20000.png", lambda: png(20_000, 20_000), "40 million"),
    Bad("bomb-30000.png", lambda: full_png(30_000, 30_000, 1, 0, 3750), "40 million"),
    Bad("bomb-65000.png", lambda: png(65_000, 65_000), "40 million"),
    Bad("bomb-12000.png", lambda: png(12_000, 8_000), "40 million"),
    Bad("just-too-many.png", lambda: png(8_000, 5_001), "40 million"),
    Bad("bomb.jpg", huge_jpeg, "40 million"),
    Bad("bomb.gif", huge_gif, "40 million"),
    Bad("bomb-in-text.png", lambda: bomb_in(b"zTXt"), "damaged"),
    Bad("too-many-bytes.png", lambda: rgb("PNG")() + bytes(20 * 1024**2), "20 MB"),
]

LARGEST = {
    "rgb.png": lambda: full_png(8_000, 5_000, 8, 2, 24_000),
    "rgba.png": lambda: full_png(8_000, 5_000, 8, 6, 32_000),
    "sixteen-bit-gray.png": lambda: full_png(8_000, 5_000, 16, 0, 16_000),
    "sixteen-bit-rgb.png": lambda: full_png(8_000, 5_000, 16, 2, 48_000),
    "sixteen-bit-rgba.png": lambda: full_png(8_000, 5_000, 16, 6, 64_000),
    "one-bit.png": lambda: full_png(8_000, 5_000, 1, 0, 1_000),
    "photo.jpg": lambda: saved(Image.new("RGB", (8_000, 5_000), "red"), "JPEG"),
    "cmyk.jpg": lambda: saved(Image.new("CMYK", (8_000, 5_000)), "JPEG"),
    "without-end.jpg": lambda: saved(Image.new("RGB", (8_000, 5_000), "red"), "JPEG")[:-1],
    "palette.gif": lambda: saved(Image.new("P", (8_000, 5_000)), "GIF"),
    "float.tif": lambda: saved(
        Image.new("F", (8_000, 5_000)), "TIFF", compression="tiff_adobe_deflate"
    ),
    "cmyk.tif": lambda: saved(
        Image.new("CMYK", (8_000, 5_000)), "TIFF", compression="tiff_adobe_deflate"
    ),
    "tiles.tif": lambda: tiff(
        np.zeros((5_000, 8_000), np.float32), compression="zstd", predictor=3, tile=(2048, 4096)
    ),
    "planes.tif": lambda: tiff(
        np.zeros((3, 5_000, 8_000), np.uint16),
        photometric="rgb",
        planarconfig="separate",
        compression="lzw",
        rowsperstrip=2_000,
    ),
    "profile.tif": lambda: saved(
        Image.new("CMYK", (8_000, 5_000)),
        "TIFF",
        compression="tiff_adobe_deflate",
        icc_profile=profiles.ink_profile(),
    ),
    "rgb.heic": lambda: heic(Image.new("RGB", (5_000, 5_000), "red")),
    "rgb.webp": lambda: blank(5_000, 4_000, "WEBP", method=0),
    "rgb.avif": lambda: blank(4_000, 4_000, "AVIF", speed=10),
}
