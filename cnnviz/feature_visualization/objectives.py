"""What an image is to activate: channels, single units, directions, classes, whole layers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError
from cnnviz.network.layers.kinds import kind_of

if TYPE_CHECKING:
    from cnnviz.network.forward import ForwardPass
    from cnnviz.network.inspected_model import LoadedModel

LOGITS = ""  # stands for the class scores where a layer's name is expected
KINDS = ("mean", "center", "square", "diversity")


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(weights=np.float32)
class Term:
    """One summand of an objective.

    Attributes
    ----------
    layer_name : str
        A layer, or `LOGITS`.
    kind : {"mean", "center", "square", "diversity"}
        The mean over the cells of the maps, their middle cell, the mean of the squares of all
        numbers, or minus the likeness of the images of a batch.
    weights : float32 ndarray of shape (K,) or None
        How much each channel counts; None for squares and diversity.
    factor : float
    cosine_power : float
        Above 0 the value is multiplied by that power of the cosine between channels and weights,
        so that the image activates this direction and no other.
    """

    layer_name: str
    kind: str
    weights: np.ndarray | None = None
    factor: float = 1.0
    cosine_power: float = 0.0

    @property
    def is_single(self) -> bool:
        """Whether it is about one channel of a layer and nothing else."""
        is_one = self.weights is not None and np.count_nonzero(self.weights) == 1
        return is_one and self.factor != 0 and not self.cosine_power


@dataclass(frozen=True, slots=True, eq=False)
class Objective:
    """A sum of terms; objectives can be added, subtracted, negated and multiplied by a number.

    Attributes
    ----------
    terms : tuple of Term
    name : str
        What people call it.
    """

    terms: tuple[Term, ...]
    name: str = ""

    def __add__(self, other: "Objective") -> "Objective":
        return Objective((*self.terms, *other.terms), f"{self.name} + {other.name}")

    def __neg__(self) -> "Objective":
        return replace(self * -1.0, name=f"−{self.name}")

    def __sub__(self, other: "Objective") -> "Objective":
        return replace(self + -other, name=f"{self.name} − {other.name}")

    def __mul__(self, factor: float) -> "Objective":
        terms = tuple(replace(term, factor=term.factor * factor) for term in self.terms)
        return Objective(terms, f"{factor:g}·{self.name}")

    __rmul__ = __mul__

    @property
    def shape_key(self) -> tuple[tuple[str, str, float, bool, bool], ...]:
        """What the compiled graph depends on: objectives with equal keys share one."""
        return tuple(
            (
                *(term.layer_name, term.kind, term.cosine_power),
                *(term.weights is None, term.is_single),
            )
            for term in self.terms
        )

    @property
    def layer_names(self) -> tuple[str, ...]:
        """The layers that it needs."""
        return tuple(dict.fromkeys(term.layer_name for term in self.terms if term.layer_name))

    @property
    def needs_logits(self) -> bool:
        """Whether the whole network must be run."""
        return any(term.layer_name == LOGITS for term in self.terms)


TARGETS = ("filter", "cell", "class", "class against the others", "whole layer")


@dataclass(frozen=True, slots=True)
class Target:
    """An objective by its name, fit for a cache's key.

    Attributes
    ----------
    kind : {"filter", "cell", "class", "class against the others", "whole layer"}
    layer_name : str
        Empty for a class.
    index : int
        Of the channel or the class.
    """

    kind: str
    layer_name: str
    index: int

    def objective(self, model: "LoadedModel") -> Objective:
        """Make the objective for a network; errors as in the functions that do."""
        if self.kind == "filter":
            return channel(model, self.layer_name, self.index)
        if self.kind == "cell":
            return neuron(model, self.layer_name, self.index)
        if self.kind == "whole layer":
            return whole_layer(model, self.layer_name)
        if self.kind not in TARGETS:
            raise InvalidParameterError(
                f"There is no target {self.kind!r}. Choose one of: {', '.join(TARGETS)}."
            )
        return class_score(model, self.index, against_others=self.kind != "class")


def _before_dropout(model: "LoadedModel", layer_name: str) -> str:
    """Name the layer whose maps a dropout layer hands on: it may have a ReLU to get around."""
    while "Dropout" in kind_of(model.operations[layer_name]):
        layer_name = model.layer_inputs[layer_name][0]
    return layer_name


def channel(model: "LoadedModel", layer_name: str, index: int) -> Objective:
    """Activate one channel everywhere: the mean over its map.

    Raises
    ------
    UnknownLayerError, InvalidParameterError
        If there is no such layer or channel, or the layer has no maps.
    """
    weights = _one_of(model.layer_shapes[model.checked_maps(layer_name)][-1], index, "channel")
    term = Term(_before_dropout(model, layer_name), "mean", weights)
    return Objective((term,), f"{layer_name}, channel {index}")


def neuron(model: "LoadedModel", layer_name: str, index: int) -> Objective:
    """Activate one channel at the center only; errors as in `channel`."""
    weights = _one_of(model.layer_shapes[model.checked_maps(layer_name)][-1], index, "channel")
    term = Term(_before_dropout(model, layer_name), "center", weights)
    return Objective((term,), f"{layer_name}, cell of {index}")


def direction(
    model: "LoadedModel", layer_name: str, vector: np.ndarray, cosine_power: float = 1.0
) -> Objective:
    """Activate a mixture of channels: dot product × cosine to the power of `cosine_power`.

    Raises
    ------
    UnknownLayerError, InvalidParameterError
        If there is no such layer, or the vector does not have one number for each channel.
    """
    depth = model.layer_shapes[model.checked_maps(layer_name)][-1]
    vector = np.asarray(vector, np.float32)
    if vector.shape != (depth,) or not vector.any() or not np.isfinite(vector).all():
        raise InvalidParameterError(
            f"A direction in {layer_name!r} is {depth} finite numbers that are not all zero."
        )
    term = Term(layer_name, "mean", vector, cosine_power=cosine_power)
    return Objective((term,), f"{layer_name}, direction")


def class_score(
    model: "LoadedModel", class_index: int, *, against_others: bool = False
) -> Objective:
    """Activate a class: its logit, or its logit minus the mean of all others.

    Raises
    ------
    InvalidParameterError
        If there is no such class.
    """
    count = len(model.class_names)
    weights = _one_of(count, class_index, "class")
    if against_others:
        weights -= (1 - weights) / max(count - 1, 1)
    return Objective((Term(LOGITS, "mean", weights),), model.class_names[class_index])


def whole_layer(model: "LoadedModel", layer_name: str) -> Objective:
    """Amplify whatever a layer responds to already: the mean of all squares (deep dream).

    References
    ----------
    Mordvintsev, Olah and Tyka, "Inceptionism: going deeper into neural networks", 2015.
    """
    return Objective((Term(model.checked_maps(layer_name), "square"),), f"{layer_name}, all of it")


def diversity(model: "LoadedModel", layer_name: str) -> Objective:
    """Let the images of a batch differ: minus the mean cosine between their Gram matrices.

    References
    ----------
    Olah, Mordvintsev and Schubert, "Feature visualization", Distill 2017,
    doi:10.23915/distill.00007.
    """
    return Objective((Term(model.checked_maps(layer_name), "diversity"),), "diversity")


def _one_of(count: int, index: int, what: str) -> np.ndarray:
    if not 0 <= index < count:
        raise InvalidParameterError(f"There is no {what} {index}: there are 0 to {count - 1}.")
    weights = np.zeros(count, np.float32)
    weights[index] = 1
    return weights


def stacked_weights(objectives: Sequence[Objective]) -> list[np.ndarray]:
    """Return the numbers of many objectives of one shape: for each term (N, K), or (N, 1).

    Raises
    ------
    InvalidParameterError
        If they are not of one shape.
    """
    if len({objective.shape_key for objective in objectives}) != 1:
        raise InvalidParameterError(
            "Only objectives of the same layers and kinds can be drawn together."
        )
    return [
        np.stack(
            [
                term.factor * (np.ones(1, np.float32) if term.weights is None else term.weights)
                for term in terms
            ]
        ).astype(np.float32)
        for terms in zip(*(objective.terms for objective in objectives), strict=True)
    ]


def evaluated(
    objective: Objective, model: "LoadedModel", forward: "ForwardPass", weights: Sequence[Any]
) -> Any:
    """Compute an objective for each image of a batch, tensor (N,).

    `weights` are tensors as `stacked_weights` gives them. A channel whose ReLU is shut in every
    cell would hand no gradient back: there, the cell that is nearest to opening it stands for all,
    as it is before the ReLU. A ReLU's ceiling is lifted for the same reason: of ReLU6 layers
    images would stay pale.
    """
    import tensorflow as tf

    total = 0.0
    for term, weight in zip(objective.terms, weights, strict=True):
        if term.layer_name == LOGITS:
            total += tf.reduce_sum(forward.logits * weight, axis=-1)
            continue
        name = term.layer_name
        has_gate = forward.outputs[name] is not forward.pre_activations[name]
        before = model.as_maps(name, tf.cast(forward.pre_activations[name], tf.float32))
        if term.is_single:  # one channel: the others need not be looked at
            before, weight = _picked(before, weight)
        total += _value(term, _with_a_way_out(before) if has_gate else before, weight)
    return total


def _picked(maps: Any, weight: Any) -> tuple[Any, Any]:
    """Return for each image its own channel (N, h, w, 1), and the weight of that (N, 1)."""
    import tensorflow as tf

    shape = tf.shape(maps)
    cells = tf.reshape(maps, (shape[0], -1, maps.shape[-1]))
    picked = tf.linalg.matvec(cells, tf.cast(weight != 0, tf.float32))
    return tf.reshape(picked, (*tf.unstack(shape)[:3], 1)), tf.reduce_sum(weight, 1, keepdims=True)


def _with_a_way_out(before: Any) -> Any:
    import tensorflow as tf

    is_open = tf.reduce_any(before > 0, axis=(1, 2), keepdims=True)
    strongest = tf.reduce_max(before, axis=(1, 2), keepdims=True)
    return tf.where(is_open, tf.nn.relu(before), strongest)


def _value(term: Term, maps: Any, weight: Any) -> Any:
    import tensorflow as tf

    if term.kind == "square":
        return weight[:, 0] * tf.reduce_mean(maps**2, axis=(1, 2, 3))
    if term.kind == "diversity":
        return weight[:, 0] * -_likeness(maps)
    if term.kind == "center":
        numbers = maps[:, tf.shape(maps)[1] // 2, tf.shape(maps)[2] // 2]
    else:
        numbers = tf.reduce_mean(maps, axis=(1, 2))
    value = tf.reduce_sum(numbers * weight, axis=-1)
    if term.cosine_power:
        lengths = tf.norm(numbers, axis=-1) * tf.norm(weight, axis=-1)
        cosine = tf.maximum(value / tf.maximum(lengths, 1e-12), 0.1)
        value *= cosine**term.cosine_power
    return value


def _likeness(maps: Any) -> Any:
    """Mean cosine between an image's Gram matrix and those of the others of its batch, (N,)."""
    import tensorflow as tf

    cells = tf.reshape(maps, (tf.shape(maps)[0], -1, maps.shape[-1]))
    grams = tf.linalg.matmul(cells, cells, transpose_a=True)
    flat = tf.math.l2_normalize(tf.reshape(grams, (tf.shape(maps)[0], -1)), axis=-1)
    cosines = tf.linalg.matmul(flat, flat, transpose_b=True)
    others = tf.cast(tf.shape(maps)[0] - 1, tf.float32)
    return (tf.reduce_sum(cosines, axis=1) - 1) / tf.maximum(others, 1)
