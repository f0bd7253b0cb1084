"""The class activation map as a sum: feature maps, their weights, and the running total."""

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.attribution import cam
from cnnviz.figures import Scale
from cnnviz.ui import shared
from cnnviz.ui.class_activation import cached, heat_map
from cnnviz.ui.class_activation.controls import AttributionRequest, ask, target_label
from cnnviz.ui.controls import PickedImage, keep_within
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import number, show_chart, show_map, show_scale

_NUM_SHOWN = 6  # maps shown one by one
_ADDED = "maps_added"


def show(model_name: str, picked: PickedImage) -> None:
    """Take a map apart into weighted feature maps and put it together again."""
    settings, stage = frame.columns()
    with settings:
        predictions = shared.predictions(model_name, picked.image)
        request = ask(model_name, predictions, fits_only="cam")
        heat_map.show_predictions(model_name, predictions, request.target)
    with stage:
        if not heat_map.fits(model_name, request):
            return
        results.note_code(heat_map.python_for(model_name, picked, request))
        weights = cached.channel_weights(
            model_name,
            picked.image,
            request.method.name,
            request.layer_name,
            request.target,
            request.settings,
        )
        if weights is None:
            return
        observation = cached.observation(
            model_name, picked.image, request.target, (request.layer_name,)
        )
        if observation is None:
            return
        maps = observation.activations[request.layer_name]
        titles = {"contributions": "Contributions", "partial-sum": "Partial sum"}
        if _has_logit_identity(model_name, request):
            titles["logit"] = "Map and logit"
        part = address.tabs(titles, key="decomposition_part")
        if part == "contributions":
            _show_contributions(model_name, request, maps, maps * weights)
        elif part == "partial-sum":
            label = target_label(model_name, request.target)
            _show_total(request, maps * weights, label)
        else:
            _show_logit(model_name, picked, request)


def _show_contributions(
    model_name: str, request: AttributionRequest, maps: np.ndarray, parts: np.ndarray
) -> None:
    totals = parts.sum(axis=(0, 1), dtype=np.float64)
    order = _by_contribution(parts)
    shown = order[:_NUM_SHOWN]
    label = target_label(model_name, request.target)
    show_chart(
        figures.bars_figure(
            [str(channel) for channel in order[:24]], totals[order[:24]], "sum over positions"
        ),
        "Contribution of each feature map",
        key="parts",
    )
    st.markdown(
        f":small[Contribution of each feature map of `{request.layer_name}` to the map of {label}: "
        f"weight times map, summed over positions. The 24 largest of {len(totals)}.]"
    )
    part_scale = figures.signed_scale(parts[..., shown])
    sheet = figures.labeled_grid(
        [
            [figures.colorize(maps[..., k], _own_scale(maps[..., k])) for k in shown],
            [figures.colorize(parts[..., k], part_scale) for k in shown],
        ],
        ["feature map, own scale", "times its weight, common scale"],
        [f"filter {k}" for k in shown],
        [[f"to {number(float(maps[..., k].max()))}" for k in shown], _sums(totals[shown])],
        tile_px=120,
    )
    results.note_image("Feature maps with the largest contributions", sheet)
    st.image(
        figures.encode_png(sheet),
        width="stretch",
        alt="The feature maps with the largest contributions",
    )
    show_scale(part_scale)
    frame.explain(
        "**What you see.** The heat map is a weighted sum of feature maps. Lower row: red supports "
        "the class, blue opposes it.\n\n"
        "**Try this.** Open *Partial sum* and add the maps one by one."
    )


def _by_contribution(parts: np.ndarray) -> np.ndarray:
    """Order the channels by what each adds to the map, the largest magnitude first."""
    return np.argsort(-np.abs(parts.sum(axis=(0, 1), dtype=np.float64)), kind="stable")


def _own_scale(values: np.ndarray) -> Scale:
    return figures.heatmap_scale(values, "viridis")


def _sums(totals: np.ndarray) -> list[str]:
    return [f"sum {number(float(total))}" for total in totals]


def _show_total(request: AttributionRequest, parts: np.ndarray, label: str) -> None:
    """Add up the contributions from the largest on, as many as wanted."""
    order = _by_contribution(parts)
    depth = len(order)
    keep_within(_ADDED, depth + 1)
    added = int(
        st.slider(
            "Number of feature maps", 1, depth, min(8, depth), key=_ADDED, bind="query-params"
        )
    )
    final = parts.sum(axis=-1)
    so_far = parts[..., order[:added]].sum(axis=-1)
    scale = figures.signed_scale(final)
    left, right = st.columns(2)
    with left:
        show_map(so_far, scale, f"Sum of the {added} largest contributions", "Partial sum")
    with right:
        show_map(final, scale, f"Sum of all {depth}", "The complete sum")
    likeness = _likeness(so_far, final)
    rectified = request.method.name != "cam" and not dict(request.settings).get("signed")
    end = " A ReLU then sets negative values to zero." if rectified else ""
    frame.explain(
        "**What you see.** A class activation map is a weighted sum of feature maps. With "
        f"**{added}** of {depth} maps, the partial sum correlates with the complete sum by "
        f"**{likeness:.0%}**.{end}\n\n"
        f"**Try this.** Move the slider from 1 to {depth}: how many filters does the map of "
        f"{label} "
        "need? Open the largest one on the *Feature maps* page."
    )


def _likeness(first: np.ndarray, second: np.ndarray) -> float:
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float(np.array_equal(first, second))
    return max(0.0, float(np.corrcoef(first.ravel(), second.ravel())[0, 1]))


def _has_logit_identity(model_name: str, request: AttributionRequest) -> bool:
    """Tell whether the mean of CAM plus the bias is the logit that was asked for."""
    target = request.target
    has_head = cam.gap_head(shared.model(model_name)) is not None
    return has_head and not target.is_probability and len(target.weights) == 1


def _show_logit(model_name: str, picked: PickedImage, request: AttributionRequest) -> None:
    """Show that the mean of CAM and the bias are the logit."""
    model = shared.model(model_name)
    head = cam.gap_head(model)
    assert head is not None
    _, _, bias = head
    class_index = request.target.class_index
    heatmap = cached.heatmap(model_name, picked.image, "cam", head[0][0], request.target)
    if heatmap is None:
        return
    mean, offset = float(heatmap.values.mean(dtype=np.float64)), float(bias[class_index])
    st.subheader("Mean of the map + bias = logit")
    st.markdown(
        f"This network averages `{head[0][0]}` and applies one dense layer. So the mean of CAM "
        "plus "
        f"the bias is the logit of *{model.class_names[class_index]}*:"
        f"\n\n$$\\overline{{M_c}} + b_c = {mean:.4f} + ({offset:.4f}) = "
        f"{mean + offset:.4f} \\qquad \\text{{logit of the network: }} {heatmap.logit:.4f}$$\n\n"
        ":small[Zhou et al., CVPR 2016, arXiv:1512.04150.]"
    )
