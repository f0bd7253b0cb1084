"""Convolution along a line against NumPy, a layer of Keras, and numbers written by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cnnviz.convolution import LINE_KERNELS, SIGNALS, LayerSettings, apply_layer, slide_along
from cnnviz.errors import InvalidImageError, InvalidParameterError
from cnnviz.ui.shell.display import added, multiplied


@given(
    length=st.integers(7, 30),
    width=st.integers(1, 7),
    stride=st.integers(1, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_the_answer_is_numpys(length: int, width: int, stride: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    signal, kernel = rng.normal(size=length), rng.normal(size=width)
    for operation, oracle in (("convolve", np.convolve), ("correlate", np.correlate)):
        for mode, padding in (("full", width - 1), ("valid", 0)):
            found = slide_along(signal, kernel, operation=operation, padding=padding, stride=stride)
            np.testing.assert_allclose(
                found.output, oracle(signal, kernel, mode)[::stride], atol=1e-12
            )


@pytest.mark.parametrize(("dilation", "stride"), [(1, 1), (2, 1), (3, 1), (1, 2), (1, 3)])
def test_dilation_is_that_of_keras_where_keras_has_it(dilation: int, stride: int) -> None:
    from keras import ops

    rng = np.random.default_rng(dilation)
    signal, kernel = rng.normal(size=17), rng.normal(size=4)
    expected = ops.conv(
        np.pad(signal, 2)[None, :, None].astype("float32"),
        kernel[:, None, None].astype("float32"),
        strides=stride,
        padding="valid",
        dilation_rate=dilation,
    )
    steps = slide_along(signal, kernel, padding=2, stride=stride, dilation=dilation)
    np.testing.assert_allclose(steps.output, np.asarray(expected)[0, :, 0], atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("operation", ["correlate", "convolve"])
def test_a_line_is_the_middle_row_of_a_image(stride: int, dilation: int, operation: str) -> None:
    rng = np.random.default_rng(0)
    signal, kernel = rng.normal(size=15), rng.normal(size=3)
    image = np.zeros((15, 15, 1))
    image[6, :, 0] = signal
    square = np.zeros((3, 3))
    square[1] = kernel
    layer = LayerSettings(operation, "zero", stride=stride, dilation=dilation)
    line = slide_along(
        signal, kernel, operation=operation, padding=dilation, stride=stride, dilation=dilation
    )
    np.testing.assert_allclose(apply_layer(image, square, layer).output[6 // stride], line.output)


def test_every_cell_is_the_sum_of_its_window() -> None:
    steps = slide_along(
        SIGNALS["Noisy sine"], np.array([1.0, 2.0, -1.0]), padding=3, stride=2, dilation=3
    )
    assert steps.reach == 7
    assert len(steps.output) == (20 - 7 + 6) // 2 + 1
    assert steps.left_over == 1
    assert steps.places(2).tolist() == [4, 7, 10]
    for cell, value in enumerate(steps.output):
        assert steps.padded[steps.places(cell)] @ [1, 2, -1] == pytest.approx(value)


def test_presets_do_what_their_names_say() -> None:
    step, ramp = SIGNALS["Step"], SIGNALS["Ramp"]
    edge = slide_along(step, LINE_KERNELS["Difference"]).output
    assert np.flatnonzero(edge).tolist() == [8, 9]
    assert set(slide_along(ramp[6:14], LINE_KERNELS["Laplace"]).output) == {0.0}
    pulse = slide_along(SIGNALS["Pulse"], LINE_KERNELS["Smoothing"], padding=2).output
    np.testing.assert_allclose(pulse[8:13], 4 * LINE_KERNELS["Smoothing"])
    for name in ("Mean", "Smoothing"):
        assert LINE_KERNELS[name].sum() == pytest.approx(1)
    noise = SIGNALS["Noisy sine"] - SIGNALS["Wave"]
    assert slide_along(noise, LINE_KERNELS["Smoothing"]).output.std() < 0.8 * noise.std()


def test_the_callers_numbers_stay_and_the_results_cannot_be_changed() -> None:
    signal, kernel = np.arange(5.0), np.array([1.0, 2.0])
    steps = slide_along(signal, kernel, operation="convolve")
    assert steps.kernel.tolist() == [2.0, 1.0]
    assert signal.flags.writeable
    assert not steps.output.flags.writeable


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operation": "mix"}, "no operation 'mix'"),
        ({"dilation": 0}, "dilation must be at least 1"),
        ({"dilation": 9}, "does not fit"),
        ({"stride": 0}, "stride must be at least 1"),
        ({"padding": -1}, "padding must be at least 0"),
        ({"kernel": np.array([])}, "row of finite numbers"),
        ({"kernel": np.array([np.nan])}, "row of finite numbers"),
    ],
)
def test_wrong_settings_are_explained(changes: dict, message: str) -> None:
    arguments = {"signal": np.arange(6.0), "kernel": np.array([1.0, 1.0])} | changes
    with pytest.raises(InvalidParameterError, match=message):
        slide_along(**arguments)
    with pytest.raises(InvalidImageError, match="signal must be a row"):
        slide_along(np.zeros((2, 2)), np.ones(2))
    with pytest.raises(InvalidParameterError, match="no position 5"):
        slide_along(np.arange(6.0), np.array([1.0, 1.0])).places(5)


def test_sums_are_written_as_by_hand() -> None:
    assert added([1.0, -2.5, 0.0]) == "1 − 2.5 + 0"
    assert multiplied([1, -2], [0.5, -1]) == "1·0.5 + (−2)·(−1)"
