"""Measures of trust against networks whose answer is known on paper."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz import datasets
from cnnviz.attribution.cam import METHODS, class_activation_map
from cnnviz.attribution.evaluation.faithfulness import (
    CENTER,
    RANDOM,
    Drop,
    PixelCurves,
    control_maps,
    curves_with_controls,
    energy_in_quarter,
    fill_in,
    image_without,
    masked_drop,
    mosaic_check,
    mosaic_of,
    pixel_curves,
    pixel_ranks,
    road,
)
from cnnviz.attribution.evaluation.robustness import Stress, stressed
from cnnviz.attribution.evaluation.weight_randomization import (
    MAX_LEVELS,
    randomized_maps,
    rank_correlation,
    similarity,
)
from cnnviz.attribution.gradients import METHODS as SALIENCY
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.observation import Observation, observe
from cnnviz.attribution.targets import one_class
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network import IMAGE
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_model
from cnnviz.zoo import card_for_model

Tiny = Callable[..., Any]
LEFT = np.repeat(np.float32([[1, 0]]), 8, axis=0).repeat(4, axis=1)  # (8, 8): the left half


@pytest.fixture(scope="module")
def left_half(image: ImageInput) -> Observation:
    """A network that sees the left half only: one unit, brighter is surer."""
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(layers.Flatten()(inputs)))
    kernel = np.repeat(LEFT[..., None], 3, axis=2).reshape(-1, 1) / 40
    network.set_weights([kernel, np.float32([-1])])
    model = wrap_model(network, card_for_model(network, "left-half"))
    return observe(model, image, one_class(1), [IMAGE])


def test_ranks_follow_the_map_and_ties_follow_chance() -> None:
    ranks = pixel_ranks(np.float32([[1, 5], [3, 0]]), 2, 2)
    assert ranks.tolist() == [[2, 0], [1, 3]]
    even = pixel_ranks(np.zeros((20, 20)), 20, 20)
    assert sorted(even.ravel()) == list(range(400))
    assert np.abs(np.corrcoef(even.ravel(), np.arange(400))[0, 1]) < 0.2


def test_taking_what_the_network_needs_costs_most(left_half: Observation) -> None:
    right_map = pixel_curves(left_half, LEFT, kind="black", steps=4)
    wrong_map = pixel_curves(left_half, 1 - LEFT, kind="black", steps=4)
    whole = float(left_half.model.probabilities(left_half.logits)[1])
    nothing = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(right_map.shares, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(right_map.deletion[[0, 2, 3, 4]], [whole, *3 * [nothing]], atol=1e-5)
    np.testing.assert_allclose(right_map.insertion[2:], whole, atol=1e-5)
    np.testing.assert_allclose(wrong_map.deletion[:3], whole, atol=1e-5)
    assert right_map.score > 0 > wrong_map.score
    assert right_map.score == pytest.approx(-wrong_map.score, abs=0.15)


def test_areas_are_those_of_straight_lines() -> None:
    curves = PixelCurves(np.array([0, 0.5, 1]), np.array([1, 0.5, 0]), np.array([0, 1, 1]))
    assert curves.deletion_area == pytest.approx(0.5)
    assert curves.insertion_area == pytest.approx(0.75)
    assert curves.score == pytest.approx(0.25)


def test_every_map_stands_beside_chance_and_the_middle(left_half: Observation) -> None:
    reports: list[tuple[int, int]] = []
    found = curves_with_controls(
        left_half,
        {"mine": LEFT},
        kind="black",
        steps=8,
        on_progress=lambda done, total, so_far: reports.append((done, total)),
    )
    assert list(found) == ["mine", RANDOM, CENTER]
    assert found["mine"].score > max(found[RANDOM].score, found[CENTER].score)
    assert reports[-1] == (54, 54)
    bump = control_maps(9, 9)[CENTER]
    assert np.unravel_index(bump.argmax(), bump.shape) == (4, 4)


def test_images_on_the_way_show_what_is_gone(left_half: Observation) -> None:
    without, only = image_without(left_half, LEFT, 0.5, kind="black")
    np.testing.assert_array_equal(without[:, :4], 0)
    np.testing.assert_array_equal(without[:, 4:], left_half.image.pixels[:, 4:])
    np.testing.assert_array_equal(only[:, :4], left_half.image.pixels[:, :4])
    np.testing.assert_array_equal(only[:, 4:], 0)


def test_a_mask_of_what_is_needed_loses_nothing(left_half: Observation) -> None:
    kept = masked_drop(left_half, LEFT)
    assert kept.drop == pytest.approx(0, abs=1e-6)
    lost = masked_drop(left_half, 1 - LEFT)
    assert lost.after == pytest.approx(1 / (1 + np.exp(1.0)), abs=1e-5)
    assert lost.drop == pytest.approx(1 - lost.after / lost.before)
    assert masked_drop(left_half, 0 * LEFT).after == pytest.approx(lost.after, abs=1e-6)
    assert Drop(0.2, 0.5).has_increased
    assert Drop(0.2, 0.5).drop == 0


def test_holes_are_filled_with_weighted_means_of_neighbours() -> None:
    pixels = np.random.default_rng(0).random((6, 7, 3)).astype(np.float32)
    missing = np.zeros((6, 7), bool)
    missing[2, 3] = True
    filled = fill_in(pixels, missing)
    edges = pixels[1, 3] + pixels[3, 3] + pixels[2, 2] + pixels[2, 4]
    corners = pixels[1, 2] + pixels[1, 4] + pixels[3, 2] + pixels[3, 4]
    np.testing.assert_allclose(filled[2, 3], edges / 6 + corners / 12, rtol=1e-5)
    np.testing.assert_array_equal(filled[~missing], pixels[~missing])


def test_a_large_hole_in_a_slope_is_filled_with_the_slope() -> None:
    slope = np.add.outer(np.arange(12.0), 2 * np.arange(14.0))[..., None]
    missing = np.zeros((12, 14), bool)
    missing[3:9, 4:11] = True
    np.testing.assert_allclose(fill_in(slope, missing), slope, atol=1e-4)
    even = np.full((5, 5, 1), 3.0)
    most = np.ones((5, 5), bool)
    most[0, 0] = False
    np.testing.assert_allclose(fill_in(even, most), even, atol=1e-5)
    with pytest.raises(InvalidParameterError, match="must stay"):
        fill_in(even, np.ones((5, 5), bool))


def test_road_finds_the_map_that_marks_what_is_needed(left_half: Observation) -> None:
    bright = np.where(LEFT[..., None] > 0, 255, 0).astype(np.uint8).repeat(3, axis=2)
    observation = observe(left_half.model, image_from_pixels(bright), one_class(1), [])
    good, bad = road(observation, LEFT, shares=[0.5]), road(observation, 1 - LEFT, shares=[0.5])
    assert good.deletion[0] < 0.5 < good.insertion[0]
    assert bad.insertion[0] < 0.5 < bad.deletion[0]


def test_energy_counts_what_lies_in_a_quarter() -> None:
    values = np.zeros((4, 6))
    values[3, 5] = 2.0
    assert [energy_in_quarter(values, quarter) for quarter in range(4)] == [0, 0, 0, 1]
    odd = np.ones((7, 7))
    assert [energy_in_quarter(odd, quarter) for quarter in range(4)] == pytest.approx(4 * [0.25])
    assert energy_in_quarter(-odd, 0) == 0


def test_a_mosaic_is_held_against_the_quarters(left_half: Observation) -> None:
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (99, 99, 99)]
    images = [image_from_pixels(np.full((8, 8, 3), color, np.uint8)) for color in colors]
    mosaic = mosaic_of(left_half.model, images)
    assert [tuple(mosaic.pixels[y, x]) for y in (0, 7) for x in (0, 7)] == colors

    def explain(image: ImageInput, class_index: int) -> ClassHeatmap:
        values = (image.pixels == colors[class_index]).all(axis=-1)
        return ClassHeatmap(values, IMAGE, class_index, 0.0, "perfect")

    found = mosaic_check(left_half.model, images, range(4), explain)
    assert found.shares == (1, 1, 1, 1)
    with pytest.raises(InvalidParameterError, match="four images"):
        mosaic_of(left_half.model, images[:3])


def test_grad_cam_finds_the_right_quarter_more_often_than_chance() -> None:
    model = load_model("efficientnet-lite0")
    names = ("chelsea", "coffee", "rocket", "astronaut")
    images = [datasets.sample_image("natural", name) for name in names]
    classes = [model.predict(image)[0].class_index for image in images]
    found = mosaic_check(
        model, images, classes, lambda one, c: class_activation_map(model, one, class_index=c)
    )
    assert np.mean(found.shares) > 0.4


def test_a_map_of_the_network_changes_when_it_forgets_and_the_network_itself_does_not() -> None:
    model, image = load_model("svhn-gabor"), datasets.sample_image("svhn", "digit-5-1")
    before = [w.copy() for w in model.keras_model.get_weights()]
    best = model.predict(image)[0].class_index
    levels = randomized_maps(
        model, image, METHODS["grad-cam"], model.default_cam_layer, one_class(best)
    )
    assert levels[0].spearman == 1
    assert levels[0].ssim == pytest.approx(1)
    assert levels[0].probability == pytest.approx(model.predict(image)[0].probability, abs=1e-5)
    original = class_activation_map(model, image, class_index=best)
    np.testing.assert_allclose(levels[0].heatmap.values, original.values, atol=1e-6)
    assert levels[-1].num_layers == 6
    assert levels[-1].lowest == "conv1"
    assert 1 < len(levels) <= MAX_LEVELS
    assert abs(levels[-1].spearman) < 0.9
    for old, new in zip(before, model.keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_eigen_cam_does_not_notice_that_the_head_forgets() -> None:
    model, image = (
        load_model("fashion-cnn-gap"),
        datasets.sample_image("fashion-mnist", "ankle-boot-1"),
    )
    eigen, gradient = (
        randomized_maps(model, image, method, model.default_cam_layer, one_class(9), seed=1)[1]
        for method in (METHODS["eigen-cam"], METHODS["grad-cam"])
    )
    assert eigen.num_layers == gradient.num_layers == 1
    assert eigen.spearman == pytest.approx(1)
    assert gradient.spearman < 1


def test_saliency_can_be_put_to_the_test_too(tiny: Tiny, image: ImageInput) -> None:
    levels = randomized_maps(
        tiny("nested"), image, SALIENCY["gradient"], "backbone/conv", one_class(0), seed=2
    )
    assert [level.num_layers for level in levels] == [0, 1, 2]
    assert [level.lowest for level in levels] == ["", "dense", "backbone/conv"]


def test_alike_maps_are_alike() -> None:
    values = np.random.default_rng(1).random((7, 7)).astype(np.float32)
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(values, np.ones((7, 7))) == 0
    assert similarity(values, 5 * values) == pytest.approx(1)
    assert similarity(values, np.zeros((7, 7))) < 0.5


def test_stress_that_says_nothing_changes_nothing(image: ImageInput) -> None:
    assert stressed(image, Stress()).digest == image.digest


def test_each_stress_does_what_it_says() -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (20, 40, 3), dtype=np.uint8)
    image = image_from_pixels(pixels)
    moved = stressed(image, Stress(shift_x=0.25, shift_y=-0.1)).pixels
    np.testing.assert_array_equal(moved[:18, 10:], pixels[2:, :30])
    turned = stressed(image, Stress(rotation_degrees=180)).pixels
    np.testing.assert_array_equal(turned, pixels[::-1, ::-1])
    np.testing.assert_array_equal(stressed(image, Stress(contrast=0)).pixels, 128)
    covered = stressed(image, Stress(square=0.5, square_x=1, square_y=0)).pixels
    np.testing.assert_array_equal(covered[:5, 35:], 128)
    assert (covered != pixels).any(axis=-1).sum() <= 25
    noisy = stressed(image_from_pixels(np.full((99, 99, 3), 128, np.uint8)), Stress(noise=0.05))
    assert noisy.pixels.std() == pytest.approx(0.05 * 255, rel=0.05)
    even = image_from_pixels(np.pad(np.full((8, 8, 3), 255, np.uint8), ((6, 6), (6, 6), (0, 0))))
    larger = stressed(even, Stress(scale=1.5)).pixels
    assert larger.mean() == pytest.approx(1.5**2 * even.pixels.mean(), rel=0.05)


def test_stress_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidParameterError, match=r"scale must be from 0\.25 to 4, got 9"):
        Stress(scale=9)
