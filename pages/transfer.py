import streamlit as st

from cnnviz.ui import controls, frame, own_class_panels, transfer_panels

frame.begin(
    "What can a network re-use from another one?",
    "Compare five networks for cats and dogs, or train a head on classes of your own.",
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


@st.fragment
def own_classes(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with left:
            classes = own_class_panels.chosen_classes()
        with right:
            own_class_panels.show(classes, picked)


with frame.user_errors():
    views = {"Side by side": side_by_side, "Your own classes": own_classes}
    view = st.segmented_control(
        "View",
        [*views],
        default="Side by side",
        required=True,
        key="transfer_view",
        bind="query-params",
    )
    picked = controls.picked_picture(controls.PHOTOGRAPH)
    views[view](picked)
