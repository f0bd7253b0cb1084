import streamlit as st

from cnnviz.ui import controls, frame, shared_weight_panels, signal_panels, template_panels

frame.begin(
    "Basics: templates, sliding sums, slopes",
    "Three things that every network is built on: choose one and change its numbers.",
)

TEMPLATES = "Template matching"
VIEWS = {
    "Convolution in one dimension": signal_panels.show_line,
    "The gradient of a shared weight": shared_weight_panels.show_gradient,
}


@st.fragment
def templates(data_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        template_panels.show_templates(data_name, picked)


@st.fragment
def small_numbers(view: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        VIEWS[view](picked)


with frame.user_errors():
    view = st.segmented_control(
        "View",
        [TEMPLATES, *VIEWS],
        required=True,
        default=TEMPLATES,
        key="basics_view",
        bind="query-params",
    )
    if view == TEMPLATES:
        data_name, example = template_panels.choose_data()
        templates(data_name, controls.picked_picture(example))
    else:
        small_numbers(view, controls.picked_picture(controls.DIGIT))
