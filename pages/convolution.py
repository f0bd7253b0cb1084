import streamlit as st

from cnnviz.convolution import apply_layer
from cnnviz.ui import controls, convolution_panels, frame, kernel_editor

frame.begin(
    "Convolution",
    "Choose a kernel: at each position it takes a weighted sum of the pixels.",
)


@st.fragment
def convolution(view: str, picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with left:
            convolution_panels.demonstrations()
            kernel, preset, is_changed = kernel_editor.edited_kernel()
            convolution_panels.show_kernel(kernel, preset, is_changed)
            settings = convolution_panels.layer_settings()
            grid = convolution_panels.chosen_input(picked)
        with right:
            if view == "Sliding kernel":
                convolution_panels.show_slide(picked, grid, kernel, settings)
                return
            steps = apply_layer(grid.values, kernel, settings)
            if view == "Step by step":
                convolution_panels.show_steps(steps, grid)
                convolution_panels.explain(steps, grid, kernel)
            else:
                convolution_panels.show_cell(steps, grid)


with frame.user_errors():
    picked = controls.picked_picture(controls.DIGIT)
    with st.sidebar:
        st.subheader("View")
        views = ["Step by step", "One position by hand", "Sliding kernel"]
        view = st.radio("Show", views, key="convolution_view", bind="query-params")
    convolution(view, picked)
