"""Images that maximize the filters of one layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures
from cnnviz.feature_visualization.filter_image import FilterImage
from cnnviz.feature_visualization.objectives import Target
from cnnviz.feature_visualization.recipe import suggested_recipe
from cnnviz.ui import controls, shared
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.feature_visualization import cached
from cnnviz.ui.feature_visualization.tiles import GRID_COLUMNS, layer_atlas, tile_px
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import show_image

_GRID = 64  # filters in the view of a whole layer
_CHOICES = {
    "in-order": "64 in order",
    "most-active": "the 16 most active",
    "random": "16 at random",
}
_FIRST = "grid_first"  # session key: the first filter shown


def show_layer(model_name: str, picked: PickedImage) -> None:
    """Show feature visualizations of many filters of a layer, from the atlas or computed now."""
    layer_name, column, stage = layer_strip.columns(model_name, picked, at_share=0.5)
    with stage:
        _draw_layer(model_name, picked, layer_name, column)


def _draw_layer(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    depth = shared.model(model_name).layer_shapes[layer_name][-1]
    with column:
        choice = address.selectbox("Filters", _CHOICES, key="grid_choice")
    channels = _chosen_channels(model_name, picked, layer_name, choice, depth, column)
    layer = layer_atlas(model_name, layer_name)
    if layer is not None and max(channels) < layer.count:
        images = layer.images()
        shown = [images[place] for place in channels]
        note = f"From the atlas bundled with cnnviz (`{layer.command}`)."
    else:
        made = _made_now(model_name, layer_name, channels)
        if made is None:
            return
        shown, note = [image.pixels for image in made], "Computed now."
    sheet = figures.mosaic(
        shown,
        [None] * len(shown),
        columns=min(GRID_COLUMNS, len(shown)),
        tile_px=tile_px(max(shown[0].shape[:2])),
        numbers=list(channels),
        strip_px=20,
    )
    show_image(
        sheet,
        f"Visualizations of {len(shown)} of the {depth} filters of `{layer_name}`. {note}",
        f"Feature visualizations of {layer_name}",
    )
    frame.explain(
        "**What you see.** Each image was optimized from noise to maximize one filter. Early "
        "layers detect edges, colors and simple textures; later ones, patterns and object parts. "
        "Plain gray marks a filter that gradient ascent cannot activate.\n\n"
        "**Try this.** Choose another layer above. Compare two networks trained on the same data."
    )


def _chosen_channels(
    model_name: str,
    picked: PickedImage,
    layer_name: str,
    choice: str,
    depth: int,
    column: DeltaGenerator,
) -> tuple[int, ...]:
    if choice == "in-order":
        first = 0
        if depth > _GRID:
            controls.keep_within(_FIRST, depth)
            first = int(
                column.number_input(
                    "From", 0, depth - 1, step=_GRID, key=_FIRST, bind="query-params"
                )
            )
        return tuple(range(int(first), min(int(first) + _GRID, depth)))
    if choice == "most-active":
        means = shared.layer_maps(model_name, picked.image, layer_name).mean(axis=(0, 1))
        return tuple(np.argsort(-means, kind="stable")[:16].tolist())
    drawn = np.random.default_rng(0).choice(depth, min(16, depth), replace=False)
    return tuple(sorted(drawn.tolist()))


def _made_now(
    model_name: str, layer_name: str, channels: Sequence[int]
) -> tuple[FilterImage, ...] | None:
    from cnnviz.feature_visualization import can_compute

    model = shared.model(model_name)
    targets = [Target("filter", layer_name, channel) for channel in channels]
    objective = targets[0].objective(model)
    suggested = suggested_recipe(model, objective).changed(steps=96)
    recipe = suggested.changed(size_px=max(suggested.size_px // 2, 64))
    if not can_compute(model, objective, *recipe.shape):
        recipe = suggested
    return cached.filter_images(model_name, targets, recipe, 0, None, _show_partial)


def _show_partial(progress: Any) -> None:
    sheet = figures.mosaic(
        list(progress.pixels),
        [None] * len(progress.pixels),
        columns=GRID_COLUMNS,
        tile_px=tile_px(max(progress.pixels[0].shape[:2])),
        first_number=None,
    )
    show_image(sheet, f"Step {progress.step} of {progress.steps}", "Images during optimization")
