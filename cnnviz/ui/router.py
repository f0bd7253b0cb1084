"""Shows the pages of the table: navigation, bar, title, and the view that was chosen."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from cnnviz import paths
from cnnviz.ui import controls
from cnnviz.ui.pages import BY_NAME, IMAGE, NETWORK, PAGES, Page, View
from cnnviz.ui.shell import address, frame, results, visitors

HOME = "home"
_ROUTED = "routed"  # session key: this session came through app.py
UNKNOWN = "unknown_page"  # session key: the page that an address asked for in vain


def run() -> None:
    """Show the page that was asked for, with the choice of image that serves all pages."""
    st.session_state[_ROUTED] = True
    page = _navigation()
    if visitors.is_full():
        frame.begin("The room is full")
        st.info(
            f"The room is full: this server admits {visitors.max_visitors()} people at once. "
            "Reload the page in a few minutes."
        )
        st.stop()
    visitors.begin_run()
    address.name_infinite_numbers()
    address.begin_page(page.url_path)
    if not page.url_path:
        st.session_state[UNKNOWN] = address.unknown_page({HOME})
    controls.choose_image()
    page.run()


def begin(title: str) -> None:
    """Start a page: its window and, where it runs without app.py, its bar."""
    frame.begin(title)
    if _ROUTED not in st.session_state:
        # A fresh server opens a page's address without app.py. From the next run on it would go
        # through app.py and take all widgets for new ones: better now than after an upload.
        st.session_state[_ROUTED] = True
        _navigation()
        st.rerun()
    if not controls.has_choice():
        address.name_infinite_numbers()
        controls.choose_image()  # this page runs without app.py


def show(name: str) -> None:
    """Show a page of the table."""
    page = BY_NAME[name]
    begin(page.title)
    with frame.user_errors():
        view = _choose_view(page)
        address.begin_view(f"{page.name}/{view.slug}")
        frame.headline(page.title, view.question)
        chosen: list[Any] = []
        if NETWORK in view.needs:
            suitable = view.suitable() if view.suitable is not None else None
            chosen.append(controls.model_picker(suitable, view.network))
        if IMAGE in view.needs:
            example = view.example() if view.example else controls.example_for(chosen[0])
            chosen.append(controls.picked_image(example))
        else:
            controls.leave_image()
        (_fragment if view.is_fragment else _draw)(page.name, view.slug, *chosen)


def _draw(name: str, slug: str, *chosen: Any) -> None:
    visitors.begin_run()
    view = next(view for view in BY_NAME[name].views if view.slug == slug)
    results.begin()
    with frame.user_errors(st.container(key="message")):
        view.show(*chosen)
    results.offer(f"{name}-{slug}".replace("_", "-"), frame.menu_place())


_fragment = st.fragment(_draw)


def _choose_view(page: Page) -> View:
    titles = {view.slug: view.title for view in page.views}
    first = next(iter(titles))

    def ask(key: str) -> str:
        if len(titles) == 1:
            return first
        chosen = st.segmented_control(
            "View",
            [*titles],
            format_func=titles.__getitem__,
            key=key,
            required=True,
            label_visibility="collapsed",
        )
        return chosen or first

    with frame.bar().views:
        key = f"{page.name}_view"
        if frame.is_presenting() and len(titles) > 1:
            _turn_by_keys([*titles], address.next_choice("view", [*titles], first, key=key), key)
        slug = address.choice("view", [*titles], first, ask, key=key)
    return next(view for view in page.views if view.slug == slug)


def _turn_by_keys(slugs: Sequence[str], shown: str, key: str) -> None:
    """Offer the next and the previous view to the keyboard, or to a presenter's remote control."""

    def turn(step: int) -> None:
        st.session_state[address.wanted(key)] = slugs[(slugs.index(shown) + step) % len(slugs)]

    with st.container(key="turn", horizontal=True, width="content", gap="small"):
        for label, shortcut, step in (("Previous", "PageUp", -1), ("Next", "PageDown", 1)):
            st.button(
                f"{label} view",
                key=f"turn {shortcut}",
                shortcut=shortcut,
                on_click=turn,
                args=(step,),
            )


def _page(name: str) -> StreamlitPage:
    title = BY_NAME[name].title if name in BY_NAME else "Home"
    return st.Page(paths.PAGES / f"{name}.py", title=title, url_path=name, default=name == HOME)


def _navigation() -> StreamlitPage:
    sections: dict[str, list[StreamlitPage]] = {"": [_page(HOME)]}
    for page in PAGES:
        sections.setdefault(page.section, []).append(_page(page.name))
    return st.navigation(sections, position="top")
