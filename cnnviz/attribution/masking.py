"""Images of which parts are replaced by a baseline, and the logits of many of them."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cnnviz.attribution.observation import Case
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network.cost import OnProgress, batch_size

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

BASELINES = ("black", "mean", "blurred", "noise")


def baseline(model: "LoadedModel", image: ImageInput, kind: str, *, seed: int = 0) -> np.ndarray:
    """Make a picture that says little, as the network's input, float32 (1, h, w, C).

    Parameters
    ----------
    kind : str
        One of `BASELINES`: black; the picture's mean colour; the picture blurred with a standard
        deviation of an eighth of its shorter side; even noise over the whole range.
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


def masked_scores(
    case: Case,
    masks: Iterable[np.ndarray],
    num_masks: int,
    base: np.ndarray,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Ask a network about the picture seen through masks.

    Where a mask is 1 the picture stays, where it is 0 `base` stands in its place. Preprocessing
    is the same straight line for every pixel, so this is masking in what people see.

    Parameters
    ----------
    case : Case
    masks : iterable of float32 ndarray of shape (n, h', w')
        From 0 to 1, enlarged bilinearly to the network's input.
    num_masks : int
        Masks in all.
    base : float32 ndarray of shape (1, h, w, C)
        As from `baseline`.

    Returns
    -------
    float32 ndarray of shape (num_masks, num_classes)
    """
    import tensorflow as tf

    model = case.model
    picture, base = tf.constant(case.batch), tf.constant(base)
    found: list[np.ndarray] = []
    done, size = 0, batch_size(model)
    for group in masks:
        for start in range(0, len(group), size):
            chunk = tf.constant(np.ascontiguousarray(group[start : start + size]), tf.float32)
            scores = model.compute(("masked",), lambda: _masked(model), picture, base, chunk)
            found.append(np.asarray(scores))
            done += len(found[-1])
            if on_progress is not None:
                on_progress(done, num_masks)
    return np.concatenate(found)


def _masked(model: "LoadedModel") -> Callable[..., Any]:
    import tensorflow as tf

    from cnnviz.network.inspected_model import compiled

    def masked(picture: Any, base: Any, masks: Any) -> Any:
        large = tf.image.resize(masks[..., None], model.input_shape[:2])
        return model.run(base + large * (picture - base)).logits

    one = tf.TensorSpec((1, *model.input_shape), tf.float32)
    return compiled(masked, one, one, tf.TensorSpec((None, None, None), tf.float32))
