import streamlit as st

from cnnviz.ui import controls, frame, transfer_panels

frame.begin(
    "What can a network re-use from another one?",
    "Compare five networks for cats and dogs: some re-used almost everything.",
)


@st.fragment
def side_by_side(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with left:
            settings = transfer_panels.settings(picked)
        with right:
            anatomies = transfer_panels.show_parts()
            transfer_panels.show_evidence(picked, settings)
            transfer_panels.show_curves(settings)
            transfer_panels.show_drift(anatomies)


with frame.user_errors():
    picked = controls.picked_picture(controls.PHOTOGRAPH)
    side_by_side(picked)
