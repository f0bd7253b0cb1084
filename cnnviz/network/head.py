"""The logits behind whatever a network ends in, and how its probabilities come from them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import tensorflow as tf
from keras import layers

from cnnviz.errors import ModelLoadError
from cnnviz.network.layers.kinds import kind_of
from cnnviz.network.layers.operations import (
    activation_name,
    called,
    declared_activation,
    is_activation,
    pre_activation,
    snake_case,
    unwrapped,
)

Path = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Head:
    """What a network does to its logits.

    Attributes
    ----------
    kind : {"softmax", "sigmoid", "linear", "scores"}
        ``linear``: it ends in logits. ``scores``: it ends in something that is neither logits nor
        probabilities; its outputs are shown as they are.
    ending : str
        What it ends in, such as ``tanh``; empty if it is linear.
    num_units : int
        Outputs of the network; one unit counts as two classes.
    """

    kind: str
    ending: str = ""
    num_units: int = 0

    @property
    def is_independent(self) -> bool:
        """Whether every class has a probability of its own: they need not add up to 1."""
        return self.kind == "sigmoid" or (self.kind == "linear" and self.num_units == 1)

    @property
    def has_probabilities(self) -> bool:
        """Whether probabilities can be given at all."""
        return self.kind != "scores"

    @property
    def description(self) -> str:
        """What the network ends in, in words."""
        if self.kind == "scores":
            return f"raw scores (it ends in {self.ending}, which gives no probabilities)"
        if self.kind == "linear":
            squash = "sigmoid" if self.is_independent else "softmax"
            return f"logits; {squash} is assumed to follow"
        if self.kind == "sigmoid" and self.num_units > 1:
            return "sigmoid: independent probabilities"
        return self.kind


@dataclass(frozen=True, slots=True, eq=False)
class Logits:
    """Values before the last squashing, and where they come from.

    `layer_name` is the layer whose output they are, with nothing but reshaping in between.
    """

    values: Any
    head: Head
    layer_name: str = ""


def with_loss(head: Head, loss: str) -> Head:
    """Read linear outputs by the loss that the network was trained with.

    Parameters
    ----------
    head : Head
    loss : str
        As Keras names it, such as ``mean_squared_error``; empty if it is not known.

    Examples
    --------
    >>> with_loss(Head("linear", num_units=1), "mse").kind
    'scores'
    """
    name = snake_case(loss)
    if head.kind != "linear" or not name:
        return head
    if name in _OF_NUMBERS:
        return replace(head, kind="scores", ending=f"numbers, trained with {name}")
    if name.startswith("binary_") and head.num_units > 1:
        return replace(head, kind="sigmoid")
    return head


_OF_NUMBERS = {
    *("mse", "mean_squared_error", "mae", "mean_absolute_error", "huber", "log_cosh", "logcosh"),
    *("mape", "mean_absolute_percentage_error", "msle", "mean_squared_logarithmic_error"),
    *("poisson", "cosine_similarity"),
}


class Graph(ABC):
    """A graph of which every tensor has been computed; `path` says in which nested model."""

    @abstractmethod
    def value(self, symbol: Any, path: Path) -> Any:
        """Return the value of a symbolic tensor."""

    @abstractmethod
    def arguments(
        self, node: Any, path: Path, instead: Mapping[int, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Return what a node was called with, or other values for some symbolic tensors."""

    @abstractmethod
    def name(self, symbol: Any, path: Path) -> str:
        """Name the layer whose output a symbolic tensor is."""

    @abstractmethod
    def inner(self, operation: Any) -> Any:
        """Return the graph of a nested model; None for everything else."""


def logits_of(symbol: Any, graph: Graph) -> Logits:
    """Walk back from an output over what only hands values on, to the logits.

    Parameters
    ----------
    symbol : keras.KerasTensor
        An output of the model.
    graph : Graph

    Raises
    ------
    ModelLoadError
        If the output is not one list of scores for each image: a map, or one list for each token.
    """
    check_output(symbol.shape)
    source = _found(symbol, graph, ())
    num_units = int(symbol.shape[-1]) if len(symbol.shape) > 1 else 1
    head = Head(source.head.kind, source.head.ending, num_units)
    if num_units == 1 and head.kind == "softmax":  # it is 1 whatever the image
        head = Head("scores", "the softmax of a single unit, which is always 1", 1)
    if head.kind == "scores":
        return Logits(graph.value(symbol, ()), head)
    return Logits(source.values, head, source.layer_name)


