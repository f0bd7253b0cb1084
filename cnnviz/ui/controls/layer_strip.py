"""The choice of a layer by its most active map, and of a channel."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures
from cnnviz.errors import CnnvizError
from cnnviz.features.feature_maps import LayerGlance
from cnnviz.figures import Block, Scale
from cnnviz.network.layer_table import LayerFacts
from cnnviz.ui import shared
from cnnviz.ui.components import tiles
from cnnviz.ui.controls.pickers import PickedImage, keep_within
from cnnviz.ui.shell import address, frame

LAYER, CHANNEL = "maps_layer", "channel"  # session keys
_STRIP_PX, _MAX_COLUMNS = 56, 30


def columns(
    model_name: str, picked: PickedImage, at_share: float = 0.0
) -> tuple[str, DeltaGenerator, DeltaGenerator]:
    """Lay out a view of one layer: thumbnails of all layers above controls and stage.

    Returns the name of the chosen layer, the column of controls and the stage.

    `at_share`, 0 to 1, is the relative depth of the default layer.
    """
    shown = blocks(model_name)
    names = [block.last for block in shown]
    glances = shared.overview(model_name, picked.image)
    model = shared.model(model_name)
    order = model.map_layer_names
    strip = st.container()
    column, stage = frame.columns()
    with column:
        chosen = address.selectbox(
            "Layer",
            {name: f"{name} ({size_text(model.map_shapes[name])})" for name in order},
            key=LAYER,
            default=names[round(at_share * (len(names) - 1))],
            parameter="layer",
            help="Height × width × channels; each thumbnail above is the layer's most active map.",
        )
    at = next((i for i, name in enumerate(names) if order.index(name) >= order.index(chosen)), -1)
    num_rows = -(-len(names) // _MAX_COLUMNS)
    num_columns = -(-len(names) // num_rows)  # rows of the same length
    previews = [_preview(glances[name]) for name in names]
    sheet = figures.mosaic(
        [preview for preview, _ in previews],
        [scale for _, scale in previews],
        columns=num_columns,
        tile_px=_STRIP_PX,
        first_number=None,
    )
    with strip:
        tiles.pick_tile(
            sheet,
            tile_grid(len(names), num_columns, _STRIP_PX),
            key="strip",
            picked=at,
            labels=[f"{name}, {size_text(model.map_shapes[name])}" for name in names],
            alt=f"The most active map of each layer of {model.card.title}, from first to last",
            on_pick=lambda place: st.session_state.update({LAYER: names[place]}),
            max_height_px=120,
            max_width_px=round(1.4 * sheet.shape[1]),
        )
    return chosen, column, stage


def blocks(model_name: str) -> list[Block]:
    """Return the blocks of a network whose layers have feature maps, from input to output.

    Raises
    ------
    CnnvizError
        If no layer has feature maps.
    """
    model = shared.model(model_name)
    layer_blocks = [
        block for block in figures.blocks(shared.layers(model_name)) if block.last in model.grids
    ]
    if not layer_blocks:
        raise CnnvizError(
            f"{model.card.title} has no layer with feature maps. Choose another network."
        )
    return layer_blocks


def _preview(glance: LayerGlance) -> tuple[np.ndarray, Scale | None]:
    values = glance.maps[0]
    if values.min() == values.max():
        return figures.empty_tile(), None
    return values, value_scale(values)


def value_scale(*arrays: np.ndarray) -> Scale:
    """Return a diverging scale centered at zero for signed values, else zero to the maximum."""
    has_signs = any(bool((values < 0).any()) for values in arrays)
    return figures.signed_scale(*arrays) if has_signs else figures.unsigned_scale(*arrays)


def tile_grid(count: int, columns: int, tile_px: int, strip_px: int = 0) -> tiles.Grid:
    """Return the positions of the tiles of `figures.mosaic`."""
    gap = figures.GAP_PX
    return tiles.Grid(columns, count, tile_px + gap, tile_px + strip_px + gap, gap)


def size_text(shape: Sequence[int]) -> str:
    """Format a shape, such as 14 × 14 × 80."""
    return " × ".join(map(str, shape))


def choose_channel(num_channels: int) -> int:
    """Let the user choose a channel of a layer; return its index."""
    keep_within(CHANNEL, num_channels)
    return int(st.number_input("Channel", 0, num_channels - 1, key=CHANNEL, bind="query-params"))


def facts_of(model_name: str, layer_name: str) -> LayerFacts:
    """Return the row of a layer in the layer table."""
    return next(row for row in shared.layers(model_name) if row.name == layer_name)


def pixels_of(
    facts: LayerFacts, row: int, column: int, shape: tuple[int, ...]
) -> tuple[range, range]:
    """Return the rows and columns of a unit's receptive field; the whole image if it is unknown."""
    field = facts.receptive_field
    if field is None:
        return range(shape[0]), range(shape[1])
    return field.rows.seen_by(row) or range(1), field.columns.seen_by(column) or range(1)
