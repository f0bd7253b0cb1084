"""Images of which parts are replaced by a baseline, and the logits of many of them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cnnviz.attribution.observation import Observation
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network.cost import OnProgress, batch_size

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

BASELINES = ("black", "mean", "blurred", "noise")


def baseline(model: "LoadedModel", image: ImageInput, kind: str, *, seed: int = 0) -> np.ndarray:
    """Return a baseline image as the network's input, float32 (1, h, w, C).

    Parameters
    ----------
    kind : str
        One of `BASELINES`: black; the image's mean color; the image blurred with a standard
        deviation of an eighth of its shorter side; uniform noise over the whole range.
    seed : int
        Of the noise.

    Raises
    ------
    InvalidParameterError
        If there is no such kind.
    """
    from cnnviz import zoo

    view = zoo.model_view(model.card, image)
    if kind == "black":
        pixels = np.zeros_like(view)
    elif kind == "mean":
        pixels = np.broadcast_to(np.rint(view.mean(axis=(0, 1))).astype(np.uint8), view.shape)
    elif kind == "blurred":
        sigma = max(1.0, min(view.shape[:2]) / 8)
        pixels = cv2.GaussianBlur(view, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    elif kind == "noise":
        pixels = np.random.default_rng(seed).integers(0, 256, view.shape, dtype=np.uint8)
    else:
        raise InvalidParameterError(
            f"There is no baseline {kind!r}. Choose one of: {', '.join(BASELINES)}."
        )
    return model.preprocess(image_from_pixels(np.ascontiguousarray(pixels)))


def masked_logits(
    observation: Observation,
    masks: Iterable[np.ndarray],
    num_masks: int,
    base: np.ndarray,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Compute the logits of an image under many masks.

    Where a mask is 1 the image stays, where it is 0 it is replaced by `base`. Preprocessing is the
    same affine map for every pixel, so this equals masking the image itself.

    Parameters
    ----------
    observation : Observation
    masks : iterable of float32 ndarray of shape (n, h', w')
        From 0 to 1, upsampled bilinearly to the network's input.
    num_masks : int
        Total number of masks.
    base : float32 ndarray of shape (1, h, w, C)
        As from `baseline`.

    Returns
    -------
    float32 ndarray of shape (num_masks, num_classes)
    """
    import tensorflow as tf

    model = observation.model
    image, base = tf.constant(observation.batch), tf.constant(base)
    found: list[np.ndarray] = []
    done, size = 0, batch_size(model)
    for group in masks:
        for start in range(0, len(group), size):
            chunk = tf.constant(np.ascontiguousarray(group[start : start + size]), tf.float32)
            logits = model.compute(("masked",), lambda: _masked(model), image, base, chunk)
            found.append(np.asarray(logits))
            done += len(found[-1])
            if on_progress is not None:
                on_progress(done, num_masks)
    return np.concatenate(found)


def _masked(model: "LoadedModel") -> Callable[..., Any]:
    import tensorflow as tf

    from cnnviz.network.inspected_model import compiled

    def masked(image: Any, base: Any, masks: Any) -> Any:
        large = tf.image.resize(masks[..., None], model.input_shape[:2])
        return model.run(base + large * (image - base)).logits

    one = tf.TensorSpec((1, *model.input_shape), tf.float32)
    return compiled(masked, one, one, tf.TensorSpec((None, None, None), tf.float32))
