"""How many multiplications (MACs) a Keras layer or operation needs for one image."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

from cnnviz.network.layers.kinds import kind_of

Shape: TypeAlias = tuple[int, ...]
_Terms: TypeAlias = list[Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class Formula:
    """A sum of products of integers.

    Attributes
    ----------
    terms : tuple of tuple of int
        The products, each with its factors.

    Examples
    --------
    >>> formula = Formula.sum_of([(3, 3, 32, 64), (64,)])
    >>> formula.text, formula.value
    ('3·3·32·64 + 64', 18496)
    >>> Formula.sum_of([(64,), (64,)]).text
    '2·64'
    """

    terms: tuple[Shape, ...] = ()

    @classmethod
    def sum_of(cls, products: Sequence[Sequence[int]]) -> "Formula":
        """Add up products; equal ones become one with their number in front."""
        counts: dict[Shape, int] = {}
        for product in products:
            factors = tuple(map(int, product))
            counts[factors] = counts.get(factors, 0) + 1
        return cls(
            tuple(factors if count == 1 else (count, *factors) for factors, count in counts.items())
        )

    @property
    def value(self) -> int:
        """The number."""
        return sum(prod(factors) for factors in self.terms)

    @property
    def text(self) -> str:
        """The sum written out; empty if there is nothing in it."""
        return " + ".join("·".join(map(str, factors)) or "1" for factors in self.terms)


@dataclass(frozen=True, slots=True)
class _Operand:
    """A tensor that an operation is called with; the batch of a feature tensor is 1."""

    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    """What an operation is called with: operands by the name of their argument, and in order."""

    arguments: dict[str, Any]
    operands: tuple[_Operand, ...]


def multiplications(
    operation: Any, input_shapes: Sequence[Shape], output_shape: Shape
) -> Formula | None:
    """Count the multiplications of a layer or operation for one image.

    What counts are products of features with weights, and of features with features in attention
    and matrix products: everything that a matrix product or a convolution multiplies, padding
    included. Not counted are products entry by entry: normalization, scaling, gates, activations,
    pooling and interpolation.

    Parameters
    ----------
    operation : keras.Layer or keras.Operation
        Part of a functional model.
    input_shapes : sequence of tuple of int
        Of the feature tensors that it is called with, in order, without the batch.
    output_shape : tuple of int
        Without the batch.

    Returns
    -------
    Formula or None
        Empty if it multiplies nothing that counts; None where that is not known: layers of classes
        that are not from Keras, Lambda layers, and sizes that are not known.

    Examples
    --------
    >>> import keras
    >>> dense = keras.layers.Dense(10)
    >>> _ = dense(keras.Input((64,)))
    >>> multiplications(dense, [(64,)], (10,)).text
    '64·10'
    """
    call = None if _formula_of(operation) is None else _call_of(operation, input_shapes)
    return _counted(operation, call, output_shape)


def _formula_of(operation: Any) -> "_Count | None":
    names = [kind.__name__ for kind in type(operation).__mro__ if _is_from_keras(kind)]
    return next((_FORMULAS[name] for name in names if name in _FORMULAS), None)


def _counted(operation: Any, call: _Call | None, output_shape: Shape) -> Formula | None:
    count = _formula_of(operation)
    if count is None:
        return Formula() if _multiplies_nothing(operation) else None
    terms = None if call is None else count(operation, call, output_shape)
    if terms is None or any(factor is None for factors in terms for factor in factors):
        return None
    return Formula.sum_of([[factor or 0 for factor in factors] for factors in terms])


def _is_from_keras(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"


def _multiplies_nothing(operation: Any) -> bool:
    """Whether an operation without a formula is known to need none."""
    name = kind_of(operation)
    if not _is_from_keras(type(operation)) or name in _UNKNOWN or hasattr(operation, "layers"):
        return False
    return name in _ENTRY_BY_ENTRY or all(
        len(weights.shape) < 2 for weights in getattr(operation, "weights", ())
    )


def _call_of(operation: Any, input_shapes: Sequence[Shape]) -> _Call | None:
    """Find out which argument each input is; None if the operation is part of no graph.

    `Operation._inbound_nodes` is private to Keras: its version is pinned, and the tests of
    attention fail if a later one changes it.
    """
    nodes = operation._inbound_nodes
    if not nodes:
        return None
    known = [node for node in nodes if len(node.input_tensors) == len(input_shapes)]
    arguments = (known or nodes)[0].arguments
    given = iter(input_shapes)

    def operand(leaf: Any) -> Any:
        if any(leaf is tensor for tensor in arguments.keras_tensors):
            return _Operand((1, *(next(given) if known else leaf.shape[1:])))
        return _Operand(tuple(leaf.shape)) if hasattr(leaf, "shape") else leaf

    args, kwargs = arguments.convert(operand)
    bound = inspect.signature(operation.call).bind(*args, **kwargs).arguments
    return _Call(bound, tuple(_operands([args, kwargs])))


def _operands(structure: Any) -> Iterator[_Operand]:
    """Go through all operands in a structure of arguments."""
    if isinstance(structure, _Operand):
        yield structure
    elif isinstance(structure, (list, tuple)):
        for part in structure:
            yield from _operands(part)
    elif isinstance(structure, dict):
        yield from _operands(list(structure.values()))


def _grid(operation: Any, shape: Sequence[int | None]) -> list[int | None]:
    """Columns, then rows of maps without the batch, as in F·F·D·W·H·K."""
    is_first = getattr(operation, "data_format", None) == "channels_first"
    return list(reversed(shape[1:] if is_first else shape[:-1]))


def _dense(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    return [(*operation.kernel.shape, *output_shape[:-1])]


def _convolution(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    *window, depth, filters = _kernel_of(operation, call)
    return [(*window, depth, *_grid(operation, output_shape), filters)]


def _transposed_convolution(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    """Lay the kernel on the output at every position of the input."""
    *window, filters, depth = _kernel_of(operation, call)
    return [(*window, depth, *_grid(operation, call.operands[0].shape[1:]), filters)]


def _depthwise_convolution(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    *window, depth, multiplier = _kernel_of(operation, call)
    return [(*window, *_grid(operation, output_shape), depth * multiplier)]


def _separable_convolution(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    *window, _, _ = operation.depthwise_kernel.shape
    *_, between, filters = operation.pointwise_kernel.shape
    grid = _grid(operation, output_shape)
    return [(*window, *grid, between), (*grid, between, filters)]


def _kernel_of(operation: Any, call: _Call) -> Any:
    """Shape of a layer's kernel, or of that with which `keras.ops.conv` is called."""
    kernel = getattr(operation, "kernel", None)
    return call.operands[1].shape if kernel is None else kernel.shape


