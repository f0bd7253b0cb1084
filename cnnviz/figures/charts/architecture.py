"""A network as a drawing: blocks sized by their shape, and arcs for connections that skip."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.figures.charts.layout import lying_legend, margin
from cnnviz.figures.palette import LAYERS
from cnnviz.network.layer_table import LayerFacts

if TYPE_CHECKING:
    import plotly.graph_objects as go

MAX_LABELED = 16  # blocks that can carry their names without running into each other
_KINDS = {
    **dict.fromkeys(("Conv2D", "SeparableConv2D"), "convolution"),
    "DepthwiseConv2D": "depthwise convolution",
    **dict.fromkeys(
        ("MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D", "GlobalMaxPooling2D"),
        "pooling",
    ),
    **dict.fromkeys(("Add", "Concatenate", "Multiply", "Average", "Maximum"), "merging layer"),
    **dict.fromkeys(("Dense", "Flatten"), "vector"),
}


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the drawing: a layer, and the quiet ones behind it (ReLU, batch norm …)."""

    name: str
    kind: str
    operation: str
    shape: tuple[int, ...]
    sources: tuple[int, ...]  # places of the blocks that it takes its input from; -1 is the image
    follow: tuple[str, ...]
    last: str  # the last of these layers


def blocks(rows: Sequence[LayerFacts]) -> tuple[Block, ...]:
    """Fold a layer table into what is worth drawing.

    Activations, batch normalization, dropout and padding belong to the block before them.
    """
    found: list[Block] = []
    place_of: dict[str, int] = {}
    for row in rows:
        sources = tuple(dict.fromkeys(place_of[name] for name in row.inputs)) or (-1,)
        if row.kind in _KINDS:
            kind = "vector" if len(row.output_shape) == 1 else _KINDS[row.kind]
            if row.kind.startswith("Global"):
                kind = "pooling"
            place_of[row.name] = len(found)
            found.append(Block(row.name, kind, row.kind, row.output_shape, sources, (), row.name))
        else:
            place = place_of[row.name] = sources[-1]
            if place >= 0:
                block = found[place]
                follow = (*block.follow, row.kind)
                found[place] = replace(block, shape=row.output_shape, follow=follow, last=row.name)
    return tuple(found)


def architecture_figure(
    rows: Sequence[LayerFacts], input_shape: tuple[int, int, int]
) -> "go.Figure":
    """Draw a network from left to right.

    The height of a block is the height of its maps (or the length of its list), its width the
    number of its channels, both on a logarithmic scale. Connections that skip blocks are arcs.
    """
    import plotly.graph_objects as go

    layer_blocks = blocks(rows)
    is_labeled = len(layer_blocks) < MAX_LABELED
    figure = go.Figure()
    image = Block("input", "other", "input", input_shape, (), (), "input")
    everything = [image, *layer_blocks]
    for kind, color in LAYERS.items():
        chosen = [(place, block) for place, block in enumerate(everything) if block.kind == kind]
        if chosen:
            heights = [_height(block.shape) for _, block in chosen]
            figure.add_bar(
                x=[place for place, _ in chosen],
                y=heights,
                base=[-height / 2 for height in heights],
                width=[_width(block.shape, is_labeled) for _, block in chosen],
                name="input" if kind == "other" else kind,
                marker={"color": color, "line": {"width": 0}},
                hovertext=[_hover(block) for _, block in chosen],
                hovertemplate="%{hovertext}<extra></extra>",
            )
    top = max(_height(block.shape) for block in everything) / 2
    for place, block in enumerate(layer_blocks, start=1):
        for source in block.sources:
            if source + 1 < place - 1:
                _add_arc(figure, everything, source + 1, place)
    _add_labels(figure, everything, is_labeled, top)
    return figure.update_layout(
        barmode="overlay",
        height=420,
        margin=margin(),
        legend=lying_legend(1.08, x=0),
        xaxis={"visible": False, "range": [-0.8, len(layer_blocks) + 0.8]},
        yaxis={"visible": False, "range": [-top - (2.6 if is_labeled else 1.4), top + 2.6]},
        hoverlabel={"align": "left"},
    )


def _height(shape: tuple[int, ...]) -> float:
    return log2(shape[0]) + 1


def _width(shape: tuple[int, ...], is_labeled: bool) -> float:
    share = log2(shape[-1] + 1) / 11 if len(shape) == 3 else 0.1  # 2,048 channels fill the place
    return (0.15 + 0.75 * share) if is_labeled else (0.3 + 0.65 * share)


def _hover(block: Block) -> str:
    size = " × ".join(map(str, block.shape))
    then = f"<br>then {', '.join(block.follow)}" if block.follow else ""
    return f"<b>{block.name}</b><br>{block.operation}, {size}{then}"


def _add_arc(figure: "go.Figure", everything: Sequence[Block], start: int, end: int) -> None:
    between = everything[start : end + 1]
    clear = max(_height(block.shape) for block in between) / 2
    rise = clear + 0.5 + 0.12 * min(end - start, 10)
    figure.add_shape(
        type="path",
        path=(
            f"M {start} {_height(everything[start].shape) / 2} "
            f"C {start} {rise} {end} {rise} {end} {_height(everything[end].shape) / 2}"
        ),
        line={"color": LAYERS["merging layer"], "width": 2},
        layer="below",
    )


def _add_labels(
    figure: "go.Figure", everything: Sequence[Block], is_labeled: bool, top: float
) -> None:
    """Name every block, or where there are too many the size of the maps of each stage."""
    labels: list[tuple[float, str]] = []
    if is_labeled:
        for place, block in enumerate(everything):
            size = "×".join(map(str, block.shape))
            labels.append((place, f"<b>{block.name}</b><br>{size}"))
    else:
        sizes = [block.shape[:2] if len(block.shape) == 3 else () for block in everything]
        for rows_columns, places in _runs(sizes):
            if rows_columns and len(places) >= len(everything) / 20:
                middle = float(np.mean(places))
                labels.append((middle, f"{rows_columns[0]}×{rows_columns[1]}"))
    for x, text in labels:
        figure.add_annotation(
            x=x, y=-top - 0.4, text=text, showarrow=False, yanchor="top", font={"size": 13}
        )


def _runs(values: Sequence[tuple[int, ...]]) -> list[tuple[tuple[int, ...], list[int]]]:
    """Return each value with the neighboring places that share it."""
    runs: list[tuple[tuple[int, ...], list[int]]] = []
    for place, value in enumerate(values):
        if runs and runs[-1][0] == value:
            runs[-1][1].append(place)
        else:
            runs.append((value, [place]))
    return runs
