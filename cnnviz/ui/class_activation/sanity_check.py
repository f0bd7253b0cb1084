"""Sanity checks: random weights, and the logit against the probability."""

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.attribution.targets import one_class, probability
from cnnviz.ui import shared
from cnnviz.ui.class_activation import cached, cached_evaluation, heat_map
from cnnviz.ui.class_activation.controls import EVALUATED_STYLE, AttributionRequest, ask
from cnnviz.ui.class_activation.heat_map import MAX_SIDE_PX
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    number,
    show_chart,
    show_map,
    show_painted,
)

_SANITY_PARTS = {"weights": "Weight randomization", "saturation": "Logit or probability"}


_RANDOMIZED = "randomized"


def show_sanity(model_name: str, picked: PickedImage) -> None:
    """Show whether the map depends on the weights, and what saturation does to it."""
    settings, results = frame.columns()
    with settings:
        predictions = shared.predictions(model_name, picked.image)
        request = ask(model_name, predictions)
        heat_map.show_predictions(model_name, predictions, request.target)
    with results:
        if not heat_map.fits(model_name, request):
            return
        if address.tabs(_SANITY_PARTS, key="sanity_part") == "weights":
            _show_weight_randomization(model_name, picked, request)
        else:
            _show_saturation(model_name, picked, request)


def _show_weight_randomization(
    model_name: str, picked: PickedImage, request: AttributionRequest
) -> None:
    levels = cached_evaluation.weight_randomization(
        model_name,
        picked.image,
        request.method.name,
        request.layer_name,
        request.target,
        request.settings,
    )
    if levels is None:
        return
    counts = [level.num_layers for level in levels]
    if st.session_state.get(_RANDOMIZED, counts[0]) not in counts:
        del st.session_state[_RANDOMIZED]
    num = st.select_slider(
        "Randomized layers, from the top",
        counts,
        counts[min(1, len(counts) - 1)],
        key=_RANDOMIZED,
        bind="query-params",
    )
    level = levels[counts.index(num)]
    image = shared.smaller(picked.image, MAX_SIDE_PX)
    for place, shown, said in zip(
        st.columns(2),
        (levels[0], level),
        ("Trained network", f"{num} of {counts[-1]} layers randomized"),
        strict=True,
    ):
        with place:
            over = heat_map.overlay_of(model_name, image, shown.heatmap, EVALUATED_STYLE)
            show_painted(
                over,
                heat_map.scale_of(shown.heatmap),
                f"{said}: probability {shown.probability:.1%}; own scale",
                said,
            )
    likeness = {
        "rank correlation (Spearman)": [level.spearman for level in levels],
        "structural similarity (SSIM)": [level.ssim for level in levels],
    }
    figure = figures.weight_randomization_figure(counts, likeness, num)
    show_chart(figure, "Similarity with the original map", key="randomization")
    lowest = f", down to `{level.lowest}`" if level.lowest else ""
    empty = ""
    if not level.heatmap.values.any():
        empty = " No position supports the class any more: the map is empty."
    st.markdown(f"Rank correlation with the original map: **{level.spearman:.2f}**.{empty}")
    frame.explain(
        f"**What you see.** In a copy of the network, {num} layers{lowest} are randomized from the "
        "top down. A map that depends on what was learned must change. "
        "A map that stays the same shows edges of "
        "the image, not reasons for the prediction.\n\n"
        "**Try this.** Compare Grad-CAM with guided backpropagation.\n\n"
        ":small[Adebayo et al., NeurIPS 2018, arXiv:1810.03292; here random weights keep the mean "
        "and standard deviation of the trained ones.]"
    )


def _show_saturation(model_name: str, picked: PickedImage, request: AttributionRequest) -> None:
    index = request.target.class_index
    targets = {"the logit": one_class(index), "the probability": probability(index)}
    asked_for = {
        name: cached.observation(model_name, picked.image, target, (request.layer_name,))
        for name, target in targets.items()
    }
    observations = {
        name: observation for name, observation in asked_for.items() if observation is not None
    }
    if len(observations) < len(targets):
        return
    norms = {}
    for place, (name, observation) in zip(st.columns(2), observations.items(), strict=True):
        heatmap = cached.heatmap(
            model_name, picked.image, "grad-cam", request.layer_name, observation.target
        )
        gradient = observation.gradients[request.layer_name].astype(np.float64)
        norms[name] = float(np.linalg.norm(gradient))
        if heatmap is None:
            continue
        with place:
            show_map(
                heatmap.values,
                heat_map.scale_of(heatmap),
                f"Grad-CAM of {name}, maximum {number(heatmap.maximum)}",
                f"Grad-CAM of {name}",
            )
    shares = shared.model(model_name).probabilities(observations["the logit"].logits)
    ratio = norms["the probability"] / max(norms["the logit"], 1e-30)
    st.markdown(
        f"Gradient norm of the logit {number(norms['the logit'])}, of the probability "
        f"{number(norms['the probability'])}: {number(ratio, 2)} times as large."
    )
    frame.explain(
        f"**What you see.** At p = {shares[index]:.2%} the derivative of softmax is p·(1 − p) = "
        f"{number(shares[index] * (1 - shares[index]), 2)}. It vanishes for confident predictions, "
        "so cnnviz explains logits.\n\n"
        "**Try this.** Choose a class near 100 %, then one near 50 %."
    )
