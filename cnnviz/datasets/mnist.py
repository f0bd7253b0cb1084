"""MNIST: found on this computer, or downloaded by Keras when allowed."""

from pathlib import Path

from cnnviz.datasets.keras_sets import read_npz, through_keras
from cnnviz.datasets.records import LabeledImages, checked_split, data_dir, keras_cache
from cnnviz.errors import DatasetError

DIGIT_CLASSES = tuple(str(digit) for digit in range(10))
MNIST_ORIGIN = "MNIST, handwritten digits (LeCun, Cortes and Burges, 1998), CC BY-SA 3.0."


def mnist(split: str = "test", *, download: bool = False) -> LabeledImages:
    """Read MNIST, gray images of handwritten digits.

    ``mnist.npz`` is looked for in ``CNNVIZ_DATA_DIR`` and in the cache of Keras.

    Parameters
    ----------
    split : str
        ``"test"`` or ``"train"`` (60,000 images).
    download : bool
        Whether Keras may fetch the file (11 MB) into its cache if it is nowhere.

    Returns
    -------
    LabeledImages
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
    if path is not None:
        images, labels = read_npz(path, split, (28, 28), "MNIST")
    else:
        images, labels = through_keras(
            "mnist",
            split,
            "MNIST could not be fetched: no connection, or the file came damaged. Try again later.",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz",
        )
    return LabeledImages(images, labels, DIGIT_CLASSES, f"MNIST, {split} images", MNIST_ORIGIN)


def _path() -> Path | None:
    chosen = data_dir()
    places = [chosen / "mnist.npz"] if chosen else []
    return next((path for path in [*places, keras_cache() / "mnist.npz"] if path.is_file()), None)
