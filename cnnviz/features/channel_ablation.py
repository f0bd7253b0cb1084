"""What a network says when some of its filters are switched off."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network.cost import batch_size
from cnnviz.network.inspected_model import compiled

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

CHUNK_CELLS = 4_000_000  # numbers of a layer that are held at once


def ablated_logits(
    model: "LoadedModel", image: ImageInput, layer_name: str, channels: Sequence[int]
) -> np.ndarray:
    """Compute the logits with the maps of some channels set to zero.

    Of a layer of tokens, the channels of all tokens are set to zero, also of a class token.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    layer_name : str
        A layer with maps.
    channels : sequence of int
        What is switched off; may be empty.

    Returns
    -------
    float32 ndarray of shape (num_classes,)

    Raises
    ------
    UnknownLayerError, InvalidParameterError
        If there is no such layer or channel, or the layer has no maps.
    """
    keep = np.ones((1, _num_channels(model, layer_name)), np.float32)
    _check_channels(keep.shape[1], channels)
    keep[0, list(channels)] = 0
    return _scores(model, image, layer_name, keep)[0]


def ablation_logits(
    model: "LoadedModel",
    image: ImageInput,
    layer_name: str,
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Compute the logits with each channel of a layer switched off alone.

    What lies before the layer is computed once for a whole chunk of channels.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    layer_name : str
        A layer with maps.
    on_progress : callable, optional
        Called with (channels done, channels in all); what it raises ends the computation.

    Returns
    -------
    float32 ndarray of shape (K, num_classes)

    Raises
    ------
    UnknownLayerError, InvalidParameterError
        If there is no such layer, or it has no maps.

    References
    ----------
    Desai and Ramaswamy, "Ablation-CAM", WACV 2020.
    """
    num_channels = _num_channels(model, layer_name)
    rows, columns, _ = model.map_shapes[layer_name]
    most = int(np.clip(CHUNK_CELLS // (rows * columns * num_channels), 1, 64))
    chunk = batch_size(model, most=most, behind=layer_name)
    keep = 1 - np.eye(num_channels, dtype=np.float32)
    logits = []
    for start in range(0, num_channels, chunk):
        logits.append(_scores(model, image, layer_name, keep[start : start + chunk]))
        if on_progress is not None:
            on_progress(min(start + chunk, num_channels), num_channels)
    return np.concatenate(logits)


def _num_channels(model: "LoadedModel", layer_name: str) -> int:
    return model.layer_shapes[model.checked_maps(layer_name)][-1]


def _check_channels(num_channels: int, channels: Sequence[int]) -> None:
    for channel in channels:
        if not 0 <= channel < num_channels:
            raise InvalidParameterError(
                f"There is no channel {channel}: the layer has 0 to {num_channels - 1}."
            )


def _scores(
    model: "LoadedModel", image: ImageInput, layer_name: str, keep: np.ndarray
) -> np.ndarray:
    """Multiply the maps of a layer by rows of 0 and 1 (N, K), and give the logits of each."""
    scores = model.compute(
        ("ablation", layer_name),
        lambda: _ablation(model, layer_name),
        tf.constant(model.preprocess(image)),
        tf.constant(keep, tf.float32),
    )
    return np.array(np.broadcast_to(scores, (len(keep), scores.shape[1])))  # also of a blind alley


def _ablation(model: "LoadedModel", layer_name: str) -> Callable[..., Any]:
    def ablation(batch: Any, keep: Any) -> Any:
        def change(name: str, output: Any) -> Any:
            if name != layer_name:
                return output
            axes = (-1, *[1] * (output.shape.rank - 2), keep.shape[-1])
            return output * tf.cast(tf.reshape(keep, axes), output.dtype)

        return model.run(batch, change).logits

    image = tf.TensorSpec((1, *model.input_shape), tf.float32)
    num_channels = model.layer_shapes[layer_name][-1]
    return compiled(ablation, image, tf.TensorSpec((None, num_channels), tf.float32))
