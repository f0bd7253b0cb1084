"""A convolution in one dimension: the kernel on the signal, and the output below."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.figures.charts.layout import margin
from cnnviz.figures.palette import GRAY, TRAINING, VALIDATION

if TYPE_CHECKING:
    import plotly.graph_objects as go


def sliding_line_figure(
    padded: np.ndarray,
    padding: int,
    kernel: np.ndarray,
    places: np.ndarray,
    output: np.ndarray,
    centers: np.ndarray,
    cell: int,
) -> "go.Figure":
    """Draw a signal, the kernel where it lies, and the output, one below the other.

    Parameters
    ----------
    padded : ndarray of shape (N + 2·padding,)
        Drawn so that the first cell of the signal itself is at 0.
    padding : int
        Cells at each end that are not of the signal: on a gray ground.
    kernel : ndarray of shape (F,)
    places : int ndarray of shape (F,)
        Where its numbers lie on `padded`.
    output : ndarray of shape (size,)
    centers : ndarray of shape (size,)
        Middle of the window of each cell, on `padded`: the cell is drawn below it.
    cell : int
        The position of the output that is being computed.
    """
    figure = _three_rows("signal (gray: padding)" if padding else "signal")
    positions = np.arange(len(padded)) - padding
    _add_cells(figure, 1, positions, padded, places, [f"position {place}" for place in positions])
    names = [f"number {place}" for place in range(len(kernel))]
    _add_cells(figure, 2, places - padding, kernel, slice(None), names)
    names = [f"position {place}" for place in range(len(output))]
    _add_cells(figure, 3, centers - padding, output, cell, names)
    line = {"color": VALIDATION, "width": 1, "dash": "dot"}
    for edge in (places[0] - 0.5, places[-1] + 0.5):
        figure.add_vline(float(edge) - padding, line=line)
    first, last = -padding - 0.5, len(padded) - padding - 0.5
    for start in (first, last - padding) if padding else ():
        figure.add_vrect(
            start, start + padding, row=1, col=1, fillcolor=GRAY, opacity=0.25, line_width=0
        )
    return figure.update_xaxes(range=[first - 0.2, last + 0.2])


def _three_rows(signal_title: str) -> "go.Figure":
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.1,
        row_heights=[0.38, 0.24, 0.38],
        subplot_titles=[
            signal_title,
            "kernel, where it lies",
            "output",
        ],
    )
    figure.update_yaxes(nticks=5, zeroline=True)
    figure.update_xaxes(title="position in the signal", row=3, col=1)
    return figure.update_layout(height=520, margin=margin(top=30), showlegend=False)


def _add_cells(
    figure: "go.Figure",
    row: int,
    where: np.ndarray,
    values: np.ndarray,
    at_work: Any,
    names: Sequence[str],
) -> None:
    """Draw a row of numbers as bars, in another color those that are `at_work` now (an index)."""
    colors = np.full(len(values), TRAINING)
    colors[at_work] = VALIDATION
    figure.add_bar(
        x=where,
        y=values,
        width=0.7,
        marker={"color": colors},
        text=names,
        textposition="none",
        hovertemplate="%{text}: %{y:.4g}<extra></extra>",
        row=row,
        col=1,
    )
