"""Panels of the feature maps page: layer thumbnails, a layer's maps, one map, the whole network."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures
from cnnviz.features.feature_maps import ORDERS, MapStatistics
from cnnviz.figures import Scale
from cnnviz.ui import shared
from cnnviz.ui.components import tiles
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import (
    download,
    number,
    show_map,
    show_scale,
)

NUMBER_PX = 20  # height of the number label above a tile
_SCALES = {
    "layer": "per layer",
    "map": "per map",
    "network": "per network",
    "raw": "fixed, −1 to 1",
}


def show_all(model_name: str, picked: PickedImage) -> None:
    """Show all feature maps of a layer in one mosaic, and the selected one enlarged."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        note_maps(model_name, picked, layer_name)
        _draw_all(model_name, picked, layer_name, column)


def note_maps(model_name: str, picked: PickedImage, layer_name: str) -> None:
    """Note all maps of the layer for the menu, and the Python that computes them."""
    values = shared.layer_maps(model_name, picked.image, layer_name)
    results.note_array(f"{layer_name} maps", values)
    results.note_code(
        code.program(
            f"maps = cnnviz.feature_maps(model, image, [{layer_name!r}])[{layer_name!r}].values\n"
            "print(maps.shape, maps.min(), maps.max())",
            model_name=model_name,
            image=picked.code,
        )
    )


