import streamlit as st

from cnnviz.ui import controls, frame, train_panels

frame.begin(
    "Train a small network",
    "Put one together and press Start: its kernels and its answers change before your eyes.",
)

with frame.user_errors():
    controls.leave_picture()
    left, right = st.columns([1.3, 3], gap="medium")
    with left:
        settings = train_panels.choose_settings()
        train_panels.show_use(settings)
    with right:
        train_panels.show_buttons(settings)
        train_panels.show_training(settings)
        train_panels.show_comparison()
