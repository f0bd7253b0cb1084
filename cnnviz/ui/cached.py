"""The only place that caches for the pages. Keys are names and digests, every cache is bounded."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from cnnviz import datasets, figures, zoo
from cnnviz.ascent import store
from cnnviz.ascent.objectives import Target as AscentTarget
from cnnviz.ascent.recipe import Recipe
from cnnviz.bank_classifier import (
    BankClassifier,
    feature_bank,
    grey_pictures,
    load_classifier,
)
from cnnviz.datasets import Collection, LabelledImages
from cnnviz.errors import DatasetError
from cnnviz.evidence import Target, explained, one_class
from cnnviz.explanations import explain, find_method
from cnnviz.feature_maps import LayerGlance, MapStatistics, feature_maps, glance, map_statistics
from cnnviz.filter_banks import (
    BANKS,
    FilterBank,
    Usefulness,
    bank_features,
    gabor_bank,
    gabor_kernel,
    gabor_response,
    preferred_wave,
    usefulness,
)
from cnnviz.gabor_fit import GaborFit, fit_gabor
from cnnviz.images import image_from_pixels, shrink_to_fit
from cnnviz.linear_classifier import LinearClassifier, load_linear
from cnnviz.own_classes import BASE, CheckedClasses, NamedPicture, read_files
from cnnviz.results import ClassHeatmap, GaborResponse, ImageInput, LayerFacts, Prediction
from cnnviz.training import Augmentation, Invariance, draws, extremes, measure_invariance
from cnnviz.training.live import LiveLook, LiveSettings, available_data, ten_pictures
from cnnviz.training_film import KernelFits, TrainingFilm, networks_with_films
from cnnviz.ui import jobs, reel
from cnnviz.ui.server import keep_server_fast
from cnnviz.zoo import TrainingRecord

if TYPE_CHECKING:
    from cnnviz.evidence import Case
    from cnnviz.evidence_table import EvidenceTable
    from cnnviz.exemplars import LayerExemplars
    from cnnviz.faithfulness import MosaicCheck, PixelCurves
    from cnnviz.randomisation import Level
    from cnnviz.results import FilterImage
    from cnnviz.reuse import Anatomy, Evidence
    from cnnviz.training.head import TrainedHead

_BATCH = 8  # filters that climb together
_EXEMPLAR_BYTES, _LEAST_PICTURES = 48 << 20, 20  # what is kept of all filters' answers to pictures
_one_comparison = threading.Lock()
_BY_DIGEST: dict[str | type[Any], Callable[[Any], Any]] = {
    ImageInput: attrgetter("digest"),
    Target: repr,
}


def model(model_name: str):  # type: ignore[no-untyped-def]  # the type would load TensorFlow
    """Give a network of the zoo; the process keeps the last few itself.

    They are not in Streamlit's cache, because any visitor can clear that.
    """
    with st.spinner("Loading the network. This takes a few seconds the first time…"):
        keep_server_fast()
        from cnnviz.probe import load_model

        return load_model(model_name)


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def smaller(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce a picture so that its longer side fits."""
    return shrink_to_fit(image, max_side_px)


@st.cache_data(max_entries=256, hash_funcs=_BY_DIGEST, show_spinner=False)
def predictions(model_name: str, image: ImageInput, top: int = 5) -> tuple[Prediction, ...]:
    """Name the most probable classes."""
    return model(model_name).predict(image, top)


@st.cache_resource(max_entries=6, hash_funcs=_BY_DIGEST, show_spinner="Looking at the layer…")
def case(
    model_name: str, image: ImageInput, target: Target, layer_names: tuple[str, ...]
) -> "Case":
    """Run a picture through a network and back, once for all methods: shared, read-only."""
    from cnnviz.evidence import observe

    return observe(model(model_name), image, target, layer_names)


