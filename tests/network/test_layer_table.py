"""Sizes and costs: against the counts of Keras, published figures and numbers by hand."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers, ops

from cnnviz.convolution import convolution_parameters, dense_parameters, output_size
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network.layer_table import IMAGE_COST, layer_table, pass_cost, table_totals
from cnnviz.zoo.architectures import build_architecture
from tests.network.test_receptive_field import application, odd_network, of_image, tokens, wrapped


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
@pytest.mark.sample(1)
def test_large_networks_add_up_too(name: str) -> None:
    model = application(name)
    rows = layer_table(model)
    assert sum(row.num_parameters for row in rows) == model.keras_model.count_params()
    for row in rows:
        if row.parameter_formula:
            assert worked_out(row.parameter_formula) == row.num_parameters


def backbone() -> Any:
    image = keras.Input((16, 16, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(image))
    return keras.Model(image, layers.GlobalAveragePooling2D()(x), name="backbone")


class Total(layers.Layer):
    """A layer with weights whose output has no axis but the batch."""

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1],), name="kernel")

    def call(self, x: Any) -> Any:
        return ops.sum(x * self.kernel, axis=-1)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape[:-1]


def total_of(x: Any) -> Any:
    return layers.Reshape((1,))(Total()(layers.GlobalAveragePooling2D()(x)))


def used_twice(layer: Any) -> Callable[[Any], Any]:
    return lambda x: layers.Concatenate()([layer(x), layer(layers.ReLU()(x))])


LAYERS: dict[str, Callable[[Any], Any]] = {
    "Dense": lambda x: layers.Dense(5)(x),
    "EinsumDense": lambda x: layers.EinsumDense("bhwc,cd->bhwd", (16, 16, 5), bias_axes="d")(x),
    "Conv2D": lambda x: layers.Conv2D(6, 3, groups=3)(x),
    "Conv2DTranspose": lambda x: layers.Conv2DTranspose(6, 3, 2)(x),
    "DepthwiseConv2D": lambda x: layers.DepthwiseConv2D(3, depth_multiplier=2)(x),
    "SeparableConv2D": lambda x: layers.SeparableConv2D(6, 3)(x),
    "Conv1D": lambda x: layers.Conv1D(6, 3)(tokens(x)),
    "SeparableConv1D": lambda x: layers.SeparableConv1D(6, 3)(tokens(x)),
    "Conv3D": lambda x: layers.Conv3D(6, 3)(layers.Reshape((16, 16, 3, 1))(x)),
    "BatchNormalization": lambda x: layers.BatchNormalization(scale=False)(x),
    "LayerNormalization": lambda x: layers.LayerNormalization((1, 2, 3))(x),
    "GroupNormalization": lambda x: layers.GroupNormalization(3)(x),
    "RMSNormalization": lambda x: layers.RMSNormalization()(x),
    "Normalization": lambda x: layers.Normalization()(x),
    "SpectralNormalization": lambda x: layers.SpectralNormalization(layers.Conv2D(4, 3))(x),
    "PReLU": lambda x: layers.PReLU(shared_axes=(1, 2))(x),
    "PReLU for each unit": lambda x: layers.PReLU()(x),
    "Embedding": lambda x: layers.Embedding(256, 3)(x),
    "LSTM": lambda x: layers.LSTM(5)(tokens(x)),
    "GRU": lambda x: layers.GRU(5)(tokens(x)),
    "SimpleRNN": lambda x: layers.SimpleRNN(5)(tokens(x)),
    "Bidirectional": lambda x: layers.Bidirectional(layers.LSTM(5))(tokens(x)),
    "ConvLSTM1D": lambda x: layers.ConvLSTM1D(5, 3)(x),
    "MultiHeadAttention": lambda x: layers.MultiHeadAttention(2, 5)(tokens(x), tokens(x)),
    "GroupQueryAttention": lambda x: layers.GroupQueryAttention(2, 4, 2)(tokens(x), tokens(x)),
    "Attention": lambda x: layers.Attention(use_scale=True)([tokens(x), tokens(x)]),
    "AdditiveAttention": lambda x: layers.AdditiveAttention()([tokens(x), tokens(x)]),
    "a shared layer": used_twice(layers.Conv2D(4, 3)),
    "a shared wrapper": used_twice(layers.SpectralNormalization(layers.Conv2D(4, 3))),
    "a shared backbone": used_twice(backbone()),
    "a backbone in a backbone": used_twice(
        keras.Sequential([keras.Input((16, 16, 3)), backbone()])
    ),
    "a total": total_of,
    "one of several outputs": lambda x: layers.LSTM(5, return_state=True)(tokens(x))[1],
}


@pytest.mark.parametrize("name", LAYERS)
def test_all_parameters_are_counted_and_each_once(name: str) -> None:
    model = of_image(LAYERS[name])
    rows = layer_table(model)
    totals = table_totals(model, rows)
    assert totals.num_parameters == model.keras_model.count_params()
    in_rows = sum(row.num_parameters for row in rows)
    assert in_rows + totals.num_parameters_elsewhere == totals.num_parameters
    assert all(worked_out(row.parameter_formula or "0") == row.num_parameters for row in rows)
    if name not in ("a total", "one of several outputs"):
        assert totals.num_parameters_elsewhere == 0
    assert bool(totals.shared) == name.startswith(("a shared", "a backbone"))


def test_the_second_use_of_a_layer_says_where_its_weights_are_counted() -> None:
    shared = layers.Conv2D(3, 3, padding="same", name="conv")
    model = of_image(lambda x: shared(shared(x)))
    rows = layer_table(model)
    assert [row.name for row in rows[:2]] == ["conv", "conv@2"]
    assert [(row.num_parameters, row.shared_with) for row in rows[:2]] == [(84, ""), (0, "conv")]
    assert rows[1].parameter_formula == ""
    totals = table_totals(model, rows)
    assert totals.shared == ("conv@2",)
    assert totals.notes == ("Shared weights are counted once; used again by conv@2.",)
    assert totals.num_multiplications == 2 * 9 * 3 * 256 * 3 + 256 * 3 * 2


class WithWeights(keras.Model):
    """A functional model with a weight of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.extra = self.add_weight(shape=(5, 7), name="extra")


