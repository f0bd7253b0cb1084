"""The frame of every page: its title, its errors, its navigation."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from cnnviz import paths
from cnnviz.errors import CnnvizError

SIDEBAR_PX = 270


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation: its title there, its section, and what it is about."""

    title: str
    section: str
    words: str


_FILTERS, _INSIDE, _LEARNING = "Filters", "Inside a network", "Learning"
# address and file name of each page, in the order of a lecture; the first is the start page
PAGES = {
    "home": Entry("Home", "", ""),
    "convolution": Entry(
        "Convolution",
        _FILTERS,
        "A kernel slides over an image and takes a weighted sum of the pixels at each position. "
        "Compute any position by hand.",
    ),
    "gabor": Entry(
        "Gabor filters",
        _FILTERS,
        "Sinusoids under a Gaussian that respond to oriented stripes. First layers learn similar "
        "kernels.",
    ),
    "basics": Entry(
        "Basics",
        _FILTERS,
        "Templates of a linear classifier, 1D convolution, and the gradient of a shared weight.",
    ),
    "feature_maps": Entry(
        "Feature maps",
        _INSIDE,
        "Every filter's activation map, from edges to eyes; any unit traced back to its pixels.",
    ),
    "filters": Entry(
        "Feature visualization",
        _INSIDE,
        "What activates a filter: gradient ascent turns noise into an image that maximizes it.",
    ),
    "class_activation": Entry(
        "Class activation maps",
        _INSIDE,
        "Which regions support the predicted class: 17 methods, each evaluated.",
    ),
    "train": Entry(
        "Live training",
        _LEARNING,
        "Build a small network and watch it learn: kernels, learning curves, misclassified images.",
    ),
    "film": Entry(
        "Training timeline",
        _LEARNING,
        "One image throughout training: kernels, feature maps, heat maps and predictions, step by "
        "step.",
    ),
    "augmentation": Entry(
        "Data augmentation",
        _LEARNING,
        "Random augmentations as in training, and whether the network still recognizes the image.",
    ),
    "transfer": Entry(
        "Transfer learning",
        _LEARNING,
        "From scratch, frozen base or fine-tuned; and a classifier for your own classes in "
        "seconds.",
    ),
    "models": Entry(
        "Networks",
        "",
        "Layers, parameters, weights, learning curves and confusion matrices of all networks.",
    ),
}


def _page(name: str) -> StreamlitPage:
    is_start = name == next(iter(PAGES))
    title = PAGES[name].title
    return st.Page(paths.PAGES / f"{name}.py", title=title, url_path=name, default=is_start)


def navigation() -> StreamlitPage:
    """Set up the links to all pages and give the one that was asked for."""
    st.session_state["routed"] = True
    sections: dict[str, list[StreamlitPage]] = {}
    for name, entry in PAGES.items():
        sections.setdefault(entry.section, []).append(_page(name))
    return st.navigation(sections, position="top")


def sections() -> list[tuple[str, list[str]]]:
    """List the sections with the pages of each, but for the start page; the nameless one last."""
    found: dict[str, list[str]] = {}
    for name, entry in PAGES.items():
        if entry.words:
            found.setdefault(entry.section, []).append(name)
    return sorted(found.items(), key=lambda item: not item[0])


def link(name: str) -> None:
    """Link to a page by its address."""
    st.page_link(_page(name), label=PAGES[name].title, icon="➡️")


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
