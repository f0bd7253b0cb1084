"""Which outputs of a network are maps: what every axis of every tensor stands for.

The axes of the image are rows and columns. Each operation hands them on, merges them into one axis
of tokens, splits such an axis again, or mixes everything up. An output is a map if two of its axes
are still rows and columns, or if one is an axis of tokens; the heads of an attention layer never
are, whatever their number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt, prod
from typing import Any, TypeAlias

import numpy as np

from cnnviz.network.layers.kinds import kind_of

ROWS, COLUMNS = "rows", "columns"

MAX_CLASS_TOKENS = 8  # tokens that a layer may put before the grid, such as a class token


@dataclass(frozen=True, slots=True)
class TokenGrid:
    """Where the tokens of a layer lie in the image.

    Attributes
    ----------
    rows, columns : int
    first : int
        Tokens before those of the grid, such as one class token.
    last : int
        Tokens behind them.
    is_assumed : bool
        Whether the grid is a guess: the largest square that the number of tokens allows.
    """

    rows: int
    columns: int
    first: int = 0
    last: int = 0
    is_assumed: bool = False

    @property
    def num_tokens(self) -> int:
        """All tokens of the layer, also those outside the grid."""
        return self.rows * self.columns + self.first + self.last


Label: TypeAlias = "str | TokenGrid | None"  # of one axis; None if it is neither of these
Labels: TypeAlias = tuple[Label, ...]  # of all axes but the batch
Sizes: TypeAlias = Sequence[int | None]


def square_grid(num_tokens: int) -> TokenGrid | None:
    """Guess the grid of so many tokens: a square, with one class token or without.

    Examples
    --------
    >>> square_grid(197)
    TokenGrid(rows=14, columns=14, first=1, last=0, is_assumed=True)
    """
    for first in (0, 1):
        side = isqrt(max(num_tokens - first, 0))
        if side > 1 and side * side == num_tokens - first:
            return TokenGrid(side, side, first, is_assumed=True)
    return None


class AxisLabels:
    """Follows the axes of the image through the operations of a network, one after the other.

    `observe` is called for every operation in order of computation; `labels_of` gives what is
    known about a tensor.
    """

    def __init__(self, image: Any) -> None:
        num_more = len(image.shape) - 3
        self._labels: dict[int, Labels] = {id(image): (ROWS, COLUMNS, *[None] * num_more)}
        self._kept = [image]  # an id is only good as long as its tensor lives
        self.has_attention = False

    def labels_of(self, tensor: Any) -> Labels:
        """Return the labels of a tensor's axes without the batch."""
        return self._labels.get(id(tensor), (None,) * max(len(tensor.shape) - 1, 0))

    def observe(
        self, operation: Any, args: Any, kwargs: Mapping[str, Any], outputs: Sequence[Any]
    ) -> None:
        """Take the labels of an operation's inputs to its outputs (a flat list of tensors)."""
        kind = kind_of(operation)
        self.has_attention |= "Attention" in kind
        sources = list(_tensors((args, kwargs)))
        for place, output in enumerate(outputs):
            if not hasattr(output, "shape"):
                continue
            rule = _RULES.get(kind, _kept_axes)
            if place and kind not in _ALIKE:  # such as the scores of attention
                rule = _unknown
            labels = rule(_Step(operation, args, kwargs, sources, output, self.labels_of))
            if len(labels) != len(output.shape) - 1:
                labels = _unknown_axes(output)
            self._labels[id(output)] = labels
            self._kept.append(output)


def map_grid(labels: Labels, shape: Sizes, *, is_guessed: bool = False) -> TokenGrid | None:
    """Find the grid of a layer's output, by its labels and shape without the batch.

    Parameters
    ----------
    labels : tuple
        As from `AxisLabels.labels_of`.
    shape : sequence of int
    is_guessed : bool
        Whether tokens of which nothing is known may be taken for those of a square.

    Returns
    -------
    TokenGrid or None
        None if the output has no map. Of an output (rows, columns, channels) the grid has these
        rows and columns.
    """
    if None in shape:
        return None
    sizes = [int(size or 0) for size in shape]
    if len(sizes) == 3 and (labels[:2] == (ROWS, COLUMNS) or sizes[:2] == [1, 1]):
        return TokenGrid(sizes[0], sizes[1])
    if len(sizes) == 2 and isinstance(labels[0], TokenGrid):
        return labels[0] if labels[0].num_tokens == sizes[0] else None
    if len(sizes) == 2 and labels == (None, None) and is_guessed:
        return square_grid(sizes[0])
    return None


