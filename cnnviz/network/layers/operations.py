"""Facts about single Keras layers and operations: their activation, and what goes into it."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import keras

from cnnviz.network.layers.kinds import kind_of

_SCOPE_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")  # what TensorFlow takes
_LINEAR = {"linear", ""}
_TRUSTED = {"keras", "tensorflow", "jax"}  # whose functions do what their names say
_SYNONYMS = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax", "relu_6": "relu6"}
_ACTIVATION_LAYERS = {  # layers and operations that are an activation and nothing else
    *("Softmax", "Sigmoid", "ReLU", "Relu", "Relu6", "LeakyReLU", "LeakyRelu", "PReLU", "ELU"),
    *("Elu", "Selu", "Celu", "Gelu", "Glu", "Silu", "Mish", "Tanh", "HardTanh", "TanhShrink"),
    *("HardSigmoid", "HardSilu", "HardShrink", "SoftShrink", "Softplus", "Softsign", "Sparsemax"),
    *("SparsePlus", "SparseSigmoid", "Squareplus", "LogSoftmax", "LogSigmoid", "Threshold"),
}
_ONLY_ACTIVATION = _ACTIVATION_LAYERS | {"Activation"}


def activation_name(operation: Any) -> str:
    """Name the activation that an operation ends in, such as ``relu6``; empty for none.

    A wrapper such as SpectralNormalization ends in that of the layer inside it. What a layer of
    somebody's own does with its activation is not known: it has none here.
    """
    operation = unwrapped(operation)
    kind = kind_of(operation)
    if not kind:
        return ""
    if kind == "ReLU":
        return _relu_name(operation)
    if kind in _ACTIVATION_LAYERS:
        return snake_case(kind)
    return declared_activation(operation)


def declared_activation(operation: Any) -> str:
    """Name the activation that a layer says it has, also one of somebody's own; empty for none."""
    function = getattr(operation, "activation", None)
    if function is None:
        return ""
    if isinstance(function, keras.Layer):
        return activation_name(function) or "an activation of one's own"
    name = getattr(function, "__name__", type(function).__name__)
    if name in _LINEAR:
        return ""
    if (getattr(function, "__module__", "") or "").partition(".")[0] not in _TRUSTED:
        return f"an activation of one's own, {name}"
    return _SYNONYMS.get(name, snake_case(name))


def _relu_name(layer: Any) -> str:
    """Tell a plain ReLU, capped or not, from one that lets something negative through."""
    if float(getattr(layer, "negative_slope", 0) or 0) or float(layer.threshold or 0):
        return "leaky_relu"
    return "relu" if layer.max_value is None else "relu6"


def snake_case(name: str) -> str:
    """Write a class's name as Keras writes that of a function.

    Examples
    --------
    >>> snake_case("HardSigmoid")
    'hard_sigmoid'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def is_activation(operation: Any) -> bool:
    """Whether an operation is an activation and nothing else."""
    return kind_of(operation) in _ONLY_ACTIVATION


def unwrapped(operation: Any) -> Any:
    """Return the layer inside wrappers that compute the same in prediction."""
    while kind_of(operation) == "SpectralNormalization":
        operation = operation.layer
    return operation


def pre_activation(operation: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Compute what goes into the activation that an operation ends in."""
    operation = unwrapped(operation)
    if is_activation(operation):
        return args[0]
    return called(with_attributes(operation, activation=keras.activations.linear), args, kwargs)


def called(operation: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
    """Call a layer or operation as in prediction, under a name that TensorFlow takes."""
    kwargs = dict(kwargs)
    takes_training = "training" in inspect.signature(operation.call).parameters
    if takes_training or isinstance(operation, keras.Layer):  # Keras hands it on to layers inside
        kwargs["training"] = False
    if isinstance(operation, keras.Layer) and not _SCOPE_NAME.fullmatch(operation.name):
        plain = re.sub(r"[^A-Za-z0-9]", "_", operation.name)
        operation = with_attributes(operation, name=f"layer_{plain}")
    return operation(*args, **kwargs)


def with_attributes(layer: Any, **attributes: Any) -> Any:
    """Return a view of a layer with other attributes: it shares the weights and changes nothing.

    Copying would save and load the layer, setting an attribute would change it for everybody.
    """
    view = object.__new__(type(layer))
    view.__dict__.update(layer.__dict__, **attributes)
    return view
