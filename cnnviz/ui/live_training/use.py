"""What a trained network is good for: all pages, a file, and the table of runs."""

import streamlit as st

from cnnviz import figures
from cnnviz.training.live.settings import (
    LiveSettings,
    LiveTrained,
)
from cnnviz.ui.controls import NETWORK, USER_MODEL
from cnnviz.ui.live_training.session import shown_run
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import download
from cnnviz.ui.shell.server import keep_server_fast


def show_use(settings: LiveSettings) -> None:
    """Offer the trained network to all pages and as a file."""
    run = shown_run(settings)
    if run is None or run.is_active or run.trained is None:
        return
    trained = run.trained
    st.subheader("Use this network")
    user_model = st.session_state.get(USER_MODEL)
    if user_model is not None and user_model.name == trained.settings.name:
        st.button("Close this network", on_click=_close, width="stretch", key="live close")
        st.markdown(f"“{user_model.card.title}” is open on every page, under **Network**.")
        frame.link("feature_maps", "Feature maps")
        frame.link("class_activation", "Class activation maps")
    elif st.button("Open on all pages", width="stretch", key="live open"):
        _open(trained)
    name = trained.settings.name
    download("Network and card (ZIP)", f"{name}.zip", lambda: zipped(trained))
    download("Settings (JSON)", f"{name}.settings.json", trained.settings.to_json().encode)
    st.markdown(
        ":small[The network is kept for this session only. Unpack the ZIP into the folder of "
        "`CNNVIZ_MODELS_DIR` to open it later; `cnnviz train-live` repeats the training from the "
        "settings exactly.]"
    )


def _open(trained: LiveTrained) -> None:
    keep_server_fast()
    from cnnviz.network.loading import adopt
    from cnnviz.training import live_card, live_network

    with st.spinner("Opening the network…"):
        st.session_state[USER_MODEL] = adopt(live_network(trained), live_card(trained))
    st.session_state[address.wanted(NETWORK)] = trained.settings.name
    st.rerun()


def _close() -> None:
    st.session_state.pop(USER_MODEL, None)


def zipped(trained: LiveTrained) -> bytes:
    """Pack a trained network, its card and its history into a ZIP."""
    from cnnviz.training import live_files

    return figures.zipped(live_files(trained))
