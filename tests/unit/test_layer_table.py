"""Sizes, costs, receptive fields: against Keras' counts, published figures and perturbation."""

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz.convolution import convolution_parameters, dense_parameters, output_size
from cnnviz.errors import InvalidParameterError
from cnnviz.layer_table import layer_table
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.receptive_field import receptive_fields
from cnnviz.results import ImageInput
from cnnviz.zoo import card_for_model
from cnnviz.zoo.architectures import build_architecture


def wrapped(model: Any) -> LoadedModel:
    return wrap_model(model, card_for_model(model, "net"))


def application(name: str) -> LoadedModel:
    return wrapped(getattr(keras.applications, name)(weights=None))


def worked_out(formula: str) -> int:
    return int(eval(formula.replace("·", "*")))


@pytest.mark.parametrize("name", ["fashion-cnn", "svhn-gabor", "cats-dogs-180"])
def test_all_parameters_of_a_network_are_in_its_table(name: str) -> None:
    model = build_architecture(name)
    rows = layer_table(wrapped(model))
    assert sum(row.num_parameters for row in rows) == model.count_params()
    for row in rows:
        assert bool(row.parameter_formula) == bool(row.num_parameters)
        if row.parameter_formula:
            assert worked_out(row.parameter_formula) == row.num_parameters


@pytest.mark.parametrize("name", ["MobileNetV2", "Xception", "ResNet50"])
def test_large_networks_add_up_too(name: str) -> None:
    model = application(name)
    rows = layer_table(model)
    assert sum(row.num_parameters for row in rows) == model.keras_model.count_params()
    for row in rows:
        if row.parameter_formula:
            assert worked_out(row.parameter_formula) == row.num_parameters


def test_vgg16_needs_fifteen_billion_multiplications() -> None:
    rows = layer_table(application("VGG16"))
    assert round(sum(row.num_multiplications for row in rows) / 1e9, 2) == 15.47  # the usual figure
    first = next(row for row in rows if row.kernel)
    assert (first.kind, first.kernel, first.stride, first.padding) == (
        "Conv2D",
        (3, 3),
        (1, 1),
        "same",
    )
    assert first.parameter_formula == "3·3·3·64 + 64"
    assert first.multiplication_formula == "3·3·3·224·224·64"


def test_mobilenet_and_xception_have_the_multiplications_of_their_papers() -> None:
    total = sum(row.num_multiplications for row in layer_table(application("MobileNetV2")))
    assert total / 1e6 == pytest.approx(300, rel=0.01)  # Sandler et al. 2018, table 4
    total = sum(row.num_multiplications for row in layer_table(application("Xception")))
    assert total / 1e9 == pytest.approx(8.4, rel=0.01)


@pytest.mark.parametrize(
    ("name", "size", "jump"),
    [  # Araujo, Norris and Sim 2019, table of networks
        ("VGG16", 212, 32),
        ("ResNet50", 483, 32),
        ("InceptionV3", 1311, 32),
    ],
)
def test_known_networks_see_as_far_as_was_published(name: str, size: int, jump: int) -> None:
    model = application(name)
    field = receptive_fields(model)[model.map_layer_names[-1]]
    assert field
    assert (field.rows.size, field.columns.size) == (size, size)
    assert (field.rows.jump, field.columns.jump) == (jump, jump)


def odd_network() -> LoadedModel:
    """Strides, dilation, unequal windows, padding, cropping and branches in one network."""
    rng = np.random.default_rng(0)
    pixels = keras.Input((37, 41, 1))
    x = layers.Conv2D(2, (5, 3), strides=2, padding="same", name="wide")(pixels)
    x = layers.ZeroPadding2D(((1, 2), (0, 1)), name="pad")(x)
    x = layers.DepthwiseConv2D(3, dilation_rate=2, name="dilated")(x)
    left = layers.Conv2D(2, 1, name="left")(x)
    right = layers.AveragePooling2D(3, strides=1, padding="same", name="right")(x)
    x = layers.Add(name="both")([left, right])
    x = layers.Cropping2D(((1, 0), (2, 1)), name="crop")(x)
    x = layers.SeparableConv2D(2, 3, strides=2, padding="same", name="last")(x)
    model = keras.Model(pixels, layers.Dense(2)(layers.Flatten()(x)))
    for layer in model.layers:  # nothing may cancel out: all weights are positive
        layer.set_weights([rng.uniform(0.5, 1, weight.shape) for weight in layer.get_weights()])
    return wrapped(model)


def seen_by_perturbation(
    model: LoadedModel, layer_name: str, cell: tuple[int, int]
) -> tuple[Any, Any]:
    """First and last row and column of the pixels whose change changes a cell; None if none."""
    import tensorflow as tf

    height, width, _ = model.input_shape
    layer = keras.Model(model.keras_model.inputs[0], model.keras_model.get_layer(layer_name).output)
    batch = tf.Variable(tf.ones((1, height, width, 1)))
    with tf.GradientTape() as tape:
        value = tf.reduce_sum(layer(batch)[0, cell[0], cell[1]])
    touched = np.argwhere(tape.gradient(value, batch)[0, ..., 0].numpy())
    return (touched.min(axis=0), touched.max(axis=0)) if len(touched) else (None, None)


