"""The comparison on the re-use page: what was trained, what it is worth, what it looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import figures, zoo
from cnnviz.statistics import wilson_interval
from cnnviz.training.transfer_comparison import NETWORKS
from cnnviz.training.weight_drift import LayerDrift
from cnnviz.ui import shared
from cnnviz.ui.class_activation import heat_map
from cnnviz.ui.controls import Picked
from cnnviz.ui.networks.panels import duration
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import number, show_chart, show_picture, show_scale
from cnnviz.ui.transfer import cached
from cnnviz.zoo import TrainingRecord

if TYPE_CHECKING:
    from cnnviz.training.transfer_comparison import Anatomy, Evidence

_ANSWER = "what each one answers"
_TILES_A_ROW = 3


@dataclass(frozen=True, slots=True)
class Settings:
    """What was asked for: class argued for, look of the maps, and which curves."""

    argued: str
    is_shared: bool
    opacity: float
    colour_map: str
    figure: str
    smoothing: float


def show(picked: Picked) -> None:
    """Compare five networks that reuse one base to a different degree."""
    column, stage = frame.columns()
    with column:
        chosen = settings(picked)
    with stage:
        anatomies = show_parts()
        show_evidence(picked, chosen)
        show_curves(chosen)
        show_drift(anatomies)


def settings(picked: Picked) -> Settings:
    """Show the picture and ask how the five networks shall be compared."""
    classes = [_ANSWER, *shared.training_record(NETWORKS[0]).class_names]
    show_picture(
        shared.smaller(picked.image, heat_map.MAX_SIDE_PX).pixels,
        f"The picture that all five are asked about: {picked.label}",
        picked.label,
    )
    argued = st.radio("Evidence for", classes, key="reuse_class", bind="query-params")
    is_shared = st.toggle(
        "One scale",
        key="reuse_shared",
        bind="query-params",
        help="For the maps of all five. Off: each goes to its own maximum; weak ones look strong.",
    )
    figure = st.radio(
        "Curves of", ["accuracy", "loss"], key="reuse_curves", bind="query-params", horizontal=True
    )
    smoothing = st.slider(
        "Smoothing",
        *(0.0, 0.9, 0.5, 0.1),
        key="reuse_smoothing",
        bind="query-params",
        help="A running mean that keeps this share of the past. The points stay as measured.",
    )
    with st.expander("More: how maps are painted"):
        opacity = st.slider("Opacity", 0.0, 1.0, 0.45, 0.05, key="opacity", bind="query-params")
        colour_map = heat_map.ask_color_map()
    return Settings(argued, is_shared, opacity, colour_map, figure, smoothing)


def show_parts() -> "Sequence[Anatomy]":
    """Draw what of each network was trained, with what came of it; gives what was found so far."""
    records = {name: shared.training_record(name) for name in NETWORKS}
    st.subheader("What was trained, what was frozen")
    anatomies = cached.reuse_anatomies()
    if anatomies is not None:
        _draw_parts(anatomies)
    st.dataframe(
        [_row(name, record) for name, record in records.items()],
        hide_index=True,
        alt="Table of the five networks: parameters, held-out accuracy and time to train",
    )
    _explain_parts(records)
    return anatomies or ()


def _draw_parts(anatomies: "Sequence[Anatomy]") -> None:
    strips = {_title(anatomy.name): anatomy.parts for anatomy in anatomies}
    show_chart(
        figures.parts_figure(strips),
        "Five networks as strips of their parts: trained ones blue, frozen ones grey",
        key="reuse parts",
    )
    st.markdown(
        ":small[Each strip is a network, from the picture (left) to the answer (right); a field is "
        "a layer or a block of layers. *locked*: these numbers came from EfficientNet-Lite0 and "
        "were not touched. Below stands how many there are. Point at a field to read it.]"
    )


def _row(name: str, record: TrainingRecord) -> dict[str, str]:
    facts = record.facts
    low, high = _range(record)
    trained = facts["num_trained_parameters"]
    return {
        "Network": _title(name),
        "Trained": f"{trained / 1e6:.2f} of {facts['num_parameters'] / 1e6:.2f} M",
        "Held out: right": f"{record.accuracy:.1%} ({100 * low:.1f}–{100 * high:.1f})",
        "Took": duration(facts["training_seconds"]),
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
        "The frozen network lies in it, so here fine-tuning is *not* shown to help."
        if low <= frozen.accuracy <= high
        else "The frozen network lies outside: fine-tuning makes a difference."
    )
    st.markdown(
        f"**What you see.** From scratch {scratch.facts['num_trained_parameters']:,} numbers are "
        f"learned from {scratch.facts['num_training_pictures']:,} photographs, and "
        f"{scratch.accuracy:.1%} of the held-out ones are named rightly, {augmented.accuracy:.1%} "
        "if the photographs are changed by chance. The frozen base learned its features from over "
        f"a million ImageNet pictures; only {trained:,} numbers ({share:.0%}) are learned here, "
        f"and {frozen.accuracy:.1%} are right. Fine-tuning lets one more block learn on: "
        f"{tuned.accuracy:.1%}. In brackets is the range (in percent) that so many pictures leave "
        f"open (95 %, Wilson): {100 * low:.1f} to {100 * high:.1f}. {verdict}\n\n"
        "**Try this.** Ask yourself why cats and dogs are an easy case: ImageNet has more than a "
        "hundred breeds of dog and five of domestic cat. Then train a head on your own classes.\n\n"
        ":small[Yosinski et al. 2014, «How transferable are features in deep neural networks?», "
        "arXiv:1411.1792. Training times: two processor cores.]"
    )


def show_evidence(picked: Picked, chosen: Settings) -> None:
    """Show what each network says about the picture and where it looks."""
    st.subheader("The same photograph, five networks")

    def show(found: "Sequence[Evidence]") -> None:
        _show_tiles(found, picked, chosen)

    found = cached.reuse_evidence(picked.image, show)
    if found is None:
        return
    show(found)
    first = found[0]
    sure = max(found, key=lambda evidence: max(evidence.probabilities))
    st.markdown(
        "**What you see.** Grad-CAM of each network's last layer with maps: bright is where the "
        "picture raises the logit of the class. All five maps have 7 × 7 cells, so none can be "
        "finer than a seventh of the square that the network sees; the rest is dimmed. The surest "
        f"is «{_title(sure.name)}»: {_share(max(sure.probabilities))} for "
        f"«{sure.class_names[sure.answer]}». Being sure is not being right: «{_title(first.name)}» "
        f"says «{first.class_names[first.answer]}» with {_share(max(first.probabilities))}, and "
        f"{1 - shared.training_record(first.name).accuracy:.1%} of its answers to held-out "
        "photographs are wrong.\n\n"
        "**Try this.** Ask for the class that is *not* in the picture. Pick a photograph with "
        "neither: the five must say cat or dog all the same.\n\n"
        ":small[Selvaraju et al., «Grad-CAM», ICCV 2017, arXiv:1610.02391. Logits of two networks "
        "have no common unit: one scale shows which numbers are larger, not which network is "
        "better.]"
    )


def _show_tiles(found: "Sequence[Evidence]", picked: Picked, chosen: Settings) -> None:
    if not found:
        return
    maps = [_map_of(evidence, chosen.argued) for evidence in found]
    common = figures.unsigned_scale(*(each.values for each in maps), colour_map=chosen.colour_map)
    image = shared.smaller(picked.image, heat_map.MAX_SIDE_PX)
    columns = st.columns(_TILES_A_ROW) + st.columns(_TILES_A_ROW)
    for column, evidence, heatmap in zip(columns, found, maps, strict=False):
        own = figures.unsigned_scale(heatmap.values, colour_map=chosen.colour_map)
        scale = common if chosen.is_shared else own
        seen = zoo.seen_part(zoo.find_card(evidence.name), image)
        overlay = figures.overlay_part(image.pixels, heatmap.values, scale, chosen.opacity, seen)
        label = evidence.class_names[heatmap.class_index]
        answer = evidence.class_names[evidence.answer]
        title = _title(evidence.name)
        with column:
            show_picture(
                overlay,
                f"**{title}** says «{answer}», {_share(max(evidence.probabilities))}. Evidence for "
                f"«{label}»: at most {number(heatmap.maximum)}"
                + ("." if heatmap.has_support else ", so nothing speaks for it."),
                f"{picked.label} with the evidence of {title} for {label}",
            )
            if not chosen.is_shared:
                show_scale(scale)
    if chosen.is_shared:
        show_scale(common)


def _share(probability: float) -> str:
    return f"{probability:.1%}" if probability < 0.9995 else "more than 99.9%"


def _map_of(evidence: "Evidence", argued: str):  # type: ignore[no-untyped-def]
    place = evidence.answer if argued == _ANSWER else evidence.class_names.index(argued)
    return evidence.heatmaps[place]


def show_curves(chosen: Settings) -> None:
    """Show the learning curves of all five on one height."""
    st.subheader("How they learned")
    records = {_title(name): shared.training_record(name) for name in NETWORKS}
    histories = {title: record.history for title, record in records.items()}
    show_chart(
        figures.side_by_side_curves(histories, chosen.figure, chosen.figure, chosen.smoothing),
        f"Curves of the {chosen.figure} of the five networks, training and validation",
        key="reuse curves",
    )
    ends = {
        title: (100 * record.history["accuracy"][-1], 100 * record.history["val_accuracy"][-1])
        for title, record in records.items()
    }
    first, second = list(ends.items())[:2]
    st.markdown(
        f"**What you see.** Points are epochs as measured, lines are smoothed. «{first[0]}» ends "
        f"with {first[1][0]:.1f} % on its training pictures and {first[1][1]:.1f} % on validation: "
        f"it learned them by heart. «{second[0]}» ends with {second[1][0]:.1f} and "
        f"{second[1][1]:.1f} %. With re-used features validation is high after the first epoch "
        "already.\n\n"
        "**Try this.** Look at the loss: where does validation begin to rise while training "
        "still falls? Set the smoothing to 0 to see how restless single epochs are."
    )


def show_drift(anatomies: "Sequence[Anatomy]") -> None:
    """Show how far fine-tuning moved each layer, once that is known."""
    if not anatomies:
        return
    st.subheader("How far fine-tuning moved the weights")
    drifts = next(each.drift for each in reversed(anatomies) if each.drift)
    show_chart(
        figures.drift_figure(drifts),
        "How far each layer's weights moved, a bar for each layer",
        key="reuse drift",
    )
    moved = [drift for drift in drifts if drift.has_moved]
    st.dataframe(
        [_drift_row(drift) for drift in moved],
        hide_index=True,
        alt="Table of the layers that moved",
    )
    _explain_drift(drifts, moved)


def _drift_row(drift: LayerDrift) -> dict[str, str]:
    return {
        "Layer": drift.name,
        "Weights": f"{drift.num_weights:,}",
        "Moved": f"{drift.relative_change:.2%}",
        "Cosine": f"{drift.cosine:.6f}",
        "Angle": f"{drift.angle_degrees:.2f}°",
    }


def _explain_drift(drifts: Sequence[LayerDrift], moved: Sequence[LayerDrift]) -> None:
    far = max(moved, key=lambda drift: drift.relative_change)
    facts = shared.training_record(NETWORKS[-1]).facts
    st.markdown(
        f"**What you see.** {len(drifts) - len(moved)} of {len(drifts)} layers with kernels did "
        f"not move at all: they were frozen. The others moved by at most "
        f"{100 * far.relative_change:.2g} % of their length, "
        f"`{far.name}` most:\n\n"
        "$$\\frac{\\lVert w - w_0 \\rVert}{\\lVert w_0 \\rVert} = "
        f"{far.relative_change:.4f}, \\qquad \\cos\\angle(w, w_0) = {far.cosine:.6f}$$\n\n"
        f"The learning rate was {facts['learning_rate']:g} on purpose: with a large one the first "
        "steps would destroy what the base knows. $w_0$ is EfficientNet-Lite0, and for the two "
        f"layers of the head «{_title(facts['starts_from'])}», with which fine-tuning began.\n\n"
        "**Try this.** Compare with the table on top: 600 thousand weights were free, and half a "
        "percent was all they used.\n\n"
        ":small[Weights are kept in half precision, which alone moves them by about 0.02 %.]"
    )
