"""The app opened from Python on a network in memory, as in a notebook."""

import urllib.request
from pathlib import Path

import keras
import pytest
from keras import layers

import cnnviz
from cnnviz.errors import InvalidParameterError, ModelLoadError
from tests.builders.networks import vision_transformer

pytestmark = pytest.mark.browser


def test_the_app_opens_on_a_model_and_ends_without_a_trace() -> None:
    inputs = keras.Input((32, 32, 3))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 255)(inputs)))
    network = keras.Model(inputs, layers.Dense(2, activation="softmax")(x), name="my net")
    app = cnnviz.launch(network, class_names=["left", "right"], open_browser=False)
    folder = Path(app._folder)
    try:
        assert app.url.endswith("/class_activation?network=my-net")
        assert urllib.request.urlopen(app.url, timeout=10).status == 200
        assert (folder / "my-net.keras").is_file()
        assert app.url in app._repr_html_()
    finally:
        app.stop()
    assert not folder.exists()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(app.url, timeout=10)


def test_what_the_server_could_not_open_is_said_at_once() -> None:
    with pytest.raises(ModelLoadError, match="custom class"):
        cnnviz.launch(vision_transformer(class_token=True), open_browser=False)
    with pytest.raises(ModelLoadError, match="2 class names"):
        cnnviz.launch(
            vision_transformer(class_token=False), class_names=["a", "b"], open_browser=False
        )
    with pytest.raises(InvalidParameterError, match="port must be from 1 to 65535"):
        cnnviz.launch(vision_transformer(class_token=False), port=99_999, open_browser=False)
