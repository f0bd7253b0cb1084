"""Robustness: whether prediction and map follow a transformed image."""

from typing import Any

import streamlit as st

from cnnviz.attribution.evaluation.robustness import Stress, stressed
from cnnviz.ui import shared
from cnnviz.ui.class_activation import heat_map
from cnnviz.ui.class_activation.controls import EVALUATED_STYLE, ask, target_label
from cnnviz.ui.class_activation.heat_map import MAX_SIDE_PX
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import frame, results
from cnnviz.ui.shell.display import (
    likelihood,
    show_bars,
    show_image,
    show_painted,
)


def show_stress(model_name: str, picked: PickedImage) -> None:
    """Change the image and see whether prediction and map follow."""
    settings, stage = frame.columns()
    with settings:
        stress = _ask_stress()
        with st.expander("Method, layer and class"):
            request = ask(model_name, shared.predictions(model_name, picked.image))
    image = stressed(shared.smaller(picked.image, MAX_SIDE_PX), stress)
    before = shared.predictions(model_name, picked.image)
    predictions = shared.predictions(model_name, image)
    with stage:
        changed = PickedImage(image, f"{picked.label}, transformed", picked.origin)
        label = target_label(model_name, request.target)
        pair = ((picked, "Original"), (changed, "Transformed"))
        heatmaps = [heat_map.heatmap_of(model_name, shown, request) for shown, _ in pair]
        program = heat_map.python_for(model_name, picked, request)
        results.note_code(f"# The heat map of the original image\n{program}")
        scales = [heat_map.scale_of(heatmap) for heatmap in heatmaps if heatmap is not None]
        widest = max(scales, key=lambda scale: scale.high, default=None)
        for place, (version, said), heatmap in zip(st.columns(2), pair, heatmaps, strict=True):
            with place:
                shown = shared.smaller(version.image, MAX_SIDE_PX)
                if heatmap is None or widest is None:
                    show_image(shown.pixels, said, said)
                    continue
                over = heat_map.overlay_of(model_name, shown, heatmap, EVALUATED_STYLE, widest)
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
