"""Template matching: a linear classifier, whose ten rows of weights are images themselves."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cnnviz import paths
from cnnviz.arrays import frozen_arrays
from cnnviz.checks import check_choice
from cnnviz.datasets import LabeledImages, data_set
from cnnviz.errors import DatasetError, InvalidImageError
from cnnviz.files import write_atomically
from cnnviz.images import ImageInput, center_view

NUM_TRAINING = 20_000  # images; more change the templates little
MAX_SHIFT_PX = 8
_BATCH = 2000  # images that are measured at once


# λ by data set, as large as smooth templates need. Smaller ones classify a few more images of
# clothing and animals correctly, and their templates drown in noise.
PENALTIES = {"fashion-mnist": 0.05, "cifar-10": 0.4, "svhn": 0.125}


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(weights=np.float32, bias=np.float32, accuracies=np.float32)
class LinearClassifier:
    """Softmax regression on pixels: scores = W·x + b with x = pixels / 255.

    Attributes
    ----------
    weights : float32 ndarray of shape (num_classes, h, w, C)
        The rows of W in the shape of an image: one template for each class. C is 1 or 3.
    bias : float32 ndarray of shape (num_classes,)
    class_names : tuple of str
    accuracies : float32 ndarray of shape (2·MAX_SHIFT_PX + 1,)
        Share of the test images that are classified correctly when they are shifted by
        -MAX_SHIFT_PX to MAX_SHIFT_PX pixels to the right.
    commonest : float
        Share that is right if every image is called what is commonest among the training ones.
    num_training, num_test_images : int
    test_title, origin : str
        What it was measured on, and where the images come from.
    penalty : float
        λ of the loss: mean cross-entropy + λ/2 · sum of the squared weights.
    """

    weights: np.ndarray
    bias: np.ndarray
    class_names: tuple[str, ...]
    accuracies: np.ndarray
    commonest: float
    num_training: int
    num_test_images: int
    test_title: str
    origin: str
    penalty: float

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Rows, columns and channels of the images that it takes."""
        height, width, channels = self.weights.shape[1:]
        return height, width, channels

    @property
    def accuracy(self) -> float:
        """Share of the test images, not shifted, that it classifies correctly."""
        return float(self.accuracies[MAX_SHIFT_PX])

    def view(self, image: ImageInput) -> np.ndarray:
        """Show an image as the classifier sees it, uint8 (h, w, C)."""
        height, width, channels = self.input_shape
        return center_view(image, height, width, is_grayscale=channels == 1)[..., :channels]

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """Score every class: one sum of products each, plus its bias.

        Parameters
        ----------
        pixels : uint8 ndarray of shape (..., h, w, C)
            One image, or many.

        Returns
        -------
        float64 ndarray of shape (..., num_classes)

        Raises
        ------
        InvalidImageError
            If the pixels have another type or shape.
        """
        if pixels.dtype != np.uint8 or pixels.shape[-3:] != self.input_shape:
            raise InvalidImageError(
                f"Expected uint8 pixels of shape {self.input_shape}, got {pixels.dtype} of shape "
                f"{pixels.shape}. Bring the image to its size with `view`."
            )
        flat = pixels.reshape(*pixels.shape[:-3], -1) / 255
        return flat @ self.weights.reshape(len(self.bias), -1).T.astype(np.float64) + self.bias

    def products(self, pixels: np.ndarray, class_index: int) -> np.ndarray:
        """Multiply the template of a class with an image, number by number.

        Returns
        -------
        float64 ndarray of shape (h, w, C)
            Their sum and the bias of the class are its score.
        """
        return self.weights[class_index].astype(np.float64) * pixels / 255


def shifted(pixels: np.ndarray, right: int, down: int) -> np.ndarray:
    """Shift images by whole pixels.

    Parameters
    ----------
    pixels : ndarray of shape (..., h, w, C)
    right, down : int
        Negative for left and up.

    Returns
    -------
    ndarray of the same shape
        What comes in at the edge is black in gray images, as the background of Fashion-MNIST
        is; in color images the edge pixels go on.

    Examples
    --------
    >>> shifted(np.array([[[1], [2], [3]]]), 1, 0)[..., 0].tolist()
    [[0, 1, 2]]
    """
    height, width, channels = pixels.shape[-3:]
    around = [(0, 0)] * (pixels.ndim - 3)
    around += [(max(down, 0), max(-down, 0)), (max(right, 0), max(-right, 0)), (0, 0)]
    padded = np.pad(pixels, around, mode="constant" if channels == 1 else "edge")
    top, left = max(-down, 0), max(-right, 0)
    return padded[..., top : top + height, left : left + width, :]


