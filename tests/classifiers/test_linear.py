"""Template matching: scores are sums of products, and what is shipped is as good as it says."""

from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import scipy.special

from cnnviz import datasets
from cnnviz.classifiers.linear import (
    MAX_SHIFT_PX,
    PENALTIES,
    load_linear,
    save_linear,
    shift_accuracies,
    shifted,
    train_linear,
)
from cnnviz.cli import main
from cnnviz.datasets import LabeledImages, data_set
from cnnviz.errors import DatasetError, InvalidImageError, InvalidParameterError
from cnnviz.images import image_from_pixels
from tests.builders.data_sets import add_data_set
from tests.conftest import REPOSITORY

PENALTY = 0.02
SHIPPED = ("fashion-mnist", "cifar-10", "svhn")


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> LabeledImages:
    """Noisy labeled with a bright square at the left, in the middle or at the right."""
    rng = np.random.default_rng(0)
    labels = np.arange(90) % 3
    images = rng.integers(0, 90, (90, 6, 9, 3))
    for image, label in zip(images, labels, strict=True):
        image[2:4, 3 * label : 3 * label + 3] += 150
    labeled = LabeledImages(
        images.astype(np.uint8), labels, ("left", "middle", "right"), "squares", "Made by tests."
    )
    add_data_set(monkeypatch, "squares", lambda split: labeled)
    monkeypatch.setitem(PENALTIES, "squares", PENALTY)
    return labeled


def test_training_ends_where_the_slope_of_the_loss_is_zero(squares: LabeledImages) -> None:
    classifier = train_linear("squares")
    pixels = squares.images.reshape(90, -1) / 255
    weights = classifier.weights.reshape(3, -1).astype(np.float64)
    errors = scipy.special.softmax(pixels @ weights.T + classifier.bias, axis=1)
    errors[np.arange(90), squares.labels] -= 1
    slope = errors.T @ (pixels - pixels.mean(axis=0)) / 90 + PENALTY * weights
    assert np.abs(weights).max() > 0.1
    np.testing.assert_allclose(slope, 0, atol=2e-4)
    np.testing.assert_allclose(errors.mean(axis=0), 0, atol=2e-4)


def test_a_classifier_comes_back_from_its_file_and_knows_left_from_right(
    squares: LabeledImages, tmp_path: Path
) -> None:
    classifier = train_linear("squares")
    save_linear(classifier, "squares", tmp_path)
    again = load_linear("squares", tmp_path)
    for name in ("weights", "bias", "accuracies"):
        np.testing.assert_array_equal(getattr(again, name), getattr(classifier, name))
    assert again.class_names == ("left", "middle", "right")
    assert (again.num_training, again.num_test_images) == (90, 90)
    assert again.commonest == pytest.approx(1 / 3)
    assert (again.test_title, again.origin) == ("squares", "Made by tests.")
    assert again.accuracy == 1.0
    assert again.accuracies[MAX_SHIFT_PX + 6] < 0.5  # left looks like right by then
    assert (again.weights[0, 2:4, 0:3].mean()) > 0 > again.weights[0, 2:4, 6:9].mean()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_score_is_the_sum_of_the_product_image_and_the_bias(name: str) -> None:
    classifier = load_linear(name)
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 256, classifier.input_shape, dtype=np.uint8)
    scores = classifier.scores(pixels)
    by_hand = [
        sum(
            float(weight) * int(pixel) / 255
            for weight, pixel in zip(template.ravel(), pixels.ravel(), strict=True)
        )
        + float(bias)
        for template, bias in zip(classifier.weights, classifier.bias, strict=True)
    ]
    np.testing.assert_allclose(scores, by_hand, atol=1e-9)
    for place in range(10):
        total = classifier.products(pixels, place).sum() + classifier.bias[place]
        assert total == pytest.approx(scores[place], abs=1e-9)


