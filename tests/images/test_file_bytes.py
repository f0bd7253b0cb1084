"""What the bytes of a file tell: its kind, the chunks of a PNG, and whether a JPEG is complete."""

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from cnnviz.errors import InvalidImageError
from cnnviz.images import file_bytes, read_image
from tests.builders.image_corpus import chunk, png

RNG = np.random.default_rng(5)
WIDTH, HEIGHT = 150, 109
NOTE = "The end of the file is missing; every pixel is there."


def photo() -> Image.Image:
    """Smooth shapes with some noise; no side is a multiple of a block."""
    coarse = Image.fromarray(RNG.integers(0, 256, (14, 20, 3), np.uint8))
    smooth = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC), float)
    return Image.fromarray((smooth + RNG.normal(0, 6, smooth.shape)).clip(0, 255).astype(np.uint8))


PHOTO = photo()


def jpeg(mode: str = "RGB", image: Image.Image = PHOTO, **options: object) -> bytes:
    buffer = BytesIO()
    image.convert(mode).save(buffer, "JPEG", **options)
    content = buffer.getvalue()
    assert content.endswith(b"\xff\xd9")
    return content


def with_thumbnail() -> bytes:
    """A JPEG whose camera's note holds another JPEG, with its own scan and its own end."""
    small = jpeg(image=PHOTO.resize((16, 16)))
    note = b"Exif\0\0" + small
    segment = b"\xff\xe1" + struct.pack(">H", len(note) + 2) + note
    content = jpeg()
    return content[:2] + segment + content[2:]


def by_another_library() -> bytes:
    pixels = np.asarray(PHOTO)
    return bytes(imagecodecs.jpeg8_encode(pixels, level=90, subsampling="444", optimize=True))


JPEGS: dict[str, Callable[[], bytes]] = {
    "baseline": jpeg,
    "best": lambda: jpeg(quality=100, subsampling=0),
    "gray": lambda: jpeg("L"),
    "inks": lambda: jpeg("CMYK"),
    "own tables": lambda: jpeg(optimize=True, quality=30),
    "progressive": lambda: jpeg(progressive=True),
    "progressive gray": lambda: jpeg("L", progressive=True, quality=95),
    "restarts": lambda: jpeg(restart_marker_blocks=1),
    "restarts at rows": lambda: jpeg(restart_marker_rows=1, subsampling=0),
    "progressive restarts": lambda: jpeg(progressive=True, restart_marker_blocks=7),
    "plain red": lambda: jpeg(image=Image.new("RGB", (640, 480), "red"), optimize=True),
    "thumbnail": with_thumbnail,
    "another library": by_another_library,
}


@pytest.mark.parametrize("name", JPEGS)
@pytest.mark.parametrize("num_lacking", [1, 2])
def test_a_jpeg_without_its_end_is_read(name: str, num_lacking: int) -> None:
    content = JPEGS[name]()
    whole, cut = read_image(content), read_image(content[:-num_lacking])
    assert cut.digest == whole.digest
    assert (whole.note, cut.note) == ("", NOTE)


@pytest.mark.parametrize("name", [name for name in JPEGS if name not in ("inks", "plain red")])
@pytest.mark.parametrize("num_lacking", [3, 4, 5, 8, 40, 400, 1500])
def test_a_jpeg_that_lacks_image_data_is_refused(name: str, num_lacking: int) -> None:
    content = JPEGS[name]()
    with pytest.raises(InvalidImageError, match="damaged or not complete and cannot be read"):
        read_image(content[:-num_lacking])


