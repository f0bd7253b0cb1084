"""What a computation costs: which are slow, how many images go in a batch, how far it has come."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from cnnviz.network.layer_table import pass_cost

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

OnProgress = Callable[[float, int], None]  # done, in all; what it raises ends the computation
MAX_BATCH = 32  # images
BACKWARD = 2  # forward passes that take as long as one backward pass
# Multiplications from which a computation is slow: half a second on two cores. In batches of 1 to
# 32 images, EfficientNet-Lite0 (depthwise convolutions) does 16 to 23 billion a second on them,
# svhn-gabor 17 to 57, VGG16 41 to 82; there and back to the pixels takes as long as 2 to 3 forward
# passes. So these 8 billion take 0.5 s at the slowest of these rates and 0.1 s at the fastest.
SLOW_COST = 8_000_000_000


def is_slow(model: "LoadedModel", num_passes: int) -> bool:
    """Whether so many images on their way through a network take longer than a moment.

    Parameters
    ----------
    model : LoadedModel
    num_passes : int
        Images; one that goes back, too, counts as 1 + `BACKWARD`.
    """
    return num_passes * pass_cost(model) >= SLOW_COST


def batch_size(
    model: "LoadedModel", passes_each: int = 1, most: int = MAX_BATCH, *, behind: str = ""
) -> int:
    """Say how many images go through a network at once, so that progress is reported in time.

    A batch of more than one image takes half a second at most (see `SLOW_COST`), and what all its
    images have in common as long as one pass.

    Parameters
    ----------
    model : LoadedModel
    passes_each : int
        1, or 1 + `BACKWARD`.
    most : int
        Images.
    behind : str, optional
        The layer from which on there are many images; up to it there is one.
    """
    return int(np.clip(SLOW_COST // (passes_each * pass_cost(model, behind)), 1, most))


def part_of(on_progress: OnProgress | None, place: int, total: int) -> OnProgress | None:
    """Report the progress of one of several equal parts as progress of the whole."""
    if on_progress is None:
        return None
    return lambda done, in_all: on_progress(place + done / in_all, total)
