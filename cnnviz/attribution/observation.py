"""An image run through a network and back, once for all methods and layers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.attribution.targets import Target
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.cost import BACKWARD

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

OBSERVATION = 1 + BACKWARD  # passes of `observe`


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A network's answer to a picture, looked at once for all methods.

    Attributes
    ----------
    batch : float32 ndarray of shape (1, h, w, C)
        The picture as the network gets it.
    scores : float32 ndarray of shape (num_classes,)
    value : float
        S, what is argued for.
    activations, gradients : mapping
        Of the layers asked for their outputs, and ∂S/∂(output), without the batch.
    """

    model: "LoadedModel"
    image: ImageInput
    target: Target
    batch: np.ndarray
    scores: np.ndarray
    value: float
    activations: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]


def observe(
    model: "LoadedModel", image: ImageInput, target: Target, layer_names: Iterable[str]
) -> Case:
    """Run a picture through a network and back, once for all methods and layers.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    target : Target
    layer_names : iterable of str
        Layers with maps; `IMAGE` stands for the network's input.

    Raises
    ------
    InvalidParameterError
        If a class does not exist, or a layer has no maps.
    UnknownLayerError
        If there is no such layer.
    AnalysisError
        If nothing depends on a layer, or values are not finite.
    """
    names = tuple(dict.fromkeys(layer_names))
    target.check(model)
    for name in names:
        if name != IMAGE:
            model.checked_maps(name)
    batch = model.preprocess(image)
    unknown = np.zeros((1, len(model.class_names)), np.float32)
    scores = unknown if target.is_linear else model.scores_of(batch)
    found = model.gradients(batch, target.slopes(model, scores), names)
    return Case(
        model=model,
        image=image,
        target=target,
        batch=batch,
        scores=found.scores[0],
        value=float(target.values(model, found.scores)[0]),
        activations={name: values[0] for name, values in found.activations.items()},
        gradients={name: values[0] for name, values in found.gradients.items()},
    )
