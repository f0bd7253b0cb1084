import streamlit as st

from cnnviz.ui import bank_panels, cached, controls, frame, gabor_panels, tuning_panels

MAX_SIDE_PX = 512  # larger images are reduced, so that a moved slider responds at once

frame.begin(
    "Gabor filters",
    "What do hand-designed filters detect? Move a slider and watch kernel and response.",
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
def frequencies(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with left:
        chosen = gabor_panels.filter_settings()
    with frame.user_errors(), right:
        image = cached.smaller(picked.image, MAX_SIDE_PX)
        gabor_panels.show_frequencies(image, picked.label, chosen)


@st.fragment
def bank(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with left:
            image = cached.smaller(picked.image, MAX_SIDE_PX)
            chosen = bank_panels.bank_choice(min(image.pixels.shape[:2]))
            settings = bank_panels.tile_settings(len(cached.filter_bank(**chosen).names))
        with right:
            bank_panels.show_bank(image, picked.label, chosen, **settings)


@st.fragment
def many_pictures(picked: controls.Picked) -> None:
    left, right = st.columns([1.3, 3], gap="medium")
    with frame.user_errors():
        with left:
            chosen = bank_panels.bank_choice(28)
        with right:
            bank_panels.show_many(chosen)


@st.fragment
def features(picked: controls.Picked) -> None:
    with frame.user_errors():
        bank_panels.show_features()


def tuning(picked: controls.Picked) -> None:
    model_name = controls.model_picker()

    @st.fragment
    def compare() -> None:
        left, right = st.columns([1.3, 3], gap="medium")
        with left:
            chosen = gabor_panels.filter_settings()
        with frame.user_errors(), right:
            tuning_panels.show_tuning(chosen, model_name)

    compare()


def learned(picked: controls.Picked) -> None:
    model_name = controls.model_picker()

    @st.fragment
    def fits() -> None:
        with frame.user_errors():
            tuning_panels.show_learned(model_name)

    fits()


with frame.user_errors():
    tuning_panels.take_over()
    picked = controls.picked_picture(controls.DIGIT)
    views = {
        "One filter": one_filter,
        "Frequency domain": frequencies,
        "Filter bank": bank,
        "Ten images": many_pictures,
        "Features": features,
        "Orientation tuning": tuning,
        "Learned kernels": learned,
    }
    with st.sidebar:
        st.subheader("View")
        view = st.radio("Show", [*views], key="view", bind="query-params")
    views[view](picked)
