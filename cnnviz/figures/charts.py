"""Plotly figures: learning curves, a confusion matrix, a histogram of weights."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.results import LayerDrift, LayerFacts, NetworkPart

if TYPE_CHECKING:
    import plotly.graph_objects as go

TRAINING, VALIDATION = "#0b8a8f", "#d1601f"  # told apart by every kind of colour vision
TRAINED, FROZEN = "#0b6fb8", "#9aa4b2"  # parts of a network; texts can be read on both
_CELL_PX = 42
_WIDE = 0.2  # share of a strip that a word and a number fit under


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
        _add_curve(figure, name, history[source], smoothing, {"color": colour, "dash": dash})
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


def polar_tuning(thetas: np.ndarray, curves: Mapping[str, np.ndarray]) -> "go.Figure":
    """Draw answers to gratings of every direction, each as a share of its own maximum.

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
    for (name, values), colour in zip(curves.items(), (TRAINING, VALIDATION), strict=False):
        share = np.asarray(values, np.float64) / (float(np.max(values)) or 1.0)
        figure.add_scatterpolar(
            theta=degrees,
            r=np.concatenate([share, share, share[:1]]),
            mode="lines+markers",
            name=name,
            line={"color": colour, "width": 3},
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
        legend={"orientation": "h", "y": -0.08},
    )


def value_histogram(values: np.ndarray, what: str) -> "go.Figure":
    """Draw how often each value occurs; the bars say what they count."""
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
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis_title="value",
        yaxis_title=what,
        bargap=0,
    )
    return figure


def activations_figure(rows: Sequence[LayerFacts]) -> "go.Figure":
    """Draw cells per map, filters, and their product for layers with maps, on a log scale."""
    import plotly.graph_objects as go

    names = [row.name for row in rows]
    cells = [row.output_shape[0] * row.output_shape[1] for row in rows]
    filters = [row.output_shape[2] for row in rows]
    products = [c * f for c, f in zip(cells, filters, strict=True)]
    figure = go.Figure()
    for title, numbers, colour, dash in (
        ("cells × filters", products, "#8a63c9", "solid"),
        ("cells of a map", cells, TRAINING, "dash"),
        ("filters", filters, VALIDATION, "dot"),
    ):
        figure.add_scatter(
            x=list(range(len(names))),
            y=numbers,
            name=title,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 3},
            customdata=names,
            hovertemplate=f"%{{customdata}}: %{{y:,}} {title}<extra></extra>",
        )
    figure.update_layout(
        height=340,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        yaxis={"type": "log", "title": "number"},
        xaxis={"title": "layer, from first to last"},
        legend={"orientation": "h", "y": 1.12},
    )
    return figure


def bars_figure(names: Sequence[str], values: np.ndarray, title: str) -> "go.Figure":
    """Draw one bar for each name, upwards in one colour and downwards in another."""
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
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"type": "category", "title": "filter"},
        yaxis_title=title,
    )
    return figure


def before_after_figure(names: Sequence[str], before: np.ndarray, after: np.ndarray) -> "go.Figure":
    """Draw two probabilities for each class: lying bars, the first class on top."""
    import plotly.graph_objects as go

    figure = go.Figure()
    for title, values, colour in (("before", before, "#8b95a3"), ("now", after, TRAINING)):
        figure.add_bar(
            y=list(names),
            x=values,
            name=title,
            orientation="h",
            marker={"color": colour},
            hovertemplate=f"%{{y}}, {title}: %{{x:.2%}}<extra></extra>",
        )
    figure.update_layout(
        height=110 + 46 * len(names),
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        xaxis={"range": [0, 1], "tickformat": ".0%", "title": "probability"},
        yaxis={"autorange": "reversed"},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    return figure


def embedding_figure(
    places: np.ndarray, labels: Sequence[str], own: np.ndarray, own_label: str
) -> "go.Figure":
    """Draw pictures as points (N, 2), a colour and a shape for each label, and one as a star."""
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
        marker={"size": 18, "symbol": "star", "color": "#e0452f", "line": {"width": 1}},
        hovertemplate=f"{own_label}<extra></extra>",
    )
    figure.update_layout(
        height=520,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis_title="first direction",
        yaxis_title="second direction",
        clickmode="event+select",
    )
    return figure


