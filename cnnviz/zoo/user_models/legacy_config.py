"""Descriptions of networks as Keras 1 to 3 write them into ``.h5`` files, turned into Keras 3's.

Only what maps one to one is turned: layers that Keras 3 has under the same name and with the same
result, and arithmetic of TensorFlow (``x / 255.0``) as the operation of ``keras.ops`` that computes
the same. Initializers, regularizers and constraints are left out: they count in training only.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from cnnviz.zoo.admission.classes import (
    ACTIVATIONS,
    APPLICATION_LAYERS,
    CLASSES,
    LAYERS,
    MODELS,
)
from cnnviz.zoo.admission.operations import module_of_operation
from cnnviz.zoo.user_models.refusals import Refused

_NUMPY, _NN = "keras.src.ops.numpy", "keras.src.ops.nn"
_BINARY = {  # functions of TensorFlow that take x and y -> operations of Keras
    "math.truediv": "TrueDivide",
    "math.divide": "Divide",
    "math.add": "Add",
    "__operators__.add": "Add",
    "math.subtract": "Subtract",
    "math.multiply": "Multiply",
    "math.maximum": "Maximum",
    "math.minimum": "Minimum",
    "math.pow": "Power",
}
_UNARY = {
    "nn.relu": (_NN, "Relu"),
    "nn.relu6": (_NN, "Relu6"),
    "nn.softmax": (_NN, "Softmax"),
    "nn.sigmoid": (_NN, "Sigmoid"),
    "math.sigmoid": (_NN, "Sigmoid"),
    "nn.tanh": (_NUMPY, "Tanh"),
    "math.tanh": (_NUMPY, "Tanh"),
    "math.abs": (_NUMPY, "Absolute"),
    "math.negative": (_NUMPY, "Negative"),
    "math.square": (_NUMPY, "Square"),
    "math.sqrt": (_NUMPY, "Sqrt"),
    "math.exp": (_NUMPY, "Exp"),
}
_REDUCTIONS = {
    "math.reduce_mean": "Mean",
    "math.reduce_sum": "Sum",
    "math.reduce_max": "Max",
    "math.reduce_min": "Min",
}
_RENAMED = {
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    **{f"Custom>{name}": name for name in APPLICATION_LAYERS},
}
_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
_WITHOUT_EFFECT = {  # settings that Keras 3 does not have and that change no result
    *("batch_input_shape", "build_config", "fused", "implementation", "input_dtype"),
    *("input_length", "key_shape", "query_shape", "rng_type", "softmax_robust_masking"),
    "value_shape",
}
_MUST_BE: Mapping[str, Any] = {  # settings that Keras 3 does not have, and their usual value
    "adjustment": None,
    "ragged": False,
    "renorm": False,
    "sparse": False,
    "time_major": False,
    "virtual_batch_size": None,
}


@dataclass(frozen=True)
class _Source:
    """What is known of a file, and what is found out about it."""

    is_keras_3: bool
    own_names: Collection[str]
    names: dict[str, str] = field(default_factory=dict)  # of layers: as built -> in the file

    def name(self, name: str) -> str:
        """Return the name of a layer as Keras 3 allows it: without a slash."""
        allowed = name.replace("/", "_")
        if self.names.setdefault(allowed, name) != name:
            raise Refused(f"two of its layers would both be named {allowed[:60]!r}")
        return allowed


def modern(
    config: Any, keras_version: str, own_names: Collection[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """Turn the description in an ``.h5`` file into one of Keras 3.

    Parameters
    ----------
    config : dict
        What the attribute ``model_config`` holds.
    keras_version : str
        What the attribute ``keras_version`` holds.
    own_names : collection of str
        Names of classes and functions that the user's own code brings.

    Returns
    -------
    dict
        A description as in a ``.keras`` file, not yet checked.
    dict
        For each layer's name there its name in the file.

    Raises
    ------
    Refused
        If a layer has no counterpart in Keras 3 that gives the same result.
    """
    source = _Source(keras_version.startswith("3."), own_names)
    try:
        return _model(config, source), source.names
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise Refused(f"its description is damaged ({type(error).__name__})") from error


def _model(part: Any, source: _Source) -> dict[str, Any]:
    if part["class_name"] == "Sequential":
        return _described("keras", "Sequential", _sequential(part["config"], source))
    if part["class_name"] in MODELS:
        inner = _functional(part["config"], source)
        return _described("keras.src.models.functional", "Functional", inner)
    raise Refused(
        f"its network is of the class {str(part['class_name'])[:40]!r}, neither a Sequential nor a "
        "functional model, whose layers can be listed"
    )


def _described(module: str | None, class_name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None if module else class_name,
    }


def _sequential(config: Any, source: _Source) -> dict[str, Any]:
    if isinstance(config, list):  # as Keras up to 2.2 wrote
        config = {"name": "sequential", "layers": config}
    parts = config["layers"]
    layers = [_layer(part, source) for part in parts]
    if parts and parts[0]["class_name"] != "InputLayer":
        shape = config.get("build_input_shape") or _input_shape_of(parts[0])
        if shape is None:
            raise Refused("its first layer does not say the size of the input")
        settings = {"batch_shape": shape, "dtype": "float32", "name": "input"}
        layers.insert(0, _described("keras.layers", "InputLayer", settings))
    return {"name": source.name(config["name"]), "layers": layers}


def _input_shape_of(part: Any) -> Any:
    """Find the input shape of a layer, or of the model that stands in its place."""
    inner = part["config"]
    if part["class_name"] in MODELS:
        layers = inner if isinstance(inner, list) else inner["layers"]
        return _input_shape_of(layers[0])
    return inner.get("batch_input_shape") or inner.get("batch_shape")


def _functional(config: dict[str, Any], source: _Source) -> dict[str, Any]:
    kinds = {part["name"]: part["class_name"] for part in config["layers"]}
    layers = []
    for part in config["layers"]:
        if part["class_name"] in ("TFOpLambda", "SlicingOpLambda"):
            described, calls = _operation(part, kinds, source)
        else:
            described = _layer(part, source)
            calls = [_call(node, kinds, source) for node in part["inbound_nodes"]]
        name = source.name(part["name"])
        layers.append({**described, "name": name, "inbound_nodes": calls})
    return {
        "name": source.name(config["name"]),
        "trainable": config.get("trainable", True),
        "layers": layers,
        "input_layers": _ends(config["input_layers"], kinds, source),
        "output_layers": _ends(config["output_layers"], kinds, source),
    }


def _ends(value: Any, kinds: Mapping[str, str], source: _Source) -> Any:
    """Turn the list of inputs or outputs; a single one stands for itself, as in Keras 3."""
    if isinstance(value, dict):
        return {key: _ends(each, kinds, source) for key, each in value.items()}
    if not isinstance(value[0], str):
        ends = [_ends(each, kinds, source) for each in value]
        return ends[0] if len(ends) == 1 and not source.is_keras_3 else ends
    name, call, output = value
    if kinds[name] == "Sequential" and not source.is_keras_3:
        call -= 1  # Keras 2 counted the call that built the model
    return [source.name(name), call, output]


def _layer(part: Any, source: _Source) -> dict[str, Any]:
    """Turn one layer, also one that another holds."""
    class_name = _RENAMED.get(part["class_name"], part["class_name"])
    if class_name in MODELS:
        return _model(part, source)
    config = dict(part["config"])
    own = part.get("registered_name") or class_name
    if own in source.own_names:
        config.pop("batch_input_shape", None)
        settings = {key: _with_module(value) for key, value in config.items()}
        return _described(None, own, {**settings, "name": source.name(config["name"])})
    if class_name == "InputLayer":
        return _described("keras.layers", class_name, _input_layer(config, source))
    if source.is_keras_3 and "trainable" not in config and module_of_operation(class_name):
        settings = {**config, **({"name": source.name(config["name"])} if "name" in config else {})}
        return _described(module_of_operation(class_name), class_name, settings)
    module = "keras.layers" if class_name in LAYERS else APPLICATION_LAYERS.get(class_name)
    if module is None:
        raise Refused(_no_counterpart(class_name))
    return _described(module, class_name, _settings(class_name, config, source))


def _with_module(value: Any) -> Any:
    """Say of an object in a layer of the user's own from which module of Keras it is."""
    if not isinstance(value, dict) or "class_name" not in value or "module" in value:
        return value
    name = value["class_name"]
    module = next((module for module, names in CLASSES.items() if name in names), None)
    return value if module is None else _described(module, name, value.get("config", {}))


