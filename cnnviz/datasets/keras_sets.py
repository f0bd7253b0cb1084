"""What the data sets that Keras knows have in common: its arrays in a file, and its download."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

from cnnviz.errors import DatasetError, DownloadError


def read_npz(
    path: Path, split: str, image_shape: tuple[int, ...], title: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read images and labels 0 to 9 of one part from ``x_train``, ``y_train``, ``x_test`` ….

    Raises
    ------
    DatasetError
        If the file is damaged or holds something else; `title` says what it should be.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"].ravel()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}). Delete it.") from error
    fits = images.dtype == np.uint8 and images.shape == (len(labels), *image_shape)
    if not fits or not len(labels) or not np.isin(labels, range(10)).all():
        raise DatasetError(f"{path} does not hold {title}. Delete it.")
    return images, labels


def through_keras(name: str, split: str, message: str, url: str) -> tuple[np.ndarray, np.ndarray]:
    """Let Keras fetch a data set; its files stay in its cache, to be found the next time.

    Parameters
    ----------
    name : str
        As in ``keras.datasets``.
    split : str
    message, url : str
        What to say if that fails, and where the files would have come from.

    Raises
    ------
    DownloadError
        If it could not be fetched.
    """
    import keras

    try:
        train, test = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras wraps what went wrong into a bare Exception
        raise DownloadError(message, url=url) from error
    images, labels = train if split == "train" else test
    return images, labels.ravel()