def objective_figure(history: np.ndarray, steps: int) -> "go.Figure":
    """Draw what a climb has reached before each step so far."""
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
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": "step", "range": [0, steps]},
        yaxis_title="objective",
    )
    return figure


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
    styles = ((TRAINING, "solid", 4), ("#8b95a3", "dash", 2), (VALIDATION, "dot", 2))
    for (name, values), (colour, dash, width) in zip(curves.items(), styles, strict=False):
        figure.add_scatter(
            x=shares,
            y=values,
            name=name,
            mode="lines",
            line={"color": colour, "dash": dash, "width": width},
            hovertemplate=f"{name}, %{{x:.0%}} of the pixels: %{{y:.1%}}<extra></extra>",
        )
    figure.add_vline(x=mark, line={"color": "#8a63c9", "width": 2})
    return figure.update_layout(
        height=380,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": title, "tickformat": ".0%", "range": [0, 1]},
        yaxis={"title": "probability", "tickformat": ".0%", "rangemode": "tozero"},
        legend={"orientation": "h", "y": -0.28, "yanchor": "top"},
    )


def forgetting_figure(
    num_layers: Sequence[int], curves: Mapping[str, Sequence[float]], mark: int
) -> "go.Figure":
    """Draw how alike a map stays while layers forget, from none to all, and mark a number."""
    import plotly.graph_objects as go

    figure = go.Figure()
    styles = ((TRAINING, "solid"), (VALIDATION, "dash"), ("#8b95a3", "dot"))
    for (name, values), (colour, dash) in zip(curves.items(), styles, strict=False):
        figure.add_scatter(
            x=list(num_layers),
            y=list(values),
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 3},
            hovertemplate=f"{name} after %{{x}} layers: %{{y:.2f}}<extra></extra>",
        )
    figure.add_vline(x=mark, line={"color": "#8a63c9", "width": 2})
    return figure.update_layout(
        height=300,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"title": "layers that forgot, from the top"},
        yaxis={"title": "like the map of the network as it is", "range": [-0.6, 1.05]},
        legend={"orientation": "h", "y": 1.14},
    )


