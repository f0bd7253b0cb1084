import streamlit as st

from cnnviz.ui import (
    class_panels,
    class_sum_panels,
    controls,
    frame,
    matrix_panels,
    trust_panels,
)

frame.begin(
    "Which pixels argue for this class?",
    "Pick a picture and a class: the bright parts are those that raise the class's score.",
)


@st.fragment
def evidence(view: str, model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        views[view](model_name, picked)


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = {
            "One map": class_panels.show_one,
            "The map as a sum": class_sum_panels.show_sum,
            "Side by side": matrix_panels.show_table,
            "Put to the test": trust_panels.show_test,
            "Sanity": trust_panels.show_sanity,
            "Under stress": trust_panels.show_stress,
        }
        view = st.radio("Show", [*views], key="class_view", bind="query-params")
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    evidence(view, model_name, picked)
