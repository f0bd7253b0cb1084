"""Facts about single Keras layers and operations: their activation, and what goes into it."""

import inspect
import re
from collections.abc import Mapping
from typing import Any

import keras

_SCOPE_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*")  # what TensorFlow takes
_LINEAR = {"linear", ""}
_ACTIVATION_LAYERS = {  # layers and operations that are an activation and nothing else
    *("Softmax", "Sigmoid", "ReLU", "Relu", "Relu6", "LeakyReLU", "LeakyRelu", "PReLU", "ELU"),
    *("Elu", "Selu", "Celu", "Gelu", "Glu", "Silu", "Mish", "Tanh", "HardTanh", "TanhShrink"),
    *("HardSigmoid", "HardSilu", "HardShrink", "SoftShrink", "Softplus", "Softsign", "Sparsemax"),
    *("SparsePlus", "SparseSigmoid", "Squareplus", "LogSoftmax", "LogSigmoid", "Threshold"),
}
_ONLY_ACTIVATION = _ACTIVATION_LAYERS | {"Activation"}


def activation_name(operation: Any) -> str:
    """Name the activation that an operation ends in, such as ``relu6``; empty for none.

    A wrapper such as SpectralNormalization ends in that of the layer inside it.
    """
    operation = unwrapped(operation)
    kind = type(operation).__name__
    if kind == "ReLU":
        return _relu_name(operation)
    if kind in _ACTIVATION_LAYERS:
        return snake_case(kind)
    function = getattr(operation, "activation", None)
    if function is None:
        return ""
    if isinstance(function, keras.Layer):
        return activation_name(function)
    name = getattr(function, "__name__", type(function).__name__)
    return "" if name in _LINEAR else snake_case(name)


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
    return type(operation).__name__ in _ONLY_ACTIVATION


def unwrapped(operation: Any) -> Any:
    """Give the layer inside wrappers that compute the same in prediction."""
    while type(operation).__name__ == "SpectralNormalization":
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
    if "training" in inspect.signature(operation.call).parameters:
        kwargs["training"] = False
    if isinstance(operation, keras.Layer) and not _SCOPE_NAME.fullmatch(operation.name):
        plain = re.sub(r"[^A-Za-z0-9]", "_", operation.name)
        operation = with_attributes(operation, name=f"layer_{plain}")
    return operation(*args, **kwargs)


def with_attributes(layer: Any, **attributes: Any) -> Any:
    """Give a view of a layer with other attributes: it shares the weights and changes nothing.

    Copying would save and load the layer, setting an attribute would change it for everybody.
    """
    view = object.__new__(type(layer))
    view.__dict__.update(layer.__dict__, **attributes)
    return view
