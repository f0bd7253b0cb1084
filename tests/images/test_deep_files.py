"""TIFF and PNG beyond 8 bits a channel: the same image, whatever type of numbers holds it."""

import logging
import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from cnnviz.errors import InvalidImageError
from cnnviz.images import read_image
from tests.builders import profiles
from tests.builders.image_corpus import chunk, png

HEIGHT, WIDTH = 40, 64
_ROW, _COLUMN = np.mgrid[:HEIGHT, :WIDTH]
GRAY = (_COLUMN * 255 // (WIDTH - 1)).astype(np.uint8)
RGB = np.dstack([GRAY, _ROW * 255 // (HEIGHT - 1), GRAY[::-1, ::-1] // 2]).astype(np.uint8)
IS_OPAQUE = _COLUMN < WIDTH // 2
OVER_WHITE = np.where(IS_OPAQUE[..., np.newaxis], RGB, 255)
GRAY_OVER_WHITE = np.where(IS_OPAQUE, GRAY, 255)
COMPRESSIONS = [None, "lzw", "zlib", "packbits", "lzma", "zstd"]


def tiff(values: np.ndarray, **options: Any) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, values, **options)
    return buffer.getvalue()


def png16(values: np.ndarray, extra: bytes = b"") -> bytes:
    """Write values (h, w, channels) with 16 bits a channel."""
    values = values.reshape(*values.shape[:2], -1)
    color = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return png(values.shape[1], values.shape[0], 16, color, rows=rows, extra=extra)


def in_bits(levels: np.ndarray, num_bits: int, name: str = "u2") -> np.ndarray:
    """Spread gray levels over the range of a number of bits."""
    return (levels.astype(np.uint64) * (2**num_bits - 1) // 255).astype(name)


def shown(content: bytes) -> np.ndarray:
    return read_image(content).pixels


def assert_shows(content: bytes, expected: np.ndarray, tolerance: int = 0) -> None:
    if expected.ndim == 2:
        expected = np.dstack([expected] * 3)
    difference = np.abs(shown(content).astype(int) - expected)
    assert difference.max() <= tolerance


@pytest.mark.parametrize("num_bits", [8, 10, 12, 14, 16])
def test_data_of_fewer_bits_in_16_are_shown_in_full(num_bits: int) -> None:
    gray, rgb = in_bits(GRAY, num_bits), in_bits(RGB, num_bits)
    assert_shows(tiff(gray), GRAY)
    assert_shows(png16(gray), GRAY)
    assert_shows(tiff(rgb, photometric="rgb"), RGB)
    assert_shows(png16(rgb), RGB)
    assert f"Values 0 to {2**num_bits - 1} " in read_image(png16(rgb)).note


@pytest.mark.parametrize("num_bits", [8, 12, 16])
def test_hot_and_dead_pixels_do_not_darken_the_rest(num_bits: int) -> None:
    values = in_bits(GRAY, num_bits) + 0
    spoiled = values.copy()
    spoiled[3, 60], spoiled[9, 61], spoiled[30, 5] = 65535, 65535, 0
    for content in (tiff(spoiled), png16(spoiled)):
        difference = np.abs(shown(content)[..., 0].astype(int) - GRAY)
        assert np.count_nonzero(difference) <= 3


@pytest.mark.parametrize(
    ("compression", "predictor"),
    [(None, None), *[(name, predictor) for name in COMPRESSIONS[1:] for predictor in (None, True)]],
)
@pytest.mark.parametrize(
    "layout",
    [
        {},
        {"tile": (16, 32)},
        {"rowsperstrip": 7},
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "tile": (16, 16)},
        {"byteorder": ">"},
        {"bigtiff": True},
    ],
    ids=str,
)
def test_a_tiff_is_read_however_it_is_packed(
    compression: str | None, predictor: bool | None, layout: dict[str, Any]
) -> None:
    options = {"compression": compression, "predictor": predictor, "photometric": "rgb"}
    for values in (in_bits(RGB, 16), (RGB / 255).astype(np.float32)):
        if "planarconfig" in layout:
            values = np.moveaxis(values, -1, 0)
        assert_shows(tiff(values, **options, **layout), RGB)


@pytest.mark.parametrize("name", ["u4", "u8"])
def test_unsigned_numbers_have_no_sign(name: str) -> None:
    num_bits = 8 * np.dtype(name).itemsize
    values = GRAY.astype(name) << np.uint64(num_bits - 8)
    assert_shows(tiff(values | (values >> np.uint64(8))), GRAY)
    assert_shows(tiff(in_bits(RGB, 16, name), photometric="rgb"), RGB)


@pytest.mark.parametrize("name", ["i1", "i2", "i4", "i8"])
def test_signed_numbers_of_a_full_type_begin_with_black(name: str) -> None:
    shift = 8 * np.dtype(name).itemsize - 8
    values = ((GRAY.astype(np.int64) - 128) << shift) + 2**shift // 2
    assert_shows(tiff(values.astype(name)), GRAY)


def test_negative_values_are_no_longer_black() -> None:
    assert_shows(tiff(GRAY.astype(np.int16) - 128), GRAY)
    assert_shows(tiff(GRAY.astype(np.int16) - 3000), GRAY, 1)  # the range of the data
    assert_shows(tiff(GRAY.astype(np.int16) * 16), GRAY)
    assert_shows(tiff(RGB.astype(np.int16) - 128, photometric="rgb"), RGB)


RANGES = {
    "0 to 1": lambda levels: levels / 255,
    "-0.5 to 0.5": lambda levels: levels / 255 - 0.5,
    "-1 to 1": lambda levels: levels / 127.5 - 1,
    "0 to 255": lambda levels: levels * 1.0,
    "-3 to -0.45": lambda levels: levels / 100 - 3,
    "-2.5 to 2.6": lambda levels: levels / 50 - 2.5,
}


@pytest.mark.parametrize("name", ["f2", "f4", "f8"])
@pytest.mark.parametrize("scale", RANGES)
def test_floating_point_is_shown_in_full(name: str, scale: str) -> None:
    gray, rgb = (RANGES[scale](levels).astype(name) for levels in (GRAY, RGB))
    assert_shows(tiff(gray), GRAY, 1)
    assert_shows(tiff(rgb, photometric="rgb"), RGB, 1)
    white_is_zero = RANGES[scale](255 - GRAY.astype(int)).astype(name)
    assert_shows(tiff(white_is_zero, photometric="miniswhite"), GRAY, 1)
    assert f"Values {scale} were mapped to black and white" in read_image(tiff(gray)).note


@pytest.mark.parametrize("predictor", [1, 3])
@pytest.mark.parametrize("name", ["f2", "f4", "f8"])
def test_floating_point_may_be_predicted(name: str, predictor: int) -> None:
    values = (GRAY / 255).astype(name)
    content = tiff(values, compression="zlib", predictor=predictor)
    assert_shows(content, GRAY, tolerance=1 if name == "f2" else 0)


@pytest.mark.parametrize("outlier", [np.nan, np.inf, -np.inf, 1e4, -1e4, 3.4e38, 1.8])
def test_a_strange_value_does_not_spoil_a_floating_point_image(outlier: float) -> None:
    values = (GRAY / 255).astype(np.float32)
    values[5, 40] = values[20, 41] = outlier
    pixels = shown(tiff(values))[..., 0]
    difference = np.abs(pixels.astype(int) - GRAY)
    difference[5, 40] = difference[20, 41] = 0
    assert difference.max() == 0
    assert pixels[5, 40] == (255 if outlier > 1 else 0)


def test_missing_values_are_black_and_do_not_count() -> None:
    values = np.where(IS_OPAQUE, GRAY, 0).astype(np.float32) / 255
    values[~IS_OPAQUE] = np.nan
    expected = np.where(IS_OPAQUE, GRAY, 0)
    assert_shows(tiff(values), expected)
    values[~IS_OPAQUE] = -9999
    no_data = [(42113, "s", 0, "-9999", True)]  # GDAL_NODATA
    assert_shows(tiff(values, extratags=no_data), expected)
    counts = np.where(IS_OPAQUE, GRAY.astype(np.uint16) * 16, 65535).astype(np.uint16)
    no_data = [(42113, "s", 0, "65535", True)]
    assert_shows(tiff(counts, extratags=no_data), expected)


def test_an_image_without_any_value_is_refused() -> None:
    for value in (np.nan, np.inf, -3.4e38):
        with pytest.raises(InvalidImageError, match="missing or not finite"):
            read_image(tiff(np.full((HEIGHT, WIDTH), value, np.float32)))


@pytest.mark.parametrize(
    ("value", "name", "level"),
    [
        *[(0, "f4", 0), (0.5, "f4", 128), (1, "f4", 255), (0, "u2", 0), (255, "u2", 255)],
        *[(128, "u4", 128), (65535, "u2", 255), (7.5, "f8", 255), (-7.5, "f8", 0)],
    ],
)
def test_a_plain_image_is_read(value: float, name: str, level: int) -> None:
    assert_shows(tiff(np.full((HEIGHT, WIDTH), value, name)), np.full((HEIGHT, WIDTH), level))


@pytest.mark.parametrize("num_bits", [8, 12, 16])
def test_white_may_be_zero_in_any_depth(num_bits: int) -> None:
    values = 2**num_bits - 1 - in_bits(GRAY, num_bits)
    image = read_image(tiff(values, photometric="miniswhite"))
    assert_shows(tiff(values, photometric="miniswhite"), GRAY)
    assert f"Values 0 to {2**num_bits - 1} were mapped to white and black" in image.note
    wide = values.astype(np.uint32) << (32 - num_bits)
    assert_shows(tiff(wide, photometric="miniswhite"), GRAY, 1)


def test_white_may_be_zero_in_eight_bits_and_less() -> None:
    assert_shows(tiff(255 - GRAY, photometric="miniswhite"), GRAY)
    assert_shows(tiff(GRAY < 128, photometric="miniswhite"), np.where(GRAY < 128, 0, 255))
    alpha = np.where(IS_OPAQUE, 255, 0).astype(np.uint8)
    options: dict[str, Any] = {"planarconfig": "contig", "extrasamples": ["unassalpha"]}
    both = np.dstack([255 - GRAY, alpha])
    assert_shows(tiff(both, photometric="miniswhite", **options), GRAY_OVER_WHITE)
    assert read_image(tiff(both, photometric="miniswhite", **options)).note == ""


@pytest.mark.parametrize("num_bits", [9, 10, 12, 14])
def test_packed_numbers_have_the_range_of_their_bits(num_bits: int) -> None:
    values = in_bits(GRAY, num_bits)
    assert_shows(tiff(values, bitspersample=num_bits), GRAY)
    dark = read_image(tiff(values // 8, bitspersample=num_bits))
    np.testing.assert_array_equal(dark.pixels[..., 0], (values // 8) >> (num_bits - 8))
    assert "as the file declares" in dark.note


@pytest.mark.parametrize("tag", [281, 341])
def test_the_largest_value_that_a_tiff_states_decides(tag: int) -> None:
    dark = in_bits(GRAY, 9)
    for stated, num_bits in ((4095, 12), (3127, 12), (65535, 16), (255, 10)):
        content = tiff(dark, extratags=[(tag, "H", 1, stated, True)])
        assert_shows(content, dark >> (num_bits - 8))
    half = (GRAY / 510).astype(np.float32)
    limits = [(340, "f", 1, 0.0, True), (341, "f", 1, 0.5, True)]
    assert_shows(tiff(half, extratags=limits), GRAY)
    assert_shows(tiff(half), half * 256, 1)


@pytest.mark.parametrize("num_bits", [8, 10, 12, 16])
def test_significant_bits_of_a_png_decide_scaled_or_not(num_bits: int) -> None:
    extra = chunk(b"sBIT", bytes([num_bits] * 3))
    scaled = in_bits(RGB, 16) >> (16 - num_bits) << (16 - num_bits)
    assert_shows(png16(scaled, extra), RGB)
    assert_shows(png16(in_bits(RGB, num_bits), extra), RGB)
    dark = in_bits(RGB // 4, num_bits)
    assert_shows(png16(dark, extra), dark >> (num_bits - 8))


def with_alpha(colors: np.ndarray, opaque: float, *, is_premultiplied: bool = False) -> np.ndarray:
    alpha = np.where(IS_OPAQUE, opaque, 0).astype(colors.dtype)
    if is_premultiplied:
        colors = np.where(IS_OPAQUE[..., np.newaxis], colors.reshape(HEIGHT, WIDTH, -1), 0)
    return np.dstack([colors, alpha])


@pytest.mark.parametrize("num_bits", [8, 12, 16])
def test_transparent_parts_of_a_deep_image_are_white(num_bits: int) -> None:
    rgba = with_alpha(in_bits(RGB, num_bits), 2**num_bits - 1)
    gray = with_alpha(in_bits(GRAY, num_bits), 2**num_bits - 1)
    assert_shows(png16(rgba), OVER_WHITE)
    assert_shows(png16(gray), GRAY_OVER_WHITE)
    alpha: dict[str, Any] = {"extrasamples": ["unassalpha"]}
    assert_shows(tiff(rgba, photometric="rgb", **alpha), OVER_WHITE)
    planes = np.moveaxis(rgba, -1, 0)
    assert_shows(tiff(planes, photometric="rgb", planarconfig="separate", **alpha), OVER_WHITE)
    contiguous = {"photometric": "minisblack", "planarconfig": "contig", **alpha}
    assert_shows(tiff(gray, **contiguous), GRAY_OVER_WHITE)


def test_alpha_may_be_premultiplied_floating_point_or_none() -> None:
    deep = in_bits(RGB, 16)
    premultiplied = with_alpha(deep, 65535, is_premultiplied=True)
    assert_shows(tiff(premultiplied, photometric="rgb", extrasamples=["assocalpha"]), OVER_WHITE)
    floats = with_alpha((RGB / 255).astype(np.float32), 1)
    assert_shows(tiff(floats, photometric="rgb", extrasamples=["unassalpha"]), OVER_WHITE)
    unknown = with_alpha(deep, 65535)
    assert_shows(tiff(unknown, photometric="rgb", extrasamples=["unspecified"]), RGB)
    eight = with_alpha(in_bits(RGB, 8), 65535)  # alpha fills more bits than the colors
    assert_shows(tiff(eight, photometric="rgb", extrasamples=["unassalpha"]), OVER_WHITE)


def test_half_transparent_values_are_mixed_with_white() -> None:
    values = np.dstack([in_bits(RGB, 16), np.full((HEIGHT, WIDTH), 32768)]).astype(np.uint16)
    values[0, 0, 3] = 65535
    expected = RGB * 0.5 + 255 * 0.5
    expected[0, 0] = RGB[0, 0]
    assert_shows(png16(values), expected, 1)


def test_a_color_declared_transparent_is_white_in_16_bits() -> None:
    gray, rgb = in_bits(GRAY, 16), in_bits(RGB, 16)
    extra = chunk(b"tRNS", struct.pack(">H", gray[0, 10]))
    assert_shows(png16(gray, extra), np.where(gray == gray[0, 10], 255, GRAY))
    extra = chunk(b"tRNS", struct.pack(">HHH", *rgb[3, 10]))
    is_same = (rgb == rgb[3, 10]).all(axis=2, keepdims=True)
    assert_shows(png16(rgb, extra), np.where(is_same, 255, RGB))


def test_of_several_channels_the_first_or_the_colors_are_shown() -> None:
    gray, rgb = in_bits(GRAY, 16), in_bits(RGB, 16)
    for planar, axis in (("contig", -1), ("separate", 0)):
        channels = np.stack([gray, gray // 2, gray // 3, gray // 5, gray], axis=axis)
        image = read_image(tiff(channels, photometric="minisblack", planarconfig=planar))
        np.testing.assert_array_equal(image.pixels[..., 0], GRAY)
        assert image.note.endswith(" Only the first of 5 channels is shown.")
    more = np.dstack([rgb, gray // 2, np.where(IS_OPAQUE, 65535, 0)]).astype(np.uint16)
    extras = ["unspecified", "unassalpha"]
    assert_shows(tiff(more, photometric="rgb", extrasamples=extras), OVER_WHITE)


def test_inks_of_16_bits_keep_their_range() -> None:
    inks = np.asarray(Image.fromarray(RGB).convert("CMYK"))
    assert_shows(tiff(in_bits(inks, 16), photometric="separated"), RGB)
    light = inks // 10
    expected = np.asarray(Image.fromarray(light, "CMYK").convert("RGB"))
    image = read_image(tiff(in_bits(light, 16), photometric="separated"))
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.note == ""


def test_lab_of_8_and_16_bits_is_read_in_both_codings() -> None:
    lab = np.frombuffer(Image.fromarray(RGB).convert("LAB").tobytes(), np.uint8)
    lab = lab.reshape(HEIGHT, WIDTH, 3)  # L from 0 to 255, a and b with a sign
    expected = np.asarray(Image.fromarray(RGB).convert("LAB").convert("RGB"))
    offset = lab + np.uint8([0, 128, 128])  # a and b without one
    assert_shows(tiff(lab, photometric="cielab"), expected)
    assert_shows(tiff(offset, photometric="icclab"), expected)
    assert_shows(tiff(lab.astype(np.uint16) << 8, photometric="cielab"), expected)
    assert_shows(tiff(offset.astype(np.uint16) << 8, photometric="icclab"), expected)


@pytest.mark.parametrize(
    ("orientation", "stored"),
    [
        *[(1, lambda a: a), (2, np.fliplr), (6, np.rot90)],
        *[(3, lambda a: np.rot90(a, 2)), (8, lambda a: np.rot90(a, -1))],
    ],
)
def test_a_deep_image_is_turned(orientation: int, stored: Any) -> None:
    values = np.ascontiguousarray(stored(in_bits(GRAY, 16)))
    tag = (274, "H", 1, orientation, True)
    assert_shows(tiff(values, extratags=[tag]), GRAY)
    exif = Image.Exif()
    exif[274] = orientation
    for is_behind in (False, True):
        note = chunk(b"eXIf", exif.tobytes()[6:])
        content = png16(values, b"" if is_behind else note)
        content = content[:-12] + note + content[-12:] if is_behind else content
        assert_shows(content, GRAY)


def test_deep_images_are_converted_to_srgb() -> None:
    profile = profiles.rgb_profile(profiles.DISPLAY_P3, 2.2, b"Display P3")
    expected = profiles.rgb_in_srgb(RGB, profiles.DISPLAY_P3, 2.2)
    image = read_image(tiff(in_bits(RGB, 16), photometric="rgb", iccprofile=profile))
    assert np.percentile(np.abs(image.pixels - expected), 95) <= 1.5
    assert image.note == (
        "Values 0 to 65535 were mapped to black and white. "
        "Converted from the Display P3 color profile to sRGB."
    )


def test_the_first_page_is_read() -> None:
    pages = np.stack([in_bits(GRAY, 16), in_bits(GRAY[::-1, ::-1], 16)])
    assert_shows(tiff(pages, photometric="minisblack"), GRAY)
    assert_shows(tiff(pages, imagej=True), GRAY)
    assert_shows(tiff(pages, ome=True), GRAY)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff(in_bits(GRAY, 16), compression="jpeg2000"), "compression is JPEG2000"),
        (tiff(RGB, photometric="rgb", compression="jpegxl"), "compression is JPEGXL"),
        (tiff(RGB, photometric="rgb", compression="webp"), "compression is WEBP"),
        (tiff(in_bits(GRAY, 16), photometric="cfa"), "kind CFA"),
        (tiff(in_bits(GRAY, 16), photometric="depth_map"), "kind DEPTH_MAP"),
        (tiff(GRAY.astype(np.complex64)), "unusual type"),
    ],
)
def test_a_tiff_of_another_kind_is_refused_with_what_can_be_read(
    content: bytes, reason: str
) -> None:
    with pytest.raises(InvalidImageError, match=f"This TIFF cannot be read: .*{reason}") as caught:
        read_image(content)
    assert "A TIFF can be read if it is a gray, RGB, CMYK or Lab image" in str(caught.value)
    assert "not an image" not in str(caught.value)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_cut_tiff_is_damaged(compression: str | None, caplog: pytest.LogCaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (HEIGHT, WIDTH), np.uint16)
    content = tiff(noise, compression=compression)
    for share in (0.02, 0.3, 0.9):
        with pytest.raises(InvalidImageError, match="damaged, not complete or of a rare kind"):
            read_image(content[: int(len(content) * share)])
    assert any(
        isinstance(handler, logging.NullHandler)
        for handler in logging.getLogger("tifffile").handlers
    )


def with_tags(content: bytes, tags: dict[int, int]) -> bytes:
    """Change numbers in the directory of a small TIFF."""
    changed = bytearray(content)
    with tifffile.TiffFile(BytesIO(content)) as file:
        for tag, value in tags.items():
            place = file.pages.first.tags[tag].offset + 8
            changed[place : place + 4] = struct.pack("<I", value)
    return bytes(changed)


def test_pieces_that_take_much_memory_or_time_are_refused() -> None:
    values = np.zeros((400, 500), np.uint16)
    one_strip = with_tags(tiff(values, compression="zlib"), {256: 9000, 257: 4000, 278: 4000})
    many_tiles = with_tags(tiff(values, tile=(16, 16)), {322: 1, 323: 1})
    for content in (one_strip, many_tiles):
        with pytest.raises(InvalidImageError, match="too large or too many"):
            read_image(content)


def test_sizes_are_checked_before_pixels_are_decoded() -> None:
    content = tiff((RGB / 255).astype(np.float32), photometric="rgb")
    for width, height, words in ((7000, 6000, "40 million"), (5, 40, "40 × 5"), (8, 9000, "times")):
        with pytest.raises(InvalidImageError, match=words):
            read_image(with_tags(content, {256: width, 257: height}))


@settings(deadline=None, max_examples=60)
@given(
    arrays.arrays(
        st.sampled_from(["u2", "i2", "u4", "f4"]),
        (8, 9),
        elements={"min_value": 0, "max_value": 30_000},
    ),
    st.booleans(),
)
def test_reading_keeps_the_order_of_values(values: np.ndarray, is_inverted: bool) -> None:
    photometric = "miniswhite" if is_inverted else "minisblack"
    levels = shown(tiff(values, photometric=photometric))[..., 0]
    ordered = levels.reshape(-1)[np.argsort(values, axis=None)].astype(int)
    assert (np.diff(-ordered if is_inverted else ordered) >= 0).all()
