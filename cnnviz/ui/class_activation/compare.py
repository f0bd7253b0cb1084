"""Compare methods: across layers, classes or networks, each map with its faithfulness."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.registry import METHODS
from cnnviz.attribution.targets import Target, one_class
from cnnviz.figures import Scale
from cnnviz.ui import controls, shared
from cnnviz.ui.class_activation import cached, heat_map, words
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import download, likelihood, number, show_scale

if TYPE_CHECKING:
    from cnnviz.attribution.comparison import ComparisonTable, TableCell

_AGAINST = ("layers", "classes", "networks")
_NUM_COLUMNS = 4
_DEFAULT = ("cam", "grad-cam", "grad-cam++", "layer-cam", "eigen-cam", "gradient")
_BAND, _TILE_PX = 6, 150  # methods beside each other, and the side of a map
_SHARE = Scale(0.0, 1.0, "inferno")
_OPACITY = 0.65
_SIDE_PX = 256

Column = tuple[str, str, Target]  # network, layer, target


def show(model_name: str, picked: PickedImage) -> None:
    """Fill a table of maps, all of one image."""
    settings, results = frame.columns()
    with settings:
        against = st.selectbox("Compare across", _AGAINST, key="against", bind="query-params")
        with st.popover("Methods", width="stretch"):
            network = shared.model(model_name)
            layer_name = network.default_cam_layer
            rows = st.multiselect(
                "Methods",
                [*METHODS],
                _DEFAULT,
                format_func=lambda name: METHODS[name].title,
                key="methods",
                bind="query-params",
            )
            slow = [m.title for m in METHODS.values() if m.is_slow(network, layer_name)]
            if slow:
                st.caption(f"Slow on this network: {', '.join(slow)}.")
            rows = [name for name in METHODS if name in rows]
        predictions = shared.predictions(model_name, picked.image, _NUM_COLUMNS)
        class_index = controls.class_picker(model_name, predictions[0])
        columns, names = _columns(against, model_name, picked, class_index)
        is_common = st.toggle(
            "Common scale for each method",
            key="method_scale",
            bind="query-params",
            help="Off: each map ends at its own maximum. On: at the largest of its method.",
        )
        heat_map.show_predictions(model_name, predictions, one_class(class_index))
    with results:
        if not rows or not columns:
            st.info("Choose at least one method and one column.")
            return

        def show(table: "ComparisonTable") -> None:
            _show(table, picked, rows, columns, names, is_common)

        comparison = cached.compare_methods(picked.image, tuple(rows), columns, show)
        if comparison is not None:
            show(comparison)
        _explain(against, model_name, class_index)


def _columns(
    against: str, model_name: str, picked: PickedImage, class_index: int
) -> tuple[tuple[Column, ...], list[str]]:
    model = shared.model(model_name)
    target = one_class(class_index)
    if against == "layers":
        chosen = _stages(model_name, controls.layer_picker(model_name))
        sizes = {name: " x ".join(map(str, model.map_shapes[name][:2])) for name in chosen}
        names = [f"{name}\n{size}" for name, size in sizes.items()]
        return tuple((model_name, name, target) for name in chosen), names
    layer_name = model.default_cam_layer
    if against == "classes":
        best = shared.predictions(model_name, picked.image, _NUM_COLUMNS)
        indices = list(dict.fromkeys([*(cell.class_index for cell in best), class_index]))
        names = [model.class_names[index] for index in indices]
        return tuple((model_name, layer_name, one_class(index)) for index in indices), names
    ready = [card for card in zoo.list_models() if zoo.is_ready(card)]
    titles = {card.name: card.title for card in ready}
    others = [model_name]
    for place in ("Second", "Third"):
        other = st.selectbox(
            f"{place} network",
            [None, *(name for name in titles if name not in others)],
            format_func=lambda name: titles[name] if name else "none",
            key=f"{place.lower()}_network",
            help="Each map has the class that the network predicts as its target.",
        )
        others += [other] if other else []
    columns, names = [], []
    for name in others:
        best_one = shared.predictions(name, picked.image)[0]
        layer = shared.model(name).default_cam_layer
        columns.append((name, layer, one_class(best_one.class_index)))
        title = controls.card_of(name).title
        names.append(f"{title}: {best_one.label} {likelihood(best_one, 0)}")
    return tuple(columns), names


def _stages(model_name: str, wanted: str) -> list[str]:
    """Name the last layer of each grid size and the one that is wanted, at most five, in order."""
    shapes = shared.model(model_name).map_shapes
    last = {shape[:2]: name for name, shape in shapes.items() if max(shape[:2]) > 1}
    default = shared.model(model_name).default_cam_layer
    names = [name for name in last.values() if name != default][-(_NUM_COLUMNS - 1) :]
    chosen = {*names, default, wanted}
    return [name for name in shapes if name in chosen]


def _show(
    table: "ComparisonTable",
    picked: PickedImage,
    rows: list[str],
    columns: tuple[Column, ...],
    names: list[str],
    is_common: bool,
) -> None:
    tiles: list[list[np.ndarray | None]] = []
    captions: list[list[str]] = []
    for row in (*table.cells, *[()] * (len(rows) - len(table.cells))):
        cells = [*row, *[None] * (len(columns) - len(row))]
        heatmaps = [cell.heatmap for cell in cells if cell is not None and cell.heatmap is not None]
        top = max((_reach(heatmap) for heatmap in heatmaps), default=1.0)
        tiles.append([])
        captions.append([])
        for cell, (name, _, _) in zip(cells, columns, strict=True):
            if cell is None or cell.heatmap is None or cell in cells[: len(tiles[-1])]:
                tiles[-1].append(None)
                captions[-1].append(_why_empty(cell))
                continue
            reach = top if is_common else _reach(cell.heatmap)
            tiles[-1].append(_tile(name, picked, cell.heatmap, reach))
            score = "" if cell.score is None else f"\nfaithfulness {words.signed(cell.score, 2)}"
            captions[-1].append(f"max {number(_reach(cell.heatmap), 2)}{score}")
    titles = [METHODS[name].title for name in rows]
    bands = [
        figures.labeled_grid(
            [*zip(*tiles[first : first + _BAND], strict=True)],
            names,
            titles[first : first + _BAND],
            [*zip(*captions[first : first + _BAND], strict=True)],
            tile_px=_TILE_PX,
        )
        for first in range(0, len(titles), _BAND)
    ]
    sheet = figures.stacked(bands)
    st.image(figures.encode_jpeg(sheet), width="stretch", alt="Maps of all methods")
    show_scale(_SHARE)
    of_what = "the method's largest map" if is_common else "its own maximum"
    st.markdown(
        f":small[Colors: fraction of {of_what}. "
        "Below each map: its maximum and its faithfulness (insertion minus deletion AUC).]"
    )
    download("The table (PNG)", "class-activation-table.png", lambda: figures.encode_png(sheet))


def _why_empty(cell: "TableCell | None") -> str:
    if cell is None:
        return ""
    return "not applicable" if cell.heatmap is None else "same for\nall layers"


def _reach(heatmap: ClassHeatmap) -> float:
    return heat_map.scale_of(heatmap).high


def _tile(model_name: str, picked: PickedImage, heatmap: ClassHeatmap, reach: float) -> np.ndarray:
    view = zoo.model_view(shared.model(model_name).card, picked.image)
    view = figures.enlarge(view, _SIDE_PX)
    share = np.maximum(heatmap.values, 0) / (reach or 1.0)
    everything = (slice(0, view.shape[0]), slice(0, view.shape[1]))
    return figures.overlay_part(view, share, _SHARE, _OPACITY, everything)


def _explain(against: str, model_name: str, class_index: int) -> None:
    label = shared.model(model_name).class_names[class_index]
    said = {
        "layers": f"Each column is a method, each row a layer; the target is *{label}*. Early "
        "layers are fine but not class-specific, late layers are coarse and class-specific.",
        "classes": "Each column is a method, each row one of the top classes. If all maps of a "
        "column look alike, the method does not distinguish classes.",
        "networks": "Each column is a method, each row a network; the target is the class that it "
        "predicts.",
    }[against]
    frame.explain(
        f"**What you see.** {said} Faithfulness is the area under the insertion curve minus that "
        "under the deletion curve: random order gives about 0, higher is better.\n\n"
        "**Try this.** Compare Grad-CAM with HiResCAM on an early layer. Find a map that looks "
        "convincing but has a low faithfulness.\n\n"
        ":small[Insertion and deletion: Petsiuk et al., BMVC 2018, arXiv:1806.07421. All gradients "
        "of one class are computed in one pass.]"
    )