def evidence(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...] = (),
) -> ClassHeatmap | None:
    """Show what argues for something; None while a slow method is at work."""
    method = find_method(method_name)
    if method.sees:
        return _fast_evidence(model_name, image, method_name, layer_name, target, settings)
    network = model(model_name)

    def work(report: jobs.Report) -> ClassHeatmap:
        return explain(
            network,
            image,
            method_name,
            layer_name=layer_name,
            target=target,
            on_progress=report,
            **dict(settings),
        )

    key = ("evidence", model_name, image.digest, method_name, layer_name, target, settings)
    return jobs.result_of(key, method.title, work)


@st.cache_data(max_entries=256, hash_funcs=_BY_DIGEST, show_spinner=False)
def _fast_evidence(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...],
) -> ClassHeatmap:
    method = find_method(method_name)
    seen = case(model_name, image, target, method.needs(layer_name))
    return explained(seen, method, layer_name, dict(settings))


@st.cache_data(max_entries=64, hash_funcs=_BY_DIGEST, show_spinner=False)
def fused_evidence(
    model_name: str, image: ImageInput, layer_names: tuple[str, ...], target: Target
) -> ClassHeatmap:
    """LayerCAM of several layers in one map."""
    from cnnviz.cam import fuse

    seen = case(model_name, image, target, layer_names)
    method = find_method("layer-cam")
    return fuse([explained(seen, method, name) for name in layer_names])


def channel_weights(
    model_name: str,
    image: ImageInput,
    method_name: str,
    layer_name: str,
    target: Target,
    settings: tuple[tuple[str, Any], ...],
) -> np.ndarray | None:
    """Weights of a method's sum over feature maps; None while a slow method is at work."""
    seen = case(model_name, image, target, (layer_name,))

    def work(report: jobs.Report) -> np.ndarray:
        from cnnviz.cam import channel_weights as weigh

        return weigh(seen, method_name, layer_name, dict(settings), report)

    key = ("weights", model_name, image.digest, method_name, layer_name, target, settings)
    return jobs.result_of(key, "Weighing the feature maps", work)


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

    key = ("curves", model_name, image.digest, target, kind, heatmap.values.tobytes())
    return jobs.result_of(key, "Taking pixels away and bringing them back", work)


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

            def tell(done: int, total: int, before: int = len(found) * len(ROAD_SHARES)) -> None:
                report(before + done, 2 * total)

            found[name] = road(seen, values, on_progress=tell)
        return found

    key = ("road", model_name, image.digest, target, heatmap.values.tobytes())
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
            if best.probability > chosen.get(best.class_index, (0.5,))[0]:
                chosen[best.class_index] = (best.probability, image)
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


def evidence_table(
    image: ImageInput,
    rows: tuple[str, ...],
    columns: tuple[tuple[str, str, Target], ...],
    show: Callable[[Any], None],
) -> "EvidenceTable | None":
    """Maps of several methods for several (network, layer, target); None while they are made.

    `show` draws what there is so far.
    """
    networks = {name: model(name) for name, _, _ in columns}

    def work(report: jobs.Report) -> "EvidenceTable":
        from cnnviz.evidence_table import evidence_table as fill

        places = [(networks[name], layer, target) for name, layer, target in columns]
        return fill(image, rows, places, on_progress=report)

    return jobs.result_of(("table", image.digest, rows, columns), "Filling the table", work, show)


@st.cache_data(max_entries=64, show_spinner=False)
def filter_kernel(
    frequency: float,
    theta: float,
    sigma: float,
    aspect: float,
    phase: float,
    remove_dc: bool,
    operation: str,
) -> np.ndarray:
    """One complex Gabor kernel; `operation` says how it is used and does not change it."""
    return gabor_kernel(frequency, theta, sigma, aspect=aspect, phase=phase, remove_dc=remove_dc)


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def filter_response(image: ImageInput, **settings: Any) -> GaborResponse:
    """Answer of one Gabor filter; the settings are those of `gabor_response`."""
    return gabor_response(image, **settings)


