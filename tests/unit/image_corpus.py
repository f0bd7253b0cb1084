"""Files that people upload, and files that are made to do harm: each with what must come of it."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40
_CORNERS = [(0, 0), (0, 1), (1, 0), (1, 1)]


def drawing() -> np.ndarray:
    """Four quarters: red, green / blue, white; no symmetry, so that a turn is noticed."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    colours = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (255, 255, 255)]
    for (down, right), colour in zip(_CORNERS, colours, strict=True):
        rows = slice(down * HEIGHT // 2, (down + 1) * HEIGHT // 2)
        pixels[rows, right * WIDTH // 2 : (right + 1) * WIDTH // 2] = colour
    return pixels


DRAWING = drawing()
GRAY = np.linspace(0, 255, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH).astype(np.uint8)
ALPHA = np.zeros((HEIGHT, WIDTH), np.uint8)
ALPHA[:, WIDTH // 2 :] = 255
OVER_WHITE = np.where(ALPHA[..., None] == 255, DRAWING, 255).astype(np.uint8)


@dataclass(frozen=True)
class Good:
    """A file that must be read: its pixels, and how far a lossy format may be off."""

    name: str
    make: Callable[[], bytes]
    pixels: np.ndarray
    tolerance: int = 0


@dataclass(frozen=True)
class Bad:
    """A file that must be refused, and a word of the sentence that says why."""

    name: str
    make: Callable[[], bytes]
    words: str


def saved(image: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def rgb(file_format: str, **options: object) -> Callable[[], bytes]:
    return lambda: saved(Image.fromarray(DRAWING), file_format, **options)


def mode(name: str, file_format: str, **options: object) -> Callable[[], bytes]:
    return lambda: saved(Image.fromarray(DRAWING).convert(name), file_format, **options)


def with_alpha(file_format: str, **options: object) -> bytes:
    return saved(Image.fromarray(np.dstack([DRAWING, ALPHA])), file_format, **options)


def turned(orientation: int, file_format: str = "JPEG", **options: object) -> bytes:
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
    colour: int = 2,
    *,
    rows: bytes | None = None,
    extra: bytes = b"",
) -> bytes:
    """Write a PNG by hand; without `rows` it only claims to have pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = zlib.compress(rows, 9) if rows is not None else zlib.compress(b"\0" * 100)
    chunks = [chunk(b"IHDR", header), extra, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def full_png(width: int, height: int, depth: int, colour: int, row_bytes: int) -> bytes:
    """Write a large black PNG whose rows are really there, without ever holding them."""
    packer = zlib.compressobj(9)
    row = bytes(1 + row_bytes) * 100
    data = b"".join(packer.compress(row) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def sixteen_bit_rgb() -> bytes:
    values = DRAWING.astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    return png(WIDTH, HEIGHT, 16, 2, rows=rows)


def gray_rows() -> bytes:
    return b"".join(b"\0" + row.tobytes() for row in GRAY)


def transparent_gray() -> bytes:
    """Grey with one value declared transparent."""
    extra = chunk(b"tRNS", struct.pack(">H", int(GRAY[0, 0])))
    return png(WIDTH, HEIGHT, 8, 0, rows=gray_rows(), extra=extra)


def transparent_palette() -> bytes:
    image = Image.fromarray(DRAWING).quantize(8)
    index = image.getpixel((0, 0))
    return saved(image, "PNG", transparency=index)


def animation(file_format: str) -> bytes:
    frames = [Image.fromarray(DRAWING), Image.fromarray(255 - DRAWING), Image.fromarray(DRAWING)]
    options = {"lossless": True} if file_format == "WEBP" else {}
    return saved(frames[0], file_format, save_all=True, append_images=frames[1:], **options)


def bomb_in(kind: bytes) -> bytes:
    """A PNG whose text or colour profile unpacks to 100 MB."""
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


def noise(file_format: str, **options: object) -> bytes:
    """Something that does not compress, so that a cut falls into the pixels."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return saved(Image.fromarray(pixels), file_format, **options)


def sized(width: int, height: int) -> Callable[[], bytes]:
    return lambda: saved(Image.new("RGB", (width, height), "red"), "PNG")


def blank(width: int, height: int, file_format: str, **options: object) -> bytes:
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
    Good("sixteen-bit-gray.png", lambda: saved(Image.fromarray(_SIXTEEN), "PNG"), _GRAY_RGB),
    Good("sixteen-bit-gray.tif", lambda: saved(Image.fromarray(_SIXTEEN), "TIFF"), _GRAY_RGB),
    Good("sixteen-bit-rgb.png", sixteen_bit_rgb, DRAWING),
    Good("float.tif", float_tiff, _GRAY_RGB, 1),
    Good("cmyk.jpg", mode("CMYK", "JPEG", quality=95), DRAWING, 16),
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

BAD = [
    Bad("empty", lambda: b"", "empty"),
    Bad("text.png", lambda: b"this is not a picture", "not a picture"),
    Bad("drawing.svg", lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a picture"),
    Bad("page.pdf", lambda: b"%PDF-1.7\n1 0 obj\n", "not a picture"),
    Bad("photo.heic", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "picture"),
    Bad("zip", lambda: b"PK\x03\x04" + bytes(100), "not a picture"),
    Bad("pickle", lambda: b"\x80\x04\x95cos\nsystem\n", "not a picture"),
    Bad("icon.ico", lambda: saved(Image.new("RGB", (16, 16)), "ICO"), "not a picture"),
    Bad("zeros", lambda: bytes(10_000), "not a picture"),
    Bad("signature-only.png", lambda: b"\x89PNG\r\n\x1a\n", "picture"),
    Bad("signature-only.jpg", lambda: b"\xff\xd8\xff\xe0", "picture"),
    Bad("one-pixel.png", sized(1, 1), "1 × 1"),
    Bad("narrow.png", sized(3000, 1), "3000 × 1"),
    Bad("too-low.png", sized(40, 7), "40 × 7"),
    Bad("thread.png", sized(3000, 8), "times the other"),
    Bad("large.webp", lambda: blank(5_001, 4_000, "WEBP", method=0), "20 million"),
    Bad("large.avif", lambda: blank(4_001, 4_000, "AVIF", speed=10), "16 million"),
    Bad("cut.png", cut(lambda: noise("PNG")), "damaged"),
    Bad("cut.jpg", cut(lambda: noise("JPEG")), "damaged"),
    Bad("cut.webp", cut(lambda: noise("WEBP")), "picture"),
    Bad("cut.gif", cut(lambda: noise("GIF")), "damaged"),
    Bad("cut.bmp", cut(lambda: noise("BMP")), "damaged"),
    Bad("cut.tif", cut(lambda: noise("TIFF")), "picture"),
    Bad("cut.avif", cut(lambda: noise("AVIF")), "picture"),
    Bad("without-pixels.png", lambda: png(WIDTH, HEIGHT), "damaged"),
    Bad("no-width.png", lambda: png(0, 8), "picture"),
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
    "one-bit.png": lambda: full_png(8_000, 5_000, 1, 0, 1_000),
    "photo.jpg": lambda: saved(Image.new("RGB", (8_000, 5_000), "red"), "JPEG"),
    "cmyk.jpg": lambda: saved(Image.new("CMYK", (8_000, 5_000)), "JPEG"),
    "palette.gif": lambda: saved(Image.new("P", (8_000, 5_000)), "GIF"),
    "float.tif": lambda: saved(
        Image.new("F", (8_000, 5_000)), "TIFF", compression="tiff_adobe_deflate"
    ),
    "cmyk.tif": lambda: saved(
        Image.new("CMYK", (8_000, 5_000)), "TIFF", compression="tiff_adobe_deflate"
    ),
    "rgb.webp": lambda: blank(5_000, 4_000, "WEBP", method=0),
    "rgb.avif": lambda: blank(4_000, 4_000, "AVIF", speed=10),
}
