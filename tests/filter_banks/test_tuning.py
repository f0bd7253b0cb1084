"""Gratings, tuning curves of kernels and channels, features and the classifier on them."""

import math
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from cnnviz import datasets
from cnnviz.classifiers.filter_bank import (
    BankClassifier,
    feature_bank,
    gray_images,
    load_classifier,
    nearest,
    save_classifier,
    train_classifier,
)
from cnnviz.cli import main
from cnnviz.datasets import LabeledImages
from cnnviz.errors import (
    DatasetError,
    InvalidImageError,
    InvalidParameterError,
    UnknownLayerError,
)
from cnnviz.features.orientation_tuning import network_tuning
from cnnviz.filter_banks import (
    bank_features,
    gabor_kernel,
    gradient_bank,
    grating,
    image_spectrum,
    kernel_tuning,
)
from cnnviz.network.inspection import wrap_model
from cnnviz.zoo import card_for_model
from tests.builders.data_sets import add_data_set

THETAS = [place * math.pi / 12 for place in range(12)]


def test_a_grating_has_its_frequency_and_direction() -> None:
    for theta in (0.0, 0.7, 2.0):
        spectrum = image_spectrum(grating(128, 0.125, theta))
        row, column = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
        down, right = (row - 64) / 128, (column - 64) / 128
        assert math.hypot(down, right) == pytest.approx(0.125, abs=0.01)
        assert abs(math.cos(math.atan2(down, right) - theta)) > 0.99
    for size, frequency, message in ((4, 0.1, "8 to 512"), (64, 0.6, "above 0 to 0.5")):
        with pytest.raises(InvalidParameterError, match=message):
            grating(size, frequency, 0)


@pytest.mark.parametrize("theta", THETAS[::2])
def test_a_gabor_prefers_its_own_direction_and_has_half_the_amplitude_there(theta: float) -> None:
    kernel = gabor_kernel(0.2, theta, 4.0)
    curve = kernel_tuning(kernel, 0.2, THETAS)
    assert THETAS[int(curve.argmax())] == pytest.approx(theta)
    envelope = np.abs(kernel).sum()
    assert curve.max() == pytest.approx(0.5 * envelope, rel=1e-3)
    across = (theta + math.pi / 2) % math.pi
    assert curve[np.argmin(np.abs(np.array(THETAS) - across))] < 1e-3


def test_the_curve_is_the_amplitude_of_the_answer_to_a_real_grating() -> None:
    from cnnviz.convolution import correlate

    kernel = gradient_bank("sobel", 2).kernels[0].real
    for theta, expected in zip(THETAS, kernel_tuning(kernel, 0.125, THETAS), strict=True):
        waves = [
            correlate(grating(96, 0.125, theta, phase), kernel)[40:56, 40:56]
            for phase in (0.0, math.pi / 2)
        ]
        np.testing.assert_allclose(np.hypot(*waves), expected, atol=1e-4)


def test_a_network_that_is_one_kernel_has_that_kernels_curve() -> None:
    kernel = gabor_kernel(0.125, THETAS[3], 2.0, size_px=15, remove_dc=True).real
    pixels = keras.Input((64, 64, 1))
    maps = keras.layers.Conv2D(1, 15, use_bias=False, name="conv")(pixels)
    outputs = keras.layers.Dense(2)(keras.layers.Flatten()(maps))
    network = keras.Model(pixels, outputs)
    network.get_layer("conv").set_weights([kernel[..., None, None]])
    model = wrap_model(network, card_for_model(network, "one"))
    measured = network_tuning(model, "conv", 0.125, THETAS)[:, 0]
    expected = kernel_tuning(kernel, 0.125, THETAS)
    assert int(measured.argmax()) == int(expected.argmax()) == 3
    # the mean size of a cosine wave is 2/π of its amplitude
    assert measured[3] == pytest.approx(2 / math.pi * expected[3], rel=0.03)
    with pytest.raises(UnknownLayerError, match="no layer 'dense' with maps"):
        network_tuning(model, "dense", 0.1, THETAS)


