"""The picture picker: every picture has a source, a name for the URL and a label for people."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources

import numpy as np

from cnnviz.datasets.fashion_mnist import FASHION_ORIGIN
from cnnviz.datasets.records import PictureSource
from cnnviz.datasets.samples import SVHN_SAMPLE_INDICES, fashion_mnist_samples, svhn_samples
from cnnviz.datasets.svhn import SVHN_TERMS, svhn, svhn_path
from cnnviz.datasets.synthetic_digits import draw_house_number
from cnnviz.errors import DatasetError, InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels, read_image

# name in the URL -> (file of scikit-image, label); only files inside its wheel, never a download
NATURAL_PICTURES = {
    "chelsea": ("chelsea.png", "Chelsea the cat"),
    "coffee": ("coffee.png", "Cup of coffee"),
    "astronaut": ("astronaut.png", "Astronaut Eileen Collins"),
    "rocket": ("rocket.jpg", "Rocket on its launch pad"),
    "camera": ("camera.png", "Man with a camera"),
    "clock": ("clock_motion.png", "Clock, blurred by motion"),
    "coins": ("coins.png", "Greek coins"),
    "brick": ("brick.png", "Brick wall"),
}
DRAWN_PER_DIGIT = 10
FULL_SET_PER_DIGIT = 12

SOURCES = (
    PictureSource(
        name="natural",
        title="Photographs",
        origin="Photographs that come with scikit-image, free of copyright restrictions.",
        is_drawn=False,
        small=False,
    ),
    PictureSource(
        name="svhn",
        title="Street view (SVHN)",
        origin=f"{SVHN_TERMS}.",
        is_drawn=False,
        small=True,
    ),
    PictureSource(
        name="house-numbers",
        title="House numbers, drawn",
        origin="Drawn by cnnviz to look like street-view digits; these are no photographs.",
        is_drawn=True,
        small=True,
    ),
    PictureSource(
        name="fashion-mnist",
        title="Clothing (Fashion-MNIST)",
        origin=FASHION_ORIGIN,
        is_drawn=False,
        small=True,
    ),
)


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str
    image: Callable[[], ImageInput]


def picture_names(source_name: str) -> tuple[str, ...]:
    """Names of the pictures of one source, fit for a URL, such as ``"ankle-boot-3"``.

    Raises
    ------
    InvalidParameterError
        If there is no such source.
    DatasetError
        If a data set on this computer is damaged.
    """
    return tuple(_entries(source_name))


def picture(source_name: str, picture_name: str) -> ImageInput:
    """Give one picture of the picker.

    Raises
    ------
    InvalidParameterError
        If there is no such source or picture; the message lists what there is.
    DatasetError
        If a data set on this computer is damaged.
    """
    return _entry(source_name, picture_name).image()


def picture_label(source_name: str, picture_name: str) -> str:
    """Name a picture for people, such as ``"Ankle boot 3"``; errors as in `picture`."""
    return _entry(source_name, picture_name).label


def natural_pictures() -> dict[str, ImageInput]:
    """Give the photographs of scikit-image that suit an ImageNet network, by name."""
    return {name: _natural(name) for name in NATURAL_PICTURES}


def _entries(source_name: str) -> dict[str, _Entry]:
    """All pictures of one source by name, in the order of the picker."""
    listings: dict[str, Callable[[], dict[str, _Entry]]] = {
        "natural": _natural_entries,
        "svhn": _svhn_entries,
        "house-numbers": _drawn_entries,
        "fashion-mnist": _fashion_entries,
    }
    if source_name not in listings:
        message = f"There are no pictures called {source_name!r}. Choose one of:"
        raise InvalidParameterError(f"{message} {', '.join(listings)}.")
    return listings[source_name]()


def _entry(source_name: str, picture_name: str) -> _Entry:
    entries = _entries(source_name)
    if picture_name not in entries:
        message = f"{source_name!r} has no picture {picture_name!r}. Choose one of:"
        raise InvalidParameterError(f"{message} {', '.join(entries)}.")
    return entries[picture_name]


@lru_cache(maxsize=1)
def _natural_entries() -> dict[str, _Entry]:
    return {
        name: _Entry(label, partial(_natural, name))
        for name, (_, label) in NATURAL_PICTURES.items()
    }


@lru_cache(maxsize=1)
def _fashion_entries() -> dict[str, _Entry]:
    samples = fashion_mnist_samples()
    entries = {}
    for class_index, class_name in enumerate(samples.class_names):
        slug = class_name.lower().replace(" ", "-").replace("/", "-")
        for number, pixels in enumerate(samples.images[samples.labels == class_index], start=1):
            image = partial(image_from_pixels, pixels)
            entries[f"{slug}-{number}"] = _Entry(f"{class_name} {number}", image)
    return entries


@lru_cache(maxsize=1)
def _drawn_entries() -> dict[str, _Entry]:
    return {
        f"digit-{digit}-{number}": _Entry(
            f"Digit {digit}, drawn, number {number}", partial(_drawn, digit, number)
        )
        for digit in range(10)
        for number in range(1, DRAWN_PER_DIGIT + 1)
    }


def _svhn_entries() -> dict[str, _Entry]:
    """Four bundled digits, then some of the whole test set if it is on this computer."""
    samples = svhn_samples()
    entries = {
        f"svhn-{index}-{digit}": _Entry(
            f"Digit {digit}, street view", partial(image_from_pixels, pixels)
        )
        for index, digit, pixels in zip(
            SVHN_SAMPLE_INDICES, samples.labels, samples.images, strict=True
        )
    }
    path = svhn_path("test")
    if path is not None:
        entries |= _full_svhn_entries(str(path), path.stat().st_mtime_ns)
    return entries


@lru_cache(maxsize=2)
def _full_svhn_entries(path: str, modified_ns: int) -> dict[str, _Entry]:
    """First pictures of each digit; path and time are the cache's key to the file `svhn` reads."""
    digits = svhn("test")
    entries = {}
    for digit in range(10):
        for index in np.flatnonzero(digits.labels == digit)[:FULL_SET_PER_DIGIT]:
            label = f"Digit {digit}, street view, test picture {index}"
            image = partial(image_from_pixels, digits.images[index].copy())
            entries[f"test-{index:05d}-digit-{digit}"] = _Entry(label, image)
    return entries


@lru_cache(maxsize=len(NATURAL_PICTURES))
def _natural(name: str) -> ImageInput:
    file_name, _ = NATURAL_PICTURES[name]
    file = resources.files("skimage").joinpath("data", file_name)
    if not file.is_file():
        message = f"scikit-image came without its picture {file_name}. Install it again with pip."
        raise DatasetError(message)
    return read_image(file.read_bytes())


@lru_cache(maxsize=10 * DRAWN_PER_DIGIT)
def _drawn(digit: int, number: int) -> ImageInput:
    return image_from_pixels(draw_house_number(digit, seed=number))
