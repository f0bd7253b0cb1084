"""What a map explains: a number S computed from the logits of all classes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel


@dataclass(frozen=True, slots=True)
class Target:
    """What a map explains: a number S computed from the logits of all classes.

    Attributes
    ----------
    name : str
        In words.
    class_index : int
        The target class.
    weights : tuple of (int, float)
        Classes and their weights: S is the weighted sum of their logits.
    is_probability : bool
        Whether probabilities are summed instead of logits.
    function : callable, optional
        S as TensorFlow computes it from logits (N, num_classes), of shape (N,); then `weights` and
        `is_probability` do not matter.
    """

    name: str
    class_index: int
    weights: tuple[tuple[int, float], ...] = ()
    is_probability: bool = False
    function: Callable[[Any], Any] | None = None

    def check(self, model: "LoadedModel") -> None:
        """Check that the network has these classes.

        Raises
        ------
        InvalidParameterError
        """
        for class_index, _ in ((self.class_index, 1.0), *self.weights):
            model.check_class(class_index)

    def values(self, model: "LoadedModel", logits: np.ndarray) -> np.ndarray:
        """Compute S of logits (N, num_classes), float64 (N,)."""
        if self.function is not None:
            return np.asarray(self.function(_constant(logits)), np.float64)
        shown = model.probabilities(logits) if self.is_probability else logits
        return np.asarray(shown, np.float64) @ self._vector(logits.shape[1])

    def confidences(self, model: "LoadedModel", logits: np.ndarray) -> np.ndarray:
        """Compute the same from probabilities, for methods that compare images."""
        if self.function is not None:
            return self.values(model, logits)
        return model.probabilities(logits) @ self._vector(logits.shape[1])

    def logit_gradient(self, model: "LoadedModel", logits: np.ndarray) -> np.ndarray:
        """Compute ∂S/∂logit at logits (N, num_classes), float32 of that shape."""
        if self.function is not None:
            return _tape(self.function, logits)
        weights = np.broadcast_to(self._vector(logits.shape[1]), logits.shape)
        if self.is_probability:
            shares = model.probabilities(logits)
            if not model.has_probabilities:
                return weights.astype(np.float32)
            if model.has_independent_probabilities:
                weights = weights * shares * (1 - shares)
            else:
                weights = shares * (weights - (weights * shares).sum(axis=1, keepdims=True))
        return weights.astype(np.float32)

    @property
    def is_linear(self) -> bool:
        """Whether ∂S/∂logit is the same everywhere."""
        return self.function is None and not self.is_probability

    def _vector(self, num_classes: int) -> np.ndarray:
        vector = np.zeros(num_classes)
        for class_index, weight in self.weights:
            vector[class_index] += weight
        return vector


def _constant(logits: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(logits, tf.float32)


def _tape(function: Callable[[Any], Any], logits: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    given = _constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(given)
        values = function(given)
    gradient = tape.gradient(values, given)
    if gradient is None or gradient.shape != given.shape:
        raise InvalidParameterError("The function does not depend on the logits it was given.")
    return np.asarray(gradient)


def one_class(class_index: int) -> Target:
    """Explain a class: its logit."""
    return Target(f"class {class_index}", class_index, ((class_index, 1.0),))


def probability(class_index: int) -> Target:
    """Explain the probability of a class; near 0 and 1 its gradient vanishes."""
    return Target(f"probability of {class_index}", class_index, ((class_index, 1.0),), True)


def contrast(class_index: int, others: Sequence[int], gamma: float = 1.0) -> Target:
    """Contrast a class with others: its logit minus `gamma` times their mean logit.

    References
    ----------
    "Finer-CAM", CVPR 2025, arXiv:2501.11309.
    """
    if not others:
        raise InvalidParameterError("At least one class to compare with is needed.")
    against = ", ".join(map(str, others))
    weights = tuple((other, -gamma / len(others)) for other in others)
    name = f"class {class_index} versus {against}"
    return Target(name, class_index, ((class_index, 1.0), *weights))


def sum_of(class_indices: Sequence[int]) -> Target:
    """Explain several classes at once: the sum of their logits."""
    if not class_indices:
        raise InvalidParameterError("At least one class is needed.")
    name = "classes " + " + ".join(map(str, class_indices))
    return Target(name, class_indices[0], tuple((index, 1.0) for index in class_indices))


def target_or_class(
    model: "LoadedModel", image: ImageInput, target: Target | None, class_index: int | None
) -> Target:
    """Return the given target, else the logit of the given class, else of the predicted one."""
    if target is not None:
        return target
    if class_index is None:
        class_index = model.predict(image, top=1)[0].class_index
    return one_class(class_index)
