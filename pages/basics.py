import streamlit as st

from cnnviz.ui import controls, frame, template_panels

frame.begin(
    "Basics: templates, sliding sums, slopes",
    "Three things that every network is built on: choose one and change its numbers.",
)


@st.fragment
def templates(data_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        template_panels.show_templates(data_name, picked)


with frame.user_errors():
    view = st.segmented_control(
        "View",
        ["Template matching"],
        required=True,
        key="basics_view",
        bind="query-params",
        default="Template matching",
    )
    data_name, example = template_panels.choose_data()
    templates(data_name, controls.picked_picture(example))
