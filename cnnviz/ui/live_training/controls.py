"""Settings of a live training."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cnnviz.datasets import DATA_SETS
from cnnviz.training.live.settings import (
    SAMPLES,
    LiveSettings,
)
from cnnviz.ui.live_training import cached
from cnnviz.ui.live_training.session import current_run, remember
from cnnviz.ui.shell import address
from cnnviz.zoo.blocks import KERNEL_SIZES, MAX_BLOCKS, MAX_FILTERS, POOLINGS

_CHANGES = {
    "none": "none",
    "shift-flip": "shift and flip",
    "turn-shift-zoom": "rotation, shift and zoom",
}
_HEADS = {"flatten": "all positions (Flatten)", "gap": "mean of each feature map (GAP)"}
_OPTIMIZERS = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD (plain)"}
_LATER = {"double": f"twice as many, at most {MAX_FILTERS}", "same": "the same number"}
_IMAGES, _FEW = (500, 1000, 2000, 5000, 10_000, 20_000), (50, 100, 150)
_RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)


def choose_settings() -> LiveSettings:
    """Ask for all settings of network and training.

    Raises
    ------
    InvalidParameterError
        If the network would be too slow to watch.
    """
    run = current_run()
    if run is not None:
        remember(run.settings)
    is_locked = run is not None and run.is_active
    how: dict[str, Any] = {"bind": "query-params", "disabled": is_locked}
    titles = {name: DATA_SETS[name].title for name in cached.live_data()}
    data = address.selectbox("Data", titles, key="live_data", disabled=is_locked)
    has_few = data == SAMPLES
    num_images = st.select_slider(
        "Training images",
        _FEW if has_few else _IMAGES,
        150 if has_few else 2000,
        key="live_few" if has_few else "live_images",
        format_func="{:,}".format,
        **how,
    )
    blocks = st.radio(
        "Blocks",
        range(1, MAX_BLOCKS + 1),
        index=1,
        horizontal=True,
        key="live_blocks",
        help="A block is a convolution, ReLU and pooling.",
        **how,
    )
    filters = st.select_slider(
        "Filters in the first block", (4, 8, 16, 32), 16, key="live_filters", **how
    )
    kernel_size = st.radio(
        "Kernel size",
        KERNEL_SIZES,
        index=1,
        horizontal=True,
        format_func=lambda side: f"{side} × {side}",
        key="live_kernel",
        **how,
    )
    rate = st.select_slider(
        "Learning rate",
        _RATES,
        0.003,
        key="live_rate",
        format_func="{:g}".format,
        help="Size of each step against the gradient of the loss.",
        **how,
    )
    epochs = st.slider(
        "Epochs", 1, 20, 5, key="live_epochs", help="Passes over all training images.", **how
    )
    with st.expander("More: pooling, head, optimizer…"):
        rest = _choose_rest(how)
    later = 2 if rest.pop("later") == "double" else 1
    return LiveSettings(
        data=data,
        num_images=num_images,
        filters=tuple(min(MAX_FILTERS, filters * later**place) for place in range(blocks)),
        kernel_size=kernel_size,
        learning_rate=rate,
        epochs=epochs,
        **rest,
    )


def _choose_rest(how: Mapping[str, Any]) -> dict[str, Any]:
    locked = {"disabled": how["disabled"]}
    return {
        "later": address.selectbox("Filters in later blocks", _LATER, key="live_later", **locked),
        "pooling": st.selectbox("Pooling", POOLINGS, key="live_pooling", **how),
        "head": address.selectbox("Head", _HEADS, key="live_head", **locked),
        "dropout": st.slider(
            *("Dropout", 0.0, 0.8, 0.0, 0.1),
            key="live_dropout",
            help="Fraction of the inputs of the last layer set to zero at random.",
            **how,
        ),
        "batch_norm": st.toggle("Batch normalization", key="live_norm", **how),
        "optimizer": address.selectbox("Optimizer", _OPTIMIZERS, key="live_optimizer", **locked),
        "batch_size": st.select_slider(
            "Batch size", (16, 32, 64, 128), 32, key="live_batch", **how
        ),
        "augmentation": address.selectbox(
            "Augmentation",
            _CHANGES,
            key="live_changes",
            help="Flipping suits clothing, not digits: a mirrored 2 is not a 2. Try it.",
            **locked,
        ),
        "seed": st.number_input("Seed", 0, 9999, 1, key="live_seed", **how),
    }
