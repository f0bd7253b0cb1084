"""Directions of waves, drawn around a middle: tuning curves, and fitted Gabor functions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.figures.charts.layout import lying_legend
from cnnviz.figures.palette import TRAINING, VALIDATION

if TYPE_CHECKING:
    import plotly.graph_objects as go


def polar_tuning(thetas: np.ndarray, curves: Mapping[str, np.ndarray]) -> "go.Figure":
    """Draw responses to gratings of every direction, each as a share of its own maximum.

    Parameters
    ----------
    thetas : ndarray of shape (num_thetas,)
        Radians from 0 to below π; each curve is drawn twice, because the opposite direction is
        the same grating.
    curves : mapping of name to ndarray of shape (num_thetas,)
    """
    import plotly.graph_objects as go

    degrees = np.degrees(np.concatenate([thetas, thetas + np.pi, thetas[:1] + 2 * np.pi]))
    figure = go.Figure()
    for (name, values), color in zip(curves.items(), (TRAINING, VALIDATION), strict=False):
        share = np.asarray(values, np.float64) / (float(np.max(values)) or 1.0)
        figure.add_scatterpolar(
            theta=degrees,
            r=np.concatenate([share, share, share[:1]]),
            mode="lines+markers",
            name=name,
            line={"color": color, "width": 3},
            hovertemplate="%{theta:.0f}°: %{r:.2f}<extra>" + name + "</extra>",
        )
    return _polar(figure, 1.0)


def polar_fits(fits: Sequence[tuple[int, float, float, float]]) -> "go.Figure":
    """Draw fitted waves: angle is direction, distance is frequency, size is how good the fit is.

    Parameters
    ----------
    fits : sequence of (number, theta, frequency, r_squared)
    """
    import plotly.graph_objects as go

    figure = go.Figure(
        go.Scatterpolar(
            theta=[float(np.degrees(theta)) for _, theta, _, _ in fits],
            r=[frequency for _, _, frequency, _ in fits],
            text=[str(number) for number, *_ in fits],
            mode="markers+text",
            textposition="top center",
            marker={
                "size": [6 + 14 * max(quality, 0) for *_, quality in fits],
                "color": TRAINING,
                "opacity": 0.8,
            },
            customdata=[quality for *_, quality in fits],
            hovertemplate=(
                "kernel %{text}: %{theta:.0f}°, %{r:.3f} cycles per pixel, "
                "R² %{customdata:.2f}<extra></extra>"
            ),
        )
    )
    return _polar(figure, max([0.3, *(frequency for _, _, frequency, _ in fits)]))


def _polar(figure: "go.Figure", reach: float) -> "go.Figure":
    axis = {"gridcolor": "rgba(128,128,128,0.4)"}
    return figure.update_layout(
        height=420,
        margin={"l": 40, "r": 40, "t": 30, "b": 30},
        polar={
            "bgcolor": "rgba(0,0,0,0)",
            "angularaxis": {**axis, "dtick": 45, "direction": "clockwise", "rotation": 0},
            "radialaxis": {**axis, "range": [0, 1.05 * reach], "nticks": 4},
        },
        legend=lying_legend(-0.08),
    )
