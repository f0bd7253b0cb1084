"""The page of class activation maps: its controls, the map, predictions and explanations."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.methods import Method, Setting
from cnnviz.attribution.registry import METHODS, target_code
from cnnviz.attribution.targets import Target, contrast, one_class, probability, sum_of
from cnnviz.figures import Scale
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.prediction import Prediction
from cnnviz.ui import controls, shared
from cnnviz.ui.class_activation import cached, words
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    download,
    number,
    show_bars,
    show_image,
    show_map,
    show_painted,
)

MAX_SIDE_PX = 768  # of the image under the overlay; a projector shows no more
PIXEL_PERCENTILE = 99.0  # where the scale of a map of single pixels ends
_TARGETS = {
    "class": "one class",
    "contrast": "class A versus class B",
    "sum": "sum of two classes",
    "probability": "probability of a class",
}
_MOST_SLIDER = 512  # numbers that may be larger are typed in


@dataclass(frozen=True, slots=True)
class AttributionRequest:
    """What the controls ask for; the map depends on nothing else."""

    method: Method
    layer_name: str
    target: Target
    settings: tuple[tuple[str, Any], ...]
    fused_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class OverlayStyle:
    """How a map is shown; changing it computes nothing anew."""

    opacity: float
    color_map: str
    threshold: float
    has_contour: bool
    is_smooth: bool


def ask(
    model_name: str, predictions: Sequence[Prediction], *, fits_only: str = ""
) -> AttributionRequest:
    """Ask for method, layer and target; the settings fold away.

    `fits_only` may name the family ``cam`` where a view makes sense for nothing else.
    """
    names = [name for name, method in METHODS.items() if not fits_only or method.is_on_a_layer]
    method = METHODS[
        address.selectbox(
            "Method",
            {name: METHODS[name].title for name in names},
            key="sum_method" if fits_only else "method",
            default="grad-cam",
            parameter="method",
        )
    ]
    layer_name = controls.layer_picker(model_name, disabled="layer" not in method.needs)
    target = _ask_target(model_name, predictions)
    with st.expander("Settings of the method"):
        settings = ask_settings(method)
        fused_with: tuple[str, ...] = ()
        if method.name == "layer-cam" and not fits_only:
            fused_with = _ask_fusion(model_name, layer_name)
        if not method.settings and not fused_with:
            st.caption(f"{method.title} has no settings.")
    return AttributionRequest(method, layer_name, target, settings, fused_with)


def _ask_target(model_name: str, predictions: Sequence[Prediction]) -> Target:
    kind = address.selectbox("Target", _TARGETS, key="map_target", parameter="target")
    class_index = controls.class_picker(model_name, predictions[0])
    if kind == "probability":
        return probability(class_index)
    if kind == "class":
        return one_class(class_index)
    names = shared.model(model_name).class_names
    others = [index for index in range(len(names)) if index != class_index]
    likely = [p.class_index for p in predictions if p.class_index != class_index]
    if kind == "contrast":
        other = st.selectbox(
            "Class B",
            others,
            index=others.index(likely[0]) if likely else 0,
            format_func=lambda index: names[index],
            key="class_b",
            bind="query-params",
        )
        return contrast(class_index, [other])
    more = st.selectbox(
        "Second class",
        others,
        index=others.index(likely[0]) if likely else 0,
        format_func=lambda index: names[index],
        key="second_class",
        bind="query-params",
    )
    return sum_of([class_index, more])


def ask_settings(method: Method) -> tuple[tuple[str, Any], ...]:
    """Draw a control for each setting that a method declares."""
    return tuple((setting.name, _ask_setting(method, setting)) for setting in method.settings)


def _ask_setting(method: Method, setting: Setting) -> Any:
    how: dict[str, Any] = {
        "key": f"{re.sub('[^a-z]', '_', method.name)}_{setting.name}",
        "bind": "query-params",
        "help": setting.help or None,
    }
    if isinstance(setting.default, bool):
        return st.toggle(setting.title, setting.default, **how)
    if isinstance(setting.default, str):
        place = setting.choices.index(setting.default)
        return st.selectbox(setting.title, setting.choices, index=place, **how)
    kind = type(setting.default)
    low, high, step = (kind(value) for value in (setting.low, setting.high, setting.step))
    if high > _MOST_SLIDER:
        return kind(st.number_input(setting.title, low, high, setting.default, step, **how))
    return kind(st.slider(setting.title, low, high, setting.default, step, **how))


def _ask_fusion(model_name: str, layer_name: str) -> tuple[str, ...]:
    shapes = shared.model(model_name).map_shapes
    others = [name for name in shapes if name != layer_name and max(shapes[name][:2]) > 1]
    chosen = st.selectbox(
        "Fuse with layer",
        [None, *others],
        format_func=lambda name: name or "none",
        key=f"fuse_{model_name}",
        help="An earlier layer adds fine detail to the map of the last layer.",
    )
    return (chosen,) if chosen else ()


def ask_look() -> OverlayStyle:
    """Ask how the map is laid over the image."""
    opacity = st.slider("Opacity", 0.0, 1.0, 0.45, 0.05, key="opacity", bind="query-params")
    with st.expander("Display"):
        colors = ask_color_map()
        threshold = st.slider(
            "Threshold (% of the maximum)",
            0,
            95,
            0,
            5,
            key="threshold",
            bind="query-params",
        )
        contour = st.toggle("Contour at the threshold", key="contour", bind="query-params")
        smooth = st.toggle("Smooth", True, key="smooth", bind="query-params")
    return OverlayStyle(opacity, colors, threshold / 100, contour, smooth)


def ask_color_map() -> str:
    """Ask for a color map; all of them are perceptually uniform."""
    maps = ["inferno", "viridis", "cividis"]
    return st.selectbox("Color map", maps, key="colors", bind="query-params")


def fits(model_name: str, request: AttributionRequest) -> bool:
    """Whether the method suits network and layer; if not, say why."""
    reason = request.method.unsupported_reason(shared.model(model_name), request.layer_name)
    if reason:
        st.info(reason)
    return not reason


def heatmap_of(
    model_name: str, picked: PickedImage, request: AttributionRequest
) -> ClassHeatmap | None:
    """Make the map; None, with the reason or the progress drawn, while there is none."""
    if not fits(model_name, request):
        return None
    if request.fused_with:
        names = (request.layer_name, *request.fused_with)
        return cached.fused_map(model_name, picked.image, names, request.target)
    return cached.heatmap(
        model_name,
        picked.image,
        request.method.name,
        request.layer_name,
        request.target,
        request.settings,
    )


def scale_of(heatmap: ClassHeatmap, color_map: str = "inferno") -> Scale:
    """Choose the scale of a map; single bright pixels do not darken all others."""
    percentile = PIXEL_PERCENTILE if heatmap.layer_name == IMAGE else 100.0
    return figures.heatmap_scale(heatmap.values, color_map, percentile=percentile)


def overlay_of(
    model_name: str,
    image: ImageInput,
    heatmap: ClassHeatmap,
    look: OverlayStyle,
    scale: Scale | None = None,
) -> np.ndarray:
    """Lay a map over the image it was made for, on its own scale or another, uint8 RGB.

    Small images are enlarged first, so that a line around a part is a thin one.
    """
    image = ImageInput(figures.enlarge(image.pixels), image.digest)
    return figures.overlay_part(
        image.pixels,
        heatmap.values,
        scale or scale_of(heatmap, look.color_map),
        look.opacity,
        zoo.seen_part(shared.model(model_name).card, image),
        is_smooth=look.is_smooth,
        threshold=look.threshold,
        has_contour=look.has_contour,
    )


def show(model_name: str, picked: PickedImage) -> None:
    """Show one map over the image and on its own grid, with all that belongs to it."""
    settings, results = frame.columns()
    with settings:
        predictions = shared.predictions(model_name, picked.image)
        request = ask(model_name, predictions)
        look = ask_look()
        show_predictions(model_name, predictions, request.target)
    with results:
        heatmap = heatmap_of(model_name, picked, request)
        if heatmap is None:
            view = zoo.model_view(shared.model(model_name).card, picked.image)
            show_image(view, f"The network's input, {_size(view)} px", picked.label)
        else:
            _show_maps(model_name, picked, request, heatmap, look)
            explain(model_name, request, heatmap)


def _show_maps(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    look: OverlayStyle,
) -> None:
    label = target_label(model_name, request.target)
    scale = scale_of(heatmap, look.color_map)
    image = shared.smaller(picked.image, MAX_SIDE_PX)
    seen = zoo.seen_part(shared.model(model_name).card, image)
    overlay = overlay_of(model_name, image, heatmap, look)
    cells = _size(heatmap.values)
    large, small = st.columns([2, 1])
    with large:
        show_painted(
            overlay,
            scale,
            f"{request.method.title} for {label} over {picked.label}.{_dimmed(seen, image)}",
            f"{picked.label} with the heat map for {label}",
        )
        if not heatmap.has_support:
            st.warning("No region supports this class: the map has no positive values.")
    with small:
        show_map(
            heatmap.values,
            scale,
            f"The map: {cells}, maximum {number(heatmap.maximum)}",
            f"Heat map for {label}, {cells}, layer {heatmap.layer_name}",
        )
        view = zoo.model_view(shared.model(model_name).card, picked.image)
        size = _size(view)
        show_image(view, f"The network's input, {size} px", f"{picked.label} at {size} pixels")
    with large:
        _offer_downloads(model_name, picked, request, heatmap, overlay, scale)


def _offer_downloads(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    overlay: np.ndarray,
    scale: Scale,
) -> None:
    name = re.sub(r"[^A-Za-z0-9+-]+", "-", f"{heatmap.method}-{heatmap.target}")
    cells = _size(heatmap.values)
    with st.expander("Downloads and code"):
        download(
            f"Overlay (PNG, {_size(overlay)})", f"{name}.png", lambda: figures.encode_png(overlay)
        )
        download(
            f"Map (PNG, {cells})",
            f"{name}-map.png",
            lambda: figures.encode_png(figures.enlarge(figures.colorize(heatmap.values, scale))),
        )
        download(
            f"Map (NPZ, {cells})",
            f"{name}.npz",
            lambda: figures.heatmap_npz(heatmap, _class_of(model_name, picked, heatmap)),
        )
        download(
            "All settings (JSON)",
            f"{name}.json",
            lambda: figures.heatmap_json(heatmap, _origin(model_name, picked, heatmap)),
        )
        st.markdown("The same map in Python:")
        st.code(python_for(model_name, picked, request), language="python")


def _class_of(model_name: str, picked: PickedImage, heatmap: ClassHeatmap) -> Mapping[str, Any]:
    """Name the class of a map and how probable it is for the image; nothing without a class."""
    if heatmap.class_index is None:
        return {}
    model = shared.model(model_name)
    every = shared.predictions(model_name, picked.image, len(model.class_names))
    prediction = next(one for one in every if one.class_index == heatmap.class_index)
    return {"class_name": prediction.label, "probability": prediction.probability}


def _origin(model_name: str, picked: PickedImage, heatmap: ClassHeatmap) -> Mapping[str, Any]:
    from cnnviz.network.inspected_model import fingerprint

    model = shared.model(model_name)
    return {
        **_class_of(model_name, picked, heatmap),
        "network": model_name,
        "network_fingerprint": fingerprint(model),
        "input_shape": list(model.input_shape),
        "preprocessing": model.card.preprocessing.name,
        "input_scaling": str(model.input_scaling),
        "output": model.output_name,
        "image": picked.label,
        "image_digest": picked.image.digest,
    }


def python_for(model_name: str, picked: PickedImage, request: AttributionRequest) -> str:
    """Write the lines of Python that make the same map."""
    known = {card.name for card in zoo.list_models()}
    reference = zoo.ModelReference.parse(model_name)
    network = reference.name if reference.name in known else "your-network.keras"
    options = {
        "preprocessing": reference.preprocessing or None,
        "output": reference.output or None,
        "token_grid": reference.grid_size,
    }
    chosen = "".join(f", {key}={value!r}" for key, value in options.items() if value is not None)
    layer: Any = request.layer_name
    if request.fused_with:
        layer = [request.layer_name, *request.fused_with]
    settings = "".join(f"    {name}={value!r},\n" for name, value in request.settings)
    function = "class_activation_map" if request.fused_with else "explain"
    return (
        "import cnnviz\n\n"
        f'model = cnnviz.load_model("{network}"{chosen})\n'
        f"image = {picked.code}\n"
        f"heatmap = cnnviz.{function}(\n"
        "    model,\n    image,\n"
        f'    "{request.method.name}",\n'
        f"    layer_name={layer!r},\n"
        f"    target={target_code(request.target)},\n"
        f"{settings})\n"
        "print(heatmap.values.shape, heatmap.maximum)\n"
    )


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} × {array.shape[1]}"


def _dimmed(seen: tuple[slice, slice], image: ImageInput) -> str:
    if image.pixels[seen].shape == image.pixels.shape:
        return ""
    return " The network uses the center only; the rest is dimmed."


def target_label(model_name: str, target: Target) -> str:
    """Name the target with the names of its classes."""
    names = shared.model(model_name).class_names
    first = f"“{names[target.class_index]}”"
    if target.is_probability:
        return f"the probability of {first}"
    others = [(names[index], weight) for index, weight in target.weights[1:]]
    if not others:
        return first
    if others[0][1] < 0:
        return f"{first} versus “{others[0][0]}”"
    return " + ".join([first, *(f"“{name}”" for name, _ in others)])


def show_predictions(model_name: str, predictions: Sequence[Prediction], target: Target) -> None:
    """List the most probable classes with bars, and the target of the map."""
    st.markdown("**Predictions**")
    show_bars(predictions, with_logits=True)
    head = shared.model(model_name).network_head
    if head.kind in ("linear", "scores") or (head.is_independent and head.num_units > 1):
        st.markdown(f":small[The network ends in {head.description}.]")
    st.markdown(f":small[Target of the map: {target_label(model_name, target)}.]")


def explain(model_name: str, request: AttributionRequest, heatmap: ClassHeatmap) -> None:
    """Say how the map was made, with its numbers, and what it does not say."""
    method, label = request.method, target_label(model_name, request.target)
    if method.warning:
        st.warning(method.warning)
    if method.is_on_a_layer:
        rows, columns, channels = shared.model(model_name).map_shapes[request.layer_name]
        where = (
            f"Layer `{heatmap.layer_name}` has {channels} feature maps $A_k$ of {rows} × "
            f"{columns}. "
        )
        more = "Choose an earlier layer: the map is finer but less class-specific. "
    else:
        where = "The map has one value for each pixel of the network's input $x$. "
        more = "Draw a contour at 50 %: is the object inside? "
    colors = words.color_note(heatmap.values, scale_of(heatmap), is_on_a_layer=method.is_on_a_layer)
    frame.explain(
        f"**How it works.** {where}{method.summary} $S$ is the logit of {label}: "
        f"{number(dict(heatmap.diagnostics).get('score', heatmap.logit))}.\n\n"
        f"$${method.formula}$$\n\n"
        f"{_facts(heatmap)}"
        f"{colors}\n\n"
        f"**Try this.** {more}Choose a class that is not in the image, or contrast two classes. "
        "Then open *Faithfulness*.\n\n"
        f":small[{method.paper}.]"
    )


def _facts(heatmap: ClassHeatmap) -> str:
    facts = dict(heatmap.diagnostics)
    if "gap_percent" in facts:
        return (
            f"The map sums to {number(facts['sum'])}; the logit changes by "
            f"{number(facts['gained'])}: a completeness gap of {facts['gap_percent']:.2f} % with "
            f"{facts['points']:.0f} points.\n\n"
        )
    if "patch_px" in facts:
        return (
            f"The patch is {facts['patch_px']:.0f} pixels wide; its stride is "
            f"{facts['step_px']:.0f}.\n\n"
        )
    if "mean" in facts:
        return f"The mean of the map is {number(facts['mean'])}.\n\n"
    return ""
