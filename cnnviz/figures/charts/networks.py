"""Charts of whole networks: what their layers hold, what was trained, how far it moved."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.figures.charts.layout import lying_legend, margin
from cnnviz.figures.palette import FROZEN, INK, PURPLE, TRAINED, TRAINING, VALIDATION, WHITE
from cnnviz.network.layer_table import LayerFacts
from cnnviz.training.transfer_comparison import NetworkPart
from cnnviz.training.weight_drift import LayerDrift

if TYPE_CHECKING:
    import plotly.graph_objects as go

_WIDE = 0.2  # share of a strip that a word and a number fit under


def activations_figure(rows: Sequence[LayerFacts]) -> "go.Figure":
    """Draw positions per map, channels, and activations of layers with maps, on a log scale."""
    import plotly.graph_objects as go

    names = [row.name for row in rows]
    positions = [row.output_shape[0] * row.output_shape[1] for row in rows]
    channels = [row.output_shape[2] for row in rows]
    activations = [p * c for p, c in zip(positions, channels, strict=True)]
    figure = go.Figure()
    for title, numbers, color, dash in (
        ("activations (positions × channels)", activations, PURPLE, "solid"),
        ("positions", positions, TRAINING, "dash"),
        ("channels", channels, VALIDATION, "dot"),
    ):
        figure.add_scatter(
            x=list(range(len(names))),
            y=numbers,
            name=title,
            mode="lines+markers",
            line={"color": color, "dash": dash, "width": 3},
            customdata=names,
            hovertemplate=f"%{{customdata}}: %{{y:,}} {title}<extra></extra>",
        )
    figure.update_layout(
        height=340,
        margin=margin(),
        yaxis={"type": "log", "title": "number"},
        xaxis={"title": "layer, from first to last"},
        legend=lying_legend(1.12),
    )
    return figure


def parts_figure(networks: Mapping[str, Sequence[NetworkPart]]) -> "go.Figure":
    """Draw some networks below each other, each a strip of its parts from image to prediction.

    Parts that were trained are blue, frozen ones gray; below each run of one color stands how
    many parameters it has. A part is as wide as its name, whatever it holds.

    Parameters
    ----------
    networks : mapping of title to parts
    """
    import plotly.graph_objects as go

    figure = go.Figure()
    for name, color in (("frozen", FROZEN), ("trained", TRAINED)):
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
            textfont={"color": WHITE if name == "trained" else INK, "size": 13},
            constraintext="none",
            marker={"color": color, "line": {"width": 1, "color": "rgba(255,255,255,0.7)"}},
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
        legend=lying_legend(1.0, yanchor="bottom", x=0),
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
    """Say how many parameters neighboring parts of one color have, and where their middle is."""
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
        margin=margin(),
        xaxis={
            "type": "category",
            "title": "layers with weights, from first to last",
            "tickvals": [names[len(names) // 2] for names in ticks.values()],
            "ticktext": [*ticks],
            "tickangle": -90,
        },
        yaxis={"title": "change, % of ‖w₀‖", "rangemode": "tozero"},
    )
