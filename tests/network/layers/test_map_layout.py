"""Axes of the image are followed through a network: rows, columns, tokens, and nothing else."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import cnnviz
from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.images import image_from_pixels
from cnnviz.network.layers.map_layout import (
    COLUMNS,
    ROWS,
    TokenGrid,
    map_grid,
    reshaped,
    square_grid,
    to_maps,
)
from tests.builders.networks import ClassToken, photograph, vision_transformer

GRID = TokenGrid(8, 8)
IMAGE = image_from_pixels(photograph(32, 32))


@pytest.mark.parametrize(
    ("labels", "shape_in", "shape_out", "expected"),
    [
        ((ROWS, COLUMNS, None), (8, 8, 32), (64, 32), (GRID, None)),
        ((GRID, None), (64, 32), (8, 8, 32), (ROWS, COLUMNS, None)),
        ((GRID, None), (64, 32), (64, 4, 8), (GRID, None, None)),  # heads
        ((GRID, None, None), (64, 4, 8), (64, 32), (GRID, None)),
        ((ROWS, COLUMNS, None), (8, 8, 32), (8, 256), (ROWS, None)),
        ((ROWS, COLUMNS), (28, 28), (28, 28, 1), (ROWS, COLUMNS, None)),
        ((ROWS, COLUMNS, None), (32, 32, 3), (8, 4, 8, 4, 3), (ROWS, None, COLUMNS, None, None)),
        ((ROWS, COLUMNS, None, None), (8, 8, 4, 12), (64, 48), (GRID, None)),
        ((GRID, None), (64, 32), (4, 16, 32), (None, None, None)),  # not the grid's own rows
        ((TokenGrid(8, 8, 1), None), (65, 32), (65, 32), (TokenGrid(8, 8, 1), None)),
        ((ROWS, COLUMNS, None), (8, 8, 32), (2048,), (None,)),
        ((None, None), (None, 4), (4, 4), (None, None)),  # unknown sizes
    ],
)
def test_a_reshape_keeps_merges_and_splits_axes(
    labels: Any, shape_in: Any, shape_out: Any, expected: Any
) -> None:
    assert reshaped(labels, shape_in, shape_out) == expected


@pytest.mark.parametrize(
    ("num_tokens", "expected"),
    [(64, (8, 8, 0)), (197, (14, 14, 1)), (50, (7, 7, 1)), (60, None), (1, None), (2, None)],
)
def test_a_square_is_guessed_with_a_class_token_or_without(num_tokens: int, expected: Any) -> None:
    grid = square_grid(num_tokens)
    assert (grid and (grid.rows, grid.columns, grid.first)) == expected
    assert grid is None or grid.is_assumed


def test_tokens_become_maps_row_by_row_without_the_class_token() -> None:
    tokens = np.arange(7 * 2).reshape(1, 7, 2)
    grid = TokenGrid(2, 3, first=1)
    expected = tokens[:, 1:].reshape(1, 2, 3, 2)
    np.testing.assert_array_equal(to_maps(tokens, grid), expected)
    np.testing.assert_array_equal(to_maps(tf.constant(tokens), grid).numpy(), expected)


def test_attention_heads_are_no_rows() -> None:
    assert map_grid((None, GRID, GRID), (4, 64, 64)) is None
    assert map_grid((None, GRID, None), (4, 64, 8)) is None
    assert map_grid((None, None), (64, 8)) is None
    assert map_grid((None, None), (64, 8), is_guessed=True) == TokenGrid(8, 8, is_assumed=True)


def grids_of(outputs: Any, inputs: Any) -> dict[str, tuple[int, int, int]]:
    """The maps of a network: rows, columns and tokens before the grid, by layer."""
    x = layers.Flatten(name="all")(outputs)
    model = cnnviz.load_model(keras.Model(inputs, layers.Dense(2, name="end")(x)))
    return {name: (grid.rows, grid.columns, grid.first) for name, grid in model.grids.items()}


def test_attention_by_hand_keeps_the_tokens_and_has_no_maps_in_between() -> None:
    inputs = keras.Input((32, 24, 3))
    x = layers.Reshape((48, 16), name="tokens")(layers.Conv2D(16, 4, strides=4)(inputs))
    q = ops.transpose(ops.reshape(layers.Dense(16, name="q")(x), (-1, 48, 2, 8)), (0, 2, 1, 3))
    weights = ops.softmax(ops.matmul(q, ops.transpose(q, (0, 1, 3, 2))), axis=-1)
    mixed = ops.transpose(ops.matmul(weights, q), (0, 2, 1, 3))
    outputs = layers.Dense(16, name="mixed")(ops.reshape(mixed, (-1, 48, 16)))
    grids = grids_of(outputs, inputs)
    assert {name: grids[name] for name in ("tokens", "q", "mixed")} == dict.fromkeys(
        ("tokens", "q", "mixed"), (8, 6, 0)
    )
    assert not [name for name in grids if name.startswith(("matmul", "softmax", "transpose"))]


def test_patches_by_reshaping_keep_their_place() -> None:
    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((8, 4, 8, 4, 3))(inputs)
    x = layers.Reshape((64, 48), name="tokens")(layers.Permute((1, 3, 2, 4, 5))(x))
    assert grids_of(layers.Dense(8, name="mixed")(x), inputs)["mixed"] == (8, 8, 0)


def test_a_mixer_finds_its_grid_again_through_the_skip_connection() -> None:
    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((16, 8), name="tokens")(layers.Conv2D(8, 8, strides=8)(inputs))
    y = layers.Dense(16)(layers.Dense(32, activation="gelu")(layers.Permute((2, 1))(x)))
    outputs = layers.Add(name="sum")([layers.Permute((2, 1))(y), x])
    assert grids_of(outputs, inputs)["sum"] == (4, 4, 0)


def test_class_tokens_are_left_out_wherever_they_stand() -> None:
    inputs = keras.Input((32, 32, 3))
    x = layers.Reshape((16, 8), name="tokens")(layers.Conv2D(8, 8, strides=8)(inputs))
    behind = layers.Concatenate(axis=1, name="behind")([x, x[:, :1] * 0])
    assert grids_of(behind, inputs)["behind"] == (4, 4, 0)
    before = layers.Concatenate(axis=1, name="before")([layers.Dense(8)(x)[:, :2] * 0, x])
    assert grids_of(before, inputs)["before"] == (4, 4, 2)
    twice = layers.Concatenate(axis=1, name="twice")([x, x])
    assert "twice" not in grids_of(twice, inputs)  # two grids behind each other are none
    own = ClassToken(name="own")(x)
    assert grids_of(own, inputs)["own"] == (4, 4, 1)
    cut = grids_of(layers.Dense(4, name="cut")(own[:, 1:]), inputs)
    assert cut["cut"] == (4, 4, 0)


def test_rows_of_a_recurrent_network_are_no_grid() -> None:
    inputs = keras.Input((16, 16))
    grids = grids_of(layers.LSTM(8, return_sequences=True, name="lstm")(inputs), inputs)
    assert "lstm" not in grids


def test_flipped_axes_are_forgotten_and_flipped_colors_are_not() -> None:
    inputs = keras.Input((16, 16, 3))
    colors = layers.Conv2D(4, 3, name="conv")(ops.flip(inputs, axis=-1))
    assert grids_of(colors, inputs)["conv"] == (14, 14, 0)
    mirrored = ops.flip(layers.Conv2D(4, 3, name="conv")(inputs), axis=2)
    assert list(grids_of(mirrored, inputs)) == ["conv"]


@pytest.mark.slow
def test_the_grid_can_be_corrected_and_a_wrong_one_is_refused() -> None:
    network = vision_transformer(class_token=False)
    model = cnnviz.load_model(network, token_grid=(4, 16))
    assert model.map_shapes["norm"] == (4, 16, 16)
    values = cnnviz.feature_maps(model, IMAGE, ["norm"])["norm"].values
    square = cnnviz.load_model(network)
    assert square.map_shapes["norm"] == (8, 8, 16)
    same = cnnviz.feature_maps(square, IMAGE, ["norm"])["norm"].values
    np.testing.assert_array_equal(values.reshape(64, 16), same.reshape(64, 16))
    with pytest.raises(ModelLoadError, match="9 × 9 does not fit: the layers have 64"):
        cnnviz.load_model(network, token_grid=(9, 9))
    with pytest.raises(ModelLoadError, match="no token layers"):
        cnnviz.load_model("svhn-gabor", token_grid=(4, 4))


def test_the_default_layer_of_a_class_token_is_one_that_counts() -> None:
    model = cnnviz.load_model(vision_transformer(class_token=True))
    assert model.grids["norm"].first == 1
    assert model.default_cam_layer not in ("norm", "sum1b", "mlp1b", "mlp1a", "norm1b")
    heatmap = cnnviz.class_activation_map(model, IMAGE, "hires-cam", signed=True)
    assert heatmap.values.shape == (8, 8)
    assert heatmap.values.any()


@pytest.mark.parametrize("class_token", [False, True])
@pytest.mark.sample(1)
def test_ablation_cam_of_tokens_equals_a_loop_by_hand(class_token: bool) -> None:
    network = vision_transformer(class_token=class_token)
    model = cnnviz.load_model(network)
    layer = "sum0b"
    tokens = cnnviz.feature_maps(model, IMAGE, [layer])[layer].values
    before = keras.Model(network.inputs[0], network.get_layer(layer).output)
    given = before(model.preprocess(IMAGE)).numpy()
    score = float(model.logits(IMAGE)[2])
    head = network.layers[-1]
    features = keras.Model(network.get_layer(layer).output, head.input)

    def behind(x: Any) -> float:
        return float((features(x) @ head.kernel.value + head.bias)[0, 2])

    lost = []
    for channel in range(16):
        without = given.copy()
        without[:, :, channel] = 0
        lost.append((score - behind(without)) / abs(score))
    expected = np.maximum(tokens @ np.array(lost, np.float32), 0)
    heatmap = cnnviz.class_activation_map(
        model, IMAGE, "ablation-cam", layer_name=layer, class_index=2
    )
    np.testing.assert_allclose(heatmap.values, expected, atol=1e-3 * expected.max() + 1e-5)


def test_score_cam_of_tokens_equals_a_loop_by_hand() -> None:
    network = vision_transformer(class_token=True)
    model = cnnviz.load_model(network)
    maps = cnnviz.feature_maps(model, IMAGE, ["sum0b"])["sum0b"].values
    batch = model.preprocess(IMAGE)
    black = np.asarray(network(np.zeros_like(batch)))[0, 2]
    weights = []
    for channel in range(16):
        large = tf.image.resize(maps[..., channel : channel + 1], (32, 32)).numpy()
        mask = (large - large.min()) / np.ptp(large)
        weights.append(max(float(np.asarray(network(batch * mask))[0, 2] - black), 0.0))
    expected = np.maximum(maps @ np.array(weights, np.float32), 0)
    heatmap = cnnviz.class_activation_map(
        model, IMAGE, "score-cam", layer_name="sum0b", class_index=2, channels=16
    )
    np.testing.assert_allclose(heatmap.values, expected, atol=1e-4 * expected.max() + 1e-6)


def test_a_layer_without_maps_says_so() -> None:
    model = cnnviz.load_model(vision_transformer(class_token=False))
    with pytest.raises(InvalidParameterError, match="has no feature maps"):
        cnnviz.feature_maps(model, IMAGE, ["dense"])
