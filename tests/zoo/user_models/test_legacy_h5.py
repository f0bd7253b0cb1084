"""Networks that Keras 2 saved: what they compute, how their weights find their layers."""

import json
import re
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from cnnviz.errors import ModelLoadError
from cnnviz.zoo import check_image, load_model_file, try_in_child
from tests.builders.hostile_models import packed, parts_of
from tests.builders.legacy_files import (
    convolution,
    function,
    functional,
    glorot,
    layer,
    sequential,
    write,
)

RNG = np.random.default_rng(2)
IMAGE = RNG.uniform(0, 255, (2, 16, 16, 3)).astype("float32")


def values(*shape: int) -> np.ndarray:
    return RNG.normal(0, 0.3, shape).astype("float32")


def batch_norm(name: str, channels: int) -> dict[str, np.ndarray]:
    return {
        f"{name}/gamma:0": 1 + values(channels),
        f"{name}/beta:0": values(channels),
        f"{name}/moving_mean:0": values(channels),
        f"{name}/moving_variance:0": 1 + values(channels) ** 2,
    }


CONV = {"conv/kernel:0": values(3, 3, 3, 4), "conv/bias:0": values(4)}
DEPTHWISE = {"dw/depthwise_kernel:0": values(3, 3, 4, 1), "dw/bias:0": values(4)}
DENSE = {"dense/kernel:0": values(4, 2), "dense/bias:0": values(2)}
WEIGHTS = {"conv": CONV, "bn": batch_norm("bn", 4), "dw": DEPTHWISE, "gap": {}, "dense": DENSE}


def parts() -> list[dict[str, Any]]:
    """A sequence of layers as Keras 2 saves them."""
    return [
        layer("InputLayer", "input", batch_input_shape=[None, 16, 16, 3]),
        convolution("conv", "input", activation="relu", batch_input_shape=[None, 16, 16, 3]),
        layer("BatchNormalization", "bn", "conv", axis=[3], momentum=0.99, epsilon=0.001),
        layer(
            *("DepthwiseConv2D", "dw", "bn"),
            **{"kernel_size": [3, 3], "groups": 1, "depth_multiplier": 1, "activation": "swish"},
            depthwise_initializer={"class_name": "GlorotUniform", "config": {"seed": None}},
        ),
        layer("GlobalAveragePooling2D", "gap", "dw", data_format="channels_last", keepdims=False),
        layer("Dense", "dense", "gap", units=2, activation="softmax"),
    ]


def assign(model: keras.Model, *groups: dict[str, np.ndarray]) -> keras.Model:
    """Give a network of plain Keras 3 the same numbers."""
    model.set_weights([array for group in groups for array in group.values()])
    return model


def expected_layers() -> list[Any]:
    return [
        layers.Conv2D(4, 3, activation="relu"),
        layers.BatchNormalization(epsilon=0.001),
        layers.DepthwiseConv2D(3, activation="silu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(2, activation="softmax"),
    ]


def expected(*before: Any) -> np.ndarray:
    """What plain Keras 3 computes with these layers and numbers."""
    body = keras.Sequential([keras.Input((16, 16, 3)), *expected_layers()])
    assign(body, CONV, WEIGHTS["bn"], DEPTHWISE, DENSE)
    return np.asarray(body(before[0] if before else IMAGE))


@pytest.mark.parametrize("name", ["net.h5", "net.hdf5", "net.keras"])
def test_a_sequential_network_computes_the_same(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, sequential("net", parts()), WEIGHTS)
    model = load_model_file(path)
    np.testing.assert_allclose(model(IMAGE), expected(), atol=1e-6)
    assert [each.name for each in model.layers] == ["conv", "bn", "dw", "gap", "dense"]
    assert check_image(path) == (16, 16, 3)


def test_a_functional_network_computes_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "net.h5", functional("net", parts()), WEIGHTS)
    model = load_model_file(path)
    np.testing.assert_allclose(model(IMAGE), expected(), atol=1e-6)
    assert isinstance(model.output, keras.KerasTensor)  # one tensor, not a list of one


def test_files_of_the_first_versions_open(tmp_path: Path) -> None:
    config = sequential("net", parts()[1:])
    config["config"] = config["config"]["layers"]  # up to 2.2: a list, and no Input layer
    path = write(tmp_path / "net.h5", config, WEIGHTS, version="2.1.6")
    np.testing.assert_allclose(load_model_file(path)(IMAGE), expected(), atol=1e-6)
    config = functional("net", parts()) | {"class_name": "Model"}
    path = write(tmp_path / "model.h5", config, WEIGHTS, version="2.3.0-tf")
    np.testing.assert_allclose(load_model_file(path)(IMAGE), expected(), atol=1e-6)


