"""Panels of the feature maps page: layer thumbnails, a layer's maps, one map, the whole network."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures, zoo
from cnnviz.features.feature_maps import ORDERS, MapStatistics
from cnnviz.figures import Scale
from cnnviz.network.layer_table import LayerFacts
from cnnviz.ui import shared
from cnnviz.ui.components import tiles
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    download,
    number,
    show_chart,
    show_image,
    show_map,
    show_painted,
    show_scale,
)

_NUMBER_PX = 20  # height of the number label above a tile
_SCALES = {
    "layer": "per layer",
    "map": "per map",
    "network": "per network",
    "raw": "fixed, −1 to 1",
}
_FILTER_PARTS = {
    "map": "Feature map",
    "images": "Maximally activating images",
    "kernel": "Kernel",
    "histogram": "Histogram",
}
_HIERARCHY_PARTS = {"maps": "Maps of each layer", "activations": "Number of activations"}
_MAX_SLICES = 64
_MAX_ROWS = 8  # layers in the view of the whole network


def show_all(model_name: str, picked: PickedImage) -> None:
    """Show all feature maps of a layer in one mosaic, and the selected one enlarged."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        _draw_all(model_name, picked, layer_name, column)


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
        strip_px=_NUMBER_PX,
    )

    def pick(place: int) -> None:
        st.session_state[layer_strip.CHANNEL] = int(order[place])

    tiles.pick_tile(
        sheet,
        layer_strip.tile_grid(len(order), columns, tile_px, _NUMBER_PX),
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
    _show_numbers(numbers, channel)
    download(
        f"Feature map (NPY, {layer_strip.size_text(values.shape)})",
        f"{layer_name.replace('/', '-')}-{channel}.npy",
        lambda: figures.array_npy(values),
    )


def _show_numbers(numbers: MapStatistics, channel: int) -> None:
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


def show_one(model_name: str, picked: PickedImage) -> None:
    """Show one filter: its map, kernel, histogram or maximally activating images."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        _draw_tile(model_name, picked, layer_name, column)


def _draw_tile(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    values = shared.layer_maps(model_name, picked.image, layer_name)
    numbers = shared.layer_statistics(model_name, picked.image, layer_name)
    with column:
        channel = layer_strip.choose_channel(values.shape[-1])
    part = address.tabs(_FILTER_PARTS, key="filter_part")
    if part == "map":
        _show_feature_map(model_name, picked, values[..., channel], channel)
        _show_numbers(numbers, channel)
    elif part == "kernel":
        _show_slices(model_name, picked, layer_name, channel)
    elif part == "histogram":
        show_chart(
            figures.value_histogram(values[..., channel], "units"),
            f"Histogram of the activations of channel {channel}",
            key="map histogram",
        )
        _show_numbers(numbers, channel)
    else:
        _show_examples(model_name, layer_name, channel, column)


def _show_feature_map(
    model_name: str, picked: PickedImage, feature_map: np.ndarray, channel: int
) -> None:
    """Show a feature map on its own grid, and upsampled over the image."""
    scale = layer_strip.value_scale(feature_map)
    image = shared.smaller(picked.image, 768)
    seen = zoo.seen_part(shared.model(model_name).card, image)
    grid, over = st.columns(2)
    with grid:
        size = layer_strip.size_text(feature_map.shape)
        caption = f"Channel {channel} at its own resolution, {size}"
        show_map(feature_map, scale, caption, "Feature map")
    with over:
        pixels = figures.overlay_part(image.pixels, feature_map, scale, 0.6, seen)
        show_painted(
            pixels,
            scale,
            f"The same map, upsampled over {picked.label}",
            "Feature map over the image",
        )


def _show_slices(model_name: str, picked: PickedImage, layer_name: str, channel: int) -> None:
    """Show the kernel of a filter, one slice per input channel."""
    height, width, _ = shared.model(model_name).map_shapes[layer_name]
    trace = shared.unit_trace(
        model_name, picked.image, layer_name, channel, height // 2, width // 2
    )
    window = next((step for step in trace.steps if getattr(step, "kernel", None) is not None), None)
    if window is None:
        st.markdown(
            ":small[No convolution directly precedes this layer: it combines or pools other maps.]"
        )
        return
    kernel = window.kernel
    strength = np.abs(kernel).sum(axis=(0, 1))
    chosen = np.sort(np.argsort(-strength, kind="stable")[:_MAX_SLICES])
    scale = figures.signed_scale(kernel)
    columns, tile_px = (len(chosen), 128) if len(chosen) <= 3 else (8, 64)
    sheet = figures.mosaic(
        kernel[..., chosen].transpose(2, 0, 1),
        [scale] * len(chosen),
        columns=columns,
        tile_px=tile_px,
        numbers=window.channels[chosen].tolist(),
        strip_px=_NUMBER_PX,
    )
    count = len(strength)
    which = f"the {_MAX_SLICES} strongest of {count}" if count > _MAX_SLICES else f"all {count}"
    size = layer_strip.size_text(kernel.shape[:2])
    show_painted(
        sheet,
        scale,
        f"Kernel in `{window.layer_name}`: {size}, {which} slices, one per channel of "
        f"`{window.source}`. Red weights are positive, blue negative.",
        f"Kernel of channel {channel}",
    )


def _show_examples(model_name: str, layer_name: str, channel: int, column: DeltaGenerator) -> None:
    full = column.toggle(
        "Search the test set",
        key="full_search",
        bind="query-params",
        help="Searches up to 1,000 test images if the data set is on this computer; off searches "
        "the bundled images.",
    )
    images = shared.collection_for(model_name, full)
    examples = shared.examples(model_name, images)
    if examples is None:
        return
    layer = examples[layer_name]
    best = layer.strongest(channel, 8)
    if not best:
        st.info(f"This filter is inactive on all images: {images.title}.")
        return
    model = shared.model(model_name)
    field = layer_strip.facts_of(model_name, layer_name)
    whole, patches = [], []
    for index, row, place in best:
        view = zoo.model_view(model.card, images.images[index])
        rows, columns = layer_strip.pixels_of(field, row, place, view.shape)
        whole.append(figures.enlarged_with_frame(view, rows, columns, side_px=256, width_px=4))
        patches.append(view[rows.start : rows.stop, columns.start : columns.stop])
    sheet = figures.mosaic(
        whole + patches, [None] * 2 * len(best), columns=len(best), tile_px=112, first_number=None
    )
    names = ", ".join(
        f"{images.labels[place]} {layer.maximum[place, channel]:.2g}" for place, _, _ in best
    )
    show_image(
        sheet,
        f"From {images.title}: {names}. Top: each image, with the receptive field of its most "
        "active unit framed. Bottom: that region.",
        f"Maximally activating images of channel {channel} of {layer_name}",
    )
    means, highest = layer.mean[:, channel], layer.maximum[:, channel]
    st.markdown(
        f":small[All of these images: mean activation {number(float(means.mean()))}, maximum "
        f"{number(float(highest.max()))}; inactive on {layer.silent_share[channel]:.0%} of them.]"
    )


def show_hierarchy(model_name: str, picked: PickedImage) -> None:
    """Show the most active maps of layers from input to output, or their activation counts."""
    if address.tabs(_HIERARCHY_PARTS, key="hierarchy_part") == "maps":
        _show_layers(model_name, picked)
    else:
        _show_activations(model_name)


def _show_layers(model_name: str, picked: PickedImage) -> None:
    """Show some layers, a row each: their most active maps and a unit's receptive field."""
    shown = layer_strip.blocks(model_name)
    places = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), _MAX_ROWS)).astype(int))
    glances = shared.overview(model_name, picked.image)
    view = zoo.model_view(shared.model(model_name).card, picked.image)
    for index in places:
        name = shown[index].last
        facts, glance = layer_strip.facts_of(model_name, name), glances[name]
        height, width, channels = facts.output_shape
        rows, columns = layer_strip.pixels_of(facts, height // 2, width // 2, view.shape)
        text, maps, seen = st.columns([1.5, 4, 0.6], vertical_alignment="center")
        text.markdown(
            f"`{name}`\n\n:small[{height} × {width} positions, {channels} channels; receptive "
            f"field {len(rows)} × {len(columns)} pixels]"
        )
        with maps:
            common = layer_strip.value_scale(glance.maps)
            sheet = figures.mosaic(
                glance.maps,
                [common] * len(glance.maps),
                columns=len(glance.maps),
                tile_px=112,
                numbers=glance.channels.tolist(),
                strip_px=_NUMBER_PX,
            )
            st.image(
                figures.encode_jpeg(sheet), width="stretch", alt=f"The most active maps of {name}"
            )
        with seen:
            framed = figures.enlarged_with_frame(view, rows, columns, side_px=256, width_px=5)
            st.image(
                figures.encode_jpeg(framed),
                width="stretch",
                alt=f"Receptive field of the center unit of {name}",
            )
    frame.explain(
        "**What you see.** Each row shows a layer's most active maps on one color scale. The green "
        "frame is the center unit's receptive field: it grows with depth."
    )


def _show_activations(model_name: str) -> None:
    """Show how many positions, channels and activations each layer has."""
    shown = layer_strip.blocks(model_name)
    table = [layer_strip.facts_of(model_name, block.last) for block in shown]
    show_chart(
        figures.activations_figure(table),
        "Positions, channels and activations of each layer",
        key="hierarchy",
    )
    st.markdown(
        "Pooling reduces the number of positions. Adding channels at the same time makes the "
        "number of activations shrink gradually. "
        f"{_sharpest_loss(table)}"
    )


def _sharpest_loss(rows: Sequence[LayerFacts]) -> str:
    totals = [int(np.prod(row.output_shape)) for row in rows]
    ratios = [after / before for before, after in pairwise(totals)]
    if not ratios:
        return ""
    place = int(np.argmin(ratios))
    return (
        f"The largest drop is at `{rows[place + 1].name}`: from {totals[place]:,} to "
        f"{totals[place + 1]:,} activations."
    )
