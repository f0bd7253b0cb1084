"""Which part of the image a position of a feature map can depend on at all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import lcm
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cnnviz.network.layers.kinds import kind_of

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

_NOTHING = 1 << 40  # first pixel of a position of padding, which sees nothing


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """What the positions along one axis see.

    Attributes
    ----------
    first, last : int64 ndarray of shape (num_positions,)
        First and last pixel that each position sees, cut off at the border of the image. A position
        of padding sees nothing: its first is then behind its last.
    spans : tuple of (int, int)
        First and last pixel of position 0 if the image went on beyond its borders. Behind
        upsampling neighbors take turns: then there is one pair for each until it begins again.
        Empty if a position sees the whole image whatever its size.
    jump : int or Fraction
        Pixels between what neighboring positions see, on average; a fraction behind upsampling.
    """

    first: np.ndarray
    last: np.ndarray
    spans: tuple[tuple[int, int], ...]
    jump: int | Fraction

    @property
    def size(self) -> int | None:
        """Number of pixels that one position sees at most; None for the whole image."""
        return max((last - first + 1 for first, last in self.spans), default=None)

    def seen_by(self, cell: int) -> range:
        """Return the pixels that a cell sees; empty if that is nothing but padding.

        Behind global pooling there is one cell, which stands for all.
        """
        place = min(cell, len(self.first) - 1)
        return range(int(self.first[place]), int(self.last[place]) + 1)


@dataclass(frozen=True, slots=True, eq=False)
class ReceptiveField:
    """What the cells of one layer see, along rows and columns."""

    rows: Axis
    columns: Axis


@dataclass(frozen=True, slots=True)
class _Move:
    """Where the positions of an output come from along one axis.

    `sources` gives for output positions (n,) the input positions (n, m), and which of them count
    (n, m). `up` output positions lie over `down` input positions.
    """

    sources: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    up: int = 1
    down: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Scattered:
    """Positions whose order on the image is not known, such as tokens behind some Reshape.

    What one of them sees is not written down, but what all of them see together is: `whole`.
    """

    whole: ReceptiveField


_Field: TypeAlias = ReceptiveField | _Scattered | None


def receptive_fields(model: "LoadedModel") -> dict[str, ReceptiveField | None]:
    """Compute the theoretical receptive field of every layer, at borders too.

    Going forward, a kernel of k entries (with dilation k_eff = d·(k - 1) + 1) widens the field by
    (k_eff - 1)·j pixels, and a stride s multiplies the jump j between neighboring positions by s;
    upsampling and transposed convolution divide it by s. What several branches see is joined.
    Every position is followed by itself, so that padding is never taken for pixels.

    Parameters
    ----------
    model : LoadedModel

    Returns
    -------
    dict
        Behind global pooling, flattening and attention there is one entry for all positions, which
        see the whole image. None for layers whose geometry is not known here, and for all behind
        them.

    References
    ----------
    Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill
    2019, doi:10.23915/distill.00021.
    """
    fields: dict[str, _Field] = {}
    height, width, _ = model.input_shape
    image = ReceptiveField(_pixels(height), _pixels(width))
    for name in model.layer_names:
        inputs = model.layer_inputs[name]
        source = _joined([fields[source_name] for source_name in inputs] or [image])
        before = model.layer_shapes[inputs[0]] if inputs else model.input_shape
        operation = _unwrapped(model.operations[name])
        field = _through(operation, source, before, model.layer_shapes[name])
        if isinstance(field, _Scattered) and len(inputs) < 2 and _has_grid(model, name, source):
            field = source  # tokens in the order of the image
        fields[name] = field
    return {
        name: field if isinstance(field, ReceptiveField) else None for name, field in fields.items()
    }


def _has_grid(model: "LoadedModel", name: str, field: _Field) -> bool:
    """Whether the positions of a layer are known to lie on the image as those of a field do."""
    grid = model.grids.get(name)
    if grid is None or grid.is_assumed or not isinstance(field, ReceptiveField):
        return False
    return (grid.rows, grid.columns) == (len(field.rows.first), len(field.columns.first))


def kernel_size(operation: Any) -> tuple[int, int] | None:
    """Rows and columns of the window that a layer slides over its input; None if it has none."""
    operation = _unwrapped(operation)
    size = getattr(operation, "kernel_size", None) or getattr(operation, "pool_size", None)
    if isinstance(size, int):  # of `keras.ops.max_pool`
        return size, size
    return (int(size[0]), int(size[1])) if size is not None and len(size) == 2 else None


def strides(operation: Any) -> tuple[int, int]:
    """Steps of that window along rows and columns; 1 where there is none."""
    operation = _unwrapped(operation)
    steps = getattr(operation, "strides", 1)
    # None: `keras.ops.max_pool` moves by its own size
    return (kernel_size(operation) or (1, 1)) if steps is None else _pair(steps)


def dilation(operation: Any) -> tuple[int, int]:
    """Distance of the window's entries along rows and columns."""
    return _pair(getattr(_unwrapped(operation), "dilation_rate", 1))


