"""Class activation maps against closed forms, sums written out by hand, and each other."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from cnnviz import datasets, zoo
from cnnviz.attribution.cam import (
    METHODS,
    channel_weights,
    class_activation_map,
    fused,
    gap_head,
    grad_cam,
    grad_cam_plus_plus_weights,
    principal_direction,
    weighted_sum,
    xgrad_cam_weights,
)
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.observation import observe
from cnnviz.attribution.targets import Target, contrast, one_class, probability, sum_of
from cnnviz.errors import InvalidParameterError, UnknownLayerError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model
from cnnviz.zoo import card_for_model
from tests.conftest import ALL_KINDS, DENSE_BIAS, DENSE_KERNEL, SIGMOID_KINDS

Tiny = Callable[..., Any]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_grad_cam_of_a_gap_network_is_the_class_activation_map(
    tiny: Tiny, image: ImageInput, kind: str
) -> None:
    model = tiny(kind)
    columns = {0: -DENSE_KERNEL[:, 0], 1: DENSE_KERNEL[:, 0]}
    if kind not in SIGMOID_KINDS:
        columns = {index: DENSE_KERNEL[:, index] for index in range(3)}
    activations, _ = model.activations(image, [model.default_cam_layer])
    for class_index, weights in columns.items():
        heatmap = class_activation_map(model, image, class_index=class_index)
        expected = np.maximum(activations[model.default_cam_layer] @ weights, 0) / 36
        np.testing.assert_allclose(heatmap.values, expected, atol=1e-6)
        assert heatmap.logit == pytest.approx(model.logits(image)[class_index], abs=1e-5)
        assert (heatmap.method, heatmap.class_index) == ("grad-cam", class_index)


def test_left_out_choices_are_the_last_map_layer_and_the_top_class(
    tiny: Tiny, image: ImageInput
) -> None:
    model = tiny("nested")
    heatmap = class_activation_map(model, image)
    assert heatmap.layer_name == "backbone/conv"
    assert heatmap.class_index == model.predict(image)[0].class_index


def test_no_positive_evidence_is_an_empty_map() -> None:
    activations = np.ones((3, 3, 2), np.float32)
    values = grad_cam(activations, -activations)
    np.testing.assert_array_equal(values, 0)
    heatmap = ClassHeatmap(values, "conv", 0, -1.0, "grad-cam")
    assert not heatmap.has_support
    assert heatmap.maximum == 0


def test_a_black_image_gives_a_finite_map(tiny: Tiny) -> None:
    black = image_from_pixels(np.zeros((8, 8, 3), np.uint8))
    assert np.isfinite(class_activation_map(tiny("functional"), black).values).all()


@pytest.mark.parametrize(("height", "width"), [(224, 224), (31, 50), (7, 7), (3, 9)])
def test_enlarging_puts_cells_where_they_belong(height: int, width: int) -> None:
    values = np.random.default_rng(2).random((7, 7)).astype(np.float32)
    heatmap = ClassHeatmap(values, "conv", 0, 1.0, "grad-cam")
    enlarged = heatmap.upsampled(height, width)
    expected = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)


def test_a_hot_border_cell_peaks_in_the_middle_of_its_own_part() -> None:
    values = np.zeros((7, 7))
    values[3, 6] = 1
    enlarged = ClassHeatmap(values, "conv", 0, 1.0, "grad-cam").upsampled(224, 224)
    peak = np.flatnonzero(enlarged[112] == enlarged.max())
    assert peak[0] in (207, 208)  # its part of the image is 192 to 224


def test_the_map_cannot_be_written_to(tiny: Tiny, image: ImageInput) -> None:
    heatmap = class_activation_map(tiny("functional"), image)
    with pytest.raises(ValueError, match="read-only"):
        heatmap.values[0, 0] = 1


def test_unusable_choices_are_explained(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    with pytest.raises(InvalidParameterError, match="Choose one of: cam, grad-cam"):
        class_activation_map(model, image, "guess")
    with pytest.raises(InvalidParameterError, match="has no feature maps"):
        class_activation_map(model, image, layer_name="dense")
    with pytest.raises(UnknownLayerError, match="Choose one of: conv"):
        class_activation_map(model, image, layer_name="nowhere")
    with pytest.raises(InvalidParameterError, match="0 to 2"):
        class_activation_map(model, image, class_index=3)
    with pytest.raises(InvalidParameterError, match="shapes must match"):
        grad_cam(np.ones((2, 2, 1)), np.ones((2, 2, 2)))


RNG = np.random.default_rng(11)
MAPS = RNG.random((5, 6, 9)).astype(np.float32)
SLOPES = RNG.normal(size=(5, 6, 9)).astype(np.float32)


def dense_head(image: ImageInput) -> Any:
    """Make a network whose maps go straight into one dense layer."""
    import keras
    from keras import layers

    inputs = keras.Input((8, 8, 3))
    maps = layers.Conv2D(5, 3, activation="relu", name="conv", bias_initializer="ones")(inputs)
    network = keras.Model(inputs, layers.Dense(3, name="dense")(layers.Flatten()(maps)))
    rng = np.random.default_rng(7)
    network.set_weights([rng.normal(0, 0.3, w.shape) for w in network.get_weights()])
    return wrap_model(network, card_for_model(network, "dense-head"))


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_the_mean_of_cam_and_the_bias_are_the_logit(
    tiny: Tiny, image: ImageInput, kind: str
) -> None:
    model = tiny(kind)
    head = gap_head(model)
    assert head is not None
    for class_index, score in enumerate(model.logits(image)):
        heatmap = class_activation_map(model, image, "cam", class_index=class_index)
        assert heatmap.values.mean() + head[2][class_index] == pytest.approx(score, abs=1e-5)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "fashion-cnn-gap", "svhn-gabor"])
def test_the_identities_of_cam_hold_for_networks_that_are_shipped(name: str) -> None:
    model = load_model(name)
    image = datasets.sample_image("natural", "coffee")
    cam = class_activation_map(model, image, "cam")
    head = gap_head(model)
    assert head is not None
    assert cam.values.mean() + head[2][cam.class_index] == pytest.approx(cam.logit, rel=1e-5)
    grad_cam = class_activation_map(model, image)
    expected = np.maximum(cam.values, 0) / cam.values.size
    np.testing.assert_allclose(grad_cam.values, expected, atol=1e-5 * expected.max())


def test_cells_of_hires_cam_add_up_to_the_logit_without_the_bias(image: ImageInput) -> None:
    model = dense_head(image)
    bias = model.keras_model.get_layer("dense").get_weights()[1]
    for class_index, score in enumerate(model.logits(image)):
        heatmap = class_activation_map(
            model, image, "hires-cam", class_index=class_index, signed=True
        )
        assert heatmap.values.sum() + bias[class_index] == pytest.approx(score, abs=1e-4)


def test_grad_cam_plus_plus_is_the_long_form_of_the_paper() -> None:
    g, total = SLOPES.astype(np.float64), MAPS.sum(axis=(0, 1))
    alpha = g**2 / (2 * g**2 + g**3 * total)
    expected = (np.where(g > 0, alpha, 0) * np.maximum(g, 0)).sum(axis=(0, 1))
    np.testing.assert_allclose(grad_cam_plus_plus_weights(MAPS, SLOPES), expected, rtol=1e-5)


def test_grad_cam_plus_plus_stays_finite_at_a_logit_of_ten_thousand(
    tiny: Tiny, image: ImageInput
) -> None:
    import keras

    network = keras.models.clone_model(tiny("logits").keras_model)
    network.set_weights([np.abs(w) for w in tiny("logits").keras_model.get_weights()])
    kernel, bias = network.get_layer("dense").get_weights()
    network.get_layer("dense").set_weights([kernel * 1e4, bias])
    model = wrap_model(network, card_for_model(network, "loud"))
    heatmap = class_activation_map(model, image, "grad-cam++")
    assert heatmap.logit > 1e4
    assert np.isfinite(heatmap.values).all()
    assert heatmap.has_support


def test_xgrad_cam_weighs_slopes_by_activity() -> None:
    k = 4
    expected = sum(
        SLOPES[i, j, k] * MAPS[i, j, k] / MAPS[..., k].sum() for i in range(5) for j in range(6)
    )
    assert xgrad_cam_weights(MAPS, SLOPES)[k] == pytest.approx(expected, rel=1e-5)
    assert xgrad_cam_weights(np.zeros_like(MAPS), SLOPES).tolist() == [0] * 9


@pytest.mark.parametrize("shape", [(5, 6, 9), (2, 2, 9)])
def test_eigen_cam_is_the_first_singular_vector(shape: tuple[int, int, int]) -> None:
    maps = np.random.default_rng(1).normal(0.3, 1, shape).astype(np.float32)
    cells = maps.reshape(-1, 9)
    expected = cells @ np.linalg.svd(cells, full_matrices=False)[2][0]
    expected *= np.sign(expected @ cells.sum(axis=1))
    found = weighted_sum(maps, principal_direction(maps)).ravel()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not principal_direction(np.zeros((2, 2, 3))).any()


def test_the_digest_of_a_map_is_that_of_its_grid_and_values() -> None:
    def digest(values: Any, **others: Any) -> str:
        return ClassHeatmap(np.float32(values), "conv", 0, 1.0, "cam", **others).digest

    assert digest([[1, 2]]) == digest(np.float64([[1, 2]]), target="something else")
    assert digest([[1], [2]]) != digest([[1, 2]]) != digest([[2, 1]])
    assert digest(np.float32([[1, 2], [3, 4]]).T) == digest([[1, 3], [2, 4]])


def test_score_cam_is_what_masked_images_gain(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    maps = model.activations(image, ["conv"])[0]["conv"]
    recipe, view = model.card.preprocessing, zoo.model_view(model.card, image)

    def share(pixels: np.ndarray) -> float:
        batch = (pixels - np.float32(recipe.mean)) / np.float32(recipe.std)
        return float(model.keras_model(batch[None].astype(np.float32))[0, 1])

    weights = []
    for k in range(4):
        mask = cv2.resize(maps[..., k], (8, 8), interpolation=cv2.INTER_LINEAR)
        mask = (mask - mask.min()) / np.ptp(mask)
        weights.append(share(view * mask[..., None]) - share(view * 0.0))
    expected = np.maximum(maps @ np.maximum(weights, 0), 0)
    found = class_activation_map(model, image, "score-cam", class_index=1)
    np.testing.assert_allclose(found.values, expected, atol=1e-5)
    assert found.has_support


def test_score_cam_tries_the_most_varied_maps_first(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    observation = observe(model, image, one_class(1), ["conv"])
    all_maps = channel_weights(observation, "score-cam", "conv")
    two = channel_weights(observation, "score-cam", "conv", {"channels": 2})
    varied = np.argsort(-observation.activations["conv"].var(axis=(0, 1)))[:2]
    np.testing.assert_allclose(two[varied], all_maps[varied], atol=1e-6)
    assert np.count_nonzero(two) <= 2
    softmax = channel_weights(observation, "score-cam", "conv", {"weighting": "softmax"})
    assert softmax.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("kind", ["functional", "sigmoid", "nested"])
def test_ablation_cam_weighs_what_is_lost(tiny: Tiny, image: ImageInput, kind: str) -> None:
    model = tiny(kind)
    layer = model.default_cam_layer
    observation = observe(model, image, one_class(1), [layer])
    column = DENSE_KERNEL[:, 0 if kind == "sigmoid" else 1]
    means = observation.activations[layer].mean(axis=(0, 1))
    expected = column * means / abs(observation.value)
    found = channel_weights(observation, "ablation-cam", layer)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_maps_of_several_layers_are_fused_on_the_finest_grid() -> None:
    coarse, fine = np.float32([[1]]), np.float32([[0, 4], [2, 0]])
    expected = np.tanh(2 * np.float32([[1, 1], [1, 1]]))
    np.testing.assert_allclose(fused([coarse, fine]), expected)
    np.testing.assert_allclose(fused([fine])[1, 0], np.tanh(1.0), rtol=1e-6)
    assert not fused([np.zeros((2, 2), np.float32)]).any()


def test_layer_cam_of_several_layers_is_one_map() -> None:
    model = load_model("fashion-cnn")
    image = datasets.sample_image("fashion-mnist", "ankle-boot-1")
    names = ["conv2", "conv3"]
    heatmap = class_activation_map(model, image, "layer-cam", layer_name=names)
    single = [class_activation_map(model, image, "layer-cam", layer_name=name) for name in names]
    np.testing.assert_allclose(heatmap.values, fused([one.values for one in single]))
    assert heatmap.layer_name == "conv2 + conv3"
    with pytest.raises(InvalidParameterError, match="only LayerCAM fuses"):
        class_activation_map(model, image, "grad-cam", layer_name=names)


@pytest.mark.parametrize("name", METHODS)
def test_a_layer_without_activity_has_an_empty_map(name: str) -> None:
    import keras

    network = keras.models.clone_model(load_model("fashion-cnn-gap").keras_model)
    weights = load_model("fashion-cnn-gap").keras_model.get_weights()
    weights[-4][:], weights[-3][:] = 0, -1.0  # the last convolution never gets above its ReLU
    network.set_weights(weights)
    model = wrap_model(network, card_for_model(network, "silent"))
    image = datasets.sample_image("fashion-mnist", "ankle-boot-1")
    heatmap = class_activation_map(model, image, name)
    assert not heatmap.values.any()
    assert not heatmap.has_support


@pytest.mark.parametrize("name", METHODS)
def test_nested_networks_give_the_map_of_flat_ones(
    tiny: Tiny, image: ImageInput, name: str
) -> None:
    maps = [
        class_activation_map(tiny(kind), image, name, class_index=2).values
        for kind in ("functional", "nested", "sequential")
    ]
    np.testing.assert_allclose(maps[1], maps[0], atol=1e-6)
    np.testing.assert_allclose(maps[2], maps[0], atol=1e-6)


@pytest.mark.parametrize("name", METHODS)
def test_signs_and_sums_are_as_declared(name: str) -> None:
    model, image = load_model("svhn-gabor"), datasets.sample_image("svhn", "digit-5-1")
    layer = model.default_cam_layer
    method = METHODS[name]
    heatmap = class_activation_map(model, image, name, class_index=3)
    observation = observe(model, image, one_class(3), method.needed_layers(layer))
    signed = weighted_sum(observation.activations[layer], channel_weights(observation, name, layer))
    if name == "cam":
        np.testing.assert_allclose(heatmap.values, signed, atol=1e-5)
        return
    assert heatmap.values.min() >= 0
    np.testing.assert_allclose(heatmap.values, np.maximum(signed, 0), atol=1e-6)
    if "signed" in {setting.name for setting in method.settings}:
        both = class_activation_map(model, image, name, class_index=3, signed=True)
        np.testing.assert_allclose(both.values, signed, atol=1e-6)


def test_targets_are_what_they_say(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    scores = model.logits(image)[None]
    shares = model.probabilities(scores)
    assert contrast(0, [1, 2], 0.5).values(model, scores)[0] == pytest.approx(
        scores[0, 0] - 0.25 * (scores[0, 1] + scores[0, 2]), abs=1e-6
    )
    assert sum_of([0, 2]).values(model, scores)[0] == pytest.approx(scores[0, [0, 2]].sum())
    assert probability(1).values(model, scores)[0] == pytest.approx(shares[0, 1])
    expected = shares[0, 1] * (np.eye(3)[1] - shares[0])
    np.testing.assert_allclose(probability(1).logit_gradient(model, scores)[0], expected, atol=1e-6)
    sigmoid = tiny("sigmoid")
    scores = sigmoid.logits(image)[None]
    share = sigmoid.probabilities(scores)[0, 1]
    slopes = probability(1).logit_gradient(sigmoid, scores)[0]
    np.testing.assert_allclose(slopes, [0, share * (1 - share)], atol=1e-6)


def test_any_function_of_the_logits_can_be_argued_for(tiny: Tiny, image: ImageInput) -> None:
    import tensorflow as tf

    model = tiny("functional")
    own = Target("share of class 2", 2, function=lambda logits: tf.nn.softmax(logits)[:, 2])
    found = class_activation_map(model, image, target=own, signed=True)
    expected = class_activation_map(model, image, target=probability(2), signed=True)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-7)
    assert np.abs(found.values).max() > 0
    with pytest.raises(InvalidParameterError, match="does not depend"):
        observe(model, image, Target("none", 0, function=tf.zeros_like), ["conv"])


def test_why_this_and_not_that_is_the_difference_of_two_maps(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    maps = [class_activation_map(model, image, class_index=i, signed=True).values for i in range(3)]
    against = class_activation_map(model, image, target=contrast(0, [1]), signed=True)
    np.testing.assert_allclose(against.values, maps[0] - maps[1], atol=1e-6)
    both = class_activation_map(model, image, target=sum_of([0, 1]), signed=True)
    np.testing.assert_allclose(both.values, maps[0] + maps[1], atol=1e-6)
    assert against.target == "class 0 versus 1"


def test_what_does_not_fit_is_said_with_the_reason() -> None:
    model, image = load_model("fashion-cnn"), datasets.sample_image("fashion-mnist", "ankle-boot-1")
    with pytest.raises(InvalidParameterError, match="followed directly by one dense layer"):
        class_activation_map(model, image, "cam")
    with pytest.raises(InvalidParameterError, match="choose 'conv3'"):
        class_activation_map(load_model("fashion-cnn-gap"), image, "cam", layer_name="conv2")
    with pytest.raises(InvalidParameterError, match="channels must be from 1 to 4096, got 0"):
        class_activation_map(model, image, "score-cam", channels=0)
    with pytest.raises(InvalidParameterError, match="must be a number, got 'many'"):
        class_activation_map(model, image, "score-cam", channels="many")
    with pytest.raises(InvalidParameterError, match="must be one of difference, softmax"):
        class_activation_map(model, image, "score-cam", weighting="none")
    with pytest.raises(InvalidParameterError, match="has no setting 'power'"):
        class_activation_map(model, image, "grad-cam", power=2)
    with pytest.raises(InvalidParameterError, match="true or false"):
        class_activation_map(model, image, "grad-cam", signed="perhaps")
    with pytest.raises(InvalidParameterError, match="At least one class"):
        contrast(0, [])


def test_looking_leaves_the_network_as_it_was(tiny: Tiny, image: ImageInput) -> None:
    model = tiny("functional")
    before = [w.copy() for w in model.keras_model.get_weights()]
    for name in METHODS:
        class_activation_map(model, image, name)
    for old, new in zip(before, model.keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert DENSE_BIAS.tolist() == before[-1].tolist()


def test_a_slow_method_reports_and_can_be_ended(tiny: Tiny, image: ImageInput) -> None:
    seen: list[tuple[int, int]] = []

    def report(done: int, total: int) -> None:
        seen.append((done, total))
        raise KeyboardInterrupt

    for name in ("score-cam", "ablation-cam"):
        with pytest.raises(KeyboardInterrupt):
            class_activation_map(tiny("functional"), image, name, on_progress=report)
    assert [total for _, total in seen] == [4, 4]


@pytest.mark.parametrize("name", METHODS)
def test_every_method_says_what_it_is(name: str) -> None:
    method = METHODS[name]
    assert method.name == name
    assert all([method.title, method.summary, method.formula])
    assert any(sign in method.paper for sign in ("arXiv", "doi"))
    for setting in method.settings:
        assert setting.checked(setting.default) == setting.default
        assert setting.checked(str(setting.default)) == setting.default
