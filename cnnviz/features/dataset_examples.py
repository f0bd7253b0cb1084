"""Which images of a collection activate each filter most, and where."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network.inspected_model import compiled

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

MAX_IMAGES = 2000


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(mean=np.float32, maximum=np.float32, minimum=np.float32, cell=np.int32)
class LayerExamples:
    """What each channel of one layer answered to each image, arrays of shape (N, K).

    Attributes
    ----------
    mean, maximum, minimum : float32 ndarray
    cell : int32 ndarray
        Where the maximum lies: row times the number of columns, plus column.
    num_columns : int
        Columns of a map.
    """

    mean: np.ndarray
    maximum: np.ndarray
    minimum: np.ndarray
    cell: np.ndarray
    num_columns: int

    def strongest(self, channel: int, count: int) -> list[tuple[int, int, int]]:
        """Name the images with the highest maxima: (image, row, column), the first highest.

        Images in which the channel is the same everywhere are left out.
        """
        order = np.argsort(-self.maximum[:, channel], kind="stable")
        alive = self.maximum[:, channel] > self.minimum[:, channel]
        return [
            (int(place), *divmod(int(self.cell[place, channel]), self.num_columns))
            for place in order[alive[order]][:count]
        ]

    @property
    def is_dead(self) -> np.ndarray:
        """Whether a channel gave the same number everywhere in all images, bool (K,)."""
        return self.minimum.min(axis=0) == self.maximum.max(axis=0)

    @property
    def silent_share(self) -> np.ndarray:
        """Share of the images in which a channel is the same everywhere, float64 (K,)."""
        return (self.minimum == self.maximum).mean(axis=0)


def find_dataset_examples(
    model: "LoadedModel",
    images: Sequence[ImageInput],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> Mapping[str, LayerExamples]:
    """Ask all filters of all layers about a collection of images, in batches.

    Parameters
    ----------
    model : LoadedModel
    images : sequence of ImageInput
        1 to 2,000.
    on_progress : callable, optional
        Called with (images done, images in all); what it raises ends the search.

    Returns
    -------
    dict of LayerExamples
        For every layer with maps.

    Raises
    ------
    InvalidParameterError
        If there are too few or too many images.
    """
    if not 1 <= len(images) <= MAX_IMAGES:
        raise InvalidParameterError(
            f"There must be 1 to {MAX_IMAGES:,} images, got {len(images):,}."
        )
    parts: list[dict[str, Any]] = []
    num_done = 0
    for batch in model.batches(images):
        summaries = model.compute("exemplars", lambda: _summaries(model), tf.constant(batch))
        parts.append({name: [part.numpy() for part in four] for name, four in summaries.items()})
        num_done += len(batch)
        if on_progress is not None:
            on_progress(num_done, len(images))
    return {name: _joined(parts, name, shape[1]) for name, shape in model.map_shapes.items()}


def _joined(parts: Sequence[Mapping[str, Any]], name: str, num_columns: int) -> LayerExamples:
    mean, maximum, minimum, cell = (
        np.concatenate([part[name][i] for part in parts]) for i in range(4)
    )
    return LayerExamples(mean, maximum, minimum, cell, num_columns)


def _summaries(model: "LoadedModel") -> Callable[..., Any]:
    def summaries(batch: Any) -> Any:
        forward = model.run(batch)
        examples = {}
        for name, (rows, columns, channels) in model.map_shapes.items():
            maps = model.maps_of(forward, name)
            cells = tf.reshape(maps, (-1, rows * columns, channels))
            examples[name] = (
                tf.reduce_mean(cells, axis=1),
                tf.reduce_max(cells, axis=1),
                tf.reduce_min(cells, axis=1),
                tf.argmax(cells, axis=1, output_type=tf.int32),
            )
        return examples

    return compiled(summaries, tf.TensorSpec((None, *model.input_shape), tf.float32))
