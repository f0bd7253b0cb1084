"""Saliency maps against networks whose answer is known on paper."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz import datasets
from cnnviz.arrays import upsample
from cnnviz.attribution import gradients
from cnnviz.attribution.cam import class_activation_map
from cnnviz.attribution.gradients import MAX_POINTS, METHODS, saliency_map
from cnnviz.attribution.masking import BASELINES, baseline
from cnnviz.attribution.targets import probability
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network import IMAGE
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model
from cnnviz.zoo import card_for_model
from tests.attribution.conftest import WEIGHTS
from tests.conftest import slow_unless

Tiny = Callable[..., Any]


@pytest.fixture(scope="module")
def gated() -> LoadedModel:
    """One convolution of single pixels, a ReLU in it, an average, and two classes."""
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 1, activation="relu", name="conv")(inputs)
    average = layers.GlobalAveragePooling2D()(maps)
    network = keras.Model(inputs, layers.Dense(2, name="dense")(average))
    rng = np.random.default_rng(12)
    network.set_weights([rng.normal(0, 0.5, w.shape) for w in network.get_weights()])
    return wrap_model(network, card_for_model(network, "gated"))


def test_the_gradient_of_a_weighted_sum_is_its_weights(
    linear: LoadedModel, image: ImageInput
) -> None:
    found = saliency_map(linear, image, class_index=1)
    np.testing.assert_allclose(found.values, np.abs(WEIGHTS).max(axis=-1), atol=1e-7)
    signed = saliency_map(linear, image, class_index=1, signed=True)
    np.testing.assert_allclose(signed.values, WEIGHTS.sum(axis=-1), atol=1e-6)
    assert (found.layer_name, found.method) == (IMAGE, "gradient")


def test_gradient_times_input_adds_up_to_a_weighted_sum(
    linear: LoadedModel, image: ImageInput
) -> None:
    found = saliency_map(linear, image, "gradient-input", class_index=1)
    assert found.values.sum() + 0.5 == pytest.approx(found.logit, abs=1e-4)


@pytest.mark.parametrize("kind", BASELINES)
def test_integrated_gradients_of_a_weighted_sum_need_one_step(
    linear: LoadedModel, image: ImageInput, kind: str
) -> None:
    found = saliency_map(
        linear, image, "integrated-gradients", class_index=1, steps=4, baseline=kind
    )
    way = linear.preprocess(image) - baseline(linear, image, kind)
    np.testing.assert_allclose(found.values, (WEIGHTS * way[0]).sum(axis=-1), atol=1e-5)
    assert dict(found.diagnostics)["gap_percent"] < 0.1


def test_integrated_gradients_make_no_more_steps_than_they_say(
    linear: LoadedModel, image: ImageInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "_MAX_GAP", -1.0)
    reports: list[tuple[int, int]] = []
    found = saliency_map(
        linear,
        image,
        "integrated-gradients",
        class_index=1,
        steps=60,
        on_progress=lambda done, total: reports.append((done, total)),
    )
    assert dict(found.diagnostics)["points"] == MAX_POINTS + 1  # both ends of the way count
    assert reports[-1] == (MAX_POINTS + 1, MAX_POINTS + 1)
    assert f"{MAX_POINTS} steps" in METHODS["integrated-gradients"].summary


NETWORKS = ("efficientnet-lite0", "svhn-gabor", "fashion-cnn", "cats-dogs-150")


@pytest.mark.parametrize(
    ("name", "kind"),
    slow_unless(
        [("cats-dogs-150", "mean"), *((name, "black") for name in NETWORKS[1:])],
        [(name, kind) for name in NETWORKS for kind in ("black", "mean")],
    ),
)
@pytest.mark.sample(2)
def test_integrated_gradients_are_complete(name: str, kind: str) -> None:
    model, image = load_model(name), datasets.sample_image("natural", "coffee")
    found = saliency_map(model, image, "integrated-gradients", baseline=kind)
    facts = dict(found.diagnostics)
    start = baseline(model, image, kind)
    gained = found.logit - model.logits_of(start)[0, found.class_index]
    assert facts["gained"] == pytest.approx(gained, abs=1e-3)
    assert found.values.sum() == pytest.approx(facts["sum"], rel=1e-3)
    assert abs(found.values.sum() - gained) < 0.01 * abs(gained)


def test_smoothgrad_of_a_weighted_sum_is_its_gradient(
    linear: LoadedModel, image: ImageInput
) -> None:
    found = saliency_map(linear, image, "smoothgrad", class_index=1, samples=4)
    np.testing.assert_allclose(found.values, np.abs(WEIGHTS).max(axis=-1), atol=1e-6)
    squared = saliency_map(linear, image, "smoothgrad", class_index=1, samples=4, what="squared")
    np.testing.assert_allclose(squared.values, (WEIGHTS**2).max(axis=-1), atol=1e-7)
    varied = saliency_map(linear, image, "smoothgrad", class_index=1, samples=4, what="variance")
    np.testing.assert_allclose(varied.values, 0, atol=1e-7)


def test_smoothgrad_takes_the_size_after_the_mean(gated: LoadedModel, image: ImageInput) -> None:
    settings = {"class_index": 1, "samples": 6, "noise": 0.3, "seed": 2}
    found = saliency_map(gated, image, "smoothgrad", **settings)
    batch = gated.preprocess(image)
    noise = np.random.default_rng(2).standard_normal((6, 8, 8, 3), np.float32)
    direction = np.float32([[0, 1]])
    slopes = [
        gated.gradients(batch + 0.3 * np.ptp(batch) * one, direction, [IMAGE]).gradients[IMAGE]
        for one in noise
    ]
    expected = np.abs(np.mean(slopes, axis=0)[0]).max(axis=-1)
    np.testing.assert_allclose(found.values, expected, atol=1e-6)
    again = saliency_map(gated, image, "smoothgrad", **settings)
    np.testing.assert_array_equal(again.values, found.values)
    other = saliency_map(gated, image, "smoothgrad", **{**settings, "seed": 3})
    assert np.abs(other.values - found.values).max() > 0


def test_guided_backpropagation_lets_only_rising_slopes_through(
    gated: LoadedModel, image: ImageInput
) -> None:
    kernel, bias = gated.keras_model.get_layer("conv").get_weights()
    column = gated.keras_model.get_layer("dense").get_weights()[0][:, 1]
    before = gated.preprocess(image)[0] @ kernel[0, 0] + bias
    slopes = (before > 0) * np.maximum(column / 64, 0)
    expected = np.abs(slopes @ kernel[0, 0].T).max(axis=-1)
    found = saliency_map(gated, image, "guided-backpropagation", class_index=1)
    np.testing.assert_allclose(found.values, expected, atol=1e-7)
    assert (column < 0).any()  # or the rule would change nothing


@pytest.mark.parametrize("relu", ["layer", "activation", "operation", "object"])
def test_no_kind_of_relu_escapes(gated: LoadedModel, image: ImageInput, relu: str) -> None:
    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(4, 1, name="conv")(inputs)
    steps = {
        "layer": layers.ReLU(),
        "activation": layers.Activation("relu"),
        "operation": keras.ops.relu,
        "object": layers.Activation(keras.activations.relu),
    }
    average = layers.GlobalAveragePooling2D()(steps[relu](maps))
    network = keras.Model(inputs, layers.Dense(2, name="dense")(average))
    network.set_weights(gated.keras_model.get_weights())
    model = wrap_model(network, card_for_model(network, relu))
    found = saliency_map(model, image, "guided-backpropagation", class_index=1)
    expected = saliency_map(gated, image, "guided-backpropagation", class_index=1)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-7)


def test_guided_grad_cam_is_the_product_of_both(gated: LoadedModel, image: ImageInput) -> None:
    found = saliency_map(gated, image, "guided-grad-cam", class_index=0)
    guided = saliency_map(gated, image, "guided-backpropagation", class_index=0)
    coarse = class_activation_map(gated, image, class_index=0, layer_name="conv")
    expected = guided.values * upsample(coarse.values, 8, 8)
    np.testing.assert_allclose(found.values, expected, atol=1e-7)


def test_a_network_without_relu_is_refused_with_the_reason(
    linear: LoadedModel, image: ImageInput
) -> None:
    with pytest.raises(InvalidParameterError, match="has no ReLU"):
        saliency_map(linear, image, "guided-backpropagation")


def test_a_saturated_probability_has_no_slope_left(tiny: Tiny, image: ImageInput) -> None:
    network = keras.models.clone_model(tiny("functional").keras_model)
    weights = tiny("functional").keras_model.get_weights()
    network.set_weights([*weights[:-2], weights[-2] * 200, weights[-1]])
    model = wrap_model(network, card_for_model(network, "sure"))
    best = model.predict(image)[0].class_index
    logit = saliency_map(model, image, class_index=best)
    share = saliency_map(model, image, target=probability(best))
    assert share.maximum < 1e-6 * logit.maximum


@pytest.mark.parametrize("name", METHODS)
def test_nested_networks_give_the_map_of_flat_ones(
    tiny: Tiny, image: ImageInput, name: str
) -> None:
    flat = saliency_map(tiny("functional"), image, name, class_index=2)
    nested = saliency_map(tiny("nested"), image, name, class_index=2)
    np.testing.assert_allclose(nested.values, flat.values, atol=1e-6)
    assert flat.values.shape == (8, 8)
    assert np.abs(flat.values).max() > 0


@pytest.mark.parametrize("name", METHODS)
def test_a_black_image_gives_a_finite_map(tiny: Tiny, name: str) -> None:
    black = image_from_pixels(np.zeros((8, 8, 3), np.uint8))
    assert np.isfinite(saliency_map(tiny("functional"), black, name).values).all()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is(name: str) -> None:
    method = METHODS[name]
    assert method.name == name
    assert all([method.title, method.summary, method.formula])
    assert "arXiv" in method.paper
    for setting in method.settings:
        assert setting.checked(setting.default) == setting.default
        assert setting.checked(str(setting.default)) == setting.default


def test_unusable_choices_are_explained(tiny: Tiny, image: ImageInput) -> None:
    with pytest.raises(InvalidParameterError, match="Choose one of: gradient"):
        saliency_map(tiny("functional"), image, "guess")
    with pytest.raises(InvalidParameterError, match="steps must be from 4 to 256, got 1"):
        saliency_map(tiny("functional"), image, "integrated-gradients", steps=1)
    with pytest.raises(InvalidParameterError, match="Choose one of: black"):
        baseline(tiny("functional"), image, "white")