@st.cache_data(max_entries=16, show_spinner=False)
def filter_bank(
    kind: str, num_frequencies: int, num_thetas: int, lowest: float, sigmas: tuple[float, ...]
) -> FilterBank:
    """A bank of a kind; a Gabor bank goes from fine to coarse; without sigmas they are tied."""
    if kind != "gabor":
        return BANKS[kind].make()
    frequencies = np.geomspace(0.4, lowest, num_frequencies)
    thetas = np.arange(num_thetas) * np.pi / num_thetas
    return gabor_bank(frequencies, thetas, sigmas or None, remove_dc=True)


@st.cache_resource(max_entries=2, hash_funcs=_BY_DIGEST, show_spinner="Asking all filters…")
def bank_responses(
    image: ImageInput,
    kind: str,
    num_frequencies: int,
    num_thetas: int,
    lowest: float,
    sigmas: tuple[float, ...],
) -> np.ndarray:
    """Strength of all responses of a bank, float32 (num_filters, h, w): shared, read-only."""
    bank = filter_bank(kind, num_frequencies, num_thetas, lowest, sigmas)
    responses = bank.responses(image)
    responses.flags.writeable = False
    return responses


@st.cache_data(max_entries=4, show_spinner="Asking all filters about ten pictures…")
def responses_to_ten(
    digits: bool,
    kind: str,
    num_frequencies: int,
    num_thetas: int,
    lowest: float,
    sigmas: tuple[float, ...],
) -> tuple[list[ImageInput], list[str], list[np.ndarray]]:
    """Ten digits or ten kinds of clothing, their names, and what a bank answers to each."""
    samples = datasets.fashion_mnist_samples()
    images = [image_from_pixels(samples.images[samples.labels == i][0]) for i in range(10)]
    names = list(samples.class_names)
    if digits:
        images = [datasets.picture("house-numbers", f"digit-{digit}-1") for digit in range(10)]
        names = [str(digit) for digit in range(10)]
    bank = filter_bank(kind, num_frequencies, num_thetas, lowest, sigmas)
    return images, names, [bank.responses(image) for image in images]


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def bank_usefulness(
    image: ImageInput,
    kind: str,
    num_frequencies: int,
    num_thetas: int,
    lowest: float,
    sigmas: tuple[float, ...],
) -> Usefulness:
    """How much each filter of a bank says about a picture."""
    return usefulness(bank_responses(image, kind, num_frequencies, num_thetas, lowest, sigmas))


@st.cache_data(max_entries=16, show_spinner=False)
def preferred_waves(
    kind: str, num_frequencies: int, num_thetas: int, lowest: float, sigmas: tuple[float, ...]
) -> list[tuple[float, float]]:
    """Frequency and direction that each filter of a bank answers to most."""
    kernels = filter_bank(kind, num_frequencies, num_thetas, lowest, sigmas).kernels
    return [preferred_wave(kernel) for kernel in kernels]


@st.cache_data(max_entries=1, show_spinner="Describing the samples by filters…")
def sample_features() -> np.ndarray:
    """What the feature bank says about the bundled pieces of clothing, float32 (200, 48)."""
    return bank_features(feature_bank(), grey_pictures(datasets.fashion_mnist_samples()))


@st.cache_data(max_entries=1, show_spinner=False)
def bank_classifier() -> BankClassifier:
    """The classifier of clothing that sees nothing but those features."""
    return load_classifier("fashion-mnist")


@st.cache_data(max_entries=256, show_spinner=False)
def kernel_fit(model_name: str, layer_name: str, place: int) -> GaborFit:
    """The Gabor function nearest to a kernel of a network."""
    weights = model(model_name).operations[layer_name].get_weights()[0]
    return fit_gabor(np.asarray(weights)[..., place])


@st.cache_data(max_entries=32, show_spinner="Showing gratings to the network…")
def network_tuning(
    model_name: str, layer_name: str, frequency: float, num_thetas: int
) -> np.ndarray:
    """How strongly each channel of a layer answers to gratings of every direction."""
    from cnnviz.orientation_tuning import network_tuning as measure

    thetas = np.arange(num_thetas) * np.pi / num_thetas
    return measure(model(model_name), layer_name, frequency, thetas.tolist())


