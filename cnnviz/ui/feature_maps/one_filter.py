"""The view of one filter: its map, kernel, histogram and maximally activating images."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures, zoo
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.feature_maps.maps import NUMBER_PX, note_maps, show_numbers
from cnnviz.ui.shell import address
from cnnviz.ui.shell.display import (
    number,
    show_chart,
    show_image,
    show_map,
    show_painted,
)

_FILTER_PARTS = {
    "map": "Feature map",
    "images": "Maximally activating images",
    "kernel": "Kernel",
    "histogram": "Histogram",
}


_MAX_SLICES = 64


def show_one(model_name: str, picked: PickedImage) -> None:
    """Show one filter: its map, kernel, histogram or maximally activating images."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        note_maps(model_name, picked, layer_name)
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
        show_numbers(numbers, channel)
    elif part == "kernel":
        _show_slices(model_name, picked, layer_name, channel)
    elif part == "histogram":
        show_chart(
            figures.value_histogram(values[..., channel], "units"),
            f"Histogram of the activations of channel {channel}",
            key="map histogram",
        )
        show_numbers(numbers, channel)
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
        strip_px=NUMBER_PX,
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
