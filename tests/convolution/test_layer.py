"""Every step of a layer against SciPy, Keras and numbers written by hand."""

from typing import Any

import keras
import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.convolution import (
    PADDINGS,
    LayerSettings,
    apply_layer,
    output_size,
)
from cnnviz.errors import InvalidImageError, InvalidParameterError

RNG = np.random.default_rng(4)
LECTURE = np.array(  # the 5 × 5 image of many lectures, and its 3 × 3 filter
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
)
CROSS = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]])
SCIPY_BOUNDARY = {"zero": "fill", "reflect": "symm"}


def test_five_by_five_with_a_three_by_three_filter() -> None:
    steps = apply_layer(LECTURE[..., None], CROSS)
    assert steps.output.tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    same = apply_layer(LECTURE[..., None], CROSS, LayerSettings(padding="zero"))
    assert same.output.shape == (5, 5)
    np.testing.assert_array_equal(same.output[1:-1, 1:-1], steps.output)
    assert (same.padding, same.padded.shape) == (1, (7, 7, 1))


@given(
    height=st.integers(11, 24),
    width=st.integers(11, 24),
    channels=st.integers(1, 3),
    side=st.sampled_from([1, 3, 5, 11]),
    operation=st.sampled_from(["correlate", "convolve"]),
    padding=st.sampled_from(["none", "zero", "reflect"]),
    stride=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=80, deadline=None)
