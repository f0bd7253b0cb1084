"""Images of filters: against closed forms, Keras' own Adam, and what a climb must do."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from cnnviz import datasets
from cnnviz.errors import AnalysisError, InvalidParameterError, UnknownLayerError
from cnnviz.feature_visualization import (
    LECTURE,
    LUCID,
    PRESETS,
    SMALL,
    Progress,
    Recipe,
    Target,
    channel,
    class_score,
    direction,
    disk_cache,
    diversity,
    neuron,
    optimizer,
    parameterization,
    smallest_size,
    suggested_recipe,
    visualize,
    visualize_filter,
    whole_layer,
)
from cnnviz.feature_visualization.optimizer import _updated
from cnnviz.images import image_from_pixels, resize_pixels
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.network.loading import load_checkpoint, load_model
from cnnviz.zoo import card_for_model

STILL = Recipe(
    size_px=32, steps=40, colors="none", jitter_px=0, scale=0, rotation_degrees=0, basis="pixels"
)


def wrapped(model: Any) -> LoadedModel:
    return wrap_model(model, card_for_model(model, "net"))


@pytest.fixture(scope="module")
def linear() -> LoadedModel:
    """One convolution as large as the image: a linear filter."""
    model = keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            layers.Conv2D(3, 12, use_bias=False, name="conv"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    kernel = np.random.default_rng(5).normal(size=(12, 12, 1, 3)).astype(np.float32)
    model.get_layer("conv").set_weights([kernel / 50])
    return wrapped(model)


def cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize("sign", [1, -1])
def test_ascent_on_a_linear_filter_returns_its_kernel(linear: LoadedModel, sign: int) -> None:
    recipe = replace(STILL, size_px=12, steps=3, optimizer="normalized", learning_rate=0.05)
    objective = channel(linear, "conv", 1) * sign
    (found,) = visualize(linear, [objective], replace(recipe, steps=3), seeds=[1])
    kernel = sign * linear.operations["conv"].get_weights()[0][:, :, 0, 1]
    climbed = found.pixels[..., 0].astype(float) - found.frames[0][1][..., 0]
    assert cosine(climbed, kernel) > 0.999


def test_the_image_of_a_linear_filter_in_any_basis_looks_like_its_kernel(
    linear: LoadedModel,
) -> None:
    kernel = linear.operations["conv"].get_weights()[0][:, :, 0, 2]
    for basis in ("pixels", "fourier"):
        recipe = replace(STILL, size_px=12, steps=60, basis=basis, l2=2.0)
        (found,) = visualize(linear, [channel(linear, "conv", 2)], recipe, seeds=[0])
        assert cosine(found.pixels[..., 0] / 255 - 0.5, kernel) > 0.8


def test_the_adam_step_is_kerass_own() -> None:
    rng = np.random.default_rng(0)
    start = rng.normal(size=(2, 3)).astype(np.float32)
    variable = keras.Variable(start)
    optimizer = keras.optimizers.Adam(0.05, epsilon=1e-8)
    recipe = replace(LUCID, learning_rate=0.05)
    mine, first, second = tf.constant(start), tf.zeros((2, 3)), tf.zeros((2, 3))
    for step in range(5):
        slope = rng.normal(size=(2, 3)).astype(np.float32)
        optimizer.apply_gradients([(-slope, variable)])  # Keras goes down
        mine, first, second = _updated(recipe, mine, slope, first, second, tf.constant(step))
        np.testing.assert_allclose(mine, variable.numpy(), atol=1e-5)


@pytest.mark.parametrize("basis", ["fourier", "pixels"])
@pytest.mark.parametrize("colors", ["none", "imagenet", "svhn"])
@pytest.mark.parametrize("shape", [(28, 28), (33, 33), (20, 13), (9, 32)])
def test_numbers_and_images_are_each_others_inverse(
    basis: str, colors: str, shape: tuple[int, int]
) -> None:
    recipe = Recipe(size_px=shape[0], width_px=shape[1], basis=basis, colors=colors)
    pixels = np.random.default_rng(1).uniform(0.05, 0.95, (2, *shape, 3))
    back = parameterization.drawn(recipe, parameterization.numbers_of(recipe, pixels))
    np.testing.assert_allclose(back, pixels, atol=1e-4)


def test_frequencies_weigh_as_in_natural_images() -> None:
    scale = parameterization.frequency_scale(64, 64, 1.0)
    assert scale.shape == (64, 33)
    assert scale[0, 0] == scale[0, 1] == 64 * 64  # nothing is lower than one wave an image
    assert scale[0, 4] == pytest.approx(64 * 64 / 4)
    assert scale[3, 4] == pytest.approx(64 * 64 / 5)
    assert scale[-3, 4] == scale[3, 4]
    assert np.ptp(parameterization.frequency_scale(64, 64, 0.0)) == 0


def test_a_frequency_of_an_image_that_is_not_square_weighs_by_cycles_per_pixel() -> None:
    scale = parameterization.frequency_scale(64, 16, 1.0)
    assert scale.shape == (64, 9)
    assert scale[0, 0] == scale[1, 0] == 32 * 64  # one cycle over the longer side; √(64·16) = 32
    assert scale[4, 0] == pytest.approx(32 * 16)  # 4 cycles in 64 pixels are as long as …
    assert scale[0, 1] == scale[4, 0]  # … 1 cycle in 16 pixels
    assert scale[-12, 4] == pytest.approx(32 / np.hypot(12 / 64, 4 / 16))


@pytest.mark.parametrize("shape", [(12, 12), (12, 7), (6, 15)])
def test_the_fourier_basis_is_numpys(shape: tuple[int, int]) -> None:
    recipe = Recipe(size_px=max(shape[0], 8), width_px=max(shape[1], 8), colors="none")
    height, width = recipe.shape
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    lowest = 1 / max(height, width)
    scale = np.sqrt(height * width) / np.maximum(np.sqrt(rows**2 + columns**2), lowest)
    parts = np.random.default_rng(3).normal(0, 0.05, (2, 1, 3, height, width // 2 + 1))
    values = np.fft.irfft2((parts[0] + 1j * parts[1]) * scale, s=(height, width)) / 4
    expected = 1 / (1 + np.exp(-values.transpose(0, 2, 3, 1)))
    images = parameterization.drawn(recipe, tf.constant(parts, tf.float32))
    np.testing.assert_allclose(images, expected, atol=1e-6)
    logits = np.log(expected / (1 - expected)).transpose(0, 3, 1, 2)
    spectrum = np.fft.rfft2(4 * logits) / scale
    found = parameterization.numbers_of(recipe, expected)
    np.testing.assert_allclose(found, [spectrum.real, spectrum.imag], atol=1e-4)


def test_the_color_matrix_makes_colors_uncorrelated() -> None:
    rng = np.random.default_rng(2)
    mixed = rng.normal(size=(40, 8, 8, 3)) @ rng.uniform(0.2, 1, (3, 3))
    pixels = np.clip(mixed * 12 + 128, 0, 255).astype(np.uint8)
    matrix = parameterization.color_matrix(pixels)
    flat = pixels.reshape(-1, 3) / 255
    np.testing.assert_allclose(matrix @ matrix.T, np.cov(flat, rowvar=False), atol=1e-9)
    loose = (flat - flat.mean(axis=0)) @ np.linalg.inv(matrix).T
    np.testing.assert_allclose(np.cov(loose, rowvar=False), np.eye(3), atol=1e-6)


def test_the_published_matrix_is_near_that_of_photographs() -> None:
    images = [image.pixels[:256, :256] for image in datasets.sample_photographs().values()]
    own = parameterization.color_matrix(np.concatenate([p.reshape(-1, 1, 1, 3) for p in images]))
    published = np.array(parameterization.COLORS["imagenet"])
    assert abs(cosine(own[:, 0], published[:, 0])) > 0.98  # brightness varies most
    assert abs(cosine(own[:, 1], published[:, 1])) > 0.8  # then from yellow to blue


def test_a_image_that_is_not_moved_stays_and_a_moved_one_moves_as_told() -> None:
    images = tf.constant(np.random.default_rng(0).uniform(size=(1, 32, 32, 1)), tf.float32)
    np.testing.assert_array_equal(parameterization.moved(STILL, images, tf.zeros((1, 4))), images)
    recipe = replace(STILL, jitter_px=4)
    right = parameterization.moved(recipe, images, tf.constant([[0, 0, 1.0, -0.5]]))
    np.testing.assert_allclose(right[0, 2:, :-4], images[0, :-2, 4:], atol=1e-5)
    assert (np.asarray(right)[0, :2] == 0.5).all()  # gray comes from outside
    turned = parameterization.moved(
        replace(STILL, rotation_degrees=90), images, tf.constant([[1.0, 0, 0, 0]])
    )
    expected = np.rot90(
        images[0], 1 if np.allclose(turned[0], np.rot90(images[0]), atol=1e-4) else -1
    )
    np.testing.assert_allclose(turned[0], expected, atol=1e-4)
    grown = parameterization.moved(replace(STILL, scale=0.5), images, tf.constant([[0, 1.0, 0, 0]]))
    assert np.isin(grown, images).all()  # to the nearest pixel
    assert len(np.unique(grown)) <= (32 / 1.5 + 1) ** 2


def test_an_image_that_is_not_square_turns_about_its_middle() -> None:
    images = tf.constant(np.random.default_rng(0).uniform(size=(1, 32, 18, 1)), tf.float32)
    recipe = replace(STILL, width_px=18, jitter_px=4, rotation_degrees=180)
    turned = parameterization.moved(recipe, images, tf.constant([[1.0, 0, 0, 0]]))
    np.testing.assert_allclose(turned[0], np.rot90(images[0], 2), atol=1e-5)
    moved = parameterization.moved(recipe, images, tf.constant([[0, 0, 1.0, -0.5]]))
    np.testing.assert_allclose(moved[0, 2:, :-4], images[0, :-2, 4:], atol=1e-5)
    quarter = replace(recipe, rotation_degrees=90)
    middle = np.asarray(parameterization.moved(quarter, images, tf.constant([[1.0, 0, 0, 0]])))[
        0, 7:25
    ]
    square = images[0, 7:25]  # the largest square in the middle only turns
    assert any(np.allclose(middle, np.rot90(square, times), atol=1e-4) for times in (1, -1))


def test_chances_depend_on_seed_and_step_alone() -> None:
    both = parameterization.random_transforms([3, 9], 5, 4)
    np.testing.assert_array_equal(both[:, :1], parameterization.random_transforms([3], 5, 4))
    np.testing.assert_array_equal(both[2:], parameterization.random_transforms([3, 9], 7, 2))
    assert np.abs(both).max() <= 1
    assert len(np.unique(both)) == both.size


def test_a_fixed_seed_gives_the_same_bytes_and_another_does_not() -> None:
    model = load_model("fashion-gabor")
    first, again, other = (
        visualize_filter(model, "conv2", 3, steps=24, seed=seed).pixels for seed in (4, 4, 5)
    )
    assert first.tobytes() == again.tobytes()
    assert first.tobytes() != other.tobytes()


def test_a_image_does_not_depend_on_its_neighbours() -> None:
    model = load_model("fashion-gabor")
    recipe = replace(suggested_recipe(model), steps=16)
    objectives = [channel(model, "conv2", place) for place in (1, 5, 9)]
    together = visualize(model, objectives, recipe, seeds=[7, 8, 9])
    alone = visualize(model, objectives[1:2], recipe, seeds=[8])
    difference = together[1].pixels.astype(int) - alone[0].pixels
    assert np.abs(difference).max() <= 3  # sums in another order


def test_chunks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:

    model = load_model("fashion-gabor")
    whole = visualize_filter(model, "conv2", 3, steps=20)
    monkeypatch.setattr(optimizer, "_CHUNK_S", 0.0)  # one step at a time
    parts = visualize_filter(model, "conv2", 3, steps=20)
    assert whole.pixels.tobytes() == parts.pixels.tobytes()
    np.testing.assert_array_equal(whole.objective_history, parts.objective_history)


def climbs(model: LoadedModel, layer_name: str, channels: list[int], recipe: Recipe) -> list[bool]:
    found = visualize(model, [channel(model, layer_name, i) for i in channels], recipe)
    tenth = max(1, recipe.steps // 10)
    rises = []
    for one in found:
        if one.is_dead:  # nothing that could be drawn excites it
            continue
        history = one.objective_history
        assert np.ptp(one.pixels) > 20  # not left gray
        rises.append(bool(np.median(history[-tenth:]) > np.median(history[:tenth])))
    return rises


@pytest.mark.slow
def test_the_objective_rises_for_filters_of_all_networks() -> None:
    rises: list[bool] = []
    rng = np.random.default_rng(1)
    for name in ("mnist-cnn", "fashion-cnn-gap", "fashion-gabor", "svhn-gabor", "cats-dogs-150"):
        model = load_model(name)
        convolutions = [
            layer
            for layer in model.map_layer_names
            if isinstance(model.operations[layer], layers.Conv2D)
        ]
        recipe = replace(suggested_recipe(model), size_px=48, steps=40)
        for layer_name in (convolutions[0], convolutions[len(convolutions) // 2], convolutions[-1]):
            depth = model.layer_shapes[layer_name][-1]
            channels = sorted(rng.choice(depth, min(10, depth), replace=False).tolist())
            rises += climbs(model, layer_name, channels, recipe)
    lite = load_model("efficientnet-lite0")
    for layer_name in ("stem_relu6", "block2b_expand_relu6", "block4b_expand_relu6", "head_relu6"):
        depth = lite.layer_shapes[layer_name][-1]
        channels = sorted(rng.choice(depth, 18, replace=False).tolist())
        rises += climbs(lite, layer_name, channels, replace(LUCID, size_px=64, steps=40))
    assert len(rises) >= 200
    assert np.mean(rises) >= 0.95


def test_a_shut_relu_is_opened() -> None:
    model = keras.Sequential(
        [
            keras.Input((16, 16, 1)),
            layers.Conv2D(1, 3, activation="relu", name="conv"),
            layers.Flatten(),
            layers.Dense(2),
        ]
    )
    edge = np.array([[-1, 0, 1]] * 3, np.float32).reshape(3, 3, 1, 1)
    model.get_layer("conv").set_weights([edge, np.array([-2.0], np.float32)])
    loaded = wrapped(model)
    recipe = replace(STILL, size_px=16, steps=60)
    (found,) = visualize(loaded, [channel(loaded, "conv", 0)], recipe)
    assert found.start < 0  # shut everywhere at first: what goes into the ReLU is shown
    assert found.reached > 0


@pytest.mark.parametrize("behind", ["dropout", "pooling"])
def test_a_shut_relu_is_opened_from_behind(behind: str) -> None:
    bars = np.array([[-1, 0, 1]] * 3, np.float32).reshape(3, 3, 1, 1)
    kernel = np.concatenate([bars, np.zeros_like(bars)], axis=-1)
    tail = layers.SpatialDropout2D(0.5) if behind == "dropout" else layers.MaxPooling2D(2)
    tail.name = "tail"
    first = layers.Conv2D(2, 3, activation="relu", name="conv")
    model = keras.Sequential(
        [keras.Input((16, 16, 1)), first, tail, layers.Flatten(), layers.Dense(2)]
    )
    first.set_weights([kernel, np.array([-0.4, 0.1], np.float32)])
    loaded = wrapped(model)
    objectives = [channel(loaded, "tail", i) for i in (1, 0)]  # the first is open, the second shut
    found = visualize(loaded, objectives, replace(STILL, size_px=16, steps=60))
    assert found[0].is_dead  # open, but it does not depend on the image
    assert found[1].reached > 0.1


def test_a_dead_filter_stays_gray_and_says_so() -> None:
    model = load_model("efficientnet-lite0")  # the kernel of its channel 16 is zero
    assert np.abs(model.operations["stem_conv"].get_weights()[0][..., 16]).max() < 1e-6
    found = visualize_filter(model, "stem_relu6", 16, steps=30, size_px=32)
    assert found.is_dead
    assert np.ptp(found.pixels) < 30
    assert not visualize_filter(model, "stem_relu6", 17, steps=30, size_px=32).is_dead


def test_arithmetic_of_objectives_is_that_of_their_values() -> None:
    model = load_model("fashion-gabor")
    one, other = channel(model, "conv3", 2), channel(model, "conv3", 7)
    recipe = replace(suggested_recipe(model), steps=1)

    def value(objective: Any) -> float:
        return visualize(model, [objective], recipe, seeds=[3])[0].start

    first, second = value(one), value(other)
    assert value(one + other) == pytest.approx(first + second, abs=1e-5)
    assert value(one - other) == pytest.approx(first - second, abs=1e-5)
    assert value(2.5 * one) == pytest.approx(2.5 * first, abs=1e-5)
    assert value(-one) == pytest.approx(-first, abs=1e-5)
    vector = np.zeros(64, np.float32)
    vector[[2, 7]] = 1
    assert value(direction(model, "conv3", vector, 0.0)) == pytest.approx(first + second, abs=1e-5)


def test_a_class_against_the_others_is_its_logit_minus_their_mean() -> None:
    model = load_model("fashion-gabor")
    recipe = replace(suggested_recipe(model), steps=1)

    def value(objective: Any) -> float:
        return visualize(model, [objective], recipe, seeds=[3])[0].start

    logits = np.array([value(class_score(model, i)) for i in range(10)])
    expected = logits[4] - np.delete(logits, 4).mean()
    assert value(class_score(model, 4, against_others=True)) == pytest.approx(expected, abs=1e-4)


def test_a_class_image_is_taken_for_the_class() -> None:
    model = load_model("fashion-gabor")
    (found,) = visualize(model, [class_score(model, 9)], suggested_recipe(model), seeds=[0])
    assert model.predict(image_from_pixels(found.pixels))[0].class_index == 9


def test_a_cell_is_excited_in_the_middle_only() -> None:
    model = load_model("fashion-gabor")
    recipe = replace(suggested_recipe(model), steps=60)
    (found,) = visualize(model, [neuron(model, "conv1", 3)], recipe)
    changed = np.ptp(found.pixels.astype(int), axis=-1) * 0 + np.abs(
        found.pixels[..., 0].astype(int) - 128
    )
    assert changed[9:19, 9:19].mean() > 2 * changed[:4, :4].mean()


@pytest.mark.slow
def test_diversity_makes_the_images_of_a_batch_differ() -> None:
    model = load_model("svhn-gabor")
    recipe = replace(suggested_recipe(model), steps=50)

    def likeness(weight: float) -> float:
        objective = channel(model, "conv3", 4)
        if weight:
            objective = objective + weight * diversity(model, "conv3")
        found = visualize(model, [objective] * 4, recipe)
        own = visualize(model, [diversity(model, "conv3")] * 4, replace(recipe, steps=1))
        assert len(own) == 4
        return float(np.mean([one.reached for one in found]))

    assert likeness(50.0) < likeness(0.0)  # the penalty is in the objective


def test_deep_dream_begins_with_the_photograph() -> None:
    model = load_model("efficientnet-lite0")
    image = datasets.sample_image("natural", "chelsea")
    recipe = replace(LUCID, size_px=96, steps=8)
    objective = whole_layer(model, "block3b_expand_relu6")
    (found,) = visualize(model, [objective], recipe, begin_with=image)
    first = found.frames[0][1].astype(int)
    side = min(image.pixels.shape[:2])
    left = (image.pixels.shape[1] - side) // 2
    expected = resize_pixels(image.pixels[:side, left : left + side], 96, 96)
    assert np.abs(first - expected).mean() < 2
    assert found.reached > found.start


def test_a_gray_network_begins_with_the_luma_of_a_photograph() -> None:
    model = load_model("fashion-gabor")
    red = image_from_pixels(np.full((40, 60, 3), (200, 0, 0), np.uint8))
    recipe = replace(suggested_recipe(model), steps=1)
    (found,) = visualize(model, [channel(model, "conv1", 3)], recipe, begin_with=red)
    assert np.abs(found.frames[0][1].astype(int) - round(0.299 * 200)).max() <= 3


def test_penalties_do_what_they_say() -> None:
    model = load_model("svhn-gabor")
    recipe = replace(suggested_recipe(model), steps=40, basis="pixels")

    def made(**changes: Any) -> np.ndarray:
        objective = channel(model, "conv2", 5)
        found = visualize(model, [objective], replace(recipe, **changes))
        return found[0].pixels.astype(float)

    def roughness(pixels: np.ndarray) -> float:
        return float(
            np.abs(np.diff(pixels, axis=0)).mean() + np.abs(np.diff(pixels, axis=1)).mean()
        )

    plain = made()
    assert roughness(made(total_variation=50.0)) < roughness(plain)
    assert roughness(made(blur_every=2)) < roughness(plain)
    assert made(l2=200.0).std() < plain.std()
    assert (made(blur_every=2, clip_share=0.5) - 127.5).__abs__().mean() < np.abs(
        plain - 127.5
    ).mean()


def test_early_images_are_reported_and_a_stop_is_obeyed() -> None:
    model = load_model("fashion-gabor")
    seen: list[Progress] = []

    def stop(progress: Progress) -> None:
        seen.append(progress)
        if progress.step >= 8:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        visualize_filter(model, "conv2", 1, steps=64, on_step=stop)
    assert seen[0].step == 1
    assert seen[-1].step < 16
    assert seen[0].pixels[0].shape == (28, 28, 3)
    assert seen[-1].history.shape == (seen[-1].step, 1)


def test_a_patient_climb_ends_when_nothing_gets_better() -> None:
    model = load_model("efficientnet-lite0")  # channel 16 is dead
    recipe = replace(LUCID, size_px=32, steps=300, patience=10)
    objectives = [channel(model, "stem_relu6", place) for place in (16, 17)]
    dead, alive = (visualize(model, [one], recipe)[0] for one in objectives)
    assert len(dead.objective_history) < 80
    assert dead.frames[-1][0] == len(dead.objective_history)
    assert len(alive.objective_history) > 20
    assert (
        len(
            visualize(model, objectives[:1], replace(recipe, patience=0, steps=90))[
                0
            ].objective_history
        )
        == 90
    )


def test_frames_tell_the_whole_climb() -> None:
    found = visualize_filter(load_model("fashion-gabor"), "conv2", 1, steps=48)
    steps = [step for step, _ in found.frames]
    assert steps[:5] == [0, 1, 2, 3, 4]
    assert steps[-1] == 48
    assert 16 <= len(steps) <= 30
    np.testing.assert_array_equal(found.frames[-1][1], found.pixels)
    assert found.objective_history.shape == (48,)


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.sample(1)
def test_every_preset_works(name: str) -> None:
    model = load_model("svhn-gabor")
    recipe = replace(PRESETS[name], size_px=48, steps=40)
    (found,) = visualize(model, [channel(model, "conv2", 1)], recipe)
    assert found.pixels.shape == (48, 48, 3)
    assert found.reached > found.start


@pytest.mark.slow
def test_the_lectures_recipe_is_noisier_than_lucids() -> None:
    model = load_model("efficientnet-lite0")

    def high_share(recipe: Recipe) -> float:
        found = visualize_filter(
            model, "block3b_expand_relu6", 9, recipe=replace(recipe, size_px=64, steps=40)
        )
        spectrum = np.abs(np.fft.fft2(found.pixels.mean(axis=-1) - found.pixels.mean())) ** 2
        frequencies = np.hypot(np.fft.fftfreq(64)[:, None], np.fft.fftfreq(64)[None])
        return float(spectrum[frequencies > 0.25].sum() / spectrum.sum())

    assert high_share(LECTURE) > high_share(LUCID)


def test_gray_networks_get_gray_images_and_small_ones_their_own_size() -> None:
    assert suggested_recipe(load_model("fashion-gabor")).size_px == 28
    assert suggested_recipe(load_model("svhn-gabor")) == replace(SMALL, size_px=32, colors="svhn")
    assert suggested_recipe(load_model("efficientnet-lite0")) == LUCID
    assert smallest_size(load_model("efficientnet-lite0")) == 8
    found = visualize_filter(load_model("fashion-gabor"), "conv1", 1, steps=2, size_px=64)
    assert found.pixels.shape == (64, 64, 3)
    assert (found.pixels[..., 0] == found.pixels[..., 2]).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"basis": "wavelets"},
        {"colors": "blue"},
        {"optimizer": "sgd"},
        {"size_px": 4},
        {"size_px": 4000},
        {"width_px": 4},
        {"width_px": 513},
        {"size_px": 0},
        {"steps": 0},
        {"jitter_px": -1},
        {"clip_share": 1.0},
        {"learning_rate": float("nan")},
    ],
)
def test_impossible_recipes_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterError):
        replace(LUCID, **changes)


def test_mistakes_are_named() -> None:
    model = load_model("fashion-gabor")
    one = channel(model, "conv2", 1)
    for index in (-1, 64):
        with pytest.raises(InvalidParameterError, match="0 to 63"):
            channel(model, "conv2", index)
    with pytest.raises(UnknownLayerError):
        channel(model, "nowhere", 0)
    with pytest.raises(InvalidParameterError, match="0 to 9"):
        class_score(model, 10)
    with pytest.raises(InvalidParameterError, match="64 finite numbers"):
        direction(model, "conv2", np.zeros(64))
    with pytest.raises(InvalidParameterError, match="same layers and kinds"):
        visualize(model, [one, channel(model, "conv3", 1)], SMALL)
    with pytest.raises(InvalidParameterError, match="one seed for each"):
        visualize(model, [one], SMALL, seeds=[1, 2])
    for seed in (-1, 2**31):
        with pytest.raises(InvalidParameterError, match=f"0 to 2147483647, got .{seed}"):
            visualize_filter(model, "conv2", 1, seed=seed)
    with pytest.raises(InvalidParameterError, match="steps must be from 1"):
        visualize_filter(model, "conv2", 1, steps=0)
    for count in (0, 65):
        with pytest.raises(InvalidParameterError, match="1 and 64"):
            visualize(model, [one] * count, SMALL)
    with pytest.raises(InvalidParameterError, match="There is no target"):
        Target("shape", "conv2", 0).objective(model)


def copy_in(dtype: str, factor: float) -> LoadedModel:
    """Build one network in any precision; small weights make small gradients."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = keras.Input((24, 24, 3))
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv1")(inputs)
        x = layers.Conv2D(8, 3, padding="same", activation="relu", name="conv2")(x)
        outputs = layers.Dense(3)(layers.GlobalAveragePooling2D()(x))
    finally:
        keras.config.set_dtype_policy(policy)
    rng = np.random.default_rng(4)
    model = keras.Model(inputs, outputs)
    model.set_weights([rng.normal(0.05, 0.1, weights.shape) * factor for weights in model.weights])
    return wrapped(model)


