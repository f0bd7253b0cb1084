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
    "home": Entry("Start", "", ""),
    "convolution": Entry(
        "Convolution",
        _FILTERS,
        "A kernel slides over a picture: numbers are multiplied and added up at every place. Watch "
        "it, and write any cell out by hand.",
    ),
    "gabor": Entry(
        "Gabor",
        _FILTERS,
        "Filters made by hand: small waves under a bell that answer to stripes of one width and "
        "direction. First layers learn much the same.",
    ),
    "basics": Entry(
        "Basics",
        _FILTERS,
        "Template matching, convolution along a line, and why one weight used everywhere has a sum "
        "for its gradient.",
    ),
    "feature_maps": Entry(
        "Feature maps",
        _INSIDE,
        "What every filter answers, at every place, from edges to whole eyes; any number traced "
        "back to the pixels.",
    ),
    "filters": Entry(
        "Filter pictures",
        _INSIDE,
        "What a filter looks for: from noise grows the picture that excites it most.",
    ),
    "class_activation": Entry(
        "Class activation",
        _INSIDE,
        "Which parts argue for a class, by seventeen methods, each put to the test.",
    ),
    "train": Entry(
        "Train live",
        _LEARNING,
        "Build a small network and train it in front of the class: kernels, curves and mistakes "
        "as they form.",
    ),
    "film": Entry(
        "Training film",
        _LEARNING,
        "One picture through a whole training: kernels, maps, evidence and answers, played like a "
        "film.",
    ),
    "augmentation": Entry(
        "Augmentation",
        _LEARNING,
        "The picture turned, shifted, zoomed and flipped as a training sees it, and whether the "
        "network still says the same.",
    ),
    "transfer": Entry(
        "Re-using features",
        _LEARNING,
        "From scratch, frozen or fine-tuned; and a network for classes of your own in seconds.",
    ),
    "models": Entry(
        "Networks",
        "",
        "Layers, parameters, weights, learning curves and mistakes of every network here.",
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
