"""Controls that the views of convolution share: kernel, settings and input."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures
from cnnviz.convolution import LayerSettings
from cnnviz.filter_banks import NamedKernel
from cnnviz.images import ImageInput, as_gray
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.convolution import kernel_editor
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import (
    number,
    show_painted,
)

MAX_SIDE_PX = 256  # of a square; other shapes may have as many pixels
_INPUTS = {
    "gray": "The image in gray",
    "color": "Its three color channels",
    "table": "A 5 × 5 table",
}
COLORS = ("red", "green", "blue")
_PADDINGS = {
    "none": "none (valid)",
    "zero": "zeros (same)",
    "reflect": "mirrored",
    "nearest": "edge pixel (replicate)",
}
_LECTURE = np.array(
    [[1, 1, 1, 0, 0], [0, 1, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 0], [0, 1, 1, 0, 0]]
)
_DEMONSTRATIONS: dict[str, dict[str, Any]] = {
    "Horizontal edges of the digit": {"kernel": "horizontal"},
    "Diagonal edges of the digit": {"kernel": "diagonal"},
    "Edge detect on the digit": {"kernel": "edge-detect"},
    "5 × 5 with a 3 × 3 filter": {"kernel": "cross", "conv_input": "table"},
    "The same with zero padding": {
        "kernel": "cross",
        "conv_input": "table",
        "padding": "zero",
    },
    "Stride 2": {"kernel": "horizontal", "stride": 2},
    "2 × 2 max pooling": {"kernel": "horizontal", "relu": True, "pooling": "max"},
}
_PLAIN: dict[str, Any] = {
    "conv_input": "gray",
    "padding": "none",
    "stride": 1,
    "dilation": 1,
    "bias": 0.0,
    "relu": False,
    "pooling": "none",
    "pool_size": 2,
    "pool_stride": 2,
    "operation": "correlate",
}


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The numbers that the kernel meets, float64 (h, w, C), and how to show them."""

    values: np.ndarray
    label: str
    white: int  # the number that is drawn white; 0 is black
    is_table: bool = False

    @property
    def scale(self) -> figures.Scale:
        """Gray as the image is, whatever numbers happen to be in it."""
        return figures.Scale(0, self.white, "gray")


def choose(picked: PickedImage) -> tuple[np.ndarray, LayerSettings, Grid, DeltaGenerator]:
    """Ask for input and layer; give kernel, settings, input and the stage to draw on."""
    column, stage = frame.columns()
    with column:
        demonstrations()
        kernel, preset, is_changed = kernel_editor.edited_kernel()
        show_kernel(kernel, preset, is_changed)
        settings, grid = layer_settings(), chosen_input(picked)
    results.note_code(_python_for(picked, kernel, settings, grid))
    results.note_array("input", grid.values)
    return kernel, settings, grid, stage


def _python_for(
    picked: PickedImage, kernel: np.ndarray, settings: LayerSettings, grid: Grid
) -> str:
    imports, image = ["import numpy as np"], ""
    if grid.is_table:
        values = f"values = np.array({grid.values[..., 0].astype(int).tolist()})[..., None]"
    else:
        image, line = code.reduced(picked.code, picked.image, max(grid.values.shape[:2]))
        imports += [line] if line else []
        values = "values = image.pixels.astype(float)"
        if grid.values.shape[-1] == 1:
            imports.insert(1, "from cnnviz.images import as_gray")
            values = "values = np.rint(as_gray(image) * 255.0)[..., None]"
    return code.program(
        f"{values}\n"
        f"kernel = np.array({np.round(kernel, 6).tolist()})\n"
        f"settings = cnnviz.LayerSettings({code.arguments(settings)})\n"
        "steps = cnnviz.apply_layer(values, kernel, settings)\n"
        "print(steps.pooled.shape, steps.pooled.min(), steps.pooled.max())",
        image=image,
        imports="\n".join(imports),
    )


def demonstrations() -> None:
    """Offer the lecture's demonstrations; each sets everything."""
    with st.popover("Demonstrations", width="stretch"):
        for title, changes in _DEMONSTRATIONS.items():
            st.button(title, on_click=_demonstrate, args=(changes,), width="stretch")


def _demonstrate(changes: dict[str, Any]) -> None:
    kernel_editor.begin_anew()
    for key, value in (_PLAIN | changes).items():
        st.session_state[key] = value


def layer_settings() -> LayerSettings:
    """Ask for everything that a layer does besides its kernel."""
    operation = st.radio(
        "Operation",
        ["correlate", "convolve"],
        key="operation",
        bind="query-params",
        horizontal=True,
        help="Networks correlate. Convolution rotates the kernel by 180° first.",
    )
    padding = address.selectbox("Padding", _PADDINGS, key="padding")
    stride = st.slider("Stride", 1, 8, key="stride", bind="query-params")
    relu = st.toggle("ReLU", key="relu", bind="query-params")
    with st.expander("More: bias, dilation, pooling"):
        bias = st.number_input(
            "Bias", -999.0, 999.0, 0.0, 1.0, key="bias", bind="query-params", format="%g"
        )
        dilation = st.slider("Dilation", 1, 8, key="dilation", bind="query-params")
        pooling = st.radio(
            "Pooling", ["none", "max", "average"], key="pooling", bind="query-params"
        )
        size = st.slider("Pooling size", 2, 8, key="pool_size", bind="query-params")
        step = st.slider("Pooling stride", 1, 8, 2, key="pool_stride", bind="query-params")
    return LayerSettings(operation, padding, stride, dilation, bias, relu, pooling, size, step)


def chosen_input(picked: PickedImage) -> Grid:
    """Ask which numbers the kernel meets."""
    choice = address.radio("Input", _INPUTS, key="conv_input")
    if choice == "table":
        table = _LECTURE[..., np.newaxis].astype(np.float64)
        return Grid(table, "the table", white=1, is_table=True)
    height, width = picked.image.pixels.shape[:2]
    shrink = min(1.0, MAX_SIDE_PX / math.sqrt(height * width))  # a narrow strip stays as it is
    image = shared.smaller(picked.image, round(max(height, width) * shrink))
    values = in_whole_numbers(image) if choice == "gray" else image.pixels.astype(np.float64)
    return Grid(values, picked.label, white=255)


def in_whole_numbers(image: ImageInput) -> np.ndarray:
    """Return the luminance from 0 to 255, float64 (h, w, 1): numbers to reckon with by hand."""
    return np.rint(as_gray(image).astype(np.float64) * 255)[..., np.newaxis]


def show_kernel(kernel: np.ndarray, preset: NamedKernel, is_changed: bool) -> None:
    """Show the kernel as colored numbers."""
    scale = figures.signed_scale(kernel)
    what = f"Your kernel, based on {preset.title}" if is_changed else preset.title
    note = "" if is_changed else f": {preset.note}"
    sheet = figures.number_grid(kernel, scale, text="{:.3g}")
    show_painted(sheet, scale, f"{what}{note}. Sum {number(float(kernel.sum()))}.", what)


def value_scale(values: np.ndarray) -> figures.Scale:
    """Diverging about zero where there are negative numbers."""
    has_signs = bool((values < 0).any())
    return figures.signed_scale(values) if has_signs else figures.unsigned_scale(values)