def train_linear(data_name: str) -> LinearClassifier:
    """Fit a linear classifier to the training part of a data set and measure it on the other.

    Minimised is the mean cross-entropy of the softmax plus λ/2 times the sum of the squared
    weights, by L-BFGS. The mean training image is taken away first; in the classifier that is
    handed out this is part of the bias.

    Raises
    ------
    InvalidParameterError
        If there is no such data set.
    DatasetError
        If it is not on this computer.
    """
    from sklearn.linear_model import LogisticRegression

    check_choice("data", data_name, PENALTIES)
    load, penalty = data_set(data_name).load, PENALTIES[data_name]
    training, test_set = load("train"), load("test")
    images, labels = _with_channels(training)[:NUM_TRAINING], training.labels[:NUM_TRAINING]
    pixels = images.reshape(len(images), -1).astype(np.float32) / 255
    mean = pixels.mean(axis=0)
    strength = 1 / (penalty * len(labels))  # scikit-learn adds the losses of all images
    fitted = LogisticRegression(C=strength, max_iter=1000).fit(pixels - mean, labels)
    classifier = LinearClassifier(
        weights=fitted.coef_.reshape(-1, *images.shape[1:]),
        bias=fitted.intercept_ - fitted.coef_ @ mean,
        class_names=training.class_names,
        accuracies=np.zeros(2 * MAX_SHIFT_PX + 1),
        commonest=float(np.mean(test_set.labels == np.bincount(labels).argmax())),
        num_training=len(labels),
        num_test_images=len(test_set.labels),
        test_title=test_set.title,
        origin=test_set.origin,
        penalty=penalty,
    )
    return replace(classifier, accuracies=shift_accuracies(classifier, test_set))


def shift_accuracies(classifier: LinearClassifier, labeled: LabeledImages) -> np.ndarray:
    """Measure how many images are classified correctly when all are shifted to the side.

    Returns
    -------
    float64 ndarray of shape (2·MAX_SHIFT_PX + 1,)
        Shares, for shifts from -MAX_SHIFT_PX (left) to MAX_SHIFT_PX pixels (right).
    """
    images = _with_channels(labeled)
    shares = []
    for right in range(-MAX_SHIFT_PX, MAX_SHIFT_PX + 1):
        num_right = 0
        for first in range(0, len(images), _BATCH):
            batch = shifted(images[first : first + _BATCH], right, 0)
            predictions = classifier.scores(batch).argmax(axis=-1)
            num_right += int((predictions == labeled.labels[first : first + _BATCH]).sum())
        shares.append(num_right / len(images))
    return np.array(shares)


def _with_channels(labeled: LabeledImages) -> np.ndarray:
    images = labeled.images
    return images if images.ndim == 4 else images[..., np.newaxis]


def save_linear(
    classifier: LinearClassifier, data_name: str, folder: Path = paths.NEW_MODELS
) -> Path:
    """Write a classifier as ``DATA.linear.npz``."""
    path = folder / f"{data_name}.linear.npz"

    def write(file: BinaryIO) -> None:
        np.savez_compressed(
            file,
            weights=classifier.weights,
            bias=classifier.bias,
            class_names=np.array(classifier.class_names),
            accuracies=classifier.accuracies,
            figures=[classifier.commonest, classifier.penalty],
            counts=[classifier.num_training, classifier.num_test_images],
            texts=np.array([classifier.test_title, classifier.origin]),
        )

    write_atomically(path, write)
    return path


def load_linear(data_name: str, folder: Path = paths.MODELS) -> LinearClassifier:
    """Read what `save_linear` wrote; `DatasetError` if it is not there or damaged."""
    path = folder / f"{data_name}.linear.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            commonest, penalty = arrays["figures"].tolist()
            num_training, num_test_images = arrays["counts"].tolist()
            test_title, origin = arrays["texts"].tolist()
            return LinearClassifier(
                weights=arrays["weights"],
                bias=arrays["bias"],
                class_names=tuple(arrays["class_names"].tolist()),
                accuracies=arrays["accuracies"],
                commonest=commonest,
                num_training=num_training,
                num_test_images=num_test_images,
                test_title=test_title,
                origin=origin,
                penalty=penalty,
            )
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"The classifier {path.name} cannot be read. Make it: "
            f"python -m cnnviz linear {data_name}."
        ) from error
