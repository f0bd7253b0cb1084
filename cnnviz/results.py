"""Small frozen records that the rooms hand to each other: numbers, and where they came from."""

from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import Any

import numpy as np


def read_only(values: Any, dtype: type = np.float32) -> np.ndarray:
    """Make `values` an array of `dtype` that nobody can write to; copied only where needed."""
    if isinstance(values, np.ndarray) and values.dtype == dtype and _is_frozen(values):
        return values
    array: np.ndarray = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _is_frozen(values: Any) -> bool:
    """Whether neither an array nor what it is a view of can be written to."""
    while isinstance(values, np.ndarray):
        if values.flags.writeable:
            return False
        values = values.base
    return True


@dataclass(frozen=True, slots=True, eq=False)
class ImageInput:
    """A checked image.

    Attributes
    ----------
    pixels : uint8 ndarray of shape (h, w, 3)
        RGB, read-only.
    digest : str
        Fingerprint of size and pixels: equal images have equal digests. Cache key.
    note : str
        What was done to read it, in sentences; empty if nothing is worth saying.
    """

    pixels: np.ndarray
    digest: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class with its name, probability (0 to 1) and logit.

    The probability is None if the network gives none; the logit is then its raw score.
    """

    class_index: int
    label: str
    probability: float | None
    logit: float


@dataclass(frozen=True, slots=True, eq=False)
class GaborResponse:
    """Answer of one complex Gabor filter to a grey picture, each array float32 (h, w).

    `real` is the answer of the even (cosine) part, `imaginary` of the odd (sine) part,
    `magnitude` the square root of the sum of their squares: never negative.
    """

    real: np.ndarray
    imaginary: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "real", read_only(self.real))
        object.__setattr__(self, "imaginary", read_only(self.imaginary))

    @property
    def magnitude(self) -> np.ndarray:
        """Strength of the answer whatever its phase, float32 (h, w)."""
        return np.hypot(self.real, self.imaginary)


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMaps:
    """Activations of one layer for one picture: `values` is float32 (h, w, K)."""

    values: np.ndarray
    layer_name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values))


@dataclass(frozen=True, slots=True, eq=False)
class FilterImage:
    """A picture that was made to excite something in a network.

    Attributes
    ----------
    pixels : uint8 ndarray of shape (size, size, 3)
        RGB; all channels equal for a network that takes grey pictures.
    objective_history : float32 ndarray of shape (steps,)
        What was maximised, before each step, for the picture as it was moved.
    seed : int
    name : str
        What it excites.
    frames : tuple of (int, uint8 ndarray)
        Steps, and the picture after so many; the first is the beginning.
    start, reached : float
        The objective for the first and the last picture, not moved.
    """

    pixels: np.ndarray
    objective_history: np.ndarray
    seed: int
    name: str
    frames: tuple[tuple[int, np.ndarray], ...]
    start: float
    reached: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", read_only(self.pixels, np.uint8))
        object.__setattr__(self, "objective_history", read_only(self.objective_history))

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was drawn changed the objective: a filter whose weights are zero."""
        reach = float(np.abs(self.objective_history).max())
        return float(np.ptp(self.objective_history)) <= 1e-5 * reach


@dataclass(frozen=True, slots=True, eq=False)
class ClassHeatmap:
    """Evidence for one class on the grid of one layer.

    Attributes
    ----------
    values : float32 ndarray of shape (h, w)
        Not scaled. Methods that end in a ReLU never give negative values.
    layer_name : str
        The layer whose grid this is; `PICTURE` where it is that of the network's input.
    class_index : int
        The class argued for, or that in question in the first place.
    logit : float
        The score of that class before any softmax or sigmoid.
    method : str
        Registered name of the method, such as ``grad-cam``.
    target : str
        What is argued for, in words.
    settings : tuple of (str, value)
        The method's settings.
    facts : tuple of (str, float)
        Numbers that come with the map: ``score`` is what was argued for; others depend on the
        method, such as the gap of completeness.
    """

    values: np.ndarray
    layer_name: str
    class_index: int
    logit: float
    method: str
    target: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    facts: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", read_only(self.values))

    @property
    def digest(self) -> str:
        """Fingerprint of the grid and its values, whatever they argue for. Cache key."""
        fingerprint = blake2b(repr(self.values.shape).encode(), digest_size=16)
        fingerprint.update(np.ascontiguousarray(self.values).data)
        return fingerprint.hexdigest()

    @property
    def maximum(self) -> float:
        """The strongest evidence anywhere on the grid."""
        return float(self.values.max())

    @property
    def has_evidence(self) -> bool:
        """Whether any cell speaks for the class."""
        return self.maximum > 0

    def upsampled(self, height: int, width: int) -> np.ndarray:
        """Enlarge to (height, width), bilinear with half-pixel centres, float32.

        A cell of the map covers its own part of the picture, so a hot cell stays in the middle
        of the part that it stands for. Beyond the outermost centres the value stays constant.

        Examples
        --------
        >>> ClassHeatmap([[0, 4]], "conv", 0, 1.0, "grad-cam").upsampled(1, 4)
        array([[0., 1., 3., 4.]], dtype=float32)
        """
        return upsample(self.values, height, width)


