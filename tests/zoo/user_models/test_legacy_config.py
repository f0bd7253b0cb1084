"""Descriptions of Keras 2 in the words of Keras 3."""

from typing import Any

import pytest

from cnnviz.zoo.user_models.legacy_config import modern
from cnnviz.zoo.user_models.refusals import Refused
from tests.builders.legacy_files import convolution, function, functional, layer, sequential


def settings(described: dict[str, Any], version: str = "2.15.0") -> dict[str, Any]:
    """Turn one layer, and give its settings."""
    start = layer("InputLayer", "input", batch_input_shape=[None, 8, 8, 3])
    config, _ = modern(sequential("net", [start, described]), version)
    return config["config"]["layers"][1]["config"]


def test_what_counts_in_training_only_is_left_out() -> None:
    assert settings(convolution("conv")) == {
        **{"name": "conv", "trainable": True, "dtype": "float32", "filters": 4},
        **{"kernel_size": [3, 3], "strides": [1, 1], "padding": "valid"},
        **{"data_format": "channels_last", "dilation_rate": [1, 1], "activation": "linear"},
        "use_bias": True,
    }


@pytest.mark.parametrize(
    ("class_name", "given", "expected"),
    [
        ("BatchNormalization", {"axis": [3]}, {"axis": 3}),
        ("BatchNormalizationV1", {"axis": 3, "fused": True, "renorm": False}, {"axis": 3}),
        ("LayerNormalization", {"axis": [1, 2]}, {"axis": [1, 2]}),
        ("LeakyReLU", {"alpha": 0.1}, {"negative_slope": 0.1}),
        ("Conv2D", {"groups": 2}, {"groups": 2}),
        ("Conv2DTranspose", {"groups": 1}, {}),
        ("LSTM", {"time_major": False, "implementation": 2, "units": 3}, {"units": 3}),
        ("Dense", {"activation": "swish"}, {"activation": "swish"}),
        (
            "Dense",
            {"dtype": {"class_name": "Policy", "config": {"name": "mixed_float16"}}},
            {"dtype": "mixed_float16"},
        ),
        (
            "Reshape",
            {"target_shape": {"class_name": "__tuple__", "items": [2, 3]}},
            {"target_shape": [2, 3]},
        ),
    ],
)
def test_settings_are_turned(class_name: str, given: Any, expected: Any) -> None:
    turned = settings(layer(class_name, "it", **given))
    usual = {"name": "it", "trainable": True, "dtype": "float32"}
    assert turned == usual | expected


def test_a_layer_within_a_layer_is_turned_too() -> None:
    inner = layer(
        "Dense", "inner", kernel_initializer={"class_name": "Zeros", "config": {}}, units=2
    )
    turned = settings(layer("TimeDistributed", "outer", layer=inner))
    assert turned["layer"]["module"] == "keras.layers"
    assert "kernel_initializer" not in turned["layer"]["config"]
    activation = layer("LeakyReLU", "slope", alpha=0.5)
    turned = settings(layer("Dense", "outer", units=2, activation=activation))
    assert turned["activation"]["config"]["negative_slope"] == 0.5


def test_an_activation_by_a_name_of_ones_own_is_a_function() -> None:
    turned = settings(layer("Dense", "dense", activation="mine"))["activation"]
    assert (turned["class_name"], turned["config"]) == ("function", "mine")


def test_names_with_slashes_are_replaced_and_remembered() -> None:
    config, names = modern(
        sequential("net", [convolution("a/b", batch_input_shape=[None, 8, 8, 1])]), "2.15.0"
    )
    assert config["config"]["layers"][1]["config"]["name"] == "a_b"
    assert names["a_b"] == "a/b"
    assert config["config"]["layers"][0]["config"]["batch_shape"] == [None, 8, 8, 1]


START = layer("InputLayer", "input", batch_input_shape=[None, 8, 8, 3])


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        (layer("Lambda", "it", "input", function=["x"]), "a Lambda layer, that is, Python code"),
        (
            layer("ThresholdedReLU", "it", "input", theta=1.0),
            "'ThresholdedReLU' has no count",
        ),
        (layer("pkg>Mine", "it", "input"), "'pkg>Mine' has no counterpart"),
        (layer("BatchNormalization", "it", "input", renorm=True), "has renorm=True"),
        (layer("LSTM", "it", "input", time_major=True), "has time_major=True"),
        (
            layer("Activation", "it", "input", activation="hard_sigmoid"),
            "another function",
        ),
        (layer("InputLayer", "it", sparse=True, batch_input_shape=[None, 8]), "sparse or ragged"),
        (function("image.resize", "it", ["input", 0, 0, {"size": [4, 4]}]), r"tf\.image\.resize"),
        (function("io.read_file", "it", ["input", 0, 0, {}]), r"tf\.io\.read_file"),
        (function("math.add", "it", ["input", 0, 0, {"y": 1, "z": 2}]), r"tf\.math\.add"),
        (function("nn.relu", "it", [["input", 0, 0, {}]]), "on several tensors"),
        (
            function("__operators__.getitem", "it", ["input", 0, 0, {"slice_spec": ["x"]}]),
            "something else than numbers and slices",
        ),
        (
            function("nn.bias_add", "it", ["input", 0, 0, {"bias": [1], "data_format": "NCHW"}]),
            "no counterpart",
        ),
        ({"class_name": "Dense", "name": "it"}, "its description is damaged"),
        ({"class_name": 3, "config": {}, "name": "it"}, "its description is damaged"),
    ],
)
def test_what_is_not_the_same_in_keras_3_is_refused(described: Any, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        modern(functional("net", [START, described]), "2.15.0")


def test_the_hard_sigmoid_of_keras_3_is_kept() -> None:
    described = layer("Activation", "it", activation="hard_sigmoid")
    assert settings(described, "3.15.0")["activation"] == "hard_sigmoid"


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        {},
        {"class_name": "Mine", "config": {}},
        {"class_name": "Sequential", "config": {}},
    ],
)
def test_a_description_of_no_network_is_refused(config: Any) -> None:
    with pytest.raises(Refused):
        modern(config, "2.15.0")


def test_two_names_that_become_one_are_refused() -> None:
    steps = [START, convolution("a/b", "input"), convolution("a_b", "a/b")]
    with pytest.raises(Refused, match="would both be named 'a_b'"):
        modern(functional("net", steps), "2.15.0")
