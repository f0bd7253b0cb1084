"""Curves over time: learning curves, and the objective of gradient ascent."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.figures.charts.layout import lying_legend, margin
from cnnviz.figures.palette import TRAINING, VALIDATION

if TYPE_CHECKING:
    import plotly.graph_objects as go


def smoothed(values: Sequence[float] | np.ndarray, weight: float) -> np.ndarray:
    """Smooth a curve by an exponential moving average with the weight `weight` of the past.

    The first values are not drawn towards zero: the weights are divided by their sum.

    Parameters
    ----------
    values : sequence of float
    weight : float
        0 (the curve as it is) to below 1.

    Returns
    -------
    float64 ndarray

    Raises
    ------
    InvalidParameterError
        If the weight is out of range.

    Examples
    --------
    >>> smoothed([1.0, 3.0], 0.5).tolist()
    [1.0, 2.3333333333333335]
    """
    if not 0 <= weight < 1:
        raise InvalidParameterError(f"The weight must be from 0 to below 1, got {weight}.")
    result, total, mass = [], 0.0, 0.0
    for value in values:
        total = weight * total + (1 - weight) * float(value)
        mass = weight * mass + (1 - weight)
        result.append(total / mass)
    return np.array(result)


def learning_curves(
    history: Mapping[str, np.ndarray], key: str, title: str, smoothing: float
) -> "go.Figure":
    """Draw one figure of every epoch for training and validation; raw points stay visible.

    Parameters
    ----------
    history : mapping
        With `key` and ``val_`` + `key`, each (epochs,).
    key, title : str
        Such as ``accuracy``, and what to write at the axis.
    smoothing : float
        As in `smoothed`.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, source, color, dash in (
        ("training", key, TRAINING, "solid"),
        ("validation", f"val_{key}", VALIDATION, "dash"),
    ):
        _add_curve(figure, name, history[source], smoothing, {"color": color, "dash": dash})
    return figure.update_layout(
        xaxis_title="epoch",
        yaxis_title=title,
        height=340,
        margin=margin(),
        legend=lying_legend(1.12, x=0),
    )


def side_by_side_curves(
    histories: Mapping[str, Mapping[str, np.ndarray]], key: str, title: str, smoothing: float
) -> "go.Figure":
    """Draw one figure of every epoch for several networks beside each other, on one height.

    Parameters
    ----------
    histories : mapping of title to history
        Each as in `learning_curves`.
    key, title, smoothing
        As in `learning_curves`.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1,
        cols=len(histories),
        shared_yaxes=True,
        horizontal_spacing=0.015,
        subplot_titles=["<br>".join(wrap(name, 12, break_on_hyphens=False)) for name in histories],
    )
    for column, history in enumerate(histories.values(), start=1):
        for trace in learning_curves(history, key, title, smoothing).data:
            trace.showlegend = trace.showlegend is not False and column == 1
            figure.add_trace(trace, row=1, col=column)
    figure.update_xaxes(title="epoch", nticks=4, rangemode="tozero")
    figure.update_yaxes(title=title, row=1, col=1)
    figure.update_annotations(font={"size": 14})
    return figure.update_layout(
        height=340,
        margin=margin(top=84),
        legend=lying_legend(1.36, x=0),
    )


def compared_curves(
    histories: Mapping[str, Mapping[str, np.ndarray]], key: str, title: str, smoothing: float
) -> "go.Figure":
    """Draw one figure of every epoch for two trainings, and what lies between their two ends.

    A training has a color; its curve for validation is dashed. A bar at its last epoch goes from
    the smooth curve for training to that for validation.

    Parameters
    ----------
    histories : mapping
        For the name of each training, at most two, its history as in `learning_curves`.
    key, title, smoothing
        As in `learning_curves`.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    looks = ((VALIDATION, 14), (TRAINING, -14))
    for (name, history), (color, shift) in zip(histories.items(), looks, strict=False):
        ends = []
        for part, source, dash in (
            ("training", key, "solid"),
            ("validation", f"val_{key}", "dash"),
        ):
            line = {"color": color, "dash": dash}
            _add_curve(figure, f"{name}: {part}", history[source], smoothing, line)
            ends.append(float(smoothed(history[source], smoothing)[-1]))
        _add_gap(figure, len(history[key]), ends, color, shift)
    return figure.update_layout(
        xaxis_title="epoch",
        yaxis_title=title,
        height=420,
        margin=margin(right=80),
        legend=lying_legend(1.02, yanchor="bottom", x=0),
    )


def _add_curve(
    figure: "go.Figure", name: str, values: np.ndarray, smoothing: float, line: Mapping[str, str]
) -> None:
    """Draw a number of every epoch as a smooth line, and the raw points on it."""
    epochs = np.arange(1, len(values) + 1)
    figure.add_scatter(
        x=epochs,
        y=smoothed(values, smoothing),
        mode="lines",
        name=name,
        line={**line, "width": 3},
        hoverinfo="skip",
    )
    figure.add_scatter(
        x=epochs,
        y=values,
        mode="markers",
        marker={"color": line["color"], "size": 6, "opacity": 0.7},
        showlegend=False,
        name=name,
        hovertemplate=f"{name}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
    )


def _add_gap(
    figure: "go.Figure", epoch: int, ends: Sequence[float], color: str, shift_px: int
) -> None:
    """Draw what lies between the ends of two curves as a bar, and write it beside its middle.

    Trainings may end at one place: the words of one stand above, of the other below.
    """
    figure.add_scatter(
        x=[epoch, epoch],
        y=ends,
        mode="lines",
        line={"color": color, "width": 8},
        opacity=0.45,
        showlegend=False,
        hoverinfo="skip",
    )
    figure.add_annotation(
        x=epoch,
        y=sum(ends) / 2,
        text=f"gap {abs(ends[0] - ends[1]):.2g}",
        showarrow=False,
        xanchor="left",
        xshift=8,
        yshift=shift_px,
        font={"color": color, "size": 16},
    )


def objective_figure(history: np.ndarray, steps: int) -> "go.Figure":
    """Draw the objective of a gradient ascent before each step so far."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=np.arange(len(history)),
        y=history,
        mode="lines",
        line={"color": TRAINING, "width": 3},
        hovertemplate="step %{x}: %{y:.4g}<extra></extra>",
    )
    figure.update_layout(
        height=280,
        margin=margin(),
        xaxis={"title": "step", "range": [0, steps]},
        yaxis_title="objective",
    )
    return figure
