"""Feature maps: what filters answer, where it comes from, what is lost without them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz.datasets import Collection
from cnnviz.features.feature_maps import (
    LayerGlance,
    MapStatistics,
    feature_maps,
    glance,
    map_statistics,
)
from cnnviz.images import ImageInput
from cnnviz.ui.shared.keys import BY_DIGEST
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell import jobs

if TYPE_CHECKING:
    from cnnviz.features.dataset_examples import LayerExamples


@st.cache_resource(max_entries=12, hash_funcs=BY_DIGEST, show_spinner=False)
def layer_maps(model_name: str, image: ImageInput, layer_name: str) -> np.ndarray:
    """All maps of a layer, float32 (h, w, K): shared, read-only.

    All layers come out of one compiled pass, so that no layer has to be compiled by itself.
    """
    return feature_maps(model(model_name), image)[layer_name].values


@st.cache_data(max_entries=64, hash_funcs=BY_DIGEST, show_spinner=False)
def layer_statistics(model_name: str, image: ImageInput, layer_name: str) -> MapStatistics:
    """What the maps of a layer are like for an image."""
    return map_statistics(layer_maps(model_name, image, layer_name))


@st.cache_data(max_entries=16, hash_funcs=BY_DIGEST, show_spinner="Computing all layers…")
def overview(model_name: str, image: ImageInput) -> dict[str, LayerGlance]:
    """Range and strongest maps of every layer."""
    return glance(model(model_name), image)


@st.cache_data(max_entries=32, hash_funcs=BY_DIGEST, show_spinner=False)
def unit_trace(
    model_name: str, image: ImageInput, layer_name: str, channel: int, row: int, column: int
) -> Any:
    """Where one number of a map comes from."""
    from cnnviz.features.unit_trace import trace_unit

    return trace_unit(model(model_name), image, layer_name, channel, row, column)


@st.cache_data(max_entries=64, hash_funcs=BY_DIGEST, show_spinner=False)
def ablated(
    model_name: str, image: ImageInput, layer_name: str, channels: tuple[int, ...]
) -> np.ndarray:
    """Logits with some channels switched off."""
    from cnnviz.features.channel_ablation import ablated_logits

    return ablated_logits(model(model_name), image, layer_name, channels)


def ablation(model_name: str, image: ImageInput, layer_name: str) -> np.ndarray | None:
    """Logits with each channel switched off alone; None while they are being computed."""
    network = model(model_name)

    def work(report: jobs.Report) -> np.ndarray:
        from cnnviz.features.channel_ablation import ablation_logits

        return ablation_logits(network, image, layer_name, on_progress=report)

    key = ("ablation", model_name, image.digest, layer_name)
    return jobs.result_of(key, "Ablating one channel at a time", work)


def examples(model_name: str, images: Collection) -> "Mapping[str, LayerExamples] | None":
    """What every filter answers to every image; None while they are being asked."""
    network = model(model_name)

    def work(report: jobs.Report) -> "Mapping[str, LayerExamples]":
        from cnnviz.features.dataset_examples import find_dataset_examples

        return find_dataset_examples(network, images.images, on_progress=report)

    key = ("exemplars", model_name, images.name)
    return jobs.result_of(key, f"Computing activations for {images.title}", work)
