"""A convolutional layer step by step: pad, slide, sum, add the bias, rectify, pool."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from cnnviz.arrays import frozen_arrays
from cnnviz.convolution.sizes import output_size
from cnnviz.convolution.sliding import PAD_MODES
from cnnviz.deprecated import renamed_attribute
from cnnviz.errors import InvalidImageError, InvalidParameterError

PADDINGS = ("none", *PAD_MODES)
POOLINGS = ("none", "max", "average")
MAX_STEP = 16  # of strides, dilation and pooling


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """What a layer does to an image, besides its kernel.

    Attributes
    ----------
    operation : {"correlate", "convolve"}
        Whether the kernel is used as it is, as networks do, or turned by 180° first.
    padding : str
        One of `PADDINGS`. "none" lets the kernel only where it fits; the others continue the
        image by half a kernel on each side: with mirrored pixels, zeros, or the edge pixel.
    stride, dilation : int
        Steps of the kernel, and distance of its cells; 1 to 16.
    bias : float
        Added to every sum.
    relu : bool
        Whether negative sums become zero.
    pooling : {"none", "max", "average"}
    pool_size, pool_stride : int
        Side and step of the pooling window; 1 to 16.

    Raises
    ------
    InvalidParameterError
        If one of them is something else.
    """

    operation: str = "correlate"
    padding: str = "none"
    stride: int = 1
    dilation: int = 1
    bias: float = 0.0
    relu: bool = False
    pooling: str = "none"
    pool_size: int = 2
    pool_stride: int = 2

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("operation", self.operation, ("correlate", "convolve")),
            ("padding", self.padding, PADDINGS),
            ("pooling", self.pooling, POOLINGS),
        ):
            if value not in allowed:
                raise InvalidParameterError(
                    f"There is no {name} {value!r}. Choose one of: {', '.join(allowed)}."
                )
        for name in ("stride", "dilation", "pool_size", "pool_stride"):
            if not 1 <= getattr(self, name) <= MAX_STEP:
                raise InvalidParameterError(
                    f"{name} must be from 1 to {MAX_STEP}, got {getattr(self, name)}."
                )
        if not np.isfinite(self.bias):
            raise InvalidParameterError(f"The bias must be a finite number, got {self.bias}.")


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """One number of the result, written out.

    Attributes
    ----------
    patch : float64 ndarray of shape (n, n, C)
        What the kernel lies on.
    products : float64 ndarray of shape (n, n, C)
        Patch times kernel, number by number.
    partial_sums : float64 ndarray of shape (C,)
        Sum of the products of each channel.
    bias, total, value : float
        The bias, all products and the bias together, and that after the ReLU if there is one.
    rows, columns : tuple of int
        Where the kernel's cells lie on the padded image.
    """

    patch: np.ndarray
    products: np.ndarray
    partial_sums: np.ndarray
    bias: float
    total: float
    value: float
    rows: tuple[int, ...]
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(
    padded=np.float64,
    kernel=np.float64,
    partial=np.float64,
    output=np.float64,
    rectified=np.float64,
    pooled=np.float64,
)
class LayerSteps:
    """What a layer makes of an image, step by step; all arrays are float64 and read-only.

    Attributes
    ----------
    padded : ndarray of shape (H, W, C)
        The image with its continuation.
    padding : int
        How many rows and columns were added on each side.
    kernel : ndarray of shape (n, n)
        As it is laid on the image: turned already if the operation is "convolve".
    partial : ndarray of shape (h, w, C)
        The output of each channel.
    output : ndarray of shape (h, w)
        All channels and the bias together.
    rectified : ndarray of shape (h, w)
        After the ReLU; without one the output itself.
    pooled : ndarray of shape (h', w')
        After pooling; without it the same again.
    settings : LayerSettings
    """

    padded: np.ndarray
    padding: int
    kernel: np.ndarray
    partial: np.ndarray
    output: np.ndarray
    rectified: np.ndarray
    pooled: np.ndarray
    settings: LayerSettings
    answer = renamed_attribute("answer", "output")

    def cell(self, row: int, column: int) -> Cell:
        """Write out one number of `output`.

        Raises
        ------
        InvalidParameterError
            If there is no such cell.
        """
        height, width = self.output.shape
        if not (0 <= row < height and 0 <= column < width):
            raise InvalidParameterError(
                f"There is no position ({row}, {column}): the output has {height} rows and {width} "
                "columns, counted from 0."
            )
        reach = self.settings.dilation * np.arange(len(self.kernel))
        rows, columns = self.settings.stride * row + reach, self.settings.stride * column + reach
        patch = self.padded[np.ix_(rows, columns)]
        products = patch * self.kernel[..., np.newaxis]
        total = float(products.sum()) + self.settings.bias
        return Cell(
            patch,
            products,
            products.sum(axis=(0, 1)),
            self.settings.bias,
            total,
            max(total, 0.0) if self.settings.relu else total,
            tuple(rows.tolist()),
            tuple(columns.tolist()),
        )


def apply_layer(
    channels: np.ndarray, kernel: np.ndarray, settings: LayerSettings | None = None
) -> LayerSteps:
    """Do to an image what a convolutional layer with one kernel does, and keep every step.

    Parameters
    ----------
    channels : ndarray of shape (h, w, C)
        Any finite numbers. The same kernel is laid on every channel.
    kernel : ndarray of shape (n, n)
        n odd.
    settings : LayerSettings, optional
        Plain correlation if left out.

    Returns
    -------
    LayerSteps

    Raises
    ------
    InvalidImageError
        If the image has another shape or is not finite.
    InvalidParameterError
        If the kernel has no center, or does not fit on the image, or the pooling window not on
        the output.

    Examples
    --------
    >>> steps = apply_layer(np.arange(9.0).reshape(3, 3, 1), np.ones((3, 3)))
    >>> steps.output
    array([[36.]])
    """
    settings = settings or LayerSettings()
    channels, kernel = _checked(channels, kernel)
    kernel = kernel[::-1, ::-1] if settings.operation == "convolve" else kernel
    reach = settings.dilation * (len(kernel) - 1) + 1
    padding = 0 if settings.padding == "none" else reach // 2
    padded = channels
    if padding:
        around = ((padding, padding), (padding, padding), (0, 0))
        padded = np.pad(channels, around, mode=PAD_MODES[settings.padding])  # type: ignore[call-overload]
    for length in channels.shape[:2]:
        output_size(length, reach, padding, settings.stride)
    partial = _slid(padded, kernel, settings)
    output = partial.sum(axis=-1) + settings.bias
    rectified = np.maximum(output, 0) if settings.relu else output
    pooled = _pooled(rectified, settings)
    return LayerSteps(padded, padding, kernel, partial, output, rectified, pooled, settings)


def _slid(padded: np.ndarray, kernel: np.ndarray, settings: LayerSettings) -> np.ndarray:
    """Slide the kernel over every channel where it fits."""
    side = settings.dilation * (len(kernel) - 1) + 1
    spread = np.zeros((side, side))
    spread[:: settings.dilation, :: settings.dilation] = kernel
    middle, step = side // 2, settings.stride
    rows, columns = (slice(middle, length - middle, step) for length in padded.shape[:2])
    outputs = [
        cv2.filter2D(channel, cv2.CV_64F, spread, borderType=cv2.BORDER_CONSTANT)[rows, columns]
        for channel in np.ascontiguousarray(np.moveaxis(padded, -1, 0))
    ]
    return np.stack(outputs, axis=-1)


def _pooled(values: np.ndarray, settings: LayerSettings) -> np.ndarray:
    if settings.pooling == "none":
        return values
    size, step = settings.pool_size, settings.pool_stride
    if size > min(values.shape):
        raise InvalidParameterError(
            f"A pooling window of {size} does not fit on {values.shape[0]} × {values.shape[1]} "
            "positions. Make it smaller."
        )
    windows = sliding_window_view(values, (size, size))[::step, ::step]
    return windows.max(axis=(2, 3)) if settings.pooling == "max" else windows.mean(axis=(2, 3))


def _checked(channels: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    channels, kernel = np.asarray(channels), np.asarray(kernel)
    if channels.ndim != 3 or channels.size == 0 or channels.dtype.kind not in "fiub":
        raise InvalidImageError(
            f"Expected numbers of shape (height, width, channels), got {channels.dtype} of shape "
            f"{channels.shape}."
        )
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or len(kernel) % 2 == 0:
        raise InvalidParameterError(
            f"A kernel of shape {kernel.shape} has no center. Its sides must be equal and odd, "
            "such as 3, 5 or 7."
        )
    channels = channels.astype(np.float64)
    if not np.isfinite(channels).all():
        raise InvalidImageError("The image holds NaN or infinite values.")
    if kernel.dtype.kind not in "fiu" or not np.isfinite(kernel).all():
        raise InvalidParameterError("The kernel must hold finite real numbers only.")
    return channels, kernel.astype(np.float64)