def to_maps(values: Any, grid: TokenGrid) -> Any:
    """Return a layer's output, an array or tensor with a batch, as maps (N, rows, columns, K).

    Maps stay as they are; of tokens those outside the grid are left out.
    """
    if len(values.shape) == 4:
        return values
    tokens = values[:, grid.first : grid.first + grid.rows * grid.columns, :]
    shape = (-1, grid.rows, grid.columns, values.shape[-1])
    if isinstance(tokens, np.ndarray):
        return tokens.reshape(shape)
    import tensorflow as tf

    return tf.reshape(tokens, shape)


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One operation on its way: what it was given, and one of its outputs."""

    operation: Any
    args: Any
    kwargs: Mapping[str, Any]
    sources: list[Any]
    output: Any
    labels_of: Callable[[Any], Labels]

    @property
    def first(self) -> Labels:
        return self.labels_of(self.sources[0]) if self.sources else ()

    @property
    def shape_in(self) -> list[int | None]:
        return list(self.sources[0].shape[1:]) if self.sources else []

    @property
    def shape_out(self) -> list[int | None]:
        return list(self.output.shape[1:])


def _tensors(structure: Any) -> Any:
    """Return all tensors with a batch in nested lists, tuples and dicts."""
    if hasattr(structure, "shape") and hasattr(structure, "dtype"):
        if len(structure.shape) > 1:
            yield structure
    elif isinstance(structure, Mapping):
        for part in structure.values():
            yield from _tensors(part)
    elif isinstance(structure, (list, tuple)):
        for part in structure:
            yield from _tensors(part)


def _unknown_axes(tensor: Any) -> Labels:
    return (None,) * (len(tensor.shape) - 1)


def _unknown(step: _Step) -> Labels:
    return _unknown_axes(step.output)


def _kept_axes(step: _Step) -> Labels:
    """Take the labels of the first input whose labeled axes the output still has.

    An output with rows and columns may have another number of them (pooling, strides, padding).
    """
    shape = step.shape_out
    for source in step.sources:
        labels, sizes = step.labels_of(source), list(source.shape[1:])
        if len(labels) != len(shape) or not any(labels):
            continue
        if labels[:2] == (ROWS, COLUMNS):
            return labels
        pairs = list(zip(labels, sizes, shape, strict=True))
        if all(label is None or old == new for label, old, new in pairs):
            return labels
        more = _more_tokens(labels, sizes, shape)
        if more is not None:
            return more
    return _unknown(step)


def _more_tokens(labels: Labels, sizes: Sizes, shape: Sizes) -> Labels | None:
    """Say that a layer that adds a few tokens adds them in front, as a class token."""
    found: list[Label] = []
    for label, old, new in zip(labels, sizes, shape, strict=True):
        if old != new and isinstance(label, TokenGrid) and old is not None and new is not None:
            if not 0 < new - old <= MAX_CLASS_TOKENS:
                return None
            label = replace(label, first=label.first + new - old, is_assumed=True)
        elif old != new and label is not None:
            return None
        found.append(label)
    return tuple(found)


def _convolved(step: _Step) -> Labels:
    """Say that what slides over rows and columns gives maps again."""
    if len(step.output.shape) != 4:
        return _kept_axes(step)
    if getattr(step.operation, "data_format", None) == "channels_first":
        return (None, ROWS, COLUMNS)
    return (ROWS, COLUMNS, None)


def reshaped(labels: Labels, shape_in: Sizes, shape_out: Sizes) -> Labels:
    """Take labels through a reshape: axes that stay, are merged, or are split.

    Parameters
    ----------
    labels : tuple
        Of the input's axes.
    shape_in, shape_out : sequence of int
        Without the batch; of equal product.

    Examples
    --------
    >>> reshaped((ROWS, COLUMNS, None), (8, 8, 32), (64, 32))
    (TokenGrid(rows=8, columns=8, first=0, last=0, is_assumed=False), None)
    >>> reshaped((ROWS, COLUMNS, None), (32, 32, 3), (8, 4, 8, 4, 3))
    ('rows', None, 'columns', None, None)
    """
    unknown: Labels = (None,) * len(shape_out)
    if None in shape_in or None in shape_out or prod(_whole(shape_in)) != prod(_whole(shape_out)):
        return unknown
    found: list[Label] = []
    for old, new in _groups(_whole(shape_in), _whole(shape_out)):
        given = [(labels[i], _whole(shape_in)[i]) for i in old]
        found += _regrouped(given, [_whole(shape_out)[i] for i in new])
    return tuple(found)


def _whole(sizes: Sizes) -> list[int]:
    return [int(size or 0) for size in sizes]


def _groups(old: list[int], new: list[int]) -> list[tuple[list[int], list[int]]]:
    """Sort the axes of a reshape into the smallest groups of equal product."""
    groups: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        left, right = ([i], [j]) if i < len(old) and j < len(new) else ([], [])
        if not left:  # only axes of size 1 are left on one side
            groups.append((list(range(i, len(old))), list(range(j, len(new)))))
            break
        i, j = i + 1, j + 1
        while prod(old[k] for k in left) != prod(new[k] for k in right):
            if prod(old[k] for k in left) < prod(new[k] for k in right):
                left.append(i)
                i += 1
            else:
                right.append(j)
                j += 1
        groups.append((left, right))
    return groups


def _regrouped(given: list[tuple[Label, int]], sizes: list[int]) -> list[Label]:
    """Label the axes that a group of axes becomes."""
    names = [label for label, _ in given]
    if len(given) == len(sizes) == 1:
        return [names[0]]
    if len(sizes) == 1:  # merged
        spread = [pair for pair in given if pair[1] != 1 or pair[0] is not None]
        if [label for label, _ in spread] == [ROWS, COLUMNS]:
            return [TokenGrid(spread[0][1], spread[1][1])]
        return [spread[0][0] if len(spread) == 1 else None]
    if len(given) == 1 and isinstance(names[0], TokenGrid):  # split into rows and columns
        grid = names[0]
        is_same = sizes[:2] == [grid.rows, grid.columns] and not (grid.first or grid.last)
        return [ROWS, COLUMNS, *[None] * (len(sizes) - 2)] if is_same else [None] * len(sizes)
    if len(given) == 1:  # the first part of a split axis still runs along it
        return [names[0], *[None] * (len(sizes) - 1)]
    return [None] * len(sizes)


def _reshape(step: _Step) -> Labels:
    return reshaped(step.first, step.shape_in, step.shape_out) if step.sources else ()


def _permuted(step: _Step) -> Labels:
    dims = getattr(step.operation, "dims", None)  # of the layer Permute; counted from 1
    axes = getattr(step.operation, "axes", None)
    order = [int(dim) for dim in dims] if dims is not None else [int(a) for a in axes or ()]
    if dims is None:
        rank = len(step.output.shape)
        order = [axis % rank for axis in order] or list(range(rank))[::-1]
        if order[0] != 0:
            return _unknown(step)
        order = order[1:]
    return tuple(step.first[axis - 1] for axis in order)


def _moved(step: _Step) -> Labels:
    """Take labels through ``swapaxes`` and ``moveaxis``, by moving axes of known lengths."""
    operation, rank = step.operation, len(step.output.shape)
    lengths = np.empty(tuple(range(1, rank + 1)), np.bool_)
    if hasattr(operation, "axis1"):
        moved = np.swapaxes(lengths, operation.axis1, operation.axis2)
    else:
        moved = np.moveaxis(lengths, operation.source, operation.destination)
    order = [length - 1 for length in moved.shape]
    return tuple(step.first[axis - 1] for axis in order[1:]) if order[0] == 0 else _unknown(step)


def _turned(step: _Step) -> Labels:
    """Forget the axes that ``flip`` and ``roll`` change: positions no longer lie where they did."""
    axes = getattr(step.operation, "axis", None)
    if axes is None:
        return _unknown(step)
    rank = len(step.output.shape)
    turned = {axis % rank for axis in ([axes] if isinstance(axes, int) else axes)}
    return tuple(None if i in turned else label for i, label in enumerate(step.first, start=1))


def _concatenated(step: _Step) -> Labels:
    axis = getattr(step.operation, "axis", -1) % len(step.output.shape)
    parts = [(step.labels_of(source), source.shape[axis]) for source in step.sources]
    labeled = [(place, labels) for place, (labels, _) in enumerate(parts) if any(labels)]
    if not labeled or not axis:
        return _unknown(step)
    place, labels = labeled[0]
    along = labels[axis - 1] if len(labels) >= axis else None
    if not isinstance(along, TokenGrid):
        return labels
    if len(labeled) > 1:
        return _unknown(step)  # two grids behind each other are none
    before = sum(int(size or 0) for _, size in parts[:place])
    behind = sum(int(size or 0) for _, size in parts[place + 1 :])
    grid = replace(along, first=along.first + before, last=along.last + behind)
    return (*labels[: axis - 1], grid, *labels[axis:])


def _sliced(step: _Step) -> Labels:
    """Take labels through ``x[key]``."""
    key = step.args[1] if len(step.args) > 1 else step.kwargs.get("key")
    keys = list(key) if isinstance(key, (tuple, list)) else [key]
    rank = len(step.sources[0].shape)
    if Ellipsis in keys:
        place = keys.index(Ellipsis)
        num_named = sum(part is not None and part is not Ellipsis for part in keys)
        keys[place : place + 1] = [slice(None)] * (rank - num_named)
    keys += [slice(None)] * (rank - sum(part is not None for part in keys))
    labels: list[Label] = []
    axes = iter(zip((None, *step.first), step.sources[0].shape, strict=True))
    for part in keys:
        if part is None:
            labels.append(None)
            continue
        label, size = next(axes)
        if isinstance(part, slice):
            labels.append(_cut(label, size, part))
    return tuple(labels[1:])


def _cut(label: Label, size: int | None, part: slice) -> Label:
    """Label what a slice leaves of an axis."""
    if part == slice(None) or not isinstance(label, TokenGrid):
        return label if part.step in (None, 1) or isinstance(label, str) else None
    start, stop, step = part.indices(int(size or 0))
    behind = int(size or 0) - stop
    if step != 1 or start > label.first or behind > label.last:
        return None
    return replace(label, first=label.first - start, last=label.last - behind)


def _expanded(step: _Step) -> Labels:
    axis = getattr(step.operation, "axis", -1)
    if not isinstance(axis, int):
        return _unknown(step)
    place = axis % len(step.output.shape)
    return (*step.first[: place - 1], None, *step.first[place - 1 :]) if place else _unknown(step)


def _squeezed(step: _Step) -> Labels:
    axis = getattr(step.operation, "axis", None)
    if not isinstance(axis, int):
        return _reshape(step)
    place = axis % len(step.sources[0].shape)
    return (*step.first[: place - 1], *step.first[place:]) if place else _unknown(step)


def _multiplied(step: _Step) -> Labels:
    """Take labels through a matrix product: the last axis comes from the second factor."""
    if len(step.sources) < 2 or not step.first:
        return _kept_axes(step)
    last = step.labels_of(step.sources[1])
    return (*step.first[:-1], last[-1] if last else None)


def _summed(step: _Step) -> Labels:
    """Take labels through an Einstein sum, letter by letter."""
    terms, _, result = str(getattr(step.operation, "subscripts", "")).partition("->")
    if "." in terms or not result:
        return _unknown(step)
    letters: dict[str, Label] = {}
    for term, source in zip(terms.split(","), step.sources, strict=False):
        for letter, label in zip(term.strip()[1:], step.labels_of(source), strict=False):
            letters.setdefault(letter, label)
    return tuple(letters.get(letter) for letter in result.strip()[1:])


_ALIKE = {"Split", "Unstack", "ArraySplit"}  # all outputs have the axes of the input
_RULES: dict[str, Callable[[_Step], Labels]] = {
    **dict.fromkeys(("Reshape", "Flatten", "Ravel"), _reshape),
    **dict.fromkeys(("Permute", "Transpose"), _permuted),
    **dict.fromkeys(("Swapaxes", "Moveaxis"), _moved),
    **dict.fromkeys(("Flip", "Roll"), _turned),
    "Concatenate": _concatenated,
    "GetItem": _sliced,
    **dict.fromkeys(("ExpandDims", "Stack"), _expanded),
    "Squeeze": _squeezed,
    "Matmul": _multiplied,
    "Einsum": _summed,
    **dict.fromkeys(("RNN", "LSTM", "GRU", "SimpleRNN", "Bidirectional", "ConvLSTM1D"), _unknown),
    **dict.fromkeys(("Embedding", "RepeatVector", "Outer", "Tile", "Repeat"), _unknown),
    **dict.fromkeys(
        ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"), _convolved
    ),
    **dict.fromkeys(("MaxPooling2D", "AveragePooling2D", "UpSampling2D"), _convolved),
    **dict.fromkeys(("ZeroPadding2D", "Cropping2D"), _convolved),
}
