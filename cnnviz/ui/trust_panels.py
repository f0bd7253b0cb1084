"""Holding a map to account: pixels taken away, networks that forget, pictures under stress."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.evaluation.robustness import Stress, stressed
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import BASELINES
from cnnviz.attribution.targets import one_class, probability
from cnnviz.images import ImageInput
from cnnviz.ui import cached, class_panels
from cnnviz.ui.class_panels import MAX_SIDE_PX, Asked, Look
from cnnviz.ui.controls import Picked
from cnnviz.ui.pictures import (
    likelihood,
    number,
    show_bars,
    show_chart,
    show_map,
    show_painted,
    show_picture,
)

if TYPE_CHECKING:
    from cnnviz.attribution.evaluation.faithfulness import PixelCurves

_LOOK = Look(0.5, "inferno", 0.0, False, True)


def show_test(model_name: str, picked: Picked) -> None:
    """Take away and bring back the pixels that a map marks."""
    settings, results = st.columns([1.3, 3], gap="medium")
    with settings:
        predictions = cached.predictions(model_name, picked.image)
        asked = class_panels.ask(model_name, predictions)
        kind = st.selectbox(
            "In place of what is gone", BASELINES, index=2, key="gone", bind="query-params"
        )
        share = st.slider("Pixels (%)", 0, 100, 20, 5, key="gone_share", bind="query-params") / 100
        with_road = st.toggle("Fill the holes (ROAD)", key="road", bind="query-params")
        with_mosaic = st.toggle("Find the right quarter", key="mosaic", bind="query-params")
    with results:
        heatmap = class_panels.heatmap_of(model_name, picked, asked)
        if heatmap is None:
            return
        _show_curves(model_name, picked, asked, heatmap, kind, share)
        if with_road:
            _show_road(model_name, picked, asked, heatmap, share)
        if with_mosaic:
            _show_mosaic(model_name, asked)


def _show_curves(
    model_name: str, picked: Picked, asked: Asked, heatmap: ClassHeatmap, kind: str, share: float
) -> None:
    label = class_panels.target_label(model_name, asked.target)
    views = cached.image_without(model_name, picked.image, heatmap, asked.target, share, kind)
    if views is None:
        return
    without, only = views
    map_place, gone, back = st.columns(3)
    with map_place:
        image = cached.smaller(picked.image, MAX_SIDE_PX)
        over = class_panels.overlay_of(model_name, image, heatmap, _LOOK)
        large = ImageInput(over, image.digest)
        over = over[zoo.seen_part(cached.model(model_name).card, large)]
        show_painted(
            over, class_panels.scale_of(heatmap), f"The map for {label}", f"The map for {label}"
        )
    with gone:
        show_picture(without, f"Without the {share:.0%} it marks most", "Marked pixels gone")
    with back:
        show_picture(only, f"Only the {share:.0%} it marks most", "Marked pixels only")
    curves = cached.pixel_curves(model_name, picked.image, heatmap, asked.target, kind)
    if curves is None:
        return
    mine = curves["this map"]
    left, right = st.columns(2)
    for place, name, title in (
        (left, "deletion", "share of pixels gone"),
        (right, "insertion", "share of pixels back"),
    ):
        with place:
            st.markdown(f"**{name.capitalize()}**")
            lines = {one: getattr(found, name) for one, found in curves.items()}
            figure = figures.pixel_curves_figure(mine.shares, lines, share, title)
            show_chart(figure, f"{name.capitalize()} curves", key=name)
    drop = cached.masked_drop(model_name, picked.image, heatmap, asked.target)
    if drop is None:
        return
    st.markdown(
        _table(curves)
        + f"\n\nSeen through the map as a mask, {label} goes from {drop.before:.1%} to "
        f"{drop.after:.1%}: a drop of {drop.drop:.0%}"
        f"{' (it increased)' if drop.has_increased else ''}.\n\n"
        "**What you see.** If the map is right, the probability falls fast when the marked pixels "
        "go, and rises fast when they come back. Chance and a bump in the middle know nothing of "
        "the picture: a map that is no better than they are says little. The upright line is the "
        "share shown above.\n\n"
        "**Try this.** Move «Pixels»; change what stands in place of what is gone: black holes "
        "are something to see, too. Compare with the method «Gradient».\n\n"
        ":small[Petsiuk et al., BMVC 2018, arXiv:1806.07421; average drop: Chattopadhay et al., "
        "arXiv:1710.11063.]"
    )


def _table(curves: "dict[str, PixelCurves]") -> str:
    lines = ["| order of the pixels | deletion (small is good) | insertion | difference |"]
    lines.append("|---|---|---|---|")
    for name, found in curves.items():
        lines.append(
            f"| {name} | {found.deletion_area:.3f} | {found.insertion_area:.3f} "
            f"| **{found.score:+.3f}** |"
        )
    return "\n".join(lines)


def _show_road(
    model_name: str, picked: Picked, asked: Asked, heatmap: ClassHeatmap, share: float
) -> None:
    st.subheader("The same with filled holes")
    curves = cached.road_curves(model_name, picked.image, heatmap, asked.target)
    if curves is None:
        return
    lines = {name: found.deletion for name, found in curves.items()}
    shares = curves["this map"].shares
    figure = figures.pixel_curves_figure(shares, lines, share, "share of pixels gone")
    show_chart(figure, "ROAD curves", key="road curves")
    st.markdown(
        "**What you see.** Pixels that go are replaced by weighted means of their neighbours, so "
        "that there is no hole to be seen. The lower the curve stays below chance, the better.\n\n"
        ":small[Rong et al., ROAD, ICML 2022, arXiv:2202.00449.]"
    )


def _show_mosaic(model_name: str, asked: Asked) -> None:
    st.subheader("Is the right quarter marked?")
    found = cached.mosaic_check(model_name, asked.method.name, asked.layer_name)
    if found is None:
        return
    names = cached.model(model_name).class_names
    for place, heatmap, index, share in zip(
        st.columns(4), found.heatmaps, found.class_indices, found.shares, strict=True
    ):
        with place:
            over = class_panels.overlay_of(model_name, found.image, heatmap, _LOOK)
            caption = f"{names[index]}: **{share:.0%}** in its quarter"
            show_painted(over, class_panels.scale_of(heatmap), caption, caption)
    st.markdown(
        f"**What you see.** Four bundled pictures in one, top left, top right, bottom left, bottom "
        f"right. Each map argues for the class of one of them: on average "
        f"**{np.mean(found.shares):.0%}** of what it marks lies in the right quarter; chance gets "
        "25 %. Each picture is half as large here as the network is used to.\n\n"
        ":small[Böhle et al., CVPR 2021, arXiv:2104.00032.]"
    )


def show_sanity(model_name: str, picked: Picked) -> None:
    """Show what saturation does, and whether the map depends on the weights at all."""
    settings, results = st.columns([1.3, 3], gap="medium")
    with settings:
        predictions = cached.predictions(model_name, picked.image)
        asked = class_panels.ask(model_name, predictions)
        class_panels.show_predictions(model_name, predictions, asked.target)
    with results:
        if not class_panels.fits(model_name, asked):
            return
        _show_forgetting(model_name, picked, asked)
        _show_saturation(model_name, picked, asked)


def _show_forgetting(model_name: str, picked: Picked, asked: Asked) -> None:
    st.subheader("A network that forgets")
    levels = cached.forgetting(
        model_name,
        picked.image,
        asked.method.name,
        asked.layer_name,
        asked.target,
        asked.settings,
    )
    if levels is None:
        return
    counts = [level.num_layers for level in levels]
    if st.session_state.get("forgotten") not in counts:
        st.session_state["forgotten"] = counts[min(1, len(counts) - 1)]
    num = st.select_slider("Layers that forgot, from the top", counts, key="forgotten")
    level = levels[counts.index(num)]
    image = cached.smaller(picked.image, MAX_SIDE_PX)
    for place, one, said in zip(
        st.columns(2),
        (levels[0], level),
        ("The network as it is", f"{num} of {counts[-1]} layers drawn anew"),
        strict=True,
    ):
        with place:
            over = class_panels.overlay_of(model_name, image, one.heatmap, _LOOK)
            show_painted(
                over,
                class_panels.scale_of(one.heatmap),
                f"{said}: probability {one.probability:.1%}; own scale",
                said,
            )
    likeness = {
        "order of the cells (Spearman)": [one.spearman for one in levels],
        "as pictures (SSIM)": [one.ssim for one in levels],
    }
    figure = figures.forgetting_figure(counts, likeness, num)
    show_chart(figure, "How alike the map stays", key="forgetting")
    lowest = f", down to `{level.lowest}`" if level.lowest else ""
    empty = (
        " Nothing argues for it any more: the map is empty."
        if not level.heatmap.values.any()
        else ""
    )
    st.markdown(
        f"**What you see.** On a copy of the network the weights of {num} layers{lowest} are drawn "
        "anew by chance, from the top down. A map that shows what the network has learned must "
        f"change: here its cells still go along to **{level.spearman:.2f}** (1: the same order, 0: "
        f"none).{empty} A map that stays as it is shows edges of the picture, not reasons of the "
        "network.\n\n"
        "**Try this.** Compare Grad-CAM with guided backpropagation.\n\n"
        ":small[Adebayo et al., NeurIPS 2018, arXiv:1810.03292; here the new weights have the mean "
        "and spread of the old ones.]"
    )


def _show_saturation(model_name: str, picked: Picked, asked: Asked) -> None:
    st.subheader("Logit or probability?")
    index = asked.target.class_index
    targets = {"the logit": one_class(index), "the probability": probability(index)}
    asked_for = {
        name: cached.case(model_name, picked.image, target, (asked.layer_name,))
        for name, target in targets.items()
    }
    cases = {name: case for name, case in asked_for.items() if case is not None}
    if len(cases) < len(targets):
        return
    norms = {}
    for place, (name, case) in zip(st.columns(2), cases.items(), strict=True):
        heatmap = cached.evidence(
            model_name, picked.image, "grad-cam", asked.layer_name, case.target
        )
        slope = case.gradients[asked.layer_name].astype(np.float64)
        norms[name] = float(np.linalg.norm(slope))
        if heatmap is None:
            continue
        with place:
            show_map(
                heatmap.values,
                class_panels.scale_of(heatmap),
                f"Grad-CAM of {name}, maximum {number(heatmap.maximum)}",
                f"Grad-CAM of {name}",
            )
    shares = cached.model(model_name).probabilities(cases["the logit"].logits)
    ratio = norms["the probability"] / max(norms["the logit"], 1e-30)
    st.markdown(
        f"**What you see.** The slope of the logit is {number(norms['the logit'])} long, that of "
        f"the probability {number(norms['the probability'])}: {number(ratio, 2)} times as long. At "
        f"a probability of p = {shares[index]:.2%} softmax and sigmoid rise by p·(1 − p) = "
        f"{number(shares[index] * (1 - shares[index]), 2)} per logit: the surer the network, the "
        "less is left of the slope, and in the end the map of the probability is made of rounding "
        "errors. That is why cnnviz explains logits.\n\n"
        "**Try this.** Ask for a class that is nearly certain, then for one about 50 %."
    )


def show_stress(model_name: str, picked: Picked) -> None:
    """Change the picture and see whether prediction and map follow."""
    settings, results = st.columns([1.3, 3], gap="medium")
    with settings:
        stress = _ask_stress()
        with st.expander("Method, layer and class"):
            asked = class_panels.ask(model_name, cached.predictions(model_name, picked.image))
    image = stressed(cached.smaller(picked.image, MAX_SIDE_PX), stress)
    before = cached.predictions(model_name, picked.image)
    predictions = cached.predictions(model_name, image)
    with results:
        changed = Picked(image, f"{picked.label}, changed", picked.origin)
        label = class_panels.target_label(model_name, asked.target)
        pair = ((picked, "As it was"), (changed, "Changed"))
        heatmaps = [class_panels.heatmap_of(model_name, one, asked) for one, _ in pair]
        scales = [class_panels.scale_of(one) for one in heatmaps if one is not None]
        widest = max(scales, key=lambda scale: scale.high, default=None)
        for place, (one, said), heatmap in zip(st.columns(2), pair, heatmaps, strict=True):
            with place:
                shown = cached.smaller(one.image, MAX_SIDE_PX)
                if heatmap is None or widest is None:
                    show_picture(shown.pixels, said, said)
                    continue
                over = class_panels.overlay_of(model_name, shown, heatmap, _LOOK, widest)
                show_painted(over, widest, f"{said}: evidence for {label}", said)
        now, then = st.columns([1, 1])
        with now:
            st.markdown("**As it was**")
            show_bars(before)
        with then:
            st.markdown("**Changed**")
            show_bars(predictions)
        stays = "stays" if predictions[0].class_index == before[0].class_index else "changes"
        st.markdown(
            f"**What you see.** The answer **{stays}**: «{before[0].label}» "
            f"({likelihood(before[0])}) before, «{predictions[0].label}» "
            f"({likelihood(predictions[0])}) now. The map argues for {label} in both, on "
            "one scale.\n\n"
            "**Try this.** Lay the square over the brightest part of the map. Turn the picture by "
            "90°. How much noise does it take?"
        )


def _ask_stress() -> Stress:
    def slider(
        title: str, low: float, high: float, default: float, step: float, key: str, form: str
    ) -> float:
        where: dict[str, Any] = {"key": key, "bind": "query-params", "format": form}
        return st.slider(title, low, high, default, step, **where)

    rotation = slider("Turn", -180.0, 180.0, 0.0, 5.0, "stress_turn", "%.0f°")
    scale = slider("Scale", 0.25, 4.0, 1.0, 0.05, "stress_scale", "× %.2f")
    noise = slider("Noise", 0.0, 0.6, 0.0, 0.02, "stress_noise", "±%.2f")
    square = slider("Grey square (share of the side)", 0.0, 0.9, 0.3, 0.05, "stress_square", "%.2f")
    square_x = slider("Square to the right", 0.0, 1.0, 0.5, 0.05, "stress_square_x", "%.2f")
    square_y = slider("Square down", 0.0, 1.0, 0.5, 0.05, "stress_square_y", "%.2f")
    with st.expander("More: shift and contrast"):
        shift_x = slider("Shift to the right", -0.5, 0.5, 0.0, 0.05, "stress_x", "%.2f")
        shift_y = slider("Shift down", -0.5, 0.5, 0.0, 0.05, "stress_y", "%.2f")
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
