"""Maps of what argues for a class, by every method."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz.evidence import Target, explained
from cnnviz.explanations import explain, find_method
from cnnviz.results import ClassHeatmap, ImageInput
from cnnviz.ui import jobs
from cnnviz.ui.cached.keys import BY_DIGEST
from cnnviz.ui.cached.networks import model

if TYPE_CHECKING:
    from cnnviz.evidence import Case
    from cnnviz.evidence_table import EvidenceTable


@st.cache_resource(max_entries=6, hash_funcs=BY_DIGEST, show_spinner="Looking at the layer…")
def case(
    model_name: str, image: ImageInput, target: Target, layer_names: tuple[str, ...]
) -> "Case":
    """Run a picture through a network and back, once for all methods: shared, read-only."""
    from cnnviz.evidence import observe

    return observe(model(model_name), image, target, layer_names)


def evidence(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...] = (),
) -> ClassHeatmap | None:
    """Show what argues for something; None while a slow method is at work."""
    method = find_method(method_name)
    if method.sees:
        return _fast_evidence(model_name, image, method_name, layer_name, target, settings)
    network = model(model_name)

    def work(report: jobs.Report) -> ClassHeatmap:
        return explain(
            network,
            image,
            method_name,
            layer_name=layer_name,
            target=target,
            on_progress=report,
            **dict(settings),
        )

    key = ("evidence", model_name, image.digest, method_name, layer_name, target, settings)
    return jobs.result_of(key, method.title, work)


@st.cache_data(max_entries=256, hash_funcs=BY_DIGEST, show_spinner=False)
def _fast_evidence(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...],
) -> ClassHeatmap:
    method = find_method(method_name)
    seen = case(model_name, image, target, method.needs(layer_name))
    return explained(seen, method, layer_name, dict(settings))


@st.cache_data(max_entries=64, hash_funcs=BY_DIGEST, show_spinner=False)
def fused_evidence(
    model_name: str, image: ImageInput, layer_names: tuple[str, ...], target: Target
) -> ClassHeatmap:
    """LayerCAM of several layers in one map."""
    from cnnviz.cam import fuse

    seen = case(model_name, image, target, layer_names)
    method = find_method("layer-cam")
    return fuse([explained(seen, method, name) for name in layer_names])


def channel_weights(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...],
) -> np.ndarray | None:
    """Weights of a method's sum over feature maps; None while a slow method is at work."""
    seen = case(model_name, image, target, (layer_name,))

    def work(report: jobs.Report) -> np.ndarray:
        from cnnviz.cam import channel_weights as weigh

        return weigh(seen, method_name, layer_name, dict(settings), report)

    key = ("weights", model_name, image.digest, method_name, layer_name, target, settings)
    return jobs.result_of(key, "Weighing the feature maps", work)


def evidence_table(
    image: ImageInput,
    rows: tuple[str, ...],
    columns: tuple[tuple[str, str, Target], ...],
    show: Callable[[Any], None],
) -> "EvidenceTable | None":
    """Maps of several methods for several (network, layer, target); None while they are made.

    `show` draws what there is so far.
    """
    networks = {name: model(name) for name, _, _ in columns}

    def work(report: jobs.Report) -> "EvidenceTable":
        from cnnviz.evidence_table import evidence_table as fill

        places = [(networks[name], layer, target) for name, layer, target in columns]
        return fill(image, rows, places, on_progress=report)

    return jobs.result_of(("table", image.digest, rows, columns), "Filling the table", work, show)
