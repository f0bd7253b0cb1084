"""An image that maximizes one filter, unit or class."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import figures
from cnnviz.feature_visualization.filter_image import FilterImage
from cnnviz.feature_visualization.objectives import TARGETS, Target
from cnnviz.feature_visualization.recipe import LECTURE, Recipe, size_text, suggested_recipe
from cnnviz.images import image_from_pixels
from cnnviz.ui import controls, shared
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.controls.layer_strip import CHANNEL
from cnnviz.ui.feature_visualization import cached
from cnnviz.ui.shell.display import download, number, show_chart, show_image

if TYPE_CHECKING:
    from cnnviz.feature_visualization import Progress
from cnnviz.ui.feature_visualization.tiles import layer_atlas
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results

_OBJECTIVES = {
    "filter": "channel mean",
    "cell": "center unit of a channel",
    "class": "class logit",
    "class against the others": "class logit versus the others",
    "whole layer": "whole layer (DeepDream)",
}
_PRESETS = {"good": "with regularizers", "lecture": "plain gradient ascent"}
_NUM_SHOWN = 8  # frames of the optimization
_SIZES = (28, 32, 64, 96, 128, 160, 224)  # sides of images in pixels


def show_one(model_name: str, picked: PickedImage) -> None:
    """Run gradient ascent for one objective; show its progress and its result."""
    layer_name, column, stage = layer_strip.columns(model_name, picked, at_share=0.5)
    with stage:
        _draw_tile(model_name, picked, layer_name, column)


def _draw_tile(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    with column:
        target = _choose_target(model_name, picked, layer_name)
        recipe, seed = _choose_recipe(model_name, target)
        from_photograph = st.toggle(
            "Start from the image",
            key="from_photograph",
            bind="query-params",
            help="Gradient ascent starts from your image if on, from noise if off.",
        )
    begin_with = picked.image if from_photograph else None
    if target.kind == "filter" and not from_photograph:
        results.note_code(_python_for(model_name, target, recipe, seed))
    images = cached.filter_images(model_name, [target], recipe, seed, begin_with, _show_progress)
    if images is None:
        _show_from_atlas(model_name, target)
    else:
        _show_result(model_name, target, images[0])
    _explain(recipe, target)


def _python_for(model_name: str, target: Target, recipe: Recipe, seed: int) -> str:
    return code.program(
        f"recipe = Recipe({code.arguments(recipe)})\n"
        f"result = cnnviz.visualize_filter(\n    model, {target.layer_name!r}, {target.index}, "
        f"seed={seed}, recipe=recipe\n)\n"
        "print(result.pixels.shape, result.reached)",
        model_name=model_name,
        imports="from cnnviz.feature_visualization import Recipe",
    )


def _choose_target(model_name: str, picked: PickedImage, layer_name: str) -> Target:
    kinds = {address.slug(kind): kind for kind in TARGETS}
    titles = {name: _OBJECTIVES[kind] for name, kind in kinds.items()}
    kind = kinds[address.selectbox("Objective", titles, key="target")]
    if kind.startswith("class"):
        best = shared.predictions(model_name, picked.image)[0]
        return Target(kind, "", controls.class_picker(model_name, best))
    if kind == "whole layer":
        return Target(kind, layer_name, 0)
    depth = shared.model(model_name).layer_shapes[layer_name][-1]
    channel = layer_strip.choose_channel(depth)

    def take_strongest() -> None:
        maps = shared.layer_maps(model_name, picked.image, layer_name)
        st.session_state[CHANNEL] = int(maps.mean(axis=(0, 1)).argmax())

    st.button("Select the most active channel", on_click=take_strongest, width="stretch")
    return Target(kind, layer_name, channel)


def _choose_recipe(model_name: str, target: Target) -> tuple[Recipe, int]:
    model = shared.model(model_name)
    suggested = suggested_recipe(model, target.objective(model))
    preset = address.selectbox("Preset", _PRESETS, key="preset")
    seed = int(st.number_input("Seed", 0, 9999, key="seed", bind="query-params"))
    sizes = _sizes_that_work(model_name, target, suggested)
    if len(sizes) == 1:
        st.caption(
            f"Size: {size_text(*sizes[0])} pixels. No other size offered here works for "
            f"{_subject(target)} of this network."
        )
    with st.expander("Size, steps and regularizers"):
        height, width = _choose_size(sizes, target, suggested)
        steps = st.select_slider(
            "Steps", [40, 64, 128, 256, 512], 128, key="steps", bind="query-params"
        )
        fourier = st.toggle("Fourier basis", True, key="fourier", bind="query-params")
        colors = st.toggle("Decorrelated color", True, key="uncorrelated", bind="query-params")
        moves = st.toggle("Jitter, scaling and rotation", True, key="moves", bind="query-params")
        variation = st.slider(
            "Total variation penalty", 0.0, 100.0, 0.0, 5.0, key="roughness", bind="query-params"
        )
        l2 = st.slider("L2 penalty", 0.0, 100.0, 0.0, 5.0, key="contrast", bind="query-params")
        blur = st.slider(
            "Blur interval (steps)",
            0,
            16,
            key="blur",
            bind="query-params",
            disabled=fourier,
            help="Applies without the Fourier basis only; 0 turns blurring off.",
        )
    if preset == "lecture":
        return replace(LECTURE, size_px=height, width_px=width), seed
    recipe = replace(
        suggested,
        size_px=height,
        width_px=width,
        steps=steps,
        basis="fourier" if fourier else "pixels",
        colors=suggested.colors if colors else "none",
        total_variation=variation,
        l2=l2,
        blur_every=0 if fourier else blur,
    )
    if not moves:
        recipe = replace(recipe, jitter_px=0, scale=0, rotation_degrees=0)
    return recipe, seed


def _sizes_that_work(
    model_name: str, target: Target, suggested: Recipe
) -> tuple[tuple[int, int], ...]:
    """Return the sizes to offer, at least one.

    Raises
    ------
    CnnvizError
        If the objective cannot be computed at any size.
    """
    from cnnviz.feature_visualization.sizes import check_size, working_sizes

    model = shared.model(model_name)
    sizes = working_sizes(model, target.objective(model), _SIZES)
    if sizes:
        return sizes
    check_size(model, target.objective(model), suggested)
    return (suggested.shape,)


def _choose_size(
    sizes: Sequence[tuple[int, int]], target: Target, suggested: Recipe
) -> tuple[int, int]:
    """Let the user choose one of several (height, width) pairs; return it."""
    if len(sizes) == 1:
        return sizes[0]
    usual = 64 if suggested.size_px < 64 else 128
    options = {
        f"{height}" if height == width else f"{height} × {width}": (height, width)
        for height, width in sizes
    }
    default = min(options, key=lambda option: abs(options[option][0] - usual))
    is_whole = set(_SIZES) <= {height for height, _ in sizes}
    return options[
        st.select_slider(
            "Size (pixels)",
            [*options],
            default,
            key="size",
            bind="query-params",
            help=None if is_whole else f"Only sizes that work for {_subject(target)}.",
        )
    ]


def _subject(target: Target) -> str:
    """Return the name of what is computed, such as ``layer conv1``."""
    return "the class scores" if target.kind.startswith("class") else f"layer {target.layer_name}"


def _show_from_atlas(model_name: str, target: Target) -> None:
    """Show the atlas image of the channel while the optimization runs."""
    layer = layer_atlas(model_name, target.layer_name)
    if target.kind == "filter" and layer is not None and target.index < layer.count:
        (image,) = layer.images(target.index, 1)
        left, _ = st.columns(2)
        with left:
            show_image(
                image,
                f"Visualization of this filter from the atlas, seed {layer.seed + target.index}",
                f"Filter {target.index} of {target.layer_name} in the atlas",
            )


def _show_progress(progress: "Progress") -> None:
    left, right = st.columns(2)
    with left:
        show_image(
            progress.pixels[0],
            f"After step {progress.step} of {progress.steps}",
            "The image during optimization",
        )
    with right:  # a number: redrawing a chart twice a second for every visitor is too expensive
        first, latest = progress.history[[0, -1], 0]
        st.markdown(f"The objective so far: {number(first)} → **{number(latest)}**")


def _show_result(model_name: str, target: Target, found: FilterImage) -> None:
    left, right = st.columns(2)
    shape = found.pixels.shape[:2]
    with left:
        show_image(
            found.pixels,
            f"Maximizes **{found.name}**, {size_text(*shape)}, seed {found.seed}",
            found.name,
        )
    with right:
        show_chart(
            figures.objective_figure(found.objective_history, len(found.objective_history)),
            "The objective at every step",
            key="history",
        )
        _show_comparison(model_name, target, found)
    steps = [step for step, _ in found.frames]
    wanted = [0, *np.geomspace(1, steps[-1], _NUM_SHOWN - 1)]  # early steps change the image most
    chosen = sorted({int(np.abs(np.array(steps) - step).argmin()) for step in wanted})
    sheet = figures.mosaic(
        [found.frames[i][1] for i in chosen],
        [None] * len(chosen),
        columns=len(chosen),
        tile_px=112,
        numbers=[steps[i] for i in chosen],
        strip_px=20,
    )
    show_image(sheet, "The image during optimization; numbers are steps.", "Optimization frames")
    name = found.name.replace("/", "-").replace(", ", "-").replace(" ", "-")
    download(
        f"Image (PNG, {size_text(*shape)})",
        f"{name}.png",
        lambda: figures.encode_png(found.pixels),
    )
    frames = tuple(pixels.tobytes() for _, pixels in found.frames)
    download(
        f"Animation (GIF, {len(frames)} frames)",
        f"{name}.gif",
        lambda: cached.animation(frames, shape),
    )


def _show_comparison(model_name: str, target: Target, found: FilterImage) -> None:
    """Compare the result with the initial image and with real images."""
    if found.is_dead:
        st.warning(
            "This filter is dead: the optimization did not change its activation. Its weights are "
            "zero, or the ReLUs before it are always inactive."
        )
        return
    if target.kind not in ("filter", "cell"):
        st.markdown(
            f"The objective changed from {number(found.start)} to **{number(found.reached)}**."
        )
        return
    ends = []
    for pixels in (found.frames[0][1], found.pixels):
        image = image_from_pixels(pixels)
        maps = shared.layer_maps(model_name, image, target.layer_name)
        ends.append(float(maps[..., target.index].mean()))
    best = ""
    images = shared.collection_for(model_name, full=False)
    real = shared.examples(model_name, images)
    if real is not None:
        means = real[target.layer_name].mean[:, target.index]
        best = (
            f" The most activating real image ({images.labels[int(means.argmax())]}) of "
            f"{images.title} reaches {number(float(means.max()))}."
        )
    st.markdown(
        f"Mean activation: {number(ends[0])} for the initial image, **{number(ends[1])}** for the "
        f"result.{best}"
    )


def _explain(recipe: Recipe, target: Target) -> None:
    how = (
        f"{recipe.steps} steps of Adam"
        if recipe.optimizer == "adam"
        else f"{recipe.steps} normalized steps of one gray level"
    )
    regularizers = []
    if recipe.basis == "fourier":
        regularizers.append("a Fourier basis")
    if recipe.colors != "none":
        regularizers.append("decorrelated color")
    if recipe.jitter_px:
        regularizers.append(
            f"random jitter (±{recipe.jitter_px:g} pixels), scaling (±{recipe.scale:.0%}) and "
            f"rotation (±{recipe.rotation_degrees:g}°)"
        )
    words = "No regularizers: high-frequency noise dominates."
    if regularizers:
        words = f"Regularizers: {', '.join(regularizers)}."
    what = "class's logit" if target.kind.startswith("class") else "activation"
    frame.explain(
        f"**What you see.** The weights are fixed and the *image* is optimized: {how} increase the "
        f"{what}. {words}\n\n"
        "$$x \\leftarrow x + \\eta\\,\\frac{\\partial\\,\\mathrm{objective}}{\\partial x}$$\n\n"
        "**Try this.** Disable the regularizers one by one. Compare an early layer with a late "
        "one.\n\n"
        ":small[Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034; Olah et al. 2017, "
        "doi:10.23915/distill.00007. A filter may also respond to other patterns.]"
    )
