"""The gradient of a shared weight against TensorFlow, finite differences and numbers by hand."""

import numpy as np
import pytest
import scipy.signal

from cnnviz.convolution import LOSSES, best_step, kernel_gradient, valid_correlation
from cnnviz.convolution.autodiff import taped_kernel_gradient
from cnnviz.errors import InvalidImageError, InvalidParameterError

SHAPES = [((5, 5), (3, 3)), ((6, 4), (3, 2)), ((7, 7), (1, 1)), ((3, 3), (3, 3))]


def example(
    image_shape: tuple[int, int], kernel_shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(sum(image_shape))
    image, kernel = rng.normal(size=image_shape), rng.normal(size=kernel_shape)
    shape = tuple(p - k + 1 for p, k in zip(image_shape, kernel_shape, strict=True))
    return image, kernel, rng.normal(size=shape)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shapes", SHAPES)
def test_the_gradient_is_tensorflows(shapes: tuple, loss: str) -> None:
    image, kernel, target = example(*shapes)
    steps = kernel_gradient(image, kernel, target, loss)
    value, gradient = taped_kernel_gradient(image, kernel, target, loss)
    assert steps.loss == pytest.approx(value, abs=1e-5)
    np.testing.assert_allclose(steps.gradient, gradient, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shapes", SHAPES)
def test_the_gradient_is_the_slope_of_the_loss(shapes: tuple, loss: str) -> None:
    image, kernel, target = example(*shapes)
    steps = kernel_gradient(image, kernel, target, loss)
    for place in np.ndindex(kernel.shape):
        step = np.zeros(kernel.shape)
        step[place] = 1e-4
        rise = kernel_gradient(image, kernel + step, target, loss).loss
        rise -= kernel_gradient(image, kernel - step, target, loss).loss
        assert steps.gradient[place] == pytest.approx(rise / 2e-4, abs=1e-5)


@pytest.mark.parametrize("shapes", SHAPES)
def test_each_weights_products_add_up_to_its_gradient(shapes: tuple) -> None:
    image, kernel, target = example(*shapes)
    steps = kernel_gradient(image, kernel, target)
    np.testing.assert_allclose(steps.output, scipy.signal.correlate2d(image, kernel, "valid"))
    np.testing.assert_allclose(
        steps.gradient, scipy.signal.correlate2d(image, steps.upstream, "valid")
    )
    for row, column in np.ndindex(kernel.shape):
        total = sum(
            steps.upstream[i, j] * image[i + row, j + column]
            for i, j in np.ndindex(steps.output.shape)
        )
        assert steps.products(row, column).sum() == pytest.approx(total)
        assert steps.gradient[row, column] == pytest.approx(total)


def test_the_two_plain_losses_by_hand() -> None:
    image = np.arange(25).reshape(5, 5)
    kernel = np.ones((3, 3))
    assert kernel_gradient(image, kernel, loss="sum").gradient[0, 0] == image[:3, :3].sum()
    middle = kernel_gradient(image, kernel, loss="middle")
    np.testing.assert_array_equal(middle.gradient, image[1:4, 1:4])
    np.testing.assert_array_equal(valid_correlation(image, kernel), middle.output)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"image": np.zeros(3)}, InvalidImageError, "input must be a table"),
        ({"kernel": np.zeros((6, 6))}, InvalidParameterError, "fits on 5 × 5 values"),
        ({"kernel": np.full((3, 3), np.nan)}, InvalidParameterError, "finite numbers"),
        ({"target": np.zeros((2, 2))}, InvalidParameterError, r"of shape \(3, 3\)"),
        ({"loss": "cubes"}, InvalidParameterError, "no loss 'cubes'. Choose one of: squares, sum"),
    ],
)
def test_wrong_arguments_are_explained(changes: dict, error: type, message: str) -> None:
    arguments = {"image": np.zeros((5, 5)), "kernel": np.zeros((3, 3))} | changes
    with pytest.raises(error, match=message):
        kernel_gradient(**arguments)


def test_a_weight_or_a_loss_that_is_not_there_is_explained() -> None:
    with pytest.raises(InvalidParameterError, match=r"no weight \(3, 0\)"):
        kernel_gradient(np.zeros((5, 5)), np.zeros((3, 3))).met(3, 0)
    with pytest.raises(InvalidParameterError, match="no loss 'cubes'"):
        taped_kernel_gradient(np.zeros((5, 5)), np.zeros((3, 3)), np.zeros((3, 3)), "cubes")


@pytest.mark.parametrize("shapes", SHAPES)
def test_the_best_step_is_better_than_its_neighbors(shapes: tuple) -> None:
    image, kernel, target = example(*shapes)
    steps = kernel_gradient(image, kernel, target)
    losses = [
        kernel_gradient(image, kernel - best_step(steps) * part * steps.gradient, target).loss
        for part in (0, 0.9, 1, 1.1)
    ]
    assert losses[2] < min(losses[0], losses[1], losses[3])


def test_without_a_slope_there_is_no_step() -> None:
    image, kernel, _ = example((5, 5), (3, 3))
    steps = kernel_gradient(image, kernel, valid_correlation(image, kernel))
    assert (best_step(steps), steps.loss) == (0.0, 0.0)