@st.cache_resource(max_entries=12, hash_funcs=_BY_DIGEST, show_spinner=False)
def layer_maps(model_name: str, image: ImageInput, layer_name: str) -> np.ndarray:
    """All maps of a layer, float32 (h, w, K): shared, read-only.

    All layers come out of one compiled pass, so that no layer has to be compiled by itself.
    """
    return feature_maps(model(model_name), image)[layer_name].values


@st.cache_data(max_entries=64, hash_funcs=_BY_DIGEST, show_spinner=False)
def layer_statistics(model_name: str, image: ImageInput, layer_name: str) -> MapStatistics:
    """What the maps of a layer are like for a picture."""
    return map_statistics(layer_maps(model_name, image, layer_name))


@st.cache_data(max_entries=16, hash_funcs=_BY_DIGEST, show_spinner="Looking at all layers…")
def overview(model_name: str, image: ImageInput) -> dict[str, LayerGlance]:
    """Range and strongest maps of every layer."""
    return glance(model(model_name), image)


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def cell_trace(
    model_name: str, image: ImageInput, layer_name: str, channel: int, row: int, column: int
) -> Any:
    """Where one number of a map comes from."""
    from cnnviz.trace import trace_cell

    return trace_cell(model(model_name), image, layer_name, channel, row, column)


@st.cache_data(max_entries=64, hash_funcs=_BY_DIGEST, show_spinner=False)
def ablated(
    model_name: str, image: ImageInput, layer_name: str, channels: tuple[int, ...]
) -> np.ndarray:
    """Logits with some channels switched off."""
    from cnnviz.ablation import ablated_scores

    return ablated_scores(model(model_name), image, layer_name, channels)


def ablation(model_name: str, image: ImageInput, layer_name: str) -> np.ndarray | None:
    """Logits with each channel switched off alone; None while they are being computed."""
    network = model(model_name)

    def work(report: jobs.Report) -> np.ndarray:
        from cnnviz.ablation import ablation_scores

        return ablation_scores(network, image, layer_name, on_progress=report)

    key = ("ablation", model_name, image.digest, layer_name)
    return jobs.result_of(key, "Switching off one filter after the other", work)


