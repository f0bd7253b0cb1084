"""The view of the whole network: the most active maps of its layers, and their sizes."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.network.layer_table import LayerFacts
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.feature_maps.maps import NUMBER_PX
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import (
    show_chart,
)

_HIERARCHY_PARTS = {"maps": "Maps of each layer", "activations": "Number of activations"}


_MAX_ROWS = 8  # layers in the view of the whole network


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
                strip_px=NUMBER_PX,
            )
            results.note_image(f"Most active maps of {name}", sheet)
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
