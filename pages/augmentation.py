import streamlit as st

from cnnviz.ui import augmentation_panels, controls, frame

frame.begin(
    "Does a network know a changed picture again?",
    "Choose how far chance may change the picture: see the draws, and what a network says to each.",
)


@st.fragment
def draws(model_name: str, picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with left:
            augmentation, num, seed = augmentation_panels.settings()
        with right:
            augmentation_panels.show_draws(model_name, picked, augmentation, num, seed)
            augmentation_panels.show_extremes(model_name, picked, augmentation)


@st.fragment
def curves() -> None:
    with frame.user_errors():
        augmentation_panels.show_curves()


with frame.user_errors():
    with st.sidebar:
        st.subheader("View")
        views = ["One picture, many draws", "Learning curves"]
        view = st.radio("Show", views, key="augmentation_view", bind="query-params")
    if view == "Learning curves":
        controls.leave_picture()
        curves()
    else:
        model_name = controls.model_picker()
        draws(model_name, controls.picked_picture(controls.example_for(model_name)))
