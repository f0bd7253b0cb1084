"""Convolution along a line: the same sums of products, where every number can be seen."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnviz.arrays import frozen_arrays
from cnnviz.convolution.sizes import output_size
from cnnviz.errors import InvalidImageError, InvalidParameterError

_LENGTH = 20
_PLACES = np.arange(_LENGTH)
_WAVE = 4 * np.sin(2 * np.pi * _PLACES / 10)
SIGNALS: dict[str, np.ndarray] = {
    "Step": np.where(_PLACES < _LENGTH // 2, 0.0, 4.0),
    "Pulse": np.where(_PLACES == _LENGTH // 2, 4.0, 0.0),
    "Ramp": np.clip(_PLACES - 6, 0, 8) / 2,
    "Wave": _WAVE.round(1) + 0.0,
    "Noisy sine": (_WAVE + np.random.default_rng(2).normal(0, 1, _LENGTH)).round(1) + 0.0,
}
LINE_KERNELS: dict[str, np.ndarray] = {
    "Difference": np.array([-1.0, 0.0, 1.0]),
    "Mean": np.full(3, 1 / 3),
    "Smoothing": np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16,
    "Laplace": np.array([1.0, -2.0, 1.0]),
}


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(padded=np.float64, kernel=np.float64, output=np.float64)
class LineSteps:
    """A kernel that slid along a signal, step by step; arrays are float64 and read-only.

    Attributes
    ----------
    padded : ndarray of shape (N + 2P,)
        The signal with P zeros at each end.
    kernel : ndarray of shape (F,)
        As it is laid on the signal: turned already if the operation is "convolve".
    output : ndarray of shape (size,)
    padding, stride, dilation : int
    left_over : int
        Cells at the far end that no window covers.
    """

    padded: np.ndarray
    kernel: np.ndarray
    output: np.ndarray
    padding: int
    stride: int
    dilation: int
    left_over: int

    @property
    def reach(self) -> int:
        """From the first cell of the window to its last: dilation·(F - 1) + 1."""
        return self.dilation * (len(self.kernel) - 1) + 1

    def places(self, cell: int) -> np.ndarray:
        """Where the kernel's numbers lie on `padded` for one position of the output, int64 (F,).

        Raises
        ------
        InvalidParameterError
            If there is no such cell.
        """
        if not 0 <= cell < len(self.output):
            raise InvalidParameterError(
                f"There is no position {cell}: the output has {len(self.output)}, counted from 0."
            )
        return self.stride * cell + self.dilation * np.arange(len(self.kernel))


def slide_along(
    signal: np.ndarray,
    kernel: np.ndarray,
    *,
    operation: str = "correlate",
    padding: int = 0,
    stride: int = 1,
    dilation: int = 1,
) -> LineSteps:
    """Slide a kernel along a signal and keep what it did.

    Parameters
    ----------
    signal : real ndarray of shape (N,)
    kernel : real ndarray of shape (F,)
        F may be even.
    operation : {"correlate", "convolve"}
        Whether the kernel is used as it is, as networks do, or turned first.
    padding : int
        Zeros at each end. With F - 1 of them and no dilation the output is the full one of
        `numpy.convolve`, with none its valid part.
    stride, dilation : int
        Step of the kernel, and distance of its numbers.

    Returns
    -------
    LineSteps
        ``output[i] = sum of padded[stride·i + dilation·j] * kernel[j]``.

    Raises
    ------
    InvalidImageError, InvalidParameterError
        If signal or kernel is not a row of finite numbers, a setting is out of range, or the
        kernel does not fit.

    Examples
    --------
    >>> slide_along(np.array([0, 0, 4, 4]), np.array([-1, 1])).output.tolist()
    [0.0, 4.0, 0.0]
    """
    if operation not in ("correlate", "convolve"):
        raise InvalidParameterError(
            f"There is no operation {operation!r}. Choose one of: correlate, convolve."
        )
    if dilation < 1:
        raise InvalidParameterError(f"The dilation must be at least 1, got {dilation}.")
    if not _is_row(signal):
        raise InvalidImageError("The signal must be a row of finite numbers.")
    if not _is_row(kernel):
        raise InvalidParameterError("The kernel must be a row of finite numbers.")
    laid = kernel[::-1] if operation == "convolve" else kernel
    reach = dilation * (len(kernel) - 1) + 1
    _, left_over = output_size(len(signal), reach, padding, stride)
    padded = np.pad(np.asarray(signal, np.float64), padding)
    windows = sliding_window_view(padded, reach)[::stride, ::dilation]
    return LineSteps(padded, laid, windows @ laid, padding, stride, dilation, left_over)


def _is_row(numbers: np.ndarray) -> bool:
    is_real = numbers.ndim == 1 and numbers.size > 0 and numbers.dtype.kind in "fiu"
    return is_real and bool(np.isfinite(numbers).all())
