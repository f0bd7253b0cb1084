"""Receptive fields: against published figures, and against the pixels that change a map."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.network.receptive_field import receptive_fields
from cnnviz.zoo import card_for_model
from cnnviz.zoo.architectures import build_architecture


def wrapped(model: Any) -> LoadedModel:
    return wrap_model(model, card_for_model(model, "net"))


def application(name: str) -> LoadedModel:
    return wrapped(getattr(keras.applications, name)(weights=None))


def of_image(build: Callable[[Any], Any], size: int = 16) -> LoadedModel:
    """A network whose classes are the channels of what `build` makes of the image."""
    image = keras.Input((size, size, 3))
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(build(image))))
    return wrapped(model)


def tokens(x: Any) -> Any:
    return layers.Reshape((16, -1))(x)


@pytest.mark.parametrize(
    ("name", "size", "jump"),
    [  # Araujo, Norris and Sim 2019, table of networks
        ("VGG16", 212, 32),
        ("ResNet50", 483, 32),
        ("InceptionV3", 1311, 32),
    ],
)
@pytest.mark.sample(1)
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


def test_layers_that_act_in_training_only_change_no_field() -> None:
    model = of_image(
        lambda x: layers.GaussianNoise(0.1, name="it")(
            layers.RandomZoom(0.2)(layers.RandomFlip()(layers.Conv2D(2, 3)(x)))
        )
    )
    field = receptive_fields(model)["it"]
    assert field
    assert (field.rows.size, field.rows.jump) == (3, 1)


def test_behind_global_pooling_every_number_sees_the_whole_image() -> None:
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


def check_by_changing_lines(model: LoadedModel, layer_name: str) -> None:
    """Compare the fields of a layer with the rows and columns of pixels that change it."""
    field = receptive_fields(model)[layer_name]
    assert field
    tapped = model.keras_model.get_layer(layer_name).output
    layer = keras.Model(model.keras_model.inputs[0], tapped)
    for place, axis in enumerate((field.rows, field.columns)):
        lines = np.eye(model.input_shape[place], dtype=np.float32)
        batch = np.ones((1, *model.input_shape), np.float32) + np.expand_dims(lines, (2 - place, 3))
        others = (2 - place, 3)  # axes of the maps but for this one and the batch
        without = layer(np.ones((1, *model.input_shape), np.float32)).numpy()
        changes = np.abs(layer(batch).numpy() - without).max(axis=others) > 1e-3
        for position, is_changed in enumerate(changes.T):
            seen = np.flatnonzero(is_changed)
            expected = range(seen[0], seen[-1] + 1) if len(seen) else range(0)
            assert axis.seen_by(position) == expected
        assert len(axis.first) == changes.shape[1]


def enlarging(build: Callable[[Any], Any]) -> LoadedModel:
    """A strided convolution, something that enlarges its maps, and a window over those."""
    rng = np.random.default_rng(0)
    image = keras.Input((14, 17, 1))
    x = build(layers.Conv2D(2, 3, 2, name="conv")(image))
    x = layers.Conv2D(2, (2, 3), name="last")(x)
    model = keras.Model(image, layers.Dense(2)(layers.Flatten()(x)))
    for layer in model.layers:  # nothing may cancel out: all weights are positive
        layer.set_weights([rng.uniform(0.5, 1, weight.shape) for weight in layer.get_weights()])
    return wrapped(model)


@pytest.mark.parametrize(
    ("build", "sizes", "jump"),
    [  # sizes of "up" and "last": one position of "conv" depends on 3 pixels, the next on 2 others
        (lambda x: layers.UpSampling2D(2, name="up")(x), ((3, 3), (5, 5)), Fraction(1)),
        (lambda x: layers.UpSampling2D((3, 1), name="up")(x), ((3, 3), (5, 7)), Fraction(2, 3)),
        (
            lambda x: layers.UpSampling2D(2, interpolation="bilinear", name="up")(x),
            ((5, 5), (7, 7)),
            Fraction(1),
        ),
        (
            lambda x: layers.UpSampling2D(3, interpolation="bilinear", name="up")(x),
            ((5, 5), (5, 7)),
            Fraction(2, 3),
        ),
        (
            lambda x: layers.Conv2DTranspose(2, 2, 2, name="up")(x),
            ((3, 3), (5, 5)),
            Fraction(1),
        ),
        (
            lambda x: layers.Conv2DTranspose(2, 3, 2, "same", name="up")(x),
            ((5, 5), (5, 7)),
            Fraction(1),
        ),
        (
            lambda x: layers.Conv2DTranspose(2, 4, 2, name="up")(x),
            ((5, 5), (7, 7)),
            Fraction(1),
        ),
        (
            lambda x: layers.Conv2DTranspose(2, 3, 2, output_padding=1, name="up")(x),
            ((5, 5), (5, 7)),
            Fraction(1),
        ),
        (  # gaps between kernels: some positions depend on nothing
            lambda x: layers.Conv2DTranspose(2, 2, 4, name="up")(x),
            ((3, 3), (3, 3)),
            Fraction(1, 2),
        ),
        (
            lambda x: layers.Conv2DTranspose(2, 3, dilation_rate=2, name="up")(x),
            ((11, 11), (13, 15)),
            Fraction(2),
        ),
    ],
)
def test_enlarged_maps_have_the_fields_that_changing_pixels_finds(
    build: Callable[[Any], Any], sizes: tuple[tuple[int, int], ...], jump: Fraction
) -> None:
    model = enlarging(build)
    fields = receptive_fields(model)
    for name, expected in zip(("up", "last"), sizes, strict=True):
        try:
            check_by_changing_lines(model, name)
        except tf.errors.InvalidArgumentError as error:
            if "dilation rates larger than 1" in str(error):
                pytest.skip("TensorFlow cannot dilate transposed convolutions on this processor")
            raise
        field = fields[name]
        assert field
        assert (field.rows.size, field.columns.size) == expected
        assert field.rows.jump == jump


def test_a_u_net_joins_both_its_branches() -> None:
    def u_net(x: Any) -> Any:
        skip = layers.Conv2D(2, 3, padding="same", name="skip")(x)
        x = layers.Conv2D(2, 3, padding="same", name="deep")(layers.MaxPooling2D()(skip))
        x = layers.Conv2DTranspose(2, 2, 2, name="up")(x)
        return layers.Conv2D(2, 1, name="out")(layers.Concatenate()([skip, x]))

    fields = receptive_fields(of_image(u_net))
    sizes = {name: fields[name] for name in ("skip", "deep", "up", "out")}
    # 3; 3 + pooling 1 + kernel 2·2; the same; what both see together
    assert [field and field.rows.size for field in sizes.values()] == [3, 8, 8, 8]
    assert [field and field.rows.jump for field in sizes.values()] == [1, 2, 1, 1]


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.MultiHeadAttention(1, 4, name="it")(tokens(x), tokens(x)),
        lambda x: layers.GroupQueryAttention(4, 1, 1, name="it")(tokens(x), tokens(x)),
        lambda x: layers.Attention(name="it")([tokens(x), tokens(x)]),
        lambda x: layers.MultiHeadAttention(1, 4, attention_axes=(1, 2), name="it")(x, x),
        lambda x: layers.LSTM(3, name="it")(tokens(x)),
        lambda x: layers.GlobalAveragePooling1D(name="it")(layers.Dense(3)(tokens(x))),
        lambda x: layers.GroupNormalization(3, name="it")(x),
        lambda x: layers.LayerNormalization((1, 2, 3), name="it")(x),
        lambda x: layers.UnitNormalization((1, 2), name="it")(x),
        lambda x: layers.Softmax((1, 2), name="it")(x),
        lambda x: ops.mean(x, axis=(1, 2), keepdims=True),
        lambda x: layers.Conv2D(2, 3, name="it")(layers.GroupNormalization(3)(x)),
    ],
)
def test_what_mixes_all_positions_depends_on_the_whole_image(build: Callable[[Any], Any]) -> None:
    model = of_image(build)
    name = "it" if "it" in model.layer_names else model.layer_names[-1]
    field = receptive_fields(model)[name]
    assert field
    for axis in (field.rows, field.columns):
        assert axis.size is None
        assert {*axis.first.tolist()} == {0}
        assert {*axis.last.tolist()} == {15}


def test_attention_and_what_it_is_added_to_depend_on_the_whole_image() -> None:
    def transformer(x: Any) -> Any:
        x = tokens(layers.Conv2D(4, 4, 4, name="patches")(x))
        x = layers.Add(name="sum")([x, layers.MultiHeadAttention(1, 4)(x, x)])
        return layers.Conv2D(2, 3, name="maps")(layers.Reshape((4, 4, 4), name="grid")(x))

    fields = receptive_fields(of_image(transformer))
    patches = fields["patches"]
    assert patches
    assert patches.rows.size == 4
    for name in ("sum", "grid", "maps"):
        field = fields[name]
        assert field
        assert field.rows.size is None
        assert (field.rows.first.min(), field.rows.last.max()) == (0, 15)


def test_tokens_in_the_order_of_the_image_keep_their_fields() -> None:
    def patches(x: Any) -> Any:
        x = layers.Conv2D(4, 6, 4, "valid", name="patches")(layers.ZeroPadding2D(1)(x))
        x = layers.LayerNormalization(name="normalized")(layers.Reshape((16, 4), name="tokens")(x))
        first = layers.Reshape((1, 4))(layers.GlobalAveragePooling1D()(x))
        x = layers.Concatenate(axis=1, name="mixed")([first, x])
        return layers.Identity(name="it")(x)

    fields = receptive_fields(of_image(patches))
    expected = fields["patches"]
    assert expected
    for name in ("tokens", "normalized"):
        field = fields[name]
        assert field
        assert (field.rows.size, field.columns.size, field.rows.jump) == (6, 6, 4)
        np.testing.assert_array_equal(field.columns.first, expected.columns.first)
    assert fields["mixed"] is None  # the first token depends on all, the others do not


@pytest.mark.parametrize(
    "build",
    [
        lambda x: layers.Reshape((16, 48), name="it")(x),
        lambda x: layers.LayerNormalization(name="it")(layers.Reshape((16, 48))(x)),
        lambda x: layers.Concatenate(axis=1, name="it")([x, layers.Conv2D(3, 1)(x)]),
        lambda x: layers.MultiHeadAttention(1, 4, attention_axes=1, name="it")(x, x),
        lambda x: layers.UpSampling2D(2, interpolation="bicubic", name="it")(x),
        lambda x: layers.Lambda(ops.tanh, name="it")(x),
        lambda x: layers.LSTM(3, return_sequences=True, name="it")(layers.Reshape((16, 48))(x)),
    ],
)
def test_a_field_that_is_not_known_is_none(build: Callable[[Any], Any]) -> None:
    assert receptive_fields(of_image(build))["it"] is None


def test_an_unknown_geometry_is_not_guessed() -> None:
    pixels = keras.Input((8, 8, 1))
    turned = layers.Permute((2, 1, 3), name="turned")(pixels)
    conv = layers.Conv2D(1, 3, name="conv")(turned)
    model = keras.Model(pixels, layers.Dense(2)(layers.Flatten()(conv)))
    fields = receptive_fields(wrapped(model))
    assert fields["turned"] is None
    assert fields["conv"] is None