def test_features_are_mean_and_variance_of_the_responses() -> None:
    bank = feature_bank()
    images = np.random.default_rng(0).random((3, 28, 28)).astype(np.float32)
    features = bank_features(bank, images)
    assert features.shape == (3, 48)
    for image, row in zip(images, features, strict=True):
        responses = bank.responses(image)
        np.testing.assert_allclose(row[:24], responses.mean(axis=(1, 2)), rtol=1e-4)
        np.testing.assert_allclose(row[24:], responses.var(axis=(1, 2)), rtol=1e-3, atol=1e-7)
    real = gradient_bank()
    expected = real.responses(images[0]).mean(axis=(1, 2))
    np.testing.assert_allclose(bank_features(real, images)[0, :8], expected, rtol=1e-4)
    with pytest.raises(InvalidImageError, match="Expected finite gray images"):
        bank_features(bank, np.zeros((2, 8, 8, 3), np.float32))


@pytest.fixture
def stripes(monkeypatch: pytest.MonkeyPatch) -> LabeledImages:
    """Images whose stripes run across or down: what a filter bank is good at."""
    rng = np.random.default_rng(0)
    labels = np.arange(80) % 2
    waves = np.stack([grating(28, 0.2, label * math.pi / 2, rng.uniform(0, 6)) for label in labels])
    images = np.rint(np.clip(waves + rng.normal(0, 0.2, waves.shape), 0, 1) * 255)
    labeled = LabeledImages(
        images.astype(np.uint8), labels, ("across", "down"), "stripes", "Made by the tests."
    )
    add_data_set(monkeypatch, "stripes", lambda split: labeled)
    return labeled


def test_colored_images_are_reduced_to_the_luma_of_the_networks() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), np.uint8)
    labeled = LabeledImages(images, np.arange(3), ("a", "b", "c"), "noise", "Made by the tests.")
    gray = gray_images(labeled)
    assert gray.dtype == np.float32
    by_pillow = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in images])
    assert np.abs(gray * 255 - by_pillow).max() <= 0.5 + 1e-4


def test_a_classifier_on_features_learns_directions_and_comes_back_from_its_file(
    stripes: LabeledImages, tmp_path: Path
) -> None:
    classifier = train_classifier("stripes")
    assert classifier.accuracy == 1.0
    save_classifier(classifier, "stripes", tmp_path)
    again = load_classifier("stripes", tmp_path)
    assert isinstance(again, BankClassifier)
    features = bank_features(feature_bank(), gray_images(stripes))
    np.testing.assert_array_equal(again.predictions(features), stripes.labels)
    alike = nearest(again.standardized(features), 0, 5)
    assert 0 not in alike
    assert set(stripes.labels[alike]) == {0}


def test_what_is_missing_is_explained(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameterError, match="data must be one of: fashion-mnist, mnist"):
        train_classifier("imagenet")
    with pytest.raises(DatasetError, match="python -m cnnviz bank svhn"):
        load_classifier("svhn", tmp_path)
    (tmp_path / "svhn.bank.npz").write_bytes(b"x")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_classifier("svhn", tmp_path)


def test_the_command_writes_a_classifier(
    stripes: LabeledImages, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bank", "stripes", "--folder", str(tmp_path)]) == 0
    assert "Accuracy 100.00% on 80 test images" in capsys.readouterr().out


def test_the_shipped_classifier_beats_chance_on_the_bundled_samples() -> None:
    samples = datasets.fashion_mnist_samples()
    classifier = load_classifier("fashion-mnist")
    answers = classifier.predictions(bank_features(feature_bank(), gray_images(samples)))
    right = float(np.mean(answers == samples.labels))
    assert right == pytest.approx(classifier.accuracy, abs=0.08)
    assert classifier.accuracy > 0.7
