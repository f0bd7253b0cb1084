import streamlit as st

from cnnviz.ui import controls, frame, signal_panels, template_panels

frame.begin(
    "Basics: templates, sliding sums, slopes",
    "Three things that every network is built on: choose one and change its numbers.",
)

TEMPLATES, LINE = "Template matching", "Convolution in one dimension"


@st.fragment
def templates(data_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        template_panels.show_templates(data_name, picked)


@st.fragment
def line(picked: controls.Picked) -> None:
    with frame.user_errors():
        signal_panels.show_line(picked)


with frame.user_errors():
    view = st.segmented_control(
        "View",
        [TEMPLATES, LINE],
        required=True,
        default=TEMPLATES,
        key="basics_view",
        bind="query-params",
    )
    if view == TEMPLATES:
        data_name, example = template_panels.choose_data()
        templates(data_name, controls.picked_picture(example))
    else:
        line(controls.picked_picture(controls.DIGIT))
