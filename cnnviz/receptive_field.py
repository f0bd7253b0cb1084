"""Which part of the picture a cell of a feature map can depend on at all."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.results import Axis, ReceptiveField

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

_NOTHING = np.iinfo(np.int64).max  # first pixel of a cell of padding, which sees nothing


def receptive_fields(model: "LoadedModel") -> dict[str, ReceptiveField | None]:
    """Compute the theoretical receptive field of every layer, at borders too.

    Going forward, a kernel of k cells (with dilation k_eff = d·(k - 1) + 1) widens the field by
    (k_eff - 1)·j pixels, and a stride s multiplies the jump j between neighbouring cells by s. What
    several branches see is taken together. Every cell is followed by itself, so that padding is
    never taken for pixels.

    Parameters
    ----------
    model : LoadedModel

    Returns
    -------
    dict
        Behind global pooling and flattening there is one cell that sees the whole picture. None
        for layers whose geometry is not known here, and for all behind them.

    References
    ----------
    Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill
    2019, doi:10.23915/distill.00021.
    """
    fields: dict[str, ReceptiveField | None] = {}
    height, width, _ = model.input_shape
    picture: ReceptiveField | None = ReceptiveField(_pixels(height), _pixels(width))
    for name in model.layer_names:
        inputs = model.layer_inputs[name]
        sources = [fields[source] for source in inputs] if inputs else [picture]
        shape = model.layer_shapes[name]
        fields[name] = _through(model.operations[name], _together(sources), shape)
    return fields


def kernel_size(operation: Any) -> tuple[int, int] | None:
    """Rows and columns of the window that a layer slides over its input; None if it has none."""
    size = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    return (int(size[0]), int(size[1])) if size is not None and len(size) == 2 else None


def strides(operation: Any) -> tuple[int, int]:
    """Steps of that window along rows and columns; 1 where there is none."""
    return _pair(getattr(operation, "strides", 1))


def dilation(operation: Any) -> tuple[int, int]:
    """Distance of the window's cells along rows and columns."""
    return _pair(getattr(operation, "dilation_rate", 1))


def padding_before(length: int, cells: int, stride: int, rate: int) -> int:
    """Cells of padding before the first of `length`, where a layer's padding is ``same``.

    TensorFlow puts the odd one behind.
    """
    outputs = -(-length // stride)
    return max((outputs - 1) * stride + rate * (cells - 1) + 1 - length, 0) // 2


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _pixels(length: int) -> Axis:
    places = np.arange(length)
    return Axis(places, places, (0, 0), 1)


def _whole(axis: Axis) -> Axis:
    """One cell that sees whatever any cell of an axis sees."""
    seen = axis.first <= axis.last
    return Axis(axis.first[seen].min(keepdims=True), axis.last[seen].max(keepdims=True), None, 0)


def _together(sources: Sequence[ReceptiveField | None]) -> ReceptiveField | None:
    """Join what branches see."""
    known = [source for source in sources if source is not None]
    if not known or len(known) < len(sources):
        return None
    axes = [[source.rows for source in known], [source.columns for source in known]]
    if any(len({axis.jump for axis in branches if axis.jump}) > 1 for branches in axes):
        return None  # their cells do not lie over each other
    return ReceptiveField(reduce(_joined, axes[0]), reduce(_joined, axes[1]))


def _joined(one: Axis, other: Axis) -> Axis:
    """Join two branches cell by cell; a single cell is joined with every one of the other."""
    span = None
    if one.span and other.span:
        span = min(one.span[0], other.span[0]), max(one.span[1], other.span[1])
    first, last = np.minimum(one.first, other.first), np.maximum(one.last, other.last)
    return Axis(first, last, span, max(one.jump, other.jump))


def _through(
    operation: Any, field: ReceptiveField | None, shape: tuple[int, ...]
) -> ReceptiveField | None:
    """Take a field through one layer whose output has `shape`."""
    if field is None:
        return None
    kind = type(operation).__name__
    if kind in _GEOMETRY:
        return _GEOMETRY[kind](operation, field)
    if kind in _CELL_BY_CELL:
        return field
    sees_all = kind in _MIXES_ALL or len(field.rows.first) == len(field.columns.first) == 1
    return ReceptiveField(_whole(field.rows), _whole(field.columns)) if sees_all else None


def _window(operation: Any, field: ReceptiveField) -> ReceptiveField:
    size = kernel_size(operation)
    assert size is not None
    rows, columns = (
        _slid(axis, cells, stride, rate, operation.padding == "same")
        for axis, cells, stride, rate in zip(
            (field.rows, field.columns),
            size,
            strides(operation),
            dilation(operation),
            strict=True,
        )
    )
    return ReceptiveField(rows, columns)


def _slid(axis: Axis, cells: int, stride: int, rate: int, is_same: bool) -> Axis:
    """Slide a window along an axis."""
    length, reach = len(axis.first), rate * (cells - 1)
    before = padding_before(length, cells, stride, rate) if is_same else 0
    outputs = -(-length // stride) if is_same else (length - reach - 1) // stride + 1
    # a row for each output, a column for each cell of the window; outside is padding
    taken = stride * np.arange(outputs)[:, None] + rate * np.arange(cells) - before
    inside = (taken >= 0) & (taken < length)
    taken = np.clip(taken, 0, length - 1)
    first = np.where(inside, axis.first[taken], _NOTHING).min(axis=1)
    last = np.where(inside, axis.last[taken], -1).max(axis=1)
    span = None
    if axis.span:
        span = axis.span[0] - before * axis.jump, axis.span[1] + (reach - before) * axis.jump
    return Axis(first, last, span, axis.jump * stride)


def _padded(operation: Any, field: ReceptiveField) -> ReceptiveField:
    rows, columns = (
        Axis(
            np.pad(axis.first, around, constant_values=_NOTHING),
            np.pad(axis.last, around, constant_values=-1),
            _moved(axis, -around[0]),
            axis.jump,
        )
        for axis, around in zip((field.rows, field.columns), operation.padding, strict=True)
    )
    return ReceptiveField(rows, columns)


def _cropped(operation: Any, field: ReceptiveField) -> ReceptiveField:
    rows, columns = (
        Axis(
            axis.first[before : len(axis.first) - behind],
            axis.last[before : len(axis.last) - behind],
            _moved(axis, before),
            axis.jump,
        )
        for axis, (before, behind) in zip(
            (field.rows, field.columns), operation.cropping, strict=True
        )
    )
    return ReceptiveField(rows, columns)


def _moved(axis: Axis, cells: int) -> tuple[int, int] | None:
    shift = cells * axis.jump
    return None if axis.span is None else (axis.span[0] + shift, axis.span[1] + shift)


_GEOMETRY: dict[str, Callable[[Any, ReceptiveField], ReceptiveField]] = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _window),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D"), _window),
    "ZeroPadding2D": _padded,
    "Cropping2D": _cropped,
}
_MIXES_ALL = {"GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten"}
_CELL_BY_CELL = {
    *("InputLayer", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Identity"),
    *("BatchNormalization", "LayerNormalization", "Normalization", "Rescaling", "Dense"),
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"),
    *("Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "HardSigmoid", "HardSwish", "Tanh"),
    *("TrueDivide", "Divide", "Clip", "UnitNormalization", "ActivityRegularization"),
}
