import streamlit as st

from cnnviz.ui import controls, frame, pictures

frame.begin(
    "What does a convolutional network see?",
    "Pick a picture on the left, then open a page: the picture goes with you.",
)
with frame.user_errors():
    picked = controls.picked_picture(controls.PHOTOGRAPH)
    picture, text = st.columns([1, 1.8], gap="large")
    with picture:
        pictures.show_picture(
            picked.image.pixels, picked.label, f"The picked picture: {picked.label}"
        )
        st.subheader("With a picture of your own")
        st.write(
            "Choose «Your own picture» as the source. It is read on this server only, kept for "
            "this session only, and nothing on these pages needs the internet."
        )
        st.markdown(
            "**Good to know.** A heat map is evidence, not proof: it says what the network used, "
            "not why that is right. Every page's address holds its settings: copy it, and others "
            "see the same view."
        )
    with text:
        for section, names in frame.sections():
            st.subheader(section or "All networks")
            for name in names:
                left, right = st.columns([1, 1.7], vertical_alignment="center")
                with left:
                    frame.link(name)
                right.markdown(f":small[{frame.PAGES[name].words}]")
