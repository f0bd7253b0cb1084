"""How far weights moved: layer by layer, from one state of a network to another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cnnviz.errors import InvalidParameterError

Weights = Mapping[str, Sequence[np.ndarray]]  # for each layer its arrays, in a fixed order


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


def layer_drift(before: Weights, after: Weights) -> tuple[LayerDrift, ...]:
    """Measure how far each layer's weights moved.

    For two steps of one training, or a fine-tuned network and the one that it began with.

    Parameters
    ----------
    before, after : mapping of layer name to arrays
        Only layers that both have are compared; the arrays of a layer stand in the same order.

    Returns
    -------
    tuple of LayerDrift
        In the order of `after`; layers without weights are left out.

    Raises
    ------
    InvalidParameterError
        If the two have no layer in common, or a layer has other shapes in one than in the other.

    Examples
    --------
    >>> layer_drift({"conv": [np.array([3.0, 4.0])]}, {"conv": [np.array([3.0, 9.0])]})[0]
    LayerDrift(name='conv', num_weights=2, relative_change=1.0, cosine=0.9486832980505138)
    """
    common = [name for name in after if name in before]
    if not common:
        raise InvalidParameterError(
            f"The two sets of weights have no layer in common: {', '.join(before) or 'none'} "
            f"before, {', '.join(after) or 'none'} after. Compare two states of one network."
        )
    return tuple(_drift(name, before[name], after[name]) for name in common if len(after[name]))


def _drift(name: str, before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> LayerDrift:
    shapes = [[np.shape(array) for array in arrays] for arrays in (before, after)]
    if shapes[0] != shapes[1]:
        raise InvalidParameterError(
            f"Layer {name!r} has the shapes {shapes[0]} before and {shapes[1]} after. Compare two "
            "states of one network."
        )
    old, new = _vector(before), _vector(after)
    length, moved = float(np.linalg.norm(old)), float(np.linalg.norm(new - old))
    lengths = length * float(np.linalg.norm(new))
    change = moved / length if length else (float("inf") if moved else 0.0)
    if not moved and length:
        cosine = 1.0  # rounding would leave a trace of an angle
    else:
        cosine = float(old @ new) / lengths if lengths else float("nan")
    return LayerDrift(name, old.size, change, cosine)


def _vector(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(array, np.float64).ravel() for array in arrays])