def upsample(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarge a map to (height, width) as `ClassHeatmap.upsampled` does."""
    rows = _interpolation(values.shape[0], height)
    columns = _interpolation(values.shape[1], width)
    return rows @ values @ columns.T


def _interpolation(length: int, target: int) -> np.ndarray:
    """Matrix (target, length) that interpolates linearly between cell centres."""
    centres = (np.arange(target) + 0.5) * length / target - 0.5
    grid = np.arange(length)
    weights = [np.interp(centres, grid, unit) for unit in np.eye(length)]
    return np.stack(weights, axis=1).astype(np.float32)


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
        """Give the pixels that a cell sees; empty if that is nothing but padding.

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
class LayerFacts:
    """One row of the table.

    Attributes
    ----------
    name, kind : str
        Its name in the network, and what it is, such as ``Conv2D``.
    inputs : tuple of str
        The layers it takes its input from; empty for the picture itself.
    kernel, stride, dilation : tuple of int or None
        Rows and columns of the window that it slides, its steps, and the distance of its cells.
    padding : str
        ``same``, ``valid`` or empty.
    output_shape : tuple of int
        Without the batch: (rows, columns, channels), or (numbers,).
    num_parameters : int
        Of the weights that no earlier row has counted.
    parameter_formula : str
        How that number comes about, such as ``3·3·32·64 + 64``: a product for the shape of each
        weight. Empty if there is none.
    num_multiplications : int or None
        For one image, as `cnnviz.network.multiplications` counts them: F·F·D·W·H·K of a
        convolution with K filters of F × F × D whose output has W × H positions. None where they
        are not known.
    multiplication_formula : str
    receptive_field : ReceptiveField or None
        None where it is not known.
    shared_with : str
        The row in which weights are counted that this one uses, too; empty if it shares none.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    kernel: tuple[int, int] | None
    stride: tuple[int, int] | None
    dilation: tuple[int, int] | None
    padding: str
    output_shape: tuple[int, ...]
    num_parameters: int
    parameter_formula: str
    num_multiplications: int | None
    multiplication_formula: str
    receptive_field: ReceptiveField | None
    shared_with: str = ""


PICTURE = "the picture"  # stands for the network's input where a layer's name is expected


@dataclass(frozen=True, slots=True, eq=False)
class WindowStep:
    """A kernel or a pooling window laid on the maps of another layer.

    Attributes
    ----------
    layer_name, kind : str
        The layer that slides the window, and what it is, such as ``Conv2D``.
    source : str
        The layer whose maps lie under the window, or `PICTURE`.
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

    def __post_init__(self) -> None:
        for name in ("rows", "columns", "channels"):
            object.__setattr__(self, name, read_only(getattr(self, name), np.int64))
        object.__setattr__(self, "patch", read_only(self.patch))
        if self.kernel is not None:
            object.__setattr__(self, "kernel", read_only(self.kernel))

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
class CellStep:
    """A number made of numbers at the same place: an activation, a normalisation, a sum.

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


Step = WindowStep | CellStep


@dataclass(frozen=True, slots=True, eq=False)
class CellTrace:
    """Where a cell's number comes from.

    Attributes
    ----------
    layer_name : str
    channel, row, column : int
    value : float
        What the network computed.
    steps : tuple of WindowStep and CellStep
        The same number rebuilt by hand in double precision, from the last window before it.
    gradient : float32 ndarray of shape (h, w)
        Mean over the colours of |∂value/∂pixel|, in the network's own input.
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "gradient", read_only(self.gradient))

    @property
    def rebuilt(self) -> float | None:
        """The value that the steps end with; None if the last layer cannot be written out."""
        return self.steps[-1].value if self.steps else None


@dataclass(frozen=True, slots=True)
class LayerDrift:
    """How far the weights of one layer moved; all its arrays count as one long vector w.

    Attributes
    ----------
    name : str
    num_weights : int
    relative_change : float
        ``‖w − w₀‖ / ‖w₀‖``: 0 if nothing moved, 1 if it moved as far as it was from zero; infinite
        if it began at zero and moved.
    cosine : float
        Of the angle between w and w₀, from -1 to 1: 1 if only the length changed. NaN where one of
        the two is zero, because zero has no direction.
    """

    name: str
    num_weights: int
    relative_change: float
    cosine: float

    @property
    def angle_degrees(self) -> float:
        """The angle between w and w₀, 0 to 180; NaN where the cosine is."""
        return float(np.degrees(np.arccos(np.clip(self.cosine, -1, 1))))

    @property
    def has_moved(self) -> bool:
        """Whether any weight changed at all."""
        return self.relative_change > 0


@dataclass(frozen=True, slots=True)
class NetworkPart:
    """A layer with weights, or the layers of one block.

    `shape` is that of its output without the batch; `num_trained` of its `num_parameters` were
    changed by the training, the others stayed as they came.
    """

    name: str
    shape: tuple[int, ...]
    num_parameters: int
    num_trained: int
