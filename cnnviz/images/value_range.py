"""Which values of an image with more than 8 bits a channel become black and white."""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import numpy as np

MAX_SAMPLES = 1_000_000  # values that decide the range; enough for stable percentiles
LARGEST_VALUE = 1e30  # values beyond mark missing pixels (GeoTIFF writes the largest float)
_SMALLEST_SPAN = 1e-30  # values closer together are taken to be equal
_OUTLIER_SHARE = 0.005  # at each end; hot and dead pixels of a sensor are fewer
_LEAST_OF_255 = 32  # fractions from 0 to less than this are not gray levels of 8 bits
_TOLERANCE = 0.05  # how far resampling may overshoot the ranges of floating-point images


class DisplayRange(NamedTuple):
    """The values that become black (0) and white (255), and a sentence that says so."""

    low: float
    high: float
    note: str


class ValueRange(NamedTuple):
    """The lowest and the highest value that a kind of data can have."""

    low: float
    high: float


def display_range(values: np.ndarray, declared: Iterable[ValueRange] = ()) -> DisplayRange:
    """Choose the values that are shown as black and white.

    Outliers do not count: see `typical_extremes`. Of the ranges below, the first that holds all
    other values is taken.

    1. The ranges that the file declares.
    2. Floating point: 0 to 1, -0.5 to 0.5, -1 to 1, and 0 to 255 if the values reach 32.
    3. Whole numbers, also in a floating-point file: the smallest of 8, 10, 12, 14, 16, … bits,
       with a sign if there are negative values.
    4. The range of the values themselves. It is also taken where 2 or 3 would waste most gray
       levels: less than one level used for floating point, less than a sixteenth of the range for
       more than 8 bits, less than half of it for signed numbers.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Finite values of an image, whole numbers or floating point, at least one.
    declared : iterable of ValueRange
        Ranges that the file states, the most probable first.

    Returns
    -------
    DisplayRange
        low < high.

    Examples
    --------
    >>> display_range(np.uint16([0, 100, 4000])).high
    4095.0
    >>> display_range(np.float32([-0.9, 0, 0.8])).low
    -1.0
    """
    low, high = typical_extremes(values)
    for stated in declared:
        if stated.low <= low and high <= stated.high:
            return _described(values, stated, "as the file declares")
    usual = usual_range(low, high, values)
    if usual is None or _SMALLEST_SPAN < high - low < _least_span(usual, values):
        return _described(values, not_empty(low, high), "the range of the data")
    return _described(values, usual, _reason(usual, values))


def typical_extremes(values: np.ndarray) -> ValueRange:
    """Find the lowest and the highest value that is no outlier.

    A value is an outlier if its distance from the middle 99 % of the values is larger than half
    their span. If those are all equal, nothing is an outlier: the rest may be a small object.
    """
    ordered = np.sort(values)
    num_apart = max(1, int(_OUTLIER_SHARE * ordered.size))
    if ordered.size <= 2 * num_apart:
        return ValueRange(float(ordered[0]), float(ordered[-1]))
    low, high = float(ordered[num_apart]), float(ordered[-1 - num_apart])
    margin = (high - low) / 2
    if margin > 0:
        first = np.searchsorted(ordered, low - margin, side="left")
        last = np.searchsorted(ordered, high + margin, side="right") - 1
        return ValueRange(float(ordered[first]), float(ordered[last]))
    return ValueRange(float(ordered[0]), float(ordered[-1]))


def usual_range(low: float, high: float, values: np.ndarray) -> ValueRange | None:
    """Find the smallest usual range that holds `low` to `high`; None if there is none.

    `values` tells whole numbers from fractions, and its type how many bits there can be.
    """
    if values.dtype.kind != "f":
        return _range_of_bits(low, high, _limits(values))
    for usual in (ValueRange(0.0, 1.0), ValueRange(-0.5, 0.5), ValueRange(-1.0, 1.0)):
        if _nearly_holds(usual, low, high):
            return usual
    if _are_whole(values):
        return _range_of_bits(low, high, _limits(values))
    if high >= _LEAST_OF_255 and _nearly_holds(ValueRange(0.0, 255.0), low, high):
        return ValueRange(0.0, 255.0)
    return None


def not_empty(low: float, high: float) -> ValueRange:
    """Return a range also where all values are equal: from or to zero."""
    return ValueRange(low, high) if low < high else ValueRange(min(0.0, low), max(0.0, high))


def to_bytes(
    values: np.ndarray,
    shown: DisplayRange | ValueRange,
    *,
    is_inverted: bool = False,
    missing: float | None = None,
) -> np.ndarray:
    """Map values to uint8: 256 equal steps from `low` (0) to `high` (255), clipped beyond.

    With `is_inverted`, `low` becomes 255. NaN and values equal to `missing` become 0.
    """
    shown = ValueRange(shown.low, shown.high)
    if values.dtype.kind != "f" and values.dtype.itemsize <= 2:
        index = values.view(np.dtype(f"u{values.dtype.itemsize}"))
        return _table(values.dtype.str, shown, is_inverted, missing)[index]
    return _levels(values, shown, is_inverted, missing)


