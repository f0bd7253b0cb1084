"""The only place that caches for the pages. Keys are names and digests, every cache is bounded."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import numpy as np
import streamlit as st

from cnnviz.filter_banks import FilterBank, gabor_bank, gabor_kernel, gabor_response
from cnnviz.images import shrink_to_fit
from cnnviz.results import ClassHeatmap, GaborResponse, ImageInput, Prediction
from cnnviz.ui.server import keep_server_fast

_BY_DIGEST: dict[str | type[Any], Callable[[Any], Any]] = {ImageInput: attrgetter("digest")}


def model(model_name: str):  # type: ignore[no-untyped-def]  # the type would load TensorFlow
    """Give a network of the zoo; the process keeps the last few itself.

    They are not in Streamlit's cache, because any visitor can clear that.
    """
    with st.spinner("Loading the network. This takes a few seconds the first time…"):
        keep_server_fast()
        from cnnviz.probe import load_model

        return load_model(model_name)


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def smaller(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce a picture so that its longer side fits."""
    return shrink_to_fit(image, max_side_px)


@st.cache_data(max_entries=256, hash_funcs=_BY_DIGEST, show_spinner=False)
def predictions(model_name: str, image: ImageInput, top: int = 5) -> tuple[Prediction, ...]:
    """Name the most probable classes."""
    return model(model_name).predict(image, top)


@st.cache_data(max_entries=256, hash_funcs=_BY_DIGEST, show_spinner=False)
def class_heatmap(
    model_name: str, image: ImageInput, method: str, layer_name: str, class_index: int
) -> ClassHeatmap:
    """Show what argues for a class."""
    from cnnviz.cam import class_activation_map

    return class_activation_map(
        model(model_name), image, method, layer_name=layer_name, class_index=class_index
    )


@st.cache_data(max_entries=64, show_spinner=False)
def filter_kernel(
    frequency: float,
    theta: float,
    sigma: float,
    aspect: float,
    phase: float,
    remove_dc: bool,
    operation: str,
) -> np.ndarray:
    """One complex Gabor kernel; `operation` says how it is used and does not change it."""
    return gabor_kernel(frequency, theta, sigma, aspect=aspect, phase=phase, remove_dc=remove_dc)


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def filter_response(image: ImageInput, **settings: Any) -> GaborResponse:
    """Answer of one Gabor filter; the settings are those of `gabor_response`."""
    return gabor_response(image, **settings)


@st.cache_data(max_entries=16, show_spinner=False)
def filter_bank(num_frequencies: int, num_thetas: int) -> FilterBank:
    """A Gabor bank from fine to coarse; sigma is tied to the frequency by one octave."""
    frequencies = np.geomspace(0.4, 0.08, num_frequencies)
    thetas = np.arange(num_thetas) * np.pi / num_thetas
    return gabor_bank(frequencies, thetas, None, remove_dc=True)


@st.cache_data(max_entries=4, hash_funcs=_BY_DIGEST, show_spinner="Asking all filters…")
def bank_responses(image: ImageInput, num_frequencies: int, num_thetas: int) -> np.ndarray:
    """Magnitudes of all responses of the bank, float32 (num_filters, h, w)."""
    return filter_bank(num_frequencies, num_thetas).responses(image)
