"""One cell of one feature map, traced back: what it sees, and how its number comes about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.inspected_model import compiled
from cnnviz.network.layers.kinds import kind_of
from cnnviz.network.receptive_field import (
    dilation,
    kernel_size,
    padding_before,
    receptive_fields,
    strides,
)

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(
    rows=np.int64, columns=np.int64, channels=np.int64, patch=np.float32, kernel=np.float32
)
class WindowStep:
    """A kernel or a pooling window laid on the maps of another layer.

    Attributes
    ----------
    layer_name, kind : str
        The layer that slides the window, and what it is, such as ``Conv2D``.
    source : str
        The layer whose maps lie under the window, or `IMAGE`.
    rows, columns : int64 ndarray of shape (kh,), (kw,)
        Where the window lies on those maps; numbers outside them are padding.
    channels : int64 ndarray of shape (C,)
        The channels of `source` that take part.
    patch : float32 ndarray of shape (kh, kw, C)
        What lies under the window; padding is 0, and NaN under a pooling window, which skips it.
    kernel : float32 ndarray of shape (kh, kw, C) or None
        None for pooling.
    bias : float
    value : float
        The sum of all products and the bias; of a pooling window the largest or the mean.
    """

    layer_name: str
    kind: str
    source: str
    rows: np.ndarray
    columns: np.ndarray
    channels: np.ndarray
    patch: np.ndarray
    kernel: np.ndarray | None
    bias: float
    value: float

    @property
    def products(self) -> np.ndarray:
        """Patch times kernel, number by number, float64 (kh, kw, C); the patch for pooling."""
        patch = self.patch.astype(np.float64)
        return patch if self.kernel is None else patch * self.kernel

    @property
    def partial_sums(self) -> np.ndarray:
        """What each channel adds, float64 (C,)."""
        return self.products.sum(axis=(0, 1))


@dataclass(frozen=True, slots=True)
class TraceStep:
    """A number made of numbers at the same place: an activation, a normalization, a sum.

    Attributes
    ----------
    layer_name, kind : str
    formula : str
        With its numbers, such as ``max(0, −1.2)``.
    value : float
    """

    layer_name: str
    kind: str
    formula: str
    value: float


Step = WindowStep | TraceStep


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(gradient=np.float32)
class UnitTrace:
    """Where a cell's number comes from.

    Attributes
    ----------
    layer_name : str
    channel, row, column : int
    value : float
        What the network computed.
    steps : tuple of WindowStep and TraceStep
        The same number rebuilt by hand in double precision, from the last window before it.
    gradient : float32 ndarray of shape (h, w)
        Mean over the colors of |∂value/∂pixel|, in the network's own input.
    seen_rows, seen_columns : range or None
        The pixels that the cell can depend on at all; empty where it sees nothing but padding.
        None where the geometry is not known.
    """

    layer_name: str
    channel: int
    row: int
    column: int
    value: float
    steps: tuple[Step, ...]
    gradient: np.ndarray
    seen_rows: range | None
    seen_columns: range | None

    @property
    def rebuilt(self) -> float | None:
        """The value that the steps end with; None if the last layer cannot be written out."""
        return self.steps[-1].value if self.steps else None


def trace_unit(
    model: "LoadedModel", image: ImageInput, layer_name: str, channel: int, row: int, column: int
) -> UnitTrace:
    """Trace one number of a feature map back to the numbers that it was made of.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    layer_name : str
        A layer with maps.
    channel, row, column : int

    Returns
    -------
    UnitTrace
        `steps` is empty if the layer does something that is not written out here.

    Raises
    ------
    UnknownLayerError, InvalidParameterError
        If there is no such layer or cell, or the layer has no maps.

    References
    ----------
    Luo et al., "Understanding the effective receptive field in deep convolutional neural
    networks", NeurIPS 2016, arXiv:1701.04128.
    """
    shape = model.map_shapes[model.checked_maps(layer_name)]
    for what, place, length in zip(
        ("row", "column", "channel"), (row, column, channel), shape, strict=True
    ):
        if not 0 <= place < length:
            raise InvalidParameterError(
                f"There is no {what} {place} in {layer_name!r}: it has 0 to {length - 1}."
            )
    batch = model.preprocess(image)
    maps, _ = model.activations(image, model.map_layer_names)
    maps[IMAGE] = batch[0]
    tracer = _Tracer(model, maps)
    field = receptive_fields(model)[layer_name]
    return UnitTrace(
        layer_name=layer_name,
        channel=channel,
        row=row,
        column=column,
        value=float(maps[layer_name][row, column, channel]),
        steps=tuple(tracer.steps(layer_name, channel, row, column)),
        gradient=_gradient_of(model, batch, layer_name, channel, row, column),
        seen_rows=field.rows.seen_by(row) if field else None,
        seen_columns=field.columns.seen_by(column) if field else None,
    )


def _gradient_of(
    model: "LoadedModel", batch: np.ndarray, name: str, channel: int, row: int, column: int
) -> np.ndarray:
    places = tf.constant([[0, row, column, channel]])
    gradient = model.compute(
        ("cell gradient", name), lambda: _unit_gradient(model, name), tf.constant(batch), places
    )
    return np.abs(np.asarray(gradient)[0]).mean(axis=-1)


def _unit_gradient(model: "LoadedModel", name: str) -> Callable[..., Any]:
    def unit_gradient(batch: Any, places: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            cell = tf.gather_nd(model.maps_of(model.run(batch), name), places)
        return tape.gradient(cell, batch, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    image = tf.TensorSpec((1, *model.input_shape), tf.float32)
    return compiled(unit_gradient, image, tf.TensorSpec((1, 4), tf.int32))


class _Tracer:
    """Rebuilds cells of a network from the maps that it computed for one image."""

    def __init__(self, model: "LoadedModel", maps: Mapping[str, np.ndarray]) -> None:
        self._model = model
        self._maps = maps

    def steps(self, name: str, channel: int, row: int, column: int) -> list[Step]:
        """Write a cell out, back to the last window or sum; empty where that cannot be done."""
        if name == IMAGE:
            value = float(self._maps[IMAGE][row, column, channel])
            return [TraceStep(IMAGE, "Input", f"pixel ({row}, {column})", value)]
        sources = self._model.layer_inputs[name] or (IMAGE,)
        if not all(source in self._maps for source in sources):
            return []
        operation = self._model.operations[name]
        kind = kind_of(operation)
        if kind in _KERNELS or kind in _POOLINGS:
            return self._window(name, sources[0], channel, row, column)
        if kind in _JOINTS:
            return [self._joint(name, sources, channel, row, column)]
        if kind == "Concatenate":
            return self._concatenated(name, sources, channel, row, column)
        if kind in ("ZeroPadding2D", "Cropping2D"):
            return self._moved(name, sources[0], channel, row, column)
        if kind not in _ELEMENTWISE:
            return []
        earlier = self.steps(sources[0], channel, row, column)
        if kind in _IDENTITIES:
            return earlier
        cell = self._maps[sources[0]][row, column].astype(np.float64)
        if earlier:
            cell[channel] = earlier[-1].value
        if kind == "BatchNormalization":
            told = _batch_normalized(operation, float(cell[channel]), channel)
        else:
            told = _called(operation.call, operation, cell, channel)
        return [*earlier, TraceStep(name, kind, *told)]

    def _window(self, name: str, source: str, channel: int, row: int, column: int) -> list[Step]:
        operation, maps = self._model.operations[name], self._maps[source]
        kind = kind_of(operation)
        rows, columns = (
            _window_places(length, cells, stride, rate, place, is_same=_is_same(operation))
            for length, cells, stride, rate, place in zip(
                maps.shape[:2],
                kernel_size(operation) or maps.shape[:2],
                strides(operation),
                dilation(operation),
                (row, column),
                strict=True,
            )
        )
        channels, kernel, bias = _weights(operation, maps.shape[-1], channel)
        patch = _cut(maps[..., channels], rows, columns, np.nan if kernel is None else 0.0)
        cells = patch.astype(np.float64)
        if kernel is None:
            value = float(np.nanmax(cells) if "Max" in kind else np.nanmean(cells))
        else:
            value = float((cells * kernel).sum()) + bias
        window = WindowStep(name, kind, source, rows, columns, channels, patch, kernel, bias, value)
        function = getattr(operation, "activation", None)
        if function is None or function.__name__ == "linear":
            return [window]
        if function.__name__ == "softmax":
            return []  # that needs all channels
        told = _called(function, function, np.array([value]), 0)
        return [window, TraceStep(name, function.__name__, *told)]

    def _joint(
        self, name: str, sources: tuple[str, ...], channel: int, row: int, column: int
    ) -> TraceStep:
        kind = kind_of(self._model.operations[name])
        parts = []
        for source in sources:
            maps = self._maps[source]  # one cell or one channel meets all of the other
            place = [min(i, n - 1) for i, n in zip((row, column, channel), maps.shape, strict=True)]
            parts.append(float(maps[tuple(place)]))
        sign, join = _JOINTS[kind]
        written = sign.join(_short(part) if part >= 0 else f"({_short(part)})" for part in parts)
        word = "" if sign != ", " else f"{kind.lower()} of "
        return TraceStep(name, kind, f"{word}{written}, from {' and '.join(sources)}", join(parts))

    def _concatenated(
        self, name: str, sources: tuple[str, ...], channel: int, row: int, column: int
    ) -> list[Step]:
        if self._model.operations[name].axis not in (-1, 3):
            return []
        for source in sources:
            depth = self._maps[source].shape[-1]
            if channel < depth:
                break
            channel -= depth
        value = float(self._maps[source][row, column, channel])
        earlier = self.steps(source, channel, row, column)
        formula = f"channel {channel} of {source}"
        value = earlier[-1].value if earlier else value
        return [*earlier, TraceStep(name, "Concatenate", formula, value)]

    def _moved(self, name: str, source: str, channel: int, row: int, column: int) -> list[Step]:
        operation = self._model.operations[name]
        kind = kind_of(operation)
        if kind == "ZeroPadding2D":
            row, column = row - operation.padding[0][0], column - operation.padding[1][0]
        else:
            row, column = row + operation.cropping[0][0], column + operation.cropping[1][0]
        height, width, _ = self._maps[source].shape
        if not (0 <= row < height and 0 <= column < width):
            return [TraceStep(name, kind, "padding", 0.0)]
        value = float(self._maps[source][row, column, channel])
        return [TraceStep(name, kind, f"cell ({row}, {column}) of {source}", value)]


def _is_same(operation: Any) -> bool:
    return getattr(operation, "padding", "") == "same"


def _window_places(
    length: int, cells: int, stride: int, rate: int, place: int, *, is_same: bool
) -> np.ndarray:
    before = padding_before(length, cells, stride, rate) if is_same else 0
    return place * stride - before + rate * np.arange(cells)


def _cut(maps: np.ndarray, rows: np.ndarray, columns: np.ndarray, padding: float) -> np.ndarray:
    """Cut a window out of maps; what lies outside is padding."""
    height, width, _ = maps.shape
    cells = maps[np.clip(rows, 0, height - 1)[:, None], np.clip(columns, 0, width - 1)]
    inside = ((rows >= 0) & (rows < height))[:, None] & ((columns >= 0) & (columns < width))
    return np.where(inside[..., None], cells, np.float32(padding))


def _weights(
    operation: Any, depth: int, channel: int
) -> tuple[np.ndarray, np.ndarray | None, float]:
    """Return the channels that an output channel reads, its kernel (kh, kw, C), and its bias."""
    kind = kind_of(operation)
    if kind in _POOLINGS:
        return np.array([channel]), None, 0.0
    weights = [np.asarray(values) for values in operation.get_weights()]
    bias = float(weights[-1][channel]) if operation.use_bias else 0.0
    if kind == "DepthwiseConv2D":
        source, copy = divmod(channel, weights[0].shape[-1])
        return np.array([source]), weights[0][:, :, source : source + 1, copy], bias
    if kind == "SeparableConv2D":  # both kernels together are one
        deep, pointwise = weights[0], weights[1][0, 0, :, channel]
        joined = (deep * pointwise.reshape(1, 1, *deep.shape[2:])).sum(axis=-1)
        return np.arange(depth), joined, bias
    kernel = weights[0][..., channel]
    num_groups = depth // kernel.shape[-1]
    group = channel // (weights[0].shape[-1] // num_groups)
    return group * kernel.shape[-1] + np.arange(kernel.shape[-1]), kernel, bias


def _batch_normalized(operation: Any, value: float, channel: int) -> tuple[str, float]:
    def one(weight: Any, default: float) -> float:
        return default if weight is None else float(np.asarray(weight)[channel])

    gamma, beta = one(operation.gamma, 1.0), one(operation.beta, 0.0)
    mean, variance = one(operation.moving_mean, 0.0), one(operation.moving_variance, 1.0)
    formula = (
        f"{_short(gamma)}·({_short(value)} {_summand(-mean)})"
        f"/√({_short(variance)} + {operation.epsilon:g}) {_summand(beta)}"
    )
    return formula, gamma * (value - mean) / float(np.sqrt(variance + operation.epsilon)) + beta


def _called(
    function: Callable[..., Any], of: Any, cell: np.ndarray, channel: int
) -> tuple[str, float]:
    """Let the library compute a cell, given with all its channels, and say what it did."""
    value = float(cell[channel])
    given = tf.constant(cell.reshape(1, 1, 1, -1), tf.float32)
    result = float(np.asarray(function(given)).ravel()[channel])
    of = getattr(of, "activation", of)
    name = getattr(of, "__name__", type(of).__name__)
    ceiling = 6.0 if name.lower() == "relu6" else getattr(of, "max_value", None)
    if name.lower() not in ("relu", "relu6") or result < 0:
        return f"{name}({_short(value)})", result
    rectified = f"max(0, {_short(value)})"
    return rectified if ceiling is None else f"min({ceiling:g}, {rectified})", result


def _short(value: float) -> str:
    return f"{value:.5g}".replace("-", "−")


def _summand(value: float) -> str:
    """Write a number that is added to another."""
    return f"− {_short(-value)}" if value < 0 else f"+ {_short(value)}"


_KERNELS = {"Conv2D", "DepthwiseConv2D", "SeparableConv2D"}
_POOLINGS = {
    *("MaxPooling2D", "AveragePooling2D", "GlobalMaxPooling2D", "GlobalAveragePooling2D"),
}
_JOINTS: dict[str, tuple[str, Callable[[list[float]], float]]] = {
    "Add": (" + ", sum),
    "Subtract": (" − ", lambda parts: parts[0] - parts[1]),
    "Multiply": (" · ", prod),
    "Average": (", ", lambda parts: sum(parts) / len(parts)),
    "Maximum": (", ", max),
    "Minimum": (", ", min),
}
_IDENTITIES = {
    *("InputLayer", "Identity", "Dropout", "SpatialDropout2D", "GaussianNoise"),
    *("GaussianDropout", "AlphaDropout", "ActivityRegularization"),
}
_ELEMENTWISE = _IDENTITIES | {
    *("BatchNormalization", "Normalization", "Rescaling", "Activation", "ReLU", "LeakyReLU"),
    *("PReLU", "ELU", "Softmax", "Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "HardSigmoid"),
    *("HardSwish", "Tanh"),
}
