import streamlit as st

from cnnviz.ui import cached, controls, film_panels, frame

frame.begin(
    "How does a network learn?",
    "Press Play: kernels, maps, evidence and answers for one picture, from chance to the end.",
)


@st.fragment
def film(model_name: str, picked: controls.Picked) -> None:
    with frame.user_errors():
        film_panels.show(film_panels.choose(model_name, picked))


with frame.user_errors():
    model_name = controls.model_picker(cached.filmed_networks())
    film(model_name, controls.picked_picture(controls.example_for(model_name)))