def raw_scores(symbol: Any, graph: Graph, ending: str) -> Logits:
    """Take an output as it is; `ending` says in words why it cannot be read."""
    check_output(symbol.shape)
    num_units = int(symbol.shape[-1]) if len(symbol.shape) > 1 else 1
    return Logits(graph.value(symbol, ()), Head("scores", ending, num_units))


def check_output(shape: Sequence[int | None], name: str = "") -> None:
    """Refuse an output that is not one list of class scores for each image.

    Raises
    ------
    ModelLoadError
    """
    sizes = list(shape[1:])
    if len(sizes) <= 1 or (all(size == 1 for size in sizes[:-1]) and sizes[-1] is not None):
        if sizes and sizes[-1] is None:
            raise ModelLoadError("The network's output has no fixed number of class scores.")
        return
    written = " × ".join("any" if size is None else str(size) for size in sizes)
    which = f"The output {name!r}" if name else "The output"
    if len(sizes) == 3:
        kind = (
            "a map with values for every position, as for segmentation, or feature maps. "
            "cnnviz explains classifiers: add global pooling and a dense layer, or choose an "
            "output that is one list of class scores."
        )
    else:
        kind = (
            "one list of scores for each token or step. cnnviz explains classifiers: choose an "
            "output that is one list of class scores for the whole image, for instance behind "
            "global average pooling."
        )
    raise ModelLoadError(f"{which} has the shape {written}: {kind}")


def _found(symbol: Any, graph: Graph, path: Path) -> Logits:
    operation, node, place = _origin(symbol)
    function = graph.inner(operation)
    if function is not None:
        return _found(function.outputs[place], graph, (*path, id(node)))
    if node.is_input:
        return _raw(symbol, graph, path, "the input itself")
    kind = kind_of(operation)
    if _hands_on(operation, symbol, node):
        return _handed_on(symbol, node, graph, path)
    if kind in _JOINING:
        return _joined(symbol, node, graph, path)
    ending = activation_name(operation)
    if not kind:  # a layer of somebody's own: `check_logits` finds out whether this is true
        ending = declared_activation(operation)
    if ending in ("softmax", "sigmoid") and _is_over_classes(operation, symbol, ending):
        args, kwargs = graph.arguments(node, path)
        before = pre_activation(operation, args, kwargs)
        layer_name = graph.name(symbol, path)
        if is_activation(operation):
            layer_name = _linear_layer(node.input_tensors[0], graph, path)
        return Logits(before, Head(ending, ending), layer_name)
    if ending == "log_softmax":  # the logarithm of a probability is a logit, too
        return Logits(graph.value(symbol, path), Head("softmax", ending))
    if ending or not kind or not isinstance(unwrapped(operation), _WEIGHTED):
        return _raw(symbol, graph, path, ending or type(operation).__name__)
    return Logits(graph.value(symbol, path), Head("linear"), graph.name(symbol, path))


def _linear_layer(symbol: Any, graph: Graph, path: Path) -> str:
    """Name the layer whose output is handed on to a symbolic tensor; empty if it is not linear."""
    logits = _found(symbol, graph, path)
    return logits.layer_name if logits.head.kind == "linear" else ""


def _origin(symbol: Any) -> tuple[Any, Any, int]:
    """Find the operation that gives a symbolic tensor, the call of it, and which output."""
    operation, node_index, place = symbol._keras_history
    return operation, operation._inbound_nodes[node_index], place


def _raw(symbol: Any, graph: Graph, path: Path, ending: str) -> Logits:
    return Logits(graph.value(symbol, path), Head("scores", ending))


def _is_over_classes(operation: Any, symbol: Any, ending: str) -> bool:
    """Whether a squashing gives one distribution for each image."""
    if any(size != 1 for size in symbol.shape[1:-1]):
        return False
    axis = getattr(operation, "axis", -1)
    return ending == "sigmoid" or axis in (-1, len(symbol.shape) - 1, [-1])


