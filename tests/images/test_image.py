"""Gray values, sizes and parts of images, against Pillow, Keras and numbers by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cnnviz.errors import InvalidImageError
from cnnviz.images import image as images
from cnnviz.images import image_from_pixels, read_image
from tests.builders.image_corpus import DRAWING, sized


def test_gray_pixels_become_rgb_and_back_to_the_same_luma() -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = image_from_pixels(gray)
    np.testing.assert_array_equal(image.pixels, np.dstack([gray] * 3))
    np.testing.assert_array_equal(images.as_gray(image), (gray / 255).astype(np.float32))


def test_gray_weighs_colors_as_pillow_and_keras_do() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    image = image_from_pixels(pixels)
    by_pillow = np.asarray(Image.fromarray(pixels).convert("L"))
    assert np.abs(images.as_gray(image) * 255 - by_pillow).max() <= 0.5 + 1e-4
    view = images.center_view(image, 300, 400, is_grayscale=True)
    np.testing.assert_array_equal(view, np.dstack([by_pillow] * 3))
    small = images.center_view(image, 28, 28)
    small_gray = images.center_view(image, 28, 28, is_grayscale=True)[..., 0]
    np.testing.assert_array_equal(small_gray, np.asarray(Image.fromarray(small).convert("L")))


def test_gray_is_what_keras_loads(tmp_path: Path) -> None:
    import keras

    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    loaded = keras.utils.load_img(tmp_path / "image.png", color_mode="grayscale")
    view = images.center_view(read_image(tmp_path / "image.png"), 40, 50, is_grayscale=True)
    np.testing.assert_array_equal(view[..., 0], np.asarray(loaded))


def test_luma_weighs_green_most() -> None:
    pixels = np.zeros((8, 24, 3), np.uint8)
    for channel in range(3):
        pixels[:, 8 * channel : 8 * channel + 8, channel] = 255
    luma = images.as_gray(image_from_pixels(pixels))[0, ::8]
    np.testing.assert_allclose(luma, [0.299, 0.587, 0.114], atol=1e-5)  # ITU-R BT.601


@pytest.mark.parametrize(
    "pixels",
    [np.zeros((8, 8)), np.zeros((8, 8, 4), np.uint8), np.zeros(8, np.uint8)],
    ids=["floats", "four channels", "one axis"],
)
def test_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(InvalidImageError, match="expected"):
        image_from_pixels(pixels)
    with pytest.raises(InvalidImageError, match="uint8"):
        images.as_unit_float(pixels.astype(np.float32))


def test_shrinking_keeps_the_aspect_and_never_enlarges() -> None:
    image = image_from_pixels(DRAWING)
    assert images.shrink_to_fit(image, 40) is image
    assert images.shrink_to_fit(image, 20).pixels.shape == (12, 20, 3)
    strip = read_image(sized(2000, 8)())
    assert images.shrink_to_fit(strip, 100).pixels.shape[1] == 100


def test_shrinking_averages_areas_and_enlarging_is_smooth() -> None:
    checks = (np.indices((8, 8)).sum(0) % 2 * 200).astype(np.uint8)
    np.testing.assert_array_equal(images.resize_pixels(checks, 4, 4), 100)
    step = np.repeat(np.uint8([[0, 100]]), 2, axis=0)
    np.testing.assert_array_equal(images.resize_pixels(step, 2, 4)[0], [0, 25, 75, 100])
