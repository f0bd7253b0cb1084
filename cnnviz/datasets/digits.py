"""MNIST: found on this computer, or downloaded by Keras when allowed."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from cnnviz.datasets.records import LabelledImages, checked_split, data_dir, keras_cache
from cnnviz.errors import DatasetError, DownloadError

DIGIT_CLASSES = tuple(str(digit) for digit in range(10))
MNIST_ORIGIN = "MNIST, handwritten digits (LeCun, Cortes and Burges, 1998), CC BY-SA 3.0."


def mnist(split: str = "test", *, download: bool = False) -> LabelledImages:
    """Read MNIST, grey pictures of handwritten digits.

    ``mnist.npz`` is looked for in ``CNNVIZ_DATA_DIR`` and in the cache of Keras.

    Parameters
    ----------
    split : str
        ``"test"`` or ``"train"`` (60,000 pictures).
    download : bool
        Whether Keras may fetch the file (11 MB) into its cache if it is nowhere.

    Returns
    -------
    LabelledImages
        Images of shape (N, 28, 28).

    Raises
    ------
    DatasetError
        If the file is nowhere or damaged.
    DownloadError
        If it could not be fetched.

    References
    ----------
    LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
    Proceedings of the IEEE 86, 1998.
    """
    checked_split(split)
    path = _path()
    if path is None and not download:
        raise DatasetError(
            "MNIST is not on this computer. Put mnist.npz into a folder that CNNVIZ_DATA_DIR "
            "names, or call mnist(download=True) once: 11 MB."
        )
    images, labels = _read(path, split) if path else _through_keras(split)
    return LabelledImages(images, labels, DIGIT_CLASSES, f"MNIST, {split} pictures", MNIST_ORIGIN)


def _path() -> Path | None:
    chosen = data_dir()
    places = [chosen / "mnist.npz"] if chosen else []
    return next((path for path in [*places, keras_cache() / "mnist.npz"] if path.is_file()), None)


def _read(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}). Delete it.") from error
    fits = images.dtype == np.uint8 and images.shape == (len(labels), 28, 28)
    if not fits or not np.isin(labels, range(10)).all():
        raise DatasetError(f"{path} does not hold MNIST. Delete it.")
    return images, labels


def _through_keras(split: str) -> tuple[np.ndarray, np.ndarray]:
    from keras.datasets import mnist as loader

    try:
        train, test = loader.load_data()
    except Exception as error:  # Keras wraps what went wrong into a bare Exception
        raise DownloadError(
            "MNIST could not be fetched: no connection, or the file came damaged. Try again later.",
            url="https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        ) from error
    return train if split == "train" else test