def _einsum_dense(operation: Any, call: _Call, output_shape: Shape) -> _Terms | None:
    return _einsum_of(operation.equation, [call.operands[0].shape, operation.kernel.shape])


def _einsum(operation: Any, call: _Call, output_shape: Shape) -> _Terms | None:
    return _einsum_of(operation.subscripts, [operand.shape for operand in call.operands])


def _einsum_of(equation: str, shapes: Sequence[Sequence[int | None]]) -> _Terms | None:
    """Multiply once for each combination of all indices; of more than two tensors it is not known.

    The order in which three tensors are multiplied decides on the number.
    """
    specifications = equation.replace(" ", "").partition("->")[0].split(",")
    if len(specifications) != len(shapes) or len(shapes) > 2:
        return None
    lengths: dict[str, int | None] = {}
    for specification, shape in zip(specifications, shapes, strict=True):
        front, has_ellipsis, behind = specification.partition("...")
        num_others = len(shape) - len(front) - len(behind)
        others = [f"…{place}" for place in range(num_others, 0, -1)] if has_ellipsis else []
        for label, length in zip([*front, *others, *behind], shape, strict=True):
            if lengths.get(label, 1) == 1:  # of a length 1 that is spread, the other one counts
                lengths[label] = length
    return [[length for length in lengths.values() if length != 1]] if len(shapes) == 2 else []