def test_the_answer_is_scipys(
    height: int,
    width: int,
    channels: int,
    side: int,
    operation: str,
    padding: str,
    stride: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    image, kernel = rng.normal(size=(height, width, channels)), rng.normal(size=(side, side))
    layer = LayerSettings(operation=operation, padding=padding, stride=stride, bias=0.25)
    steps = apply_layer(image, kernel, layer)
    function = getattr(scipy.signal, f"{operation}2d")
    how = {"mode": "valid"}
    if padding != "none":
        how = {"mode": "same", "boundary": SCIPY_BOUNDARY[padding]}
    for channel in range(channels):
        expected = function(image[..., channel], kernel, **how)[::stride, ::stride]
        np.testing.assert_allclose(steps.partial[..., channel], expected, atol=1e-9)
    np.testing.assert_allclose(steps.output, steps.partial.sum(axis=-1) + 0.25, atol=1e-12)


@given(
    side=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 3),
    padding=st.sampled_from(PADDINGS),
    pooling=st.sampled_from(["max", "average"]),
    pool_size=st.integers(1, 4),
    pool_stride=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_whole_layer_is_keras(
    side: int,
    stride: int,
    dilation: int,
    padding: str,
    pooling: str,
    pool_size: int,
    pool_stride: int,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    image, kernel = rng.normal(size=(23, 26, 3)), rng.normal(size=(side, side))
    if dilation > 1:
        stride = 1  # Keras knows only one of the two
    layer = LayerSettings(
        padding=padding,
        stride=stride,
        dilation=dilation,
        bias=-0.5,
        relu=True,
        pooling=pooling,
        pool_size=pool_size,
        pool_stride=pool_stride,
    )
    steps = apply_layer(image, kernel, layer)
    weights = np.repeat(kernel[..., None], 3, axis=2)[..., None]
    convolution = keras.layers.Conv2D(
        1, side, strides=stride, dilation_rate=dilation, activation="relu"
    )
    pool = {"max": keras.layers.MaxPooling2D, "average": keras.layers.AveragePooling2D}[pooling]
    batch = steps.padded[None].astype(np.float32)
    convolution.build(batch.shape)
    convolution.set_weights([weights, np.array([-0.5])])
    expected = convolution(batch)
    np.testing.assert_allclose(steps.rectified, expected[0, ..., 0], atol=1e-4)
    expected = pool(pool_size, strides=pool_stride)(expected)
    np.testing.assert_allclose(steps.pooled, expected[0, ..., 0], atol=1e-4)
    assert steps.output.shape == tuple(
        output_size(length, dilation * (side - 1) + 1, steps.padding, stride)[0]
        for length in (23, 26)
    )


@pytest.mark.parametrize(
    ("padding", "row"),
    [
        ("zero", [0, 1, 2, 3, 4, 0]),
        ("reflect", [1, 1, 2, 3, 4, 4]),
        ("nearest", [1, 1, 2, 3, 4, 4]),
    ],
)
def test_what_lies_beyond_the_border(padding: str, row: list[int]) -> None:
    image = np.tile(np.arange(1.0, 5.0), (4, 1))[..., None]
    steps = apply_layer(image, np.ones((3, 3)), LayerSettings(padding=padding))
    assert steps.padded[2, :, 0].tolist() == row


def test_mirrored_and_repeated_borders_differ_further_out() -> None:
    image = np.tile(np.arange(1.0, 5.0), (4, 1))[..., None]
    rows = {
        padding: apply_layer(image, np.ones((5, 5)), LayerSettings(padding=padding))
        .padded[3, :, 0]
        .tolist()
        for padding in ("reflect", "nearest")
    }
    assert rows["reflect"] == [2, 1, 1, 2, 3, 4, 4, 3]
    assert rows["nearest"] == [1, 1, 1, 2, 3, 4, 4, 4]


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("operation", ["correlate", "convolve"])
def test_every_cell_written_out_is_the_cell_of_the_answer(operation: str, relu: bool) -> None:
    image = RNG.integers(0, 256, (13, 15, 3)).astype(float)
    kernel = RNG.normal(size=(5, 5))
    layer = LayerSettings(operation, "reflect", stride=2, dilation=2, bias=3.5, relu=relu)
    steps = apply_layer(image, kernel, layer)
    for row in range(steps.output.shape[0]):
        for column in range(steps.output.shape[1]):
            cell = steps.cell(row, column)
            np.testing.assert_array_equal(cell.products, cell.patch * steps.kernel[..., None])
            np.testing.assert_allclose(cell.partial_sums, steps.partial[row, column], atol=1e-9)
            assert cell.total == pytest.approx(steps.output[row, column], abs=1e-9)
            assert cell.value == pytest.approx(steps.rectified[row, column], abs=1e-9)
            assert cell.rows == tuple(2 * row + 2 * i for i in range(5))
    with pytest.raises(InvalidParameterError, match=r"no position \(7, 0\): the output has 7 rows"):
        steps.cell(7, 0)


def test_convolution_turns_the_kernel_and_correlation_does_not() -> None:
    image = np.zeros((5, 5, 1))
    image[2, 2] = 1
    kernel = np.arange(9.0).reshape(3, 3)
    convolved = apply_layer(image, kernel, LayerSettings(operation="convolve"))
    np.testing.assert_allclose(convolved.output, kernel, atol=1e-12)  # an impulse gives the kernel
    correlated = apply_layer(image, kernel)
    np.testing.assert_allclose(correlated.output, kernel[::-1, ::-1], atol=1e-12)


def test_the_callers_arrays_stay_as_they_are() -> None:
    image, kernel = RNG.normal(size=(6, 6, 1)), RNG.normal(size=(3, 3))
    before = image.copy(), kernel.copy()
    steps = apply_layer(image, kernel, LayerSettings(padding="zero", relu=True))
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(kernel, before[1])
    with pytest.raises(ValueError, match="read-only"):
        steps.output[0, 0] = 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"operation": "fold"}, "no operation 'fold'"),
        ({"padding": "same"}, "no padding 'same'. Choose one of: none"),
        ({"pooling": "min"}, "no pooling 'min'"),
        ({"stride": 0}, "stride must be from 1 to 16, got 0"),
        ({"dilation": 17}, "dilation must be from 1 to 16"),
        ({"pool_size": 0}, "pool_size must be"),
        ({"bias": float("inf")}, "bias must be a finite number"),
    ],
)
def test_settings_out_of_range_are_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        LayerSettings(**changed)


def test_what_does_not_fit_is_refused() -> None:
    image = np.zeros((4, 6, 1))
    with pytest.raises(InvalidParameterError, match="window of 5 does not fit into 4"):
        apply_layer(image, np.ones((5, 5)))
    with pytest.raises(InvalidParameterError, match="pooling window of 3 does not fit on 2 × 4"):
        apply_layer(image, np.ones((3, 3)), LayerSettings(pooling="max", pool_size=3))
    for kernel in (np.ones((2, 2)), np.ones((3, 5)), np.ones(3)):
        with pytest.raises(InvalidParameterError, match="has no center"):
            apply_layer(image, kernel)
    with pytest.raises(InvalidParameterError, match="finite real numbers"):
        apply_layer(image, np.full((3, 3), np.nan))
    with pytest.raises(InvalidImageError, match=r"\(height, width, channels\)"):
        apply_layer(np.zeros((4, 4)), np.ones((3, 3)))
    with pytest.raises(InvalidImageError, match="NaN or infinite"):
        apply_layer(np.full((4, 4, 1), np.inf), np.ones((3, 3)))
