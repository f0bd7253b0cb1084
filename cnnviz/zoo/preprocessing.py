"""From an image to a network's input.

A network sees the largest part in the middle of the image that has the shape of its input, not
the whole image squeezed into it. Measured with EfficientNet-Lite0 on 500 ImageNet images, top-1
and top-5: squeezed 84.2 and 96.2 %, largest center square 86.4 and 96.0 %, shorter side to 256 and
then the 224 in the middle 87.8 and 97.0 %. The square shows much more than the last and keeps
shapes as they are.
"""

from typing import Any

import numpy as np

from cnnviz.images import ImageInput, center_part, center_view
from cnnviz.zoo.cards import ModelCard, Preprocessing


def seen_part(card: ModelCard, image: ImageInput) -> tuple[slice, slice]:
    """Find the rows and columns of the image that the network sees.

    ``image.pixels[seen_part(card, image)]`` is that part, in the image's own resolution: what
    has been computed for the network's input can be laid over it.
    """
    return center_part(image, card.input_height, card.input_width)


def model_view(card: ModelCard, image: ImageInput) -> np.ndarray:
    """Show the image as the network sees it: its part, size and colors.

    Returns
    -------
    uint8 ndarray of shape (h, w, 3)
        RGB. For a network that takes gray images all three channels are equal.
    """
    return center_view(image, card.input_height, card.input_width, is_grayscale=card.channels == 1)


def rgb_kernels(card: ModelCard, kernels: np.ndarray) -> np.ndarray:
    """Bring kernels (F, F, 3, K) that meet the input into the order red, green, blue."""
    return kernels[:, :, ::-1] if card.preprocessing.is_bgr else kernels


def preprocess(card: ModelCard, image: ImageInput) -> np.ndarray:
    """Turn an image into a network's input: `model_view` in the range that it was trained on.

    Returns
    -------
    float32 ndarray of shape (1, h, w, C)
        A batch of one; its range is that of ``card.preprocessing``.
    """
    view = model_view(card, image)[..., : card.channels].astype(np.float32)
    return np.ascontiguousarray(scaled(card.preprocessing, view))[np.newaxis]


def scaled(recipe: Preprocessing, pixels: Any) -> Any:
    """Bring pixels into a network's own range and order of colors.

    Parameters
    ----------
    recipe : Preprocessing
    pixels : float32 array of shape (..., C), of NumPy or TensorFlow
        From 0 to 255, RGB or gray.

    Returns
    -------
    array of that kind and shape
    """
    pixels = pixels[..., ::-1] if recipe.is_bgr else pixels
    mean, std = _mean_and_std(recipe)
    return (pixels - mean) / std


def unscaled(recipe: Preprocessing, inputs: Any) -> Any:
    """Bring a network's inputs back to pixels: undo `scaled`, up to rounding.

    Parameters
    ----------
    recipe : Preprocessing
    inputs : float32 array of shape (..., C), of NumPy or TensorFlow
        In the range and order of the network.

    Returns
    -------
    array of that kind and shape
        RGB or gray; from 0 to 255 if the inputs came from such pixels, neither clipped nor rounded.

    Examples
    --------
    >>> from cnnviz.zoo.cards import CAFFE
    >>> unscaled(CAFFE, np.zeros((1, 1, 3), np.float32)).tolist()[0][0][2]  # blue came first
    103.93900299072266
    """
    mean, std = _mean_and_std(recipe)
    pixels = inputs * std + mean
    return pixels[..., ::-1] if recipe.is_bgr else pixels


def _mean_and_std(recipe: Preprocessing) -> tuple[np.ndarray, np.ndarray]:
    return np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)
