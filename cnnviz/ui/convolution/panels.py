"""The parts of the convolution page: settings, the steps as images, one cell, the animation."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures
from cnnviz.convolution import Cell, LayerSettings, LayerSteps, apply_layer, output_size
from cnnviz.filter_banks import NamedKernel
from cnnviz.images import ImageInput, as_gray
from cnnviz.ui import shared
from cnnviz.ui.components.sliding import slide
from cnnviz.ui.controls import PickedImage, keep_within
from cnnviz.ui.convolution import kernel_editor
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import (
    added,
    download,
    exact,
    number,
    show_image,
    show_painted,
    show_scale,
)

MAX_SIDE_PX = 256  # of a square; other shapes may have as many pixels
MAX_ANIMATED_PX = 32  # of the image in the animation, so that its cells can be seen
_MOST_SUMMANDS = 9  # of a sum that is written out
_MAX_WRITTEN = 12  # cells a side that can carry their numbers
_TABLE = "A 5 × 5 table"
_COLORS = ("red", "green", "blue")
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
    "Horizontal edges of the digit": {"kernel": "Horizontal edge"},
    "Diagonal edges of the digit": {"kernel": "Diagonal edge"},
    "Edge detect on the digit": {"kernel": "Edge detect"},
    "5 × 5 with a 3 × 3 filter": {"kernel": "Diagonal cross", "conv_input": _TABLE},
    "The same with zero padding": {
        "kernel": "Diagonal cross",
        "conv_input": _TABLE,
        "padding": "zeros (same)",
    },
    "Stride 2": {"kernel": "Horizontal edge", "stride": 2},
    "2 × 2 max pooling": {"kernel": "Horizontal edge", "relu": True, "pooling": "max"},
}
_PLAIN: dict[str, Any] = {
    "conv_input": "The image in gray",
    "padding": "none (valid)",
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

    @property
    def scale(self) -> figures.Scale:
        """Gray as the image is, whatever numbers happen to be in it."""
        return figures.Scale(0, self.white, "gray")


def show_step_by_step(picked: PickedImage) -> None:
    """Show what each step of the layer does to the whole input."""
    kernel, settings, grid, stage = _choose(picked)
    with stage:
        steps = apply_layer(grid.values, kernel, settings)
        show_steps(steps, grid)
        explain(steps, grid, kernel)


def show_one_position(picked: PickedImage) -> None:
    """Write out the weighted sum of one position."""
    kernel, settings, grid, stage = _choose(picked)
    with stage:
        show_cell(apply_layer(grid.values, kernel, settings), grid)


def show_sliding_kernel(picked: PickedImage) -> None:
    """Let the kernel slide over the input."""
    kernel, settings, grid, stage = _choose(picked)
    with stage:
        show_slide(picked, grid, kernel, settings)


def _choose(picked: PickedImage) -> tuple[np.ndarray, LayerSettings, Grid, DeltaGenerator]:
    column, stage = frame.columns()
    with column:
        demonstrations()
        kernel, preset, is_changed = kernel_editor.edited_kernel()
        show_kernel(kernel, preset, is_changed)
        return kernel, layer_settings(), chosen_input(picked), stage


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
    titles = {title: name for name, title in _PADDINGS.items()}
    padding = st.selectbox("Padding", [*titles], key="padding", bind="query-params")
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
    return LayerSettings(
        operation, titles[padding], stride, dilation, bias, relu, pooling, size, step
    )


def chosen_input(picked: PickedImage) -> Grid:
    """Ask which numbers the kernel meets."""
    choice = st.radio(
        "Input",
        ["The image in gray", "Its three color channels", _TABLE],
        key="conv_input",
        bind="query-params",
    )
    if choice == _TABLE:
        return Grid(_LECTURE[..., np.newaxis].astype(np.float64), "the table", white=1)
    height, width = picked.image.pixels.shape[:2]
    shrink = min(1.0, MAX_SIDE_PX / math.sqrt(height * width))  # a narrow strip stays as it is
    image = shared.smaller(picked.image, round(max(height, width) * shrink))
    in_gray = choice == "The image in gray"
    values = in_whole_numbers(image) if in_gray else image.pixels.astype(np.float64)
    return Grid(values, picked.label, white=255)


def in_whole_numbers(image: ImageInput) -> np.ndarray:
    """Give the luminance from 0 to 255, float64 (h, w, 1): numbers to reckon with by hand."""
    return np.rint(as_gray(image).astype(np.float64) * 255)[..., np.newaxis]


def show_kernel(kernel: np.ndarray, preset: NamedKernel, is_changed: bool) -> None:
    """Show the kernel as colored numbers."""
    scale = figures.signed_scale(kernel)
    what = f"Your kernel, based on {preset.title}" if is_changed else preset.title
    note = "" if is_changed else f": {preset.note}"
    sheet = figures.number_grid(kernel, scale, text="{:.3g}")
    show_painted(sheet, scale, f"{what}{note}. Sum {number(float(kernel.sum()))}.", what)


def show_steps(steps: LayerSteps, grid: Grid) -> None:
    """Show every step as an image with its shape."""
    channels = steps.padded.shape[-1]
    images: list[tuple[str, np.ndarray]] = []
    if channels > 1:
        for channel, name in enumerate(_COLORS):
            images.append((f"Response to {name}", steps.partial[..., channel]))
    added = " + bias" if steps.settings.bias else ""
    summed = "Sum over channels" if channels > 1 else "Output"
    images.append((f"{summed}{added}", steps.answer))
    if steps.settings.relu:
        images.append(("After ReLU", steps.rectified))
    if steps.settings.pooling != "none":
        images.append((f"After {steps.settings.pooling} pooling", steps.pooled))
    first, second = st.columns(2)
    with first:
        _show_input(steps, grid)
    for place, (title, values) in enumerate(images):
        with (second, first)[place % 2]:
            _show_step(title, values)
    download(
        f"Output (NPY, {_size(steps.pooled)})",
        "convolution.npy",
        lambda: figures.array_npy(steps.pooled),
    )


def _show_input(steps: LayerSteps, grid: Grid) -> None:
    values = steps.padded
    pixels = "pixel" if steps.padding == 1 else "pixels"
    around = f", with {steps.padding} {pixels} of padding on every side" if steps.padding else ""
    caption = f"Input: {grid.label}, {_size(values)}{around}"
    if values.shape[-1] == 3:
        show_image(values.astype(np.uint8), caption, f"The input: {grid.label}")
        return
    gray = values[..., 0]
    show_painted(_painted(gray, grid.scale), grid.scale, caption, f"The input: {grid.label}")


def _show_step(title: str, values: np.ndarray) -> None:
    scale = _scale(values)
    caption = (
        f"{title}, {_size(values)}, from {number(float(values.min()))} to "
        f"{number(float(values.max()))}"
    )
    show_painted(_painted(values, scale), scale, caption, title)


def _scale(values: np.ndarray) -> figures.Scale:
    """Diverging about zero where there are negative numbers."""
    has_signs = bool((values < 0).any())
    return figures.signed_scale(values) if has_signs else figures.unsigned_scale(values)


def _painted(values: np.ndarray, scale: figures.Scale) -> np.ndarray:
    if max(values.shape) <= _MAX_WRITTEN:
        return figures.number_grid(values, scale, text="{:.4g}")
    return figures.colorize(values, scale)


def _size(values: np.ndarray) -> str:
    return " × ".join(map(str, values.shape[:2]))


def explain(steps: LayerSteps, grid: Grid, kernel: np.ndarray) -> None:
    """Write the formula of the output size out, and say what the operation did."""
    length = grid.values.shape[1]
    settings = steps.settings
    window = settings.dilation * (len(steps.kernel) - 1) + 1
    size, left_over = output_size(length, window, steps.padding, settings.stride)
    dilated = ""
    if settings.dilation > 1:
        dilated = (
            f" With dilation {settings.dilation}, the kernel of size {len(steps.kernel)} spans "
            f"F = {settings.dilation}·({len(steps.kernel)} − 1) + 1 = {window} pixels."
        )
    rounded = f"Rounded down: the last {left_over} columns are never covered. " if left_over else ""
    st.markdown(f"**What is the output size?**{dilated} Along the width:")
    st.latex(
        rf"\frac{{W - F + 2P}}{{S}} + 1 = \frac{{{length} - {window} + 2\cdot{steps.padding}}}"
        rf"{{{settings.stride}}} + 1 \;\Rightarrow\; {size}"
    )
    if settings.pooling != "none":
        _explain_pooling(steps)
    turned = (
        "the kernel, rotated by 180° (convolution)"
        if settings.operation == "convolve"
        else "the kernel (correlation, which networks call convolution)"
    )
    colors = "Yellow: the image resembles the kernel."
    if (steps.answer < 0).any():
        colors = "Red: the image resembles the kernel; blue: its negative; white: neither."
    st.markdown(
        f"{rounded}**What you see.** Each output is the weighted sum of the pixels under {turned}. "
        f"{colors}\n\n"
        f"{_turning(steps, grid.values, kernel)}{_summing(grid.values)}\n\n"
        "**Try this.** Switch between correlate and convolve. Edit one entry of the kernel and "
        "find where the output changes."
    )


def _summing(channels: np.ndarray) -> str:
    if channels.shape[-1] == 1:
        return ""
    return (
        " The same kernel is applied to red, green and blue, and the responses are added. A "
        "network "
        "learns a separate kernel for each channel: F·F·3 weights per filter."
    )


def _explain_pooling(steps: LayerSteps) -> None:
    settings, columns = steps.settings, steps.rectified.shape[1]
    size, _ = output_size(columns, settings.pool_size, 0, settings.pool_stride)
    what = "the largest" if settings.pooling == "max" else "the mean"
    st.markdown(
        f"**Pooling** keeps {what} of every {settings.pool_size} × {settings.pool_size} values: "
        f"({columns} − {settings.pool_size})/{settings.pool_stride} + 1 ⇒ {size} along the width. "
        "It has no parameters."
    )


def _turning(steps: LayerSteps, channels: np.ndarray, kernel: np.ndarray) -> str:
    """Say how much turning the kernel matters here."""
    if np.array_equal(kernel, kernel[::-1, ::-1]):
        return "This kernel is unchanged by a rotation of 180°: correlation and convolution agree."
    settings = steps.settings
    other = "correlate" if settings.operation == "convolve" else "convolve"
    turned = apply_layer(channels, kernel, replace(settings, operation=other))
    difference = float(np.abs(steps.answer - turned.answer).max())
    verb = "Correlation" if other == "correlate" else "True convolution"
    return f"{verb} would differ, by at most {number(difference)}." + (
        " It is the negative output." if np.allclose(steps.answer, -turned.answer) else ""
    )


def show_cell(steps: LayerSteps, grid: Grid) -> None:
    """Write one number of the answer out, product by product."""
    height, width = steps.answer.shape
    keep_within("cell_row", height)
    keep_within("cell_column", width)
    left, right = st.columns(2)
    row = left.number_input("Row", 0, height - 1, height // 2, key="cell_row", bind="query-params")
    column = right.number_input(
        "Column", 0, width - 1, width // 2, key="cell_column", bind="query-params"
    )
    cell = steps.cell(int(row), int(column))
    _show_where(steps, grid, cell.rows, cell.columns, int(row), int(column))
    names = _COLORS if cell.patch.shape[-1] == 3 else ("",)
    for channel, name in enumerate(names):
        of = f" of {name}" if name else ""
        patch, kernel, products = st.columns(3)
        with patch:
            gray = cell.patch[..., channel]
            show_image(figures.number_grid(gray, grid.scale), f"Under the window{of}", f"Patch{of}")
        with kernel:
            signed = figures.signed_scale(steps.kernel)
            sheet = figures.number_grid(steps.kernel, signed, text="{:.3g}")
            show_image(sheet, "× kernel", "The kernel")
        with products:
            values = cell.products[..., channel]
            sheet = figures.number_grid(values, figures.signed_scale(values), text="{:.4g}")
            show_image(
                sheet,
                f"= products{of}, sum {exact(float(cell.partial_sums[channel]))}",
                f"Products{of}",
            )
    _write_sum(steps, cell, int(row), int(column))


def _show_where(
    steps: LayerSteps,
    grid: Grid,
    rows: tuple[int, ...],
    columns: tuple[int, ...],
    row: int,
    column: int,
) -> None:
    before, after = st.columns(2)
    with before:
        pixels = np.clip(steps.padded / grid.white, 0, 1) * 255
        pixels = np.broadcast_to(pixels, (*pixels.shape[:2], 3)).astype(np.uint8)
        seen = range(rows[0], rows[-1] + 1), range(columns[0], columns[-1] + 1)
        show_image(figures.enlarged_with_frame(pixels, *seen), "Input with the window", "Window")
    with after:
        painted = figures.colorize(steps.rectified, _scale(steps.rectified))
        cell = range(row, row + 1), range(column, column + 1)
        show_image(
            figures.enlarged_with_frame(painted, *cell), "Output with the position", "Position"
        )


def _write_sum(steps: LayerSteps, cell: Cell, row: int, column: int) -> None:
    parts = cell.partial_sums if cell.products.size > _MOST_SUMMANDS else cell.products.ravel()
    line = added([float(part) for part in parts])
    if steps.settings.bias:
        line += f" + bias ({exact(steps.settings.bias)})"
    line += f" = {exact(cell.total)}"
    if steps.settings.relu:
        line += f", and after the ReLU max(0, {exact(cell.total)}) = {exact(cell.value)}"
    result = exact(float(steps.rectified[row, column]))
    where = f"Output at row {row}, column {column}"
    st.markdown(f"**Sum**: {line}.\n\n{where}: **{result}**.")


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
            "answer": steps.answer.tolist(),
            "colors": figures.colorize(values, _scale(values)).tolist(),
            "paddingColor": figures.palette.ORANGE,
            "windowColor": figures.palette.GREEN,
            "stride": settings.stride,
            "dilation": settings.dilation,
            "bias": settings.bias,
            "relu": settings.relu,
        },
        on_cell_change=_remember_cell,
    )
    show_scale(_scale(values))
    st.markdown(
        "**What you see.** The green window covers part of the input. The weighted sum of its "
        "pixels "
        "becomes one output. Then the window moves by the stride.\n\n"
        "**Try this.** Pause and click an output to see its window. Set the stride to 2: the "
        "output "
        "shrinks."
    )
