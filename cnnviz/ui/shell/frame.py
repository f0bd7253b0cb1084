"""The frame of every page: its bar, its title, its two columns, its errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import paths
from cnnviz.errors import CnnvizError

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

CONTROLS_PX = 290  # width of the column of controls
_STYLE = Path(__file__).with_name("frame.css")
_BAR = "bar"  # session key


@dataclass(frozen=True, slots=True)
class Bar:
    """The places in the bar: a thumbnail, the menus of image and network, and the views."""

    thumbnail: "DeltaGenerator"
    image: "DeltaGenerator"
    network: "DeltaGenerator"
    views: "DeltaGenerator"


def begin(title: str) -> None:
    """Set up the window of a page."""
    st.set_page_config(page_title=f"{title} · cnnviz", page_icon="🔬", layout="wide")
    st.html(_STYLE)


def new_bar() -> Bar:
    """Draw the bar that holds what is chosen for every page; once in each run."""
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        places = [st.container(width="content", key=f"bar_{name}") for name in Bar.__slots__]
    st.session_state[_BAR] = Bar(*places)
    return bar()


def bar() -> Bar:
    """Give the bar of this run."""
    drawn: Bar = st.session_state[_BAR]
    return drawn


def headline(title: str, question: str) -> None:
    """Write the title of a view and its question in one line."""
    with st.container(key="headline", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="content"):
            st.title(title)
        with st.container(width="content"):
            st.markdown(question)


def columns() -> tuple["DeltaGenerator", "DeltaGenerator"]:
    """Lay out a view: a narrow column for its controls, and the stage for its result."""
    with st.container(key="view", horizontal=True, gap="medium"):
        return (
            st.container(key="controls", width=CONTROLS_PX),
            st.container(key="stage", width="stretch"),
        )


def link(name: str, title: str, view: str = "") -> None:
    """Link to a page by its name, and to one of its views by its slug."""
    page = st.Page(paths.PAGES / f"{name}.py", title=title, url_path=name)
    query = {"view": view} if view else None
    st.page_link(page, label=f"**{title}**", query_params=query)


@contextmanager
def user_errors(place: "DeltaGenerator | None" = None) -> Iterator[None]:
    """Show what a user can correct as a message; everything else surfaces.

    Parameters
    ----------
    place : DeltaGenerator, optional
        Where the message goes; below what was drawn before it if left out.
    """
    try:
        yield
    except CnnvizError as error:
        (place or st.container()).error(str(error))
