"""Sizes of images: shape arithmetic against real runs, and what is said where a size is no use."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cnnviz import zoo
from cnnviz.errors import InvalidParameterError
from cnnviz.feature_visualization import (
    LUCID,
    Recipe,
    can_compute,
    channel,
    class_score,
    smallest_size,
    suggested_recipe,
    visualize,
    visualize_filter,
    whole_layer,
    working_sizes,
)
from cnnviz.feature_visualization.sizes import check_size
from cnnviz.images import image_from_pixels, resize_pixels
from cnnviz.network.failures import TF_ERRORS
from cnnviz.network.inspected_model import LoadedModel, compiled
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model
from cnnviz.zoo import card_for_model
from tests.conftest import slow_unless

OFFERED = (28, 32, 64, 96, 128, 160, 224)


def valid_chain(shape: Any) -> Any:
    """Convolutions and pooling without padding: each needs a few pixels."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(4, 5, activation="relu", name="conv1")(inputs)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(6, 3, strides=2, dilation_rate=1, name="conv2")(x)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    return inputs, x


def flat(shape: Any) -> Any:
    inputs, x = valid_chain(shape)
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))


def pooled(shape: Any) -> Any:
    inputs, x = valid_chain(shape)
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


def unet(shape: Any) -> Any:
    """A skip connection: both branches have one size only where 4 divides the image's."""
    inputs = keras.Input(shape)
    skip = layers.Conv2D(4, 3, padding="same", name="skip")(inputs)
    x = layers.Conv2D(4, 3, padding="same", name="deep")(layers.MaxPooling2D(4)(skip))
    x = layers.Concatenate(name="joined")([skip, layers.UpSampling2D(4)(x)])
    x = layers.Conv2D(3, 1, name="last")(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def nested(shape: Any) -> Any:
    body = [layers.Conv2D(4, 3, name="in1"), layers.MaxPooling2D(4), layers.Conv2D(6, 5)]
    backbone = keras.Sequential([keras.Input(shape), *body], name="backbone")
    inputs = keras.Input(shape)
    x = backbone(layers.Rescaling(1 / 255)(inputs))
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))


def pooled_seven(shape: Any) -> Any:
    """No dense layer: behind the pooling a larger image would leave more than one position."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(8, 3, strides=4, padding="same", name="conv")(inputs)
    x = layers.Conv2D(5, 1, name="head")(layers.AveragePooling2D(7, name="pool")(x))
    return keras.Model(inputs, layers.Softmax()(layers.Flatten()(x)))


def transformer(shape: Any) -> Any:
    """Patches with a position embedding each."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(16, 8, strides=8, name="patches")(inputs)
    num_tokens = x.shape[1] * x.shape[2]
    x = layers.Reshape((num_tokens, 16), name="tokens")(x)
    x = x + layers.Embedding(num_tokens, 16)(np.arange(num_tokens)[None])
    x = layers.Add(name="block")([x, layers.MultiHeadAttention(2, 8)(x, x)])
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))


def mixed_tokens(shape: Any) -> Any:
    """Positions of any number, but weights for as many as the network's own size gives."""
    inputs = keras.Input(shape)
    x = layers.Conv2D(6, 4, strides=4, name="patches")(inputs)
    x = layers.Reshape((-1, 6), name="tokens")(x)
    x = layers.EinsumDense("bnc,nm->bmc", (x.shape[1], 6), name="mixed")(x)
    return keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling1D()(x)))


BUILDERS = (flat, pooled, unet, nested, pooled_seven, transformer, mixed_tokens)


def wrapped(model: Any, name: str = "net") -> LoadedModel:
    return wrap_model(model, card_for_model(model, name))


