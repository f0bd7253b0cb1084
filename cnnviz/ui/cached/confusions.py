"""Pictures that a network takes for something else."""

import numpy as np
import streamlit as st

from cnnviz import datasets
from cnnviz.errors import DatasetError
from cnnviz.images import image_from_pixels
from cnnviz.ui.cached.networks import model, training_record
from cnnviz.ui.cached.pictures import held_out_pictures


@st.cache_data(max_entries=64, show_spinner=False)
def confusion_examples(model_name: str, true: int, answer: int) -> tuple[list[np.ndarray], str]:
    """Give pictures of one class that a network took for another, and where they come from.

    Of the whole held-out part if it is on this computer, else of the bundled samples.
    """
    record = training_record(model_name)
    places = list(record.examples.get((true, answer), ()))
    if not places:
        return [], "There is no such picture."
    try:
        held_out = held_out_pictures(record.facts["data"])
    except DatasetError:
        return _examples_among_samples(model_name, record.facts["data"], true, answer)
    return [_rgb(held_out.images[place]) for place in places], f"{held_out.title}."


def _examples_among_samples(
    model_name: str, data_name: str, true: int, answer: int
) -> tuple[list[np.ndarray], str]:
    samples = {"fashion-mnist": datasets.fashion_mnist_samples, "svhn": datasets.svhn_samples}
    missing = "The held-out pictures are not on this computer, so none can be shown here."
    if data_name not in samples:
        return [], missing
    pictures = samples[data_name]()
    answers = answers_to_samples(model_name, data_name)
    chosen = np.flatnonzero((pictures.labels == true) & (answers == answer))[:9]
    if not len(chosen):
        return [], f"{missing} Among the bundled samples there is none of this kind."
    return [_rgb(pictures.images[i]) for i in chosen], f"Among: {pictures.title}."


@st.cache_data(max_entries=8, show_spinner="Asking the network for all samples…")
def answers_to_samples(model_name: str, data_name: str) -> np.ndarray:
    """What a network says to each bundled sample of a data set, int64 (N,)."""
    samples = {"fashion-mnist": datasets.fashion_mnist_samples, "svhn": datasets.svhn_samples}
    network = model(model_name)
    images = [image_from_pixels(pixels) for pixels in samples[data_name]().images]
    return np.array([int(network.scores(image).argmax()) for image in images])


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