def collection_for(model_name: str, full: bool) -> Collection:
    """Pictures of the kind that a network was made for: bundled ones, or the held-out part.

    Raises
    ------
    DatasetError
        If the held-out part is not on this computer.
    """
    data = training_record(model_name).facts["data"] if zoo.has_training_record(model_name) else ""
    bundled = {"fashion-mnist": "clothing", "mnist": "digits", "svhn": "digits"}
    found = (
        _held_out_collection(data)
        if full
        else datasets.collection(bundled.get(data, "photographs"))
    )
    num_channels = sum(shape[2] for shape in model(model_name).map_shapes.values())
    return found.thinned(max(_LEAST_PICTURES, _EXEMPLAR_BYTES // (16 * num_channels)))


@st.cache_resource(max_entries=2, show_spinner="Reading the held-out pictures…")
def _held_out_collection(data_name: str) -> Collection:
    if not data_name:
        raise DatasetError(
            "This network was not trained here, so its held-out pictures are not known. Use the "
            "bundled ones."
        )
    return datasets.collection_of(data_name, _held_out(data_name))


def exemplars(model_name: str, pictures: Collection) -> "Mapping[str, LayerExemplars] | None":
    """What every filter answers to every picture; None while they are being asked."""
    network = model(model_name)

    def work(report: jobs.Report) -> "Mapping[str, LayerExemplars]":
        from cnnviz.exemplars import find_exemplars

        return find_exemplars(network, pictures.images, on_progress=report)

    key = ("exemplars", model_name, pictures.name)
    return jobs.result_of(key, f"Asking all filters about {pictures.title}", work)


def filter_images(
    model_name: str,
    targets: Sequence[AscentTarget],
    recipe: Recipe,
    seed: int,
    begin_with: ImageInput | None,
    show: Callable[[Any], None],
) -> "tuple[FilterImage, ...] | None":
    """Make pictures that excite some targets; None while they are being made.

    They are kept on disk, but never those that begin with a picture or come from a network of a
    visitor: what a visitor brings is gone with the session.
    """
    network = model(model_name)
    is_kept = begin_with is None and model_name in {card.name for card in zoo.list_models()}

    def work(report: jobs.Report) -> "tuple[FilterImage, ...]":
        from cnnviz.ascent import Progress, visualize

        keys = [
            store.picture_key(network, target, recipe, seed + i)
            for i, target in enumerate(targets)
            if is_kept
        ]
        kept = [one for one in map(store.load_picture, keys) if one is not None]
        if len(kept) == len(targets):
            return tuple(kept)
        found: list[FilterImage] = []

        def show_all(progress: Progress) -> None:
            report(
                len(found) * recipe.steps + progress.step * min(_BATCH, len(targets) - len(found)),
                len(targets) * recipe.steps,
                replace(progress, pixels=[*(one.pixels for one in found), *progress.pixels]),
            )

        for first in range(0, len(targets), _BATCH):
            now = targets[first : first + _BATCH]
            found += visualize(
                network,
                [target.objective(network) for target in now],
                recipe,
                seeds=[seed + first + i for i in range(len(now))],
                begin_with=begin_with,
                on_step=show_all,
            )
        if len(found) > 1:  # nobody looks at so many films
            found = [replace(one, frames=one.frames[-1:]) for one in found]
        for key, one in zip(keys, found, strict=False):  # without keys nothing is kept
            store.keep_picture(key, one)
        return tuple(found)

    digest = begin_with.digest if begin_with else ""
    key = ("ascent", model_name, tuple(targets), recipe, seed, digest)
    title = "Climbing" if len(targets) == 1 else f"Climbing for {len(targets)} filters"
    return jobs.result_of(key, title, work, show)


def filters_at_steps(
    model_name: str, layer_name: str, channels: tuple[int, ...], steps: tuple[int, ...]
) -> list[list[np.ndarray]] | None:
    """Make pictures for some filters as they were at some steps of the training."""

    def work(report: jobs.Report) -> list[list[np.ndarray]]:
        from cnnviz.ascent import Progress, channel, suggested_recipe, visualize
        from cnnviz.probe import load_checkpoint

        rows = []
        for done, step in enumerate(steps):
            then = load_checkpoint(model_name, step)
            objectives = [channel(then, layer_name, place) for place in channels]
            recipe = suggested_recipe(then)

            def tell(progress: Progress, before: int = done * recipe.steps) -> None:
                report(before + progress.step, len(steps) * progress.steps)

            found = visualize(then, objectives, recipe, seeds=channels, on_step=tell)
            rows.append([one.pixels for one in found])
        return rows

    model(model_name)
    key = ("ascent at steps", model_name, layer_name, channels, steps)
    return jobs.result_of(key, "Climbing in the network as it was", work)


@st.cache_data(max_entries=32, show_spinner=False)
def film(frames: tuple[bytes, ...], size_px: int) -> bytes:
    """Make a GIF of raw frames (size × size RGB); the last one stays a while."""
    pictures = [np.frombuffer(frame, np.uint8).reshape(size_px, size_px, 3) for frame in frames]
    return figures.encode_gif(pictures)


@st.cache_data(max_entries=8, show_spinner=False)
def layers(model_name: str) -> tuple[LayerFacts, ...]:
    """Describe every layer of a network."""
    from cnnviz.layer_table import layer_table

    return layer_table(model(model_name))


@st.cache_data(max_entries=8, show_spinner=False)
def drawing(model_name: str) -> Any:
    """Draw a network."""
    return figures.architecture_figure(layers(model_name), model(model_name).input_shape)


@st.cache_data(max_entries=16, show_spinner=False)
def training_record(model_name: str) -> TrainingRecord:
    """Read how a network was trained."""
    return zoo.training_record(model_name)


@st.cache_data(max_entries=32, show_spinner=False)
def checkpoint(model_name: str, step: int) -> dict[str, list[np.ndarray]]:
    """Read the weights that a network had on the way."""
    return zoo.checkpoint(model_name, step)


@st.cache_data(max_entries=64, show_spinner=False)
def confusion_examples(model_name: str, true: int, answer: int) -> tuple[list[np.ndarray], str]:
    """Give pictures of one class that a network took for another, and where they come from.

    Of the whole held-out part if it is on this computer, else of the bundled samples.
    """
    record = training_record(model_name)
    places = list(record.examples.get((true, answer), ()))
    if not places:
        return [], "There is no such picture."
    try:
        held_out = _held_out(record.facts["data"])
    except DatasetError:
        return _examples_among_samples(model_name, record.facts["data"], true, answer)
    return [_rgb(held_out.images[place]) for place in places], f"{held_out.title}."


@st.cache_resource(max_entries=1, show_spinner="Reading the held-out pictures…")
def _held_out(data_name: str) -> LabelledImages:
    from cnnviz.training.recipes import DATA

    return DATA[data_name]("test")


def _examples_among_samples(
    model_name: str, data_name: str, true: int, answer: int
) -> tuple[list[np.ndarray], str]:
    samples = {"fashion-mnist": datasets.fashion_mnist_samples, "svhn": datasets.svhn_samples}
    missing = "The held-out pictures are not on this computer, so none can be shown here."
    if data_name not in samples:
        return [], missing
    pictures = samples[data_name]()
    answers = answers_to_samples(model_name, data_name)
    chosen = np.flatnonzero((pictures.labels == true) & (answers == answer))[:9]
    if not len(chosen):
        return [], f"{missing} Among the bundled samples there is none of this kind."
    return [_rgb(pictures.images[i]) for i in chosen], f"Among: {pictures.title}."


@st.cache_data(max_entries=8, show_spinner="Asking the network for all samples…")
def answers_to_samples(model_name: str, data_name: str) -> np.ndarray:
    """What a network says to each bundled sample of a data set, int64 (N,)."""
    samples = {"fashion-mnist": datasets.fashion_mnist_samples, "svhn": datasets.svhn_samples}
    network = model(model_name)
    images = [image_from_pixels(pixels) for pixels in samples[data_name]().images]
    return np.array([int(network.scores(image).argmax()) for image in images])


def _rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)


def reuse_anatomies() -> "tuple[Anatomy, ...] | None":
    """What of the five compared networks was trained; None while they are being taken apart."""

    def work(report: jobs.Report) -> "tuple[Anatomy, ...]":
        keep_server_fast()
        from cnnviz.reuse import NETWORKS, take_apart

        found: list[Anatomy] = []
        for name in NETWORKS:
            report(len(found), len(NETWORKS))
            found.append(take_apart(name))
        return tuple(found)

    return jobs.result_of(("anatomies",), "Taking the five networks apart", work)


def reuse_evidence(image: ImageInput, show: Callable[[Any], None]) -> "tuple[Evidence, ...] | None":
    """What each of the five says about a picture and why; None while they are being asked."""

    def work(report: jobs.Report) -> "tuple[Evidence, ...]":
        keep_server_fast()
        from cnnviz.reuse import NETWORKS, look_at

        while not _one_comparison.acquire(timeout=0.2):  # the networks are built and not kept
            report(0, len(NETWORKS))
        try:
            found: list[Evidence] = []
            for name in NETWORKS:
                report(len(found), len(NETWORKS), tuple(found))
                found.append(look_at(name, image))
            return tuple(found)
        finally:
            _one_comparison.release()

    title = "Asking the five networks, one after the other"
    return jobs.result_of(("reuse evidence", image.digest), title, work, show)


def own_pictures(
    token: str, class_name: str, files: Sequence[tuple[str, bytes]]
) -> tuple[dict[str, list[NamedPicture]], list[str]] | None:
    """Pictures that a visitor brought, and what is wrong with others; None while they are read.

    They are handed over: nothing of them stays with the server.
    """
    key = ("own pictures", token)
    result = jobs.result_of(
        key, "Reading your pictures", lambda report: read_files(class_name, files, report)
    )
    if result is not None:
        jobs.forget(key)
    return result


def own_head(
    classes: CheckedClasses, known: Mapping[str, np.ndarray], is_shared: bool
) -> "tuple[TrainedHead, dict[str, np.ndarray]] | None":
    """A head for some classes, and the features by the pictures' digests; None while it learns.

    What is not `is_shared` is handed over: nothing of it stays with the server.
    """

    def work(report: jobs.Report) -> "tuple[TrainedHead, dict[str, np.ndarray]]":
        keep_server_fast()
        from cnnviz.probe import load_model
        from cnnviz.training.head import features, train_head

        report(0, len(classes.pictures))
        images = {picture.image.digest: picture.image for picture in classes.pictures}
        new = [image for digest, image in images.items() if digest not in known]
        found = features(load_model(BASE), new, report)
        rows = {digest: known[digest] for digest in images if digest in known}
        rows |= {image.digest: row for image, row in zip(new, found, strict=True)}
        matrix = np.stack([rows[picture.image.digest] for picture in classes.pictures])
        return train_head(matrix, classes.labels, classes.class_names), rows

    key = ("own head", classes.digest)
    result = jobs.result_of(key, "Describing the pictures and training the head", work)
    if result is not None and not is_shared:
        jobs.forget(key)
    return result


@st.cache_data(max_entries=32, hash_funcs=_BY_DIGEST, show_spinner=False)
def picture_features(image: ImageInput) -> np.ndarray:
    """What the base says about a picture, float32 (1, 1280)."""
    network = model(BASE)
    from cnnviz.training.head import features

    return features(network, [image])


def own_network(head: "TrainedHead") -> Any:
    """Make the network of a head known to all pages of the session that holds it."""

    def work(report: jobs.Report) -> Any:
        keep_server_fast()
        from cnnviz.probe import adopt
        from cnnviz.training.head import build_with_head, head_card

        network = build_with_head(head)
        return adopt(network, head_card(head, network.count_params()))

    key = ("own network", head.name)
    result = jobs.result_of(key, "Putting the head on its base", work)
    if result is not None:
        jobs.forget(key)
    return result


@st.cache_data(max_entries=1, ttl=60, show_spinner=False)
def filmed_networks() -> tuple[str, ...]:
    """Name the networks whose weights were kept on the way; looked up anew after a minute."""
    return networks_with_films()


def training_film(
    model_name: str,
    image: ImageInput,
    layer_name: str,
    class_index: int | None,
    cam_layer_name: str,
) -> TrainingFilm | None:
    """Show a picture to a network at every kept step of its training; None while that runs."""

    def work(report: jobs.Report) -> TrainingFilm:
        from cnnviz.training_film import training_film as make

        return make(
            model_name,
            image,
            layer_name,
            class_index,
            cam_layer_name=cam_layer_name,
            on_progress=report,
        )

    key = ("film", model_name, image.digest, layer_name, class_index, cam_layer_name)
    return jobs.result_of(key, "Going through the training", work)


def film_fits(model_name: str) -> KernelFits | None:
    """Fit Gabor functions to the first kernels at every kept step; None while that runs."""

    def work(report: jobs.Report) -> KernelFits:
        from cnnviz.training_film import kernel_fits

        return kernel_fits(model_name, report)

    title = f"Fitting Gabor functions to the kernels of {zoo.find_card(model_name).title}"
    return jobs.result_of(("film fits", model_name), title, work)


@st.cache_data(
    max_entries=8,
    hash_funcs={
        **_BY_DIGEST,
        TrainingFilm: attrgetter("key"),
        KernelFits: attrgetter("name"),
    },
    show_spinner=False,
)
def film_reel(film: TrainingFilm, image: ImageInput, fits: KernelFits | None) -> dict[str, Any]:
    """Paint and write all frames of a film for the browser."""
    record = zoo.training_record(film.name)
    return reel.make_reel(film, zoo.find_card(film.name), record, image, fits)


@st.cache_resource(max_entries=3, show_spinner=False)
def linear_classifier(data_name: str) -> LinearClassifier:
    """The linear classifier of a data set: shared, read-only."""
    return load_linear(data_name)


@st.cache_data(max_entries=64, show_spinner="Asking automatic differentiation…")
def taped_kernel_gradient(
    picture: tuple[tuple[float, ...], ...],
    kernel: tuple[tuple[float, ...], ...],
    target: tuple[tuple[float, ...], ...],
    loss: str,
) -> tuple[float, np.ndarray]:
    """Loss of a small convolution and its gradient, as TensorFlow computes them.

    The tables are tuples of rows: few numbers, which are the key themselves.
    """
    keep_server_fast()
    from cnnviz.automatic_gradient import taped_kernel_gradient as taped

    return taped(np.array(picture), np.array(kernel), np.array(target), loss)


@st.cache_data(max_entries=16, hash_funcs=_BY_DIGEST, show_spinner=False)
def augmented(
    model_name: str, image: ImageInput, augmentation: Augmentation, num: int, seed: int
) -> np.ndarray:
    """Draw changed versions of a picture at a network's size, uint8 (num, h, w, 3)."""
    return draws(zoo.model_view(model(model_name).card, image), augmentation, num, seed)


@st.cache_data(max_entries=16, hash_funcs=_BY_DIGEST, show_spinner=False)
def augmentation_extremes(
    model_name: str, image: ImageInput, augmentation: Augmentation
) -> dict[str, np.ndarray]:
    """Change a picture at a network's size by one thing at a time."""
    return extremes(zoo.model_view(model(model_name).card, image), augmentation)


@st.cache_data(max_entries=64, hash_funcs=_BY_DIGEST, show_spinner=False)
def invariance(
    model_name: str, image: ImageInput, augmentation: Augmentation, num: int, seed: int
) -> Invariance:
    """Ask a network about a picture and about changed versions of it."""
    network = model(model_name)
    versions = augmented(model_name, image, augmentation, num, seed)
    scores = network.scores_of_all([image, *(image_from_pixels(pixels) for pixels in versions)])
    probabilities = np.stack([network.probabilities(one) for one in scores])
    return measure_invariance(probabilities[0], probabilities[1:])


@st.cache_data(max_entries=1, ttl=600, show_spinner=False)
def live_data() -> tuple[str, ...]:
    """Name the data on this computer that a small network can be trained on."""
    return available_data()


@st.cache_data(max_entries=4, show_spinner=False)
def live_ten(data_name: str) -> LabelledImages:
    """Give the ten pictures that are watched while a network learns."""
    return ten_pictures(data_name)


@st.cache_data(max_entries=16, show_spinner="Building the network…")
def live_first_look(settings: LiveSettings) -> LiveLook:
    """Look at a small network before any training."""
    keep_server_fast()
    from cnnviz.training import first_look

    return first_look(settings)


@st.cache_data(max_entries=16, show_spinner="Building the network…")
def live_drawing(settings: LiveSettings) -> tuple[Any, tuple[LayerFacts, ...]]:
    """Draw a small network before any training, and describe its layers."""
    keep_server_fast()
    from cnnviz.layer_table import layer_table
    from cnnviz.probe import wrap_model
    from cnnviz.zoo.blocks import build_blocks

    network = build_blocks(settings.network, settings.name, settings.seed)
    rows = layer_table(wrap_model(network, zoo.card_for_model(network, settings.name)))
    return figures.architecture_figure(rows, settings.network.input_shape), rows
