"""The weighted sum at one position, written out."""

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.convolution import Cell, LayerSteps, apply_layer
from cnnviz.ui.controls import PickedImage, keep_within
from cnnviz.ui.convolution.controls import COLORS, Grid, choose, value_scale
from cnnviz.ui.shell.display import (
    added,
    exact,
    show_image,
)

_MOST_SUMMANDS = 9  # of a sum that is written out


def show_one_position(picked: PickedImage) -> None:
    """Write out the weighted sum of one position."""
    kernel, settings, grid, stage = choose(picked)
    with stage:
        show_cell(apply_layer(grid.values, kernel, settings), grid)


def show_cell(steps: LayerSteps, grid: Grid) -> None:
    """Write one position of the output out, product by product."""
    height, width = steps.output.shape
    keep_within("cell_row", height)
    keep_within("cell_column", width)
    left, right = st.columns(2)
    row = left.number_input("Row", 0, height - 1, height // 2, key="cell_row", bind="query-params")
    column = right.number_input(
        "Column", 0, width - 1, width // 2, key="cell_column", bind="query-params"
    )
    cell = steps.cell(int(row), int(column))
    _show_where(steps, grid, cell.rows, cell.columns, int(row), int(column))
    names = COLORS if cell.patch.shape[-1] == 3 else ("",)
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
        painted = figures.colorize(steps.rectified, value_scale(steps.rectified))
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
