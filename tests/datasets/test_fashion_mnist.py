"""Fashion-MNIST: where it is looked for, damaged files, no network."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from cnnviz.datasets import (
    fashion_mnist,
    records,
)
from cnnviz.errors import DatasetError, InvalidParameterError
from tests.builders.data_sets import (
    IDX_LABELS,
    idx,
    idx_images,
    put_fashion,
    said_without_a_network,
)


def test_fashion_mnist_is_read_from_idx_files(debian_folder: Path) -> None:
    put_fashion(debian_folder, gray=7)
    clothes = fashion_mnist()
    np.testing.assert_array_equal(clothes.images, np.full((3, 28, 28), 7, np.uint8))
    assert clothes.labels.tolist() == [9, 0, 4]
    assert (clothes.images.dtype, clothes.labels.dtype) == (np.uint8, np.int64)
    assert not clothes.images.flags.writeable
    assert not clothes.labels.flags.writeable
    assert clothes.class_names[9] == "Ankle boot"
    assert "Zalando" in clothes.origin
    assert "MIT" in clothes.origin
    assert not clothes.is_drawn


def test_fashion_mnist_is_searched_in_the_promised_order(
    empty_computer: Path, debian_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(empty_computer / "data"))
    places = [
        debian_folder,
        empty_computer / "cache" / "fashion-mnist",
        empty_computer / "home" / ".keras" / "datasets" / "fashion-mnist",
        empty_computer / "data" / "fashion-mnist",
        empty_computer / "data",
    ]
    for gray, place in enumerate(places, start=1):  # each next place takes precedence
        put_fashion(place, gray=gray)
        assert fashion_mnist().images[0, 0, 0] == gray


def test_a_folder_that_lacks_one_of_the_files_is_passed_over(
    empty_computer: Path, debian_folder: Path
) -> None:
    put_fashion(debian_folder, gray=5)
    partial = empty_computer / "cache" / "fashion-mnist"
    put_fashion(partial, gray=6)
    (partial / "t10k-labels-idx1-ubyte.gz").unlink()
    assert fashion_mnist().images[0, 0, 0] == 5


def test_system_folders_are_those_of_the_variable_or_else_of_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", f"{first}{os.pathsep}{second}")
    put_fashion(second / "fashion-mnist", gray=2)
    assert fashion_mnist().images[0, 0, 0] == 2
    put_fashion(first / "fashion-mnist", gray=1)
    assert fashion_mnist().images[0, 0, 0] == 1
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", "~/data")
    assert records.system_data_dirs() == (Path.home() / "data",)
    monkeypatch.setenv("CNNVIZ_SYSTEM_DATA_DIRS", "")
    assert records.system_data_dirs() == ()
    monkeypatch.delenv("CNNVIZ_SYSTEM_DATA_DIRS")
    assert records.system_data_dirs() == (Path("/usr/share/datasets"),)


def test_the_cache_of_keras_is_found_by_the_rule_of_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    assert records.keras_cache() == Path.home() / ".keras" / "datasets"
    monkeypatch.setenv("KERAS_HOME", "~/keras")
    assert records.keras_cache() == Path.home() / "keras" / "datasets"
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", "/nowhere")
    monkeypatch.setenv("USERPROFILE", "/nowhere")
    assert records.keras_cache() == Path("/tmp/.keras/datasets")


def test_the_training_part_has_files_of_its_own(debian_folder: Path) -> None:
    put_fashion(debian_folder, prefix="train", gray=8)
    assert fashion_mnist("train").images[0, 0, 0] == 8
    with pytest.raises(DatasetError):
        fashion_mnist("test")
    with pytest.raises(InvalidParameterError, match="train and test, not 'dev'"):
        fashion_mnist("dev")


def test_without_fashion_mnist_the_message_says_what_to_do() -> None:
    with pytest.raises(DatasetError) as caught:
        fashion_mnist()
    for way in ("dataset-fashion-mnist", "CNNVIZ_DATA_DIR", "download=True"):
        assert way in str(caught.value)


GOOD_IMAGES = idx_images(0)
BAD_IMAGES = {
    "torn gzip": GOOD_IMAGES[:-9],
    "flipped byte": GOOD_IMAGES[:30] + bytes([GOOD_IMAGES[30] ^ 255]) + GOOD_IMAGES[31:],
    "no gzip": b"<html>not found</html>",
    "empty": b"",
    "empty gzip": gzip.compress(b""),
    "half a header": gzip.compress(b"\0\0\x08"),
    "labels": IDX_LABELS,
    "short": gzip.compress(idx(0x0803, (3, 28, 28), bytes(2 * 784))),
    "long": gzip.compress(idx(0x0803, (3, 28, 28), bytes(3 * 784 + 1))),
    "other size": gzip.compress(idx(0x0803, (3, 14, 56), bytes(3 * 784))),
    "huge count": gzip.compress(idx(0x0803, (2**32 - 1, 28, 28), bytes(784))),
    "no images": gzip.compress(idx(0x0803, (0, 28, 28), b"")),
    "bomb": gzip.compress(bytes(70_000 * 784), compresslevel=1),
    "more images than labels": idx_images(0, count=4),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_damaged_images_are_refused_in_plain_words(debian_folder: Path, name: str) -> None:
    put_fashion(debian_folder)
    (debian_folder / "t10k-images-idx3-ubyte.gz").write_bytes(BAD_IMAGES[name])
    with pytest.raises(DatasetError, match=r"Delete (it|both files)\."):
        fashion_mnist()


def test_labels_beyond_the_ten_classes_are_refused(debian_folder: Path) -> None:
    put_fashion(debian_folder)
    labels = gzip.compress(idx(0x0801, (3,), bytes([0, 10, 1])))
    (debian_folder / "t10k-labels-idx1-ubyte.gz").write_bytes(labels)
    with pytest.raises(DatasetError, match="does not fit"):
        fashion_mnist()


@pytest.mark.slow
def test_without_a_network_fashion_mnist_says_what_to_do(tmp_path: Path) -> None:
    code = (
        "from cnnviz.datasets import fashion_mnist\n"
        "from cnnviz.errors import DownloadError\n"
        "try: fashion_mnist(download=True)\n"
        "except DownloadError as error: print('said:', error)"
    )
    said = said_without_a_network(tmp_path, code)
    assert "said: Fashion-MNIST could not be fetched" in said
    assert "dataset-fashion-mnist" in said