def parts_figure(networks: Mapping[str, Sequence[NetworkPart]]) -> "go.Figure":
    """Draw some networks below each other, each a strip of its parts from picture to answer.

    Parts that were trained are blue, frozen ones grey; below each run of one colour stands how
    many parameters it has. A part is as wide as its name, whatever it holds.

    Parameters
    ----------
    networks : mapping of title to parts
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, colour in (("frozen", FROZEN), ("trained", TRAINED)):
        cells = [
            (row, left, right - left, part)
            for row, parts in enumerate(networks.values())
            for part, left, right in zip(parts, *_ends(parts), strict=True)
            if (part.num_trained > 0) == (name == "trained")
        ]
        figure.add_bar(
            y=[row for row, *_ in cells],
            x=[width for _, _, width, _ in cells],
            base=[left for _, left, _, _ in cells],
            orientation="h",
            width=0.4,
            name=name,
            text=[_short_name(part) for *_, part in cells],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "#ffffff" if name == "trained" else "#14181f", "size": 13},
            constraintext="none",
            marker={"color": colour, "line": {"width": 1, "color": "rgba(255,255,255,0.7)"}},
            hovertext=[_part_hover(part) for *_, part in cells],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    for row, (title, parts) in enumerate(networks.items()):
        below = {"y": row + 0.32, "xanchor": "center"}
        above = {"y": row - 0.36, "x": 0, "xanchor": "left"}
        _write(figure, f"<b>{title}</b>", 15, above)
        for text, x in _runs_of(parts):
            _write(figure, text, 13, below | {"x": x})
    return figure.update_layout(
        barmode="overlay",
        height=70 + 92 * len(networks),
        margin={"l": 4, "r": 4, "t": 30, "b": 4},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        xaxis={"visible": False, "range": [0, 1]},
        yaxis={"visible": False, "range": [len(networks) - 0.5, -0.55]},
        hoverlabel={"align": "left"},
    )


def _short_name(part: NetworkPart) -> str:
    return part.name.removeprefix("block")


def _ends(parts: Sequence[NetworkPart]) -> tuple[np.ndarray, np.ndarray]:
    """Say where each part of a strip begins and ends, 0 to 1."""
    widths = np.array([len(_short_name(part)) + 1.0 for part in parts])
    right = np.cumsum(widths) / widths.sum()
    return right - widths / widths.sum(), right


def _write(figure: "go.Figure", text: str, size: int, place: Mapping[str, Any]) -> None:
    figure.add_annotation(
        text=text, showarrow=False, yanchor="middle", font={"size": size}, **place
    )


def _part_hover(part: NetworkPart) -> str:
    size = " × ".join(map(str, part.shape))
    state = f"{part.num_trained:,} of them trained" if part.num_trained else "all frozen"
    return f"<b>{part.name}</b>, {size}<br>{part.num_parameters:,} parameters, {state}"


def _runs_of(parts: Sequence[NetworkPart]) -> list[tuple[str, float]]:
    """Say how many parameters neighbouring parts of one colour have, and where their middle is."""
    left, right = _ends(parts)
    runs = []
    for is_trained, group in groupby(range(len(parts)), lambda i: parts[i].num_trained > 0):
        places = list(group)
        counts = [parts[i].num_trained if is_trained else parts[i].num_parameters for i in places]
        count, word = sum(counts), "trained" if is_trained else "locked"
        is_wide = right[places[-1]] - left[places[0]] > _WIDE
        text = f"{word}: {count:,}" if is_wide else f"{count / 1e3:,.0f} k"
        runs.append((text, float(left[places[0]] + right[places[-1]]) / 2))
    return runs


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
        margin={"l": 10, "r": 10, "t": 84, "b": 10},
        legend={"orientation": "h", "y": 1.36, "x": 0},
    )


def drift_figure(drifts: Sequence[LayerDrift]) -> "go.Figure":
    """Draw how far each layer's weights moved, in percent of their length, first layer left."""
    import plotly.graph_objects as go

    changes = [100 * drift.relative_change for drift in drifts]
    figure = go.Figure()
    figure.add_bar(
        x=[drift.name for drift in drifts],
        y=changes,
        marker={"color": TRAINED},
        customdata=[(drift.num_weights, drift.cosine) for drift in drifts],
        hovertemplate=(
            "%{x}: %{y:.3g} %<br>%{customdata[0]:,} weights, cosine %{customdata[1]:.6f}"
            "<extra></extra>"
        ),
    )
    still = [drift.name for drift in drifts if not drift.has_moved]
    figure.add_scatter(
        x=still,
        y=[0] * len(still),
        mode="markers",
        marker={"color": FROZEN, "size": 7, "symbol": "square"},
        hovertemplate="%{x}: did not move<extra></extra>",
        name="did not move",
    )
    stages = groupby(
        (drift.name for drift in drifts if drift.has_moved), lambda name: name.split("_")[0]
    )
    ticks = {stage: list(names) for stage, names in stages}
    return figure.update_layout(
        height=380,
        showlegend=False,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={
            "type": "category",
            "title": "layers with weights, from first to last",
            "tickvals": [names[len(names) // 2] for names in ticks.values()],
            "ticktext": [*ticks],
            "tickangle": -90,
        },
        yaxis={"title": "moved, % of ‖w₀‖", "rangemode": "tozero"},
    )


def class_bars_figure(
    names: Sequence[str],
    values: np.ndarray,
    before: np.ndarray | None,
    picked: int,
    *,
    is_share: bool = False,
) -> "go.Figure":
    """Draw one lying bar for each class, the first on top, and that of one class in its colour.

    Parameters
    ----------
    names : sequence of str
    values : ndarray of shape (num_classes,)
        Scores, or probabilities if `is_share`.
    before : ndarray of shape (num_classes,) or None
        What the values were before a change: drawn as grey marks.
    picked : int
        Place of the class in the other colour.
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
            marker={"symbol": "line-ns", "size": 16, "line": {"width": 3, "color": "#8b95a3"}},
            text=[f"{n}: {written.format(v)}" for n, v in zip(names, before, strict=True)],
            hovertemplate="%{text}, not shifted<extra></extra>",
        )
    low, high = (0.0, 1.0) if is_share else _reach(values, before)
    room = 0.03 * (high - low)
    axis = {"range": [low - room, high + room], "zeroline": True, "nticks": 6}
    if is_share:
        axis |= {"tickvals": [0, 0.5, 1], "tickformat": ".0%"}
    return figure.update_layout(
        height=90 + 26 * len(names),
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        xaxis={**axis, "title": "probability" if is_share else "score"},
        yaxis={"autorange": "reversed", "tickvals": places, "ticktext": rows},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )


def _reach(values: np.ndarray, before: np.ndarray | None) -> tuple[float, float]:
    """Find the range of an axis that holds zero and all values."""
    numbers = np.concatenate([values, [0.0] if before is None else before])
    low, high = min(0.0, float(numbers.min())), max(0.0, float(numbers.max()))
    return low, high if high > low else low + 1


def shift_figure(
    shifts: Sequence[int], shares: np.ndarray, now: int, commonest: float
) -> "go.Figure":
    """Draw which share of the pictures is named rightly at each shift, and where we are now."""
    import plotly.graph_objects as go

    figure = go.Figure()
    figure.add_scatter(
        x=list(shifts),
        y=shares,
        mode="lines+markers",
        name="named rightly",
        line={"color": TRAINING, "width": 3},
        hovertemplate="%{x} pixels: %{y:.1%} right<extra></extra>",
    )
    figure.add_scatter(
        x=[shifts[0], shifts[-1]],
        y=[commonest, commonest],
        mode="lines",
        name="always the same name",
        line={"color": "#8b95a3", "width": 2, "dash": "dash"},
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
        margin={"l": 10, "r": 10, "t": 30, "b": 10},
        xaxis={"title": "shift to the right (pixels)", "dtick": 2},
        yaxis={"title": "right", "tickformat": ".0%", "range": [0, 1]},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom"},
    )


def sliding_line_figure(
    padded: np.ndarray,
    padding: int,
    kernel: np.ndarray,
    places: np.ndarray,
    answer: np.ndarray,
    centres: np.ndarray,
    cell: int,
) -> "go.Figure":
    """Draw a signal, the kernel where it lies, and the answer, one below the other.

    Parameters
    ----------
    padded : ndarray of shape (N + 2·padding,)
        Drawn so that the first cell of the signal itself is at 0.
    padding : int
        Cells at each end that are not of the signal: on a grey ground.
    kernel : ndarray of shape (F,)
    places : int ndarray of shape (F,)
        Where its numbers lie on `padded`.
    answer : ndarray of shape (size,)
    centres : ndarray of shape (size,)
        Middle of the window of each cell, on `padded`: the cell is drawn below it.
    cell : int
        The cell of the answer that is being computed.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=3,
        cols=1,
        shared_xaxes=True,
        vertical_spacing=0.1,
        row_heights=[0.38, 0.24, 0.38],
        subplot_titles=[
            "signal (grey: padding)" if padding else "signal",
            "kernel, where it lies",
            "answer, each cell below the middle of its window",
        ],
    )
    positions = np.arange(len(padded))
    colours = np.full(len(padded), TRAINING)
    colours[places] = VALIDATION
    answers = np.full(len(answer), TRAINING)
    answers[cell] = VALIDATION
    names = [f"cell {place}" for place in range(len(answer))]
    rows = (
        (positions, padded, colours, [f"cell {place - padding}" for place in positions]),
        (places, kernel, VALIDATION, [f"number {place}" for place in range(len(kernel))]),
        (centres, answer, answers, names),
    )
    for row, (where, values, colour, labels) in enumerate(rows, start=1):
        figure.add_bar(
            x=np.asarray(where) - padding,
            y=values,
            width=0.7,
            marker={"color": colour},
            text=labels,
            textposition="none",
            hovertemplate="%{text}: %{y:.4g}<extra></extra>",
            row=row,
            col=1,
        )
    line = {"color": VALIDATION, "width": 1, "dash": "dot"}
    for edge in (places[0] - 0.5, places[-1] + 0.5):
        figure.add_vline(float(edge) - padding, line=line)
    first, last = -padding - 0.5, len(padded) - padding - 0.5
    for start in (first, last - padding) if padding else ():
        figure.add_vrect(
            start, start + padding, row=1, col=1, fillcolor="#8b95a3", opacity=0.25, line_width=0
        )
    figure.update_yaxes(nticks=5, zeroline=True)
    figure.update_xaxes(range=[first - 0.2, last + 0.2])
    figure.update_xaxes(title="cell of the signal", row=3, col=1)
    return figure.update_layout(
        height=520, margin={"l": 10, "r": 10, "t": 30, "b": 10}, showlegend=False
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


def compared_curves(
    histories: Mapping[str, Mapping[str, np.ndarray]], key: str, title: str, smoothing: float
) -> "go.Figure":
    """Draw one figure of every epoch for two trainings, and what lies between their two ends.

    A training has a colour; its curve for validation is dashed. A bar at its last epoch goes from
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
    for (name, history), colour in zip(histories.items(), (VALIDATION, TRAINING), strict=False):
        ends = []
        for part, source, dash in (
            ("training", key, "solid"),
            ("validation", f"val_{key}", "dash"),
        ):
            line = {"color": colour, "dash": dash}
            _add_curve(figure, f"{name}: {part}", history[source], smoothing, line)
            ends.append(float(smoothed(history[source], smoothing)[-1]))
        last = len(history[key])
        figure.add_scatter(
            x=[last, last],
            y=ends,
            mode="lines",
            line={"color": colour, "width": 8},
            opacity=0.45,
            showlegend=False,
            hoverinfo="skip",
        )
        figure.add_annotation(
            x=last,
            y=sum(ends) / 2,
            text=f"gap {abs(ends[0] - ends[1]):.2g}",
            showarrow=False,
            xanchor="left",
            xshift=8,
            font={"color": colour, "size": 16},
        )
    return figure.update_layout(
        xaxis_title="epoch",
        yaxis_title=title,
        height=420,
        margin={"l": 10, "r": 80, "t": 10, "b": 10},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )


def draws_figure(
    labels: Sequence[str], probabilities: np.ndarray, stays: np.ndarray, before: float
) -> "go.Figure":
    """Draw a lying bar for each changed picture, the first on top, and a line at the unchanged.

    Parameters
    ----------
    labels : sequence of str
        What each was taken for.
    probabilities : ndarray of shape (N,)
        Of the class of the unchanged picture, in each.
    stays : bool ndarray of shape (N,)
        Whether it was taken for that class: the colour of the bar.
    before : float
        The probability in the unchanged picture.
    """
    import plotly.graph_objects as go

    names = [f"{i}: {label}" for i, label in enumerate(labels, start=1)]
    figure = go.Figure()
    for chosen, colour, title in (
        (stays, TRAINING, "same answer"),
        (~stays, VALIDATION, "other answer"),
    ):
        places = np.flatnonzero(chosen)
        figure.add_bar(
            y=[names[i] for i in places],
            x=probabilities[places],
            orientation="h",
            name=title,
            marker={"color": colour, "pattern": {"shape": "" if chosen is stays else "/"}},
            hovertemplate="%{y}: %{x:.1%}<extra></extra>",
        )
    figure.add_vline(x=before, line={"dash": "dot", "width": 3, "color": "#8b95a3"})
    return figure.update_layout(
        height=90 + 26 * len(names),
        bargap=0.25,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        xaxis={"range": [0, 1.03], "tickformat": ".0%", "dtick": 0.5},
        yaxis={"categoryorder": "array", "categoryarray": names[::-1], "dtick": 1},
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
