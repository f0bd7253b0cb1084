"""SVHN, digits cut out of street-view photographs: found here, or downloaded when allowed."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io

from cnnviz.datasets.records import SPLITS, LabeledImages, checked_split, data_dir
from cnnviz.errors import DatasetError
from cnnviz.files import cache_dir, fetch, has_hash

DIGITS = tuple(str(digit) for digit in range(10))
SVHN_TERMS = "Street View House Numbers (Netzer et al., 2011), for non-commercial use"
SVHN_ORIGIN = f"{SVHN_TERMS}."
MAX_UNPACKED_BYTES = 1 << 30  # the whole official training set unpacks to a quarter of this
UNREADABLE = (
    *(OSError, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError),
    *(NotImplementedError, RuntimeError, MemoryError, SyntaxError, zlib.error, struct.error),
    *(zipfile.BadZipFile, scipy.io.matlab.MatReadError),
)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A public file that never changes: where it is, its hash and its length."""

    url: str
    known_hash: str
    size_bytes: int


SVHN_FILES = {
    "train": RemoteFile(
        "http://ufldl.stanford.edu/housenumbers/train_32x32.mat",
        "md5:e26dedcc434d2e4c54c9b2d4a06d8373",
        182_040_794,
    ),
    "test": RemoteFile(
        "http://ufldl.stanford.edu/housenumbers/test_32x32.mat",
        "md5:eb5a983be6a315427106f1b164d9cef3",
        64_275_384,
    ),
}


def svhn(
    split: str = "test",
    *,
    download: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> LabeledImages:
    """Read SVHN, color crops of house-number digits.

    ``svhn.npz`` in the folder ``CNNVIZ_DATA_DIR`` comes first; it has a split of its own, and
    `origin` says so. Then comes the official file, in the cache or from the network.

    Parameters
    ----------
    split : str
        ``"test"`` or ``"train"``.
    download : bool
        Whether to fetch the official file (64 or 182 MB) if nothing is here.
    on_progress : callable, optional
        As for `cnnviz.files.fetch`: (bytes done, bytes in all), may raise `DownloadCancelled`.

    Returns
    -------
    LabeledImages
        Images of shape (N, 32, 32, 3); the digit in the middle is the label.

    Raises
    ------
    DatasetError
        If the data are nowhere or damaged.
    DownloadError
        If the file could not be fetched.

    References
    ----------
    Netzer et al., "Reading digits in natural images with unsupervised feature learning", NIPS
    workshop 2011.
    """
    remote = SVHN_FILES[checked_split(split)]
    if download and svhn_path(split) in (None, _official_path(split)):
        fetch(
            remote.url,
            _official_path(split),
            known_hash=remote.known_hash,
            size_bytes=remote.size_bytes,
            on_progress=on_progress,
        )
    path = svhn_path(split)
    if path is None:
        message = f"The {split} digits of SVHN are not on this computer. Put svhn.npz into a"
        message += " folder that CNNVIZ_DATA_DIR names, or call svhn(download=True) once:"
        message += f" {remote.size_bytes // 1_000_000} MB."
        raise DatasetError(message)
    return _read_npz(path, split) if path.suffix == ".npz" else _read_mat(path, split)


def svhn_path(split: str) -> Path | None:
    """Find the file on this computer that `svhn` would read.

    Parameters
    ----------
    split : str
        ``"train"`` or ``"test"``.

    Returns
    -------
    Path or None
    """
    chosen = data_dir()
    places = [chosen / "svhn.npz"] if chosen else []
    return next((path for path in [*places, _official_path(split)] if path.is_file()), None)


def _official_path(split: str) -> Path:
    return cache_dir() / "svhn" / SVHN_FILES[split].url.rpartition("/")[2]


def _read_npz(path: Path, split: str) -> LabeledImages:
    """Read the part `split` of a file with the arrays x, y and split."""
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise ValueError("it unpacks to more than a gigabyte")
        with np.load(path, allow_pickle=False) as arrays:
            images, labels, splits = arrays["x"], arrays["y"], arrays["split"]
        chosen = splits == SPLITS.index(split)
        images, labels = images[chosen], labels[chosen]
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    origin = f"{SVHN_TERMS}; the first 10,000 digits of the official test set, with a split of our"
    origin += " own: accuracies on it are not comparable with published figures."
    return _checked(path, images, labels, f"SVHN, {split} part of our own split", origin)


def _read_mat(path: Path, split: str) -> LabeledImages:
    """Read an official file: X is (32, 32, 3, N), y (N, 1) with 10 for the digit zero."""
    if not has_hash(path, SVHN_FILES[split].known_hash):
        raise _damaged(path, "its checksum is wrong")
    try:
        arrays = scipy.io.loadmat(path, variable_names=["X", "y"])
        images = np.ascontiguousarray(np.moveaxis(arrays["X"], -1, 0))
        labels = arrays["y"].ravel() % 10
    except UNREADABLE as error:
        raise _damaged(path, error) from error
    return _checked(path, images, labels, f"SVHN, {split} digits", SVHN_ORIGIN)


def _checked(
    path: Path, images: np.ndarray, labels: np.ndarray, title: str, origin: str
) -> LabeledImages:
    """Make the record, or say that the arrays are not digits of 32 × 32 pixels."""
    if images.dtype != np.uint8 or images.shape[1:] != (32, 32, 3) or not len(images):
        raise _damaged(path, f"its images are {images.dtype} of shape {images.shape}")
    if labels.shape != images.shape[:1] or not np.isin(labels, range(10)).all():
        raise _damaged(path, "its labels do not fit the images")
    return LabeledImages(images, labels, DIGITS, title, origin)


def _damaged(path: Path, why: object) -> DatasetError:
    return DatasetError(f"{path} cannot be used ({why}). Replace or delete it.")
