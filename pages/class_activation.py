import streamlit as st

from cnnviz.ui import cached, class_panels, controls, frame

frame.begin(
    "Which pixels argue for this class?",
    "Pick a picture and a class: the bright parts are those that raise the class's score.",
)


@st.fragment
def evidence(model_name: str, picked: controls.Picked) -> None:
    settings, results = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with settings:
            predictions = cached.predictions(model_name, picked.image)
            class_index = controls.class_picker(model_name, predictions[0])
            layer_name = controls.layer_picker(model_name)
            opacity, colour_map = class_panels.overlay_settings()
            heatmap = cached.class_heatmap(
                model_name, picked.image, "grad-cam", layer_name, class_index
            )
            class_panels.show_predictions(model_name, predictions, heatmap)
        with results:
            class_panels.show_maps(model_name, picked, heatmap, opacity, colour_map)
            class_panels.explain(model_name, heatmap)


with frame.user_errors():
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    evidence(model_name, picked)
