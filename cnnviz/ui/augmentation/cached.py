"""Augmented images and their predictions."""

import numpy as np

from cnnviz import zoo
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.training import Augmentation, Invariance, draws, extremes, measure_invariance
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell.cache import remembered


@remembered(16)
def augmented(
    model_name: str, image: ImageInput, augmentation: Augmentation, num: int, seed: int
) -> np.ndarray:
    """Draw random augmentations of an image at a network's size, uint8 (num, h, w, 3)."""
    return draws(zoo.model_view(model(model_name).card, image), augmentation, num, seed)


@remembered(16)
def augmentation_extremes(
    model_name: str, image: ImageInput, augmentation: Augmentation
) -> dict[str, np.ndarray]:
    """Apply each transform alone to an image at a network's size."""
    return extremes(zoo.model_view(model(model_name).card, image), augmentation)


@remembered(64)
def invariance(
    model_name: str, image: ImageInput, augmentation: Augmentation, num: int, seed: int
) -> Invariance:
    """Predict an image and random augmentations of it."""
    network = model(model_name)
    versions = augmented(model_name, image, augmentation, num, seed)
    scores = network.logits_of_all([image, *(image_from_pixels(pixels) for pixels in versions)])
    probabilities = np.stack([network.probabilities(score) for score in scores])
    return measure_invariance(probabilities[0], probabilities[1:])
