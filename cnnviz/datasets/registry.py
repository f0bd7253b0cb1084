"""Every data set in one table: what it is, how it is read, and which images stand for it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cnnviz.checks import check_choice
from cnnviz.datasets.cats_and_dogs import PET_CLASSES, PETS_ORIGIN, cats_and_dogs
from cnnviz.datasets.cifar10 import CIFAR_CLASSES, CIFAR_ORIGIN, cifar10
from cnnviz.datasets.fashion_mnist import FASHION_CLASSES, FASHION_ORIGIN, fashion_mnist
from cnnviz.datasets.mnist import DIGIT_CLASSES, MNIST_ORIGIN, mnist
from cnnviz.datasets.records import LabeledImages
from cnnviz.datasets.samples import (
    fashion_mnist_samples,
    fashion_mnist_samples_part,
    svhn_samples,
)
from cnnviz.datasets.svhn import DIGITS, SVHN_FILES, SVHN_ORIGIN, svhn, svhn_path

PHOTOGRAPH = ("natural", "chelsea")  # source and name of the image that stands for photographs


@dataclass(frozen=True, slots=True)
class Download:
    """What can be fetched to have more of a data set.

    Attributes
    ----------
    title : str
        What comes, for a button.
    size_bytes : int
    path : callable
        Returns the file if it is on this computer, else None.
    fetch : callable
        Fetches it; takes ``on_progress`` as `cnnviz.files.fetch`.
    """

    title: str
    size_bytes: int
    path: Callable[[], Path | None]
    fetch: Callable[..., LabeledImages]


@dataclass(frozen=True, slots=True)
class DataSet:
    """All that cnnviz knows about a data set; a new one is a module and a row of `DATA_SETS`.

    Attributes
    ----------
    name : str
        In addresses, recipes and on the command line.
    title : str
    load : callable
        Reads the part ``"train"`` or ``"test"`` from this computer; raises `DatasetError`.
    class_names : tuple of str
    image_shape : tuple of int
        (rows, columns, channels) of every image.
    origin : str
        Where the images come from and on what terms, one sentence.
    samples : callable, optional
        Reads the test images that cnnviz brings along; the image menu offers them.
    example : (str, str)
        Source and name of the sample image that suits a network trained on this data set.
    collection : str
        The bundled collection that suits such a network: see `cnnviz.datasets.collection`.
    item : str
        What one image is called, with the class in place of ``{}``.
    download : Download, optional
        The whole test set, where the samples are few.
    """

    name: str
    title: str
    load: Callable[[str], LabeledImages]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    origin: str
    samples: Callable[[], LabeledImages] | None = None
    example: tuple[str, str] = PHOTOGRAPH
    collection: str = "photographs"
    item: str = "{}"
    download: Download | None = None


_SVHN_TEST_SET = Download(
    "the test set",
    SVHN_FILES["test"].size_bytes,
    partial(svhn_path, "test"),
    partial(svhn, "test", download=True),
)

DATA_SETS = {
    data_set.name: data_set
    for data_set in [
        DataSet(
            name="fashion-mnist",
            title="Fashion-MNIST (clothing)",
            load=fashion_mnist,
            class_names=FASHION_CLASSES,
            image_shape=(28, 28, 1),
            origin=FASHION_ORIGIN,
            samples=fashion_mnist_samples,
            example=("fashion-mnist", "ankle-boot-1"),
            collection="clothing",
        ),
        DataSet(
            name="mnist",
            title="MNIST (handwritten digits)",
            load=mnist,
            class_names=DIGIT_CLASSES,
            image_shape=(28, 28, 1),
            origin=MNIST_ORIGIN,
            example=("house-numbers", "digit-5-1"),
            collection="digits",
            item="Digit {}",
        ),
        DataSet(
            name="svhn",
            title="SVHN (street-view digits)",
            load=svhn,
            class_names=DIGITS,
            image_shape=(32, 32, 3),
            origin=SVHN_ORIGIN,
            samples=svhn_samples,
            example=("svhn", "digit-5-1"),
            collection="digits",
            item="Digit {}, street view",
            download=_SVHN_TEST_SET,
        ),
        DataSet(
            name="cifar-10",
            title="CIFAR-10 (animals and vehicles)",
            load=cifar10,
            class_names=CIFAR_CLASSES,
            image_shape=(32, 32, 3),
            origin=CIFAR_ORIGIN,
        ),
        DataSet(
            name="clothing-samples",
            title="Bundled clothing (few images)",
            load=fashion_mnist_samples_part,
            class_names=FASHION_CLASSES,
            image_shape=(28, 28, 1),
            origin=FASHION_ORIGIN,
            example=("fashion-mnist", "ankle-boot-1"),
            collection="clothing",
        ),
        *(
            DataSet(
                name=f"cats-dogs-{size_px}",
                title=f"Cats vs. dogs, {size_px} × {size_px}",
                load=partial(cats_and_dogs, size_px=size_px),
                class_names=PET_CLASSES,
                image_shape=(size_px, size_px, 3),
                origin=PETS_ORIGIN,
            )
            for size_px in (150, 224)
        ),
    ]
}


def data_set(name: str) -> DataSet:
    """Find a data set by its name.

    Parameters
    ----------
    name : str

    Returns
    -------
    DataSet

    Raises
    ------
    InvalidParameterError
        If there is none; the message lists those there are.
    """
    check_choice("data", name, DATA_SETS)
    return DATA_SETS[name]


def data_set_of(class_names: tuple[str, ...], num_channels: int) -> DataSet | None:
    """Find the data set that a network was made for.

    Parameters
    ----------
    class_names : tuple of str
    num_channels : int
        Of the network's input: 1 or 3.

    Returns
    -------
    DataSet or None
        None if no data set has these classes.
    """
    return next(
        (
            data_set
            for data_set in DATA_SETS.values()
            if data_set.class_names == class_names and data_set.image_shape[2] == num_channels
        ),
        None,
    )
