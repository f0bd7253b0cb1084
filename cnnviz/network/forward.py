"""A Keras model run layer by layer, so that what every layer gives can be kept.

Nested models are run through too: a layer inside a backbone is as easy to reach as any other
(``backbone/conv5``). The graph of a functional model (`Function._nodes_by_depth`, `Node.arguments`)
is private to Keras: its version is pinned, and the tests of nested models fail if a later one
changes it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import keras
import tensorflow as tf

from cnnviz.network.head import Graph, Head, logits_of, raw_scores
from cnnviz.network.layers.operations import activation_name, called, pre_activation

Change = Callable[[str, Any], Any]  # a layer's name and output to what shall stand in its place
Observe = Callable[[Any, Any, Mapping[str, Any], Sequence[Any]], None]  # operation, in, in, out


@dataclass(frozen=True, slots=True, eq=False)
class ForwardPass:
    """What one pass through a model leaves behind.

    Attributes
    ----------
    outputs : dict
        Of every layer and operation, in order of computation; of several outputs the first.
    operations : dict
        What computed each of them.
    inputs : dict
        For each the names of those that it was computed from.
    pre_activations : dict
        What goes into the ReLU of the layers asked for; the output of layers without one.
    logits : tensor (N, num_classes) or None
        float32. One unit z counts as two classes, -z and z.
    head : Head
        What the model does to its logits.
    logits_layer : str
        The layer whose output the logits are, with nothing in between; empty if there is none.
    """

    outputs: dict[str, Any] = field(default_factory=dict)
    operations: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    pre_activations: dict[str, Any] = field(default_factory=dict)
    logits: Any = None
    head: Head = field(default_factory=lambda: Head("linear"))
    logits_layer: str = ""


class _EnoughError(Exception):
    """All layers asked for have been computed."""


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is asked of a pass besides the outputs; see `run_layers`."""

    change: Change | None
    pre_activations: Collection[str]
    until: frozenset[str]
    observe: Observe | None


def run_layers(
    keras_model: Any,
    batch: Any,
    change: Change | None = None,
    *,
    output: int = 0,
    pre_activations: Collection[str] = (),
    until: Collection[str] = (),
    observe: Observe | None = None,
    as_scores: str = "",
) -> ForwardPass:
    """Run a batch through a model layer by layer and keep what every layer gives.

    Parameters
    ----------
    keras_model : keras.Model
    batch : tensor (N, h, w, C)
        A model of images without an axis of channels is given (N, h, w).
    change : callable, optional
        Called with the name and the output of every layer; what it returns goes on in its place.
        It may make several images of one: what meets them later is repeated as often.
    output : int
        Which of the model's outputs the logits are taken from.
    pre_activations : collection of str, optional
        Layers of which `ForwardPass.pre_activations` shall hold what goes into their ReLU.
    until : collection of str, optional
        End as soon as these layers are computed, without logits. What lies behind them may then be
        unfit for the size of the images.
    observe : callable, optional
        Called with every operation, its arguments and keyword arguments, and its outputs in a list.
    as_scores : str
        Why the outputs are taken as they are, as raw scores; empty to look for logits.

    Raises
    ------
    ModelLoadError
        If the output is not one list of class scores.
    """
    done = ForwardPass()
    run = _Run(done, _Wishes(change, pre_activations, frozenset(until), observe))
    if len(keras_model.inputs[0].shape) == 3 and batch.shape.rank == 4:
        batch = batch[..., 0]
    try:
        run.graph(keras_model, [batch], "", ())
    except _EnoughError:
        return done
    symbol = graph_of(keras_model).outputs[output]
    values = raw_scores(symbol, run, as_scores) if as_scores else logits_of(symbol, run)
    logits = tf.cast(values.values, tf.float32)
    logits = tf.reshape(logits, (-1, logits.shape[-1] if logits.shape.rank > 1 else 1))
    if logits.shape[-1] == 1:  # a single unit z speaks for class 1 with z, for class 0 with -z
        logits = tf.concat([-logits, logits], axis=-1)
    return replace(done, logits=logits, head=values.head, logits_layer=values.layer_name)


