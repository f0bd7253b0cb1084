"""Examples for the cells of a confusion matrix: which cell is shown, and which images."""

import numpy as np
import pytest

from cnnviz import datasets, zoo
from cnnviz.errors import DatasetError
from cnnviz.images import image_from_pixels
from cnnviz.network.loading import load_model
from cnnviz.ui import shared
from cnnviz.ui.networks.confusion import ANY, most_frequent_cell
from cnnviz.ui.shared.confusions import positions_by_cell

CONFUSION = np.array([[90, 3, 7], [9, 80, 1], [0, 0, 50]])


@pytest.mark.parametrize(
    ("true", "predicted", "among", "cell"),
    [
        (ANY, ANY, None, (1, 0)),
        (0, ANY, None, (0, 2)),
        (ANY, 1, None, (0, 1)),
        (ANY, ANY, {(0, 0), (0, 1), (1, 2)}, (0, 1)),
        (1, ANY, {(1, 2)}, (1, 2)),
        (ANY, ANY, set(), None),
        (2, ANY, None, None),
        (2, ANY, {(2, 0)}, None),
        (2, 2, set(), (2, 2)),
        (2, 0, set(), (2, 0)),
    ],
)
def test_the_most_frequent_confusion_that_was_asked_for_is_chosen(
    true: int,
    predicted: int,
    among: set[tuple[int, int]] | None,
    cell: tuple[int, int] | None,
) -> None:
    assert most_frequent_cell(CONFUSION, true, predicted, among) == cell


def test_positions_are_sorted_by_cell_and_at_most_nine() -> None:
    labels = np.array([1, 0, 1, 1, *[0] * 12])
    predicted = np.array([0, 0, 1, 0, *[0] * 12])
    assert positions_by_cell(labels, predicted) == {
        (1, 0): (0, 3),
        (1, 1): (2,),
        (0, 0): (1, *range(4, 12)),
    }


@pytest.mark.parametrize("name", ["fashion-cnn", "fashion-cnn-gap", "fashion-gabor"])
def test_without_a_test_set_the_bundled_samples_that_the_network_misclassifies_are_shown(
    name: str,
) -> None:
    network, samples = load_model(name), datasets.fashion_mnist_samples()
    expected: dict[tuple[int, int], list[np.ndarray]] = {}
    for pixels, label in zip(samples.images, samples.labels.tolist(), strict=True):
        answer = network.predict(image_from_pixels(pixels), top=1)[0].class_index
        expected.setdefault((label, answer), []).append(np.stack([pixels] * 3, axis=-1))
    examples = shared.confusion_examples(name)
    assert set(examples.positions) == set(expected)
    for cell, images in expected.items():
        np.testing.assert_array_equal(examples.of(*cell), images[:9])
    assert examples.of(5, 0) == []
    counted = zoo.training_record(name).confusion
    assert all(counted[cell] >= len(images) for cell, images in expected.items())


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["fashion-cnn", "mnist-cnn", "svhn-gabor", "cats-dogs-150"])
def test_recorded_examples_are_those_that_the_network_misclassifies(name: str) -> None:
    network, record = load_model(name), zoo.training_record(name)
    try:
        shared.test_images(record.facts["data"])
    except DatasetError as error:
        pytest.skip(str(error))
    examples = shared.confusion_examples(name)
    if examples.advice:
        pytest.skip(examples.advice)
    answers = [
        (predicted, network.predict(image_from_pixels(image), top=1)[0].class_index)
        for true, predicted in examples.positions
        for image in examples.of(true, predicted)
    ]
    recorded, found = np.array(answers).T
    assert np.mean(recorded == found) > 0.98  # rounding decides a close one elsewhere
