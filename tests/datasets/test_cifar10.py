"""CIFAR-10: where it is looked for, and files that are no CIFAR-10."""

from pathlib import Path

import numpy as np
import pytest

from cnnviz.datasets import (
    cifar10,
)
from cnnviz.errors import DatasetError, InvalidParameterError
from tests.builders.data_sets import put_cifar, said_without_a_network


def test_cifar_is_read_from_the_chosen_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatasetError, match=r"not on this computer.*download=True"):
        cifar10()
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path / "chosen"))
    put_cifar(tmp_path / "chosen", np.full((12, 32, 32, 3), 2, np.uint8))
    images = cifar10("train")
    assert images.images.shape == (12, 32, 32, 3)
    assert images.labels.tolist() == [*range(10), 0, 1]
    assert (images.class_names[0], images.class_names[9]) == ("airplane", "truck")
    assert images.title == "CIFAR-10, 12 of the 50,000 train images"
    with pytest.raises(InvalidParameterError, match="train and test"):
        cifar10("validation")


@pytest.mark.parametrize(
    "images", [np.zeros((3, 32, 32, 3)), np.zeros((3, 32, 32), np.uint8)], ids=["floats", "grey"]
)
def test_another_file_called_cifar_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: np.ndarray
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    put_cifar(tmp_path, images)
    with pytest.raises(DatasetError, match="does not hold CIFAR-10"):
        cifar10()
    (tmp_path / "cifar10.npz").write_bytes(b"PK torn")
    with pytest.raises(DatasetError, match="cannot be read"):
        cifar10()


def test_a_damaged_archive_of_cifar_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    archive = tmp_path / "datasets" / "cifar-10-batches-py-target_archive"
    archive.parent.mkdir()
    archive.write_bytes(b"something else")
    with pytest.raises(DatasetError, match="not on this computer"):
        cifar10()


@pytest.mark.slow
def test_without_a_network_cifar_says_what_went_wrong(tmp_path: Path) -> None:
    code = (
        "from cnnviz.datasets import cifar10\n"
        "from cnnviz.errors import DownloadError\n"
        "try: cifar10(download=True)\n"
        "except DownloadError as error: print('said:', error)"
    )
    said = said_without_a_network(tmp_path, code)
    assert "said: CIFAR-10 could not be fetched" in said
