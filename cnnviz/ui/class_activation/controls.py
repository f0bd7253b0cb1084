"""Controls that the views of class activation share: method, target, settings, overlay."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from cnnviz.attribution.methods import Method, Setting
from cnnviz.attribution.registry import METHODS
from cnnviz.attribution.targets import Target, contrast, one_class, probability, sum_of
from cnnviz.network.prediction import Prediction
from cnnviz.ui import controls, shared
from cnnviz.ui.shell import address

TARGETS = {
    "class": "one class",
    "contrast": "class A versus class B",
    "sum": "sum of two classes",
    "probability": "probability of a class",
}


MAX_SLIDER = 512  # numbers that may be larger are typed in


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
    """How a map is shown; the map itself does not depend on it."""

    opacity: float
    color_map: str
    threshold: float
    has_contour: bool
    is_smooth: bool


EVALUATED_STYLE = OverlayStyle(0.5, "inferno", 0.0, False, True)  # of maps that are evaluated


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
    kind = address.selectbox("Target", TARGETS, key="map_target", parameter="target")
    class_index = controls.class_picker(model_name, predictions[0])
    if kind == "probability":
        return probability(class_index)
    if kind == "class":
        return one_class(class_index)
    names = shared.model(model_name).class_names
    others = [index for index in range(len(names)) if index != class_index]
    likely = [p.class_index for p in predictions if p.class_index != class_index]
    is_contrast = kind == "contrast"
    other = st.selectbox(
        "Class B" if is_contrast else "Second class",
        others,
        index=others.index(likely[0]) if likely else 0,
        format_func=lambda index: names[index],
        key="class_b" if is_contrast else "second_class",
        bind="query-params",
    )
    return contrast(class_index, [other]) if is_contrast else sum_of([class_index, other])


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
    if high > MAX_SLIDER:
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


def ask_style() -> OverlayStyle:
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
