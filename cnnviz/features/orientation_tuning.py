"""How strongly the channels of a network respond to stripes of every direction."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.errors import UnknownLayerError
from cnnviz.filter_banks import grating
from cnnviz.images import image_from_pixels

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel


def network_tuning(
    model: "LoadedModel", layer_name: str, frequency: float, thetas: Sequence[float]
) -> np.ndarray:
    """Show gratings to a network and measure each channel of a layer.

    Gratings have black and white stripes and the size of the network's input; each direction is
    shown in two phases, a quarter of a wave apart. A channel's response is the mean
    magnitude of its map, without the outer quarter on each side, where the border dominates; the
    stronger phase counts.

    Parameters
    ----------
    model : LoadedModel
    layer_name : str
        A layer with maps.
    frequency : float
        Cycles per pixel of the network's input.
    thetas : sequence of float
        Directions in radians.

    Returns
    -------
    float64 ndarray of shape (num_thetas, num_channels)

    Raises
    ------
    UnknownLayerError
        If there is no such layer with maps.
    """
    if layer_name not in model.map_layer_names:
        names = model.map_layer_names
        raise UnknownLayerError(
            f"{model.name!r} has no layer {layer_name!r} with maps. "
            f"Choose one of: {', '.join(names)}.",
            layer_name=layer_name,
            available=names,
        )
    size = min(max(model.input_shape[:2]), 512)
    answers = []
    for theta in thetas:
        strengths = []
        for phase in (0.0, math.pi / 2):
            gray = np.rint(grating(max(size, 8), frequency, theta, phase) * 255).astype(np.uint8)
            taps, _ = model.activations(image_from_pixels(gray), [layer_name])
            strengths.append(_middle_strength(taps[layer_name]))
        answers.append(np.max(strengths, axis=0))
    return np.stack(answers).astype(np.float64)


def _middle_strength(maps: np.ndarray) -> np.ndarray:
    rows, columns = (slice(length // 4, length - length // 4) for length in maps.shape[:2])
    return np.abs(maps[rows, columns]).mean(axis=(0, 1))
