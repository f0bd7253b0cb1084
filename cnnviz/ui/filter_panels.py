"""The parts of the filter pictures page: what to excite, the climb as it runs, its result."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.errors import CnnvizError
from cnnviz.feature_visualization.atlas import LayerAtlas, find_atlas
from cnnviz.feature_visualization.filter_image import FilterImage
from cnnviz.feature_visualization.objectives import TARGETS, Target
from cnnviz.feature_visualization.recipe import LECTURE, Recipe, size_text, suggested_recipe
from cnnviz.images import image_from_pixels
from cnnviz.ui import cached, controls, map_panels
from cnnviz.ui.controls import Picked
from cnnviz.ui.map_panels import CHANNEL
from cnnviz.ui.pictures import download, number, show_chart, show_picture

if TYPE_CHECKING:
    from cnnviz.feature_visualization import Progress

_PRESETS = {"good": "with all tricks", "lecture": "the lecture's: plain"}
_NUM_SHOWN = 8  # frames of the film strip
_GRID = 64  # filters in the view of a whole layer
_GRID_COLUMNS = 8
_CHOICES = ("64 in a row", "the 16 strongest for the picture", "16 at random")
_MAX_EPOCHS_SHOWN = 5
_SIZES = (28, 32, 64, 96, 128, 160, 224)  # sides of images in pixels
_FIRST = "grid_first"  # session key: the first filter of a row


def show_one(model_name: str, picked: Picked, layer_name: str) -> None:
    """Climb for one target, visibly, and show the result."""
    settings, result = st.columns([1.2, 3], gap="medium")
    with settings:
        target = _choose_target(model_name, picked, layer_name)
        recipe, seed = _choose_recipe(model_name, target)
        from_photograph = st.toggle(
            "Begin with the picture",
            key="from_photograph",
            bind="query-params",
            help="Off: the climb begins with noise. On: your picture is changed step by step.",
        )
    begin_with = picked.image if from_photograph else None
    with result:
        found = cached.filter_images(model_name, [target], recipe, seed, begin_with, _show_progress)
        if found is None:
            _show_from_atlas(model_name, target)
        else:
            _show_result(model_name, target, found[0])
        _explain(recipe, target)


def _choose_target(model_name: str, picked: Picked, layer_name: str) -> Target:
    kind = st.selectbox(
        "Excite",
        TARGETS,
        key="target",
        bind="query-params",
        format_func={
            "filter": "a filter, everywhere",
            "cell": "a filter, in its middle cell",
            "class": "a class",
            "class against the others": "a class, against the others",
            "whole layer": "the whole layer (deep dream)",
        }.__getitem__,
    )
    if kind.startswith("class"):
        best = cached.predictions(model_name, picked.image)[0]
        return Target(kind, "", controls.class_picker(model_name, best))
    if kind == "whole layer":
        return Target(kind, layer_name, 0)
    depth = cached.model(model_name).layer_shapes[layer_name][-1]
    channel = map_panels.choose_channel(depth)

    def take_strongest() -> None:
        maps = cached.layer_maps(model_name, picked.image, layer_name)
        st.session_state[CHANNEL] = int(maps.mean(axis=(0, 1)).argmax())

    st.button("The strongest for the picture", on_click=take_strongest, width="stretch")
    return Target(kind, layer_name, channel)


def _choose_recipe(model_name: str, target: Target) -> tuple[Recipe, int]:
    model = cached.model(model_name)
    suggested = suggested_recipe(model, target.objective(model))
    preset = st.selectbox(
        "Recipe",
        [*_PRESETS],
        format_func=_PRESETS.__getitem__,
        key="preset",
        bind="query-params",
    )
    seed = int(st.number_input("Seed", 0, 9999, key="seed", bind="query-params"))
    sizes = _sizes_that_work(model_name, target, suggested)
    if len(sizes) == 1:
        st.caption(
            f"In {size_text(*sizes[0])} pixels: {_subject(target)} of this network cannot be "
            "computed at any other size offered here."
        )
    with st.expander("More: what each trick does"):
        height, width = _choose_size(sizes, target, suggested)
        steps = st.select_slider(
            "Steps", [40, 64, 128, 256, 512], 128, key="steps", bind="query-params"
        )
        fourier = st.toggle("Climb in frequencies", True, key="fourier", bind="query-params")
        colours = st.toggle("Uncorrelated colours", True, key="uncorrelated", bind="query-params")
        moves = st.toggle("Move, scale and turn", True, key="moves", bind="query-params")
        variation = st.slider(
            "Penalty on roughness", 0.0, 100.0, 0.0, 5.0, key="roughness", bind="query-params"
        )
        l2 = st.slider(
            "Penalty on contrast", 0.0, 100.0, 0.0, 5.0, key="contrast", bind="query-params"
        )
        blur = st.slider(
            "Blur every … steps",
            0,
            16,
            key="blur",
            bind="query-params",
            disabled=fourier,
            help="Only where pixels are climbed; 0 never.",
        )
    if preset == "lecture":
        return replace(LECTURE, size_px=height, width_px=width), seed
    recipe = replace(
        suggested,
        size_px=height,
        width_px=width,
        steps=steps,
        basis="fourier" if fourier else "pixels",
        colours=suggested.colours if colours else "none",
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
    """Give the sizes to offer, at least one; where there is none the error says why."""
    from cnnviz.feature_visualization.sizes import check_size, working_sizes

    model = cached.model(model_name)
    sizes = working_sizes(model, target.objective(model), _SIZES)
    if sizes:
        return sizes
    check_size(model, target.objective(model), suggested)
    return (suggested.shape,)


def _choose_size(
    sizes: Sequence[tuple[int, int]], target: Target, suggested: Recipe
) -> tuple[int, int]:
    """Ask for one of some heights and widths, if there are several."""
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
            help=None if is_whole else f"The sizes at which {_subject(target)} can be computed.",
        )
    ]


def _subject(target: Target) -> str:
    """Name what is computed, as the subject of a sentence."""
    return "the class scores" if target.kind.startswith("class") else f"layer {target.layer_name}"


def _layer_atlas(model_name: str, layer_name: str) -> LayerAtlas | None:
    atlas = find_atlas(model_name)
    return atlas.layers.get(layer_name) if atlas else None


def _show_from_atlas(model_name: str, target: Target) -> None:
    """Show what another climb came to, while this one goes on."""
    layer = _layer_atlas(model_name, target.layer_name)
    if target.kind == "filter" and layer is not None and target.index < layer.count:
        (picture,) = layer.pictures(target.index, 1)
        left, _ = st.columns(2)
        with left:
            show_picture(
                picture,
                f"What this filter's climb came to in the atlas, seed {layer.seed + target.index}",
                f"Filter {target.index} of {target.layer_name} in the atlas",
            )


def _show_progress(progress: "Progress") -> None:
    left, right = st.columns(2)
    with left:
        show_picture(
            progress.pixels[0],
            f"After step {progress.step} of {progress.steps}",
            "The picture while it grows",
        )
    with right:
        show_chart(
            figures.objective_figure(progress.history[:, 0], progress.steps),
            "The objective so far",
            key=f"history {progress.step}",
        )


def _show_result(model_name: str, target: Target, found: FilterImage) -> None:
    left, right = st.columns(2)
    shape = found.pixels.shape[:2]
    with left:
        show_picture(
            found.pixels,
            f"Excites **{found.name}**, {size_text(*shape)}, seed {found.seed}",
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
    wanted = [0, *np.geomspace(1, steps[-1], _NUM_SHOWN - 1)]  # most happens at first
    chosen = sorted({int(np.abs(np.array(steps) - step).argmin()) for step in wanted})
    sheet = figures.mosaic(
        [found.frames[i][1] for i in chosen],
        [None] * len(chosen),
        columns=len(chosen),
        tile_px=112,
        numbers=[steps[i] for i in chosen],
        strip_px=20,
    )
    show_picture(sheet, "From noise to pattern; the numbers are steps.", "Frames of the climb")
    name = found.name.replace("/", "-").replace(", ", "-").replace(" ", "-")
    first, second = st.columns(2)
    with first:
        download(
            f"Picture (PNG, {size_text(*shape)})",
            f"{name}.png",
            lambda: figures.encode_png(found.pixels),
        )
    with second:
        frames = tuple(pixels.tobytes() for _, pixels in found.frames)
        download(
            f"Film (GIF, {len(frames)} frames)", f"{name}.gif", lambda: cached.film(frames, shape)
        )


def _show_comparison(model_name: str, target: Target, found: FilterImage) -> None:
    """Set what was reached against the beginning and against real pictures."""
    if found.is_dead:
        st.warning(
            "Nothing that is drawn changes this filter: its weights are zero, or the ReLUs before "
            "it are shut for good. It is dead."
        )
        return
    if target.kind not in ("filter", "cell"):
        st.markdown(
            f"The objective went from {number(found.start)} to **{number(found.reached)}**."
        )
        return
    ends = []
    for pixels in (found.frames[0][1], found.pixels):
        image = image_from_pixels(pixels)
        maps = cached.layer_maps(model_name, image, target.layer_name)
        ends.append(float(maps[..., target.index].mean()))
    best = ""
    pictures = cached.collection_for(model_name, full=False)
    real = cached.exemplars(model_name, pictures)
    if real is not None:
        means = real[target.layer_name].mean[:, target.index]
        best = (
            f" The best real picture of {pictures.title} ({pictures.labels[int(means.argmax())]}) "
            f"gets {number(float(means.max()))}."
        )
    st.markdown(
        f"Shown to the network, the mean of this filter's map is {number(ends[0])} for the "
        f"beginning and **{number(ends[1])}** for the result.{best}"
    )


def _explain(recipe: Recipe, target: Target) -> None:
    how = (
        f"{recipe.steps} steps of Adam"
        if recipe.optimizer == "adam"
        else f"{recipe.steps} steps of one grey level along the slope"
    )
    tricks = []
    if recipe.basis == "fourier":
        tricks.append(
            "not the pixels are climbed but frequencies, so that broad shapes grow as fast as dots"
        )
    if recipe.colours != "none":
        tricks.append("in colours that are uncorrelated in photographs")
    if recipe.jitter_px:
        tricks.append(
            f"and before every step the picture is moved by up to {recipe.jitter_px:g} pixels, "
            f"scaled by up to {recipe.scale:.0%} and turned by up to "
            f"{recipe.rotation_degrees:g}°, so that no trick of single pixels helps"
        )
    words = "; ".join(tricks) if tricks else "no trick at all, so fast flicker wins: noise to us"
    what = "class's logit" if target.kind.startswith("class") else "answer"
    st.markdown(
        f"**What you see.** The network is fixed and the *picture* is trained: {how} up the slope "
        f"of the {what}; {words}.\n\n"
        "$$x \\leftarrow x + \\eta\\,\\frac{\\partial\\,\\mathrm{answer}}{\\partial x}$$\n\n"
        "**Try this.** Take the lecture's plain steps, then switch the tricks off one by one under "
        "«More». Go from an early layer to a late one.\n\n"
        ":small[Erhan et al. 2009; Simonyan et al. 2013, arXiv:1312.6034; Olah et al. 2017, "
        "doi:10.23915/distill.00007. What excites a filter most is not all that it answers to.]"
    )


def show_layer(model_name: str, picked: Picked, layer_name: str) -> None:
    """Show pictures of many filters of a layer: from the atlas where there is one, or climb."""
    depth = cached.model(model_name).layer_shapes[layer_name][-1]
    choice = st.selectbox("Filters", _CHOICES, key="grid_choice", bind="query-params")
    channels = _chosen_channels(model_name, picked, layer_name, choice, depth)
    layer = _layer_atlas(model_name, layer_name)
    if layer is not None and max(channels) < layer.count:
        pictures = layer.pictures()
        shown = [pictures[place] for place in channels]
        note = f"From the atlas that comes with cnnviz (`{layer.command}`)."
    else:
        made = _made_now(model_name, layer_name, channels)
        if made is None:
            return
        shown, note = [one.pixels for one in made], "Made just now."
    sheet = figures.mosaic(
        shown,
        [None] * len(shown),
        columns=min(_GRID_COLUMNS, len(shown)),
        tile_px=_tile_px(max(shown[0].shape[:2])),
        numbers=list(channels),
        strip_px=20,
    )
    show_picture(
        sheet,
        f"What {len(shown)} of the {depth} filters of `{layer_name}` look for. {note}",
        f"Pictures for filters of {layer_name}",
    )
    st.markdown(
        "**What you see.** Each picture was grown from noise to excite one filter. Early layers "
        "look for edges, colours and simple textures; later ones for patterns, then for parts of "
        "things. Plain grey is a filter that nothing excites.\n\n"
        "**Try this.** Choose another layer in the strip. Compare two networks trained on the same "
        "data."
    )


def _tile_px(size_px: int) -> int:
    """Enlarge by a whole factor, so that no grey is left around."""
    return size_px * max(1, 128 // size_px)


def _chosen_channels(
    model_name: str, picked: Picked, layer_name: str, choice: str, depth: int
) -> tuple[int, ...]:
    if choice == _CHOICES[0]:
        first = 0
        if depth > _GRID:
            controls.keep_within(_FIRST, depth)
            first = int(
                st.number_input("From", 0, depth - 1, step=_GRID, key=_FIRST, bind="query-params")
            )
        return tuple(range(first, min(first + _GRID, depth)))
    if choice == _CHOICES[1]:
        means = cached.layer_maps(model_name, picked.image, layer_name).mean(axis=(0, 1))
        return tuple(np.argsort(-means, kind="stable")[:16].tolist())
    drawn = np.random.default_rng(0).choice(depth, min(16, depth), replace=False)
    return tuple(sorted(drawn.tolist()))


def _made_now(
    model_name: str, layer_name: str, channels: Sequence[int]
) -> tuple[FilterImage, ...] | None:
    from cnnviz.feature_visualization import can_compute

    model = cached.model(model_name)
    targets = [Target("filter", layer_name, channel) for channel in channels]
    objective = targets[0].objective(model)
    suggested = suggested_recipe(model, objective).changed(steps=96)
    recipe = suggested.changed(size_px=max(suggested.size_px // 2, 64))
    if not can_compute(model, objective, *recipe.shape):
        recipe = suggested
    return cached.filter_images(model_name, targets, recipe, 0, None, _show_partial)


def _show_partial(progress: Any) -> None:
    sheet = figures.mosaic(
        list(progress.pixels),
        [None] * len(progress.pixels),
        columns=_GRID_COLUMNS,
        tile_px=_tile_px(max(progress.pixels[0].shape[:2])),
        first_number=None,
    )
    show_picture(sheet, f"Step {progress.step} of {progress.steps}", "Pictures while they grow")


def show_training(model_name: str, picked: Picked, layer_name: str) -> None:
    """Show what the same filters looked for at several moments of the training."""
    steps = zoo.checkpoint_steps(model_name)
    if not steps:
        raise CnnvizError(
            f"{cached.model(model_name).card.title} has no weights from its training on the way. "
            "Choose Fashion Gabor CNN or SVHN Gabor CNN."
        )
    places = np.linspace(0, len(steps) - 1, min(len(steps), _MAX_EPOCHS_SHOWN)).round().astype(int)
    chosen = tuple(steps[place] for place in places)
    depth = cached.model(model_name).layer_shapes[layer_name][-1]
    channels = tuple(range(min(_GRID_COLUMNS, depth)))
    rows = cached.filters_at_steps(model_name, layer_name, channels, chosen)
    if rows is None:
        return
    for step, pictures in zip(chosen, rows, strict=True):
        text, sheet = st.columns([0.8, 5], vertical_alignment="center")
        text.markdown("**before training**" if step == 0 else f"**step {step:,}**")
        with sheet:
            mosaic = figures.mosaic(
                pictures,
                [None] * len(pictures),
                columns=len(pictures),
                tile_px=_tile_px(max(pictures[0].shape[:2])),
                numbers=list(channels),
                strip_px=20,
            )
            st.image(figures.encode_png(mosaic), width="stretch", alt=f"Filters after {step} steps")
    st.markdown(
        f"**What you see.** The first {len(channels)} filters of `{layer_name}`, from chance to "
        "the end of the training; each picture begins with the same noise. Before training a "
        "filter's picture shows only its random weights.\n\n"
        "**Try this.** Take the first layer, then the last: which settles sooner?"
    )
