"""Small networks that are trained while one watches."""

from typing import Any

from cnnviz import figures, zoo
from cnnviz.datasets import LabeledImages
from cnnviz.network.layer_table import LayerFacts
from cnnviz.training.live.settings import LiveLook, LiveSettings, available_data, ten_images
from cnnviz.ui.shell.cache import remembered
from cnnviz.ui.shell.server import keep_server_fast

_DRAWING_PX = 270  # height, beside the kernels on one screen


@remembered(1, ttl=600)
def live_data() -> tuple[str, ...]:
    """Name the data on this computer that a small network can be trained on."""
    return available_data()


@remembered(4)
def live_ten(data_name: str) -> LabeledImages:
    """Return the ten images that are watched while a network learns."""
    return ten_images(data_name)


@remembered(16, "Building the network…")
def live_first_look(settings: LiveSettings) -> LiveLook:
    """Look at a small network before any training."""
    keep_server_fast()
    from cnnviz.training import first_look

    return first_look(settings)


@remembered(16, "Building the network…")
def live_drawing(settings: LiveSettings) -> tuple[Any, tuple[LayerFacts, ...]]:
    """Draw a small network before any training, and describe its layers."""
    keep_server_fast()
    from cnnviz.network.inspection import wrap_model
    from cnnviz.network.layer_table import layer_table
    from cnnviz.zoo.blocks import build_blocks

    network = build_blocks(settings.network, settings.name, settings.seed)
    rows = layer_table(wrap_model(network, zoo.card_for_model(network, settings.name)))
    figure = figures.architecture_figure(rows, settings.network.input_shape)
    return figure.update_layout(height=_DRAWING_PX), rows
