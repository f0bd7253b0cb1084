import streamlit as st

from cnnviz.ui import calculator, controls, frame, model_panels, own_models

frame.begin(
    "Networks",
    "What is a network made of? Its layers, parameters, training, weights and cost.",
)


@st.fragment
def without_network(view: str) -> None:
    with frame.user_errors():
        if view == "Calculator":
            calculator.show_output_size()
            calculator.show_comparison()
        elif view == "Your own network":
            own_models.show()


@st.fragment
def with_network(view: str, model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        if view == "Layers":
            model_panels.show_architecture(model_name, picked)
        elif view == "Training":
            model_panels.show_training(controls.card_of(model_name))
        elif view == "Weights":
            model_panels.show_weights(model_name)


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = ["Layers", "Training", "Weights", "Calculator", "Your own network"]
        view = st.radio("Show", views, key="models_view", bind="query-params")
    without_network(view)
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    with_network(view, model_name, picked)