def _hands_on(operation: Any, symbol: Any, node: Any) -> bool:
    """Whether an operation only hands its values on, in another shape or type at most."""
    kind = kind_of(operation)
    if kind in _HANDING_ON or (kind == "Activation" and not activation_name(operation)):
        return True
    if kind in _POOLING or kind == "Mean":  # the mean of a single value
        sizes = node.input_tensors[0].shape[1:]
        return all(size == 1 for size in sizes[:-1]) and sizes[-1] == symbol.shape[-1]
    return False


def _handed_on(symbol: Any, node: Any, graph: Graph, path: Path) -> Logits:
    source = node.input_tensors[0]
    logits = _found(source, graph, path)
    if logits.head.kind == "scores":
        return _raw(symbol, graph, path, logits.head.ending)
    args, kwargs = graph.arguments(node, path, {id(source): logits.values})
    values = called(node.operation, args, kwargs)
    return Logits(values, logits.head, logits.layer_name)


def _joined(symbol: Any, node: Any, graph: Graph, path: Path) -> Logits:
    """Join several heads: the mean of their probabilities, their sum, or one behind the other."""
    kind = kind_of(node.operation)
    parts = [_found(source, graph, path) for source in node.input_tensors]
    kinds = {part.head.kind for part in parts}
    ending = next((part.head.ending for part in parts if part.head.ending), "")
    if kinds == {"linear"} and (len(parts) == 1 or kind not in _PRODUCTS):
        return Logits(graph.value(symbol, path), Head("linear"))
    if len(kinds) == 1 and kind == "Average" and kinds <= set(_LOG_ODDS):
        (same,) = kinds
        return Logits(_LOG_ODDS[same]([part.values for part in parts]), Head(same, ending))
    if kinds == {"sigmoid"} and kind == "Concatenate":
        return Logits(tf.concat([part.values for part in parts], axis=-1), Head("sigmoid", ending))
    return _raw(symbol, graph, path, f"{ending} followed by {kind}" if ending else kind)


def _mean_log_probability(logits: Sequence[Any]) -> Any:
    """Return the logarithm of the mean probability: its softmax is that mean."""
    logs = tf.stack([tf.nn.log_softmax(tf.cast(one, tf.float32)) for one in logits])
    return tf.reduce_logsumexp(logs, axis=0) - tf.math.log(float(len(logits)))


def _mean_log_odds(logits: Sequence[Any]) -> Any:
    """Return the logarithm of the odds of the mean probability: its sigmoid is that mean."""
    z = tf.stack([tf.cast(one, tf.float32) for one in logits])
    return tf.reduce_logsumexp(tf.math.log_sigmoid(z), 0) - tf.reduce_logsumexp(
        tf.math.log_sigmoid(-z), 0
    )


_LOG_ODDS: dict[str, Callable[[Sequence[Any]], Any]] = {
    "softmax": _mean_log_probability,
    "sigmoid": _mean_log_odds,
}
_HANDING_ON = {
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise"),
    *("AlphaDropout", "Identity", "ActivityRegularization", "StopGradient"),
    *("Reshape", "Flatten", "Ravel", "Squeeze", "ExpandDims", "Cast", "Copy"),
}
_POOLING = {
    *("GlobalAveragePooling1D", "GlobalAveragePooling2D", "GlobalMaxPooling1D"),
    *("GlobalMaxPooling2D", "AveragePooling1D", "AveragePooling2D", "MaxPooling2D"),
}
_WEIGHTED = (
    *(layers.Dense, layers.EinsumDense, layers.Conv1D, layers.Conv2D),
    *(layers.SeparableConv2D, layers.DepthwiseConv2D),
)
_PRODUCTS = {"Multiply", "TrueDivide", "Divide"}  # not linear in several inputs
# linear in their inputs, so that logits stay logits
_JOINING = {
    *("Average", "Concatenate", "Add", "Subtract", "Multiply", "TrueDivide", "Divide", "Mean"),
    *("Sum", "Negative", "Rescaling", "BatchNormalization", *_POOLING),
}
