"""Named kernels: what their sums, symmetries and answers must be."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import filters

from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks import (
    KERNELS,
    box_kernel,
    gaussian_kernel,
    normalized,
    resized,
    zero_mean,
)

BY_NAME = {kernel.name: kernel.values for kernel in KERNELS}
IMAGE = np.random.default_rng(2).normal(size=(24, 30))


def test_names_and_titles_are_unique_and_sides_odd() -> None:
    assert len({kernel.title for kernel in KERNELS}) == len(BY_NAME) == len(KERNELS)
    for values in BY_NAME.values():
        assert values.shape[0] == values.shape[1]
        assert values.shape[0] % 2


@pytest.mark.parametrize(
    "name",
    [
        "horizontal",
        "vertical",
        "diagonal",
        "edge-detect",
        "sobel",
        "scharr",
        "prewitt",
        "laplacian",
    ],
)
def test_kernels_that_look_for_differences_ignore_plain_brightness(name: str) -> None:
    assert BY_NAME[name].sum() == 0


@pytest.mark.parametrize("name", ["sharpen", "box", "gaussian", "identity"])
def test_kernels_that_show_the_image_keep_its_brightness(name: str) -> None:
    assert BY_NAME[name].sum() == pytest.approx(1)


def correlated(name: str) -> np.ndarray:
    return ndimage.correlate(IMAGE, BY_NAME[name])[2:-2, 2:-2]


def test_slopes_are_those_of_scipy_and_scikit_image() -> None:
    for name in ("sobel", "prewitt"):
        expected = getattr(ndimage, name)(IMAGE, axis=1)[2:-2, 2:-2]
        np.testing.assert_allclose(correlated(name), expected, atol=1e-12)
    expected = filters.scharr_v(IMAGE)[2:-2, 2:-2]
    np.testing.assert_allclose(correlated("scharr") / 16, expected, atol=1e-12)
    expected = ndimage.laplace(IMAGE)[2:-2, 2:-2]
    np.testing.assert_allclose(correlated("laplacian"), expected, atol=1e-12)
    np.testing.assert_allclose(
        correlated("sharpen"), IMAGE[2:-2, 2:-2] - correlated("laplacian"), atol=1e-12
    )


def test_blurs_are_those_of_scipy() -> None:
    expected = ndimage.uniform_filter(IMAGE, 3)[2:-2, 2:-2]
    np.testing.assert_allclose(correlated("box"), expected, atol=1e-12)
    expected = ndimage.gaussian_filter(IMAGE, 1.0, radius=2)[2:-2, 2:-2]
    np.testing.assert_allclose(correlated("gaussian"), expected, atol=1e-12)


def test_kernels_can_be_changed() -> None:
    kernel = np.arange(9.0).reshape(3, 3)
    assert resized(kernel, 5)[1:-1, 1:-1].tolist() == kernel.tolist()
    assert resized(resized(kernel, 11), 3).tolist() == kernel.tolist()
    assert resized(kernel, 1).tolist() == [[4.0]]
    assert normalized(kernel).sum() == pytest.approx(1)
    assert np.abs(normalized(BY_NAME["sobel"])).sum() == pytest.approx(1)
    assert not normalized(np.zeros((3, 3))).any()
    assert zero_mean(kernel).sum() == pytest.approx(0)


@pytest.mark.parametrize("size", [0, 2, 13, -1])
def test_sides_that_cannot_be_are_refused(size: int) -> None:
    for make in (box_kernel, lambda side: gaussian_kernel(side, 1.0)):
        with pytest.raises(InvalidParameterError, match="must be odd and from 1 to 11"):
            make(size)
    with pytest.raises(InvalidParameterError, match="sigma must be above 0"):
        gaussian_kernel(3, 0)
