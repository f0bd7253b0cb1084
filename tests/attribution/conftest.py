"""A network whose attributions are known on paper."""

import keras
import numpy as np
import pytest
from keras import layers

from cnnviz.network.inspected_model import LoadedModel
from cnnviz.network.inspection import wrap_model
from cnnviz.zoo import card_for_model

WEIGHTS = np.random.default_rng(4).normal(0, 0.05, (8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def linear() -> LoadedModel:
    """A network that is a weighted sum of its input: class 1 against class 0."""
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, layers.Dense(2, name="dense")(layers.Flatten()(inputs)))
    kernel = np.stack([np.zeros(192, np.float32), WEIGHTS.ravel()], axis=1)
    network.set_weights([kernel, np.float32([0, 0.5])])
    return wrap_model(network, card_for_model(network, "linear"))
