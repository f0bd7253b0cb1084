"""Whether a map can be trusted: what pixels and layers are worth that are taken away."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.figures.charts.layout import lying_legend, margin
from cnnviz.figures.palette import GRAY, PURPLE, TRAINING, VALIDATION

if TYPE_CHECKING:
    import plotly.graph_objects as go


def pixel_curves_figure(
    shares: np.ndarray, curves: Mapping[str, np.ndarray], mark: float, title: str
) -> "go.Figure":
    """Draw probabilities over the share of pixels, the first curve in front, and mark a share.

    Parameters
    ----------
    shares : ndarray of shape (n,)
        From 0 to 1.
    curves : mapping of name to ndarray of shape (n,)
    mark : float
        A share, drawn as an upright line.
    title : str
        Of the axis below.
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    styles = ((TRAINING, "solid", 4), (GRAY, "dash", 2), (VALIDATION, "dot", 2))
    for (name, values), (color, dash, width) in zip(curves.items(), styles, strict=False):
        figure.add_scatter(
            x=shares,
            y=values,
            name=name,
            mode="lines",
            line={"color": color, "dash": dash, "width": width},
            hovertemplate=f"{name}, %{{x:.0%}} of the pixels: %{{y:.1%}}<extra></extra>",
        )
    figure.add_vline(x=mark, line={"color": PURPLE, "width": 2})
    return figure.update_layout(
        height=280,
        margin=margin(),
        xaxis={"title": title, "tickformat": ".0%", "range": [0, 1]},
        yaxis={"title": "probability", "tickformat": ".0%", "rangemode": "tozero"},
        legend=lying_legend(-0.28, yanchor="top"),
    )


def weight_randomization_figure(
    num_layers: Sequence[int], curves: Mapping[str, Sequence[float]], mark: int
) -> "go.Figure":
    """Draw the similarity with the original map while layers are randomized; mark a number."""
    import plotly.graph_objects as go

    figure = go.Figure()
    styles = ((TRAINING, "solid"), (VALIDATION, "dash"), (GRAY, "dot"))
    for (name, values), (color, dash) in zip(curves.items(), styles, strict=False):
        figure.add_scatter(
            x=list(num_layers),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": color, "dash": dash, "width": 3},
            hovertemplate=f"{name} after %{{x}} layers: %{{y:.2f}}<extra></extra>",
        )
    figure.add_vline(x=mark, line={"color": PURPLE, "width": 2})
    return figure.update_layout(
        height=300,
        margin=margin(),
        xaxis={"title": "randomized layers, from the top"},
        yaxis={"title": "similarity with the original map", "range": [-0.6, 1.05]},
        legend=lying_legend(1.14),
    )