def _no_counterpart(class_name: str) -> str:
    if class_name == "Lambda":
        return "it holds a Lambda layer, that is, Python code, and code from files is never run"
    return f"its layer {class_name[:60]!r} has no counterpart in Keras 3"


def _input_layer(config: dict[str, Any], source: _Source) -> dict[str, Any]:
    shape = config.get("batch_input_shape", config.get("batch_shape"))
    if config.get("sparse") or config.get("ragged"):
        raise Refused("it takes sparse or ragged inputs instead of images")
    dtype = config.get("dtype") or "float32"
    return {"batch_shape": shape, "dtype": dtype, "name": source.name(config["name"])}


def _settings(class_name: str, config: dict[str, Any], source: _Source) -> dict[str, Any]:
    """Turn the settings of a layer of Keras."""
    settings: dict[str, Any] = {}
    for key, value in config.items():
        if key.endswith(_TRAINING_ONLY) or key in _WITHOUT_EFFECT:
            continue
        if key == "groups" and value == 1:
            continue  # the default where Keras 3 knows it, and it does not everywhere
        if key in _MUST_BE:
            if value != _MUST_BE[key]:
                raise Refused(
                    f"its layer {class_name!r} has {key}={str(value)[:40]}, which Keras 3 lacks"
                )
            continue
        settings[key] = _setting(key, value, source)
    if "name" in settings:
        settings["name"] = source.name(settings["name"])
    axis = settings.get("axis")
    if class_name == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        settings["axis"] = axis[0]
    if class_name == "LeakyReLU" and "alpha" in settings:
        settings["negative_slope"] = settings.pop("alpha")
    return settings


