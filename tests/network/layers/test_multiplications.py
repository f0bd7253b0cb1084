"""Multiplications by hand, and what TensorFlow's own graph of a network multiplies."""

from collections.abc import Callable
from math import prod
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.network.layer_table import layer_table, table_totals
from cnnviz.network.layers.multiplications import Formula
from cnnviz.zoo import card_for_model

Build = Callable[[Any], Any]


def network(build: Build, size: int = 16, channels: int = 3) -> LoadedModel:
    """A network whose classes are the channels of what `build` makes of the image."""
    image = keras.Input((size, size, channels))
    x = build(image)
    if len(x.shape) > 2:
        x = layers.Flatten()(x)
    model = keras.Model(image, layers.Dense(2, name="classes")(x))
    return wrap_model(model, card_for_model(model, "net"))


def tokens(x: Any, name: str = "tokens") -> Any:
    """Write the 16 × 16 × 3 image as 16 tokens of 48 numbers: no multiplication."""
    return layers.Reshape((16, 48), name=name)(x)


def num_multiplications(model: LoadedModel) -> int:
    return table_totals(model, layer_table(model)).num_multiplications


def named(name: str, model: LoadedModel) -> Any:
    return next(row for row in layer_table(model) if row.name == name)


def test_a_formula_is_its_number() -> None:
    formula = Formula.sum_of([(3, 5), (2,), (3, 5), ()])
    assert formula.terms == ((2, 3, 5), (2,), ())
    assert (formula.value, formula.text) == (2 * 3 * 5 + 2 + 1, "2·3·5 + 2 + 1")
    assert (Formula().value, Formula().text) == (0, "")


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: layers.Dense(5, name="it")(x), 16 * 16 * 3 * 5),
        (lambda x: layers.Dense(5, name="it")(tokens(x)), 16 * 48 * 5),
        (lambda x: layers.Conv2D(8, (3, 5), name="it")(x), 3 * 5 * 3 * 14 * 12 * 8),
        (lambda x: layers.Conv2D(8, 3, 2, "same", name="it")(x), 9 * 3 * 8 * 8 * 8),
        (lambda x: layers.Conv2D(6, 3, groups=3, name="it")(x), 9 * 1 * 14 * 14 * 6),
        (lambda x: layers.Conv2DTranspose(7, 3, 2, "same", name="it")(x), 9 * 3 * 16 * 16 * 7),
        (lambda x: layers.Conv2DTranspose(7, (2, 4), 3, name="it")(x), 8 * 3 * 16 * 16 * 7),
        (lambda x: layers.DepthwiseConv2D(3, depth_multiplier=2, name="it")(x), 9 * 14 * 14 * 6),
        (
            lambda x: layers.SeparableConv2D(5, 3, depth_multiplier=2, name="it")(x),
            9 * 14 * 14 * 6 + 14 * 14 * 6 * 5,
        ),
        (lambda x: layers.Conv1D(5, 3, name="it")(tokens(x)), 3 * 48 * 14 * 5),
        (lambda x: layers.Conv1DTranspose(5, 3, 2, name="it")(tokens(x)), 3 * 48 * 16 * 5),
        (lambda x: layers.DepthwiseConv1D(3, name="it")(tokens(x)), 3 * 14 * 48),
        (
            lambda x: layers.SeparableConv1D(5, 3, name="it")(tokens(x)),
            3 * 14 * 48 + 14 * 48 * 5,
        ),
        (
            lambda x: layers.Conv3D(5, (1, 3, 3), name="it")(layers.Reshape((4, 8, 8, 3))(x)),
            9 * 3 * 4 * 6 * 6 * 5,
        ),
        (
            lambda x: layers.EinsumDense("...x,xy->...y", output_shape=5, name="it")(tokens(x)),
            16 * 48 * 5,
        ),
        (  # mixes tokens
            lambda x: layers.EinsumDense("bnc,nm->bmc", output_shape=(7, 48), name="it")(tokens(x)),
            16 * 7 * 48,
        ),
        (lambda x: layers.LSTM(5, name="it")(tokens(x)), 16 * (48 * 20 + 5 * 20)),
        (lambda x: layers.GRU(5, name="it")(tokens(x)), 16 * (48 * 15 + 5 * 15)),
        (lambda x: layers.SimpleRNN(5, name="it")(tokens(x)), 16 * (48 * 5 + 5 * 5)),
        (
            lambda x: layers.Bidirectional(layers.LSTM(5), name="it")(tokens(x)),
            2 * 16 * (48 * 20 + 5 * 20),
        ),
        (
            lambda x: layers.SpectralNormalization(layers.Conv2D(4, 3), name="it")(x),
            9 * 3 * 14 * 14 * 4,
        ),
        (
            lambda x: layers.Dot((2, 2), name="it")([tokens(x), tokens(x, "others")]),
            16 * 16 * 48,
        ),
        (lambda x: layers.Embedding(256, 4, name="it")(layers.Flatten()(x)), 0),
        (lambda x: layers.BatchNormalization(name="it")(x), 0),
        (lambda x: layers.LayerNormalization((1, 2, 3), name="it")(x), 0),
        (lambda x: layers.PReLU(name="it")(x), 0),
        (lambda x: layers.MaxPooling2D(name="it")(x), 0),
    ],
)
def test_a_layer_multiplies_as_often_as_by_hand(build: Build, expected: int) -> None:
    row = named("it", network(build))
    assert row.num_multiplications == expected
    assert bool(row.multiplication_formula) == bool(expected)
    if expected:
        assert eval(row.multiplication_formula.replace("·", "*")) == expected


