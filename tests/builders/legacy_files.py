"""Files as Keras 2 writes them, written by hand: descriptions and weights in HDF5."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Weights = Mapping[str, Mapping[str, np.ndarray]]  # layer -> name of a weight -> values


def layer(class_name: str, name: str, *inputs: Any, **settings: Any) -> dict[str, Any]:
    """Write a layer as Keras 2 does; `inputs` are names of layers that it is called on."""
    if class_name == "InputLayer":
        settings = {"dtype": "float32", "sparse": False, "ragged": False, **settings}
    else:
        settings = {"trainable": True, "dtype": "float32", **settings}
    described = {"class_name": class_name, "config": {"name": name, **settings}, "name": name}
    calls = [[[*each, {}] if isinstance(each, tuple) else [each, 0, 0, {}] for each in inputs]]
    return {**described, "inbound_nodes": calls if inputs else []}


def function(name: str, layer_name: str, call: Sequence[Any]) -> dict[str, Any]:
    """Write arithmetic of TensorFlow as Keras 2 does."""
    kind = "SlicingOpLambda" if name == "__operators__.getitem" else "TFOpLambda"
    return {**layer(kind, layer_name, function=name), "inbound_nodes": [list(call)]}


def functional(name: str, layers: Sequence[Any], **settings: Any) -> dict[str, Any]:
    inputs, outputs = layers[0]["name"], layers[-1]["name"]
    ends = {"input_layers": [[inputs, 0, 0]], "output_layers": [[outputs, 0, 0]]}
    config = {"name": name, "trainable": True, "layers": list(layers), **ends, **settings}
    return {"class_name": "Functional", "config": config, "name": name}


def sequential(name: str, layers: Sequence[Any]) -> dict[str, Any]:
    parts = [{key: each[key] for key in ("class_name", "config")} for each in layers]
    return {"class_name": "Sequential", "config": {"name": name, "layers": parts}, "name": name}


def write(
    path: Path, config: Any, weights: Weights, version: str = "2.15.0", backend: str = "tensorflow"
) -> Path:
    """Write a whole network."""
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"] = version
        group = file.create_group("model_weights")
        group.attrs.update({"keras_version": version, "backend": backend})
        group.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            inner = group.require_group(name)
            inner.attrs["weight_names"] = [each.encode() for each in arrays]
            for key, values in arrays.items():
                inner[key] = values
    return path


def glorot() -> dict[str, Any]:
    return {"class_name": "GlorotUniform", "config": {"seed": None}}


def convolution(name: str, *inputs: Any, **settings: Any) -> dict[str, Any]:
    """Write a convolution with all settings that Keras 2.15 saves."""
    usual = {
        **{"filters": 4, "kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"},
        **{"data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1},
        **{"activation": "linear", "use_bias": True, "kernel_initializer": glorot()},
        **{"bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None},
        **{"bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None},
        "bias_constraint": None,
    }
    return layer("Conv2D", name, *inputs, **(usual | settings))