@pytest.mark.parametrize(
    "layer_name", ["wide", "pad", "dilated", "left", "right", "both", "crop", "last"]
)
def test_fields_are_what_changing_pixels_finds(layer_name: str) -> None:
    model = odd_network()
    field = receptive_fields(model)[layer_name]
    assert field
    rows, columns, _ = model.layer_shapes[layer_name]
    for row in {0, rows // 2, rows - 1}:
        for column in {0, columns // 2, columns - 1}:
            first, last = seen_by_perturbation(model, layer_name, (row, column))
            if layer_name == "pad" and (row in (0, rows - 1) or column == columns - 1):
                assert first is None  # these cells are padding: they see nothing at all
                at_rows, at_columns = field.rows, field.columns
                assert (
                    at_rows.first[row] > at_rows.last[row]
                    or at_columns.first[column] > at_columns.last[column]
                )
                continue
            assert first.tolist() == [field.rows.first[row], field.columns.first[column]]
            assert last.tolist() == [field.rows.last[row], field.columns.last[column]]
    assert (len(field.rows.first), len(field.columns.first)) == (rows, columns)


def test_behind_global_pooling_every_number_sees_the_whole_picture() -> None:
    model = wrapped(build_architecture("fashion-cnn-gap"))
    fields = receptive_fields(model)
    conv, pooled, dense = (fields[name] for name in ("conv3", "avg_pool", "predictions"))
    assert conv
    assert pooled
    assert dense
    assert (conv.rows.size, conv.rows.jump) == (18, 4)
    for field in (pooled, dense):
        assert field.rows.size is None
        assert (field.rows.first.tolist(), field.rows.last.tolist()) == ([0], [25])


def test_squeeze_and_excitation_lets_every_cell_see_everything() -> None:
    model = application("EfficientNetV2B0")
    fields = receptive_fields(model)
    assert all(field is not None for field in fields.values())
    early, late = fields["block2b_add"], fields[model.map_layer_names[-1]]
    assert early
    assert late
    assert early.rows.size == 3 + 2 * 2 + 2 * 2 + 2 * 4  # stem, block 1, two convolutions
    assert late.rows.size is None
    assert (late.rows.first.max(), late.rows.last.min()) == (0, 223)


def test_an_unknown_geometry_is_not_guessed() -> None:
    pixels = keras.Input((8, 8, 1))
    turned = layers.Permute((2, 1, 3), name="turned")(pixels)
    conv = layers.Conv2D(1, 3, name="conv")(turned)
    model = keras.Model(pixels, layers.Dense(2)(layers.Flatten()(conv)))
    fields = receptive_fields(wrapped(model))
    assert fields["turned"] is None
    assert fields["conv"] is None


def test_inputs_say_what_a_layer_was_computed_from() -> None:
    model = odd_network()
    assert model.layer_inputs["both"] == ("left", "right")
    assert model.layer_inputs["left"] == model.layer_inputs["right"] == ("dilated",)
    blank = ImageInput(np.zeros((37, 41, 3), np.uint8), "blank")
    taps, _ = model.activations(blank, ["both", "left", "right"])
    np.testing.assert_allclose(taps["both"], taps["left"] + taps["right"], rtol=1e-6)


def test_nested_networks_are_connected_through() -> None:
    inner = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(2, 3, name="inner_conv")], name="inner"
    )
    pixels = keras.Input((8, 8, 1))
    model = keras.Model(pixels, layers.Dense(2)(layers.Flatten(name="flat")(inner(pixels))))
    table = {row.name: row for row in layer_table(wrapped(model))}
    assert table["flat"].inputs == ("inner/inner_conv",)
    assert table["inner/inner_conv"].receptive_field is not None


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((32, 5, 0, 1), (28, 0)),
        ((5, 3, 1, 1), (5, 0)),  # the lecture's 5 × 5 with zero padding
        ((5, 3, 0, 2), (2, 0)),
        ((6, 3, 0, 2), (2, 1)),
        ((227, 11, 0, 4), (55, 0)),
    ],
)
def test_output_sizes(numbers: tuple[int, int, int, int], expected: tuple[int, int]) -> None:
    assert output_size(*numbers) == expected
    length, window, padding, stride = numbers
    batch = np.zeros((1, length + 2 * padding, 40, 1), np.float32)
    layer = layers.Conv2D(1, (window, 1), strides=(stride, 1))
    assert layer(batch).shape[1] == expected[0]


@pytest.mark.parametrize("numbers", [(0, 1, 0, 1), (5, 0, 0, 1), (5, 3, -1, 1), (5, 3, 0, 0)])
def test_impossible_sizes_are_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(InvalidParameterError, match="must be at least"):
        output_size(*numbers)
    with pytest.raises(InvalidParameterError, match=r"window of 7 does not fit into 3 \+ 2·1"):
        output_size(3, 7, 1, 1)


def test_the_lectures_comparison() -> None:
    assert convolution_parameters(5, 3, 20) == layers_count(layers.Conv2D(20, 5))
    assert dense_parameters(32 * 32 * 3, 20) == 61_460


def layers_count(layer: Any) -> int:
    layer.build((None, 32, 32, 3))
    return layer.count_params()
