"""The images that come with the installation; `samples/README.md` tells their story."""

from dataclasses import replace
from functools import lru_cache
from importlib import resources

import numpy as np

from cnnviz.datasets.fashion_mnist import FASHION_CLASSES, FASHION_ORIGIN
from cnnviz.datasets.records import LabeledImages, checked_split
from cnnviz.datasets.svhn import DIGITS, SVHN_TERMS

_SAMPLES_A_CLASS, _SAMPLES_FOR_TRAINING = 20, 15
# positions in the official test set, in the order of the bundled file
SVHN_SAMPLE_INDICES = (3, 2, 1, 0)


@lru_cache(maxsize=1)
def fashion_mnist_samples() -> LabeledImages:
    """Return the first 20 test images of each Fashion-MNIST class, class by class: (200, 28, 28).

    They come with cnnviz; no network and no data set is needed.
    """
    images, labels = _bundled("fashion_mnist_test.npz")
    title = "Fashion-MNIST, 20 test images of each class"
    return LabeledImages(images, labels, FASHION_CLASSES, title, FASHION_ORIGIN)


def fashion_mnist_samples_part(split: str) -> LabeledImages:
    """Split the bundled clothing: 15 images of each class to train with, 5 to test.

    Few images, but always there. Both parts are test images of Fashion-MNIST, so accuracies are not
    comparable with published ones.

    Parameters
    ----------
    split : str
        ``"train"`` (150 images) or ``"test"`` (50), class by class.

    Returns
    -------
    LabeledImages
    """
    whole = fashion_mnist_samples()
    place_in_class = np.arange(len(whole.labels)) % _SAMPLES_A_CLASS
    is_training = place_in_class < _SAMPLES_FOR_TRAINING
    chosen = is_training if checked_split(split) == "train" else ~is_training
    title = f"Bundled clothing, {split} part: {chosen.sum()} images"
    return replace(whole, images=whole.images[chosen], labels=whole.labels[chosen], title=title)


@lru_cache(maxsize=1)
def svhn_samples() -> LabeledImages:
    """Return four real street-view digits (0, 1, 2 and 5): (4, 32, 32, 3).

    They come with cnnviz; no network and no data set is needed.
    """
    images, labels = _bundled("svhn_test.npz")
    origin = f"{SVHN_TERMS}; four test images, as the Python package ccexam carries them."
    return LabeledImages(images, labels, DIGITS, "SVHN, four test digits", origin)


def _bundled(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels of one file in `cnnviz/samples`."""
    with (
        resources.files("cnnviz").joinpath("samples", name).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return arrays["images"], arrays["labels"]