def test_arithmetic_around_a_nested_network_computes_the_same(tmp_path: Path) -> None:
    """x / 127.5 - 1, a Sequential of augmentation, a base called for prediction: a tutorial."""
    augmentation = sequential(
        "augmentation",
        [
            layer("InputLayer", "aug_input", batch_input_shape=[None, 16, 16, 3]),
            layer("RandomFlip", "flip", mode="horizontal", seed=None, rng_type="stateful"),
        ],
    ) | {"inbound_nodes": [[["image", 0, 0, {}]]]}
    base = functional("base", parts()[:4], trainable=False)
    base |= {"inbound_nodes": [[["tf.math.subtract", 0, 0, {"training": False, "mask": None}]]]}
    config = functional(
        "net",
        [
            layer("InputLayer", "image", batch_input_shape=[None, 16, 16, 3]),
            augmentation,
            function(
                "math.truediv",
                "tf.math.truediv",
                ["augmentation", 1, 0, {"y": 127.5, "name": None}],
            ),
            function("math.subtract", "tf.math.subtract", ["tf.math.truediv", 0, 0, {"y": 1.0}]),
            base,
            layer("GlobalAveragePooling2D", "gap", ("base", 1, 0)),
            layer("Dense", "dense", "gap", units=2, activation="softmax"),
        ],
    )
    inside = {**CONV, **WEIGHTS["bn"], **DEPTHWISE}
    path = write(tmp_path / "net.h5", config, {"base": inside, "gap": {}, "dense": DENSE})
    model = load_model_file(path)
    result = model(IMAGE, training=False)  # without it Keras would flip images
    np.testing.assert_allclose(result, expected(IMAGE / 127.5 - 1), atol=1e-6)
    assert not model.get_layer("base").trainable


def test_the_preprocessing_of_vgg_computes_the_same(tmp_path: Path) -> None:
    """x[..., ::-1] minus the mean color, as the function for VGG, ResNet and others does it."""
    reverse = [{"class_name": "__ellipsis__"}, {"start": None, "stop": None, "step": -1}]
    mean = [103.939, 116.779, 123.68]
    steps = parts()
    steps[1]["inbound_nodes"] = [[["tf.nn.bias_add", 0, 0, {}]]]
    steps[1:1] = [
        function("__operators__.getitem", "getitem", ["input", 0, 0, {"slice_spec": reverse}]),
        function(
            "nn.bias_add",
            "tf.nn.bias_add",
            ["getitem", 0, 0, {"bias": [-each for each in mean], "data_format": "NHWC"}],
        ),
    ]
    path = write(tmp_path / "net.h5", functional("net", steps), WEIGHTS)
    shifted = keras.applications.vgg16.preprocess_input(IMAGE.copy())
    np.testing.assert_allclose(shifted, IMAGE[..., ::-1] - np.float32(mean), atol=1e-4)
    np.testing.assert_allclose(load_model_file(path)(IMAGE), expected(shifted), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "call", "compute"),
    [
        ("math.truediv", ["_CONSTANT_VALUE", -1, 1.0, {"y": ["one", 0, 0]}], lambda x: 1 / x),
        ("__operators__.add", ["one", 0, 0, {"y": ["one", 0, 0]}], lambda x: 2 * x),
        ("math.multiply", ["one", 0, 0, {"y": [1.0, 2.0, 3.0]}], lambda x: x * [1, 2, 3]),
        ("math.pow", ["one", 0, 0, {"y": 2}], np.square),
        ("math.maximum", ["one", 0, 0, {"y": 100.0}], lambda x: np.maximum(x, 100)),
        ("nn.relu", ["one", 0, 0, {"name": None}], lambda x: np.maximum(x, 0)),
        ("math.negative", ["one", 0, 0, {}], lambda x: -x),
        (
            "math.reduce_mean",
            ["one", 0, 0, {"axis": [1, 2], "keepdims": True}],
            lambda x: x.mean((1, 2), keepdims=True),
        ),
        ("cast", ["one", 0, 0, {"dtype": "int32"}], lambda x: x.astype(int)),
        (
            "__operators__.getitem",
            ["one", 0, 0, {"slice_spec": [{"start": 1, "stop": None, "step": None}, None, 3]}],
            lambda x: x[1:, None, 3],
        ),
    ],
)
@pytest.mark.sample(4)
def test_functions_of_tensorflow_compute_what_numpy_computes(
    name: str, call: Any, compute: Any, tmp_path: Path
) -> None:
    steps = [
        layer("InputLayer", "input", batch_input_shape=[None, 16, 16, 3]),
        layer("Rescaling", "one", "input", scale=1.0, offset=1.0),
        function(name, "step", call),
    ]
    path = write(tmp_path / "net.h5", functional("net", steps), {})
    result = np.asarray(load_model_file(path)(IMAGE))
    np.testing.assert_allclose(result, compute(IMAGE + 1), rtol=1e-6)


