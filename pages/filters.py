import streamlit as st

from cnnviz.ui import controls, filter_panels, frame, map_panels

frame.begin(
    "Feature visualization",
    "Which image maximizes a filter? Gradient ascent optimizes it, starting from noise.",
)


@st.fragment
def visualizations(view: str, model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        layer_name = map_panels.choose_layer(model_name, picked, at_share=0.5)
        views[view](model_name, picked, layer_name)


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = {
            "One filter": filter_panels.show_one,
            "Whole layer": filter_panels.show_layer,
            "During training": filter_panels.show_training,
        }
        view = st.radio("Show", [*views], key="filters_view", bind="query-params")
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    visualizations(view, model_name, picked)