def _matrix_product(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    return [(call.operands[0].shape[-1], *output_shape)]


def _dot(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    axes = getattr(operation, "axes", -1)  # `keras.ops.dot` has none
    axis = axes if isinstance(axes, int) else axes[0]
    return [(call.operands[0].shape[axis], *output_shape)]


def _multi_head_attention(operation: Any, call: _Call, output_shape: Shape) -> _Terms | None:
    query, value = call.arguments["query"].shape[1:], call.arguments["value"].shape[1:]
    if None in query or None in value:
        return None
    projections = [
        (prod(shape[:-1]), *dense.kernel.shape)
        for shape, dense in (
            (query, operation._query_dense),
            (value, operation._key_dense),
            (value, operation._value_dense),
            (query, getattr(operation, "_gate_dense", None)),
            (query, operation._output_dense),
        )
        if dense is not None
    ]
    axes = getattr(operation, "attention_axes", None) or range(1, len(query))
    places = [axis % (len(query) + 1) - 1 for axis in axes]
    targets = prod(query[place] for place in places)
    sources = prod(value[place] for place in places)
    apart = prod(query[:-1]) // targets  # positions that do not attend to each other
    heads, key_dim = operation._query_dense.kernel.shape[1:]
    value_dim = operation._value_dense.kernel.shape[-1]
    others = () if apart == 1 else (apart,)
    scores = (*others, targets, sources, heads, key_dim)
    return [*projections, scores, (*others, targets, sources, heads, value_dim)]


def _attention(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    """Scores of all pairs of positions, and the sum of the values weighted with them."""
    query, value = (operand.shape[1:] for operand in call.operands[:2])
    pairs = (*query[:-2], query[-2], value[-2])
    scores: _Terms = [(*pairs, query[-1])]
    if getattr(operation, "score_mode", "") == "concat":
        scores = []  # a sum of tanh
    elif hasattr(operation, "scale") and kind_of(operation) == "AdditiveAttention":
        scores = scores if operation.scale is not None else []
    return [*scores, (*pairs, value[-1])]


def _dot_product_attention(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    query, key, value = (operand.shape[1:] for operand in call.operands[:3])
    pairs = (query[0], key[0], query[1])
    return [(*pairs, query[2]), (*pairs, value[2])]


def _recurrent(operation: Any, call: _Call, output_shape: Shape) -> _Terms:
    steps = call.operands[0].shape[1]
    cell = operation.cell
    return [(*cell.kernel.shape, steps), (*cell.recurrent_kernel.shape, steps)]


def _bidirectional(operation: Any, call: _Call, output_shape: Shape) -> _Terms | None:
    both = [operation.forward_layer, operation.backward_layer]
    if any(kind_of(layer) not in _RECURRENT for layer in both):
        return None
    return [term for layer in both for term in _recurrent(layer, call, output_shape)]


def _spectral_normalization(operation: Any, call: _Call, output_shape: Shape) -> _Terms | None:
    """In prediction it is the layer that it wraps: the kernel is scaled in training only."""
    inner = _counted(operation.layer, call, output_shape)
    return None if inner is None else [*inner.terms]


def _not_known(operation: Any, call: _Call, output_shape: Shape) -> None:
    return None


_RECURRENT = ("LSTM", "GRU", "SimpleRNN")
_Count: TypeAlias = Callable[[Any, _Call, Shape], _Terms | None]
_FORMULAS: dict[str, _Count] = {
    "Dense": _dense,
    **dict.fromkeys(("BaseConv", "Conv"), _convolution),
    **dict.fromkeys(("BaseConvTranspose", "ConvTranspose"), _transposed_convolution),
    **dict.fromkeys(("BaseDepthwiseConv", "DepthwiseConv"), _depthwise_convolution),
    "BaseSeparableConv": _separable_convolution,
    "EinsumDense": _einsum_dense,
    "Einsum": _einsum,
    "Matmul": _matrix_product,
    "Dot": _dot,
    **dict.fromkeys(("MultiHeadAttention", "GroupedQueryAttention"), _multi_head_attention),
    **dict.fromkeys(("Attention", "AdditiveAttention"), _attention),
    "DotProductAttention": _dot_product_attention,
    **dict.fromkeys(_RECURRENT, _recurrent),
    "Bidirectional": _bidirectional,
    "SpectralNormalization": _spectral_normalization,
    "ReversibleEmbedding": _not_known,  # looks up or multiplies, as it is called
}
_ENTRY_BY_ENTRY = {
    *("Embedding", "PReLU", "Normalization", "BatchNormalization", "LayerNormalization"),
    *("RMSNormalization", "GroupNormalization"),
}
_UNKNOWN = {
    *("Lambda", "TFSMLayer", "JaxLayer", "FlaxLayer", "TorchModuleWrapper"),
    *("SeparableConv", "Tensordot", "Inner", "Outer", "Vdot", "Kron", "Correlate", "Vectorize"),
    *("Map", "Scan", "AssociativeScan", "WhileLoop", "ForiLoop", "Cond", "Solve", "Inv"),
}