def test_names_with_slashes_keep_their_weights(tmp_path: Path) -> None:
    steps = parts()[:2]
    steps[1]["name"] = steps[1]["config"]["name"] = "block/conv"
    arrays = {f"block/{name}": array for name, array in CONV.items()}
    model = load_model_file(
        write(tmp_path / "net.h5", functional("net", steps), {"block/conv": arrays})
    )
    assert model.layers[-1].name == "block_conv"
    np.testing.assert_array_equal(model.layers[-1].get_weights()[0], CONV["conv/kernel:0"])


def test_weights_find_their_layers_by_name_and_not_by_order(tmp_path: Path) -> None:
    """Keras 2 lists the weights that are trained first: of a half-frozen base in another order."""
    steps = [
        layer("InputLayer", "base_input", batch_input_shape=[None, 16, 16, 3]),
        convolution("first", "base_input", filters=3, trainable=False),
        convolution("second", "first", filters=3),
    ]
    base = functional("base", steps) | {"inbound_nodes": [[["image", 0, 0, {}]]]}
    outer = [layer("InputLayer", "image", batch_input_shape=[None, 16, 16, 3]), base]
    config = functional("net", outer, output_layers=[["base", 1, 0]])
    first, second = (
        {f"{name}/kernel:0": values(3, 3, 3, 3), f"{name}/bias:0": values(3)}
        for name in ("first", "second")
    )
    path = write(tmp_path / "net.h5", config, {"base": {**second, **first}})
    loaded = load_model_file(path).get_layer("base")
    for name, arrays in (("first", first), ("second", second)):
        for array, wanted in zip(
            loaded.get_layer(name).get_weights(), arrays.values(), strict=True
        ):
            np.testing.assert_array_equal(array, wanted)


def test_a_network_of_keras_3_in_h5_computes_the_same(tmp_path: Path) -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3)(inputs / 255.0 - 0.5)
    x = layers.Add()([x, layers.Conv2D(4, 1)(x)])
    x = layers.MultiHeadAttention(2, 2)(x, x)
    model = keras.Model(inputs, layers.Dense(2)(keras.ops.mean(x, axis=(1, 2))))
    model.save(tmp_path / "net.h5")
    np.testing.assert_allclose(load_model_file(tmp_path / "net.h5")(IMAGE), model(IMAGE), atol=1e-6)


def keras_2_archive(path: Path, config: Any, model: keras.Model) -> Path:
    """Write a ``.keras`` file of Keras 2: its description with weights in the order of `model`."""
    more = {
        "config.json": json.dumps(config).encode(),
        "metadata.json": b'{"keras_version": "2.15.0"}',
    }
    path.write_bytes(packed(parts_of(model) | more))
    return path


def test_an_archive_of_keras_2_computes_the_same(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((16, 16, 3)), *expected_layers()])
    assign(model, CONV, WEIGHTS["bn"], DEPTHWISE, DENSE)
    path = keras_2_archive(tmp_path / "net.keras", functional("net", parts()), model)
    assert check_image(path) == (16, 16, 3)
    np.testing.assert_allclose(load_model_file(path)(IMAGE), expected(), atol=1e-6)


