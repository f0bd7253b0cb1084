"""Colors, overlays, mosaics and their encoding."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cnnviz import figures
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.errors import InvalidParameterError
from cnnviz.figures import Scale

RNG = np.random.default_rng(7)
IMAGE = RNG.integers(0, 256, (12, 20, 3), dtype=np.uint8)


def test_zero_is_the_white_middle_of_a_signed_scale() -> None:
    scale = figures.signed_scale(np.array([[-1.0, 3.0]]))
    assert (scale.low, scale.high) == (-3, 3)
    blue, white, red = figures.colorize(np.array([[-3.0, 0.0, 3.0]]), scale)[0].astype(int)
    assert white.min() > 240
    assert blue[2] > blue[0] + 50
    assert red[0] > red[2] + 50


def test_an_empty_map_stays_empty_instead_of_becoming_noise() -> None:
    empty = np.zeros((4, 4), np.float32)
    signed = figures.colorize(empty, figures.signed_scale(empty))
    assert signed.min() > 240
    unsigned = figures.colorize(empty, figures.unsigned_scale(empty))
    np.testing.assert_array_equal(unsigned, np.broadcast_to(unsigned[0, 0], unsigned.shape))


@pytest.mark.parametrize("name", figures.SEQUENTIAL)
def test_sequential_maps_get_lighter_all_the_way(name: str) -> None:
    luminance = figures.color_table(name) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > -1.5).all()
    assert luminance[-1] - luminance[0] > 120


def test_colors_are_rgb_and_ends_are_clipped() -> None:
    scale = Scale(0, 1, "viridis")
    painted = figures.colorize(np.array([[-5.0, 0.0, 1.0, 9.0]]), scale)[0]
    np.testing.assert_array_equal(painted[0], painted[1])
    np.testing.assert_array_equal(painted[2], painted[3])
    np.testing.assert_array_equal(painted[1], [68, 1, 84])  # viridis begins in dark violet
    np.testing.assert_array_equal(painted[2], [253, 231, 37])  # and ends in yellow


@pytest.mark.parametrize(
    ("low", "high", "name"), [(1, 1, "viridis"), (2, 1, "gray"), (0, 1, "jet")]
)
def test_impossible_scales_are_refused(low: float, high: float, name: str) -> None:
    with pytest.raises(InvalidParameterError, match=r"must rise|no color map"):
        Scale(low, high, name)


def test_overlay_ends_are_the_image_and_the_map() -> None:
    painted = figures.colorize(RNG.random((12, 20)), Scale(0, 1, "inferno"))
    np.testing.assert_array_equal(figures.overlay(IMAGE, painted, 0), IMAGE)
    np.testing.assert_array_equal(figures.overlay(IMAGE, painted, 1), painted)
    half = (IMAGE.astype(float) + painted) / 2
    assert np.abs(figures.overlay(IMAGE, painted, 0.5) - half).max() <= 0.5


def test_what_the_network_did_not_see_is_dimmed_and_not_painted() -> None:
    heatmap = ClassHeatmap(np.ones((3, 3)), "conv", 0, 1.0, "grad-cam")
    part = (slice(0, 12), slice(4, 16))
    whole = figures.overlay_part(IMAGE, heatmap.values, Scale(0, 1, "inferno"), 1.0, part)
    np.testing.assert_array_equal(whole[part], np.broadcast_to([252, 255, 164], (12, 12, 3)))
    outside = np.r_[0:4, 16:20]
    np.testing.assert_array_equal(whole[:, outside], (IMAGE[:, outside] * 0.35).astype(np.uint8))


def test_overlay_refuses_other_sizes_and_opacities() -> None:
    with pytest.raises(InvalidParameterError, match="one size"):
        figures.overlay(IMAGE, IMAGE[:5], 0.5)
    with pytest.raises(InvalidParameterError, match="between 0 and 1"):
        figures.overlay(IMAGE, IMAGE, 1.5)


def test_enlarging_keeps_hard_pixels_and_whole_factors() -> None:
    large = figures.enlarge(IMAGE, 64)
    assert large.shape == (36, 60, 3)
    np.testing.assert_array_equal(large[::3, ::3], IMAGE)
    np.testing.assert_array_equal(figures.enlarge(IMAGE, 10), IMAGE)


def test_png_gives_back_the_same_rgb_pixels() -> None:
    decoded = np.asarray(Image.open(BytesIO(figures.encode_png(IMAGE))))
    np.testing.assert_array_equal(decoded, IMAGE)


def test_jpeg_keeps_red_red() -> None:
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 250
    decoded = np.asarray(Image.open(BytesIO(figures.encode_jpeg(red)))).astype(int)
    assert np.abs(decoded - red).max() < 12


def test_encoding_refuses_floats() -> None:
    with pytest.raises(InvalidParameterError, match="uint8"):
        figures.encode_png(np.zeros((4, 4)))


def test_mosaic_places_every_map_in_reading_order() -> None:
    maps = [np.full((8, 8), value) for value in (0.0, 0.5, 1.0)]
    scale = Scale(0, 1, "gray")
    sheet = figures.mosaic(maps, [scale] * 3, columns=2, tile_px=48)
    assert sheet.shape == (2 * 52 + 4, 2 * 52 + 4, 3)
    centers = [
        sheet[4 + 52 * row + 30, 4 + 52 * column + 30, 0]
        for row, column in [(0, 0), (0, 1), (1, 0)]
    ]
    assert centers == [0, 128, 255]
    assert sheet[4 + 52 + 30, 4 + 52 + 30, 0] == 128  # the empty place keeps the ground color


def test_mosaic_shrinks_large_maps_to_the_tile() -> None:
    sheet = figures.mosaic([np.zeros((200, 100))], [Scale(0, 1, "gray")], tile_px=50)
    assert sheet.shape == (58, 58, 3)


def test_a_border_lies_outside_the_image_and_has_its_color() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    bordered = figures.with_border(pixels, (200, 100, 50), width_px=2)
    assert bordered.shape == (9, 11, 3)
    np.testing.assert_array_equal(bordered[2:-2, 2:-2], pixels)
    np.testing.assert_array_equal(bordered[:2], np.full((2, 11, 3), (200, 100, 50)))
    np.testing.assert_array_equal(bordered[:, -2:], np.full((9, 2, 3), (200, 100, 50)))
