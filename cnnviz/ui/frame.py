"""The frame of every page: its title, its errors, its navigation."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from cnnviz.errors import CnnvizError

SIDEBAR_PX = 270

_FOLDER = Path(__file__).parents[2] / "pages"

# address and file name of each page, and its title in the navigation; the first is the start page
PAGES = {
    "home": "Start",
    "convolution": "Convolution",
    "gabor": "Gabor",
    "feature_maps": "Feature maps",
    "filters": "Filter pictures",
    "class_activation": "Class activation",
    "transfer": "Re-using features",
    "film": "Training film",
    "basics": "Basics",
    "augmentation": "Augmentation",
    "models": "Networks",
}


def _page(name: str) -> StreamlitPage:
    is_start = name == next(iter(PAGES))
    return st.Page(_FOLDER / f"{name}.py", title=PAGES[name], url_path=name, default=is_start)


def navigation() -> StreamlitPage:
    """Set up the links to all pages and give the one that was asked for."""
    st.session_state["routed"] = True
    return st.navigation([_page(name) for name in PAGES], position="top")


def link(name: str) -> None:
    """Link to a page by its address."""
    st.page_link(_page(name), label=f"Open {PAGES[name]}", icon="➡️")


def begin(title: str, lead: str) -> None:
    """Start a page: its title and one sentence of what to do, drawn before anything is computed."""
    st.set_page_config(
        page_title=f"{title} · cnnviz",
        page_icon="🔬",
        layout="wide",
        initial_sidebar_state=SIDEBAR_PX,
    )
    if "routed" not in st.session_state:
        # A fresh server opens a page's address without app.py. From the next run on it would go
        # through app.py and take all widgets for new ones: better now than after an upload.
        navigation()
        st.rerun()
    st.title(title)
    st.markdown(lead)


@contextmanager
def user_errors() -> Iterator[None]:
    """Show what a user can put right as a message in its place; everything else surfaces."""
    try:
        yield
    except CnnvizError as error:
        st.error(str(error))
