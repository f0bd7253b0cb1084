"""Heat maps for a class, by every method: at once where it is quick, as a job where it is slow."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import streamlit as st

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.methods import attribution_map
from cnnviz.attribution.observation import OBSERVATION
from cnnviz.attribution.registry import find_method
from cnnviz.attribution.targets import Target
from cnnviz.images import ImageInput
from cnnviz.network.cost import OnProgress, is_slow
from cnnviz.ui.shared.networks import loaded, model
from cnnviz.ui.shell import jobs
from cnnviz.ui.shell.cache import in_background, remembered
from cnnviz.ui.shell.jobs import Report

if TYPE_CHECKING:
    from cnnviz.attribution.comparison import ComparisonTable
    from cnnviz.attribution.observation import Observation

_Result = TypeVar("_Result")
_Settings = tuple[tuple[str, Any], ...]


def observation(
    model_name: str, image: ImageInput, target: Target, layer_names: tuple[str, ...]
) -> "Observation | None":
    """Run an image through a network and back, once for all methods: shared, read-only.

    None while a large network is at work.
    """
    network = model(model_name)
    return computed(
        ("observation", model_name, image.digest, target, layer_names),
        "Running the network forward and back",
        is_slow(network, OBSERVATION),
        lambda report: observed(model_name, image, target, layer_names, network),
    )


@remembered(6, is_shared=True)
def observed(
    model_name: str,
    image: ImageInput,
    target: Target,
    layer_names: tuple[str, ...],
    _network: Any,
) -> "Observation":
    """Return the same, for a computation that may itself be a job."""
    from cnnviz.attribution.observation import observe

    return observe(_network, image, target, layer_names)


def computed(
    key: tuple[Any, ...],
    title: str,
    is_long: bool,
    compute: Callable[[OnProgress | None], _Result],
) -> _Result | None:
    """Compute something at once, or as a job; None, with its progress drawn, while that runs.

    Parameters
    ----------
    key, title
        As for `jobs.result_of`.
    is_long : bool
        Whether it takes longer than a moment.
    compute : callable
        Called with what to report progress to; None if nobody waits for it.
    """
    if is_long:
        return jobs.result_of(key, title, compute)
    with st.spinner(f"{title}…"):
        return compute(None)


def heatmap(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: _Settings = (),
) -> ClassHeatmap | None:
    """Compute a heat map; None while a slow method is at work."""
    network, method = model(model_name), find_method(method_name)
    request = (method_name, layer_name, target, settings)
    return computed(
        ("heatmap", model_name, image.digest, *request),
        method.title,
        method.is_slow(network, layer_name, dict(settings)),
        lambda report: _heatmap(model_name, image, *request, network, report),
    )


@remembered(256)
def _heatmap(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: _Settings,
    _network: Any,
    _report: OnProgress | None,
) -> ClassHeatmap:
    method = find_method(method_name)
    seen = observed(model_name, image, target, method.needed_layers(layer_name), _network)
    return attribution_map(seen, method, layer_name, dict(settings), _report)


def fused_map(
    model_name: str, image: ImageInput, layer_names: tuple[str, ...], target: Target
) -> ClassHeatmap | None:
    """Fuse LayerCAM of several layers into one map; None while a large network is at work."""
    network = model(model_name)
    return computed(
        ("fused", model_name, image.digest, layer_names, target),
        "LayerCAM of several layers",
        is_slow(network, OBSERVATION),
        lambda report: _fused(model_name, image, layer_names, target, network),
    )


@remembered(64)
def _fused(
    model_name: str,
    image: ImageInput,
    layer_names: tuple[str, ...],
    target: Target,
    _network: Any,
) -> ClassHeatmap:
    from cnnviz.attribution.cam import fuse

    seen = observed(model_name, image, target, layer_names, _network)
    method = find_method("layer-cam")
    return fuse([attribution_map(seen, method, name) for name in layer_names])


def channel_weights(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: _Settings,
) -> np.ndarray | None:
    """Compute the weights of a method's sum over feature maps; None while a slow one is at work."""
    network = model(model_name)
    request = (method_name, layer_name, target, settings)
    return computed(
        ("weights", model_name, image.digest, *request),
        "Weighting the feature maps",
        find_method(method_name).is_slow(network, layer_name, dict(settings)),
        lambda report: _weights(model_name, image, *request, network, report),
    )


@remembered(64)
def _weights(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: _Settings,
    _network: Any,
    _report: OnProgress | None,
) -> np.ndarray:
    from cnnviz.attribution.cam import channel_weights as weigh

    seen = observed(model_name, image, target, (layer_name,), _network)
    return weigh(seen, method_name, layer_name, dict(settings), _report)


@in_background("Computing the maps")
def compare_methods(
    report: Report,
    image: ImageInput,
    rows: tuple[str, ...],
    columns: tuple[tuple[str, str, Target], ...],
    show: Callable[[Any], None],
) -> "ComparisonTable":
    """Compute maps of several methods for several (network, layer, target)."""
    from cnnviz.attribution import comparison

    networks = {name: loaded(name) for name, _, _ in columns}
    asked = [(networks[name], layer, target) for name, layer, target in columns]
    return comparison.compare_methods(image, rows, asked, on_progress=report)
