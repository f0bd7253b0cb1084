"""Whether a network gives the same prediction for an image and for changed versions of it."""

from dataclasses import dataclass

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(probabilities=np.float32, predictions=np.int64, certainties=np.float32)
class Invariance:
    """What a network says to an image as it is, and to each of N changed versions.

    Attributes
    ----------
    class_index : int
        The most probable class of the image as it is.
    before : float
        Its probability there.
    probabilities : float32 ndarray of shape (N,)
        The probability of that same class in each version.
    predictions : int64 ndarray of shape (N,)
        The most probable class of each version.
    certainties : float32 ndarray of shape (N,)
        The probability of that class.
    """

    class_index: int
    before: float
    probabilities: np.ndarray
    predictions: np.ndarray
    certainties: np.ndarray

    @property
    def stays(self) -> np.ndarray:
        """Whether a version gets the same prediction as the image, bool (N,)."""
        return self.predictions == self.class_index

    @property
    def share(self) -> float:
        """Share of the versions that do, 0 to 1."""
        return float(self.stays.mean())

    @property
    def mean(self) -> float:
        """Mean probability of the class over the versions."""
        return float(self.probabilities.mean(dtype=np.float64))

    @property
    def spread(self) -> float:
        """Standard deviation of that probability over the versions (divided by N)."""
        return float(self.probabilities.std(dtype=np.float64))


def measure_invariance(before: np.ndarray, after: np.ndarray) -> Invariance:
    """Compare the predictions for changed versions of an image with that for the image.

    Parameters
    ----------
    before : ndarray of shape (num_classes,)
        Probabilities for the image as it is.
    after : ndarray of shape (N, num_classes)
        Probabilities for each version, N at least 1.

    Raises
    ------
    InvalidParameterError
        If the shapes do not fit.

    Examples
    --------
    >>> found = measure_invariance(np.array([0.9, 0.1]), np.array([[0.7, 0.3], [0.4, 0.6]]))
    >>> found.share, found.predictions.tolist()
    (0.5, [0, 1])
    """
    if before.ndim != 1 or after.ndim != 2 or not len(after) or after.shape[1] != len(before):
        raise InvalidParameterError(
            f"expected (num_classes,) and (N, num_classes), got {before.shape} and {after.shape}."
        )
    best = int(before.argmax())
    return Invariance(
        class_index=best,
        before=float(before[best]),
        probabilities=after[:, best],
        predictions=after.argmax(axis=1),
        certainties=after.max(axis=1),
    )
