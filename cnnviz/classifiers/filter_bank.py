"""A classifier that sees nothing but the means and variances of a filter bank's responses."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from cnnviz import paths
from cnnviz.arrays import frozen_arrays
from cnnviz.datasets import LabeledImages, data_set
from cnnviz.errors import DatasetError
from cnnviz.files import write_atomically
from cnnviz.filter_banks import FilterBank, bank_features, gabor_bank
from cnnviz.images import luma

NUM_TRAINING = 12_000  # images; more hardly help so small a classifier


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(weights=np.float32, bias=np.float32, mean=np.float32, scale=np.float32)
class BankClassifier:
    """Multinomial logistic regression on the features of `feature_bank`.

    Attributes
    ----------
    weights : float32 ndarray of shape (num_features, num_classes)
    bias : float32 ndarray of shape (num_classes,)
    mean, scale : float32 ndarray of shape (num_features,)
        Features are brought to ``(features - mean) / scale`` first.
    accuracy : float
        Share of the test images that it classifies correctly.
    num_training, num_test_images : int
    """

    weights: np.ndarray
    bias: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    accuracy: float
    num_training: int
    num_test_images: int

    def standardized(self, features: np.ndarray) -> np.ndarray:
        """Bring features to mean 0 and spread 1, as on the training images."""
        return (features - self.mean) / self.scale

    def predictions(self, features: np.ndarray) -> np.ndarray:
        """Name the class of each row of features, int64 (N,)."""
        return (self.standardized(features) @ self.weights + self.bias).argmax(axis=1)


def feature_bank() -> FilterBank:
    """Return the bank whose responses are the features: 24 Gabor filters for small images."""
    return gabor_bank((0.4, 0.25, 0.15), np.arange(8) * np.pi / 8, None, remove_dc=True)


def gray_images(labeled: LabeledImages) -> np.ndarray:
    """Return images as gray values from 0 to 1, float32 (N, h, w)."""
    images = labeled.images
    return images.astype(np.float32) / 255 if images.ndim == 3 else luma(images)


def train_classifier(data_name: str) -> BankClassifier:
    """Fit a classifier to the training part of a data set and measure it on the test set.

    Raises
    ------
    InvalidParameterError
        If there is no such data set.
    DatasetError
        If it is not on this computer.
    """
    from sklearn.linear_model import LogisticRegression

    load = data_set(data_name).load
    training, test_set = load("train"), load("test")
    bank = feature_bank()
    images, labels = gray_images(training)[:NUM_TRAINING], training.labels[:NUM_TRAINING]
    features = bank_features(bank, images)
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-9)
    fitted = LogisticRegression(max_iter=2000).fit((features - mean) / scale, labels)
    weights, bias = fitted.coef_.T, fitted.intercept_
    if len(bias) == 1:  # of two classes scikit-learn keeps the second one's numbers only
        weights, bias = np.hstack([-weights, weights]), np.hstack([-bias, bias])
    classifier = BankClassifier(weights, bias, mean, scale, 0.0, len(labels), len(test_set.labels))
    predictions = classifier.predictions(bank_features(bank, gray_images(test_set)))
    accuracy = float(np.mean(predictions == test_set.labels))
    return replace(classifier, accuracy=accuracy)


def save_classifier(
    classifier: BankClassifier, data_name: str, folder: Path = paths.NEW_MODELS
) -> Path:
    """Write a classifier as ``DATA.bank.npz``."""
    path = folder / f"{data_name}.bank.npz"

    def write(file: BinaryIO) -> None:
        np.savez_compressed(
            file,
            weights=classifier.weights,
            bias=classifier.bias,
            mean=classifier.mean,
            scale=classifier.scale,
            figures=[classifier.accuracy, classifier.num_training, classifier.num_test_images],
        )

    write_atomically(path, write)
    return path


def load_classifier(data_name: str, folder: Path = paths.MODELS) -> BankClassifier:
    """Read what `save_classifier` wrote; `DatasetError` if it is not there or damaged."""
    path = folder / f"{data_name}.bank.npz"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            accuracy, num_training, num_test_images = arrays["figures"]
            return BankClassifier(
                weights=arrays["weights"],
                bias=arrays["bias"],
                mean=arrays["mean"],
                scale=arrays["scale"],
                accuracy=float(accuracy),
                num_training=int(num_training),
                num_test_images=int(num_test_images),
            )
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"The classifier {path.name} cannot be read. Make it: "
            f"python -m cnnviz bank {data_name}."
        ) from error


def nearest(features: np.ndarray, place: int, count: int) -> np.ndarray:
    """Find the images most like one, by the distance of their standardized features.

    Returns
    -------
    int64 ndarray of shape (count,)
        Places, the nearest first, without the image itself.
    """
    distances = ((features - features[place]) ** 2).sum(axis=1)
    distances[place] = np.inf
    return np.argsort(distances, kind="stable")[:count]
