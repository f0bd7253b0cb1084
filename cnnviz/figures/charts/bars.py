"""Bars: one for each filter, class or changed image, and histograms."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.figures.charts.layout import lying_legend, margin
from cnnviz.figures.palette import GRAY, TRAINING, VALIDATION

if TYPE_CHECKING:
    import plotly.graph_objects as go


def bars_figure(names: Sequence[str], values: np.ndarray, title: str) -> "go.Figure":
    """Draw one bar for each name, upwards in one color and downwards in another."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_bar(
        x=list(names),
        y=values,
        marker={"color": [TRAINING if value >= 0 else VALIDATION for value in values]},
        hovertemplate=f"filter %{{x}}: %{{y:.4g}} {title}<extra></extra>",
    )
    figure.update_layout(
        height=280,
        margin=margin(),
        xaxis={"type": "category", "title": "filter"},
        yaxis_title=title,
    )
    return figure


def before_after_figure(names: Sequence[str], before: np.ndarray, after: np.ndarray) -> "go.Figure":
    """Draw two probabilities for each class: lying bars, the first class on top."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for title, values, color in (("before", before, GRAY), ("now", after, TRAINING)):
        figure.add_bar(
            y=list(names),
            x=values,
            name=title,
            orientation="h",
            marker={"color": color},
            hovertemplate=f"%{{y}}, {title}: %{{x:.2%}}<extra></extra>",
        )
    figure.update_layout(
        height=110 + 46 * len(names),
        margin=margin(top=40),
        xaxis={"range": [0, 1], "tickformat": ".0%", "title": "probability"},
        yaxis={"autorange": "reversed"},
        legend=lying_legend(1.02, yanchor="bottom", traceorder="normal"),
    )
    return figure


def class_bars_figure(
    names: Sequence[str],
    values: np.ndarray,
    before: np.ndarray | None,
    picked: int,
    *,
    is_share: bool = False,
) -> "go.Figure":
    """Draw one lying bar for each class, the first on top, and that of one class in its color.

    Parameters
    ----------
    names : sequence of str
    values : ndarray of shape (num_classes,)
        Scores, or probabilities if `is_share`.
    before : ndarray of shape (num_classes,) or None
        What the values were before a change: drawn as gray marks.
    picked : int
        Place of the class in the other color.
    """
    import plotly.graph_objects as go

    written = "{:.1%}" if is_share else "{:.2f}"
    places = list(range(len(names)))
    rows = [f"{n}  <b>{written.format(v)}</b>" for n, v in zip(names, values, strict=True)]
    figure = go.Figure()
    figure.add_bar(
        y=places,
        x=values,
        orientation="h",
        marker={"color": [VALIDATION if place == picked else TRAINING for place in places]},
        showlegend=False,
        text=rows,
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )
    if before is not None:
        figure.add_scatter(
            y=places,
            x=before,
            name="not shifted",
            mode="markers",
            marker={"symbol": "line-ns", "size": 16, "line": {"width": 3, "color": GRAY}},
            text=[f"{n}: {written.format(v)}" for n, v in zip(names, before, strict=True)],
            hovertemplate="%{text}, not shifted<extra></extra>",
        )
    return figure.update_layout(
        height=90 + 26 * len(names),
        margin=margin(top=30),
        xaxis=_share_axis() if is_share else _score_axis(values, before),
        yaxis={"autorange": "reversed", "tickvals": places, "ticktext": rows},
        legend=lying_legend(1.0, yanchor="bottom"),
    )


def _share_axis() -> dict[str, Any]:
    return {
        "title": "probability",
        "range": [-0.03, 1.03],
        "zeroline": True,
        "tickvals": [0, 0.5, 1],
        "tickformat": ".0%",
    }


def _score_axis(values: np.ndarray, before: np.ndarray | None) -> dict[str, Any]:
    """Return an axis that holds zero and all values, and a little room at its ends."""
    numbers = np.concatenate([values, [0.0] if before is None else before])
    low, high = min(0.0, float(numbers.min())), max(0.0, float(numbers.max()))
    high = high if high > low else low + 1
    room = 0.03 * (high - low)
    return {
        "title": "score",
        "range": [low - room, high + room],
        "zeroline": True,
        "nticks": 6,
    }


def draws_figure(
    labels: Sequence[str], probabilities: np.ndarray, stays: np.ndarray, before: float
) -> "go.Figure":
    """Draw a lying bar for each changed image, the first on top, and a line at the unchanged.

    Parameters
    ----------
    labels : sequence of str
        What each was taken for.
    probabilities : ndarray of shape (N,)
        Of the class of the unchanged image, in each.
    stays : bool ndarray of shape (N,)
        Whether it was taken for that class: the color of the bar.
    before : float
        The probability in the unchanged image.
    """
    import plotly.graph_objects as go

    names = [f"{i}: {label}" for i, label in enumerate(labels, start=1)]
    figure = go.Figure()
    for chosen, color, title in (
        (stays, TRAINING, "same prediction"),
        (~stays, VALIDATION, "other prediction"),
    ):
        places = np.flatnonzero(chosen)
        figure.add_bar(
            y=[names[i] for i in places],
            x=probabilities[places],
            orientation="h",
            name=title,
            marker={"color": color, "pattern": {"shape": "" if chosen is stays else "/"}},
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    figure.add_vline(x=before, line={"dash": "dot", "width": 3, "color": GRAY})
    return figure.update_layout(
        height=90 + 26 * len(names),
        bargap=0.25,
        margin=margin(),
        xaxis={"range": [0, 1.03], "tickformat": ".0%", "dtick": 0.5},
        yaxis={"categoryorder": "array", "categoryarray": names[::-1], "dtick": 1},
        legend=lying_legend(1.02, yanchor="bottom", x=0),
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
        margin=margin(),
    )


def value_histogram(values: np.ndarray, what: str) -> "go.Figure":
    """Draw a histogram of activations; `what` names the items counted, such as ``units``."""
    import plotly.graph_objects as go

    counts, edges = np.histogram(values, bins=40)
    figure = go.Figure()
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        marker={"color": TRAINING},
        hovertemplate=f"about %{{x:.3g}}: %{{y:,}} {what}<extra></extra>",
    )
    figure.update_layout(
        height=300,
        margin=margin(),
        xaxis_title="activation",
        yaxis_title=what,
        bargap=0,
    )
    return figure
