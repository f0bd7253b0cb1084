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
_LARGER = Path(__file__).with_name("presenting.css")
_PRESENT = "present"  # session key, and in the address
_BAR = "bar"  # session key
_MENU = "menu_place"  # session key


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
    if is_presenting():
        st.html(_LARGER)
        st.query_params[_PRESENT] = "true"  # also after a change of page


def is_presenting() -> bool:
    """Tell whether everything is shown larger and without explanations, for a hall."""
    if _PRESENT not in st.session_state:
        st.session_state[_PRESENT] = st.query_params.get(_PRESENT) == "true"
    return bool(st.session_state[_PRESENT])


def _switch() -> None:
    # a button, not a toggle: the keys of the views would not work while that has the focus
    st.session_state[_PRESENT] = not is_presenting()
    if not is_presenting():
        st.query_params.pop(_PRESENT, None)


def explain(text: str) -> None:
    """Write an explanation below a result; while presenting, the lecturer explains."""
    if not is_presenting():
        st.markdown(text)


def new_bar() -> Bar:
    """Draw the bar that holds what is chosen for every page; once in each run."""
    with st.container(key="bar", horizontal=True, vertical_alignment="center", gap="small"):
        places = [st.container(width="content", key=f"bar_{name}") for name in Bar.__slots__]
    st.session_state[_BAR] = Bar(*places)
    return bar()


def bar() -> Bar:
    """Return the bar of this run."""
    drawn: Bar = st.session_state[_BAR]
    return drawn


def headline(title: str, question: str) -> None:
    """Write the title of a view and its question in one line."""
    with st.container(key="headline", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(width="content"):
            st.title(title)
        with st.container(width="content"):
            st.markdown(question)
        if st.context.is_embedded:
            return  # there is no header that it could stand in
        with st.container(width="content", key="present_switch"):
            st.button(
                "End presenting" if is_presenting() else "Present",
                key="present_button",
                type="tertiary",
                shortcut="P",
                on_click=_switch,
                help="Larger, without explanations. Page Down and Page Up show the next and the "
                "previous view.",
            )


def columns() -> tuple["DeltaGenerator", "DeltaGenerator"]:
    """Lay out a view: a narrow column for its controls, and the stage for its result."""
    with st.container(key="view", horizontal=True, gap="medium"):
        with st.container(key="controls", width=CONTROLS_PX):
            controls, st.session_state[_MENU] = st.container(), st.container()
        return controls, st.container(key="stage", width="stretch")


def menu_place() -> "DeltaGenerator":
    """Return where the menu of downloads goes: below the controls, or below a view without any."""
    place: DeltaGenerator = st.session_state.pop(_MENU, None) or st.container()
    return place


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
