"""The frames are what the checkpoints give one by one, with the numbers of the papers."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnviz import datasets, zoo
from cnnviz.attribution.cam import class_activation_map
from cnnviz.errors import InvalidParameterError, UnknownLayerError
from cnnviz.features.feature_maps import feature_maps
from cnnviz.filter_banks import gabor_kernel
from cnnviz.filter_banks.gabor_fit import fit_gabor
from cnnviz.images import ImageInput
from cnnviz.network.loading import load_checkpoint, load_model
from cnnviz.training.timeline import (
    TrainingTimeline,
    _fit,
    _private_copy,
    keep_kernel_fits,
    kernel_fits,
    networks_with_timelines,
    steps_per_epoch,
    training_timeline,
)
from cnnviz.zoo.trained import trained_cards

NAMES = (
    *("svhn-gabor", "fashion-gabor", "svhn-small", "svhn-small-noisy"),
    *("svhn-few", "svhn-few-augmented"),
)
LAYER, CLASS = "relu3", 3


@pytest.fixture(scope="module")
def digit() -> ImageInput:
    return datasets.sample_image("svhn", "digit-5-1")


@pytest.fixture(scope="module", params=NAMES)
def timeline(request: pytest.FixtureRequest, digit: ImageInput) -> TrainingTimeline:
    return training_timeline(request.param, digit, LAYER, CLASS)


def test_the_networks_with_checkpoints_have_timelines() -> None:
    assert set(networks_with_timelines()) == set(NAMES)


@pytest.mark.parametrize("place", [0, 2, -1])
@pytest.mark.sample(5)
def test_a_frame_is_what_the_checkpoint_gives_by_hand(
    timeline: TrainingTimeline, digit: ImageInput, place: int
) -> None:
    frame = timeline.frames[place]
    then = load_checkpoint(timeline.name, frame.step)
    maps = feature_maps(then, digit, [LAYER])[LAYER].values
    np.testing.assert_allclose(frame.maps, maps, atol=1e-5)
    by_hand = class_activation_map(then, digit, class_index=CLASS)
    assert by_hand.layer_name == timeline.cam_layer_name
    np.testing.assert_allclose(frame.heatmap, by_hand.values, atol=1e-5)
    np.testing.assert_allclose(frame.logits, then.logits(digit), atol=1e-5)
    expected = then.probabilities(then.logits(digit))
    np.testing.assert_allclose(frame.probabilities, expected, atol=1e-5)
    weights = then.operations[then.first_convolution].get_weights()[0]
    np.testing.assert_array_equal(frame.kernels, weights)


@pytest.mark.sample(2)
def test_the_last_frame_is_the_shipped_network_but_for_half_precision(
    timeline: TrainingTimeline, digit: ImageInput
) -> None:
    shipped, last = load_model(timeline.name), timeline.frames[-1]
    weights = shipped.operations[shipped.first_convolution].get_weights()[0]
    np.testing.assert_allclose(last.kernels, weights, rtol=2**-11, atol=2**-24)
    np.testing.assert_allclose(last.logits, shipped.logits(digit), atol=0.05)
    maps = feature_maps(shipped, digit, [LAYER])[LAYER].values
    np.testing.assert_allclose(last.maps, maps, atol=0.01 * maps.max())


def test_the_shared_network_keeps_its_weights(digit: ImageInput) -> None:
    shared = load_model("svhn-gabor")
    before = [weights.copy() for weights in shared.keras_model.get_weights()]
    training_timeline("svhn-gabor", digit, "conv1")
    for one, other in zip(before, shared.keras_model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_steps_epochs_and_drift_go_from_the_start_to_the_end(timeline: TrainingTimeline) -> None:
    assert [frame.step for frame in timeline.frames] == list(zoo.checkpoint_steps(timeline.name))
    epochs = len(zoo.training_record(timeline.name).history["loss"])
    assert timeline.frames[0].epoch == 0
    assert (
        timeline.frames[-1].epoch
        == epochs
        == timeline.frames[-1].step / steps_per_epoch(timeline.name)
    )
    for drift in timeline.frames[0].drift.values():
        assert drift.relative_change == 0
        assert drift.cosine == pytest.approx(1, abs=1e-12)
    assert min(drift.relative_change for drift in timeline.frames[-1].drift.values()) > 0.1


def test_a_left_out_class_is_the_one_that_wins_at_the_end(digit: ImageInput) -> None:
    told: list[tuple[int, int]] = []
    found = training_timeline(
        "svhn-gabor", digit, "conv1", on_progress=lambda *done: told.append(done)
    )
    assert found.class_index == int(load_model("svhn-gabor").logits(digit).argmax())
    assert found.cam_layer_name == load_model("svhn-gabor").default_cam_layer
    count = len(zoo.checkpoint_steps("svhn-gabor"))
    assert told == [(done, count) for done in range(1, count + 1)]


def test_the_heatmap_lies_on_the_grid_of_the_layer_asked_for(digit: ImageInput) -> None:
    found = training_timeline("svhn-gabor", digit, "conv1", 5, cam_layer_name="relu2")
    then = load_checkpoint("svhn-gabor", found.frames[3].step)
    by_hand = class_activation_map(then, digit, layer_name="relu2", class_index=5)
    np.testing.assert_allclose(found.frames[3].heatmap, by_hand.values, atol=1e-5)


def test_what_cannot_be_shown_is_explained(digit: ImageInput) -> None:
    with pytest.raises(InvalidParameterError, match=r"'mnist-cnn' kept no weights.*svhn-gabor"):
        training_timeline("mnist-cnn", digit, "conv1")
    with pytest.raises(UnknownLayerError, match="no layer 'nowhere'"):
        training_timeline("svhn-gabor", digit, "nowhere")
    with pytest.raises(InvalidParameterError, match="has no feature maps"):
        training_timeline("svhn-gabor", digit, "predictions")
    with pytest.raises(InvalidParameterError, match="class 10 does not exist"):
        training_timeline("svhn-gabor", digit, "conv1", 10)
    with pytest.raises(InvalidParameterError, match="kept no weights"):
        kernel_fits("mnist-cnn")


def test_a_colored_gabor_is_fitted_in_its_color_and_a_dead_kernel_not_at_all() -> None:
    wave = gabor_kernel(0.2, 0.7, 2.0, size_px=9).real
    kernel = (wave[..., np.newaxis] * [0.9, -0.3, 0.1]).astype(np.float32)
    fitted, quality = _fit(kernel.tobytes(), kernel.shape)
    assert quality > 0.999
    np.testing.assert_allclose(fitted, kernel, atol=0.01 * np.abs(kernel).max())
    dead, quality = _fit(np.zeros((9, 9, 3), np.float32).tobytes(), (9, 9, 3))
    assert np.isnan(quality)
    assert np.isnan(dead).all()


def in_own_folder(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str) -> None:
    """Give the user a network of a name of its own, with its card and checkpoints, without fits."""
    for path in zoo.kernel_fits_path(name).parent.glob(f"{name}.*"):
        if path.name.endswith(".fits.npz"):
            continue
        copy = folder / path.name.replace(name, "mine")
        if path.is_dir():
            shutil.copytree(path, copy)
        else:
            shutil.copy(path, copy)
    card = folder / "mine.json"
    card.write_text(card.read_text().replace(f'"{name}"', '"mine"', 1))
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(folder))
    trained_cards.cache_clear()
    _private_copy.cache_clear()


class StopError(Exception):
    pass


def stop_after_three(done: int, total: int) -> None:
    if done == 3:
        raise StopError(total)


def test_fits_can_be_stopped_and_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    in_own_folder(monkeypatch, tmp_path, "fashion-gabor")
    num_steps = len(zoo.checkpoint_steps("fashion-gabor"))
    with pytest.raises(StopError, match=str(num_steps * 24)):
        kernel_fits("mine", stop_after_three)
    hits = _fit.cache_info().hits
    with pytest.raises(StopError):
        kernel_fits("mine", stop_after_three)
    assert _fit.cache_info().hits == hits + 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.sample(2)
def test_kept_fits_are_those_of_the_kernels(name: str) -> None:
    fits, steps = kernel_fits(name), zoo.checkpoint_steps(name)
    num_kernels = zoo.checkpoint(name, 0)["conv1"][0].shape[-1]
    assert fits.r_squared.shape == (len(steps), num_kernels)
    for place, channel in [(0, 3), (5, 10), (-1, 1)]:
        kernel = zoo.checkpoint(name, steps[place])["conv1"][0][..., channel]
        by_hand = fit_gabor(kernel)
        assert fits.r_squared[place, channel] == pytest.approx(by_hand.r_squared, abs=0.02)
        if kernel.shape[2] == 1:
            fitted = fits.fitted[place, ..., 0, channel]
            np.testing.assert_allclose(fitted, by_hand.fitted, atol=0.02 * np.abs(kernel).max())
    assert (fits.r_squared[-1] >= 0.8).sum() > 3 * (fits.r_squared[0] >= 0.8).sum()


def test_fits_of_other_kernels_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    in_own_folder(monkeypatch, tmp_path, "fashion-gabor")
    kept = kernel_fits("fashion-gabor")
    keep_kernel_fits(replace(kept, name="mine"))
    np.testing.assert_array_equal(kernel_fits("mine").fitted, kept.fitted)
    first, second = sorted((tmp_path / "mine.checkpoints").iterdir())[:2]
    shutil.copy(second, first)
    with pytest.raises(StopError):
        kernel_fits("mine", stop_after_three)
    zoo.kernel_fits_path("mine").write_bytes(b"damaged")
    with pytest.raises(StopError):
        kernel_fits("mine", stop_after_three)
