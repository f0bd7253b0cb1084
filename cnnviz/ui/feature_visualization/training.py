"""Images that maximize some filters, at several steps of the training."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures, zoo
from cnnviz.errors import CnnvizError
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.feature_visualization import cached
from cnnviz.ui.feature_visualization.tiles import GRID_COLUMNS, tile_px
from cnnviz.ui.shell import frame, results

_MAX_EPOCHS_SHOWN = 5


def show_training(model_name: str, picked: PickedImage) -> None:
    """Show feature visualizations of the same filters at several checkpoints."""
    layer_name, column, stage = layer_strip.columns(model_name, picked, at_share=0.5)
    with stage:
        _draw_training(model_name, picked, layer_name, column)


def _draw_training(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    steps = zoo.checkpoint_steps(model_name)
    if not steps:
        raise CnnvizError(
            f"No checkpoints were saved for {shared.model(model_name).card.title}. "
            "Choose Fashion Gabor CNN or SVHN Gabor CNN."
        )
    places = np.linspace(0, len(steps) - 1, min(len(steps), _MAX_EPOCHS_SHOWN)).round().astype(int)
    chosen = tuple(steps[place] for place in places)
    depth = shared.model(model_name).layer_shapes[layer_name][-1]
    channels = tuple(range(min(GRID_COLUMNS, depth)))
    rows = cached.filters_at_steps(model_name, layer_name, channels, chosen)
    if rows is None:
        return
    for step, images in zip(chosen, rows, strict=True):
        text, sheet = st.columns([0.8, 5], vertical_alignment="center")
        text.markdown("**before training**" if step == 0 else f"**step {step:,}**")
        with sheet:
            mosaic = figures.mosaic(
                images,
                [None] * len(images),
                columns=len(images),
                tile_px=tile_px(max(images[0].shape[:2])),
                numbers=list(channels),
                strip_px=20,
            )
            results.note_image(f"Visualizations after {step} steps", mosaic)
            st.image(
                figures.encode_png(mosaic),
                width="stretch",
                alt=f"Visualizations after {step} steps",
            )
    frame.explain(
        f"**What you see.** The first {len(channels)} filters of `{layer_name}`, visualized from "
        "random initialization to the end of training. Every image starts from the same noise. "
        "Before training, it reflects only random weights.\n\n"
        "**Try this.** Compare the first layer with the last: which converges sooner?"
    )