def really_computed(model: LoadedModel, side: int) -> tuple[set[str], bool]:
    """Build the graph of a real run: the layers with maps as far as it gets, and class scores."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, output: Any) -> Any:
        shapes[name] = tuple(output.shape)
        return output

    def run(images: Any) -> Any:
        return model.run(images, note).logits

    images = tf.TensorSpec((1, side, side, model.input_shape[2]), tf.float32)
    try:
        scores = tuple(compiled(run, images).structured_outputs.shape)
    except TF_ERRORS:
        scores = None
    usable = {name for name, shape in shapes.items() if name in model.grids and 0 not in shape}
    for name in usable & set(model.token_layer_names):  # where they lie is known for one grid
        if shapes[name][1:] != model.layer_shapes[name]:
            usable.remove(name)
    return usable, scores == (1, len(model.class_names))


def claimed(model: LoadedModel, side: int) -> tuple[set[str], bool]:
    names = {
        name
        for name in model.map_layer_names
        if can_compute(model, whole_layer(model, name), side, side)
    }
    return names, can_compute(model, class_score(model, 0), side, side)


@pytest.mark.parametrize("build", BUILDERS, ids=lambda build: build.__name__)
@pytest.mark.sample(2)
def test_shape_arithmetic_tells_what_a_real_run_computes(build: Callable[[Any], Any]) -> None:
    model = wrapped(build((32, 32, 3)))
    outcomes = set()
    for side in (8, 10, 12, 17, 18, 22, 24, 31, 32, 33, 36, 40, 64):
        outcome = claimed(model, side)
        assert outcome == really_computed(model, side), side
        outcomes.add((len(outcome[0]), outcome[1]))
    assert len(outcomes) > 1  # some of these sizes do not work


def test_smallest_sizes_by_hand() -> None:
    model = wrapped(pooled((32, 32, 3)))
    # conv1 takes 4 off, pool1 halves, conv2 needs 3 for its 1, depthwise needs 3 of conv2's: 7
    hand = {"conv1": 8, "pool1": 8, "conv2": 10, "depthwise": 18}
    found = {name: smallest_size(model, channel(model, name, 0)) for name in hand}
    assert found == hand
    assert smallest_size(model, class_score(model, 0)) == 18
    assert smallest_size(model) == 18
    both = channel(model, "conv1", 0) + channel(model, "conv2", 0)
    assert smallest_size(model, both) == 10


def test_smallest_sizes_of_shipped_networks() -> None:
    cats_dogs = load_model("cats-dogs-150")  # four times: a 3 × 3 convolution, then halved
    sizes = [smallest_size(cats_dogs, channel(cats_dogs, f"conv{i}", 0)) for i in (1, 2, 3, 4)]
    assert sizes == [8, 8, 18, 38]
    assert smallest_size(cats_dogs, class_score(cats_dogs, 0)) == 150


@pytest.mark.slow
def test_the_smallest_size_of_inception_is_the_one_that_keras_documents() -> None:
    model = wrapped(keras.applications.InceptionV3(weights=None))
    assert smallest_size(model, class_score(model, 0)) == 75


def test_a_network_bound_to_its_size_has_that_one() -> None:
    for build in (flat, transformer, pooled_seven, mixed_tokens):
        model = wrapped(build((32, 32, 3)))
        assert smallest_size(model, class_score(model, 0)) == 32
        assert smallest_size(model) == 32
        assert (32, 32) in working_sizes(model, None, OFFERED)
        assert (64, 64) not in working_sizes(model, None, OFFERED)
    for shape in ((64, 32, 3), (600, 600, 3)):
        assert smallest_size(wrapped(flat(shape))) is None


def test_networks_of_any_size_take_any_that_is_large_enough() -> None:
    model = wrapped(pooled((None, None, 3)))
    assert smallest_size(model) == 18
    assert working_sizes(model, None, (8, 16, 28, 64)) == ((28, 28), (64, 64), (224, 224))


def test_positions_that_are_as_many_but_lie_elsewhere_are_another_size() -> None:
    inputs = keras.Input((64, 16, 3))
    x = layers.Conv2D(8, 3, padding="same", name="conv")(inputs)
    model = wrapped(keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x))))
    score = class_score(model, 0)
    assert can_compute(model, score, 64, 16)
    assert not can_compute(model, score, 32, 32)  # 1,024 positions, too
    assert can_compute(model, channel(model, "conv", 0), 32, 32)


@pytest.mark.parametrize(
    ("build", "layer_name", "size", "words"),
    [
        (pooled, "depthwise", (8, 8), "'depthwise' of net .*8 × 8.* smallest .* is 18 × 18"),
        (pooled, "depthwise", (64, 9), r"64 × 9 \(height × width\).* smallest .* is 18 × 18"),
        (pooled, "", (12, 12), "class scores of net .*12 × 12.* smallest .* is 18 × 18"),
        (unet, "joined", (30, 30), "'joined' of net .*30 × 30.* next .* is 32 × 32"),
        (flat, "", (64, 64), "class scores of net .*64 × 64.* made for images of 32 × 32"),
        (transformer, "block", (64, 64), "'block' of net .*64 × 64.* images of 32 × 32"),
        (mixed_tokens, "mixed", (28, 28), "'mixed' of net .*28 × 28.* images of 32 × 32"),
    ],
)
def test_a_size_that_does_not_work_is_refused_with_one_that_does(
    build: Callable[[Any], Any], layer_name: str, size: tuple[int, int], words: str
) -> None:
    model = wrapped(build((32, 32, 3)))
    objective = channel(model, layer_name, 0) if layer_name else class_score(model, 0)
    recipe = Recipe(size_px=size[0], width_px=size[1], steps=1)
    with pytest.raises(InvalidParameterError, match=words):
        visualize(model, [objective], recipe)
    assert not model._functions._values  # nothing was compiled
    if layer_name:
        with pytest.raises(InvalidParameterError, match=words):
            visualize_filter(model, layer_name, 0, size_px=size[0], width_px=size[1])


def test_a_network_larger_than_any_image_says_so() -> None:
    model = wrapped(flat((600, 600, 3)))
    assert working_sizes(model, class_score(model, 0), OFFERED) == ()
    with pytest.raises(InvalidParameterError, match=r"600 × 600.* 8 to 512 .*closer to the image"):
        visualize(model, [class_score(model, 0)], suggested_recipe(model))
    assert suggested_recipe(model, channel(model, "conv2", 0)).shape == (128, 128)
    gray = wrapped(flat((600, 600, 1)))
    assert suggested_recipe(gray, channel(gray, "conv2", 0)).shape == (512, 512)


def test_the_suggested_recipe_has_a_size_that_works() -> None:
    cases = (
        *((flat((64, 32, 3)), (64, 32)), (flat((32, 200, 3)), (32, 200))),
        *((flat((100, 100, 3)), (100, 100)), (pooled((100, 100, 3)), (128, 128))),
        *((transformer((48, 80, 3)), (48, 80)), (pooled((64, 32, 1)), (64, 64))),
    )
    for network, shape in cases:
        model = wrapped(network)
        recipe = suggested_recipe(model)
        assert recipe.shape == shape
        for name in model.map_layer_names:
            check_size(model, channel(model, name, 0), recipe)
        check_size(model, class_score(model, 0), recipe)
    inputs = keras.Input((300, 300, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 200, name="conv")(inputs))
    large_kernel = keras.Model(inputs, layers.Dense(2)(x))
    assert suggested_recipe(wrapped(large_kernel)).shape == (300, 300)
    cats_dogs = load_model("cats-dogs-150")
    assert suggested_recipe(cats_dogs, channel(cats_dogs, "conv4", 0)) == LUCID
    assert suggested_recipe(cats_dogs) == replace(LUCID, size_px=150)


def test_a_network_that_is_not_square_gets_class_images_of_its_shape() -> None:
    model = wrapped(flat((64, 32, 3)))
    recipe = replace(suggested_recipe(model), steps=24, learning_rate=0.2)
    (found,) = visualize(model, [class_score(model, 1)], recipe, seeds=[3])
    assert found.pixels.shape == (64, 32, 3)
    assert {pixels.shape for _, pixels in found.frames} == {(64, 32, 3)}
    assert found.reached > found.start
    scores = [model.logits(image_from_pixels(image))[1] for _, image in found.frames]
    assert scores[-1] == pytest.approx(found.reached, abs=0.02)  # what the network itself says
    assert scores[-1] > scores[0]


def test_an_image_that_is_not_square_begins_with_the_middle_of_a_photograph() -> None:
    model = wrapped(flat((48, 24, 3)))
    photograph = image_from_pixels(
        np.random.default_rng(0).integers(20, 230, (60, 90, 3)).astype(np.uint8)
    )
    recipe = Recipe(size_px=48, width_px=24, steps=1, colors="none")
    (found,) = visualize(model, [class_score(model, 0)], recipe, begin_with=photograph)
    expected = resize_pixels(photograph.pixels[:, 30:60], 48, 24)
    assert np.abs(found.frames[0][1].astype(int) - expected).max() <= 2


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(basis="pixels", blur_every=1, clip_share=0.5, total_variation=1.0, l2=1.0),
        Recipe(basis="pixels", optimizer="normalized", stretches=True, colors="none"),
        Recipe(total_variation=1.0),
    ],
)
@pytest.mark.sample(1)
def test_every_setting_works_for_images_that_are_not_square(recipe: Recipe) -> None:
    model = wrapped(pooled((32, 32, 3)))
    recipe = recipe.changed(steps=2, size_px=24, width_px=40)
    found = visualize(model, [channel(model, "conv2", i) for i in range(2)], recipe)
    assert [one.pixels.shape for one in found] == [(24, 40, 3)] * 2


def test_a_square_recipe_is_one_however_it_is_written() -> None:
    assert Recipe(size_px=64, width_px=64) == Recipe(size_px=64)
    tall = Recipe(size_px=64, width_px=32)
    assert tall.shape == (64, 32)
    assert tall.changed() == tall
    assert tall.changed(steps=3) == replace(tall, steps=3)
    assert tall.changed(size_px=20).shape == (20, 20)
    assert tall.changed(width_px=20).shape == (64, 20)


SHIPPED = [card.name for card in zoo.list_models() if zoo.is_ready(card)]


@pytest.mark.parametrize("name", slow_unless(["mnist-cnn", "cats-dogs-150"], SHIPPED))
def test_every_layer_of_a_shipped_network_is_made_or_refused_at_every_size(name: str) -> None:
    model = load_model(name)
    for side in (8, *OFFERED):
        assert claimed(model, side) == really_computed(model, side), side


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_images_are_made_at_every_size_offered(name: str) -> None:
    model = load_model(name)
    names = model.map_layer_names
    few = names if len(names) <= 16 else names[:: len(names) // 8]
    objectives = [*(channel(model, one, 0) for one in few), class_score(model, 0)]
    for objective in objectives:
        for height, width in working_sizes(model, objective, OFFERED[:4]):
            recipe = suggested_recipe(model).changed(1, height, width)
            (found,) = visualize(model, [objective], recipe)
            assert found.pixels.shape == (height, width, 3)
            assert np.isfinite(found.reached)
