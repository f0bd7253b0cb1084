import streamlit as st

from cnnviz.ui import controls, frame, pictures

frame.begin(
    "What does a convolutional network see?",
    "Choose an image on the left, then open a page. The image goes along.",
)
with frame.user_errors():
    picked = controls.picked_picture(controls.PHOTOGRAPH)
    picture, text = st.columns([1, 1.8], gap="large")
    with picture:
        pictures.show_picture(
            picked.image.pixels, picked.label, f"The chosen image: {picked.label}"
        )
        st.subheader("Use your own image")
        st.write(
            "Choose *Your own image* as the source. It stays on this server and is deleted when "
            "the session ends. No page needs the internet."
        )
        st.markdown(
            "**Share a view.** The address holds every setting of a page: copy the link, and "
            "others "
            "see the same view. An uploaded image is not part of it."
        )
    with text:
        for section, names in frame.sections():
            st.subheader(section or "All networks")
            for name in names:
                left, right = st.columns([1.4, 1.7], vertical_alignment="center")
                with left:
                    frame.link(name)
                right.markdown(f":small[{frame.PAGES[name].words}]")
