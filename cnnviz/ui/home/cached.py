"""Small results, one for each page; of the image in use where the page has one."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from cnnviz import datasets, figures, zoo
from cnnviz.classifiers.linear import load_linear
from cnnviz.convolution import LayerSettings, apply_layer
from cnnviz.feature_visualization.atlas import find_atlas
from cnnviz.filter_banks import KERNELS, gabor_response
from cnnviz.images import ImageInput, center_view, image_from_pixels, luma, shrink_to_fit
from cnnviz.training import LECTURE, draws
from cnnviz.ui import shared
from cnnviz.ui.shell.cache import remembered

SIDE_PX = 200  # of a preview, at twice the size on screen
_NETWORK, _TRAINED = "efficientnet-lite0", "svhn-gabor"
_LAYERS = ("stem_relu6", "block2a_expand_relu6", "block3a_expand_relu6", "block5a_expand_relu6")
_ATLAS_LAYER = "block4b_expand_relu6"
_BOOT = 9  # the class ankle boot
_EDGE = next(kernel.values for kernel in KERNELS if kernel.name == "vertical")
_CLASSES = (0, 5, 8, _BOOT)
_TILE_PX = SIDE_PX // 2


@remembered(64)
def preview(name: str, image: ImageInput) -> np.ndarray:
    """Draw what a page shows, uint8 (SIDE_PX, SIDE_PX, 3); `PREVIEWS` names the pages."""
    return _resized(PREVIEWS[name](image), SIDE_PX)


def _convolution(image: ImageInput) -> np.ndarray:
    gray = luma(center_view(image, SIDE_PX, SIDE_PX))
    values = apply_layer(gray[..., np.newaxis], _EDGE, LayerSettings()).rectified
    return figures.colorize(values, figures.signed_scale(values))


def _gabor(image: ImageInput) -> np.ndarray:
    square = image_from_pixels(center_view(image, SIDE_PX, SIDE_PX))
    values = gabor_response(square, 0.15, np.pi / 4, 3.0).magnitude
    return figures.colorize(values, figures.unsigned_scale(values))


def _template(image: ImageInput) -> np.ndarray:
    weights = load_linear("fashion-mnist").weights[_BOOT, ..., 0]
    return figures.colorize(weights, figures.signed_scale(weights))


def _feature_maps(image: ImageInput) -> np.ndarray:
    glances = shared.overview(_NETWORK, image)
    maps = [glances[name].maps[0] for name in _LAYERS]
    return _in_square([figures.colorize(values, figures.unsigned_scale(values)) for values in maps])


def _visualization(image: ImageInput) -> np.ndarray:
    atlas = find_atlas(_NETWORK)
    if atlas is None:
        return image.pixels
    return _in_square(atlas.layers[_ATLAS_LAYER].images(0, 4))


def _heat_map(image: ImageInput) -> np.ndarray:
    from cnnviz import class_activation_map

    model = shared.model(_NETWORK)
    heatmap = class_activation_map(model, image)
    small = shrink_to_fit(image, 2 * SIDE_PX)
    scale = figures.unsigned_scale(heatmap.values, color_map="inferno")
    seen = zoo.seen_part(model.card, small)
    overlay = figures.overlay_part(small.pixels, heatmap.values, scale, 0.5, seen)
    return overlay[seen]


def _live(image: ImageInput) -> np.ndarray:
    kernels = _first_kernels("fashion-gabor")[:, :, 0].transpose(2, 0, 1)
    scale = figures.signed_scale(kernels)
    return _in_square([figures.colorize(kernel, scale) for kernel in kernels])


def _timeline(image: ImageInput) -> np.ndarray:
    return _in_square(figures.kernel_images(_first_kernels(_TRAINED), shared=True))


def _first_kernels(model_name: str) -> np.ndarray:
    """Return the four strongest kernels of a trained first layer, float32 (F, F, C, 4)."""
    last = zoo.checkpoint_steps(model_name)[-1]
    kernels = shared.checkpoint(model_name, last)["conv1"][0]
    return kernels[..., np.argsort(-kernels.std(axis=(0, 1, 2)))[:4]]


def _augmented(image: ImageInput) -> np.ndarray:
    return _in_square(draws(center_view(image, SIDE_PX, SIDE_PX), LECTURE, 4, 1))


def _classes(image: ImageInput) -> np.ndarray:
    samples = datasets.fashion_mnist_samples()
    places = [int(np.flatnonzero(samples.labels == label)[0]) for label in _CLASSES]
    return _in_square([np.stack([samples.images[place]] * 3, -1) for place in places])


def _confusion(image: ImageInput) -> np.ndarray:
    counts = np.sqrt(shared.training_record(_TRAINED).confusion.astype(np.float64))
    return figures.colorize(counts, figures.unsigned_scale(counts))


def _in_square(tiles: Iterable[np.ndarray]) -> np.ndarray:
    """Set four images into a square."""
    large = [_resized(tile, _TILE_PX) for tile in tiles]
    return figures.mosaic(large, [None] * 4, columns=2, tile_px=_TILE_PX, first_number=None)


def _resized(pixels: np.ndarray, side_px: int) -> np.ndarray:
    """Bring an image to a square; small ones keep hard pixels."""
    enlarges = max(pixels.shape[:2]) < side_px
    return cv2.resize(
        pixels,
        (side_px, side_px),
        interpolation=cv2.INTER_NEAREST if enlarges else cv2.INTER_AREA,
    )


PREVIEWS: dict[str, Callable[[ImageInput], np.ndarray]] = {
    "convolution": _convolution,
    "gabor": _gabor,
    "basics": _template,
    "feature_maps": _feature_maps,
    "filters": _visualization,
    "class_activation": _heat_map,
    "train": _live,
    "timeline": _timeline,
    "augmentation": _augmented,
    "transfer": _classes,
    "models": _confusion,
}
NEEDS_NETWORK = ("feature_maps", "class_activation")  # drawn last: the first time takes seconds
