"""MNIST: where it is looked for, and files that are no MNIST."""

from pathlib import Path

import numpy as np
import pytest

from cnnviz.datasets import (
    mnist,
)
from cnnviz.errors import DatasetError
from tests.builders.data_sets import put_mnist


def test_mnist_is_read_from_the_chosen_folder_before_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path / "chosen"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    with pytest.raises(DatasetError, match=r"not on this computer.*download=True"):
        mnist()
    put_mnist(tmp_path / "keras" / "datasets", np.full((3, 28, 28), 1, np.uint8))
    assert mnist("train").images.max() == 1
    put_mnist(tmp_path / "chosen", np.full((12, 28, 28), 2, np.uint8))
    assert mnist().images.max() == 2
    assert mnist().labels.tolist() == [*range(10), 0, 1]


@pytest.mark.parametrize(
    "images", [np.zeros((3, 28, 28)), np.zeros((3, 8, 8), np.uint8)], ids=["floats", "small"]
)
def test_another_file_called_mnist_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, images: np.ndarray
) -> None:
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    put_mnist(tmp_path, images)
    with pytest.raises(DatasetError, match="does not hold MNIST"):
        mnist()
    (tmp_path / "mnist.npz").write_bytes(b"PK torn")
    with pytest.raises(DatasetError, match="cannot be read"):
        mnist()
