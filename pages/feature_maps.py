import streamlit as st

from cnnviz.ui import contrast_panels, controls, frame, map_panels, trace_panels

frame.begin(
    "Feature maps",
    "What does each filter respond to in your image? Choose a layer, then a channel.",
)


@st.fragment
def maps(view: str, model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        if view == "Whole network":
            map_panels.show_hierarchy(model_name, picked)
            return
        layer_name = map_panels.choose_layer(model_name, picked)
        views[view](model_name, picked, layer_name)


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = {
            "All maps": map_panels.show_all,
            "One filter": map_panels.show_one,
            "Trace a unit": trace_panels.show_trace,
            "Compare images": contrast_panels.show_pair,
            "Ablation": contrast_panels.show_ablation,
            "Embedding": contrast_panels.show_embedding,
        }
        view = st.radio("Show", [*views, "Whole network"], key="maps_view", bind="query-params")
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    maps(view, model_name, picked)
