import streamlit as st

from cnnviz.ui import controls, frame, train_panels

frame.begin(
    "How does a network learn?",
    "Put a small network together and press Start: watch its kernels and its answers change.",
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
