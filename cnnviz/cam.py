"""Class activation maps: which parts of the picture argue for a class."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.results import ClassHeatmap, ImageInput

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.probe import LoadedModel


def weighted_evidence(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Combine one layer's feature maps into a class heatmap, as Grad-CAM does.

    Each channel is weighted with its mean gradient: how much the class gains when the whole map
    gets stronger. What speaks against the class is cut off.

    Parameters
    ----------
    activations, gradients : float32 ndarray of shape (h, w, K)
        Feature maps of the layer, and d(logit)/d(activation) on the same grid.

    Returns
    -------
    float32 ndarray of shape (h, w)
        Evidence for the class in logits, never negative; all zero if no channel speaks for it.

    Raises
    ------
    InvalidParameterError
        If the two shapes differ.

    References
    ----------
    Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, equations 1 and 2.

    Examples
    --------
    >>> weighted_evidence(np.ones((1, 1, 2), np.float32), np.float32([[[3, -1]]]))
    array([[2.]], dtype=float32)
    """
    if activations.shape != gradients.shape:
        raise InvalidParameterError(
            f"shapes must match, got {activations.shape} and {gradients.shape}."
        )
    channel_weights = gradients.mean(axis=(0, 1))
    return np.maximum(activations @ channel_weights, 0)


@dataclass(frozen=True, slots=True)
class CamMethod:
    """One way to turn activations and gradients into a map, and what to say about it."""

    name: str
    title: str
    paper: str
    combine: Callable[[np.ndarray, np.ndarray], np.ndarray]


METHODS = {
    method.name: method
    for method in [
        CamMethod(
            "grad-cam",
            "Grad-CAM",
            "Selvaraju et al., ICCV 2017, arXiv:1610.02391",
            weighted_evidence,
        ),
    ]
}


def class_activation_map(
    model: "LoadedModel",
    image: ImageInput,
    method: str = "grad-cam",
    *,
    layer_name: str | None = None,
    class_index: int | None = None,
) -> ClassHeatmap:
    """Show which parts of a picture argue for a class.

    The gradient is that of the logit, before softmax or sigmoid: a confident softmax has no
    gradient left. A network with one sigmoid unit z has two classes: 1 with the logit z, and 0
    with the logit -z.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    method : str
        One of `METHODS`.
    layer_name : str, optional
        A layer with maps; the last one if left out.
    class_index : int, optional
        The class argued for; the most probable one if left out.

    Returns
    -------
    ClassHeatmap
        On the layer's own grid, not scaled.

    Raises
    ------
    InvalidParameterError
        If the method or class does not exist, or the layer has no maps.
    UnknownLayerError
        If the model has no such layer.
    AnalysisError
        If the class does not depend on the layer, or values are not finite.
    """
    if method not in METHODS:
        raise InvalidParameterError(
            f"There is no method {method!r}. Choose one of: {', '.join(METHODS)}."
        )
    if layer_name is None:
        layer_name = model.default_cam_layer
    if len(model.layer_shapes.get(layer_name, (0, 0, 0))) != 3:
        raise InvalidParameterError(
            f"Layer {layer_name!r} has no maps: its output is a plain list of numbers. "
            f"Choose one of: {', '.join(model.map_layer_names)}."
        )
    if class_index is None:
        class_index = model.predict(image, top=1)[0].class_index
    activations, gradients, logit = model.activations_and_gradients(image, layer_name, class_index)
    values = METHODS[method].combine(activations, gradients)
    return ClassHeatmap(values, layer_name, class_index, logit, method)
