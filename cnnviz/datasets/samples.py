"""The pictures that come with the installation; `samples/README.md` tells their story."""

from functools import lru_cache
from importlib import resources

import numpy as np

from cnnviz.datasets.fashion import FASHION_CLASSES, FASHION_ORIGIN
from cnnviz.datasets.records import LabelledImages
from cnnviz.datasets.street_view import DIGITS, SVHN_TERMS

# positions in the official test set, in the order of the bundled file
SVHN_SAMPLE_INDICES = (3, 2, 1, 0)


@lru_cache(maxsize=1)
def fashion_mnist_samples() -> LabelledImages:
    """Give the first 20 test pictures of each Fashion-MNIST class, class by class: (200, 28, 28).

    They come with cnnviz; no network and no data set is needed.
    """
    images, labels = _bundled("fashion_mnist_test.npz")
    title = "Fashion-MNIST, 20 test pictures of each class"
    return LabelledImages(images, labels, FASHION_CLASSES, title, FASHION_ORIGIN)


@lru_cache(maxsize=1)
def svhn_samples() -> LabelledImages:
    """Give four real street-view digits (0, 1, 2 and 5): (4, 32, 32, 3).

    They come with cnnviz; no network and no data set is needed.
    """
    images, labels = _bundled("svhn_test.npz")
    origin = f"{SVHN_TERMS}; four test pictures, as the Python package ccexam carries them."
    return LabelledImages(images, labels, DIGITS, "SVHN, four test digits", origin)


def _bundled(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels of one file in `cnnviz/samples`."""
    with (
        resources.files("cnnviz").joinpath("samples", name).open("rb") as file,
        np.load(file, allow_pickle=False) as arrays,
    ):
        return arrays["images"], arrays["labels"]