def _setting(key: str, value: Any, source: _Source) -> Any:
    if key == "dtype" and isinstance(value, dict):
        return value["config"]["name"]  # a policy, such as mixed_float16
    if key.endswith("activation"):
        return _activation(value, source)
    if isinstance(value, dict) and "class_name" in value:
        if value["class_name"] in ("TensorShape", "__tuple__"):
            return value["items"]
        return _layer(value, source)
    if isinstance(value, list):
        return [_setting("", each, source) for each in value]
    return value


def _activation(value: Any, source: _Source) -> Any:
    if value == "hard_sigmoid" and not source.is_keras_3:
        raise Refused(
            "its activation hard_sigmoid is clip(0.2 x + 0.5, 0, 1) in Keras 2, but another "
            "function in Keras 3"
        )
    if isinstance(value, str) and value not in ACTIVATIONS | {"swish", "hard_swish"}:
        return {
            "module": "builtins",
            "class_name": "function",
            "config": value,
            "registered_name": "function",
        }
    if isinstance(value, dict) and value.get("class_name") not in (None, "function"):
        return _layer(value, source)
    return value


def _call(node: Any, kinds: Mapping[str, str], source: _Source) -> dict[str, Any]:
    """Turn a call of a layer; Keras 3 already writes the form that it reads."""
    if source.is_keras_3:
        return _renamed_call(node, source)
    references = [node] if isinstance(node[0], str) else node
    tensors = [_tensor(reference, kinds, source) for reference in references]
    kwargs = {
        key: _argument(value, kinds, source)
        for reference in references
        for key, value in (reference[3] if len(reference) > 3 else {}).items()
        if not (key == "mask" and value is None)
    }
    return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": kwargs}


def _renamed_call(value: Any, source: _Source) -> Any:
    """Rename the layers that tensors come from, as Keras 3 allows."""
    if isinstance(value, list):
        return [_renamed_call(each, source) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") == "__keras_tensor__" and value["config"]["keras_history"]:
        name, call, output = value["config"]["keras_history"]
        history = [source.name(name), call, output]
        return {**value, "config": {**value["config"], "keras_history": history}}
    return {key: _renamed_call(each, source) for key, each in value.items()}


def _is_reference(value: Any, kinds: Mapping[str, str]) -> bool:
    """Whether a list names an output of a layer: [name, call, output]."""
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and value[0] in kinds
    )


def _tensor(reference: Any, kinds: Mapping[str, str], source: _Source) -> dict[str, Any]:
    name, call, output = reference[:3]
    if kinds[name] in MODELS:
        call -= 1  # Keras 2 counted the call that built the model
    history = [source.name(name), call, output]
    # Keras takes the tensor of this history; shape and type do not count
    config = {"shape": [], "dtype": "float32", "keras_history": history}
    return {"class_name": "__keras_tensor__", "config": config}