def padding_before(length: int, cells: int, stride: int, rate: int) -> int:
    """Positions of padding before the first of `length`, where a layer's padding is ``same``.

    TensorFlow puts the odd one behind.
    """
    outputs = -(-length // stride)
    return max((outputs - 1) * stride + rate * (cells - 1) + 1 - length, 0) // 2


def _unwrapped(operation: Any) -> Any:
    from cnnviz.network.layers.operations import unwrapped

    return unwrapped(operation)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))


def _pixels(length: int) -> Axis:
    places = np.arange(length)
    return Axis(places, places, ((0, 0),), 1)


def _whole_axis(axis: Axis) -> Axis:
    """One position that sees whatever any position of an axis sees."""
    seen = axis.first <= axis.last
    return Axis(axis.first[seen].min(keepdims=True), axis.last[seen].max(keepdims=True), (), 0)


def _whole(field: ReceptiveField | _Scattered) -> ReceptiveField:
    """One position that sees whatever any position sees."""
    if isinstance(field, _Scattered):
        return field.whole
    return ReceptiveField(_whole_axis(field.rows), _whole_axis(field.columns))


def _is_one(field: ReceptiveField | _Scattered) -> bool:
    """Whether all positions see the same."""
    return (
        isinstance(field, ReceptiveField) and len(field.rows.first) == len(field.columns.first) == 1
    )


def _joined(
    sources: Sequence[_Field],
) -> _Field:
    """Join what branches see."""
    known = [source for source in sources if source is not None]
    if not known or len(known) < len(sources):
        return None
    if any(isinstance(source, _Scattered) for source in known):
        return _joined_scattered(known)
    fields = [source for source in known if isinstance(source, ReceptiveField)]
    rows, columns = [field.rows for field in fields], [field.columns for field in fields]
    for axes in (rows, columns):
        if len({axis.jump for axis in axes if axis.jump}) > 1:
            return None  # their positions do not lie over each other
        if len({len(axis.first) for axis in axes} - {1}) > 1:
            return None
    return ReceptiveField(reduce(_joined_axes, rows), reduce(_joined_axes, columns))


def _joined_scattered(
    sources: Sequence[ReceptiveField | _Scattered],
) -> ReceptiveField | _Scattered:
    """Join branches of which some are in another order: nothing is known of single positions."""
    wholes = [_whole(source) for source in sources]
    whole = ReceptiveField(
        reduce(_joined_axes, [field.rows for field in wholes]),
        reduce(_joined_axes, [field.columns for field in wholes]),
    )
    # a branch whose every position sees as much as all branches together settles it
    for source in sources:
        if _is_one(source) and _extent(_whole(source)) == _extent(whole):
            return whole
    return _Scattered(whole)


def _extent(field: ReceptiveField) -> tuple[int, ...]:
    axes = (field.rows, field.columns)
    return tuple(int(end[0]) for axis in axes for end in (axis.first, axis.last))


def _joined_axes(one: Axis, other: Axis) -> Axis:
    """Join two branches position by position; a single one is joined with each of the other."""
    first, last = np.minimum(one.first, other.first), np.maximum(one.last, other.last)
    jump = max(one.jump, other.jump)
    if not one.spans or not other.spans:
        return Axis(first, last, (), jump)
    places = np.arange(lcm(len(one.spans), len(other.spans)))
    starts, ends = zip(_unbounded(one, places), _unbounded(other, places), strict=True)
    return Axis(first, last, _spans(np.minimum(*starts), np.maximum(*ends)), jump)


