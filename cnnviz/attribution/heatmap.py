"""The heat map: how much every position supports a class."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from cnnviz.arrays import frozen_arrays, upsample
from cnnviz.deprecated import renamed_attribute


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(values=np.float32)
class ClassHeatmap:
    """How much each position supports a class, on the grid of one layer.

    Attributes
    ----------
    values : float32 ndarray of shape (h, w)
        Not scaled. Methods that end in a ReLU never give negative values.
    layer_name : str
        The layer whose grid this is; `IMAGE` where it is that of the network's input.
    class_index : int
        The target class.
    logit : float
        The score of that class before any softmax or sigmoid.
    method : str
        Registered name of the method, such as ``grad-cam``.
    target : str
        The target, in words.
    settings : tuple of (str, value)
        The method's settings.
    diagnostics : tuple of (str, float)
        Numbers about the map: ``score`` is the value of the target; others depend on the
        method, such as the completeness gap.
    """

    values: np.ndarray
    layer_name: str
    class_index: int
    logit: float
    method: str
    target: str = ""
    settings: tuple[tuple[str, Any], ...] = ()
    diagnostics: tuple[tuple[str, float], ...] = ()

    facts = renamed_attribute("facts", "diagnostics")
    has_evidence = renamed_attribute("has_evidence", "has_support")

    @property
    def digest(self) -> str:
        """Fingerprint of the grid and its values. Cache key."""
        fingerprint = blake2b(repr(self.values.shape).encode(), digest_size=16)
        fingerprint.update(np.ascontiguousarray(self.values).data)
        return fingerprint.hexdigest()

    @property
    def maximum(self) -> float:
        """The largest value on the grid."""
        return float(self.values.max())

    @property
    def has_support(self) -> bool:
        """Whether any position supports the class."""
        return self.maximum > 0

    def upsampled(self, height: int, width: int) -> np.ndarray:
        """Enlarge to (height, width), bilinear with half-pixel centers, float32.

        A position of the map covers its own part of the image, so a maximum stays in the middle
        of that part. Beyond the outermost centers the value stays constant.

        Examples
        --------
        >>> ClassHeatmap([[0, 4]], "conv", 0, 1.0, "grad-cam").upsampled(1, 4)
        array([[0., 1., 3., 4.]], dtype=float32)
        """
        return upsample(self.values, height, width)
