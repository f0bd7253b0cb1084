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
    "Class activation maps",
    "Which pixels support the predicted class? Bright regions raise its logit.",
)


@st.fragment
def show(view: str, model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        views[view](model_name, picked)


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = {
            "Heat map": class_panels.show_one,
            "Decomposition": class_sum_panels.show_sum,
            "Compare methods": matrix_panels.show_table,
            "Faithfulness": trust_panels.show_test,
            "Sanity check": trust_panels.show_sanity,
            "Robustness": trust_panels.show_stress,
        }
        view = st.radio("Show", [*views], key="class_view", bind="query-params")
    model_name = controls.model_picker()
    picked = controls.picked_picture(controls.example_for(model_name))
    show(view, model_name, picked)