def _through(
    operation: Any,
    field: _Field,
    before: tuple[int, ...],
    shape: tuple[int, ...],
) -> _Field:
    """Take a field through one layer from an input of shape `before` to an output of `shape`."""
    if field is None:
        return None
    kind = kind_of(operation)
    if _mixes_all(operation, before):
        return _whole(field)
    if kind in _GEOMETRY and len(before) == len(shape) == 3 and isinstance(field, ReceptiveField):
        return _moved(operation, field, _grid(operation, before), _grid(operation, shape))
    if _is_one(field):
        return _whole(field)
    if _is_position_by_position(operation, shape):
        return field
    return _Scattered(_whole(field)) if kind in _REARRANGING else None


def _mixes_all(operation: Any, before: tuple[int, ...]) -> bool:
    """Whether every output depends on all positions of an input of shape `before`."""
    kind = kind_of(operation)
    if kind in _ATTENTION:
        axes = getattr(operation, "attention_axes", None) or range(1, len(before))
        return len(axes) == len(before) - 1 and not getattr(operation, "_sliding_window", None)
    if kind in _REDUCTIONS:
        return {*range(1, len(before))} <= {*_axes(operation, before)}
    if kind in _RECURRENT:
        return not operation.return_sequences
    return kind in _MIXES_ALL or (kind in _NORMALIZATIONS and not _is_last(operation, before))


def _is_position_by_position(operation: Any, shape: tuple[int, ...]) -> bool:
    kind = kind_of(operation)
    if kind in _NORMALIZATIONS or kind == "Concatenate":
        return _is_last(operation, shape)
    return kind in _POSITION_BY_POSITION


def _is_last(operation: Any, shape: tuple[int, ...]) -> bool:
    """Whether the axis of a layer is that of the channels."""
    return _axes(operation, shape) == [len(shape)]


def _axes(operation: Any, shape: tuple[int, ...]) -> list[int]:
    """Number the axes of a layer; 0 is the batch."""
    axes = [operation.axis] if isinstance(operation.axis, int) else operation.axis
    axes = range(len(shape) + 1) if axes is None else axes
    return [axis % (len(shape) + 1) for axis in axes]


