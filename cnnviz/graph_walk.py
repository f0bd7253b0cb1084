"""A Keras model run layer by layer, so that what every layer gives can be kept.

Nested models are walked through too: a layer inside a backbone is as easy to reach as any other
(``backbone/conv5``).
"""

import inspect
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import tensorflow as tf

from cnnviz.errors import ModelLoadError

Change = Callable[[str, Any], Any]  # a layer's name and output to what shall stand in its place
_SQUASHING = {"Softmax": "softmax", "Sigmoid": "sigmoid"}  # operations whose input is the logit


@dataclass(frozen=True, slots=True, eq=False)
class Walk:
    """What one pass through a model leaves behind: all taps in order, and one score per class."""

    taps: dict[str, Any]
    operations: dict[str, Any]  # what computed each tap
    inputs: dict[str, tuple[str, ...]]  # the taps that each one was computed from
    before: dict[str, Any]  # what goes into the ReLU of the layers asked for
    scores: Any
    head: str  # what the model does to its logits: "softmax", "sigmoid" or "linear"


class _EnoughError(Exception):
    """All layers asked for have been computed."""


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What is asked of a walk besides the taps; see `walk_through`."""

    change: Change | None
    before: Collection[str]
    until: frozenset[str]


def walk_through(
    keras_model: Any,
    batch: Any,
    change: Change | None = None,
    *,
    before: Collection[str] = (),
    until: Collection[str] = (),
) -> Walk:
    """Run `batch` through the model layer by layer and keep what every layer gives.

    Parameters
    ----------
    keras_model : keras.Model
    batch : tensor (N, h, w, C)
    change : callable, optional
        Called with the name and the output of every layer; what it returns goes on in its place.
        It may make more pictures of one: what meets them later is repeated as often.
    before : collection of str, optional
        Layers of which `Walk.before` shall hold what goes into their ReLU; of layers without one it
        is the output.
    until : collection of str, optional
        End as soon as these layers are computed, without scores. What lies behind them may then be
        unfit for the size of the pictures.
    """
    walk = Walk({}, {}, {}, {}, None, "linear")
    head: dict[str, Any] = {}
    try:
        outputs = _walk_into(
            keras_model, batch, "", walk, head, _Wishes(change, before, frozenset(until))
        )
    except _EnoughError:
        return walk
    logits = tf.cast(head.get("logits", outputs), tf.float32)
    logits = tf.reshape(logits, (-1, logits.shape[-1]))
    if logits.shape[-1] == 1:  # a single unit z speaks for class 1 with z, for class 0 with -z
        logits = tf.concat([-logits, logits], axis=-1)
    return replace(walk, scores=logits, head=head.get("kind", "linear"))


def _walk_into(
    keras_model: Any,
    batch: Any,
    prefix: str,
    walk: Walk,
    head: dict[str, Any] | None,
    wishes: _Wishes,
) -> Any:
    """Walk through one (nested) model; `head` is filled in only along the way to the output."""
    graph = graph_of(keras_model)
    last = graph.outputs[0]._keras_history.operation

    def looked_at(operation: Any) -> Callable[..., Any]:
        leads_out = head if operation is last else None

        def call(*args: Any, **kwargs: Any) -> Any:
            if isinstance(operation, keras.Model) and graph_of(operation) is not None:
                inner = f"{prefix}{operation.name}/"
                return _walk_into(operation, args[0], inner, walk, leads_out, wishes)
            if "training" in inspect.signature(operation.call).parameters:
                kwargs["training"] = False
            if wishes.change is not None:
                args = _of_one_length(args)
            outputs = operation(*args, **kwargs)
            if isinstance(outputs, tf.Tensor) and outputs.shape.rank > 1:
                name = _fresh(f"{prefix}{operation.name}", walk.taps)
                walk.inputs[name] = _makers(tf.nest.flatten([args, kwargs]), walk.taps)
                if wishes.change is not None:
                    outputs = wishes.change(name, outputs)
                if name in wishes.before:
                    walk.before[name] = _before_gate(operation, args, outputs)
                walk.taps[name], walk.operations[name] = outputs, operation
                if wishes.until and wishes.until <= walk.taps.keys():
                    raise _EnoughError
            if leads_out is not None:
                leads_out.update(_logits_before(operation, args))
            return outputs

        return call

    outputs = graph._run_through_graph(batch, operation_fn=looked_at)
    return outputs[0] if isinstance(outputs, (list, tuple)) else outputs


def _before_gate(operation: Any, args: Any, outputs: Any) -> Any:
    """Give what goes into a layer's ReLU; its output where there is none."""
    function = getattr(operation, "activation", None)
    is_layer = type(operation).__name__ in ("ReLU", "Relu", "Relu6")
    if not is_layer and function not in (keras.activations.relu, keras.activations.relu6):
        return outputs
    if is_layer or isinstance(operation, keras.layers.Activation):
        return args[0]
    if not isinstance(operation, keras.layers.Conv2D):
        return outputs
    sums = operation.convolution_op(args[0], operation.kernel)
    return sums + operation.bias if operation.use_bias else sums


def _of_one_length(args: Any) -> Any:
    """Repeat a batch of one where it meets a longer one."""
    tensors = [part for part in tf.nest.flatten(args) if isinstance(part, tf.Tensor)]
    if len(tensors) < 2:
        return args
    longest = tf.reduce_max([tf.shape(tensor)[0] for tensor in tensors])

    def repeated(part: Any) -> Any:
        is_tensor = isinstance(part, tf.Tensor)
        return tf.repeat(part, longest // tf.shape(part)[0], axis=0) if is_tensor else part

    return tf.nest.map_structure(repeated, args)


def _makers(tensors: Iterable[Any], taps: dict[str, Any]) -> tuple[str, ...]:
    """Name the layers that gave these tensors; the latest where one handed its input on."""
    makers = {id(tap): name for name, tap in taps.items()}
    return tuple(makers[id(tensor)] for tensor in tensors if id(tensor) in makers)


def graph_of(keras_model: Any) -> Any:
    """Give the functional graph of a model: of a Sequential that is an inner model of its own.

    `Function._run_through_graph` and `Sequential._functional` are private to Keras: its version is
    pinned, and the tests of nested models fail if a later one changes them.
    """
    if isinstance(keras_model, keras.Sequential):
        return keras_model._functional
    return keras_model if hasattr(keras_model, "_run_through_graph") else None


def _fresh(name: str, taken: dict[str, Any]) -> str:
    """Number the second and later uses of a shared layer: ``conv``, ``conv@2``."""
    uses = sum(other == name or other.startswith(f"{name}@") for other in taken)
    return f"{name}@{uses + 1}" if uses else name


def _logits_before(operation: Any, args: Sequence[Any]) -> dict[str, Any]:
    """Find the logits that go into the last operation's softmax or sigmoid, if it has one."""
    kind = _SQUASHING.get(type(operation).__name__)
    if kind:
        return {"logits": args[0], "kind": kind}
    activation = getattr(operation, "activation", None)
    kind = {keras.activations.softmax: "softmax", keras.activations.sigmoid: "sigmoid"}.get(
        activation
    )
    if kind is None:
        return {}
    if isinstance(operation, keras.layers.Activation):
        return {"logits": args[0], "kind": kind}
    if isinstance(operation, keras.layers.Dense):
        logits = keras.ops.matmul(args[0], operation.kernel)
        return {"logits": logits + operation.bias if operation.use_bias else logits, "kind": kind}
    raise ModelLoadError(
        f"The model ends in a {type(operation).__name__} layer with {kind} in it. "
        f"End it in a Dense layer, or put the {kind} into a layer of its own."
    )