def test_an_archive_of_keras_2_in_another_order_is_refused(tmp_path: Path) -> None:
    """Its weights are numbered by that order, so they would come into the wrong layers."""
    inputs = keras.Input((16, 16, 3))
    branches = [layers.Conv2D(4, 3, name=name)(inputs) for name in ("a", "b")]
    model = keras.Model(inputs, layers.Add()(branches))
    steps = [
        layer("InputLayer", "input", batch_input_shape=[None, 16, 16, 3]),
        layer("Add", "sum", "a", "b"),
        convolution("a", "input"),
        convolution("b", "input"),
    ]
    config = functional("net", steps, output_layers=[["sum", 0, 0]])
    with pytest.raises(ModelLoadError, match="its layers have another order in Keras 3"):
        load_model_file(keras_2_archive(tmp_path / "net.keras", config, model))


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({"conv": {}}, "0 arrays for the layer 'conv', which has 2"),
        ({"conv": {"conv/kernel:0": values(3, 3, 3, 4)}}, "1 arrays for the layer 'conv'"),
        (
            {"conv": {"conv/kernel:0": values(5, 5, 3, 4), "conv/bias:0": values(4)}},
            r"have the shape \(5, 5, 3, 4\) instead of \(3, 3, 3, 4\)",
        ),
        ({"conv": CONV, "other": CONV}, "weights for a layer 'other' that the network lacks"),
        ({"conv": CONV, "top_level_model_weights": CONV}, "weights that belong to no layer"),
    ],
)
def test_weights_that_do_not_fit_are_refused(weights: Any, reason: str, tmp_path: Path) -> None:
    path = write(tmp_path / "net.h5", functional("net", parts()[:2]), weights)
    with pytest.raises(ModelLoadError, match=reason):
        load_model_file(path)


def test_what_has_no_counterpart_is_converted_by_the_lines_that_are_shown(tmp_path: Path) -> None:
    steps = parts()
    steps[2] = layer("Lambda", "double", "conv", function=["x", None, None], function_type="lambda")
    steps[3]["inbound_nodes"] = [[["double", 0, 0, {}]]]
    weights = {"conv": CONV, "double": {}, "dw": DEPTHWISE, "dense": DENSE}
    path = write(tmp_path / "net.h5", functional("net", steps), weights)
    with pytest.raises(
        ModelLoadError, match="holds a Lambda layer, that is, Python code"
    ) as caught:
        load_model_file(path)
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.DepthwiseConv2D(3, activation="silu", name="dw")(2 * x)
    x = layers.GlobalAveragePooling2D(name="gap")(x)
    model = keras.Model(inputs, layers.Dense(2, activation="softmax", name="dense")(x))
    load, save = re.findall(r"model\.\w+\('([^']+)'\)", str(caught.value))
    model.load_weights(tmp_path / load)
    model.save(tmp_path / save)
    loaded = load_model_file(tmp_path / save)
    np.testing.assert_array_equal(loaded.get_layer("conv").get_weights()[0], CONV["conv/kernel:0"])


def test_a_legacy_file_can_be_tried_in_a_process_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path / "upload.keras", functional("net", parts()), WEIGHTS)
    try_in_child(path)


def test_layers_of_ones_own_open_with_custom_objects(tmp_path: Path) -> None:
    class Scaling(layers.Layer):
        def __init__(self, start: Any, **settings: Any) -> None:
            super().__init__(**settings)
            self.start = keras.initializers.get(start)

        def build(self, shape: Any) -> None:
            self.factor = self.add_weight(shape=shape[-1:], initializer=self.start, name="factor")

        def call(self, inputs: Any) -> Any:
            return self.factor * inputs

    steps = [parts()[0], layer("Scaling", "scaling", "input", start=glorot())]
    factor = values(3)
    weights = {"scaling": {"scaling/factor:0": factor}}
    path = write(tmp_path / "net.h5", functional("net", steps), weights)
    with pytest.raises(ModelLoadError, match="its layer 'Scaling' has no counterpart"):
        load_model_file(path)
    model = load_model_file(path, custom_objects={"Scaling": Scaling})
    np.testing.assert_allclose(model(IMAGE), factor * IMAGE)


def test_long_lists_of_names_that_keras_spreads_over_attributes_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "net.h5", functional("net", parts()), WEIGHTS)
    with h5py.File(path, "a") as file:
        attributes = file["model_weights"].attrs
        names = attributes["layer_names"]
        del attributes["layer_names"]
        attributes["layer_names0"], attributes["layer_names1"] = names[:2], names[2:]
        attributes = file["model_weights/bn"].attrs
        names = attributes["weight_names"]
        del attributes["weight_names"]
        attributes["weight_names0"], attributes["weight_names1"] = names[:1], names[1:]
    np.testing.assert_allclose(load_model_file(path)(IMAGE), expected(), atol=1e-6)