def _grid(operation: Any, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Rows and columns of maps."""
    is_first = getattr(operation, "data_format", None) == "channels_first"
    return shape[1:] if is_first else shape[:2]


def _unbounded(axis: Axis, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last pixel of any positions if the image went on beyond its borders."""
    cycle = len(axis.spans)
    starts, ends = np.array(axis.spans, np.int64).T
    shift = places // cycle * int(axis.jump * cycle)
    return starts[places % cycle] + shift, ends[places % cycle] + shift


def _spans(starts: np.ndarray, ends: np.ndarray) -> tuple[tuple[int, int], ...]:
    return tuple((int(start), int(end)) for start, end in zip(starts, ends, strict=True))


def _moved(
    operation: Any,
    field: ReceptiveField,
    before: tuple[int, ...],
    after: tuple[int, ...],
) -> ReceptiveField | None:
    """Take a field through a layer that moves, slides over or enlarges a grid."""
    axes = []
    for place, (axis, length, outputs) in enumerate(
        zip((field.rows, field.columns), before, after, strict=True)
    ):
        if outputs is None or length is None or len(axis.first) not in (1, length):
            return None
        move = _GEOMETRY[kind_of(operation)](operation, place, length, outputs)
        if move is None:
            return None
        axes.append(_followed(_spread(axis, length), outputs, move))
    return ReceptiveField(*axes)


def _spread(axis: Axis, length: int) -> Axis:
    """Write one entry for each of the positions that all see the same."""
    if len(axis.first) == length:
        return axis
    return Axis(axis.first.repeat(length), axis.last.repeat(length), axis.spans, axis.jump)


def _followed(axis: Axis, num_outputs: int, move: _Move) -> Axis:
    """Follow every output position to the positions that it is computed from."""
    inputs, counts = move.sources(np.arange(num_outputs))
    length = len(axis.first)
    counts = counts & (inputs >= 0) & (inputs < length)  # outside is padding
    inputs = np.clip(inputs, 0, length - 1)
    first = np.where(counts, axis.first[inputs], _NOTHING).min(axis=1)
    last = np.where(counts, axis.last[inputs], -1).max(axis=1)
    jump = axis.jump * Fraction(move.down, move.up)
    if not axis.spans:
        return Axis(first, last, (), jump)
    cycle = lcm(len(axis.spans), move.down) // move.down * move.up
    inputs, counts = move.sources(np.arange(cycle))
    starts, ends = _unbounded(axis, inputs)
    starts = np.where(counts, starts, _NOTHING).min(axis=1)
    ends = np.where(counts, ends, -_NOTHING).max(axis=1)
    return Axis(first, last, _spans(starts, ends), jump)


def _window(operation: Any, place: int, length: int, outputs: int) -> _Move:
    """Slide a window."""
    window, stride, rate = _window_along(operation, place)
    before = padding_before(length, window, stride, rate) if operation.padding == "same" else 0

    def sources(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inputs = stride * places[:, None] + rate * np.arange(window) - before
        return inputs, np.ones(inputs.shape, bool)

    return _Move(sources, down=stride)


def _transposed(operation: Any, place: int, length: int, outputs: int) -> _Move:
    """Lay a kernel on the output at every position of the input, `stride` apart."""
    window, stride, rate = _window_along(operation, place)
    reach = rate * (window - 1) + 1
    before = 0
    if operation.padding == "same":  # what TensorFlow cuts off in front
        before = max((length - 1) * stride + reach - outputs, 0) // 2

    def sources(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps = places[:, None] + before - rate * np.arange(window)
        return steps // stride, steps % stride == 0

    return _Move(sources, up=stride)


def _upsampled(operation: Any, place: int, length: int, outputs: int) -> _Move | None:
    """Repeat positions, or interpolate between two of them."""
    factor = int(operation.size[place])

    def nearest(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return places[:, None] // factor, np.ones((len(places), 1), bool)

    def bilinear(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # the center of output o lies at (2o + 1 - factor) / 2factor of the input
        lower, rest = np.divmod(2 * places[:, None] + 1 - factor, 2 * factor)
        return lower + np.arange(2), np.hstack([rest >= 0, rest > 0])

    sources = {"nearest": nearest, "bilinear": bilinear}.get(operation.interpolation)
    return None if sources is None else _Move(sources, up=factor)


def _shifted(operation: Any, place: int, length: int, outputs: int) -> _Move:
    """Put positions in front of the first, or take some away."""
    is_cropping = kind_of(operation) == "Cropping2D"
    shift = operation.cropping[place][0] if is_cropping else -operation.padding[place][0]
    return _Move(
        lambda places: (places[:, None] + shift, np.ones((len(places), 1), bool)),
    )


def _window_along(operation: Any, place: int) -> tuple[int, int, int]:
    """Length, stride and dilation of a window along rows (0) or columns (1)."""
    size = kernel_size(operation)
    assert size is not None
    return size[place], strides(operation)[place], dilation(operation)[place]


_GEOMETRY: dict[str, Callable[[Any, int, int, int], _Move | None]] = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2D", "SeparableConv2D"), _window),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D", "MaxPool", "AveragePool"), _window),
    "Conv2DTranspose": _transposed,
    "UpSampling2D": _upsampled,
    **dict.fromkeys(("ZeroPadding2D", "Cropping2D"), _shifted),
}
_ATTENTION = ("MultiHeadAttention", "GroupedQueryAttention", "Attention", "AdditiveAttention")
_MIXES_ALL = {
    *(f"Global{kind}Pooling{rank}D" for kind in ("Average", "Max") for rank in (1, 2, 3)),
    *("Flatten", "GroupNormalization"),  # whose mean is over rows and columns, too
}
_REDUCTIONS = ("Mean", "Max", "Sum")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "Bidirectional")
_NORMALIZATIONS = ("LayerNormalization", "RMSNormalization", "UnitNormalization", "Softmax")
_REARRANGING = {
    *("Reshape", "Permute", "ExpandDims", "Squeeze", "Transpose", "Swapaxes", "Moveaxis"),
    *("Concatenate", *_RECURRENT),
}
_POSITION_BY_POSITION = {
    *("InputLayer", "Activation", "ReLU", "LeakyReLU", "PReLU", "ELU", "Identity"),
    *("BatchNormalization", "Normalization", "Rescaling", "Dense"),
    *("LayerScale", "CustomScaleLayer"),  # of ConvNeXt and Inception-ResNet
    # these act in training only
    *("Dropout", "SpatialDropout2D", "GaussianNoise", "GaussianDropout", "AlphaDropout"),
    *("StochasticDepth", "RandomFlip", "RandomRotation", "RandomTranslation", "RandomZoom"),
    *("RandomContrast", "RandomBrightness"),
    *("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"),
    *("Relu", "Relu6", "Sigmoid", "Silu", "Gelu", "HardSigmoid", "HardSwish", "Tanh"),
    *("TrueDivide", "Divide", "Clip", "ActivityRegularization"),
}
