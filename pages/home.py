import streamlit as st

from cnnviz.ui import controls, frame, pictures

frame.begin(
    "What does a convolutional network see?",
    "Pick a picture on the left, then open a page: the picture goes with you.",
)
with frame.user_errors():
    picked = controls.picked_picture(controls.PHOTOGRAPH)
    picture, text = st.columns([1, 1.4], gap="large")
    with picture:
        pictures.show_picture(
            picked.image.pixels, picked.label, f"The picked picture: {picked.label}"
        )
    with text:
        for title, words, name in (
            (
                "1 · A kernel slides over a picture",
                "At every place numbers are multiplied and added up. Watch it, stop it, and write "
                "any cell out by hand.",
                "convolution",
            ),
            (
                "2 · Filters made by hand",
                "A **Gabor filter** is a small wave under a bell: it answers where stripes of its "
                "width and direction are. The first layers of trained networks find filters much "
                "like it.",
                "gabor",
            ),
            (
                "3 · What every filter answers",
                "A **feature map** is one filter's answer at every place. See all of them, from "
                "edges to whole eyes, and trace any number back to the pixels.",
                "feature_maps",
            ),
            (
                "4 · What a filter looks for",
                "Train the picture instead of the network: from noise grows what excites a filter "
                "most. Watch it, and switch the tricks off that make it clear.",
                "filters",
            ),
            (
                "5 · What a trained network looks at",
                "A network names what is in the picture. **Grad-CAM** shows which parts argue for "
                "that name, or for any other of its thousand classes.",
                "class_activation",
            ),
            (
                "6 · What networks are made of",
                "Layers, parameters, weights, learning curves and mistakes of every network here; "
                "ten of them were trained for this program.",
                "models",
            ),
        ):
            st.subheader(title)
            st.write(words)
            frame.link(name)
        st.subheader("With a picture of your own")
        st.write(
            "Choose «Your own picture» as the source. It is read on this server only, kept for "
            "this session only, and nothing on these pages needs the internet."
        )
    st.divider()
    st.markdown(
        "**Good to know.** A heat map is evidence, not proof: it says what the network used, not "
        "why that is right. Every page's address holds its settings: copy it, and others see the "
        "same view."
    )
