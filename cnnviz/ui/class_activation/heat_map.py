"""The page of class activation maps: its controls, the map, predictions and explanations."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.registry import target_code
from cnnviz.attribution.targets import Target
from cnnviz.figures import Scale
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.prediction import Prediction
from cnnviz.ui import shared
from cnnviz.ui.class_activation import cached, words
from cnnviz.ui.class_activation.controls import (
    AttributionRequest,
    OverlayStyle,
    ask,
    ask_style,
    target_label,
)
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shared import code
from cnnviz.ui.shell import frame, results
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
    results.note_code(python_for(model_name, picked, request))
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
    style: OverlayStyle,
    scale: Scale | None = None,
) -> np.ndarray:
    """Lay a map over the image it was made for, on its own scale or another, uint8 RGB.

    Small images are enlarged first, so that a line around a part is a thin one.
    """
    image = ImageInput(figures.enlarge(image.pixels), image.digest)
    return figures.overlay_part(
        image.pixels,
        heatmap.values,
        scale or scale_of(heatmap, style.color_map),
        style.opacity,
        zoo.seen_part(shared.model(model_name).card, image),
        is_smooth=style.is_smooth,
        threshold=style.threshold,
        has_contour=style.has_contour,
    )


def show(model_name: str, picked: PickedImage) -> None:
    """Show one map over the image and on its own grid, with all that belongs to it."""
    settings, stage = frame.columns()
    with settings:
        predictions = shared.predictions(model_name, picked.image)
        request = ask(model_name, predictions)
        style = ask_style()
        show_predictions(model_name, predictions, request.target)
    with stage:
        heatmap = heatmap_of(model_name, picked, request)
        if heatmap is None:
            view = zoo.model_view(shared.model(model_name).card, picked.image)
            show_image(view, f"The network's input, {_size(view)} px", picked.label)
        else:
            _show_maps(model_name, picked, request, heatmap, style)
            explain(model_name, request, heatmap)


def _show_maps(
    model_name: str,
    picked: PickedImage,
    request: AttributionRequest,
    heatmap: ClassHeatmap,
    style: OverlayStyle,
) -> None:
    label = target_label(model_name, request.target)
    scale = scale_of(heatmap, style.color_map)
    image = shared.smaller(picked.image, MAX_SIDE_PX)
    seen = zoo.seen_part(shared.model(model_name).card, image)
    overlay = overlay_of(model_name, image, heatmap, style)
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
    _offer_downloads(model_name, picked, heatmap, overlay, scale)


def _offer_downloads(
    model_name: str,
    picked: PickedImage,
    heatmap: ClassHeatmap,
    overlay: np.ndarray,
    scale: Scale,
) -> None:
    name = re.sub(r"[^A-Za-z0-9+-]+", "-", f"{heatmap.method}-{heatmap.target}")
    cells = _size(heatmap.values)
    download(f"Overlay (PNG, {_size(overlay)})", f"{name}.png", lambda: figures.encode_png(overlay))
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
    layer: Any = request.layer_name
    if request.fused_with:
        layer = [request.layer_name, *request.fused_with]
    settings = "".join(f"    {name}={value!r},\n" for name, value in request.settings)
    function = "class_activation_map" if request.fused_with else "explain"
    body = (
        f"heatmap = cnnviz.{function}(\n"
        "    model,\n    image,\n"
        f'    "{request.method.name}",\n'
        f"    layer_name={layer!r},\n"
        f"    target={target_code(request.target)},\n"
        f"{settings})\n"
        "print(heatmap.values.shape, heatmap.maximum)"
    )
    return code.program(body, model_name=model_name, image=picked.code)


def _size(array: np.ndarray) -> str:
    return f"{array.shape[0]} × {array.shape[1]}"


def _dimmed(seen: tuple[slice, slice], image: ImageInput) -> str:
    if image.pixels[seen].shape == image.pixels.shape:
        return ""
    return " The network uses the center only; the rest is dimmed."


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
