"""The sliding sum against scipy, OpenCV and numbers written by hand."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage, signal

from cnnviz.convolution import BORDERS, convolve, correlate, correlate_many
from cnnviz.errors import InvalidImageError, InvalidParameterError

RNG = np.random.default_rng(7)
IMAGE = RNG.random((40, 53)).astype(np.float32)
NDIMAGE_MODES = {"reflect": "reflect", "zero": "constant", "nearest": "nearest"}
SHAPES = [(1, 1), (3, 3), (3, 7), (11, 5), (49, 49)]


def kernel_of(shape: tuple[int, int]) -> np.ndarray:
    kernel = np.random.default_rng(shape).normal(size=shape)
    return kernel / np.linalg.norm(kernel)


def test_the_borders_are_those_that_scipy_knows() -> None:
    assert set(BORDERS) == set(NDIMAGE_MODES)


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_both_operations_agree_with_scipy_at_every_border(
    shape: tuple[int, int], border: str
) -> None:
    kernel, mode = kernel_of(shape), NDIMAGE_MODES[border]
    for ours, theirs in ((correlate, ndimage.correlate), (convolve, ndimage.convolve)):
        output = ours(IMAGE, kernel, border=border)
        assert (output.dtype, output.shape) == (np.float32, IMAGE.shape)
        expected = theirs(IMAGE.astype(float), kernel, mode=mode)
        np.testing.assert_allclose(output, expected, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_zero_border_agrees_with_the_signal_library(shape: tuple[int, int]) -> None:
    kernel = kernel_of(shape)
    for ours, theirs in ((correlate, signal.correlate2d), (convolve, signal.convolve2d)):
        # "same" of scipy.signal is as large as its first argument
        expected = theirs(IMAGE.astype(float), kernel, mode="same")
        np.testing.assert_allclose(ours(IMAGE, kernel, border="zero"), expected, atol=1e-5)


def test_reflect_is_the_border_of_opencv_that_repeats_the_edge_pixel() -> None:
    kernel = kernel_of((7, 7))
    expected = cv2.filter2D(IMAGE, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT)
    other = cv2.filter2D(IMAGE, cv2.CV_32F, kernel, borderType=cv2.BORDER_REFLECT_101)
    np.testing.assert_allclose(correlate(IMAGE, kernel), expected, atol=1e-5)
    assert np.abs(correlate(IMAGE, kernel) - other).max() > 0.01


@pytest.mark.parametrize("border", BORDERS)
def test_a_kernel_larger_than_the_image_sees_the_border_several_times(border: str) -> None:
    small, kernel = IMAGE[:4, :5], kernel_of((21, 31))
    expected = ndimage.correlate(small.astype(float), kernel, mode=NDIMAGE_MODES[border])
    np.testing.assert_allclose(correlate(small, kernel, border=border), expected, atol=1e-5)


def test_a_point_shows_the_kernel_turned_for_correlation_and_upright_for_convolution() -> None:
    point = np.zeros((5, 5), np.float32)
    point[2, 2] = 1
    kernel = np.arange(25.0).reshape(5, 5)
    np.testing.assert_allclose(convolve(point, kernel), kernel, atol=1e-5)
    np.testing.assert_allclose(correlate(point, kernel), kernel[::-1, ::-1], atol=1e-5)


def test_numbers_written_by_hand() -> None:
    image = np.float32([[1, 2], [3, 4]])
    ones = np.ones((3, 3), int)
    np.testing.assert_allclose(correlate(image, ones, border="zero"), np.full((2, 2), 10), 1e-6)
    # reflected: rows 1 1 2 2 / 1 1 2 2 / 3 3 4 4 / 3 3 4 4
    np.testing.assert_allclose(correlate(image, ones), [[18, 21], [24, 27]], rtol=1e-6)
    np.testing.assert_allclose(
        correlate(image, ones, border="nearest"), [[18, 21], [24, 27]], rtol=1e-6
    )


def test_many_kernels_give_what_each_gives_alone() -> None:
    kernels = np.stack([kernel_of((9, 9)), np.eye(9), kernel_of((9, 9)).T])
    together = correlate_many(IMAGE, kernels, border="nearest")
    assert (together.dtype, together.shape) == (np.float32, (3, *IMAGE.shape))
    for output, kernel in zip(together, kernels, strict=True):
        np.testing.assert_array_equal(output, correlate(IMAGE, kernel, border="nearest"))


@given(
    first=st.floats(-3, 3, width=32),
    second=st.floats(-3, 3, width=32),
    seed=st.integers(0, 2**32 - 1),
    border=st.sampled_from(BORDERS),
)
def test_the_operation_is_linear_in_the_image(
    first: float, second: float, seed: int, border: str
) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.normal(size=(2, 12, 9)).astype(np.float32)
    kernel = rng.normal(size=(5, 3)) / 4
    mixed = correlate((first * one + second * other).astype(np.float32), kernel, border=border)
    apart = first * correlate(one, kernel, border=border)
    apart += second * correlate(other, kernel, border=border)
    np.testing.assert_allclose(mixed, apart, atol=1e-4)


def test_the_arguments_stay_as_they_are() -> None:
    image, kernel = IMAGE.copy(), kernel_of((5, 5))
    before = kernel.copy()
    convolve(image, kernel)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(kernel, before)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4), np.uint8), "uint8 numbers"),
        (np.zeros((4, 4), bool), "bool numbers"),
        (np.zeros((4, 4), complex), "complex128 numbers"),
        (np.zeros((4, 4, 3), np.float32), r"got shape \(4, 4, 3\)"),
        (np.zeros((0, 4), np.float32), r"got shape \(0, 4\)"),
        (np.float32([[0, np.nan]]), "NaN"),
        (np.float64([[0, 1e300]]), "far too large"),
    ],
)
def test_a_image_that_cannot_be_used_is_refused(image: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidImageError, match=message):
        correlate(image, np.ones((3, 3)))


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (np.ones((2, 3)), r"shape \(2, 3\) has no center"),
        (np.ones((3, 0)), r"shape \(3, 0\) has no center"),
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((3, 3), complex), "real and imaginary part apart"),
        (np.full((3, 3), np.inf), "infinite"),
        (np.full((3, 3), 1e300), "far too large"),
    ],
)
def test_a_kernel_that_cannot_be_used_is_refused(kernel: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        correlate(IMAGE, kernel)


def test_an_unknown_border_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match=r"'wrap'. Choose one of: reflect, zero"):
        correlate(IMAGE, np.ones((3, 3)), border="wrap")
