"""Collections of images to ask a whole network about: bundled, so they are there everywhere."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cnnviz.datasets.gallery import DRAWN_PER_DIGIT, NATURAL_IMAGES, sample_image
from cnnviz.datasets.records import LabeledImages
from cnnviz.datasets.samples import fashion_mnist_samples, svhn_samples
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels

MAX_IMAGES = 1000
_PARTS_A_SIDE = 3


@dataclass(frozen=True, slots=True)
class Collection:
    """Images and what they show.

    Attributes
    ----------
    name, title : str
    images : tuple of ImageInput
    labels : tuple of str
        What each shows; the groups by which they can be colored.
    """

    name: str
    title: str
    images: tuple[ImageInput, ...]
    labels: tuple[str, ...]

    def thinned(self, most: int) -> "Collection":
        """Keep at most so many images, evenly from all of them."""
        count = len(self.images)
        if count <= most:
            return self
        places = np.linspace(0, count - 1, most).astype(int)
        return Collection(
            self.name,
            f"{self.title} ({most} of {count:,})",
            tuple(self.images[place] for place in places),
            tuple(self.labels[place] for place in places),
        )


@lru_cache(maxsize=4)
def collection(name: str) -> Collection:
    """Return one of the bundled collections: ``clothing``, ``digits`` or ``photographs``.

    Raises
    ------
    InvalidParameterError
        If there is no such collection.
    """
    if name not in _COLLECTIONS:
        raise InvalidParameterError(
            f"There is no collection {name!r}. Choose one of: {', '.join(_COLLECTIONS)}."
        )
    return _COLLECTIONS[name]()


def collection_of(name: str, labeled: LabeledImages) -> Collection:
    """Make a collection of a data set: at most 1,000 images, evenly spread over it.

    Parameters
    ----------
    name : str
    labeled : LabeledImages

    Returns
    -------
    Collection
    """
    count = min(len(labeled.images), MAX_IMAGES)
    places = np.linspace(0, len(labeled.images) - 1, count).astype(int)
    images = tuple(image_from_pixels(labeled.images[place]) for place in places)
    labels = tuple(labeled.class_names[labeled.labels[place]] for place in places)
    return Collection(name, f"{labeled.title}: {count:,} labeled", images, labels)


def _clothing() -> Collection:
    return collection_of("clothing", fashion_mnist_samples())


def _digits() -> Collection:
    real = collection_of("digits", svhn_samples())
    names = [(digit, i + 1) for digit in range(10) for i in range(DRAWN_PER_DIGIT)]
    drawn = tuple(sample_image("house-numbers", f"digit-{digit}-{i}") for digit, i in names)
    return Collection(
        "digits",
        "100 drawn house numbers and four real ones (SVHN)",
        drawn + real.images,
        tuple(str(digit) for digit, _ in names) + real.labels,
    )


def _photographs() -> Collection:
    """Every photograph and nine overlapping parts of it, each half as wide and high."""
    images, labels = [], []
    for name, (_, label) in NATURAL_IMAGES.items():
        whole = sample_image("natural", name)
        height, width = whole.pixels.shape[:2]
        images.append(whole)
        for top in np.linspace(0, height - height // 2, _PARTS_A_SIDE).astype(int):
            for left in np.linspace(0, width - width // 2, _PARTS_A_SIDE).astype(int):
                part = whole.pixels[top : top + height // 2, left : left + width // 2]
                images.append(image_from_pixels(part))
        labels += [label] * (1 + _PARTS_A_SIDE**2)
    title = f"{len(NATURAL_IMAGES)} photographs and nine parts of each"
    return Collection("photographs", title, tuple(images), tuple(labels))


_COLLECTIONS: dict[str, Callable[[], Collection]] = {
    "clothing": _clothing,
    "digits": _digits,
    "photographs": _photographs,
}
