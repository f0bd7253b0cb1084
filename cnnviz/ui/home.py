"""The home page: the image in use, and a way to every page."""

import streamlit as st

from cnnviz.ui import controls, router
from cnnviz.ui.pages import PAGES
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import show_picture


def show() -> None:
    """Show the image in use beside the list of pages."""
    router.begin("Home")
    with frame.user_errors():
        frame.headline(
            "What does a convolutional network see?",
            "Choose an image, then open a page. The image goes along.",
        )
        picked = controls.picked_picture(controls.PHOTOGRAPH)
        picture, text = st.columns([1, 1.8], gap="large")
        with picture:
            show_picture(picked.image.pixels, picked.label, f"The chosen image: {picked.label}")
            st.subheader("Use your own image")
            st.write(
                "Open *Image* above and choose *Your own image* as the source. It stays on this "
                "server and is deleted when the session ends. No page needs the internet."
            )
            st.markdown(
                "**Share a view.** The address holds every setting of a page: copy the link, and "
                "others see the same view. An uploaded image is not part of it."
            )
        with text:
            for section in dict.fromkeys(page.section for page in PAGES):
                st.subheader(section or "All networks")
                for page in (page for page in PAGES if page.section == section):
                    left, right = st.columns([1.4, 1.7], vertical_alignment="center")
                    with left:
                        frame.link(page.name, page.title)
                    right.markdown(f":small[{page.summary}]")
