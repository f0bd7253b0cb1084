"""The image that a network takes, read from its description."""

from typing import Any

from cnnviz.zoo.user_models.refusals import Refused

MAX_SIDE_PX = 1024
MAX_BATCH = 256  # of a network whose batch has a fixed size
MIN_SIDE_PX = 4  # of an image without an axis of channels: (batch, 28, 3) is rather a table

_IMAGE = "one image (batch, height, width, channels) with 1 or 3 channels"
_DTYPES = ("float", "bfloat16", "int", "uint")


def input_shape(config: dict[str, Any]) -> tuple[int | None, int | None, int]:
    """Find the size of the only image that a network takes.

    Parameters
    ----------
    config : dict
        A description that was admitted.

    Returns
    -------
    (height, width, channels)
        None where the network leaves the size free; channels is 1 for a network that takes
        (batch, height, width).

    Raises
    ------
    Refused
        If it takes anything else; the reason names what.
    """
    shape, dtype = _only_input(config)
    if dtype is not None and not str(dtype).startswith(_DTYPES):
        raise Refused(f"it takes inputs of the type {str(dtype)[:40]!r} instead of numbers")
    batch, *sizes = shape
    if batch is not None and not (type(batch) is int and 1 <= batch <= MAX_BATCH):
        raise Refused(f"it takes batches of {str(batch)[:40]}; 1 to {MAX_BATCH} are possible")
    height, width, channels = _image(shape, sizes)
    for size in (height, width):
        if size is not None and not (type(size) is int and 1 <= size <= MAX_SIDE_PX):
            raise Refused(
                f"it takes images of {repr(size)[:40]} pixels a side; 1 to {MAX_SIDE_PX} are "
                "possible"
            )
    return height, width, channels


def _only_input(config: dict[str, Any]) -> tuple[list[Any], Any]:
    """Find the shape, with the batch, and the type of the only input."""
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    if not isinstance(layers, list):
        raise Refused("its description lists no layers")
    inputs = [
        layer["config"]
        for layer in layers
        if isinstance(layer, dict)
        and layer.get("class_name") == "InputLayer"
        and isinstance(layer.get("config"), dict)
    ]
    if not inputs:
        raise Refused(
            "it has no Input layer, so the size of its image is unknown. Begin the network with "
            "keras.Input((height, width, channels)), or call it once, and save it again"
        )
    if len(inputs) > 1:
        raise Refused(f"it takes {len(inputs)} inputs instead of {_IMAGE}")
    shape = inputs[0].get("batch_shape", inputs[0].get("batch_input_shape"))
    if not isinstance(shape, list) or not shape:
        raise Refused(f"it takes an input of unknown shape instead of {_IMAGE}")
    return shape, inputs[0].get("dtype")


def _image(shape: list[Any], sizes: list[Any]) -> tuple[Any, Any, int]:
    """Read a shape without its batch as height, width and channels."""
    if len(sizes) == 1:
        raise Refused(f"it takes a vector, {_shown(shape)}, instead of {_IMAGE}")
    if len(sizes) == 2:
        if any(type(size) is int and 0 <= size < MIN_SIDE_PX for size in sizes):
            raise Refused(f"it takes a table or a sequence, {_shown(shape)}, instead of {_IMAGE}")
        return sizes[0], sizes[1], 1
    if len(sizes) != 3:
        raise Refused(f"it takes an input of shape {_shown(shape)} instead of {_IMAGE}")
    height, width, channels = sizes
    if channels in (1, 3) and type(channels) is int:
        return height, width, channels
    if height in (1, 3):
        raise Refused(
            f"it takes an image whose channels come first, {_shown(shape)}. Begin the network with "
            "keras.Input((height, width, channels)) and keras.layers.Permute((3, 1, 2)), and save "
            "it again"
        )
    number = "any number of" if channels is None else str(channels)[:40]
    raise Refused(
        f"it takes an image with {number} channels, {_shown(shape)}; images with 1 (gray) or 3 "
        "channels (RGB) are possible"
    )


def _shown(shape: list[Any]) -> str:
    """Write a shape as Python does."""
    return str(tuple(shape))[:80]
