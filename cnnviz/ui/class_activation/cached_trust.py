"""Whether maps can be trusted: pixels taken away, layers that forget, images with an answer."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.observation import OBSERVATION
from cnnviz.attribution.registry import explain, find_method
from cnnviz.attribution.targets import Target, one_class
from cnnviz.errors import DatasetError
from cnnviz.images import ImageInput
from cnnviz.network.cost import is_slow, part_of
from cnnviz.ui.class_activation import words
from cnnviz.ui.class_activation.cached import computed, observation
from cnnviz.ui.shared.images import collection_for
from cnnviz.ui.shared.keys import BY_DIGEST
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell import jobs

if TYPE_CHECKING:
    from cnnviz.attribution.evaluation.faithfulness import Drop, MosaicCheck, PixelCurves
    from cnnviz.attribution.evaluation.weight_randomization import Level
    from cnnviz.network.inspected_model import LoadedModel


def pixel_curves(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target, kind: str
) -> "dict[str, PixelCurves] | None":
    """Deletion and insertion of a map, of chance and of the middle; None while they run."""
    network = model(model_name)

    def work(report: jobs.Report) -> "dict[str, PixelCurves]":
        from cnnviz.attribution.evaluation.faithfulness import curves_with_controls

        seen = observation(model_name, image, target, (), network)
        return curves_with_controls(
            seen, {words.MAP: heatmap.values}, kind=kind, on_progress=report
        )

    key = ("curves", model_name, image.digest, target, kind, heatmap.digest)
    return jobs.result_of(key, "Deleting and inserting pixels", work)


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


@st.cache_data(max_entries=32, hash_funcs=BY_DIGEST, show_spinner=False)
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

    seen = observation(model_name, image, target, (), _network)
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


@st.cache_data(max_entries=256, hash_funcs=BY_DIGEST, show_spinner=False)
def _drop(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target, _network: Any
) -> "Drop":
    from cnnviz.attribution.evaluation.faithfulness import masked_drop as drop

    return drop(observation(model_name, image, target, (), _network), heatmap.values)


def road_curves(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target
) -> "dict[str, PixelCurves] | None":
    """ROAD of a map and of a random order; None while it runs."""
    network = model(model_name)

    def work(report: jobs.Report) -> "dict[str, PixelCurves]":
        from cnnviz.attribution.evaluation.faithfulness import RANDOM, control_maps, road

        seen = observation(model_name, image, target, (), network)
        maps = {words.MAP: heatmap.values, RANDOM: control_maps(*seen.batch.shape[1:3])[RANDOM]}
        return {
            name: road(seen, values, on_progress=part_of(report, place, len(maps)))
            for place, (name, values) in enumerate(maps.items())
        }

    key = ("road", model_name, image.digest, target, heatmap.digest)
    return jobs.result_of(key, "Imputing removed pixels", work)


def weight_randomization(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...],
) -> "tuple[Level, ...] | None":
    """The map while a copy of the network forgets layer after layer; None while it does."""
    network = model(model_name)

    def work(report: jobs.Report) -> "tuple[Level, ...]":
        from cnnviz.attribution.evaluation.weight_randomization import randomized_maps

        return randomized_maps(
            network,
            image,
            find_method(method_name),
            layer_name,
            target,
            dict(settings),
            on_progress=report,
        )

    key = ("forgetting", model_name, image.digest, method_name, layer_name, target, settings)
    return jobs.result_of(key, "Randomizing weights, from the top", work)


def mosaic_check(model_name: str, method_name: str, layer_name: str) -> "MosaicCheck | None":
    """Four bundled images in one, and whether the map of each class lies in its quarter."""
    network = model(model_name)
    images = collection_for(model_name, full=False).images

    def work(report: jobs.Report) -> "MosaicCheck":
        from cnnviz.attribution.evaluation import faithfulness

        parts = len(images) + 4  # a prediction for each image, then a map for each of four
        surest = _surest(network, images, lambda done: report(done, parts))

        def attribution_map(image: ImageInput, class_index: int) -> ClassHeatmap:
            place = len(images) + [*surest].index(class_index)
            return explain(
                network,
                image,
                method_name,
                layer_name=layer_name,
                target=one_class(class_index),
                on_progress=part_of(report, place, parts),
            )

        return faithfulness.mosaic_check(
            network,
            [*surest.values()],
            [*surest],
            attribution_map,
            lambda done, _: report(len(images) + done, parts),
        )

    key = ("mosaic", model_name, method_name, layer_name)
    return jobs.result_of(key, "Evaluating a mosaic of four images", work)


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
