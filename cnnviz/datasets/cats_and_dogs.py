"""Cats and dogs: the small selection of the lecture, from a folder on this computer."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from cnnviz.datasets.records import LabeledImages, data_dir
from cnnviz.errors import DatasetError, InvalidImageError, InvalidParameterError
from cnnviz.images import read_image, resize_pixels

PET_CLASSES = ("cat", "dog")
PET_SPLITS = ("train", "validation", "test")
PETS_ORIGIN = (
    "Dogs vs. Cats (Kaggle and Microsoft, Asirra), 2,000 training, 1,000 validation and 1,000 test "
    "photographs as in Chollet's book; competition terms."
)


def cats_and_dogs(split: str = "test", *, size_px: int = 150) -> LabeledImages:
    """Read photographs of cats and dogs, the largest square in the middle of each.

    They are looked for below ``cats_dogs/`` in the folder that ``CNNVIZ_DATA_DIR`` names, as
    ``train/cats/cat.0.jpg`` and so on. They cannot be downloaded without an account.

    Parameters
    ----------
    split : str
        ``"train"`` (2,000), ``"validation"`` or ``"test"`` (1,000 each).
    size_px : int
        Side of the squares.

    Returns
    -------
    LabeledImages
        Images of shape (N, size_px, size_px, 3), cats before dogs.

    Raises
    ------
    DatasetError
        If the folder is not there or holds something else.

    References
    ----------
    Chollet, "Deep Learning with Python", second edition 2021, section 8.2.
    """
    if split not in PET_SPLITS:
        raise InvalidParameterError(
            f"Cats and dogs have the parts {', '.join(PET_SPLITS)}, not {split!r}."
        )
    chosen = data_dir()
    folder = chosen / "cats_dogs" / split if chosen else Path("cats_dogs") / split
    files = [sorted((folder / f"{name}s").glob("*.jpg")) for name in PET_CLASSES]
    if not chosen or not all(files):
        raise DatasetError(
            "The cats and dogs are not on this computer. Get 'Dogs vs. Cats' from Kaggle, put "
            "cat.0.jpg to cat.999.jpg into cats_dogs/train/cats, the next 500 of each into "
            "validation and test, the dogs likewise, and name the folder above cats_dogs with "
            "CNNVIZ_DATA_DIR."
        )
    labels = np.repeat(range(len(files)), [len(some) for some in files])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        squares = list(pool.map(partial(_square, size_px=size_px), [*files[0], *files[1]]))
    title = f"Cats and dogs, {split} photographs"
    return LabeledImages(np.stack(squares), labels, PET_CLASSES, title, PETS_ORIGIN)


def _square(path: Path, size_px: int) -> np.ndarray:
    try:
        pixels = read_image(path).pixels
    except InvalidImageError as error:
        raise DatasetError(f"{path} cannot be used: {error}") from error
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_pixels(pixels[top : top + side, left : left + side], size_px, size_px)