N, S = 16, 24  # tokens that ask, and tokens that are asked


def sources(x: Any, name: str = "sources") -> Any:
    """Write the image as 24 tokens of 32 numbers."""
    return layers.Reshape((S, 32), name=name)(x)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (  # q, k, v, o, scores, weighted sum
            lambda x: layers.MultiHeadAttention(2, 5, name="it")(tokens(x), tokens(x, "t2")),
            3 * N * 48 * 10 + N * 10 * 48 + N * N * 10 + N * N * 10,
        ),
        (
            lambda x: layers.MultiHeadAttention(2, 5, value_dim=3, output_shape=7, name="it")(
                tokens(x), sources(x)
            ),
            N * 48 * 10 + S * 32 * 10 + S * 32 * 6 + N * 6 * 7 + N * S * 10 + N * S * 6,
        ),
        (  # the same, called by keyword, where the order is that of the alphabet
            lambda x: layers.MultiHeadAttention(2, 5, value_dim=3, output_shape=7, name="it")(
                query=tokens(x), value=sources(x), key=sources(x, "keys")
            ),
            N * 48 * 10 + S * 32 * 10 + S * 32 * 6 + N * 6 * 7 + N * S * 10 + N * S * 6,
        ),
        (  # attention along rows only: each of the 16 columns by itself
            lambda x: layers.MultiHeadAttention(2, 5, attention_axes=1, name="it")(x, x),
            3 * 256 * 3 * 10 + 256 * 10 * 3 + 2 * 16 * 16 * 16 * 10,
        ),
        (
            lambda x: layers.MultiHeadAttention(2, 5, attention_axes=(1, 2), name="it")(x, x),
            3 * 256 * 3 * 10 + 256 * 10 * 3 + 2 * 256 * 256 * 10,
        ),
        (  # four heads ask, two are asked
            lambda x: layers.GroupQueryAttention(5, 4, 2, name="it")(
                tokens(x), tokens(x, "t2")[:, :6]
            ),
            N * 48 * 20 + 2 * 6 * 48 * 10 + N * 20 * 48 + 2 * N * 6 * 20,
        ),
        (
            lambda x: layers.Attention(name="it")([tokens(x), tokens(x, "t2")]),
            2 * N * N * 48,
        ),
        (
            lambda x: layers.Attention(score_mode="concat", name="it")(
                [tokens(x), tokens(x, "t2")]
            ),
            N * N * 48,
        ),
        (  # scores are a sum of tanh, weighted with the scale
            lambda x: layers.AdditiveAttention(name="it")([tokens(x), tokens(x, "t2")]),
            2 * N * N * 48,
        ),
        (
            lambda x: layers.AdditiveAttention(use_scale=False, name="it")(
                [tokens(x), tokens(x, "t2")]
            ),
            N * N * 48,
        ),
    ],
)
def test_attention_multiplies_as_often_as_by_hand(build: Build, expected: int) -> None:
    row = named("it", network(build))
    assert row.num_multiplications == expected


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: ops.matmul(tokens(x), np.ones((48, 5), np.float32)), 16 * 48 * 5),
        (
            lambda x: ops.matmul(ops.reshape(x, (-1, 16, 48)), ops.reshape(x, (-1, 48, 16))),
            16 * 48 * 16,
        ),
        (lambda x: ops.einsum("bnc,bmc->bnm", tokens(x), tokens(x, "t2")), 16 * 16 * 48),
        (lambda x: ops.einsum("bnc,cd->bnd", tokens(x), np.ones((48, 5), np.float32)), 3840),
        (lambda x: ops.dot(tokens(x), np.ones((48, 5), np.float32)), 3840),
        (
            lambda x: ops.conv(x, np.ones((3, 3, 3, 4), np.float32), 2, "same"),
            9 * 3 * 8 * 8 * 4,
        ),
        (lambda x: ops.depthwise_conv(x, np.ones((3, 3, 3, 2), np.float32)), 9 * 14 * 14 * 6),
        (lambda x: ops.max_pool(x, 2), 0),
        (lambda x: ops.relu(x) * 2 + 1, 0),
    ],
)
def test_operations_between_layers_count_too(build: Build, expected: int) -> None:
    last = prod(build(keras.Input((16, 16, 3))).shape[1:]) * 2
    assert num_multiplications(network(build)) == expected + last


