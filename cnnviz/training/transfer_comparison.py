"""Five networks for one question, from trained from scratch to fine-tuned: what each reused.

None of them is kept: what is looked at is a small record.
"""

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz import zoo
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.images import ImageInput
from cnnviz.training.weight_drift import LayerDrift, layer_drift

if TYPE_CHECKING:
    import keras

NETWORKS = (
    "cats-dogs-150",
    "cats-dogs-150-augmented",
    "cats-dogs-features",
    "cats-dogs-features-augmented",
    "cats-dogs-fine-tuned",
)
_STAGES = ("stem", "block", "head")  # layers of one such name belong together, as in block3a_add


@dataclass(frozen=True, slots=True)
class NetworkPart:
    """A layer with weights, or the layers of one block.

    `shape` is that of its output without the batch; `num_trained` of its `num_parameters` were
    changed by the training, the others stayed as they came.
    """

    name: str
    shape: tuple[int, ...]
    num_parameters: int
    num_trained: int


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A network taken apart: its parts, and how far layers moved that began with given weights.

    `drift` is empty for a network whose layers all began with chance or were kept as they came.
    """

    name: str
    parts: tuple[NetworkPart, ...]
    drift: tuple[LayerDrift, ...]


@dataclass(frozen=True, slots=True, eq=False)
class NetworkView:
    """What a network says about an image, and why.

    Attributes
    ----------
    name : str
    class_names : tuple of str
    probabilities : tuple of float
        One per class, 0 to 1.
    heatmaps : tuple of ClassHeatmap
        Grad-CAM for each class, on the network's last layer with maps.
    """

    name: str
    class_names: tuple[str, ...]
    probabilities: tuple[float, ...]
    heatmaps: tuple[ClassHeatmap, ...]

    @property
    def prediction(self) -> int:
        """The most probable class."""
        return int(np.argmax(self.probabilities))


def network_parts(model: "keras.Model") -> tuple[NetworkPart, ...]:
    """List what of a network was trained and what was frozen, from image to prediction.

    Parameters
    ----------
    model : keras.Model
        Its layers say of their weights whether they can be trained.

    Returns
    -------
    tuple of NetworkPart
        Layers whose names begin with one stage (``stem``, ``head``, ``block3a``) are one part;
        parts without weights are left out.
    """
    parts = []
    for name, layers in groupby(model.layers, key=_stage):
        group = list(layers)
        numbers = sum(layer.count_params() for layer in group)
        trained = sum(
            int(np.prod(weight.shape)) for layer in group for weight in layer.trainable_weights
        )
        if numbers:
            parts.append(NetworkPart(name, tuple(group[-1].output.shape[1:]), numbers, trained))
    return tuple(parts)


def _stage(layer: Any) -> str:
    return layer.name.split("_")[0] if layer.name.startswith(_STAGES) else layer.name


def take_apart(name: str) -> Anatomy:
    """Say what of a network was trained, and how far that moved from what it began with.

    Layers of a frozen base are compared with the published network, all others with the network
    that the training started from, if there was one.

    Parameters
    ----------
    name : str
        A network with a training record, such as one of `NETWORKS`.

    Raises
    ------
    ModelLoadError, DownloadError
        If the network, its record or its base is not here.
    """
    model = zoo.build_model(zoo.find_card(name))
    facts = zoo.training_record(name).facts
    if facts["starts_from"] is None:
        return Anatomy(name, network_parts(model), ())
    origins = [facts["starts_from"], *([facts["base"]["model"]] if facts["base"] else [])]
    before: dict[str, list[np.ndarray]] = {}
    for origin in origins:  # the published network last: what both have began there
        before |= _kernels(zoo.build_model(zoo.find_card(origin)))
    return Anatomy(name, network_parts(model), layer_drift(before, _kernels(model)))


def _kernels(model: "keras.Model") -> dict[str, list[np.ndarray]]:
    """Return weights and biases of the layers that multiply: convolutions and dense layers."""
    return {
        layer.name: layer.get_weights()
        for layer in model.layers
        if any(len(weight.shape) > 1 for weight in layer.weights)
    }


def view_of(name: str, image: ImageInput) -> NetworkView:
    """Apply one network to an image: its prediction, and Grad-CAM for every class.

    The network is built for this and let go: a handful of them never stay in memory together.

    Raises
    ------
    ModelLoadError, DownloadError
        If the network is not here.
    """
    from cnnviz.attribution.cam import class_activation_map
    from cnnviz.network.inspection import wrap_model

    card = zoo.find_card(name)
    model = wrap_model(zoo.build_model(card), card)
    heatmaps = tuple(
        class_activation_map(model, image, "grad-cam", class_index=place)
        for place in range(len(model.class_names))
    )
    scores = np.array([heatmap.logit for heatmap in heatmaps])
    probabilities = tuple(float(share) for share in model.probabilities(scores))
    return NetworkView(name, model.class_names, probabilities, heatmaps)
