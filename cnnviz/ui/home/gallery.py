"""The gallery of the home page."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz.ui import controls, router
from cnnviz.ui.home.cached import NEEDS_NETWORK, SIDE_PX, preview
from cnnviz.ui.pages import INSIDE, PAGES, Page
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import show_small


def show() -> None:
    """Show each page by a result, for the image in use where the page uses it."""
    router.begin("Home")
    with frame.user_errors():
        frame.headline(
            "What does a convolutional network see?",
            "Choose an image, then open a page: the image goes along.",
        )
        unknown = st.session_state.get(router.UNKNOWN)
        if unknown:
            st.warning(f"There is no page “{unknown}” here. Choose one of these.")
        picked = controls.picked_image(controls.PHOTOGRAPH)
        sections = [section for section in dict.fromkeys(page.section for page in PAGES) if section]
        places: dict[str, DeltaGenerator] = {}
        with st.container(key="gallery"):
            columns = st.columns(len(sections), gap="medium")
        for column, section in zip(columns, sections, strict=True):
            with column:
                st.subheader(section)
                for page in PAGES:
                    # the page without a section of its own is about networks
                    if page.section == section or (not page.section and section == INSIDE):
                        places[page.name] = _show_card(page)
        for name in sorted(places, key=NEEDS_NETWORK.__contains__):  # these take seconds at first
            with places[name], frame.user_errors():
                title = next(page.title for page in PAGES if page.name == name)
                show_small(preview(name, picked.image), title, SIDE_PX // 2)
    st.markdown(
        ":small[Your own image: open *Image* above; it is deleted when the session ends. To share "
        "a view, copy its address. No page needs the internet.]"
    )


def _show_card(page: Page) -> DeltaGenerator:
    """Lay out a card; returns the place of its image, as large as the image will be."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        place = st.container(width=SIDE_PX // 2, height=SIDE_PX // 2, border=False)
        with st.container(width="stretch", gap=None):
            frame.link(page.name, page.title)
            st.markdown(f":small[{page.summary}]")
    return place
