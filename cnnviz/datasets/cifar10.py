"""CIFAR-10: found on this computer, or downloaded by Keras when allowed."""

from cnnviz.datasets.keras_sets import read_npz, through_keras
from cnnviz.datasets.records import LabeledImages, checked_split, data_dir, keras_cache
from cnnviz.errors import DatasetError
from cnnviz.files import has_hash

CIFAR_CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)
CIFAR_ORIGIN = "CIFAR-10, small color photographs (Krizhevsky, 2009), for research."
OFFICIAL_COUNTS = {"train": 50_000, "test": 10_000}
ARCHIVE_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
ARCHIVE_HASH = "sha256:6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def cifar10(split: str = "test", *, download: bool = False) -> LabeledImages:
    """Read CIFAR-10, color photographs of ten kinds of animals and vehicles.

    ``cifar10.npz`` (``x_train``, ``y_train``, ``x_test``, ``y_test``) is looked for in
    ``CNNVIZ_DATA_DIR``, then the official archive in the cache of Keras. The file may hold a part
    of the images only; `title` says so.

    Parameters
    ----------
    split : str
        ``"test"`` (10,000 images) or ``"train"`` (50,000).
    download : bool
        Whether Keras may fetch the archive (170 MB) into its cache if nothing is here.

    Returns
    -------
    LabeledImages
        Images of shape (N, 32, 32, 3).

    Raises
    ------
    DatasetError
        If the images are nowhere, or the file is damaged.
    DownloadError
        If the archive could not be fetched.

    References
    ----------
    Krizhevsky, "Learning multiple layers of features from tiny images", technical report,
    University of Toronto, 2009.
    """
    checked_split(split)
    chosen = data_dir()
    path = chosen / "cifar10.npz" if chosen else None
    if path is not None and path.is_file():
        images, labels = read_npz(path, split, (32, 32, 3), "CIFAR-10")
    elif download or _is_in_keras_cache():
        images, labels = through_keras(
            "cifar10",
            split,
            "CIFAR-10 could not be fetched: no connection, or the file came damaged. Try again "
            "later.",
            ARCHIVE_URL,
        )
    else:
        raise DatasetError(
            "CIFAR-10 is not on this computer. Put cifar10.npz into a folder that "
            "CNNVIZ_DATA_DIR names, or call cifar10(download=True) once: 170 MB."
        )
    official = OFFICIAL_COUNTS[split]
    part = "" if len(labels) == official else f"{len(labels):,} of the {official:,} "
    return LabeledImages(
        images, labels, CIFAR_CLASSES, f"CIFAR-10, {part}{split} images", CIFAR_ORIGIN
    )


def _is_in_keras_cache() -> bool:
    archive = keras_cache() / "cifar-10-batches-py-target_archive"
    return archive.is_file() and has_hash(archive, ARCHIVE_HASH)
