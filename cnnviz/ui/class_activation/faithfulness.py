"""The view of faithfulness: deletion and insertion, several images, ROAD, the pointing game."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.evaluation.several_images import METHOD
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import BASELINES
from cnnviz.images import ImageInput
from cnnviz.statistics import mean_interval
from cnnviz.ui import shared
from cnnviz.ui.class_activation import cached_evaluation, heat_map, words
from cnnviz.ui.class_activation.controls import (
    EVALUATED_STYLE,
    AttributionRequest,
    ask,
    target_label,
)
from cnnviz.ui.class_activation.heat_map import MAX_SIDE_PX
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    show_chart,
    show_image,
    show_painted,
)

if TYPE_CHECKING:
    from cnnviz.attribution.evaluation.faithfulness import PixelCurves

_PARTS = {
    "pixels": "Deletion and insertion",
    "mean": "Mean over several images",
    "road": "ROAD",
    "pointing": "Pointing game",
}
_OF_SEVERAL_IMAGES = ("mean", "pointing")
_FILLED = {
    "black": "are black",
    "mean": "have the mean color",
    "blurred": "are blurred",
    "noise": "are replaced by noise",
}


def show_faithfulness(model_name: str, picked: PickedImage) -> None:
    """Take away and bring back the pixels that a map marks."""
    settings, results = frame.columns()
    with settings:
        predictions = shared.predictions(model_name, picked.image)
        request = ask(model_name, predictions)
    with results:
        part = address.tabs(_PARTS, key="faithfulness_part")
    with settings:
        kind, share = _ask_removal(part)
    with results:
        if part in _OF_SEVERAL_IMAGES:
            if heat_map.fits(model_name, request):
                _say_what_counts(request, part)
                if part == "mean":
                    _show_mean(model_name, request, kind)
                else:
                    _show_mosaic(model_name, request)
            return
        heatmap = heat_map.heatmap_of(model_name, picked, request)
        if heatmap is None:
            return
        if part == "road":
            _show_road(model_name, picked, request, heatmap, share)
        else:
            _show_curves(model_name, picked, request, heatmap, kind, share)


def _ask_removal(part: str) -> tuple[str, float]:
    """Ask how and how many pixels are removed; a control without effect on the part is disabled."""
    kind = st.selectbox(
        "Replace removed pixels with",
        BASELINES,
        index=BASELINES.index("blurred"),
        key="gone",
        bind="query-params",
        disabled=part not in ("pixels", "mean"),
    )
    percent = st.slider(
        *("Removed pixels (%)", 0, 100, 20, 5),
        key="gone_share",
        bind="query-params",
        disabled=part not in ("pixels", "road"),
    )
    return kind, percent / 100


def _say_what_counts(request: AttributionRequest, part: str) -> None:
    """Say which choices the evaluation on several images does not take."""
    if request.fused_with:
        st.caption(f"Measured for `{request.layer_name}` alone, without fusion.")
    defaults = {setting.name: setting.default for setting in request.method.settings}
    if part == "pointing" and dict(request.settings) != defaults:
        st.caption("Measured with the default settings of the method.")


def _show_curves(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    kind: str,
    share: float,
) -> None:
    label = target_label(model_name, request.target)
    views = cached_evaluation.image_without(
        model_name, picked.image, heatmap, request.target, share, kind
    )
    if views is None:
        return
    without, only = views
    map_place, gone, back = st.columns(3)
    with map_place:
        image = shared.smaller(picked.image, MAX_SIDE_PX)
        over = heat_map.overlay_of(model_name, image, heatmap, EVALUATED_STYLE)
        large = ImageInput(over, image.digest)
        over = over[zoo.seen_part(shared.model(model_name).card, large)]
        show_painted(
            over, heat_map.scale_of(heatmap), f"Heat map for {label}", f"Heat map for {label}"
        )
    with gone:
        show_image(without, f"Without the top {share:.0%} of pixels", "Top pixels removed")
    with back:
        show_image(only, f"Only the top {share:.0%} of pixels", "Top pixels only")
    curves = cached_evaluation.pixel_curves(model_name, picked.image, heatmap, request.target, kind)
    if curves is None:
        return
    mine = curves[words.MAP]
    left, right = st.columns(2)
    for place, name, title in (
        (left, "deletion", "deletion: fraction of pixels removed"),
        (right, "insertion", "insertion: fraction of pixels inserted"),
    ):
        with place:
            lines = {order: getattr(measured, name) for order, measured in curves.items()}
            figure = figures.pixel_curves_figure(mine.shares, lines, share, title)
            show_chart(figure, f"{name.capitalize()} curves", key=name)
    drop = cached_evaluation.masked_drop(model_name, picked.image, heatmap, request.target)
    if drop is None:
        return
    st.markdown(
        f"{_table(curves)}\n\n"
        f"{words.faithfulness_verdict({order: c.score for order, c in curves.items()})} "
        f"{words.masked_change(drop.before, drop.after, label)}"
    )
    frame.explain(
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
    for name, measured in curves.items():
        lines.append(
            f"| {name} | {measured.deletion_area:.3f} | {measured.insertion_area:.3f} "
            f"| **{words.signed(measured.score)}** |"
        )
    return "\n".join(lines)


def _show_mean(model_name: str, request: AttributionRequest, kind: str) -> None:
    """Measure the method on several bundled images: one image can mislead."""
    images = shared.independent_images(model_name)
    scores = cached_evaluation.mean_scores(
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
    num_images = len(scores[METHOD])
    rows = "\n".join(
        f"| {request.method.title if name == METHOD else name} | "
        f"**{words.signed(mean)}** | ±{half_width:.3f} |"
        for name, (mean, half_width) in intervals.items()
    )
    st.markdown(
        f"| pixel order | mean of insertion − deletion | 95 % confidence interval |\n"
        f"|---|---|---|\n{rows}\n\n"
        f"{num_images} images, each for its predicted class; removed pixels {_FILLED[kind]}. "
        f"{words.mean_verdict(scores)}"
    )
    frame.explain(
        "**What you see.** Where objects lie in the center, a centered Gaussian does well without "
        "looking at the image.\n\n**Try this.** Compare *Grad-CAM* with *Gradient*.\n\n"
        f":small[Images from: {images.title}. Student's t interval over the images.]"
    )


def _show_road(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    share: float,
) -> None:
    curves = cached_evaluation.road_curves(model_name, picked.image, heatmap, request.target)
    if curves is None:
        return
    lines = {name: measured.deletion for name, measured in curves.items()}
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
    check = cached_evaluation.mosaic_check(
        model_name, request.method.name, request.layer_name, images
    )
    if check is None:
        return
    names = shared.model(model_name).class_names
    for place, heatmap, index, share in zip(
        st.columns(4), check.heatmaps, check.class_indices, check.shares, strict=True
    ):
        with place:
            over = heat_map.overlay_of(model_name, check.image, heatmap, EVALUATED_STYLE)
            caption = f"{names[index]}: **{share:.0%}** in its quadrant"
            show_painted(over, heat_map.scale_of(heatmap), caption, caption)
    frame.explain(
        f"**What you see.** A mosaic of four images, with one heat map for the class of each. On "
        f"average **{np.mean(check.shares):.0%}** of the positive attribution lies in the correct "
        "quadrant; random maps reach 25 %. Each image has half its usual side.\n\n"
        ":small[Böhle et al., CVPR 2021, arXiv:2104.00032.]"
    )
