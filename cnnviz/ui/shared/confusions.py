"""Images for the cells of a confusion matrix: of the test set, or of what is here instead."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cnnviz.datasets import LabeledImages, data_set
from cnnviz.errors import DatasetError
from cnnviz.images import image_from_pixels
from cnnviz.ui.shared.images import test_images
from cnnviz.ui.shared.networks import model, training_record
from cnnviz.ui.shell.cache import remembered
from cnnviz.zoo import TrainingRecord

MAX_EXAMPLES, MAX_CLASSIFIED = 9, 500


@dataclass(frozen=True, slots=True, eq=False)
class ConfusionExamples:
    """Images that a network has classified, and which of them belong to which cell.

    Attributes
    ----------
    images : uint8 ndarray of shape (N, h, w) or (N, h, w, 3)
    positions : mapping
        For (true class, predicted class) positions of a few such images in `images`.
    source : str
        What the images are; empty if there are none.
    advice : str
        Why these are not the images that the confusion matrix counts, and what to do to see those;
        empty if they are.
    """

    images: np.ndarray
    positions: Mapping[tuple[int, int], tuple[int, ...]]
    source: str
    advice: str

    def of(self, true: int, predicted: int) -> list[np.ndarray]:
        """Return the RGB images of one class that were classified as another."""
        return [_rgb(self.images[place]) for place in self.positions.get((true, predicted), ())]


def confusion_examples(model_name: str) -> ConfusionExamples:
    """Collect examples for the cells of a network's confusion matrix.

    They come from the test set that the network was measured on if it is on this computer, else
    from the test set that is, else from the bundled samples. Nothing is kept here, so that a test
    set counts as soon as it has arrived.
    """
    record = training_record(model_name)
    data_name = record.facts["data"]
    try:
        test_set = test_images(data_name)
    except DatasetError as error:
        advice = f"For examples of every confusion, add the whole test set. {error}"
        return _among_samples(model_name, data_name, advice)
    if _was_measured_on(record, test_set):
        source = f"the test set ({test_set.title})"
        return ConfusionExamples(test_set.images, record.examples, source, "")
    return _in_another_test_set(model_name, record, test_set)


def _among_samples(model_name: str, data_name: str, advice: str) -> ConfusionExamples:
    read_samples = data_set(data_name).samples
    if read_samples is None:
        return ConfusionExamples(np.empty((0, 1, 1), np.uint8), {}, "", advice)
    samples = read_samples()
    cells = positions_by_cell(samples.labels, predictions_of_samples(model_name, data_name))
    source = f"the bundled samples ({samples.title})"
    return ConfusionExamples(samples.images, cells, source, advice)


def _was_measured_on(record: TrainingRecord, test_set: LabeledImages) -> bool:
    """Whether the positions in a record are those of this test set: another may have its name."""
    labels = test_set.labels
    return test_set.title == record.facts.get("data_title") and all(
        place < len(labels) and labels[place] == true
        for (true, _), places in record.examples.items()
        for place in places
    )


def _in_another_test_set(
    model_name: str, record: TrainingRecord, test_set: LabeledImages
) -> ConfusionExamples:
    """Classify some of a test set that the network was not measured on."""
    places = _spread(len(test_set.labels))
    predicted = _predicted_in_test_set(model_name, record.facts["data"], len(test_set.labels))
    return ConfusionExamples(
        test_set.images[places],
        positions_by_cell(test_set.labels[places], predicted),
        f"{len(places):,} images of another test set ({test_set.title})",
        f"The matrix counts a different test set ({record.facts.get('data_title', 'unknown')}).",
    )


def positions_by_cell(
    labels: np.ndarray, predicted: np.ndarray
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Return the first nine positions for each pair of true and predicted class that occurs."""
    cells: dict[tuple[int, int], tuple[int, ...]] = {}
    for place, cell in enumerate(zip(labels.tolist(), predicted.tolist(), strict=True)):
        cells[cell] = (*cells.get(cell, ()), place)[:MAX_EXAMPLES]
    return cells


def _spread(count: int) -> np.ndarray:
    """Return at most `MAX_CLASSIFIED` positions, evenly spread over `count` images."""
    return np.linspace(0, count - 1, min(count, MAX_CLASSIFIED)).astype(int)


@remembered(8, "Classifying all samples…")
def predictions_of_samples(model_name: str, data_name: str) -> np.ndarray:
    """Predicted class of each bundled sample of a data set, int64 (N,)."""
    read_samples = data_set(data_name).samples
    assert read_samples is not None
    return _predicted_classes(model_name, read_samples().images)


@remembered(8, "Classifying test images…")
def _predicted_in_test_set(model_name: str, data_name: str, num_images: int) -> np.ndarray:
    """Predicted class of some of `num_images` test images, int64 (N,)."""
    images = test_images(data_name).images
    return _predicted_classes(model_name, images[_spread(num_images)])


def _predicted_classes(model_name: str, images: np.ndarray) -> np.ndarray:
    scores = model(model_name).logits_of_all([image_from_pixels(pixels) for pixels in images])
    return np.asarray(scores).argmax(axis=1)


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
