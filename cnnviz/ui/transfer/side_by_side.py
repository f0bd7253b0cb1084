"""The comparison on the reuse page: what was trained, what it is worth, what it looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.statistics import wilson_interval
from cnnviz.training.transfer_comparison import NETWORKS
from cnnviz.training.weight_drift import LayerDrift
from cnnviz.ui import shared
from cnnviz.ui.class_activation import heat_map
from cnnviz.ui.class_activation.controls import ask_color_map
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.networks.panels import duration
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import number, show_chart, show_image, show_scale
from cnnviz.ui.transfer import cached
from cnnviz.zoo import TrainingRecord

if TYPE_CHECKING:
    from cnnviz.training.transfer_comparison import Anatomy, NetworkView

_PREDICTED = "predicted class of each"
_TILES_A_ROW = 3


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """The class of the heat maps, and how they are shown."""

    class_name: str
    is_shared: bool
    opacity: float
    color_map: str


def show_parts() -> None:
    """Show which parts of each network were trained, and with what result."""
    records = {name: shared.training_record(name) for name in NETWORKS}
    anatomies = cached.network_anatomies()
    if anatomies is not None:
        _draw_parts(anatomies)
    st.dataframe(
        [_row(name, record) for name, record in records.items()],
        hide_index=True,
        alt="Table of the five networks: parameters, accuracy and training time",
    )
    _explain_parts(records)


def show_heat_maps(picked: PickedImage) -> None:
    """Show the prediction of each network and which regions support it."""
    column, stage = frame.columns()
    with column:
        look = _ask_look()
    with stage:
        _show_heat_maps(picked, look)


def _ask_look() -> OverlayStyle:
    classes = [_PREDICTED, *shared.training_record(NETWORKS[0]).class_names]
    class_name = st.radio("Heat maps for", classes, key="reuse_class", bind="query-params")
    is_shared = st.toggle(
        "Common scale",
        key="reuse_shared",
        bind="query-params",
        help="For all five maps. Off: each is scaled to its own maximum, so weak ones look strong.",
    )
    with st.expander("More"):
        opacity = st.slider("Opacity", 0.0, 1.0, 0.45, 0.05, key="opacity", bind="query-params")
        color_map = ask_color_map()
    return OverlayStyle(class_name, is_shared, opacity, color_map)


def _draw_parts(anatomies: "Sequence[Anatomy]") -> None:
    strips = {_title(anatomy.name): anatomy.parts for anatomy in anatomies}
    show_chart(
        figures.parts_figure(strips),
        "Five networks as strips of layers: trained ones blue, frozen ones gray",
        key="reuse parts",
    )
    st.markdown(
        ":small[Each strip is a network, from the input (left) to the output (right); a field is a "
        "layer or a block of layers with its number of parameters. *locked*: frozen weights of "
        "EfficientNet-Lite0. Hover for details.]"
    )


def _row(name: str, record: TrainingRecord) -> dict[str, str]:
    facts = record.facts
    low, high = _range(record)
    trained = facts["num_trained_parameters"]
    return {
        "Network": _title(name),
        "Trained parameters": f"{trained / 1e6:.2f} of {facts['num_parameters'] / 1e6:.2f} M",
        "Accuracy (%), 95 % interval": f"{100 * record.accuracy:.1f} "
        f"({100 * low:.1f}–{100 * high:.1f})",
        "Training time": duration(facts["training_seconds"]),
    }


def _range(record: TrainingRecord) -> tuple[float, float]:
    num_right = int(record.confusion.trace())
    return wilson_interval(num_right, int(record.confusion.sum()))


def _title(name: str) -> str:
    return zoo.find_card(name).title


def _explain_parts(records: dict[str, TrainingRecord]) -> None:
    scratch, augmented, frozen, _, tuned = records.values()
    trained = frozen.facts["num_trained_parameters"]
    share = trained / frozen.facts["num_parameters"]
    low, high = _range(tuned)
    verdict = (
        "The frozen network lies inside it: an improvement by fine-tuning is *not* shown."
        if low <= frozen.accuracy <= high
        else "The frozen network lies outside it: fine-tuning makes a difference."
    )
    frame.explain(
        f"**What you see.** From scratch, {scratch.facts['num_trained_parameters']:,} parameters "
        f"are trained on {scratch.facts['num_training_images']:,} photos: accuracy "
        f"{scratch.accuracy:.1%}, with augmentation {augmented.accuracy:.1%}. The frozen base was "
        f"trained on over a million ImageNet photos; only a head of {trained:,} parameters "
        f"({share:.0%}) is trained here: {frozen.accuracy:.1%}. Fine-tuning trains one more block: "
        f"{tuned.accuracy:.1%}, 95 % interval {100 * low:.1f} to {100 * high:.1f} %. {verdict}\n\n"
        "**Try this.** Why are cats and dogs an easy case? ImageNet has more than a hundred breeds "
        "of dogs and five kinds of domestic cats. Then train a head on your own classes.\n\n"
        ":small[Yosinski et al. 2014, “How transferable are features in deep neural networks?”, "
        "arXiv:1411.1792. Intervals: Wilson. Training times: two processor cores.]"
    )


def _show_heat_maps(picked: PickedImage, look: OverlayStyle) -> None:
    def show(views: "Sequence[NetworkView]") -> None:
        _show_tiles(views, picked, look)

    views = cached.network_views(picked.image, show)
    if views is None:
        return
    show(views)
    first = views[0]
    sure = max(views, key=lambda view: max(view.probabilities))
    frame.explain(
        "**What you see.** Grad-CAM for the last layer with feature maps, 7 × 7 positions in each "
        f"network. The highest probability is that of *{_title(sure.name)}*: "
        f"{_share(max(sure.probabilities))} for “{sure.class_names[sure.prediction]}”. A high "
        f"probability can be wrong: *{_title(first.name)}* predicts "
        f"“{first.class_names[first.prediction]}” with {_share(max(first.probabilities))}, and "
        f"{1 - shared.training_record(first.name).accuracy:.1%} of its predictions for test "
        "images are wrong.\n\n"
        "**Try this.** Choose the class that is *not* in the image. Choose an image with neither: "
        "each network must still predict cat or dog.\n\n"
        ":small[Selvaraju et al., “Grad-CAM”, ICCV 2017, arXiv:1610.02391. Logits of different "
        "networks have no common unit: a common scale does not show which network is better.]"
    )


def _show_tiles(found: "Sequence[NetworkView]", picked: PickedImage, chosen: OverlayStyle) -> None:
    if not found:
        return
    maps = [_map_of(view, chosen.class_name) for view in found]
    common = figures.unsigned_scale(*(each.values for each in maps), color_map=chosen.color_map)
    image = shared.smaller(picked.image, heat_map.MAX_SIDE_PX)
    columns = st.columns(_TILES_A_ROW) + st.columns(_TILES_A_ROW)
    for column, view, heatmap in zip(columns, found, maps, strict=False):
        own = figures.unsigned_scale(heatmap.values, color_map=chosen.color_map)
        scale = common if chosen.is_shared else own
        seen = zoo.seen_part(zoo.find_card(view.name), image)
        overlay = figures.overlay_part(image.pixels, heatmap.values, scale, chosen.opacity, seen)
        label = view.class_names[heatmap.class_index]
        prediction = view.class_names[view.prediction]
        title = _title(view.name)
        with column:
            show_image(
                overlay,
                f"**{title}** predicts “{prediction}”, {_share(max(view.probabilities))}. "
                f"Heat map for “{label}”: maximum {number(heatmap.maximum)}"
                + ("." if heatmap.has_support else ", no region supports it."),
                f"{picked.label} with the heat map of {title} for {label}",
            )
            if not chosen.is_shared:
                show_scale(scale)
    if chosen.is_shared:
        show_scale(common)


def _share(probability: float) -> str:
    return f"{probability:.1%}" if probability < 0.9995 else "more than 99.9%"


def _map_of(view: "NetworkView", class_name: str) -> ClassHeatmap:
    place = view.prediction if class_name == _PREDICTED else view.class_names.index(class_name)
    return view.heatmaps[place]


def show_curves() -> None:
    """Show the learning curves of all five networks."""
    column, stage = frame.columns()
    with column:
        figure = st.radio(
            "Curves of", ["accuracy", "loss"], key="reuse_curves", bind="query-params"
        )
        smoothing = st.slider(
            "Smoothing",
            *(0.0, 0.9, 0.5, 0.1),
            key="reuse_smoothing",
            bind="query-params",
            help="Exponential moving average with this weight of the past. Points are raw values.",
        )
    with stage:
        _show_curves(figure, smoothing)


def _show_curves(measure: str, smoothing: float) -> None:
    records = {_title(name): shared.training_record(name) for name in NETWORKS}
    histories = {title: record.history for title, record in records.items()}
    show_chart(
        figures.side_by_side_curves(histories, measure, measure, smoothing),
        f"Curves of the {measure} of the five networks, training and validation",
        key="reuse curves",
    )
    ends = {
        title: (100 * record.history["accuracy"][-1], 100 * record.history["val_accuracy"][-1])
        for title, record in records.items()
    }
    first, second = list(ends.items())[:2]
    frame.explain(
        f"**What you see.** Points are epochs, lines are smoothed. *{first[0]}* ends at "
        f"{first[1][0]:.1f} % in training and {first[1][1]:.1f} % in validation, *{second[0]}* at "
        f"{second[1][0]:.1f} and {second[1][1]:.1f} %. With pretrained features, validation "
        "accuracy is high after the first epoch.\n\n"
        "**Try this.** Look at the loss: where does validation loss begin to rise while training "
        "loss still falls? Set smoothing to 0 to see how much single epochs vary."
    )


def show_drift() -> None:
    """Show how far fine-tuning moved the weights of each layer."""
    anatomies = cached.network_anatomies()
    if anatomies is None:
        return
    drifts = next(each.drift for each in reversed(anatomies) if each.drift)
    show_chart(
        figures.drift_figure(drifts),
        "Relative change of the weights, a bar for each layer",
        key="reuse drift",
    )
    moved = [drift for drift in drifts if drift.has_moved]
    st.dataframe(
        [_drift_row(drift) for drift in moved],
        hide_index=True,
        alt="Table of the layers whose weights changed",
    )
    _explain_drift(drifts, moved)


def _drift_row(drift: LayerDrift) -> dict[str, str]:
    return {
        "Layer": drift.name,
        "Weights": f"{drift.num_weights:,}",
        "Relative change": f"{drift.relative_change:.2%}",
        "Cosine": f"{drift.cosine:.6f}",
        "Angle": f"{drift.angle_degrees:.2f}°",
    }


def _explain_drift(drifts: Sequence[LayerDrift], moved: Sequence[LayerDrift]) -> None:
    far = max(moved, key=lambda drift: drift.relative_change)
    facts = shared.training_record(NETWORKS[-1]).facts
    frame.explain(
        f"**What you see.** The weights of {len(drifts) - len(moved)} of {len(drifts)} layers were "
        f"frozen and did not change. The others changed by at most "
        f"{100 * far.relative_change:.2g} % of their norm, `{far.name}` most:\n\n"
        "$$\\frac{\\lVert w - w_0 \\rVert}{\\lVert w_0 \\rVert} = "
        f"{far.relative_change:.4f}, \\qquad \\cos\\angle(w, w_0) = {far.cosine:.6f}$$\n\n"
        f"The learning rate was {facts['learning_rate']:g}: a large one would destroy the "
        "pretrained features in the first steps. $w_0$ are the weights of EfficientNet-Lite0, and "
        f"of *{_title(facts['starts_from'])}* for the two layers of the head.\n\n"
        "**Try this.** Compare with the number of trained parameters: many were free to change, "
        "and they changed little.\n\n"
        ":small[Weights are stored in half precision, which alone changes them by about 0.02 %.]"
    )
