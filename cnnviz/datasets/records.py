"""What every data set hands out, and where data sets may lie."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError

SPLITS = ("train", "test")
SYSTEM_DATA_DIRS = (Path("/usr/share/datasets"),)


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(images=np.uint8, labels=np.int64)
class LabeledImages:
    """Images of one size and what they show.

    Attributes
    ----------
    images : uint8 ndarray of shape (N, h, w) or (N, h, w, 3)
        Gray or RGB, read-only.
    labels : int64 ndarray of shape (N,)
        Index into `class_names`, read-only.
    class_names : tuple of str
    title : str
        What this is, for a heading.
    origin : str
        Where the images come from and on what terms: one sentence for under an image.
    is_drawn : bool
        Whether a program drew them; otherwise they are photographs.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    title: str
    origin: str
    is_drawn: bool = False


@dataclass(frozen=True, slots=True)
class ImageSource:
    """One heading of the image picker.

    `small` says that the images have 28 or 32 pixels a side, too few for an ImageNet network.
    """

    name: str
    title: str
    origin: str
    is_drawn: bool
    small: bool


def data_dir() -> Path | None:
    """Folder that ``CNNVIZ_DATA_DIR`` names, if it is set."""
    chosen = os.environ.get("CNNVIZ_DATA_DIR")
    return Path(chosen).expanduser() if chosen else None


def system_data_dirs() -> tuple[Path, ...]:
    """Folders in which packages of the operating system install data sets.

    ``/usr/share/datasets``, or those that ``CNNVIZ_SYSTEM_DATA_DIRS`` names, separated as in
    ``PATH``; set to nothing, it names none.
    """
    named = os.environ.get("CNNVIZ_SYSTEM_DATA_DIRS")
    if named is None:
        return SYSTEM_DATA_DIRS
    return tuple(Path(folder).expanduser() for folder in named.split(os.pathsep) if folder)


def keras_cache() -> Path:
    """Folder where Keras keeps the data sets that it fetched, by Keras' own rule."""
    chosen = os.environ.get("KERAS_HOME")
    if chosen:
        return Path(chosen).expanduser() / "datasets"
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras" / "datasets"


def checked_split(split: str) -> str:
    """Return `split`, or raise `InvalidParameterError` if there is no such part."""
    if split not in SPLITS:
        raise InvalidParameterError(f"A data set has the parts train and test, not {split!r}.")
    return split
