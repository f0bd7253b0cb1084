"""Trace of one unit: its receptive field on the image, and its activation recomputed."""

import csv
import io
import math
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures, zoo
from cnnviz.network import IMAGE
from cnnviz.ui import shared
from cnnviz.ui.components import tiles
from cnnviz.ui.controls import PickedImage, keep_within, layer_strip
from cnnviz.ui.feature_maps.words import gradient_spread, same_value
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import download, number, show_image, show_painted, show_scale

if TYPE_CHECKING:
    from cnnviz.features.unit_trace import UnitTrace, WindowStep

_ROW, _COLUMN = "trace_row", "trace_column"
_PARTS = {"field": "Receptive field", "calculation": "Calculation"}
_MAX_SIDE_PX = 448
_GRADIENT_ALPHA = 0.65  # of the gradient over the image
_MIN_FRAME = 0.08  # side of the frame, of the image
_MAX_CELLS = 49  # entries of the largest kernel shown as numbers
_MAX_SUMMANDS = 12


def show(model_name: str, picked: PickedImage) -> None:
    """Let the user choose a unit; show its receptive field and recompute its activation."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        _draw(model_name, picked, layer_name, column)


def _draw(model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator) -> None:
    values = shared.layer_maps(model_name, picked.image, layer_name)
    height, width, num_channels = values.shape
    with column:
        channel = layer_strip.choose_channel(num_channels)
    feature_map = values[..., channel]
    default_row, default_column = telling_unit(feature_map)
    with column:
        row = _choose("Row", _ROW, height, default_row)
        place = _choose("Column", _COLUMN, width, default_column)
    results.note_code(
        code.program(
            f"trace = cnnviz.trace_unit(model, image, {layer_name!r}, {channel}, {row}, {place})\n"
            "print(trace.value, trace.rebuilt, trace.seen_rows, trace.seen_columns)",
            model_name=model_name,
            image=picked.code,
        )
    )
    trace = shared.unit_trace(model_name, picked.image, layer_name, channel, row, place)
    if address.tabs(_PARTS, key="trace_part") == "calculation":
        _show_steps(trace, layer_name)
        return
    left, middle, right = st.columns(3)
    with left:
        _show_map(feature_map, row, place, layer_name, channel)
    _show_field(zoo.model_view(shared.model(model_name).card, picked.image), trace, middle, right)
    _explain_field(trace, _num_windows(model_name, layer_name))


def telling_unit(feature_map: np.ndarray) -> tuple[int, int]:
    """Return row and column of a unit whose gradient is worth a look.

    It is the strongest one that is not clipped by an activation such as ReLU6 (several units then
    share the maximum), and not at the border, where padding is part of the receptive field.
    """
    margin = 1 if min(feature_map.shape) >= 5 else 0
    inner = feature_map[margin : len(feature_map) - margin, margin : feature_map.shape[1] - margin]
    is_maximum = inner == inner.max()
    candidates = np.where(is_maximum & (is_maximum.sum() > 1), -np.inf, inner)
    if np.isneginf(candidates).all():  # a constant map
        return feature_map.shape[0] // 2, feature_map.shape[1] // 2
    row, column = np.unravel_index(int(candidates.argmax()), inner.shape)
    return int(row) + margin, int(column) + margin


def _num_windows(model_name: str, layer_name: str) -> int:
    """Count the convolution and pooling layers up to a layer, on all branches."""
    rows = shared.layers(model_name)
    last = next(place for place, row in enumerate(rows) if row.name == layer_name)
    return sum(row.kernel is not None for row in rows[: last + 1])


def _choose(label: str, key: str, length: int, default: int) -> int:
    keep_within(key, length)
    return int(st.number_input(label, 0, length - 1, default, key=key, bind="query-params"))


def _show_map(
    feature_map: np.ndarray, row: int, column: int, layer_name: str, channel: int
) -> None:
    scale = layer_strip.value_scale(feature_map)
    height, width = feature_map.shape
    sheet = figures.enlarge(figures.colorize(feature_map, scale), _MAX_SIDE_PX)
    factor = len(sheet) // height

    def pick(place: int) -> None:
        st.session_state[_ROW], st.session_state[_COLUMN] = divmod(place, width)

    tiles.pick_tile(
        sheet,
        tiles.Grid(width, height * width, factor, factor, 0),
        key="cells",
        picked=row * width + column,
        labels=[f"row {i}, column {j}" for i, j in np.ndindex(height, width)],
        alt=f"Units of channel {channel} of {layer_name}",
        on_pick=pick,
        is_whole=True,
    )
    show_scale(scale)
    st.markdown(f":small[Channel {channel} of `{layer_name}`: click a unit.]")


def _show_field(
    view: np.ndarray, trace: "UnitTrace", whole: DeltaGenerator, enlarged: DeltaGenerator
) -> None:
    """Show where the receptive field lies on the network's input, and the gradient within it."""
    rows, columns = trace.seen_rows, trace.seen_columns
    if not rows or not columns:  # unknown, or padding alone
        with whole:
            show_image(view, "The network's input.", "The network's input")
        with enlarged:
            _show_gradient(view, trace.gradient, "On the network's input.")
        return
    with whole:
        show_image(
            figures.enlarged_with_frame(
                view,
                _at_least(rows, _MIN_FRAME * len(view)),
                _at_least(columns, _MIN_FRAME * view.shape[1]),
                side_px=_MAX_SIDE_PX,
                width_px=4,
            ),
            "In the green frame: the receptive field on the network's input.",
            "The receptive field on the image",
        )
    part = slice(rows.start, rows.stop), slice(columns.start, columns.stop)
    with enlarged:
        _show_gradient(view[part], trace.gradient[part], "The receptive field, enlarged.")