class Custom(layers.Layer):
    """A layer of somebody's own: what it multiplies cannot be known."""

    def call(self, x: Any) -> Any:
        return ops.tanh(x)


class Wider(layers.Dense):
    """A dense layer by another name."""


@pytest.mark.parametrize(
    "build",
    [
        lambda x: Custom(name="it")(x),
        lambda x: layers.Lambda(ops.tanh, name="it")(x),
        lambda x: layers.ConvLSTM2D(2, 3, name="it")(layers.Reshape((2, 8, 16, 3))(x)),
    ],
)
def test_what_is_not_known_is_not_guessed(build: Build) -> None:
    model = network(build)
    row = named("it", model)
    assert row.num_multiplications is None
    assert row.multiplication_formula == ""
    classes = named("classes", model)
    assert num_multiplications(model) == classes.num_multiplications


def test_a_layer_derived_from_one_of_keras_counts_like_it() -> None:
    assert named("it", network(lambda x: Wider(5, name="it")(x))).num_multiplications == 3840


def test_a_shared_layer_multiplies_at_every_use() -> None:
    shared = layers.Conv2D(3, 3, padding="same", name="it")
    rows = layer_table(network(lambda x: shared(shared(x))))
    assert [row.num_multiplications for row in rows[:2]] == [9 * 3 * 16 * 16 * 3] * 2


def test_sizes_that_only_the_card_knows_are_used() -> None:
    image = keras.Input((None, None, 3))
    x = layers.Conv2D(4, 3, padding="same")(image)
    x = layers.Conv2DTranspose(4, 2, 2, name="up")(x)
    x = layers.MultiHeadAttention(1, 4, attention_axes=(1, 2), name="attention")(x, x)
    model = keras.Model(image, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    card = card_for_model(keras.Sequential([keras.Input((8, 8, 3)), layers.Flatten()]), "net")
    found = wrap_model(model, card)
    assert named("up", found).num_multiplications == 4 * 4 * 8 * 8 * 4
    assert named("attention", found).num_multiplications == 4 * 256 * 4 * 4 + 2 * 256 * 256 * 4


def multiplied_by_tensorflow(model: LoadedModel) -> int:
    """Count in the graph that TensorFlow runs, from the shapes of its tensors."""
    spec = tf.TensorSpec((1, *model.input_shape), tf.float32)
    call = tf.function(lambda x: model.keras_model(x, training=False))
    graph = call.get_concrete_function(spec).graph
    total = 0
    for node in graph.get_operations():
        first, *others = [tuple(tensor.shape) for tensor in node.inputs] or [()]
        outputs = [tuple(tensor.shape) for tensor in node.outputs]
        if node.type in ("Conv2D", "DepthwiseConv2dNative"):
            depth = others[0][2] if node.type == "Conv2D" else 1
            total += prod(outputs[0]) * prod(others[0][:2]) * depth
        elif node.type == "Conv2DBackpropInput":  # the transposed convolution
            total += prod(others[1]) * prod(others[0][:3])
        elif node.type in ("MatMul", "BatchMatMulV2"):
            is_turned = node.get_attr("transpose_a" if node.type == "MatMul" else "adj_x")
            total += prod(outputs[0]) * (first[-2] if is_turned else first[-1])
        elif node.type == "Einsum":
            left = node.get_attr("equation").decode().split("->")[0].split(",")
            lengths = {
                label: length
                for labels, shape in zip(left, [first, *others], strict=True)
                for label, length in zip(labels, shape, strict=True)
            }
            total += prod(lengths.values())
    return total


def small_transformer(x: Any) -> Any:
    x = layers.Reshape((16, 12))(layers.Conv2D(12, 4, 4)(x))
    for _ in range(2):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(3, 4)(y, y)])
        y = layers.Dense(12)(layers.Dense(24, "gelu")(layers.LayerNormalization()(x)))
        x = layers.Add()([x, y])
    return layers.GlobalAveragePooling1D()(x)


def small_u_net(x: Any) -> Any:
    down = layers.Conv2D(4, 3, padding="same")(x)
    x = layers.SeparableConv2D(8, 3, padding="same")(layers.MaxPooling2D()(down))
    x = layers.Conv2DTranspose(4, 3, 2, "same")(x)
    return layers.Conv2D(2, 1)(layers.Concatenate()([x, down]))


@pytest.mark.parametrize("build", [small_transformer, small_u_net])
def test_a_network_multiplies_what_tensorflow_multiplies(build: Build) -> None:
    model = network(build)
    assert num_multiplications(model) == multiplied_by_tensorflow(model)


@pytest.mark.parametrize("name", ["MobileNetV3Small"])
def test_known_networks_multiply_what_tensorflow_multiplies(name: str) -> None:
    network = getattr(keras.applications, name)(weights=None, input_shape=(64, 64, 3), classes=10)
    model = wrap_model(network, card_for_model(network, "net"))
    assert num_multiplications(model) == multiplied_by_tensorflow(model)
