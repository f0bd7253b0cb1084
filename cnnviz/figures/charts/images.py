"""Charts of many images: taken for which class, lying close to which, shifted how far."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.figures.charts.layout import lying_legend, margin
from cnnviz.figures.palette import GRAY, INK, RED, TRAINING, VALIDATION, WHITE

if TYPE_CHECKING:
    import plotly.graph_objects as go

_DARK_SHARE = 0.7  # from here on the blues are dark
_POSITION_PX = 42


def confusion_figure(confusion: np.ndarray, class_names: Sequence[str]) -> "go.Figure":
    """Draw a confusion matrix: a row for each true class, a column for each predicted class.

    Colors are the share of the row, so that classes of any size compare; numbers are images.
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
            text=confusion,
            colorscale="Blues",
            zmin=0,
            zmax=1,
            xgap=1,
            ygap=1,
            colorbar={"title": {"text": "share"}, "thickness": 12},
            hovertemplate=(
                "%{y}, predicted %{x}: %{text} images, %{z:.1%} of the row<extra></extra>"
            ),
        )
    )
    rows, columns = np.nonzero(confusion)
    figure.add_scatter(  # a heatmap's own numbers are gray on the middle blues
        x=[names[column] for column in columns],
        y=[names[row] for row in rows],
        text=confusion[rows, columns],
        mode="text",
        textfont={
            "size": 13,
            "color": np.where(shares[rows, columns] > _DARK_SHARE, WHITE, INK),
        },
        hoverinfo="skip",
        showlegend=False,
    )
    side = 150 + _POSITION_PX * max(len(names), 4)
    return figure.update_layout(
        height=side,
        margin=margin(),
        xaxis={"title": "predicted class", "type": "category", "tickangle": -40},
        yaxis={"title": "true class", "type": "category", "autorange": "reversed"},
    )


def embedding_figure(
    places: np.ndarray, labels: Sequence[str], own: np.ndarray, own_label: str
) -> "go.Figure":
    """Draw images as points (N, 2), a color and a shape for each label, and one as a star."""
    import plotly.graph_objects as go
    from plotly.colors import qualitative

    symbols = ("circle", "square", "diamond", "triangle-up", "cross")
    figure = go.Figure()
    for i, label in enumerate(dict.fromkeys(labels)):
        chosen = [place for place, other in enumerate(labels) if other == label]
        figure.add_scatter(
            x=places[chosen, 0],
            y=places[chosen, 1],
            mode="markers",
            name=label,
            customdata=chosen,
            marker={
                "size": 9,
                "color": qualitative.D3[i % len(qualitative.D3)],
                "symbol": symbols[i % len(symbols)],
            },
            hovertemplate=f"{label}<extra></extra>",
        )
    figure.add_scatter(
        x=[own[0]],
        y=[own[1]],
        mode="markers",
        name="yours",
        marker={"size": 18, "symbol": "star", "color": RED, "line": {"width": 1}},
        hovertemplate=f"{own_label}<extra></extra>",
    )
    figure.update_layout(
        height=520,
        margin=margin(),
        xaxis_title="first direction",
        yaxis_title="second direction",
        clickmode="event+select",
    )
    return figure


def shift_figure(
    shifts: Sequence[int], shares: np.ndarray, now: int, commonest: float
) -> "go.Figure":
    """Draw the accuracy at each shift, and mark the current one."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=list(shifts),
        y=shares,
        mode="lines+markers",
        name="classified correctly",
        line={"color": TRAINING, "width": 3},
        hovertemplate="%{x} pixels: %{y:.1%} right<extra></extra>",
    )
    figure.add_scatter(
        x=[shifts[0], shifts[-1]],
        y=[commonest, commonest],
        mode="lines",
        name="always the same name",
        line={"color": GRAY, "width": 2, "dash": "dash"},
        hovertemplate="always the commonest class: %{y:.1%} right<extra></extra>",
    )
    figure.add_scatter(
        x=[now],
        y=[shares[list(shifts).index(now)]],
        mode="markers",
        name="your shift",
        marker={"color": VALIDATION, "size": 14, "symbol": "diamond"},
        hoverinfo="skip",
    )
    return figure.update_layout(
        height=300,
        margin=margin(top=30),
        xaxis={"title": "shift to the right (pixels)", "dtick": 2},
        yaxis={"title": "right", "tickformat": ".0%", "range": [0, 1]},
        legend=lying_legend(1.0, yanchor="bottom"),
    )