def test_many_images_are_scored_as_each_alone() -> None:
    classifier = load_linear("fashion-mnist")
    images = datasets.fashion_mnist_samples().images[:5, ..., np.newaxis]
    together = classifier.scores(images)
    for row, pixels in zip(together, images, strict=True):
        np.testing.assert_allclose(row, classifier.scores(pixels), atol=1e-9)


@pytest.mark.parametrize(("right", "down"), [(0, 0), (3, 0), (-2, 1), (1, -4)])
@pytest.mark.parametrize(("channels", "mode"), [(1, "constant"), (3, "nearest")])
def test_a_shift_is_that_of_scipy(right: int, down: int, channels: int, mode: str) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (2, 7, 8, channels), dtype=np.uint8)
    expected = scipy.ndimage.shift(pixels, (0, down, right, 0), order=0, mode=mode)
    np.testing.assert_array_equal(shifted(pixels, right, down), expected)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_files_are_small(name: str) -> None:
    file = REPOSITORY / "models" / f"{name}.linear.npz"
    assert file.stat().st_size < 150_000


@pytest.mark.real_data
@pytest.mark.parametrize("name", SHIPPED)
def test_the_shipped_accuracy_is_found_again_on_the_real_images(name: str) -> None:
    classifier = load_linear(name)
    try:
        test_set = data_set(name).load("test")
    except DatasetError as error:
        pytest.skip(str(error))
    if len(test_set.labels) != classifier.num_test_images:
        pytest.skip("the test set on this computer is another one")
    measured = shift_accuracies(classifier, test_set)
    np.testing.assert_allclose(measured, classifier.accuracies, atol=1e-3)
    assert test_set.title == classifier.test_title


def test_clothing_is_matched_and_house_numbers_are_not() -> None:
    clothing, digits = load_linear("fashion-mnist"), load_linear("svhn")
    samples = datasets.fashion_mnist_samples()
    predictions = clothing.scores(samples.images[..., np.newaxis]).argmax(axis=1)
    right = float(np.mean(predictions == samples.labels))
    assert right == pytest.approx(clothing.accuracy, abs=0.08)
    assert clothing.accuracy > 0.75 > clothing.accuracies[0] * 3
    assert abs(digits.accuracy - digits.commonest) < 0.05


def test_a_image_of_any_size_is_cut_and_reduced() -> None:
    pixels = np.zeros((64, 100, 3), np.uint8)
    pixels[:, 18:82] = (200, 100, 50)
    view = load_linear("cifar-10").view(image_from_pixels(pixels))
    np.testing.assert_array_equal(view, np.broadcast_to((200, 100, 50), (32, 32, 3)))
    gray = load_linear("fashion-mnist").view(image_from_pixels(pixels))
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    np.testing.assert_array_equal(gray, np.full((28, 28, 1), luma))


def test_wrong_pixels_and_missing_files_are_explained(tmp_path: Path) -> None:
    classifier = load_linear("svhn")
    with pytest.raises(InvalidImageError, match=r"shape \(32, 32, 3\), got uint8 of shape \(28"):
        classifier.scores(np.zeros((28, 28, 1), np.uint8))
    with pytest.raises(InvalidImageError, match="got float64"):
        classifier.scores(np.zeros((32, 32, 3)))
    with pytest.raises(InvalidParameterError, match="data must be one of: fashion-mnist, cifar-10"):
        train_linear("imagenet")
    with pytest.raises(DatasetError, match="python -m cnnviz linear svhn"):
        load_linear("svhn", tmp_path)
    (tmp_path / "svhn.linear.npz").write_bytes(b"x")
    with pytest.raises(DatasetError, match="cannot be read"):
        load_linear("svhn", tmp_path)


def test_the_command_writes_a_classifier(
    squares: LabeledImages, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["linear", "squares", "--folder", str(tmp_path)]) == 0
    assert "Accuracy 100.00% on 90 test images" in capsys.readouterr().out
    assert load_linear("squares", tmp_path).num_training == 90
    assert main(["linear", "nothing"]) == 1
    assert ", ".join(PENALTIES) in capsys.readouterr().err
