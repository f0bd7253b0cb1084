"""Labelled pictures: Fashion-MNIST, street-view digits, samples, and what the picker offers."""

from cnnviz.datasets.cats_and_dogs import PET_CLASSES, cats_and_dogs
from cnnviz.datasets.cifar10 import CIFAR_CLASSES, cifar10
from cnnviz.datasets.collections import Collection, collection, collection_of
from cnnviz.datasets.fashion_mnist import FASHION_CLASSES, fashion_mnist
from cnnviz.datasets.gallery import (
    SOURCES,
    natural_pictures,
    picture,
    picture_label,
    picture_names,
)
from cnnviz.datasets.mnist import DIGIT_CLASSES, mnist
from cnnviz.datasets.records import LabelledImages, PictureSource
from cnnviz.datasets.samples import (
    fashion_mnist_samples,
    fashion_mnist_samples_part,
    svhn_samples,
)
from cnnviz.datasets.svhn import SVHN_FILES, svhn, svhn_path

__all__ = [
    "CIFAR_CLASSES",
    "DIGIT_CLASSES",
    "FASHION_CLASSES",
    "PET_CLASSES",
    "SOURCES",
    "SVHN_FILES",
    "Collection",
    "LabelledImages",
    "PictureSource",
    "cats_and_dogs",
    "cifar10",
    "collection",
    "collection_of",
    "fashion_mnist",
    "fashion_mnist_samples",
    "fashion_mnist_samples_part",
    "mnist",
    "natural_pictures",
    "picture",
    "picture_label",
    "picture_names",
    "svhn",
    "svhn_path",
    "svhn_samples",
]
