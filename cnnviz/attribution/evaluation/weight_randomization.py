"""Does a map depend on what the network has learned? Its weights are drawn anew, from the top."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity

from cnnviz.arrays import upsample
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.methods import Method, attribution_map
from cnnviz.attribution.observation import Observation, observe
from cnnviz.attribution.targets import Target
from cnnviz.images import ImageInput

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

MAX_LEVELS = 9
_SIDE = 64  # maps are compared at this size


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """A map after so many layers, counted from the top, have forgotten what they learned.

    Attributes
    ----------
    num_layers : int
        Layers with drawn weights; 0 is the network as it is.
    lowest : str
        The lowest of them; empty for none.
    heatmap : ClassHeatmap
    probability : float
        Of the class.
    spearman : float
        Rank correlation with the map of the network as it is, -1 to 1; 0 for an even map.
    ssim : float
        Structural similarity to it, both scaled to their own maximum, at most 1.
    """

    num_layers: int
    lowest: str
    heatmap: ClassHeatmap
    probability: float
    spearman: float
    ssim: float


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Correlate the order of two maps of one shape, -1 to 1; 0 if one of them is even."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return 0.0
    return float(spearmanr(first.ravel(), second.ravel()).statistic)


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Compare two maps as images (SSIM), each scaled to its own largest size."""
    shown = [
        upsample(values / (float(np.abs(values).max()) or 1.0), _SIDE, _SIDE)
        for values in (first, second)
    ]
    return float(structural_similarity(*shown, data_range=2.0))


def randomized_maps(
    model: "LoadedModel",
    image: ImageInput,
    method: Method,
    layer_name: str,
    target: Target,
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 0,
    on_progress: Callable[..., None] | None = None,
) -> tuple[Level, ...]:
    """Compute the map while the weights of a copy are randomized, layer by layer from the top.

    Weights and biases of each layer are drawn from a normal distribution with the mean and spread
    that they had; the paper draws them as before the training. Normalization layers keep their
    numbers, so that activations keep their size. A method whose maps stay alike shows the image,
    not the network.

    Parameters
    ----------
    model : LoadedModel
        Is not changed.
    image, method, layer_name, target, settings
        What is explained and how.
    seed : int
    on_progress : callable, optional
        Called with (done, in all, levels so far).

    Returns
    -------
    tuple of Level
        At most `MAX_LEVELS`, the first of the network as it is.

    References
    ----------
    Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018, arXiv:1810.03292.
    """
    copy = _copy_of(model)
    from_top = _learned_layers(copy)[::-1]
    stops = np.unique(np.linspace(0, len(from_top), min(MAX_LEVELS, len(from_top) + 1)).round())
    rng = np.random.default_rng(seed)
    found: list[Level] = []
    done = 0

    def tell(part: float, in_all: int) -> None:
        if on_progress is not None:
            on_progress(len(found) + part / in_all, len(stops), tuple(found))

    for stop in stops.astype(int).tolist():
        for name in from_top[done:stop]:
            _randomize(copy.operations[name], rng)
        done = stop
        observation = observe(copy, image, target, method.needed_layers(layer_name))
        heatmap = attribution_map(observation, method, layer_name, settings, tell)
        found.append(
            _level(observation, heatmap, found[0].heatmap if found else heatmap, from_top[:done])
        )
        if on_progress is not None:
            on_progress(len(found), len(stops), tuple(found))
    return tuple(found)


def _level(
    observation: Observation, heatmap: ClassHeatmap, first: ClassHeatmap, forgotten: Sequence[str]
) -> Level:
    """Compare a map with that of the network as it is."""
    return Level(
        num_layers=len(forgotten),
        lowest=forgotten[-1] if forgotten else "",
        heatmap=heatmap,
        probability=float(
            observation.target.confidences(observation.model, observation.logits[np.newaxis])[0]
        ),
        spearman=rank_correlation(first.values, heatmap.values) if forgotten else 1.0,
        ssim=similarity(first.values, heatmap.values),
    )


def _copy_of(model: "LoadedModel") -> "LoadedModel":
    import keras

    from cnnviz.network.inspection import wrap_model

    copy = keras.models.clone_model(model.keras_model)
    copy.set_weights(model.keras_model.get_weights())
    return wrap_model(copy, model.card)


def _learned_layers(model: "LoadedModel") -> list[str]:
    """Name the layers with a kernel, in order of computation, each once."""
    seen: dict[int, str] = {}
    for name, operation in model.operations.items():
        if any(len(weights.shape) > 1 for weights in getattr(operation, "weights", [])):
            seen.setdefault(id(operation), name)
    return list(seen.values())


def _randomize(operation: Any, rng: np.random.Generator) -> None:
    drawn = [
        rng.normal(weights.mean(), weights.std(), weights.shape)
        for weights in operation.get_weights()
    ]
    operation.set_weights(drawn)