@lru_cache(maxsize=4)
def _table(dtype: str, shown: ValueRange, is_inverted: bool, missing: float | None) -> np.ndarray:
    """Map all values of a small type once: 20 times faster than to calculate each."""
    num_bytes = np.dtype(dtype).itemsize
    all_values = np.arange(2 ** (8 * num_bytes)).astype(f"u{num_bytes}").view(dtype)
    return _levels(all_values, shown, is_inverted, missing)


def _levels(
    values: np.ndarray, shown: ValueRange, is_inverted: bool, missing: float | None
) -> np.ndarray:
    is_missing = np.isnan(values) if missing is None else np.isnan(values) | (values == missing)
    is_short = values.dtype.kind == "f" and values.dtype.itemsize <= 4
    steps: np.ndarray = values.astype(np.float32 if is_short else np.float64)
    steps[is_missing] = shown.low
    np.clip(steps, shown.low, shown.high, out=steps)
    steps -= shown.low
    steps *= 256 / (shown.high - shown.low)
    levels = np.minimum(steps, 255, out=steps).astype(np.uint8)
    if is_inverted:
        np.subtract(255, levels, out=levels)
    levels[is_missing] = 0
    return levels


class Sampler:
    """Takes about `MAX_SAMPLES` values of an image that comes in blocks, and their extremes.

    Left out are values that are not finite, beyond `LARGEST_VALUE` or equal to `missing`.
    """

    def __init__(self, num_values: int, missing: float | None = None) -> None:
        # Not a whole number: it would meet the same channel, or the same columns, each time.
        self._step = max(1.0, 1.0618 * num_values / MAX_SAMPLES)
        self._missing = missing
        self._parts: list[np.ndarray] = []

    def add(self, block: np.ndarray) -> None:
        """Look at the next block, of any shape."""
        block = block.reshape(-1)
        if self._missing is not None:
            block = block[block != self._missing]
        if block.dtype.kind == "f" and not np.abs(block).max(initial=0) <= LARGEST_VALUE:
            block = block[np.abs(block) <= LARGEST_VALUE]  # false for NaN, too
        if block.size:
            extremes = np.array([block.min(), block.max()], block.dtype)
            places = np.arange(0, block.size, self._step).astype(np.intp)
            self._parts += [block[places], extremes]

    def sample(self) -> np.ndarray:
        """Return what was taken, ndarray of shape (n,); empty if all values are missing."""
        return np.concatenate(self._parts) if self._parts else np.empty(0)


def _nearly_holds(usual: ValueRange, low: float, high: float) -> bool:
    overshoot = _TOLERANCE * usual.high
    return low >= usual.low - overshoot and high <= usual.high + overshoot


def _range_of_bits(low: float, high: float, limits: ValueRange) -> ValueRange | None:
    """Return the range of the smallest even number of bits that holds both, within limits."""
    for num_bits in range(8, 66, 2):
        lowest, highest = (-(2 ** (num_bits - 1)), 2 ** (num_bits - 1) - 1)
        if low >= 0:
            lowest, highest = 0, 2**num_bits - 1
        if lowest <= low and high <= highest:
            return ValueRange(float(max(lowest, limits.low)), float(min(highest, limits.high)))
    return None


def _least_span(usual: ValueRange, values: np.ndarray) -> float:
    """Return the span of the data below which a usual range would hide what they show."""
    span = usual.high - usual.low
    if values.dtype.kind == "f" and span <= 2:
        return span / 256
    if usual.low < 0:
        return span / 2
    return span / 16 if usual.high > 255 else 0


def _are_whole(values: np.ndarray) -> bool:
    return values.dtype.kind != "f" or bool(np.all(values == np.rint(values)))


def _reason(usual: ValueRange, values: np.ndarray) -> str:
    """Say why these bits: only the data tell, unless they are all bits of the type."""
    is_usual_float = values.dtype.kind == "f" and (usual.high <= 1 or not _are_whole(values))
    if is_usual_float or usual.high == _limits(values).high:
        return ""
    num_bits = int(usual.high - usual.low).bit_length()
    return f"{num_bits} bits hold the data, and the file declares no range"


def _limits(values: np.ndarray) -> ValueRange:
    """Return the limits of a type of whole numbers; none for floating point."""
    if values.dtype.kind == "f":
        return ValueRange(-np.inf, np.inf)
    limits = np.iinfo(values.dtype)
    return ValueRange(limits.min, limits.max)


def _described(values: np.ndarray, shown: ValueRange, reason: str) -> DisplayRange:
    note = f"Values {_number(shown.low)} to {_number(shown.high)} were mapped to black and white"
    note += f" ({reason})" if reason else ""
    is_clipped = float(values.min()) < shown.low or float(values.max()) > shown.high
    note += "; outliers beyond are clipped." if is_clipped else "."
    return DisplayRange(shown.low, shown.high, note)


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 2**64 else f"{value:.4g}"
