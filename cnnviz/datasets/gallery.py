"""The sample images: each has a source, a name for the address and a label for people."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import resources
from pathlib import Path

import numpy as np

from cnnviz.checks import check_choice
from cnnviz.datasets.records import ImageSource
from cnnviz.datasets.registry import DATA_SETS, DataSet
from cnnviz.datasets.synthetic_digits import draw_house_number
from cnnviz.errors import DatasetError
from cnnviz.images import ImageInput, image_from_pixels, read_image

# name in the URL -> (file of scikit-image, label); only files inside its wheel, never a download
NATURAL_IMAGES = {
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
FULL_SET_PER_CLASS = 12

_PHOTOGRAPHS = ImageSource(
    name="natural",
    title="Photographs",
    origin="Photographs that come with scikit-image, free of copyright restrictions.",
    is_drawn=False,
    small=False,
)
_DRAWN = ImageSource(
    name="house-numbers",
    title="House numbers, drawn",
    origin="Drawn by cnnviz to look like street-view digits; these are no photographs.",
    is_drawn=True,
    small=True,
)
SOURCES = (
    _PHOTOGRAPHS,
    *(
        ImageSource(data_set.name, data_set.title, data_set.origin, is_drawn=False, small=True)
        for data_set in DATA_SETS.values()
        if data_set.samples is not None
    ),
    _DRAWN,
)


@dataclass(frozen=True, slots=True)
class _Entry:
    label: str
    image: Callable[[], ImageInput]


def sample_names(source_name: str) -> tuple[str, ...]:
    """Name the images of one source, such as ``"ankle-boot-3"``, in the order of the menu.

    Parameters
    ----------
    source_name : str
        The name of one of `SOURCES`.

    Returns
    -------
    tuple of str

    Raises
    ------
    InvalidParameterError
        If there is no such source.
    DatasetError
        If a data set on this computer is damaged.
    """
    return tuple(_entries(source_name))


def sample_image(source_name: str, image_name: str) -> ImageInput:
    """Return one of the sample images.

    Parameters
    ----------
    source_name : str
        The name of one of `SOURCES`.
    image_name : str
        One of `sample_names`.

    Returns
    -------
    ImageInput

    Raises
    ------
    InvalidParameterError
        If there is no such source or image; the message lists what there is.
    DatasetError
        If a data set on this computer is damaged.
    """
    return _entry(source_name, image_name).image()


def sample_label(source_name: str, image_name: str) -> str:
    """Return the label of an image, such as ``"Ankle boot 3"``.

    Parameters
    ----------
    source_name, image_name : str
        As for `sample_image`, with the same errors.

    Returns
    -------
    str
    """
    return _entry(source_name, image_name).label


def sample_photographs() -> dict[str, ImageInput]:
    """Return the photographs of scikit-image that suit an ImageNet network.

    Returns
    -------
    dict of str to ImageInput
    """
    return {name: _natural(name) for name in NATURAL_IMAGES}


def _entries(source_name: str) -> dict[str, _Entry]:
    """All images of one source by name, in the order of the picker."""
    with_samples = [row.name for row in DATA_SETS.values() if row.samples is not None]
    check_choice("source", source_name, [_PHOTOGRAPHS.name, *with_samples, _DRAWN.name])
    if source_name == _PHOTOGRAPHS.name:
        return _photograph_entries()
    if source_name == _DRAWN.name:
        return _drawn_entries()
    return _data_set_entries(DATA_SETS[source_name])


def _entry(source_name: str, image_name: str) -> _Entry:
    entries = _entries(source_name)
    check_choice(f"image of {source_name}", image_name, entries)
    return entries[image_name]


@lru_cache(maxsize=1)
def _photograph_entries() -> dict[str, _Entry]:
    return {
        name: _Entry(label, partial(_natural, name)) for name, (_, label) in NATURAL_IMAGES.items()
    }


@lru_cache(maxsize=1)
def _drawn_entries() -> dict[str, _Entry]:
    return {
        f"digit-{digit}-{number}": _Entry(
            f"Digit {digit}, drawn, number {number}", partial(_drawn, digit, number)
        )
        for digit in range(10)
        for number in range(1, DRAWN_PER_DIGIT + 1)
    }


def _data_set_entries(data_set: DataSet) -> dict[str, _Entry]:
    """Bundled samples, then some of the whole test set if it was added to them."""
    entries = _sample_entries(data_set.name)
    path = data_set.download.path() if data_set.download is not None else None
    if path is not None:
        entries = entries | _test_set_entries(data_set.name, path, path.stat().st_mtime_ns)
    return entries


@lru_cache(maxsize=8)
def _sample_entries(data_set_name: str) -> dict[str, _Entry]:
    """Number the samples of each class."""
    data_set = DATA_SETS[data_set_name]
    assert data_set.samples is not None
    samples, entries = data_set.samples(), {}
    for class_index, class_name in enumerate(samples.class_names):
        images = samples.images[samples.labels == class_index]
        for number, pixels in enumerate(images, start=1):
            label = data_set.item.format(class_name) + (f" {number}" if len(images) > 1 else "")
            entries[f"{_slug(data_set, class_name)}-{number}"] = _Entry(
                label, partial(image_from_pixels, pixels)
            )
    return entries


@lru_cache(maxsize=2)
def _test_set_entries(data_set_name: str, path: Path, modified_ns: int) -> dict[str, _Entry]:
    """First images of each class; path and time are the cache's key to the file that is read."""
    data_set = DATA_SETS[data_set_name]
    test_set, entries = data_set.load("test"), {}
    for class_index, class_name in enumerate(test_set.class_names):
        for index in np.flatnonzero(test_set.labels == class_index)[:FULL_SET_PER_CLASS]:
            label = f"{data_set.item.format(class_name)}, test image {index}"
            image = partial(image_from_pixels, test_set.images[index].copy())
            entries[f"test-{index:05d}-{_slug(data_set, class_name)}"] = _Entry(label, image)
    return entries


def _slug(data_set: DataSet, class_name: str) -> str:
    """Write a class for the address, such as ``digit-5`` or ``t-shirt-top``."""
    title = data_set.item.format(class_name).partition(",")[0]
    return re.sub("[^a-z0-9]+", "-", title.lower())


@lru_cache(maxsize=len(NATURAL_IMAGES))
def _natural(name: str) -> ImageInput:
    file_name, _ = NATURAL_IMAGES[name]
    file = resources.files("skimage").joinpath("data", file_name)
    if not file.is_file():
        message = f"scikit-image came without its image {file_name}. Install it again with pip."
        raise DatasetError(message)
    return read_image(file.read_bytes())


@lru_cache(maxsize=10 * DRAWN_PER_DIGIT)
def _drawn(digit: int, number: int) -> ImageInput:
    return image_from_pixels(draw_house_number(digit, seed=number))