def test_weights_that_no_layer_holds_are_in_the_total() -> None:
    image = keras.Input((8, 8, 3))
    keras_model = WithWeights(image, layers.Dense(2)(layers.Flatten()(image)))
    model = wrapped(keras_model)
    totals = table_totals(model, layer_table(model))
    assert totals.num_parameters == keras_model.count_params() == 35 + 8 * 8 * 3 * 2 + 2
    assert totals.num_parameters_elsewhere == 35
    assert totals.notes == ("35 of the parameters belong to no layer of the table.",)


def test_unknown_multiplications_are_named_and_left_out() -> None:
    model = of_image(lambda x: layers.Lambda(ops.tanh, name="own")(x))
    totals = table_totals(model, layer_table(model))
    assert totals.unknown == ("own",)
    assert totals.num_multiplications == 16 * 16 * 3 * 2
    assert totals.notes == ("The multiplications of own are not known and not included.",)


def test_a_pass_costs_its_multiplications_and_what_every_image_costs() -> None:
    model = of_image(lambda x: layers.Conv2D(4, 3)(x))
    multiplications = 9 * 3 * 14 * 14 * 4 + 14 * 14 * 4 * 2
    assert pass_cost(model) == multiplications + IMAGE_COST


def test_where_multiplications_are_not_known_weights_count_at_every_position() -> None:
    model = of_image(lambda x: layers.ConvLSTM1D(2, 3)(x))
    (conv,) = [row for row in layer_table(model) if row.kind == "ConvLSTM1D"]
    assert conv.num_multiplications is None
    weights = 3 * 3 * 8 + 3 * 2 * 8 + 8  # four gates of two filters
    assert pass_cost(model) == weights * 14 + 14 * 2 * 2 + IMAGE_COST


def test_a_long_list_of_layers_is_cut_short() -> None:
    shared = layers.Dense(3, name="d")

    def build(x: Any) -> Any:
        for _ in range(6):
            x = shared(x)
        return x

    model = of_image(build)
    (note,) = table_totals(model, layer_table(model)).notes
    assert note.endswith("used again by d@2, d@3, d@4 and 2 more.")


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


def test_windows_of_operations_and_wrappers_are_windows() -> None:
    model = of_image(
        lambda x: layers.SpectralNormalization(layers.Conv2D(2, 3), name="it")(ops.max_pool(x, 2))
    )
    pool, it = layer_table(model)[:2]
    assert (pool.kernel, pool.stride) == ((2, 2), (2, 2))
    assert (it.kernel, it.stride) == ((3, 3), (1, 1))
    assert it.receptive_field
    assert (it.receptive_field.rows.size, it.receptive_field.rows.jump) == (6, 2)


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