def _draw_all(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    values = shared.layer_maps(model_name, picked.image, layer_name)
    numbers = shared.layer_statistics(model_name, picked.image, layer_name)
    with column:
        scale_by = address.selectbox(
            "Color scale",
            _SCALES,
            key="scale_by",
            help="A shared scale keeps magnitudes comparable; a scale per map also shows faint "
            "structure.",
        )
    by = column.selectbox("Sort by", ORDERS, key="sort_by", bind="query-params")
    with column:
        channel = layer_strip.choose_channel(values.shape[-1])
    scales = _scales(model_name, picked, values, scale_by)
    order = numbers.order(by)
    mosaic, large = st.columns([3, 1], gap="medium")
    with mosaic:
        _show_mosaic(values, numbers, order, scales, channel, f"{layer_name}, {picked.label}")
        if scale_by == "map":
            st.markdown(":small[Each map has its own scale: compare patterns, not magnitudes.]")
        else:
            _show_common_scale(scales[0], values)
    with large:
        _show_large(values[..., channel], scales[channel], channel, numbers, layer_name)
    _explain_all(layer_name, values, numbers, by)
    _show_dead(model_name, layer_name, numbers)


def _scales(model_name: str, picked: PickedImage, values: np.ndarray, scale_by: str) -> list[Scale]:
    if scale_by == "map":
        return [
            layer_strip.value_scale(values[..., channel]) for channel in range(values.shape[-1])
        ]
    if scale_by == "network":
        glances = shared.overview(model_name, picked.image).values()
        common = layer_strip.value_scale(
            np.array([[glance.low, glance.high] for glance in glances], np.float32)
        )
    elif scale_by == "raw":
        has_signs = bool((values < 0).any())
        common = Scale(-1, 1, figures.DIVERGING) if has_signs else Scale(0, 1, "viridis")
    else:
        common = layer_strip.value_scale(values)
    return [common] * values.shape[-1]


def _show_common_scale(scale: Scale, values: np.ndarray) -> None:
    """Show a color bar and the share of activations outside its range."""
    show_scale(scale)
    beyond = float(((values < scale.low) | (values > scale.high)).mean())
    if beyond > 0:
        st.markdown(f":small[{beyond:.1%} of the activations are out of range and clipped to it.]")


def _tile_size(num_channels: int, side: int) -> tuple[int, int]:
    """Return the columns of the mosaic and the tile side in pixels, a multiple of `side`."""
    columns, tile_px = 16, 56
    for limit, few, large_px in ((16, 6, 128), (64, 8, 112), (256, 12, 72)):
        if num_channels <= limit:
            columns, tile_px = min(few, num_channels), large_px
            break
    return columns, tile_px // side * side if side <= tile_px else tile_px


def _show_mosaic(
    values: np.ndarray,
    numbers: MapStatistics,
    order: np.ndarray,
    scales: Sequence[Scale],
    channel: int,
    what: str,
) -> None:
    columns, tile_px = _tile_size(len(order), max(values.shape[:2]))
    dead = numbers.is_dead
    empty = figures.empty_tile()
    sheet = figures.mosaic(
        [empty if dead[place] else values[..., place] for place in order],
        [None if dead[place] else scales[place] for place in order],
        columns=columns,
        tile_px=tile_px,
        numbers=order.tolist(),
        strip_px=NUMBER_PX,
    )

    def pick(place: int) -> None:
        st.session_state[layer_strip.CHANNEL] = int(order[place])

    tiles.pick_tile(
        sheet,
        layer_strip.tile_grid(len(order), columns, tile_px, NUMBER_PX),
        key="mosaic",
        picked=int(np.flatnonzero(order == channel)[0]),
        labels=[
            f"channel {place}: inactive"
            if dead[place]
            else f"channel {place}: {numbers.minimum[place]:.3g} to {numbers.maximum[place]:.3g}, "
            f"mean {numbers.mean[place]:.3g}"
            for place in order
        ],
        alt=f"All maps of {what}",
        on_pick=pick,
        max_height_px=720,
    )


def _show_large(
    values: np.ndarray, scale: Scale, channel: int, numbers: MapStatistics, layer_name: str
) -> None:
    show_map(
        values,
        scale,
        f"Channel {channel} of `{layer_name}`, {layer_strip.size_text(values.shape)}",
        f"Feature map {channel} of {layer_name}",
    )
    show_numbers(numbers, channel)
    download(
        f"Feature map (NPY, {layer_strip.size_text(values.shape)})",
        f"{layer_name.replace('/', '-')}-{channel}.npy",
        lambda: figures.array_npy(values),
    )


def show_numbers(numbers: MapStatistics, channel: int) -> None:
    """Write the statistics of one feature map below it."""
    if numbers.is_dead[channel]:
        st.markdown(
            f"**Inactive**: {number(float(numbers.mean[channel]))} at every position. The filter "
            "does not respond to this image."
        )
        return
    lines = {
        "Minimum": numbers.minimum,
        "Mean": numbers.mean,
        "Maximum": numbers.maximum,
        "Variance": numbers.variance,
        "Entropy (bits)": numbers.entropy,
    }
    text = " · ".join(f"{name} {number(float(of[channel]))}" for name, of in lines.items())
    st.markdown(f":small[{text}]")


def _explain_all(layer_name: str, values: np.ndarray, numbers: MapStatistics, by: str) -> None:
    dead = np.flatnonzero(numbers.is_dead)
    listed = ", ".join(map(str, dead[:40])) + ("…" if len(dead) > 40 else "")
    told = "No map is inactive."
    if len(dead):
        told = f"**{len(dead)}** of {len(numbers.mean)} maps are inactive: {listed}."
    colors = (
        "Red is positive, blue negative, white zero. A ReLU keeps only the positive values."
        if (values < 0).any()
        else "Dark is zero, bright is high."
    )
    sorting = {
        "number": "Maps are in channel order.",
        "entropy": "Sorted by entropy: maps with the most varied activations come first.",
    }.get(by, f"Sorted by {by}, largest first.")
    frame.explain(
        f"**What you see.** Each tile is the feature map of one filter of `{layer_name}`: its "
        f"activation at every position. {colors} {sorting} {told}\n\n"
        "**Try this.** Step through the layer thumbnails: first edges, then patterns, then parts "
        "of objects."
    )


def _show_dead(model_name: str, layer_name: str, numbers: MapStatistics) -> None:
    images = shared.collection_for(model_name, full=False)
    examples = shared.examples(model_name, images)
    if examples is None:
        return
    dead = np.flatnonzero(examples[layer_name].is_dead)
    listed = f": {', '.join(map(str, dead[:40]))}" if len(dead) else ""
    rare = int((examples[layer_name].silent_share > 0.9).sum()) - len(dead)
    st.markdown(
        f"On {images.title}, **{len(dead)}** of {len(numbers.mean)} filters are dead, constant "
        f"on every image{listed}. Another {max(rare, 0)} are inactive on over 90 % of the images."
    )
