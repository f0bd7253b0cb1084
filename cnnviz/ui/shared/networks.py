"""Networks as they are: their predictions, their layers, how they were trained."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.images import ImageInput
from cnnviz.network.layer_table import LayerFacts
from cnnviz.network.prediction import Prediction
from cnnviz.ui.shell.cache import remembered
from cnnviz.ui.shell.server import keep_server_fast
from cnnviz.zoo import TrainingRecord

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel


def model(model_name: str) -> "LoadedModel":
    """Return a network of the zoo; the process keeps the last few itself.

    They are not in Streamlit's cache, because any visitor can clear that.
    """
    with st.spinner("Loading the network. This takes a few seconds the first time…"):
        return loaded(model_name)


def loaded(model_name: str) -> "LoadedModel":
    """Return a network of the zoo to a job, which must not draw."""
    keep_server_fast()
    from cnnviz.network.loading import load_model

    return load_model(model_name)


@remembered(256)
def predictions(model_name: str, image: ImageInput, top: int = 5) -> tuple[Prediction, ...]:
    """Name the most probable classes."""
    return model(model_name).predict(image, top)


@remembered(64)
def predictions_by_scaling(
    model_name: str, image: ImageInput, top: int = 3
) -> dict[str, tuple[Prediction, ...]]:
    """Predict the classes of an image under every input scaling that fits the network."""
    return model(model_name).predict_by_scaling(image, top)


@remembered(8)
def layers(model_name: str) -> tuple[LayerFacts, ...]:
    """Describe every layer of a network."""
    from cnnviz.network.layer_table import layer_table

    return layer_table(model(model_name))


@remembered(8)
def drawing(model_name: str) -> Any:
    """Draw a network."""
    return figures.architecture_figure(layers(model_name), model(model_name).input_shape)


@remembered(16)
def training_record(model_name: str) -> TrainingRecord:
    """Read how a network was trained."""
    return zoo.training_record(model_name)


@remembered(32)
def checkpoint(model_name: str, step: int) -> dict[str, list[np.ndarray]]:
    """Read the weights that a network had on the way."""
    return zoo.checkpoint(model_name, step)