class _Run(Graph):
    """One run through the graph of a model and those of the models inside it."""

    def __init__(self, done: ForwardPass, wishes: _Wishes) -> None:
        self._done, self._wishes = done, wishes
        self._tensors: dict[tuple[int, ...], dict[int, Any]] = {}  # of each use of a graph
        self._names: dict[tuple[tuple[int, ...], int], str] = {}

    def graph(
        self, keras_model: Any, inputs: Sequence[Any], prefix: str, path: tuple[int, ...]
    ) -> list[Any]:
        """Run through one (nested) model and give its outputs; `path` says which use of it."""
        function = graph_of(keras_model)
        tensors = {id(symbol): x for symbol, x in zip(function.inputs, inputs, strict=True)}
        self._tensors[path] = tensors
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if node.is_input or any(id(symbol) not in tensors for symbol in node.input_tensors):
                    continue
                args, kwargs = node.arguments.fill_in(tensors)
                outputs = self._outputs_of(node, args, kwargs, prefix, path)
                tensors.update(zip(map(id, node.outputs), outputs, strict=False))
        return [tensors[id(symbol)] for symbol in function.outputs]

    def _outputs_of(
        self, node: Any, args: Any, kwargs: dict[str, Any], prefix: str, path: tuple[int, ...]
    ) -> list[Any]:
        operation = node.operation
        if isinstance(operation, keras.Model) and graph_of(operation) is not None:
            inputs = [x for x in keras.tree.flatten((args, kwargs)) if tf.is_tensor(x)]
            inner = f"{prefix}{operation.name}/"
            return self.graph(operation, inputs, inner, (*path, id(node)))
        if self._wishes.change is not None:
            args = of_one_length(args)
        outputs = keras.tree.flatten(called(operation, args, kwargs))
        if tf.is_tensor(outputs[0]) and outputs[0].shape.rank > 1:
            name = _fresh(f"{prefix}{operation.name}", self._done.outputs)
            outputs[0] = self._kept(name, operation, args, kwargs, outputs[0])
            self._names[path, id(node.outputs[0])] = name
        if self._wishes.observe is not None:
            self._wishes.observe(operation, args, kwargs, outputs)
        if self._wishes.until and self._wishes.until <= self._done.outputs.keys():
            raise _EnoughError
        return outputs

    def _kept(self, name: str, operation: Any, args: Any, kwargs: Any, output: Any) -> Any:
        done = self._done
        done.inputs[name] = _makers(keras.tree.flatten([args, kwargs]), done.outputs)
        if self._wishes.change is not None:
            output = self._wishes.change(name, output)
        if name in self._wishes.pre_activations:
            done.pre_activations[name] = _before_relu(operation, args, kwargs, output)
        done.outputs[name], done.operations[name] = output, operation
        return output

    # what `logits_of` asks for

    def value(self, symbol: Any, path: tuple[int, ...]) -> Any:
        return self._tensors[path][id(symbol)]

    def arguments(
        self, node: Any, path: tuple[int, ...], instead: Mapping[int, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        args, kwargs = node.arguments.fill_in({**self._tensors[path], **(instead or {})})
        return of_one_length(args), kwargs

    def name(self, symbol: Any, path: tuple[int, ...]) -> str:
        return self._names.get((path, id(symbol)), "")

    def inner(self, keras_model: Any) -> Any:
        return graph_of(keras_model) if isinstance(keras_model, keras.Model) else None


def _before_relu(operation: Any, args: Any, kwargs: Any, output: Any) -> Any:
    """Return what goes into a layer's ReLU; its output where there is none."""
    if activation_name(operation) not in ("relu", "relu6"):
        return output
    return pre_activation(operation, args, kwargs)


def of_one_length(args: Any) -> Any:
    """Repeat a batch of one where it meets a longer one."""
    tensors = [part for part in keras.tree.flatten(args) if _has_batch(part)]
    if len(tensors) < 2:
        return args
    longest = tf.reduce_max([tf.shape(tensor)[0] for tensor in tensors])

    def repeated(part: Any) -> Any:
        return tf.repeat(part, longest // tf.shape(part)[0], axis=0) if _has_batch(part) else part

    return keras.tree.map_structure(repeated, args)


def _has_batch(part: Any) -> bool:
    """Whether an argument was computed from the batch and is no constant of the graph."""
    return bool(tf.is_symbolic_tensor(part)) and part.shape.rank != 0


def _makers(tensors: Iterable[Any], outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the layers that gave these tensors; the latest where one handed its input on."""
    makers = {id(tensor): name for name, tensor in outputs.items()}
    return tuple(makers[id(tensor)] for tensor in tensors if id(tensor) in makers)


def graph_of(keras_model: Any) -> Any:
    """Return the functional graph of a model: of a Sequential that is an inner model of its own."""
    if isinstance(keras_model, keras.Sequential):
        return keras_model._functional
    return keras_model if hasattr(keras_model, "_nodes_by_depth") else None


def _fresh(name: str, taken: Mapping[str, Any]) -> str:
    """Number the second and later uses of a shared layer: ``conv``, ``conv@2``."""
    uses = sum(other == name or other.startswith(f"{name}@") for other in taken)
    return f"{name}@{uses + 1}" if uses else name
