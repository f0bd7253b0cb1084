"""The parts of the class activation page: maps, predictions, and the words beside them."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from cnnviz import cam, figures, zoo
from cnnviz.results import ClassHeatmap, ImageInput, Prediction
from cnnviz.ui import cached
from cnnviz.ui.controls import Picked
from cnnviz.ui.pictures import download, number, show_map, show_painted, show_picture

MAX_SIDE_PX = 768  # of the picture under the overlay; a projector shows no more


def overlay_settings() -> tuple[float, str]:
    """Ask how the map is laid over the picture: opacity (0 to 1) and colour map."""
    opacity = st.slider("Opacity", 0.0, 1.0, 0.45, 0.05, key="opacity", bind="query-params")
    maps = ["inferno", "viridis", "cividis"]
    return opacity, st.selectbox("Colours", maps, key="colours", bind="query-params")


def show_maps(
    model_name: str, picked: Picked, heatmap: ClassHeatmap, opacity: float, colour_map: str
) -> None:
    """Show what the network saw, the overlay, and the map on its own grid, on one scale."""
    label = _label(model_name, heatmap)
    scale = figures.unsigned_scale(heatmap.values, colour_map=colour_map)
    image = cached.smaller(picked.image, MAX_SIDE_PX)
    seen = zoo.seen_part(cached.model(model_name).card, image)
    overlay = figures.overlay_part(image.pixels, heatmap.values, scale, opacity, seen)
    cells = _size(heatmap.values)
    large, small = st.columns([2, 1])
    with large:
        show_painted(
            overlay,
            scale,
            f"Evidence for «{label}» over {picked.label}.{_dimmed(seen, image)}",
            f"{picked.label} with the evidence for {label}",
        )
        if not heatmap.has_evidence:
            st.warning("No positive evidence: nothing in this picture raises this class's score.")
    with small:
        show_map(
            heatmap.values,
            scale,
            f"The map itself: {cells} cells, maximum {number(heatmap.maximum)}",
            f"Evidence for {label} on the {cells} grid of {heatmap.layer_name}",
        )
        view = zoo.model_view(cached.model(model_name).card, picked.image)
        size = _size(view)
        show_picture(view, f"What the network saw, {size} px", f"{picked.label} at {size} pixels")
    name = f"{heatmap.method}-{label}".replace(" ", "-")
    with large:
        download(
            f"Overlay (PNG, {_size(overlay)})", f"{name}.png", lambda: figures.encode_png(overlay)
        )
        download(
            f"Map (NPZ, {_size(heatmap.values)})",
            f"{name}.npz",
            lambda: figures.heatmap_npz(heatmap),
        )


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} × {array.shape[1]}"


def _dimmed(seen: tuple[slice, slice], image: ImageInput) -> str:
    if image.pixels[seen].shape == image.pixels.shape:
        return ""
    return " The network sees the middle only; the rest is dimmed."


def show_predictions(
    model_name: str, predictions: Sequence[Prediction], heatmap: ClassHeatmap
) -> None:
    """List the most probable classes with bars, and the class that the map argues for."""
    st.markdown("**What the network says**")
    for prediction in predictions:
        st.progress(
            prediction.probability,
            f"{prediction.label}: {prediction.probability:.1%} (logit {prediction.logit:.2f})",
        )
    label = _label(model_name, heatmap)
    st.markdown(f":small[The map argues for «{label}», logit {heatmap.logit:.2f}.]")


def explain(model_name: str, heatmap: ClassHeatmap) -> None:
    """Say how the map was made, with its numbers, and what it does not say."""
    rows, columns, channels = cached.model(model_name).layer_shapes[heatmap.layer_name]
    label = _label(model_name, heatmap)
    st.markdown(
        f"**How it is made.** Layer `{heatmap.layer_name}` holds {channels} feature maps of "
        f"{rows} × {columns} cells. Each gets a weight: the mean slope of the logit of «{label}» "
        f"over the map's {rows * columns} cells. The weighted maps are added up, and what is "
        "negative is cut off:\n\n"
        "$$L = \\mathrm{ReLU}\\Big(\\sum_k \\alpha_k A_k\\Big), \\qquad "
        f"\\alpha_k = \\frac{{1}}{{{rows * columns}}} \\sum_{{ij}} "
        "\\frac{\\partial\\,\\mathrm{logit}}{\\partial A_k(i,j)}$$\n\n"
        "The colours go from 0 to this map's own maximum: compare two maps by their numbers.\n\n"
        "**Try this.** Choose an early layer: the map gets finer and says less about the class. "
        "Ask for a class that is not in the picture.\n\n"
        f"*A heat map is evidence, not proof.* {cam.METHODS[heatmap.method].paper}."
    )


def _label(model_name: str, heatmap: ClassHeatmap) -> str:
    return cached.model(model_name).class_names[heatmap.class_index]
