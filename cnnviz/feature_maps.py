"""What each filter of a layer answers to a picture."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cnnviz.errors import InvalidParameterError
from cnnviz.results import FeatureMaps, ImageInput

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.probe import LoadedModel


def feature_maps(
    model: "LoadedModel", image: ImageInput, layer_names: Iterable[str] | None = None
) -> dict[str, FeatureMaps]:
    """Compute the feature maps of any number of layers in one forward pass.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    layer_names : iterable of str, optional
        Layers with maps; all of them if left out.

    Returns
    -------
    dict of FeatureMaps
        In the order asked for; `values` are float32 (h, w, K).

    Raises
    ------
    UnknownLayerError
        If the model has no such layer.
    InvalidParameterError
        If a layer has no maps.
    """
    names = model.map_layer_names if layer_names is None else tuple(layer_names)
    for name in names:
        if name in model.layer_shapes and name not in model.map_layer_names:
            raise InvalidParameterError(
                f"Layer {name!r} has no maps: its output is a plain list of numbers."
            )
    activations, _ = model.activations(image, names)
    return {name: FeatureMaps(values, name) for name, values in activations.items()}
