"""Whether maps can be trusted: pixels taken away, layers that forget, pictures with an answer."""

from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz.errors import DatasetError
from cnnviz.evidence import Target, one_class
from cnnviz.explanations import explain, find_method
from cnnviz.results import ClassHeatmap, ImageInput
from cnnviz.ui import jobs
from cnnviz.ui.cached.class_evidence import case
from cnnviz.ui.cached.keys import BY_DIGEST
from cnnviz.ui.cached.networks import model
from cnnviz.ui.cached.pictures import collection_for

if TYPE_CHECKING:
    from cnnviz.faithfulness import Drop, MosaicCheck, PixelCurves
    from cnnviz.randomisation import Level


def pixel_curves(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target, kind: str
) -> "dict[str, PixelCurves] | None":
    """Deletion and insertion of a map, of chance and of the middle; None while they run."""
    seen = case(model_name, image, target, ())

    def work(report: jobs.Report) -> "dict[str, PixelCurves]":
        from cnnviz.faithfulness import curves_with_controls

        return curves_with_controls(
            seen, {"this map": heatmap.values}, kind=kind, on_progress=report
        )

    key = ("curves", model_name, image.digest, target, kind, heatmap.digest)
    return jobs.result_of(key, "Taking pixels away and bringing them back", work)


@st.cache_data(max_entries=32, hash_funcs=BY_DIGEST, show_spinner=False)
def picture_without(
    model_name: str,
    image: ImageInput,
    heatmap: ClassHeatmap,
    target: Target,
    share: float,
    kind: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Show a picture without what a map marks most, and with only that."""
    from cnnviz.faithfulness import picture_without as without

    return without(case(model_name, image, target, ()), heatmap.values, share, kind=kind)


@st.cache_data(max_entries=256, hash_funcs=BY_DIGEST, show_spinner=False)
def masked_drop(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target
) -> "Drop":
    """Look at a picture through a map, and see what is lost."""
    from cnnviz.faithfulness import masked_drop as drop

    return drop(case(model_name, image, target, ()), heatmap.values)


def road_curves(
    model_name: str, image: ImageInput, heatmap: ClassHeatmap, target: Target
) -> "dict[str, PixelCurves] | None":
    """ROAD of a map and of a random order; None while it runs."""
    seen = case(model_name, image, target, ())

    def work(report: jobs.Report) -> "dict[str, PixelCurves]":
        from cnnviz.faithfulness import RANDOM, ROAD_SHARES, control_maps, road

        chance = control_maps(*seen.batch.shape[1:3])[RANDOM]
        found: dict[str, PixelCurves] = {}
        for name, values in (("this map", heatmap.values), (RANDOM, chance)):

            def tell(done: float, total: int, before: int = len(found) * len(ROAD_SHARES)) -> None:
                report(before + done, 2 * total)

            found[name] = road(seen, values, on_progress=tell)
        return found

    key = ("road", model_name, image.digest, target, heatmap.digest)
    return jobs.result_of(key, "Filling holes from their surroundings", work)


def forgetting(
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
        from cnnviz.randomisation import randomised_maps

        return randomised_maps(
            network,
            image,
            find_method(method_name),
            layer_name,
            target,
            dict(settings),
            on_progress=report,
        )

    key = ("forgetting", model_name, image.digest, method_name, layer_name, target, settings)
    return jobs.result_of(key, "Drawing weights anew, from the top", work)


def mosaic_check(model_name: str, method_name: str, layer_name: str) -> "MosaicCheck | None":
    """Four bundled pictures in one, and whether the map of each class lies in its quarter."""
    network = model(model_name)
    images = collection_for(model_name, full=False).images

    def work(report: jobs.Report) -> "MosaicCheck":
        from cnnviz import faithfulness

        chosen: dict[int, tuple[float, ImageInput]] = {}
        for image in images:  # of each class the picture that it is surest of
            best = network.predict(image, top=1)[0]
            probability = best.probability or 0.0  # None if the network gives none
            if probability > chosen.get(best.class_index, (0.5,))[0]:
                chosen[best.class_index] = (probability, image)
        surest = sorted(chosen, key=lambda index: -chosen[index][0])[:4]
        if len(surest) < 4:
            raise DatasetError(
                "Among the bundled pictures this network is not sure of four different classes."
            )
        return faithfulness.mosaic_check(
            network,
            [chosen[index][1] for index in surest],
            surest,
            lambda image, index: explain(
                network, image, method_name, layer_name=layer_name, target=one_class(index)
            ),
            report,
        )

    key = ("mosaic", model_name, method_name, layer_name)
    return jobs.result_of(key, "Setting four known pictures into one", work)
