"""What the basics need: a linear classifier, and gradients from TensorFlow to compare with."""

import numpy as np

from cnnviz.classifiers.linear import LinearClassifier, load_linear
from cnnviz.ui.shell.cache import remembered
from cnnviz.ui.shell.server import keep_server_fast


@remembered(3, is_shared=True)
def linear_classifier(data_name: str) -> LinearClassifier:
    """The linear classifier of a data set: shared, read-only."""
    return load_linear(data_name)


@remembered(64, "Computing gradients with TensorFlow…")
def taped_kernel_gradient(
    image: tuple[tuple[float, ...], ...],
    kernel: tuple[tuple[float, ...], ...],
    target: tuple[tuple[float, ...], ...],
    loss: str,
) -> tuple[float, np.ndarray]:
    """Loss of a small convolution and its gradient, as TensorFlow computes them.

    The tables are tuples of rows: few numbers, which are the key themselves.
    """
    keep_server_fast()
    from cnnviz.convolution.autodiff import taped_kernel_gradient as taped

    return taped(np.array(image), np.array(kernel), np.array(target), loss)
