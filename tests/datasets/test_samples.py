"""The samples that come with the installation."""

from pathlib import Path

import numpy as np
import pytest

from cnnviz.datasets import (
    FASHION_CLASSES,
    fashion_mnist,
    fashion_mnist_samples,
    sample_image,
    sample_names,
    svhn,
    svhn_samples,
)
from cnnviz.errors import DatasetError


def test_twenty_images_of_each_class_are_bundled() -> None:
    samples = fashion_mnist_samples()
    assert samples.images.shape == (200, 28, 28)
    assert samples.labels.tolist() == [index for index in range(10) for _ in range(20)]
    assert samples.class_names == FASHION_CLASSES
    assert len({image.tobytes() for image in samples.images}) == 200


def test_four_real_digits_are_bundled() -> None:
    samples = svhn_samples()
    assert samples.images.shape == (4, 32, 32, 3)
    assert samples.labels.tolist() == [0, 1, 2, 5]
    assert "non-commercial" in samples.origin


@pytest.mark.real_data
def test_bundled_clothes_are_the_first_of_each_class_in_the_whole_set() -> None:
    try:
        whole = fashion_mnist()
    except DatasetError as error:
        pytest.skip(str(error))
    samples = fashion_mnist_samples()
    assert np.bincount(whole.labels).tolist() == [1000] * 10
    for index in range(10):
        expected = whole.images[whole.labels == index][:20]
        np.testing.assert_array_equal(samples.images[samples.labels == index], expected)
    train = fashion_mnist("train")
    assert np.bincount(train.labels).tolist() == [6000] * 10


@pytest.mark.real_data
def test_bundled_digits_are_the_first_of_the_real_set(real_data: Path) -> None:
    if not (real_data / "svhn.npz").is_file():
        pytest.skip("no svhn.npz in CNNVIZ_DATA_DIR")
    train, test = svhn("train"), svhn("test")
    assert (len(train.images), len(test.images)) == (7999, 2001)
    everything = {
        image.tobytes(): label
        for part in (train, test)
        for image, label in zip(part.images, part.labels, strict=True)
    }
    for image, label in zip(svhn_samples().images, svhn_samples().labels, strict=True):
        assert everything[image.tobytes()] == label
    names = sample_names("svhn")
    assert len(names) == 4 + 12 * 10
    assert (
        sample_image("svhn", names[4]).pixels.tobytes()
        == test.images[int(names[4][5:10])].tobytes()
    )
