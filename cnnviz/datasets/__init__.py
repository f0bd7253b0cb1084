"""Labeled images: readers of data sets, the table of them all, samples and their gallery."""

from typing import Any

from cnnviz.datasets.cats_and_dogs import PET_CLASSES, cats_and_dogs
from cnnviz.datasets.cifar10 import CIFAR_CLASSES, cifar10
from cnnviz.datasets.collections import Collection, collection, collection_of
from cnnviz.datasets.fashion_mnist import FASHION_CLASSES, fashion_mnist
from cnnviz.datasets.gallery import (
    SOURCES,
    sample_image,
    sample_label,
    sample_names,
    sample_photographs,
)
from cnnviz.datasets.mnist import DIGIT_CLASSES, mnist
from cnnviz.datasets.records import ImageSource, LabeledImages
from cnnviz.datasets.registry import (
    DATA_SETS,
    PHOTOGRAPH,
    DataSet,
    Download,
    data_set,
    data_set_of,
)
from cnnviz.datasets.samples import (
    fashion_mnist_samples,
    fashion_mnist_samples_part,
    svhn_samples,
)
from cnnviz.datasets.svhn import SVHN_FILES, svhn, svhn_path
from cnnviz.deprecated import moved_attribute

_RENAMED = {
    "LabelledImages": "LabeledImages",
    "PictureSource": "ImageSource",
    "natural_pictures": "sample_photographs",
    "picture": "sample_image",
    "picture_label": "sample_label",
    "picture_names": "sample_names",
}

__all__ = [
    "CIFAR_CLASSES",
    "DATA_SETS",
    "DIGIT_CLASSES",
    "FASHION_CLASSES",
    "PET_CLASSES",
    "PHOTOGRAPH",
    "SOURCES",
    "SVHN_FILES",
    "Collection",
    "DataSet",
    "Download",
    "ImageSource",
    "LabeledImages",
    "cats_and_dogs",
    "cifar10",
    "collection",
    "collection_of",
    "data_set",
    "data_set_of",
    "fashion_mnist",
    "fashion_mnist_samples",
    "fashion_mnist_samples_part",
    "mnist",
    "sample_image",
    "sample_label",
    "sample_names",
    "sample_photographs",
    "svhn",
    "svhn_path",
    "svhn_samples",
]


def __getattr__(name: str) -> Any:
    return moved_attribute(__name__, name, _RENAMED)
