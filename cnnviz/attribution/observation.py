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
MAX_BATCH = 16  # images in one batch, forward and back


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """An image run through a network once for all methods.

    Attributes
    ----------
    batch : float32 ndarray of shape (1, h, w, C)
        The preprocessed image.
    logits : float32 ndarray of shape (num_classes,)
    value : float
        S, the target.
    activations, gradients : mapping
        Of each requested layer: its output, and ∂S/∂output, without the batch axis.
    """

    model: "LoadedModel"
    image: ImageInput
    target: Target
    batch: np.ndarray
    logits: np.ndarray
    value: float
    activations: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]

    @property
    def logit_gradient(self) -> np.ndarray:
        """Compute ∂S/∂logit here, float32 (num_classes,)."""
        return self.target.logit_gradient(self.model, self.logits[np.newaxis])[0]


def observe(
    model: "LoadedModel", image: ImageInput, target: Target, layer_names: Iterable[str]
) -> Observation:
    """Run an image through a network and back, once for all methods and layers.

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
    logits = unknown if target.is_linear else model.logits_of(batch)
    layer_gradients = model.gradients(batch, target.logit_gradient(model, logits), names)
    return Observation(
        model=model,
        image=image,
        target=target,
        batch=batch,
        logits=layer_gradients.logits[0],
        value=float(target.values(model, layer_gradients.logits)[0]),
        activations={name: values[0] for name, values in layer_gradients.activations.items()},
        gradients={name: values[0] for name, values in layer_gradients.gradients.items()},
    )
