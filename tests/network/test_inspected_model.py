"""Models of every shape are looked at alike, and none of them changes."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz.errors import (
    AnalysisError,
    InvalidParameterError,
    ModelLoadError,
    UnknownLayerError,
)
from cnnviz.features.feature_maps import feature_maps
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network.bounded_store import BoundedStore
from cnnviz.network.inspected_model import MAX_FUNCTIONS
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model
from cnnviz.zoo import card_for_model
from tests.conftest import (
    ALL_KINDS,
    DENSE_BIAS,
    DENSE_KERNEL,
    SIGMOID_KINDS,
    SOFTMAX_KINDS,
    convolution_weights,
    make_network,
)

Tiny = Callable[..., Any]


def activations_by_hand(batch: np.ndarray) -> np.ndarray:
    """ReLU of a valid 3x3 correlation plus bias, in plain loops."""
    kernel, bias = convolution_weights(batch.shape[-1], 4)
    height, width = batch.shape[1] - 2, batch.shape[2] - 2
    values = np.empty((height, width, 4))
    for row in range(height):
        for column in range(width):
            patch = batch[0, row : row + 3, column : column + 3, :, None]
            values[row, column] = (patch * kernel).sum(axis=(0, 1, 2)) + bias
    return np.maximum(values, 0)


@pytest.mark.parametrize("kind", [*SOFTMAX_KINDS, "logits"])
def test_the_scores_are_the_logits_whatever_the_network_ends_in(
    tiny: Tiny, image: ImageInput, kind: str
) -> None:
    model = tiny(kind)
    pooled = activations_by_hand(model.preprocess(image)).mean(axis=(0, 1))
    expected = pooled @ DENSE_KERNEL + DENSE_BIAS
    np.testing.assert_allclose(model.logits(image), expected, atol=1e-5)
    assert model.head == ("linear" if kind == "logits" else "softmax")


@pytest.mark.parametrize("kind", SOFTMAX_KINDS)
def test_the_probabilities_are_the_networks_own(tiny: Tiny, image: ImageInput, kind: str) -> None:
    model = tiny(kind)
    own = np.asarray(model.keras_model(model.preprocess(image), training=False))[0]
    np.testing.assert_allclose(model.probabilities(model.logits(image)), own, atol=1e-6)


@pytest.mark.parametrize("kind", SIGMOID_KINDS)
def test_one_sigmoid_unit_has_two_classes(tiny: Tiny, image: ImageInput, kind: str) -> None:
    model = tiny(kind)
    own = float(np.asarray(model.keras_model(model.preprocess(image), training=False))[0, 0])
    scores = model.logits(image)
    assert scores[1] == -scores[0]
    np.testing.assert_allclose(model.probabilities(scores), [1 - own, own], atol=1e-6)
    assert len(model.class_names) == 2


def test_predictions_come_most_probable_first(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    predictions = model.predict(image, top=2)
    scores = model.logits(image)
    assert [p.class_index for p in predictions] == list(np.argsort(-scores)[:2])
    assert predictions[0].probability > predictions[1].probability
    assert predictions[0].label == model.class_names[predictions[0].class_index]


def test_a_huge_lead_gives_probabilities_and_no_overflow(tiny: Tiny) -> None:
    for kind in ("functional", "sigmoid"):
        probabilities = tiny(kind).probabilities(np.array([-5000.0, 5000.0]))
        np.testing.assert_allclose(probabilities, [0, 1])


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_every_layer_can_be_tapped_in_order(tiny: Tiny, kind: str) -> None:
    names = tiny(kind).layer_names
    conv = "backbone/conv" if kind == "nested" else "conv"
    gap = "backbone/gap" if kind == "nested" else "gap"
    assert names[:2] == (conv, gap)
    assert tiny(kind).layer_shapes[conv] == (6, 6, 4)
    assert tiny(kind).default_cam_layer == conv


@pytest.mark.parametrize("kind", ["functional", "nested"])
def test_feature_maps_are_the_convolution_written_out(
    tiny: Tiny, image: ImageInput, kind: str
) -> None:
    model = tiny(kind)
    (maps,) = feature_maps(model, image).values()
    np.testing.assert_allclose(maps.values, activations_by_hand(model.preprocess(image)), atol=1e-5)
    assert not maps.values.flags.writeable


def test_nested_equals_flat(tiny: Tiny, image: ImageInput) -> None:
    flat = tiny("functional").activations_and_gradients(image, "conv", 1)
    nested = tiny("nested").activations_and_gradients(image, "backbone/conv", 1)
    for one, other in zip(flat, nested, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_gradient_is_that_of_the_logit(tiny: Tiny, image: ImageInput) -> None:
    for kind in ALL_KINDS:
        model = tiny(kind)
        activations, gradients, logit = model.activations_and_gradients(
            image, model.default_cam_layer, 1
        )
        column = DENSE_KERNEL[:, 0] if kind in SIGMOID_KINDS else DENSE_KERNEL[:, 1]
        expected = np.broadcast_to(column / 36, (6, 6, 4))
        np.testing.assert_allclose(gradients, expected, atol=1e-6)
        assert logit == pytest.approx(model.logits(image)[1], abs=1e-5)
        assert activations.shape == gradients.shape


def test_gray_networks_get_one_channel(tiny: Tiny, image: ImageInput) -> None:
    assert tiny("functional", 1).preprocess(image).shape == (1, 8, 8, 1)


def test_nothing_is_changed_after_success_and_after_failure(image: ImageInput) -> None:
    network = make_network("nested")
    network.get_layer("backbone").trainable = False
    before = [weight.copy() for weight in network.get_weights()]
    config, pixels = network.get_config(), image.pixels.copy()
    nodes = [len(layer._inbound_nodes) for layer in network._flatten_layers()]
    model = wrap_model(network, card_for_model(network, "nested"))
    model.predict(image)
    model.activations_and_gradients(image, "backbone/conv", 0)
    with pytest.raises(UnknownLayerError):
        model.activations(image, ["missing"])
    for old, new in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert network.get_config() == config
    assert nodes == [len(layer._inbound_nodes) for layer in network._flatten_layers()]
    assert not network.get_layer("backbone").trainable
    np.testing.assert_array_equal(image.pixels, pixels)


def test_dropout_and_batch_norm_stay_in_inference(image: ImageInput) -> None:
    network = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(2, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.9),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    model = wrap_model(network, card_for_model(network, "noisy"))
    own = np.asarray(network(model.preprocess(image), training=False))[0]
    np.testing.assert_allclose(model.logits(image), own, atol=1e-5)
    np.testing.assert_array_equal(model.logits(image), model.logits(image))


def test_a_layer_used_twice_has_two_names(image: ImageInput) -> None:
    inputs = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    outputs = layers.Dense(2)(layers.Flatten()(shared(shared(inputs))))
    network = keras.Model(inputs, outputs)
    model = wrap_model(network, card_for_model(network, "shared"))
    first, second, *_ = model.layer_names
    assert (first, second) == ("shared", "shared@2")
    taps, _ = model.activations(image, [first, second])
    again = np.asarray(shared(taps["shared"][None]))[0]
    np.testing.assert_allclose(taps["shared@2"], again, atol=1e-5)


def test_residual_networks_work(image: ImageInput) -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="conv_in_branch")(inputs)
    x = layers.Add(name="add")([inputs, x])
    network = keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x)))
    model = wrap_model(network, card_for_model(network, "residual"))
    assert model.default_cam_layer == "add"
    taps, _ = model.activations(image, ["conv_in_branch", "add"])
    expected = taps["conv_in_branch"] + model.preprocess(image)[0]
    np.testing.assert_allclose(taps["add"], expected, atol=1e-6)


def test_unknown_layers_and_classes_are_named(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    with pytest.raises(UnknownLayerError, match="Choose one of: conv, gap") as caught:
        model.activations(image, ["conv9"])
    assert caught.value.layer_name == "conv9"
    assert caught.value.available == model.layer_names
    for class_index in (-1, 3):
        with pytest.raises(InvalidParameterError, match="0 to 2"):
            model.activations_and_gradients(image, "conv", class_index)
    with pytest.raises(InvalidParameterError, match="has no feature maps"):
        feature_maps(model, image, ["dense"])


def test_a_class_that_does_not_depend_on_a_layer_is_said(image: ImageInput) -> None:
    inputs = keras.Input((8, 8, 3))
    dead_end = layers.Conv2D(2, 3, name="dead_end")(inputs)
    gate = layers.Lambda(lambda x: x * 0, name="gate")(layers.Flatten()(dead_end))
    gate = layers.Lambda(keras.ops.stop_gradient, name="stop")(gate)
    outputs = layers.Dense(2)(layers.Concatenate()([layers.Flatten()(inputs), gate]))
    network = keras.Model(inputs, outputs)
    model = wrap_model(network, card_for_model(network, "gated"))
    with pytest.raises(AnalysisError, match="depends on layer 'dead_end'"):
        model.activations_and_gradients(image, "dead_end", 0)


def test_values_that_are_not_finite_are_said(image: ImageInput) -> None:
    network = make_network("functional")
    kernel, bias = network.get_layer("conv").get_weights()
    network.get_layer("conv").set_weights([kernel, bias + np.float32(np.inf)])
    model = wrap_model(network, card_for_model(network, "broken"))
    with pytest.raises(AnalysisError, match="not numbers"):
        model.activations_and_gradients(image, "conv", 0)


class _OwnClass(keras.Model):
    def call(self, x: Any) -> Any:
        return x


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: keras.Sequential([keras.Input((5,)), layers.Dense(2)]), "must take one image"),
        (lambda: keras.Sequential([keras.Input((8, 8, 4)), layers.Flatten()]), "1 or 3 channels"),
        (_OwnClass, "class of its own"),
        (
            lambda: keras.Sequential(
                [keras.Input((8, 8, 3)), layers.Conv2D(2, 3, activation="softmax")]
            ),
            "6 × 6 × 2: a map",
        ),
    ],
)
def test_models_of_another_shape_are_refused_with_a_reason(
    make: Callable[[], Any], words: str
) -> None:
    network = make()
    card = card_for_model(make_network("functional"), "any")
    with pytest.raises(ModelLoadError, match=words):
        wrap_model(network, card)


def test_a_saved_model_opens_by_its_path(tmp_path: Path, image: ImageInput) -> None:
    network = make_network("nested")
    path = tmp_path / "mine.keras"
    network.save(path)
    model = load_model(path)
    assert model.name == "mine"
    assert load_model(path) is model
    os.utime(path, ns=(1, 1))
    assert load_model(path) is not model
    own = np.asarray(network(model.preprocess(image), training=False))[0]
    np.testing.assert_allclose(model.probabilities(model.logits(image)), own, atol=1e-6)


def test_compiled_functions_are_bounded(tiny: Tiny) -> None:
    assert tiny("functional")._functions._max_entries == MAX_FUNCTIONS
    made = []
    store = BoundedStore(2)
    for key in ("a", "b", "a", "c", "a", "b"):
        store.get(key, lambda key=key: made.append(key))
    assert made == ["a", "b", "c", "b"]


def test_a_store_is_bounded_by_bytes_and_keeps_the_last_value_however_large() -> None:
    store = BoundedStore(10, max_bytes=100, num_bytes=len)
    made = []

    def get(key: str, size: int) -> None:
        store.get(key, lambda: made.append(key) or bytes(size))

    for key, size in (("a", 40), ("b", 40), ("a", 40), ("c", 40), ("a", 40), ("b", 40)):
        get(key, size)
    assert made == ["a", "b", "c", "b"]
    get("huge", 1000)
    get("huge", 1000)
    assert made[-1] == "huge"
    assert made.count("huge") == 1


def test_many_threads_make_one_value_and_a_failure_is_tried_again() -> None:
    from concurrent.futures import ThreadPoolExecutor

    made: list[int] = []

    def make() -> int:
        made.append(1)
        return 42

    store = BoundedStore(4)
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: store.get("key", make), range(64))) == {42}
    assert len(made) == 1
    with pytest.raises(ZeroDivisionError):
        store.get("bad", lambda: 1 // 0)
    assert store.get("bad", lambda: 7) == 7


def test_one_image_gives_the_same_numbers_from_many_threads(tiny: Tiny) -> None:
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(0)
    images = [image_from_pixels(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(6)]
    model = tiny("nested")
    expected = [model.logits(image) for image in images]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: model.logits(images[i % 6]), range(120)))
    for i, scores in enumerate(found):
        np.testing.assert_allclose(scores, expected[i % 6], atol=1e-6)


@pytest.mark.parametrize("kind", ["sequential", "sigmoid"])
def test_the_scores_of_many_images_are_those_of_each(tiny: Tiny, kind: str) -> None:
    model = tiny(kind)
    rng = np.random.default_rng(2)
    images = [image_from_pixels(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)) for _ in range(70)]
    assert [len(batch) for batch in model.batches(images)] == [64, 6]
    expected = np.stack([model.logits(image) for image in images])
    np.testing.assert_allclose(model.logits_of_all(images), expected, atol=1e-5)
    assert model.logits_of_all([]).shape == (0, len(model.class_names))
