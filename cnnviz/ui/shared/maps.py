"""Feature maps: what filters respond to, where it comes from, what is lost without them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.datasets import Collection
from cnnviz.features.feature_maps import (
    LayerGlance,
    MapStatistics,
    feature_maps,
    glance,
    map_statistics,
)
from cnnviz.images import ImageInput
from cnnviz.ui.shared.networks import loaded, model
from cnnviz.ui.shell.cache import in_background, remembered
from cnnviz.ui.shell.jobs import Report

if TYPE_CHECKING:
    from cnnviz.features.dataset_examples import LayerExamples


@remembered(12, is_shared=True)
def layer_maps(model_name: str, image: ImageInput, layer_name: str) -> np.ndarray:
    """All maps of a layer, float32 (h, w, K): shared, read-only.

    All layers come out of one compiled pass, so that no layer has to be compiled by itself.
    """
    return feature_maps(model(model_name), image)[layer_name].values


@remembered(64)
def layer_statistics(model_name: str, image: ImageInput, layer_name: str) -> MapStatistics:
    """What the maps of a layer are like for an image."""
    return map_statistics(layer_maps(model_name, image, layer_name))


@remembered(16, "Computing all layers…")
def overview(model_name: str, image: ImageInput) -> dict[str, LayerGlance]:
    """Range and strongest maps of every layer."""
    return glance(model(model_name), image)


@remembered(32)
def unit_trace(
    model_name: str, image: ImageInput, layer_name: str, channel: int, row: int, column: int
) -> Any:
    """Where one number of a map comes from."""
    from cnnviz.features.unit_trace import trace_unit

    return trace_unit(model(model_name), image, layer_name, channel, row, column)


@remembered(64)
def ablated(
    model_name: str, image: ImageInput, layer_name: str, channels: tuple[int, ...]
) -> np.ndarray:
    """Logits with some channels switched off."""
    from cnnviz.features.channel_ablation import ablated_logits

    return ablated_logits(model(model_name), image, layer_name, channels)


@in_background("Ablating one channel at a time")
def ablation(report: Report, model_name: str, image: ImageInput, layer_name: str) -> np.ndarray:
    """Compute the logits with each channel ablated alone."""
    from cnnviz.features.channel_ablation import ablation_logits

    return ablation_logits(loaded(model_name), image, layer_name, on_progress=report)


@in_background("Computing activations for {images.title}")
def examples(report: Report, model_name: str, images: Collection) -> "Mapping[str, LayerExamples]":
    """Compute the activation of every filter for every image."""
    from cnnviz.features.dataset_examples import find_dataset_examples

    return find_dataset_examples(loaded(model_name), images.images, on_progress=report)