@pytest.mark.parametrize("name", JPEGS)
def test_no_wrong_pixel_is_shown_wherever_a_jpeg_is_cut(name: str) -> None:
    content = JPEGS[name]()
    whole = read_image(content)
    for num_lacking in (*range(3, 12), *range(20, len(content) // 2, len(content) // 20)):
        try:
            cut = read_image(content[:-num_lacking])
        except InvalidImageError:
            continue
        assert cut.digest == whole.digest  # bits without effect were lost, as in a plain area


@pytest.mark.parametrize("name", ["progressive", "progressive gray", "progressive restarts"])
def test_a_progressive_jpeg_without_its_last_scans_is_refused(name: str) -> None:
    content = JPEGS[name]()
    places = [i for i in range(len(content)) if content[i : i + 2] == b"\xff\xda"]
    assert len(places) > 4
    for place in places[1:]:
        with pytest.raises(InvalidImageError, match="damaged or not complete"):
            read_image(content[:place])


@pytest.mark.parametrize("name", ["restarts", "restarts at rows"])
def test_a_jpeg_cut_at_a_restart_marker_is_refused(name: str) -> None:
    content = JPEGS[name]()
    markers = [content.rindex(bytes([0xFF, 0xD0 + i])) for i in range(8)]
    for place in markers:
        for cut in (content[:place], content[: place + 1], content[: place + 2]):
            with pytest.raises(InvalidImageError, match="damaged or not complete"):
                read_image(cut)


@pytest.mark.parametrize("name", JPEGS)
def test_what_stands_behind_the_end_does_not_matter(name: str) -> None:
    content = JPEGS[name]()
    whole = read_image(content)
    for rest in (bytes(1), bytes(5000), b"\xff" * 40, b"more", content, b"\xff\xd8\xff"):
        read = read_image(content + rest)
        assert (read.digest, read.note) == (whole.digest, "")


@pytest.mark.parametrize("name", JPEGS)
def test_zeros_that_fill_a_file_are_no_image_data(name: str) -> None:
    content = JPEGS[name]()
    padded = read_image(content[:-2] + bytes(4096))
    assert (padded.digest, padded.note) == (read_image(content).digest, NOTE)
    for filler in (bytes(len(content)), b"\xff" * len(content), bytes(10)):
        with pytest.raises(InvalidImageError, match="damaged or not complete"):
            read_image(content[: len(content) // 2] + filler)


def test_many_scans_are_not_decoded_again_and_again() -> None:
    content = jpeg()[:-2] + b"\xff\xda" * 60
    with pytest.raises(InvalidImageError, match="damaged or not complete"):
        read_image(content)


def test_the_end_is_looked_for_behind_the_first_scan() -> None:
    assert file_bytes.has_end(with_thumbnail())
    assert not file_bytes.has_end(with_thumbnail()[:-1])
    assert not file_bytes.has_end(with_thumbnail()[:-2])
    assert file_bytes.has_end(b"\xff\xd8\xff")  # nothing is known: a decoder says what is wrong


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (imagecodecs.jpegls_encode(np.zeros((16, 16), np.uint8)), "JPEG-LS"),
        (imagecodecs.jpeg8_encode(np.zeros((16, 16), np.uint16), bitspersample=12), "12 bits"),
        (jpeg().replace(b"\xff\xc0", b"\xff\xc5", 1), "hierarchical"),
    ],
    ids=["JPEG-LS", "12 bits", "hierarchical"],
)
def test_a_jpeg_of_a_rare_kind_is_named(content: bytes, kind: str) -> None:
    with pytest.raises(InvalidImageError, match=rf"JPEG of this kind \({kind}.*\) cannot be read"):
        read_image(bytes(content))


def test_ordinary_jpegs_are_not_called_rare() -> None:
    for make in JPEGS.values():
        assert file_bytes.unusual_jpeg(make()) is None


def saved(file_format: str, mode: str = "RGB") -> bytes:
    buffer = BytesIO()
    PHOTO.resize((48, 48)).convert(mode).save(buffer, file_format)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (saved("ICO"), "Icon"),
        (saved("ICNS"), "Icon"),
        (saved("PPM"), "anymap"),
        (saved("JPEG2000"), "JPEG 2000"),
        (bytes(imagecodecs.jpeg2k_encode(np.asarray(PHOTO), codecformat="j2k")), "JPEG 2000"),
        (bytes(imagecodecs.jpegxl_encode(np.asarray(PHOTO))), "JPEG XL"),
        (saved("TGA"), "TGA"),
        (saved("SGI"), "SGI"),
        (saved("DDS"), "DDS"),
        (saved("EPS"), "PostScript"),
        (saved("PDF"), "PDF"),
        (saved("XBM", "1"), "XBM"),
        (b"8BPS\0\1" + bytes(50), "PSD"),
        (b"v/1\x01" + bytes(50), "OpenEXR"),
        (b"#?RADIANCE\n", "Radiance"),
        (bytes(128) + b"DICM", "DICOM"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", "CR3"),
        (b"\0\0\0\x18ftypisom\0\0\0\1", "Video"),
    ],
)
def test_images_of_other_kinds_are_named_and_never_called_no_image(
    content: bytes, name: str
) -> None:
    with pytest.raises(InvalidImageError, match=f"{name}.* files cannot be read") as caught:
        read_image(content)
    assert "not an image" not in str(caught.value)
    assert "Please use a PNG, JPEG, WebP, GIF, BMP, TIFF, AVIF or HEIC image." in str(caught.value)


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_accepted_formats_are_known_by_their_first_bytes(file_format: str) -> None:
    content = saved(file_format)
    assert file_bytes.accepted_kind(content) is not None
    with pytest.raises(InvalidImageError, match="cannot be read") as caught:
        read_image(content[:40])
    assert "damaged" in str(caught.value)


def test_the_chunks_of_a_png_are_found_also_behind_the_pixels() -> None:
    extra = chunk(b"sBIT", b"\x05\x06\x05") + chunk(b"tEXt", b"a\0b")
    content = png(8, 8, rows=bytes(25 * 8), extra=extra)
    content = content[:-12] + chunk(b"eXIf", b"note") + content[-12:]
    kinds = [found.kind for found in file_bytes.png_chunks(content)]
    assert kinds == [b"IHDR", b"sBIT", b"tEXt", b"eXIf", b"IEND"]
    for found in file_bytes.png_chunks(content):
        assert content[found.start : found.end] == chunk(found.kind, found.content)
    assert file_bytes.png_chunk(content, b"eXIf") == b"note"
    assert file_bytes.png_chunk(content, b"gAMA") == b""
    assert file_bytes.significant_bits(content) == 6
    assert [*file_bytes.png_chunks(content[:40])][1:] == []


@pytest.mark.parametrize("bits", [b"", b"\0\0\0", b"\x11"])
def test_a_senseless_number_of_bits_says_nothing(bits: bytes) -> None:
    assert file_bytes.significant_bits(png(8, 8, extra=chunk(b"sBIT", bits))) is None


@pytest.mark.parametrize(
    ("packed", "fault"),
    [
        (zlib.compress(bytes(2_000_000), 9), "too large"),
        (b"not packed", "damaged"),
        (zlib.compress(bytes(500)), ""),
    ],
)
def test_only_a_usable_profile_is_left_in_a_png(packed: bytes, fault: str) -> None:
    plain = png(8, 8, rows=bytes(25 * 8))
    content = png(8, 8, rows=bytes(25 * 8), extra=chunk(b"iCCP", b"name\0\0" + packed))
    left, note = file_bytes.without_bad_profile(content)
    assert left == (plain if fault else content)
    assert note == (f"The color profile is {fault} and was ignored." if fault else "")
