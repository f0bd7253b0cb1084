"""Whether maps can be trusted: pixels removed, weights randomized, mosaics of known classes."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.observation import OBSERVATION
from cnnviz.attribution.registry import explain, find_method
from cnnviz.attribution.targets import Target, one_class
from cnnviz.datasets import Collection
from cnnviz.errors import DatasetError
from cnnviz.images import ImageInput
from cnnviz.network.cost import is_slow, part_of
from cnnviz.ui.class_activation import words
from cnnviz.ui.class_activation.cached import computed, observed
from cnnviz.ui.shared.networks import loaded, model
from cnnviz.ui.shell.cache import in_background, remembered
from cnnviz.ui.shell.jobs import Report

if TYPE_CHECKING:
    from cnnviz.attribution.evaluation.faithfulness import Drop, MosaicCheck, PixelCurves
    from cnnviz.attribution.evaluation.weight_randomization import Level
    from cnnviz.network.inspected_model import LoadedModel

_MOST_IMAGES = 10  # of the mean over images


@in_background("Deleting and inserting pixels")
def pixel_curves(
    report: Report,
    model_name: str,
    image: ImageInput,
    heatmap: ClassHeatmap,
    target: Target,
    kind: str,
) -> "dict[str, PixelCurves]":
    """Measure deletion and insertion of a map, of a random order and of a centered Gaussian."""
    from cnnviz.attribution.evaluation.faithfulness import curves_with_controls

    seen = observed(model_name, image, target, (), loaded(model_name))
    return curves_with_controls(seen, {words.MAP: heatmap.values}, kind=kind, on_progress=report)


def image_without(
    model_name: str,
    image: ImageInput,
    heatmap: ClassHeatmap,
    target: Target,
    share: float,
    kind: str,
) -> tuple[np.ndarray, np.ndarray] | None:
    """Show an image without what a map marks most, and with only that.

    None while a large network is at work.
    """
    network = model(model_name)
    return computed(
        ("without", model_name, image.digest, heatmap.digest, target, share, kind),
        "Removing pixels",
        is_slow(network, OBSERVATION),
        lambda report: _without(model_name, image, heatmap, target, share, kind, network),
    )


@remembered(32)
def _without(
    model_name: str,
    image: ImageInput,
    heatmap: ClassHeatmap,
    target: Target,
    share: float,
    kind: str,
    _network: Any,
) -> tuple[np.ndarray, np.ndarray]:
    from cnnviz.attribution.evaluation.faithfulness import image_without as without

    seen = observed(model_name, image, target, (), _network)
    return without(seen, heatmap.values, share, kind=kind)


def masked_drop(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target
) -> "Drop | None":
    """Measure what masking an image with its map loses; None while a large network is at work."""
    network = model(model_name)
    return computed(
        ("drop", model_name, image.digest, heatmap.digest, target),
        "Masking the image with the map",
        is_slow(network, OBSERVATION + 1),
        lambda report: _drop(model_name, image, heatmap, target, network),
    )


@remembered(256)
def _drop(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target, _network: Any
) -> "Drop":
    from cnnviz.attribution.evaluation.faithfulness import masked_drop as drop

    return drop(observed(model_name, image, target, (), _network), heatmap.values)


@in_background("Deleting and inserting pixels of several images")
def mean_scores(
    report: Report,
    model_name: str,
    method_name: str,
    layer_name: str,
    settings: tuple[tuple[str, Any], ...],
    kind: str,
    images: Collection,
) -> dict[str, list[float]]:
    """Measure insertion minus deletion of a method and of both baselines for some images."""
    from cnnviz.attribution.evaluation.several_images import scores_of_images

    num_images = len(images.images)
    places = np.linspace(0, num_images - 1, min(num_images, _MOST_IMAGES)).astype(int)
    return scores_of_images(
        loaded(model_name),
        [images.images[place] for place in places],
        method_name,
        layer_name,
        kind=kind,
        settings=dict(settings),
        on_progress=report,
    )


@in_background("Imputing removed pixels")
def road_curves(
    report: Report, model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target
) -> "dict[str, PixelCurves]":
    """Measure ROAD of a map and of a random order."""
    from cnnviz.attribution.evaluation.faithfulness import RANDOM, control_maps, road

    seen = observed(model_name, image, target, (), loaded(model_name))
    random_map = control_maps(*seen.batch.shape[1:3])[RANDOM]
    maps = {words.MAP: heatmap.values, RANDOM: random_map}
    return {
        name: road(seen, values, on_progress=part_of(report, index, len(maps)))
        for index, (name, values) in enumerate(maps.items())
    }


@in_background("Randomizing weights, from the top")
def weight_randomization(
    report: Report,
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...],
) -> "tuple[Level, ...]":
    """Compute the map while the weights of a copy are randomized layer by layer."""
    from cnnviz.attribution.evaluation.weight_randomization import randomized_maps

    return randomized_maps(
        loaded(model_name),
        image,
        find_method(method_name),
        layer_name,
        target,
        dict(settings),
        on_progress=report,
    )


@in_background("Evaluating a mosaic of four images")
def mosaic_check(
    report: Report, model_name: str, method_name: str, layer_name: str, images: Collection
) -> "MosaicCheck":
    """Join four of some images, and measure whether each class's map lies in its quarter."""
    from cnnviz.attribution.evaluation import faithfulness

    network, num_images = loaded(model_name), len(images.images)
    num_parts = num_images + 4  # a prediction for each image, then a map for each of four
    surest = _surest(network, images.images, lambda done: report(done, num_parts))

    def attribution_map(image: ImageInput, class_index: int) -> ClassHeatmap:
        part = num_images + [*surest].index(class_index)
        return explain(
            network,
            image,
            method_name,
            layer_name=layer_name,
            target=one_class(class_index),
            on_progress=part_of(report, part, num_parts),
        )

    return faithfulness.mosaic_check(
        network,
        [*surest.values()],
        [*surest],
        attribution_map,
        lambda done, _: report(num_images + done, num_parts),
    )


def _surest(
    network: "LoadedModel", images: Sequence[ImageInput], tell: Callable[[int], None]
) -> dict[int, ImageInput]:
    """Choose four classes and for each the image that a network is surest of."""
    chosen: dict[int, tuple[float, ImageInput]] = {}
    for place, image in enumerate(images):
        best = network.predict(image, top=1)[0]
        probability = best.probability or 0.0  # None if the network gives none
        if probability > chosen.get(best.class_index, (0.5,))[0]:
            chosen[best.class_index] = (probability, image)
        tell(place + 1)
    surest = sorted(chosen, key=lambda index: -chosen[index][0])[:4]
    if len(surest) < 4:
        raise DatasetError(
            "Among the bundled images this network is not sure of four different classes."
        )
    return {index: chosen[index][1] for index in surest}
