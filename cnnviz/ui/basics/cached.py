"""What the basics need: a linear classifier, and gradients from TensorFlow to compare with."""

import numpy as np
import streamlit as st

from cnnviz.classifiers.linear import LinearClassifier, load_linear
from cnnviz.ui.shell.server import keep_server_fast


@st.cache_resource(max_entries=3, show_spinner=False)
def linear_classifier(data_name: str) -> LinearClassifier:
    """The linear classifier of a data set: shared, read-only."""
    return load_linear(data_name)


@st.cache_data(max_entries=64, show_spinner="Computing gradients with TensorFlow…")
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