@pytest.fixture(scope="module")
def in_float32() -> tuple[np.ndarray, float, float]:
    return one_step(copy_in("float32", 0.05))


def one_step(model: LoadedModel) -> tuple[np.ndarray, float, float]:
    """Give how one large step along the gradient changes an image, and the objective."""
    recipe = Recipe(*(96, 1, "pixels", "none", 0, 0, 0), optimizer="normalized", learning_rate=0.1)
    (found,) = visualize(model, [channel(model, "conv2", 5)], recipe)
    change = found.frames[1][1].astype(float) - found.frames[0][1]
    return change, found.start, found.reached


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [
        *(("float16", 0.02), ("mixed_float16", 0.02)),
        *(("bfloat16", 0.1), ("mixed_bfloat16", 0.1), ("float64", 1e-4)),
    ],
)
@pytest.mark.sample(2)
def test_a_step_is_the_same_in_every_precision(
    dtype: str, tolerance: float, in_float32: tuple[np.ndarray, float, float]
) -> None:
    expected, *objectives = in_float32
    change, *found = one_step(copy_in(dtype, 0.05))
    assert np.linalg.norm(expected) > 1000  # gray levels
    assert np.linalg.norm(change - expected) < tolerance * np.linalg.norm(expected)
    np.testing.assert_allclose(found, objectives, rtol=tolerance)


