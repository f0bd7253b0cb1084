"""Saliency maps: which pixels of the image a prediction depends on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.arrays import upsample
from cnnviz.attribution import perturbation
from cnnviz.attribution.cam import grad_cam
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import BASELINES, baseline
from cnnviz.attribution.methods import (
    SEED,
    SIGNED,
    AttributionMap,
    Method,
    Setting,
    attribution_map,
    method_named,
)
from cnnviz.attribution.observation import MAX_BATCH, Observation, observe
from cnnviz.attribution.targets import Target, target_or_class
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.cost import BACKWARD, OnProgress, batch_size

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

MAX_POINTS = 256  # on the path of integrated gradients, after the baseline
_MAX_GAP = 0.005  # at which no more points are added


def max_over_channels(values: np.ndarray) -> np.ndarray:
    """Reduce (h, w, C) to the largest absolute value over channels, float32 (h, w)."""
    return np.abs(values).max(axis=-1).astype(np.float32)


def sum_over_channels(values: np.ndarray) -> np.ndarray:
    """Reduce (h, w, C) to the sum over channels, float32 (h, w), with its sign."""
    return values.sum(axis=-1, dtype=np.float64).astype(np.float32)


def _reduced(values: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    return sum_over_channels(values) if settings.get("signed") else max_over_channels(values)


def _gradient(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    return AttributionMap(_reduced(observation.gradients[IMAGE], settings))


def _gradient_times_input(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    return AttributionMap(sum_over_channels(observation.gradients[IMAGE] * observation.batch[0]))


def input_gradients(
    observation: Observation, inputs: np.ndarray, on_progress: OnProgress | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield ∂S/∂pixel (n, h, w, C) and S (n,) at many inputs (N, h, w, C), in batches."""
    size = batch_size(observation.model, 1 + BACKWARD, MAX_BATCH)
    for start in range(0, len(inputs), size):
        chunk = np.ascontiguousarray(inputs[start : start + size])
        logits = np.zeros((len(chunk), len(observation.logits)), np.float32)
        if not observation.target.is_linear:
            logits = observation.model.logits_of(chunk)
        chunk_gradients = observation.model.gradients(
            chunk, observation.target.logit_gradient(observation.model, logits), [IMAGE]
        )
        yield (
            chunk_gradients.gradients[IMAGE],
            observation.target.values(observation.model, chunk_gradients.logits),
        )
        if on_progress is not None:
            on_progress(min(start + size, len(inputs)), len(inputs))


