"""Plotly figures: learning curves, a confusion matrix, a histogram of weights."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.errors import InvalidParameterError

if TYPE_CHECKING:
    import plotly.graph_objects as go

TRAINING, VALIDATION = "#0b8a8f", "#d1601f"  # told apart by every kind of colour vision
_CELL_PX = 42


def smoothed(values: Sequence[float] | np.ndarray, weight: float) -> np.ndarray:
    """Smooth a curve by a running mean that forgets: the share `weight` of the past stays.

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
    for name, source, colour, dash in (
        ("training", key, TRAINING, "solid"),
        ("validation", f"val_{key}", VALIDATION, "dash"),
    ):
        epochs = np.arange(1, len(history[source]) + 1)
        figure.add_scatter(
            x=epochs,
            y=smoothed(history[source], smoothing),
            mode="lines",
            name=name,
            line={"color": colour, "dash": dash, "width": 3},
            hoverinfo="skip",
        )
        figure.add_scatter(
            x=epochs,
            y=history[source],
            mode="markers",
            marker={"color": colour, "size": 6, "opacity": 0.7},
            showlegend=False,
            name=name,
            hovertemplate=f"{name}, epoch %{{x}}: %{{y:.4f}}<extra></extra>",
        )
    return figure.update_layout(
        xaxis_title="epoch",
        yaxis_title=title,
        height=340,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.12, "x": 0},
    )


def confusion_figure(confusion: np.ndarray, class_names: Sequence[str]) -> "go.Figure":
    """Draw a confusion matrix: a row for each true class, a column for each answer.

    Colours are the share of the row, so that classes of any size compare; numbers are pictures.
    """
    import plotly.graph_objects as go

    totals = confusion.sum(axis=1, keepdims=True)
    shares = confusion / np.maximum(totals, 1)
    names = list(class_names)
    figure = go.Figure(
        go.Heatmap(
            z=shares,
            x=names,
            y=names,
            text=np.where(confusion > 0, confusion.astype(str), ""),
            texttemplate="%{text}",
            textfont={"size": 13},
            colorscale="Blues",
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "share"}, "thickness": 12},
            hovertemplate=(
                "%{y}, answered %{x}: %{text} pictures, %{z:.1%} of the row<extra></extra>"
            ),
        )
    )
    side = 150 + _CELL_PX * max(len(names), 4)
    return figure.update_layout(
        height=side,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": "answer", "type": "category", "tickangle": -40},
        yaxis={"title": "true class", "type": "category", "autorange": "reversed"},
    )


def weight_histogram(weights: np.ndarray, num_bins: int = 81) -> "go.Figure":
    """Draw how the weights of a layer are spread, on a range that is symmetric about zero."""
    import plotly.graph_objects as go

    reach = float(np.abs(weights).max()) or 1.0
    counts, edges = np.histogram(weights, bins=num_bins, range=(-reach, reach))
    middles = (edges[:-1] + edges[1:]) / 2
    figure = go.Figure(
        go.Bar(
            x=middles,
            y=counts,
            width=edges[1] - edges[0],
            marker={"color": TRAINING, "line": {"width": 0}},
            hovertemplate="about %{x:.3g}: %{y} weights<extra></extra>",
        )
    )
    return figure.update_layout(
        xaxis_title="weight",
        yaxis_title="number of weights",
        height=320,
        bargap=0,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
    )
