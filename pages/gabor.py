import streamlit as st

from cnnviz.ui import cached, controls, frame, gabor_panels

MAX_SIDE_PX = 512  # larger pictures are reduced, so that a moved slider answers at once

frame.begin(
    "What does a Gabor filter answer to?",
    "Move a slider: the wave changes, and with it the stripes and edges that it finds.",
)


@st.fragment
def one_filter(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with left:
        chosen = gabor_panels.filter_settings()
    with frame.user_errors(), right:
        image = cached.smaller(picked.image, MAX_SIDE_PX)
        kernel = cached.filter_kernel(**chosen)
        gabor_panels.show_kernel(image, picked.label, kernel)
        gabor_panels.show_response(cached.filter_response(image, **chosen))
        gabor_panels.explain_filter(chosen, kernel, image)


@st.fragment
def bank(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with left:
        chosen = gabor_panels.bank_settings()
    with frame.user_errors(), right:
        image = cached.smaller(picked.image, MAX_SIDE_PX)
        gabor_panels.show_bank(image, picked.label, **chosen)


with frame.user_errors():
    picked = controls.picked_picture(controls.DIGIT)
    views = {"One filter": one_filter, "A bank of filters": bank}
    with st.sidebar:
        st.subheader("View")
        view = st.radio("Show", [*views], key="view", bind="query-params")
    views[view](picked)