def _show_gradient(view: np.ndarray, gradient: np.ndarray, where: str) -> None:
    scale = figures.unsigned_scale(gradient, color_map="inferno")
    show_painted(
        figures.overlay(view, figures.colorize(gradient, scale), _GRADIENT_ALPHA),
        scale,
        f"{where} Brightness: |∂ unit / ∂ pixel|, the mean over the color channels.",
        "The gradient of the unit",
    )


def _at_least(span: range, length: float) -> range:
    """Widen a span that is too short for a visible frame."""
    more = max(0, math.ceil((length - len(span)) / 2))
    return range(max(span.start - more, 0), span.stop + more)


def _explain_field(trace: "UnitTrace", num_windows: int) -> None:
    if trace.seen_rows is None or trace.seen_columns is None:
        st.markdown(
            "The receptive field of this unit is unknown: an earlier layer has an unsupported type."
        )
        return
    rows, columns = trace.seen_rows, trace.seen_columns
    if not rows or not columns:
        st.markdown("The receptive field of this unit covers only padding.")
        return
    area = len(rows) * len(columns)
    gradients = np.sort(trace.gradient.ravel())[::-1]
    half = 0
    if gradients[0] > 0:
        half = int(np.searchsorted(gradients.cumsum(), gradients.sum() / 2)) + 1
    told = gradient_spread(half, area, num_windows)
    frame.explain(
        f"**What you see.** The receptive field spans rows {rows[0]} to {rows[-1]} and columns "
        f"{columns[0]} to {columns[-1]}: {len(rows)} × {len(columns)} = {area:,} pixels. {told}"
        "\n\n**Try this.** Click a unit at the border: the image edge clips its receptive field. "
        "Choose an earlier layer: the field shrinks.\n\n"
        ":small[Luo et al. 2016, arXiv:1701.04128.]"
    )


def _show_steps(trace: "UnitTrace", layer_name: str) -> None:
    from cnnviz.features.unit_trace import WindowStep

    if not trace.steps:
        st.info(
            f"`{layer_name}` cannot be recomputed here. The network's activation is "
            f"{number(trace.value, 6)}. Choose a convolution, activation or pooling layer."
        )
        return
    for step in trace.steps:
        if isinstance(step, WindowStep):
            _show_window(step)
        else:
            name = "" if step.layer_name == IMAGE else f"`{step.layer_name}`, "
            st.markdown(f"**{name}{step.kind}**: {step.formula} = **{number(step.value, 6)}**")
    rebuilt = trace.rebuilt
    assert rebuilt is not None
    st.markdown(same_value(trace.value, rebuilt))


