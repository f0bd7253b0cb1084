"""Fashion-MNIST: found on this computer, or downloaded when allowed."""

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from cnnviz.datasets.keras_sets import through_keras
from cnnviz.datasets.records import (
    LabeledImages,
    checked_split,
    data_dir,
    keras_cache,
    system_data_dirs,
)
from cnnviz.errors import DatasetError
from cnnviz.files import cache_dir

FASHION_CLASSES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
FASHION_ORIGIN = "Fashion-MNIST, photographs by Zalando SE (Xiao et al., 2017), MIT license."
SIDE_PX = 28
MAX_IMAGES = 60_000
IMAGES_MAGIC, LABELS_MAGIC = 0x0803, 0x0801  # unsigned bytes in three and in one dimension


def fashion_mnist(split: str = "test", *, download: bool = False) -> LabeledImages:
    """Read Fashion-MNIST, 70,000 gray images of ten kinds of clothing.

    The files are looked for in ``CNNVIZ_DATA_DIR`` (there or in its folder ``fashion-mnist``), in
    the caches of Keras and of cnnviz, and where Debian's package ``dataset-fashion-mnist`` puts
    them (``/usr/share/datasets``; ``CNNVIZ_SYSTEM_DATA_DIRS`` names other folders).

    Parameters
    ----------
    split : str
        ``"test"`` (10,000 images) or ``"train"`` (60,000).
    download : bool
        Whether Keras may fetch the four files (31 MB) into its cache if they are nowhere.

    Returns
    -------
    LabeledImages
        Images of shape (N, 28, 28).

    Raises
    ------
    DatasetError
        If the files are nowhere or damaged.
    DownloadError
        If they could not be fetched.

    References
    ----------
    Xiao, Rasul and Vollgraf, "Fashion-MNIST", 2017, arXiv:1708.07747.
    """
    prefix = "train" if checked_split(split) == "train" else "t10k"
    names = (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
    folder = next((place for place in _places() if _has_all(place, names)), None)
    if folder is None and not download:
        message = f"The {split} images of Fashion-MNIST are not on this computer. Install the"
        message += " Debian package dataset-fashion-mnist, or put the four .gz files into a folder"
        message += " that CNNVIZ_DATA_DIR names, or call fashion_mnist(download=True) once."
        raise DatasetError(message)
    title = f"Fashion-MNIST, {split} images"
    if folder is None:
        images, labels = through_keras(
            "fashion_mnist",
            split,
            "Fashion-MNIST could not be fetched: no connection, or the files came damaged. Try "
            "again later, or install the Debian package dataset-fashion-mnist.",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        )
        return LabeledImages(images, labels, FASHION_CLASSES, title, FASHION_ORIGIN)
    images = _read_idx(folder / names[0], IMAGES_MAGIC, (SIDE_PX, SIDE_PX))
    labels = _read_idx(folder / names[1], LABELS_MAGIC, ())
    if len(images) != len(labels) or labels.max(initial=0) >= len(FASHION_CLASSES):
        raise DatasetError(f"{names[1]} in {folder} does not fit {names[0]}. Delete both files.")
    return LabeledImages(images, labels, FASHION_CLASSES, title, FASHION_ORIGIN)


def _places() -> Iterator[Path]:
    """Folders that may hold the files, in the order of preference."""
    chosen = data_dir()
    if chosen is not None:
        yield chosen
        yield chosen / "fashion-mnist"
    yield keras_cache() / "fashion-mnist"
    yield cache_dir() / "fashion-mnist"
    for folder in system_data_dirs():
        yield folder / "fashion-mnist"


def _has_all(folder: Path, names: tuple[str, ...]) -> bool:
    return all((folder / name).is_file() for name in names)


def _read_idx(path: Path, magic: int, item_shape: tuple[int, ...]) -> np.ndarray:
    """Read a gzipped idx file: magic number, sizes (big-endian), then one byte a value."""
    header_bytes = 4 * (2 + len(item_shape))
    item_bytes = math.prod(item_shape)
    try:
        with gzip.open(path) as file:
            content = file.read(header_bytes + MAX_IMAGES * item_bytes + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} cannot be read ({error}). Delete it.") from error
    header = np.frombuffer(content[:header_bytes].ljust(header_bytes, b"\0"), ">u4").tolist()
    count = (len(content) - header_bytes) // item_bytes
    whole = len(content) == header_bytes + count * item_bytes and 0 < count <= MAX_IMAGES
    if not whole or header != [magic, count, *item_shape]:
        raise DatasetError(f"{path} is damaged or holds something else. Delete it.")
    return np.frombuffer(content, np.uint8, offset=header_bytes).reshape(count, *item_shape)