def _argument(value: Any, kinds: Mapping[str, str], source: _Source) -> Any:
    """Turn an argument of a call: an output of a layer, or a plain value."""
    if _is_reference(value, kinds):
        return _tensor(value, kinds, source)
    if isinstance(value, dict):
        raise Refused("it calls a layer with arguments that Keras 3 does not take")
    if isinstance(value, list):
        return [_argument(each, kinds, source) for each in value]
    return value


def _operation(
    part: Any, kinds: Mapping[str, str], source: _Source
) -> tuple[dict[str, Any], list[Any]]:
    """Turn arithmetic of TensorFlow, which Keras 2 saved as a layer, into an operation."""
    name = source.name(part["config"]["name"])
    if len(part["inbound_nodes"]) != 1:
        raise Refused(f"it calls the function tf.{part['config']['function']} more than once")
    (node,) = part["inbound_nodes"]
    first, kwargs = _first_and_kwargs(node, kinds, source)
    module, class_name, settings, args = _function(part["config"]["function"], first, kwargs)
    described = _described(module, class_name, {"name": name, **settings})
    args = [_array(each, part["config"]) for each in args]
    return described, [{"args": args, "kwargs": {}}]


def _array(value: Any, config: dict[str, Any]) -> Any:
    """Turn a list of numbers into an array of the type that the layer computes in."""
    if not isinstance(value, list) or not _is_numeric(value):
        return value
    dtype = _setting("dtype", config.get("dtype", "float32"), _Source(False, ()))
    settings = {"value": value, "dtype": dtype.removeprefix("mixed_")}
    return {"class_name": "__numpy__", "config": settings}


def _is_numeric(value: Any) -> bool:
    """Whether a list, also of lists, holds numbers only."""
    if isinstance(value, list):
        return bool(value) and all(_is_numeric(each) for each in value)
    return isinstance(value, int | float)


def _first_and_kwargs(
    node: Any, kinds: Mapping[str, str], source: _Source
) -> tuple[Any, dict[str, Any]]:
    """Read the call of a function: its first argument, and those with names that are set."""
    if not isinstance(node[0], str):
        raise Refused("it calls a function of TensorFlow on several tensors")
    first = node[2] if node[0] == "_CONSTANT_VALUE" else _tensor(node, kinds, source)
    kwargs = {
        key: value if key == "slice_spec" else _argument(value, kinds, source)
        for key, value in (node[3] if len(node) > 3 else {}).items()
        if value is not None
    }
    return first, kwargs


def _function(
    function: str, first: Any, kwargs: dict[str, Any]
) -> tuple[str, str, dict[str, Any], list[Any]]:
    """Find the operation that computes what a function of TensorFlow does.

    Returns
    -------
    (module, class, settings of its constructor, arguments of its call)
    """
    kwargs.pop("name", None)
    if function in _BINARY and set(kwargs) == {"y"}:
        return _NUMPY, _BINARY[function], {}, [first, kwargs["y"]]
    if function in _UNARY and set(kwargs) <= ({"axis"} if function == "nn.softmax" else set()):
        return *_UNARY[function], kwargs, [first]
    if function in _REDUCTIONS and set(kwargs) <= {"axis", "keepdims"}:
        return _NUMPY, _REDUCTIONS[function], kwargs, [first]
    if function == "nn.bias_add" and kwargs.pop("data_format", "NHWC") in ("NHWC", "channels_last"):
        return _NUMPY, "Add", {}, [first, kwargs["bias"]]
    if function == "__operators__.getitem":
        return _NUMPY, "GetItem", {}, [first, [_index(each) for each in kwargs["slice_spec"]]]
    if function == "cast" and set(kwargs) == {"dtype"}:
        return "keras.src.ops.core", "Cast", kwargs, [first]
    raise Refused(f"its function tf.{str(function)[:60]} has no counterpart that is admitted")


def _index(value: Any) -> Any:
    """Turn one entry of x[…, 1:3]."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, dict) and value.get("class_name") == "__ellipsis__":
        return {"class_name": "__ellipsis__", "config": {}}
    if isinstance(value, dict) and set(value) == {"start", "stop", "step"}:
        return {"class_name": "__slice__", "config": value}
    raise Refused("it takes a part of a tensor by something else than numbers and slices")