def _show_window(step: "WindowStep") -> None:
    size = layer_strip.size_text(step.patch.shape[:2])
    if step.kernel is None:
        st.markdown(
            f"**`{step.layer_name}`, {step.kind}**: the "
            f"{'maximum' if 'Max' in step.kind else 'mean'} of a {size} window on channel "
            f"{step.channels[0]} of {_source(step)} = **{number(step.value, 6)}**"
        )
        if step.patch[..., 0].size <= _MAX_CELLS:
            cells = np.nan_to_num(step.patch[..., 0])
            scale = layer_strip.value_scale(cells)
            sheet = figures.number_grid(cells, scale, text="{:.3g}")
            show_image(sheet, "Activations in the window, without padding", "Window")
        return
    sums = step.partial_sums
    names = _channel_names(step)
    order = np.argsort(-np.abs(sums), kind="stable")
    st.markdown(
        f"**`{step.layer_name}`, {step.kind}**: a {size} window on {len(names)} "
        f"channel{'s' if len(names) > 1 else ''} of {_source(step)}. Each channel contributes a "
        "weighted sum. The sums and the bias are added."
    )
    place = int(
        st.selectbox(
            "Input channel",
            order.tolist(),
            format_func=lambda i: f"{names[i]}: sum {number(float(sums[i]), 4)}",
            key="trace_slice",
        )
    )
    _show_products(step, place, names[place])
    shown = order[:_MAX_SUMMANDS]
    parts = [_summand(float(sums[i])) for i in shown]
    others = len(order) - len(shown)
    if others:
        rest = float(sums[order[_MAX_SUMMANDS:]].sum())
        parts.append(f"{_summand(rest)} ({others} more channels)")
    parts.append(f"{_summand(step.bias)} (bias)")
    st.markdown(f"**Total**: {' '.join(parts)} = **{number(step.value, 6)}**")
    download(
        f"Inputs, weights and products (CSV, {step.patch.size:,} rows)",
        f"{step.layer_name.replace('/', '-')}-unit.csv",
        lambda: factors_csv(step),
    )


def _source(step: "WindowStep") -> str:
    return "the image" if step.source == IMAGE else f"`{step.source}`"


def _summand(value: float) -> str:
    return f"{'−' if value < 0 else '+'} {number(abs(value), 5)}"


def _channel_names(step: "WindowStep") -> list[str]:
    if step.source == IMAGE and len(step.channels) == 3:
        return ["red", "green", "blue"]
    return [f"channel {channel}" for channel in step.channels]


def _show_products(step: "WindowStep", place: int, name: str) -> None:
    assert step.kernel is not None
    kernels, patches = step.kernel[..., place], step.patch[..., place]
    products = step.products[..., place]
    columns = st.columns(3)
    for column, values, title in zip(
        columns,
        (patches, kernels, products),
        (f"Patch of {name}", "× kernel", f"= products, sum {number(float(products.sum()), 5)}"),
        strict=True,
    ):
        scale = layer_strip.value_scale(values)
        small = values.size <= _MAX_CELLS
        sheet = (
            figures.number_grid(values, scale, text="{:.3g}" if values.size <= 25 else "{:.2g}")
            if small
            else figures.colorize(values, scale)
        )
        with column:
            show_painted(sheet, scale, title, title)


def factors_csv(step: "WindowStep") -> bytes:
    """Return each input, weight and product of a convolution window as CSV, a row for each."""
    assert step.kernel is not None
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["channel", "row", "column", "input", "weight", "product"])
    for (i, j, k), value in np.ndenumerate(step.patch):
        weight = float(step.kernel[i, j, k])
        cells = (int(step.channels[k]), int(step.rows[i]), int(step.columns[j]))
        writer.writerow([*cells, float(value), weight, float(value) * weight])
    return table.getvalue().encode()
