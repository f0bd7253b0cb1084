"""How a loss changes with a kernel that is used at every place: the gradient of a shared weight."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidImageError, InvalidParameterError

LOSSES = ("squares", "sum", "middle")


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(
    image=np.float64,
    kernel=np.float64,
    output=np.float64,
    upstream=np.float64,
    gradient=np.float64,
)
class GradientSteps:
    """An image, a kernel, their output, a loss, and its gradient; arrays are float64, read-only.

    Attributes
    ----------
    image : ndarray of shape (H, W)
    kernel : ndarray of shape (kh, kw)
    output : ndarray of shape (h, w)
        Correlation of the two where the kernel fits: h = H - kh + 1, w = W - kw + 1.
    upstream : ndarray of shape (h, w)
        Gradient of the loss with respect to the output.
    gradient : ndarray of shape (kh, kw)
        Gradient of the loss with respect to the kernel.
    loss : float
    """

    image: np.ndarray
    kernel: np.ndarray
    output: np.ndarray
    upstream: np.ndarray
    gradient: np.ndarray
    loss: float

    def met(self, row: int, column: int) -> np.ndarray:
        """Return the cells of the image that one weight was multiplied with, (h, w).

        Raises
        ------
        InvalidParameterError
            If there is no such weight.
        """
        height, width = self.kernel.shape
        if not (0 <= row < height and 0 <= column < width):
            raise InvalidParameterError(
                f"There is no weight ({row}, {column}): the kernel has {height} rows and {width} "
                "columns, counted from 0."
            )
        rows, columns = self.output.shape
        return self.image[row : row + rows, column : column + columns]

    def products(self, row: int, column: int) -> np.ndarray:
        """Multiply the upstream gradient with what one weight met, (h, w): a summand a place."""
        return self.upstream * self.met(row, column)


def valid_correlation(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Correlate where the kernel fits: (H, W) and (kh, kw) give (H - kh + 1, W - kw + 1).

    Parameters
    ----------
    image, kernel : real ndarray

    Returns
    -------
    ndarray of shape (H - kh + 1, W - kw + 1)

    Examples
    --------
    >>> valid_correlation(np.arange(4.0).reshape(2, 2), np.ones((1, 2))).tolist()
    [[1.0], [5.0]]
    """
    windows = sliding_window_view(image, kernel.shape)
    return np.einsum("ijab,ab->ij", windows, kernel)


def kernel_gradient(
    image: np.ndarray, kernel: np.ndarray, target: np.ndarray | None = None, loss: str = "squares"
) -> GradientSteps:
    """Compute the gradient of a loss of the output with respect to the kernel, by hand.

    Each weight contributes to every position of the output: its gradient is a sum over positions:
    ``dL/dw[a, b] = sum of upstream[i, j] * image[i + a, j + b]``. For all weights together this
    is the correlation of the image with the upstream gradient.

    Parameters
    ----------
    image : real ndarray of shape (H, W)
    kernel : real ndarray of shape (kh, kw)
    target : real ndarray of shape (h, w), optional
        What the output should be; zeros if left out. Only for "squares".
    loss : {"squares", "sum", "middle"}
        Half the sum of the squared differences to the target; the sum of the output; or
        its middle position alone.

    Returns
    -------
    GradientSteps

    Raises
    ------
    InvalidImageError, InvalidParameterError
        If image or kernel is no table of finite numbers, the kernel does not fit, or target or
        loss is something else.

    References
    ----------
    LeCun et al., "Backpropagation applied to handwritten zip code recognition", Neural Computation
    1, 1989.

    Examples
    --------
    >>> kernel_gradient(np.arange(9.0).reshape(3, 3), np.ones((2, 2)), loss="sum").gradient.tolist()
    [[8.0, 12.0], [20.0, 24.0]]
    """
    if not _is_table(image):
        raise InvalidImageError("The input must be a table of finite numbers.")
    if not _is_table(kernel) or np.any(np.array(kernel.shape) > image.shape):
        raise InvalidParameterError(
            f"The kernel must be a table of finite numbers that fits on {image.shape[0]} × "
            f"{image.shape[1]} values."
        )
    output = valid_correlation(image, kernel)
    target = np.zeros(output.shape) if target is None else target
    if not _is_table(target) or target.shape != output.shape:
        raise InvalidParameterError(
            f"The target must be a table of finite numbers of shape {output.shape}."
        )
    value, upstream = _loss_and_gradient(output, target, loss)
    gradient = valid_correlation(image, upstream)
    return GradientSteps(image, kernel, output, upstream, gradient, value)


def _loss_and_gradient(
    output: np.ndarray, target: np.ndarray, loss: str
) -> tuple[float, np.ndarray]:
    if loss == "squares":
        return float(((output - target) ** 2).sum() / 2), output - target
    if loss == "sum":
        return float(output.sum()), np.ones(output.shape)
    if loss == "middle":
        middle = output.shape[0] // 2, output.shape[1] // 2
        gradient = np.zeros(output.shape)
        gradient[middle] = 1
        return float(output[middle]), gradient
    raise InvalidParameterError(f"There is no loss {loss!r}. Choose one of: {', '.join(LOSSES)}.")


def _is_table(numbers: np.ndarray) -> bool:
    is_real = numbers.ndim == 2 and numbers.size > 0 and numbers.dtype.kind in "fiu"
    return is_real and bool(np.isfinite(numbers).all())


def best_step(steps: GradientSteps) -> float:
    """Compute the step against the gradient that minimizes the loss "squares".

    Along a line this loss is a parabola, with its minimum at
    ``gradient² / (output of the gradient as a kernel)²``.

    Parameters
    ----------
    steps : GradientSteps
        Of the same loss.

    Returns
    -------
    float
        0 where the gradient is zero.
    """
    change = valid_correlation(steps.image, steps.gradient)
    curvature = float((change**2).sum())
    return float((steps.gradient**2).sum()) / curvature if curvature else 0.0
