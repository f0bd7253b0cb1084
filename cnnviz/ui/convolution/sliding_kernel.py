"""A kernel that slides over its input."""

from dataclasses import replace

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.convolution import LayerSettings, apply_layer
from cnnviz.ui import shared
from cnnviz.ui.components.sliding import slide
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.convolution.controls import Grid, choose, in_whole_numbers, value_scale
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import (
    show_scale,
)

MAX_ANIMATED_PX = 32  # of the image in the animation, so that its cells can be seen


def show_sliding_kernel(picked: PickedImage) -> None:
    """Let the kernel slide over the input."""
    kernel, settings, grid, stage = choose(picked)
    with stage:
        show_slide(picked, grid, kernel, settings)


def _remember_cell() -> None:
    """Let the view of one cell begin with the one that was clicked."""
    row, column = st.session_state["slide"]["cell"]
    st.session_state["cell_row"], st.session_state["cell_column"] = int(row), int(column)


def show_slide(
    picked: PickedImage, grid: Grid, kernel: np.ndarray, settings: LayerSettings
) -> None:
    """Let the kernel slide, cell by cell; computed here once, moved by the browser."""
    values, white = grid.values, grid.white
    if max(values.shape) > MAX_ANIMATED_PX or values.shape[-1] > 1:
        values, white = in_whole_numbers(shared.smaller(picked.image, MAX_ANIMATED_PX)), 255
        st.markdown(
            f":small[In gray, at most {MAX_ANIMATED_PX} pixels a side, so that single pixels are "
            "visible; without pooling.]"
        )
    steps = apply_layer(values, kernel, replace(settings, pooling="none"))
    values = steps.rectified
    slide(
        key="slide",
        data={
            "padded": steps.padded[..., 0].tolist(),
            "white": white,
            "padding": steps.padding,
            "kernel": steps.kernel.tolist(),
            "output": steps.output.tolist(),
            "colors": figures.colorize(values, value_scale(values)).tolist(),
            "paddingColor": figures.palette.ORANGE,
            "windowColor": figures.palette.GREEN,
            "stride": settings.stride,
            "dilation": settings.dilation,
            "bias": settings.bias,
            "relu": settings.relu,
        },
        on_cell_change=_remember_cell,
    )
    show_scale(value_scale(values))
    frame.explain(
        "**What you see.** The green window covers part of the input. The weighted sum of its "
        "pixels "
        "becomes one output. Then the window moves by the stride.\n\n"
        "**Try this.** Pause and click an output to see its window. Set the stride to 2: the "
        "output "
        "shrinks."
    )
