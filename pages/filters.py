import streamlit as st

from cnnviz.ui import controls, filter_panels, frame, map_panels

frame.begin(
    "What does a filter look for?",
    "Pick a layer and a filter: a picture grows from noise until it excites it.",
)


@st.fragment
def pictures(view: str, model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        layer_name = map_panels.choose_layer(model_name, picked, at_share=0.5)
        views[view](model_name, picked, layer_name)


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = {
            "One filter": filter_panels.show_one,
            "A whole layer": filter_panels.show_layer,
            "While it learned": filter_panels.show_training,
        }
        view = st.radio("Show", [*views], key="filters_view", bind="query-params")
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    pictures(view, model_name, picked)
