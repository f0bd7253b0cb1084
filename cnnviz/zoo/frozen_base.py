"""Transfer learning: a frozen part of a network somebody else trained, and a top trained here.

The two parts meet at a layer of the base. Only the top is trained and kept in ``models/``; the base
is built from its own weights and never changes.
"""

from typing import TYPE_CHECKING

from cnnviz.errors import ModelLoadError

if TYPE_CHECKING:
    import keras


def frozen_part(full: "keras.Model", layer_name: str, size_px: int | None = None) -> "keras.Model":
    """Cut a network off behind a layer and freeze what is left.

    Parameters
    ----------
    full : keras.Model
        Functional; it is not changed.
    layer_name : str
        The last layer that is kept.
    size_px : int, optional
        Side of the images that the part takes; as in `full` if None.

    Returns
    -------
    keras.Model
        From images to the output of that layer, with copies of the weights, not trainable.

    Raises
    ------
    ModelLoadError
        If there is no such layer.
    """
    import keras

    names = [layer.name for layer in full.layers]
    if layer_name not in names:
        raise ModelLoadError(
            f"{full.name!r} has no layer {layer_name!r}. Choose one of: {', '.join(names)}."
        )
    part = keras.Model(full.inputs[0], full.get_layer(layer_name).output, name=full.name)
    _, height, width, channels = full.inputs[0].shape
    pixels = keras.Input((size_px or height, size_px or width, channels), name="pixels")
    copy = keras.models.clone_model(part, input_tensors=pixels)
    copy.set_weights(part.get_weights())
    copy.trainable = False
    return copy


def joined(base: "keras.Model", top: "keras.Model") -> "keras.Model":
    """Put a trained top on its frozen base: one network from images to predictions.

    `top` is a chain: each layer takes what the one before it gives.
    """
    import keras

    features = base.outputs[0]
    for layer in top.layers:
        if not isinstance(layer, keras.layers.InputLayer):
            features = layer(features)
    return keras.Model(base.inputs[0], features, name=top.name)