def _smooth_gradient(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    rng = np.random.default_rng(settings["seed"])
    spread = settings["noise"] * float(np.ptp(observation.batch))
    noise = rng.standard_normal((settings["samples"], *observation.batch.shape[1:]), np.float32)
    total, squares = np.zeros(observation.batch.shape[1:]), np.zeros(observation.batch.shape[1:])
    for gradient, _ in input_gradients(
        observation, observation.batch + spread * noise, on_progress
    ):
        total += gradient.sum(axis=0)
        squares += (gradient.astype(np.float64) ** 2).sum(axis=0)
    mean, mean_square = total / settings["samples"], squares / settings["samples"]
    if settings["what"] == "mean":
        return AttributionMap(_reduced(mean, settings))
    if settings["what"] == "squared":
        return AttributionMap(max_over_channels(mean_square))
    return AttributionMap(max_over_channels(np.maximum(mean_square - mean**2, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class _Path:
    """Points on the straight path from the baseline to the image, in order.

    `shares` (n,) are from 0 to 1, `rises` (n, h, w) the gradient at each pixel times its change,
    `values` (n,) the target S.
    """

    shares: np.ndarray
    rises: np.ndarray
    values: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Error of the trapezoid rule between two points: the true change of S is known."""
        totals = self.rises.sum(axis=(1, 2), dtype=np.float64)
        rule = (totals[1:] + totals[:-1]) / 2 * np.diff(self.shares)
        return rule - np.diff(self.values)

    @property
    def gap(self) -> float:
        """Completeness gap: |sum of the map − change of S| / |change of S|."""
        gained = abs(float(self.values[-1] - self.values[0]))
        return abs(float(self.errors.sum())) / max(gained, 1e-12)

    def with_points(self, other: "_Path") -> "_Path":
        shares = np.concatenate([self.shares, other.shares])
        order = np.argsort(shares, kind="stable")
        rises = np.concatenate([self.rises, other.rises])[order]
        return _Path(shares[order], rises, np.concatenate([self.values, other.values])[order])


def _integrated_gradients(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    """Begin with equal steps; halve those with the largest error until the gap is small."""
    start = baseline(observation.model, observation.image, settings["baseline"])
    most = MAX_POINTS + 1

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(done, most)

    def look(shares: np.ndarray, before: int) -> _Path:
        inputs = start + shares.astype(np.float32)[:, None, None, None] * (
            observation.batch - start
        )
        rises, values = [], []
        for gradient, found in input_gradients(observation, inputs):
            rises.append(sum_over_channels(gradient * (observation.batch - start)))
            values.append(found)
            tell(before + sum(map(len, values)))
        return _Path(shares, np.concatenate(rises), np.concatenate(values))

    path = look(np.linspace(0, 1, settings["steps"] + 1), 0)
    while path.gap > _MAX_GAP and len(path.shares) < most:
        num = min(MAX_BATCH, most - len(path.shares))
        worst = np.argsort(-np.abs(path.errors), kind="stable")[:num]
        middles = (path.shares[worst] + path.shares[worst + 1]) / 2
        path = path.with_points(look(middles, len(path.shares)))
    widths = np.diff(path.shares)
    weights = (np.append(widths, 0) + np.insert(widths, 0, 0)) / 2  # the trapezoid rule
    values = np.tensordot(weights, path.rises, axes=1)
    diagnostics = (
        ("sum", float(values.sum())),
        ("gained", float(path.values[-1] - path.values[0])),
        ("gap_percent", 100 * path.gap),
        ("points", float(len(path.shares))),
    )
    return AttributionMap(values.astype(np.float32), diagnostics)


def guided_gradients(observation: Observation) -> np.ndarray:
    """Backpropagate, but let only positive gradients pass each ReLU, (h, w, C).

    The gradient of a ReLU passes where its input was positive. Guided backpropagation also sets
    negative gradients to zero; the network itself is not changed.

    References
    ----------
    Springenberg et al. 2015, arXiv:1412.6806, figure 1.
    """
    import tensorflow as tf

    model = observation.model
    directions = observation.target.logit_gradient(model, observation.logits[np.newaxis])
    gradient = model.compute(
        ("guided",), lambda: _guided(model), tf.constant(observation.batch), tf.constant(directions)
    )
    return np.asarray(gradient[0])


def _guided(model: "LoadedModel") -> Callable[..., Any]:
    import tensorflow as tf

    from cnnviz.network.inspected_model import compiled

    @tf.custom_gradient
    def gate(values: Any) -> Any:
        return tf.identity(values), tf.nn.relu

    def change(name: str, values: Any) -> Any:
        return gate(values) if has_relu(model.operations[name]) else values

    def guided(batch: Any, directions: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)
            logits = model.run(batch, change).logits
            weighted = tf.reduce_sum(logits * directions)
        return tape.gradient(weighted, batch)

    image = tf.TensorSpec((1, *model.input_shape), tf.float32)
    return compiled(guided, image, tf.TensorSpec((1, len(model.class_names)), tf.float32))


def has_relu(operation: Any) -> bool:
    """Whether a layer or operation ends in a ReLU, capped or not, also inside a wrapper."""
    from cnnviz.network.layers.operations import activation_name

    return activation_name(operation) in ("relu", "relu6")


def _no_relu(model: "LoadedModel", layer_name: str) -> str:
    if any(map(has_relu, model.operations.values())):
        return ""
    return f"{model.card.title} has no ReLU, and the method only changes ReLUs."


def _back_again(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    return 1 + BACKWARD


def _guided_backpropagation(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    return AttributionMap(_reduced(guided_gradients(observation), settings))


def _guided_grad_cam(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    coarse = grad_cam(observation.activations[layer_name], observation.gradients[layer_name])
    fine = guided_gradients(observation)
    return AttributionMap(_reduced(fine * upsample(coarse, *fine.shape[:2])[..., None], settings))


_UNSURE = (
    "This map looks sharp whatever the network has learned: it hardly changes when the weights of "
    "the upper layers are randomized (Adebayo et al. 2018, arXiv:1810.03292). See the sanity check."
)

METHODS = {
    method.name: method
    for method in [
        Method(
            "gradient",
            "Gradient",
            "Simonyan et al. 2013, arXiv:1312.6034",
            "How much the logit changes when a pixel changes slightly: the absolute gradient at "
            "each pixel, largest over the color channels.",
            r"\max_c \left|\frac{\partial S}{\partial x_c}\right|",
            _gradient,
            (SIGNED,),
            needs=("image",),
        ),
        Method(
            "gradient-input",
            "Gradient × input",
            "Shrikumar et al. 2016, arXiv:1605.01713",
            "The gradient times the pixel's value in the network's input. A pixel with the value "
            "zero, such as a black background, gets no attribution.",
            r"\sum_c x_c \frac{\partial S}{\partial x_c}",
            _gradient_times_input,
            needs=("image",),
        ),
        Method(
            "smoothgrad",
            "SmoothGrad",
            "Smilkov et al. 2017, arXiv:1706.03825; squared: arXiv:1806.10758",
            "The gradient, averaged over many slightly noisy copies of the image: noise in the "
            "gradient averages out.",
            r"\frac{1}{n} \sum_{m} \frac{\partial S(x + \varepsilon_m)}{\partial x}",
            _smooth_gradient,
            (
                Setting("samples", "Noisy copies", 32, 2, 256, 1),
                Setting(
                    "noise",
                    "Noise",
                    0.15,
                    0,
                    1,
                    0.01,
                    help="Standard deviation, as a fraction of the image's range.",
                ),
                Setting(
                    "what",
                    "Show",
                    "mean",
                    choices=("mean", "squared", "variance"),
                    help="The mean gradient, the mean of its square, or its variance.",
                ),
                SIGNED,
                SEED,
            ),
            needs=(),
            num_passes=lambda model, layer_name, settings: settings["samples"] * (1 + BACKWARD),
        ),
        Method(
            "integrated-gradients",
            "Integrated gradients",
            "Sundararajan et al., ICML 2017, arXiv:1703.01365",
            "The gradients along the straight path from a baseline image to this one, integrated. "
            "The map sums to the change of the logit (completeness). Steps with the largest error "
            "are halved until the gap is at most 0.5 % or there are 256 steps.",
            r"(x - x_0) \odot \int_0^1 \frac{\partial S(x_0 + t(x - x_0))}{\partial x}\, dt",
            _integrated_gradients,
            (
                Setting(
                    "steps",
                    "Steps",
                    64,
                    4,
                    MAX_POINTS,
                    1,
                    help="Initial number; more are added where the error is largest.",
                ),
                Setting(
                    "baseline",
                    "Baseline image",
                    "black",
                    choices=BASELINES,
                    help="Where the path begins; pixels equal to the baseline get no attribution.",
                ),
            ),
            needs=(),
            num_passes=lambda model, layer_name, settings: (MAX_POINTS + 1) * (1 + BACKWARD),
        ),
        Method(
            "guided-backpropagation",
            "Guided backpropagation",
            "Springenberg et al. 2015, arXiv:1412.6806",
            "The gradient, but every ReLU passes only positive gradients during backpropagation. "
            "The map is sharp but says little about the class.",
            r"g \mapsto \mathrm{ReLU}(g) \cdot [z > 0] \ \text{at each ReLU}",
            _guided_backpropagation,
            (SIGNED,),
            unsupported_reason=_no_relu,
            needs=(),
            num_passes=_back_again,
            warning=_UNSURE,
        ),
        Method(
            "guided-grad-cam",
            "Guided Grad-CAM",
            "Selvaraju et al., ICCV 2017, arXiv:1610.02391, section 3.2",
            "Guided backpropagation, multiplied by the upsampled Grad-CAM of the layer.",
            r"\mathrm{GBP}(x) \odot \mathrm{enlarge}(L_{\text{Grad-CAM}})",
            _guided_grad_cam,
            (SIGNED,),
            unsupported_reason=_no_relu,
            needs=("layer", "image"),
            num_passes=_back_again,
            warning=_UNSURE,
        ),
    ]
} | perturbation.METHODS


def saliency_map(
    model: "LoadedModel",
    image: ImageInput,
    method: str = "gradient",
    *,
    class_index: int | None = None,
    target: Target | None = None,
    layer_name: str | None = None,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> ClassHeatmap:
    """Compute which pixels of the network's input a prediction depends on.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    method : str
        One of `METHODS`.
    class_index : int, optional
        The target class; default: the predicted class.
    target : Target, optional
        Another target.
    layer_name : str, optional
        For Guided Grad-CAM: the layer of its Grad-CAM; default: the last one with maps.
    on_progress : callable, optional
        Called by slow methods with (done, total); an exception it raises stops the computation.
    **settings
        Those that the method declares.

    Returns
    -------
    ClassHeatmap
        On the grid of the network's input, not scaled: per unit of that input for gradients, in
        units of S for the others, in probability for RISE.

    Raises
    ------
    InvalidParameterError, UnknownLayerError, AnalysisError
        As for `class_activation_map`.
    """
    chosen = method_named(method, METHODS)
    target = target_or_class(model, image, target, class_index)
    layer = layer_name or (model.default_cam_layer if "layer" in chosen.needs else IMAGE)
    observation = observe(model, image, target, chosen.needed_layers(layer))
    return attribution_map(observation, chosen, layer, settings, on_progress)
