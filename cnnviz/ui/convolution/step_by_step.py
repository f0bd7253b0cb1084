"""A convolutional layer step by step: padding, convolution, bias, ReLU, pooling."""

from dataclasses import replace

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.convolution import LayerSteps, apply_layer, output_size
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.convolution.controls import COLORS, Grid, choose, value_scale
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import (
    download,
    number,
    show_image,
    show_painted,
)

_MAX_WRITTEN = 12  # cells a side that can carry their numbers


def show_step_by_step(picked: PickedImage) -> None:
    """Show what each step of the layer does to the whole input."""
    kernel, settings, grid, stage = choose(picked)
    with stage:
        steps = apply_layer(grid.values, kernel, settings)
        show_steps(steps, grid)
        explain(steps, grid, kernel)


def show_steps(steps: LayerSteps, grid: Grid) -> None:
    """Show every step as an image with its shape."""
    channels = steps.padded.shape[-1]
    images: list[tuple[str, np.ndarray]] = []
    if channels > 1:
        for channel, name in enumerate(COLORS):
            images.append((f"Response to {name}", steps.partial[..., channel]))
    added = " + bias" if steps.settings.bias else ""
    summed = "Sum over channels" if channels > 1 else "Output"
    images.append((f"{summed}{added}", steps.output))
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
    scale = value_scale(values)
    caption = (
        f"{title}, {_size(values)}, from {number(float(values.min()))} to "
        f"{number(float(values.max()))}"
    )
    show_painted(_painted(values, scale), scale, caption, title)


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
    st.markdown(f"**What is the output size?**{dilated} Along the width:")
    st.latex(
        rf"\frac{{W - F + 2P}}{{S}} + 1 = \frac{{{length} - {window} + 2\cdot{steps.padding}}}"
        rf"{{{settings.stride}}} + 1 \;\Rightarrow\; {size}"
    )
    if left_over:
        st.markdown(f"Rounded down: the last {left_over} columns are never covered.")
    if settings.pooling != "none":
        _explain_pooling(steps)
    turned = (
        "the kernel, rotated by 180° (convolution)"
        if settings.operation == "convolve"
        else "the kernel (correlation, which networks call convolution)"
    )
    colors = "Yellow: the image resembles the kernel."
    if (steps.output < 0).any():
        colors = "Red: the image resembles the kernel; blue: its negative; white: neither."
    frame.explain(
        f"**What you see.** Each output is the weighted sum of the pixels under {turned}. "
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
    difference = float(np.abs(steps.output - turned.output).max())
    verb = "Correlation" if other == "correlate" else "True convolution"
    return f"{verb} would differ, by at most {number(difference)}." + (
        " It is the negative output." if np.allclose(steps.output, -turned.output) else ""
    )
