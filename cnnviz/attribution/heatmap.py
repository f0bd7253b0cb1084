"""The heat map: how much every position supports a class."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from cnnviz.arrays import frozen_arrays, upsample


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(values=np.float32)
class ClassHeatmap:
    """Evidence for one class on the grid of one layer.

    Attributes
    ----------
    values : float32 ndarray of shape (h, w)
        Not scaled. Methods that end in a ReLU never give negative values.
    layer_name : str
        The layer whose grid this is; `IMAGE` where it is that of the network's input.
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