def test_a_layer_without_a_gradient_says_so() -> None:
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="conv")(inputs)
    x = layers.ReLU(name="behind")(keras.ops.stop_gradient(x))
    model = wrapped(keras.Model(inputs, layers.Dense(2)(layers.GlobalAveragePooling2D()(x))))
    with pytest.raises(AnalysisError, match="No gradient leads from 'behind"):
        visualize_filter(model, "behind", 0, steps=1)


def test_a_checkpoint_is_the_network_as_it_was() -> None:
    from cnnviz import zoo

    steps = zoo.checkpoint_steps("fashion-gabor")
    then, now = load_checkpoint("fashion-gabor", steps[0]), load_model("fashion-gabor")
    kept = zoo.checkpoint("fashion-gabor", steps[0])["conv1"][0]
    np.testing.assert_array_equal(then.operations["conv1"].get_weights()[0], kept)
    assert not np.array_equal(now.operations["conv1"].get_weights()[0], kept)
    assert load_checkpoint("fashion-gabor", steps[0]) is then


def test_images_are_kept_by_all_they_depend_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path))
    model, other = load_model("fashion-gabor"), load_checkpoint("fashion-gabor", 0)
    target, recipe = Target("filter", "conv2", 3), replace(SMALL, size_px=16, steps=4)
    key = disk_cache.image_key(model, target, recipe, 5)
    keys = {
        key,
        disk_cache.image_key(other, target, recipe, 5),
        disk_cache.image_key(model, replace(target, index=4), recipe, 5),
        disk_cache.image_key(model, target, replace(recipe, steps=5), 5),
        disk_cache.image_key(model, target, recipe, 6),
    }
    assert len(keys) == 5
    assert disk_cache.load_image(key) is None
    (made,) = visualize(model, [target.objective(model)], recipe, seeds=[5])
    disk_cache.keep_image(key, made)
    found = disk_cache.load_image(key)
    assert found is not None
    assert (found.name, found.seed, found.reached) == (made.name, made.seed, made.reached)
    np.testing.assert_array_equal(found.pixels, made.pixels)
    np.testing.assert_array_equal(found.objective_history, made.objective_history)
    for (step, pixels), (step_made, pixels_made) in zip(found.frames, made.frames, strict=True):
        assert step == step_made
        np.testing.assert_array_equal(pixels, pixels_made)
    path = tmp_path / "pictures" / f"{key}.npz"
    path.write_bytes(path.read_bytes()[:200])
    assert disk_cache.load_image(key) is None


def test_only_so_many_images_are_kept_and_the_oldest_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(disk_cache, "MAX_FILES", 3)
    model = load_model("fashion-gabor")
    made = visualize_filter(model, "conv1", 0, steps=1)
    for i in range(5):
        disk_cache.keep_image(f"{i}", made)
        os.utime(tmp_path / "pictures" / f"{i}.npz", (i, i))
    assert sorted(path.stem for path in (tmp_path / "pictures").iterdir()) == ["2", "3", "4"]
    monkeypatch.setattr(disk_cache, "MAX_BYTES", 10)
    disk_cache.keep_image("5", made)
    assert not list((tmp_path / "pictures").iterdir())


def test_a_folder_that_cannot_be_written_is_no_disaster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pictures").write_text("a file where the folder should be")
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path))
    disk_cache.keep_image("1", visualize_filter(load_model("fashion-gabor"), "conv1", 0, steps=1))
    assert disk_cache.load_image("1") is None
