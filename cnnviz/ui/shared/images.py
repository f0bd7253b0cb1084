"""Pictures: made smaller, and the ones that a network can be asked about."""

import streamlit as st

from cnnviz import datasets, zoo
from cnnviz.datasets import Collection, LabelledImages
from cnnviz.errors import DatasetError
from cnnviz.images import ImageInput, shrink_to_fit
from cnnviz.ui.shared.keys import BY_DIGEST
from cnnviz.ui.shared.networks import model, training_record

_EXEMPLAR_BYTES, _LEAST_PICTURES = 48 << 20, 20  # what is kept of all filters' answers to pictures


@st.cache_data(max_entries=32, hash_funcs=BY_DIGEST, show_spinner=False)
def smaller(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce a picture so that its longer side fits."""
    return shrink_to_fit(image, max_side_px)


def collection_for(model_name: str, full: bool) -> Collection:
    """Pictures of the kind that a network was made for: bundled ones, or the held-out part.

    Raises
    ------
    DatasetError
        If the held-out part is not on this computer.
    """
    data = training_record(model_name).facts["data"] if zoo.has_training_record(model_name) else ""
    bundled = {"fashion-mnist": "clothing", "mnist": "digits", "svhn": "digits"}
    found = (
        _held_out_collection(data)
        if full
        else datasets.collection(bundled.get(data, "photographs"))
    )
    num_channels = sum(shape[2] for shape in model(model_name).map_shapes.values())
    return found.thinned(max(_LEAST_PICTURES, _EXEMPLAR_BYTES // (16 * num_channels)))


@st.cache_resource(max_entries=2, show_spinner="Reading the test images…")
def _held_out_collection(data_name: str) -> Collection:
    if not data_name:
        raise DatasetError(
            "This network was not trained here, so its held-out pictures are not known. Use the "
            "bundled ones."
        )
    return datasets.collection_of(data_name, held_out_pictures(data_name))


@st.cache_resource(max_entries=1, show_spinner="Reading the test images…")
def held_out_pictures(data_name: str) -> LabelledImages:
    """Read the pictures of a data set that networks here are measured on: shared, read-only."""
    from cnnviz.training.recipes import DATA

    return DATA[data_name]("test")
