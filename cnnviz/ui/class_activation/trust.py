"""Evaluating a map: faithfulness, weight randomization and robustness."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.evaluation.robustness import Stress, stressed
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import BASELINES
from cnnviz.attribution.targets import one_class, probability
from cnnviz.images import ImageInput
from cnnviz.statistics import mean_interval
from cnnviz.ui import shared
from cnnviz.ui.class_activation import cached, cached_trust, heat_map, words
from cnnviz.ui.class_activation.controls import AttributionRequest, OverlayStyle, ask, target_label
from cnnviz.ui.class_activation.heat_map import MAX_SIDE_PX
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    likelihood,
    number,
    show_bars,
    show_chart,
    show_image,
    show_map,
    show_painted,
)

if TYPE_CHECKING:
    from cnnviz.attribution.evaluation.faithfulness import PixelCurves

_FAITHFULNESS_PARTS = {
    "pixels": "Deletion and insertion",
    "mean": "Mean over several images",
    "road": "ROAD",
    "pointing": "Pointing game",
}
_SANITY_PARTS = {"weights": "Weight randomization", "saturation": "Logit or probability"}
_FILLED = {
    "black": "are black",
    "mean": "have the mean color",
    "blurred": "are blurred",
    "noise": "are replaced by noise",
}
_RANDOMIZED = "randomized"
_LOOK = OverlayStyle(0.5, "inferno", 0.0, False, True)


def show_faithfulness(model_name: str, picked: PickedImage) -> None:
    """Take away and bring back the pixels that a map marks."""
    settings, results = frame.columns()
    with settings:
        predictions = shared.predictions(model_name, picked.image)
        request = ask(model_name, predictions)
        kind = st.selectbox(
            "Replace removed pixels with", BASELINES, index=2, key="gone", bind="query-params"
        )
        share = (
            st.slider("Removed pixels (%)", 0, 100, 20, 5, key="gone_share", bind="query-params")
            / 100
        )
    with results:
        part = address.tabs(_FAITHFULNESS_PARTS, key="faithfulness_part")
        if part == "pointing":
            if heat_map.fits(model_name, request):
                _show_mosaic(model_name, request)
            return
        if part == "mean":
            if heat_map.fits(model_name, request):
                _show_mean(model_name, request, kind)
            return
        heatmap = heat_map.heatmap_of(model_name, picked, request)
        if heatmap is None:
            return
        if part == "road":
            _show_road(model_name, picked, request, heatmap, share)
        else:
            _show_curves(model_name, picked, request, heatmap, kind, share)


def _show_curves(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    kind: str,
    share: float,
) -> None:
    label = target_label(model_name, request.target)
    views = cached_trust.image_without(
        model_name, picked.image, heatmap, request.target, share, kind
    )
    if views is None:
        return
    without, only = views
    map_place, gone, back = st.columns(3)
    with map_place:
        image = shared.smaller(picked.image, MAX_SIDE_PX)
        over = heat_map.overlay_of(model_name, image, heatmap, _LOOK)
        large = ImageInput(over, image.digest)
        over = over[zoo.seen_part(shared.model(model_name).card, large)]
        show_painted(
            over, heat_map.scale_of(heatmap), f"Heat map for {label}", f"Heat map for {label}"
        )
    with gone:
        show_image(without, f"Without the top {share:.0%} of pixels", "Top pixels removed")
    with back:
        show_image(only, f"Only the top {share:.0%} of pixels", "Top pixels only")
    curves = cached_trust.pixel_curves(model_name, picked.image, heatmap, request.target, kind)
    if curves is None:
        return
    mine = curves[words.MAP]
    left, right = st.columns(2)
    for place, name, title in (
        (left, "deletion", "deletion: fraction of pixels removed"),
        (right, "insertion", "insertion: fraction of pixels inserted"),
    ):
        with place:
            lines = {one: getattr(found, name) for one, found in curves.items()}
            figure = figures.pixel_curves_figure(mine.shares, lines, share, title)
            show_chart(figure, f"{name.capitalize()} curves", key=name)
    drop = cached_trust.masked_drop(model_name, picked.image, heatmap, request.target)
    if drop is None:
        return
    st.markdown(
        f"{_table(curves)}\n\n"
        f"{words.faithfulness_verdict({name: one.score for name, one in curves.items()})} "
        f"{words.masked_change(drop.before, drop.after, label)}\n\n"
        "**What you see.** For a faithful map, the probability drops quickly when the top pixels "
        "are deleted and rises quickly when they are inserted. The vertical line is the fraction "
        "shown above.\n\n"
        "**Try this.** Move *Removed pixels*. Change the replacement: black pixels are themselves "
        "a visible edge. One image can mislead: open *Mean over several images*.\n\n"
        ":small[Petsiuk et al., BMVC 2018, arXiv:1806.07421; average drop: Chattopadhay et al., "
        "arXiv:1710.11063.]"
    )


def _table(curves: "dict[str, PixelCurves]") -> str:
    lines = [
        "| pixel order | deletion AUC (lower is better) | insertion AUC (higher is better) | "
        "difference |"
    ]
    lines.append("|---|---|---|---|")
    for name, found in curves.items():
        lines.append(
            f"| {name} | {found.deletion_area:.3f} | {found.insertion_area:.3f} "
            f"| **{words.signed(found.score)}** |"
        )
    return "\n".join(lines)


def _show_mean(model_name: str, request: AttributionRequest, kind: str) -> None:
    """Measure the method on several bundled images: one image can mislead."""
    images = shared.independent_images(model_name)
    scores = cached_trust.mean_scores(
        model_name,
        request.method.name,
        request.layer_name,
        request.settings,
        kind,
        images,
    )
    if scores is None:
        return
    intervals = {name: mean_interval(values) for name, values in scores.items()}
    num_images = len(scores[words.MAP])
    rows = "\n".join(
        f"| {'this method' if name == words.MAP else name} | "
        f"**{words.signed(mean)}** | ±{half_width:.3f} |"
        for name, (mean, half_width) in intervals.items()
    )
    st.markdown(
        f"| pixel order | mean of insertion − deletion | 95 % confidence interval |\n"
        f"|---|---|---|\n{rows}\n\n"
        f"**What you see.** {num_images} of {images.title}, each for its predicted class; removed "
        f"pixels {_FILLED[kind]}. {words.mean_verdict(scores)} Many photos show their object in "
        "the center, so a centered Gaussian does well without looking at the image.\n\n"
        "**Try this.** Compare *Grad-CAM* with *Gradient*.\n\n"
        ":small[Student's t interval over the images.]"
    )


def _show_road(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    share: float,
) -> None:
    curves = cached_trust.road_curves(model_name, picked.image, heatmap, request.target)
    if curves is None:
        return
    lines = {name: found.deletion for name, found in curves.items()}
    shares = curves[words.MAP].shares
    figure = figures.pixel_curves_figure(shares, lines, share, "fraction of pixels removed")
    show_chart(figure, "ROAD curves", key="road curves")
    frame.explain(
        "**What you see.** Removed pixels are replaced by weighted means of their neighbors, so "
        "the mask itself is invisible. The further the curve lies below random, the better.\n\n"
        ":small[Rong et al., ROAD, ICML 2022, arXiv:2202.00449.]"
    )


def _show_mosaic(model_name: str, request: AttributionRequest) -> None:
    images = shared.collection_for(model_name, full=False)
    check = cached_trust.mosaic_check(model_name, request.method.name, request.layer_name, images)
    if check is None:
        return
    names = shared.model(model_name).class_names
    for place, heatmap, index, share in zip(
        st.columns(4), check.heatmaps, check.class_indices, check.shares, strict=True
    ):
        with place:
            over = heat_map.overlay_of(model_name, check.image, heatmap, _LOOK)
            caption = f"{names[index]}: **{share:.0%}** in its quadrant"
            show_painted(over, heat_map.scale_of(heatmap), caption, caption)
    frame.explain(
        f"**What you see.** A mosaic of four images, with one heat map for the class of each. On "
        f"average **{np.mean(check.shares):.0%}** of the positive attribution lies in the correct "
        "quadrant; random maps reach 25 %. Each image has half its usual side.\n\n"
        ":small[Böhle et al., CVPR 2021, arXiv:2104.00032.]"
    )


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
    levels = cached_trust.weight_randomization(
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
            over = heat_map.overlay_of(model_name, image, shown.heatmap, _LOOK)
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
    empty = (
        " No position supports the class any more: the map is empty."
        if not level.heatmap.values.any()
        else ""
    )
    frame.explain(
        f"**What you see.** In a copy of the network, {num} layers{lowest} are randomized from the "
        "top down. A map that depends on what was learned must change. Rank correlation with the "
        f"original map: **{level.spearman:.2f}**.{empty} A map that stays the same shows edges of "
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
        slope = observation.gradients[request.layer_name].astype(np.float64)
        norms[name] = float(np.linalg.norm(slope))
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
    frame.explain(
        f"**What you see.** Gradient norm of the logit {number(norms['the logit'])}, of the "
        f"probability {number(norms['the probability'])}: {number(ratio, 2)} times as large. At "
        f"p = {shares[index]:.2%} the derivative of softmax is p·(1 − p) = "
        f"{number(shares[index] * (1 - shares[index]), 2)}. It vanishes for confident predictions, "
        "so cnnviz explains logits.\n\n"
        "**Try this.** Choose a class near 100 %, then one near 50 %."
    )


def show_stress(model_name: str, picked: PickedImage) -> None:
    """Change the image and see whether prediction and map follow."""
    settings, results = frame.columns()
    with settings:
        stress = _ask_stress()
        with st.expander("Method, layer and class"):
            request = ask(model_name, shared.predictions(model_name, picked.image))
    image = stressed(shared.smaller(picked.image, MAX_SIDE_PX), stress)
    before = shared.predictions(model_name, picked.image)
    predictions = shared.predictions(model_name, image)
    with results:
        changed = PickedImage(image, f"{picked.label}, transformed", picked.origin)
        label = target_label(model_name, request.target)
        pair = ((picked, "Original"), (changed, "Transformed"))
        heatmaps = [heat_map.heatmap_of(model_name, shown, request) for shown, _ in pair]
        scales = [heat_map.scale_of(heatmap) for heatmap in heatmaps if heatmap is not None]
        widest = max(scales, key=lambda scale: scale.high, default=None)
        for place, (version, said), heatmap in zip(st.columns(2), pair, heatmaps, strict=True):
            with place:
                shown = shared.smaller(version.image, MAX_SIDE_PX)
                if heatmap is None or widest is None:
                    show_image(shown.pixels, said, said)
                    continue
                over = heat_map.overlay_of(model_name, shown, heatmap, _LOOK, widest)
                show_painted(over, widest, f"{said}: heat map for {label}", said)
        now, then = st.columns([1, 1])
        with now:
            st.markdown("**Original**")
            show_bars(before)
        with then:
            st.markdown("**Transformed**")
            show_bars(predictions)
        stays = "stays" if predictions[0].class_index == before[0].class_index else "changes"
        frame.explain(
            f"**What you see.** The predicted class **{stays}**: *{before[0].label}* "
            f"({likelihood(before[0])}) before, *{predictions[0].label}* "
            f"({likelihood(predictions[0])}) now. Both maps have the target {label} and "
            "one color scale.\n\n"
            "**Try this.** Cover the brightest region with the square. Rotate the image by 90°. "
            "How "
            "much noise does the prediction tolerate?"
        )


def _ask_stress() -> Stress:
    def slider(
        title: str, low: float, high: float, default: float, step: float, key: str, form: str
    ) -> float:
        where: dict[str, Any] = {"key": key, "bind": "query-params", "format": form}
        return st.slider(title, low, high, default, step, **where)

    rotation = slider("Rotation", -180.0, 180.0, 0.0, 5.0, "stress_turn", "%.0f°")
    scale = slider("Scale", 0.25, 4.0, 1.0, 0.05, "stress_scale", "× %.2f")
    noise = slider("Noise", 0.0, 0.6, 0.0, 0.02, "stress_noise", "±%.2f")
    square = slider(
        "Gray square (fraction of the side)", 0.0, 0.9, 0.3, 0.05, "stress_square", "%.2f"
    )
    square_x = slider(
        "Horizontal position of the square", 0.0, 1.0, 0.5, 0.05, "stress_square_x", "%.2f"
    )
    square_y = slider(
        "Vertical position of the square", 0.0, 1.0, 0.5, 0.05, "stress_square_y", "%.2f"
    )
    with st.expander("Shift and contrast"):
        shift_x = slider("Horizontal shift", -0.5, 0.5, 0.0, 0.05, "stress_x", "%.2f")
        shift_y = slider("Vertical shift", -0.5, 0.5, 0.0, 0.05, "stress_y", "%.2f")
        contrast = slider("Contrast", 0.0, 3.0, 1.0, 0.1, "stress_contrast", "× %.1f")
    return Stress(
        shift_x=shift_x,
        shift_y=shift_y,
        rotation_degrees=rotation,
        scale=scale,
        contrast=contrast,
        noise=noise,
        square=square,
        square_x=square_x,
        square_y=square_y,
    )
