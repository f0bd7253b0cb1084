"""Saliency maps: which pixels of the picture itself an answer depends on."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.arrays import upsample
from cnnviz.attribution.cam import weighted_evidence
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import BASELINES, baseline, masked_scores
from cnnviz.attribution.methods import SIGNED, Found, Method, Setting, explained, method_named
from cnnviz.attribution.observation import Case, observe
from cnnviz.attribution.targets import Target, target_or_class
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.cost import BACKWARD, OnProgress, batch_size

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

MAX_POINTS = 256  # on the way of integrated gradients, after the one where it begins
_MAX_GAP = 0.005  # at which no more points are added
_CHUNK = 16  # images in one batch, forward and back, at most
_SEED = Setting("seed", "Seed", 0, 0, 9999, 1, help="The same seed draws the same chance.")


def strongest_colour(values: np.ndarray) -> np.ndarray:
    """Reduce (h, w, C) to the largest size of any colour, float32 (h, w)."""
    return np.abs(values).max(axis=-1).astype(np.float32)


def sum_of_colours(values: np.ndarray) -> np.ndarray:
    """Reduce (h, w, C) to the sum of the colours, float32 (h, w): signs stay."""
    return values.sum(axis=-1, dtype=np.float64).astype(np.float32)


def _reduced(values: np.ndarray, settings: Mapping[str, Any]) -> np.ndarray:
    return sum_of_colours(values) if settings.get("signed") else strongest_colour(values)


def _gradient(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    return Found(_reduced(case.gradients[IMAGE], settings))


def _gradient_times_input(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    return Found(sum_of_colours(case.gradients[IMAGE] * case.batch[0]))


def slopes_at(
    case: Case, pictures: np.ndarray, on_progress: OnProgress | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Give ∂S/∂pixel (n, h, w, C) and S (n,) at many inputs (N, h, w, C), in groups."""
    size = batch_size(case.model, 1 + BACKWARD, _CHUNK)
    for start in range(0, len(pictures), size):
        chunk = np.ascontiguousarray(pictures[start : start + size])
        scores = np.zeros((len(chunk), len(case.scores)), np.float32)
        if not case.target.is_linear:
            scores = case.model.scores_of(chunk)
        found = case.model.gradients(chunk, case.target.slopes(case.model, scores), [IMAGE])
        yield found.gradients[IMAGE], case.target.values(case.model, found.scores)
        if on_progress is not None:
            on_progress(min(start + size, len(pictures)), len(pictures))


def _smooth_gradient(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    rng = np.random.default_rng(settings["seed"])
    spread = settings["noise"] * float(np.ptp(case.batch))
    noise = rng.standard_normal((settings["samples"], *case.batch.shape[1:]), np.float32)
    total, squares = np.zeros(case.batch.shape[1:]), np.zeros(case.batch.shape[1:])
    for slopes, _ in slopes_at(case, case.batch + spread * noise, on_progress):
        total += slopes.sum(axis=0)
        squares += (slopes.astype(np.float64) ** 2).sum(axis=0)
    mean, mean_square = total / settings["samples"], squares / settings["samples"]
    if settings["what"] == "mean":
        return Found(_reduced(mean, settings))
    if settings["what"] == "squared":
        return Found(strongest_colour(mean_square))
    return Found(strongest_colour(np.maximum(mean_square - mean**2, 0)))


@dataclass(frozen=True, slots=True, eq=False)
class _Way:
    """Points on the straight way from an empty picture, in order.

    `shares` (n,) are from 0 to 1, `rises` (n, h, w) the slope at each pixel times how far it goes,
    `values` (n,) the score S.
    """

    shares: np.ndarray
    rises: np.ndarray
    values: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """What the trapezoid rule has too much between two points: what S gains is known."""
        totals = self.rises.sum(axis=(1, 2), dtype=np.float64)
        rule = (totals[1:] + totals[:-1]) / 2 * np.diff(self.shares)
        return rule - np.diff(self.values)

    @property
    def gap(self) -> float:
        """How far the sum of all pixels is from what S gains, as a share of that."""
        gained = abs(float(self.values[-1] - self.values[0]))
        return abs(float(self.errors.sum())) / max(gained, 1e-12)

    def with_points(self, other: "_Way") -> "_Way":
        shares = np.concatenate([self.shares, other.shares])
        order = np.argsort(shares, kind="stable")
        rises = np.concatenate([self.rises, other.rises])[order]
        return _Way(shares[order], rises, np.concatenate([self.values, other.values])[order])


def _integrated_gradients(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    """Begin with even steps; halve those in which the sum and the score disagree most."""
    start = baseline(case.model, case.image, settings["baseline"])
    most = MAX_POINTS + 1

    def tell(done: int) -> None:
        if on_progress is not None:
            on_progress(done, most)

    def look(shares: np.ndarray, before: int) -> _Way:
        pictures = start + shares.astype(np.float32)[:, None, None, None] * (case.batch - start)
        rises, values = [], []
        for slopes, found in slopes_at(case, pictures):
            rises.append(sum_of_colours(slopes * (case.batch - start)))
            values.append(found)
            tell(before + sum(map(len, values)))
        return _Way(shares, np.concatenate(rises), np.concatenate(values))

    way = look(np.linspace(0, 1, settings["steps"] + 1), 0)
    while way.gap > _MAX_GAP and len(way.shares) < most:
        num = min(_CHUNK, most - len(way.shares))
        worst = np.argsort(-np.abs(way.errors), kind="stable")[:num]
        middles = (way.shares[worst] + way.shares[worst + 1]) / 2
        way = way.with_points(look(middles, len(way.shares)))
    widths = np.diff(way.shares)
    weights = (np.append(widths, 0) + np.insert(widths, 0, 0)) / 2  # the trapezoid rule
    values = np.tensordot(weights, way.rises, axes=1)
    facts = (
        ("sum", float(values.sum())),
        ("gained", float(way.values[-1] - way.values[0])),
        ("gap_percent", 100 * way.gap),
        ("points", float(len(way.shares))),
    )
    return Found(values.astype(np.float32), facts)


def guided_slopes(case: Case) -> np.ndarray:
    """Go back through the network, but let only rising slopes through each ReLU, (h, w, C).

    A ReLU's own way back lets a slope through where its input was positive. Behind each, what is
    negative is cut off as well; nothing in the network is changed for that.

    References
    ----------
    Springenberg et al. 2015, arXiv:1412.6806, figure 1.
    """
    import tensorflow as tf

    model = case.model
    directions = case.target.slopes(model, case.scores[np.newaxis])
    slopes = model.compute(
        ("guided",), lambda: _guided(model), tf.constant(case.batch), tf.constant(directions)
    )
    return np.asarray(slopes[0])


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
            scores = model.run(batch, change).logits
            weighted = tf.reduce_sum(scores * directions)
        return tape.gradient(weighted, batch)

    picture = tf.TensorSpec((1, *model.input_shape), tf.float32)
    return compiled(guided, picture, tf.TensorSpec((1, len(model.class_names)), tf.float32))


def has_relu(operation: Any) -> bool:
    """Whether a layer or operation ends in a ReLU, capped or not, also inside a wrapper."""
    from cnnviz.network.operations import activation_name

    return activation_name(operation) in ("relu", "relu6")


def _no_relu(model: "LoadedModel", layer_name: str) -> str:
    if any(map(has_relu, model.operations.values())):
        return ""
    return f"{model.card.title} has no ReLU, and its rule is about nothing else."


def _back_again(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    return 1 + BACKWARD


def _guided_backpropagation(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    return Found(_reduced(guided_slopes(case), settings))


def _guided_grad_cam(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    coarse = weighted_evidence(case.activations[layer_name], case.gradients[layer_name])
    fine = guided_slopes(case)
    return Found(_reduced(fine * upsample(coarse, *fine.shape[:2])[..., None], settings))


def _occlusion(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    height, width = case.batch.shape[1:3]
    side, step = _patch_px(height, width, settings)
    places = [
        (top, left) for top in _starts(height, side, step) for left in _starts(width, side, step)
    ]
    base = baseline(case.model, case.image, settings["baseline"])

    def masks() -> Iterator[np.ndarray]:
        for start in range(0, len(places), _CHUNK):
            group = np.ones((len(places[start : start + _CHUNK]), height, width), np.float32)
            for mask, (top, left) in zip(group, places[start:], strict=False):
                mask[top : top + side, left : left + side] = 0
            yield group

    scores = masked_scores(case, masks(), len(places), base, on_progress)
    drops = case.value - case.target.values(case.model, scores)
    total, covered = np.zeros((height, width)), np.zeros((height, width))
    for (top, left), drop in zip(places, drops, strict=True):
        total[top : top + side, left : left + side] += drop
        covered[top : top + side, left : left + side] += 1
    return Found((total / covered).astype(np.float32), (("patch_px", side), ("step_px", step)))


def _patch_px(height: int, width: int, settings: Mapping[str, Any]) -> tuple[int, int]:
    """Side of the patch, and how far it moves, in pixels."""
    side = max(1, round(min(height, width) * settings["patch_percent"] / 100))
    return side, max(1, round(side * settings["step_percent"] / 100))


def _num_patches(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    height, width, _ = model.input_shape
    side, step = _patch_px(height, width, settings)
    return len(_starts(height, side, step)) * len(_starts(width, side, step))


def _starts(length: int, side: int, step: int) -> list[int]:
    """Places of a window of `side` from the first to the very last."""
    return sorted({*range(0, length - side, step), length - side})


def _rise(
    case: Case, layer_name: str, settings: Mapping[str, Any], on_progress: OnProgress | None
) -> Found:
    height, width = case.batch.shape[1:3]
    base = baseline(case.model, case.image, settings["baseline"])
    num, share, grid = settings["masks"], settings["share"], settings["grid"]

    def drawn() -> Iterator[np.ndarray]:
        rng = np.random.default_rng(settings["seed"])
        for start in range(0, num, _CHUNK):
            yield random_masks(min(_CHUNK, num - start), height, width, grid, share, rng)

    confidences = case.target.confidences(
        case.model, masked_scores(case, drawn(), num, base, on_progress)
    )
    total, done = np.zeros((height, width)), 0
    for group in drawn():  # the same masks again: keeping them all would take much memory
        total += np.tensordot(confidences[done : done + len(group)], group, axes=1)
        done += len(group)
    return Found((total / (num * share)).astype(np.float32))


def random_masks(
    num: int, height: int, width: int, grid: int, share: float, rng: np.random.Generator
) -> np.ndarray:
    """Draw smooth masks: a coarse grid of 0 and 1, enlarged and shifted by chance.

    Parameters
    ----------
    num, height, width : int
    grid : int
        Cells along each side of the picture.
    share : float
        How many cells are 1, on average.

    Returns
    -------
    float32 ndarray of shape (num, height, width)
        From 0 to 1; the mean of many is `share` everywhere.

    References
    ----------
    Petsiuk et al., "RISE", BMVC 2018, arXiv:1806.07421, section 3.2.
    """
    cell_height, cell_width = -(-height // grid), -(-width // grid)
    cells = (rng.random((num, grid + 1, grid + 1)) < share).astype(np.float32)
    tops, lefts = rng.integers(0, cell_height, num), rng.integers(0, cell_width, num)
    size = (grid + 1) * cell_height, (grid + 1) * cell_width
    return np.stack(
        [
            upsample(one, *size)[top : top + height, left : left + width]
            for one, top, left in zip(cells, tops, lefts, strict=True)
        ]
    )


_UNSURE = (
    "This picture looks sharp whatever the network has learned: it hardly changes when the weights "
    "of the upper layers are drawn anew (Adebayo et al. 2018, arXiv:1810.03292). See «Sanity»."
)

METHODS = {
    method.name: method
    for method in [
        Method(
            "gradient",
            "Gradient",
            "Simonyan et al. 2013, arXiv:1312.6034",
            "How much the score changes when a pixel changes a little: the slope at each pixel, of "
            "the colour in which it is steepest.",
            r"\max_c \left|\frac{\partial S}{\partial x_c}\right|",
            _gradient,
            (SIGNED,),
            sees=("picture",),
        ),
        Method(
            "gradient-input",
            "Gradient × input",
            "Shrikumar et al. 2016, arXiv:1605.01713",
            "The slope times the pixel's own value in the network's input. A pixel whose value is "
            "zero there, such as a black background, can never get credit.",
            r"\sum_c x_c \frac{\partial S}{\partial x_c}",
            _gradient_times_input,
            sees=("picture",),
        ),
        Method(
            "smoothgrad",
            "SmoothGrad",
            "Smilkov et al. 2017, arXiv:1706.03825; squared: arXiv:1806.10758",
            "The slope, averaged over many slightly noisy copies of the picture: what belongs to "
            "one copy only averages out.",
            r"\frac{1}{n} \sum_{m} \frac{\partial S(x + \varepsilon_m)}{\partial x}",
            _smooth_gradient,
            (
                Setting("samples", "Noisy copies", 32, 2, 256, 1),
                Setting(
                    "noise", "Noise", 0.15, 0, 1, 0.01, help="As a share of the picture's range."
                ),
                Setting(
                    "what",
                    "Show",
                    "mean",
                    choices=("mean", "squared", "variance"),
                    help="The mean slope, the mean of its square, or how much it varies.",
                ),
                SIGNED,
                _SEED,
            ),
            sees=(),
            num_passes=lambda model, layer_name, settings: settings["samples"] * (1 + BACKWARD),
        ),
        Method(
            "integrated-gradients",
            "Integrated gradients",
            "Sundararajan et al., ICML 2017, arXiv:1703.01365",
            "The slopes on the straight way from an empty picture to this one, added up. All "
            "pixels together make up what the score gains on the way. Steps in which they do not "
            "are halved until the gap is at most half a percent or there are 256 of them.",
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
                    help="To begin with; more are made where sum and score disagree.",
                ),
                Setting(
                    "baseline",
                    "Empty picture",
                    "black",
                    choices=BASELINES,
                    help="Where the way begins: pixels that are the same there get no credit.",
                ),
            ),
            sees=(),
            num_passes=lambda model, layer_name, settings: (MAX_POINTS + 1) * (1 + BACKWARD),
        ),
        Method(
            "guided-backpropagation",
            "Guided backpropagation",
            "Springenberg et al. 2015, arXiv:1412.6806",
            "The slope again, but on the way back every ReLU lets only rising slopes through. "
            "The picture gets sharp and says little about the class.",
            r"g \mapsto \mathrm{ReLU}(g) \cdot [z > 0] \ \text{at each ReLU}",
            _guided_backpropagation,
            (SIGNED,),
            misfit=_no_relu,
            sees=(),
            num_passes=_back_again,
            warning=_UNSURE,
        ),
        Method(
            "guided-grad-cam",
            "Guided Grad-CAM",
            "Selvaraju et al., ICCV 2017, arXiv:1610.02391, section 3.2",
            "Guided backpropagation, kept only where Grad-CAM of the layer finds evidence.",
            r"\mathrm{GBP}(x) \odot \mathrm{enlarge}(L_{\text{Grad-CAM}})",
            _guided_grad_cam,
            (SIGNED,),
            misfit=_no_relu,
            sees=("layer", "picture"),
            num_passes=_back_again,
            warning=_UNSURE,
        ),
        Method(
            "occlusion",
            "Occlusion",
            "Zeiler and Fergus, ECCV 2014, arXiv:1311.2901",
            "A patch is laid over the picture, place after place. Red is where covering it costs "
            "score, blue where it helps.",
            r"S(x) - S(x \text{ with a patch})",
            _occlusion,
            (
                Setting("patch_percent", "Patch (% of the side)", 16.0, 2, 60, 1),
                Setting("step_percent", "Step (% of the patch)", 40.0, 10, 100, 5),
                Setting("baseline", "Under the patch", "mean", choices=BASELINES),
            ),
            sees=(),
            num_passes=_num_patches,
        ),
        Method(
            "rise",
            "RISE",
            "Petsiuk et al., BMVC 2018, arXiv:1806.07421",
            "The picture is shown through hundreds of random masks. A pixel is bright if the "
            "class was probable whenever the pixel could be seen.",
            r"\frac{1}{n p} \sum_m p_c(x \odot m)\, m",
            _rise,
            (
                Setting("masks", "Masks", 400, 20, 4000, 20),
                Setting("grid", "Cells along a side", 7, 2, 20, 1),
                Setting("share", "Share that can be seen", 0.5, 0.1, 0.9, 0.05),
                Setting("baseline", "Outside the mask", "black", choices=BASELINES),
                _SEED,
            ),
            sees=(),
            num_passes=lambda model, layer_name, settings: settings["masks"],
        ),
    ]
}


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
    """Show which pixels of the network's input an answer depends on.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    method : str
        One of `METHODS`.
    class_index : int, optional
        The class argued for; the most probable one if left out.
    target : Target, optional
        Something else to argue for.
    layer_name : str, optional
        For Guided Grad-CAM: the layer of its Grad-CAM; the last one with maps if left out.
    on_progress : callable, optional
        Called with (done, in all) by slow methods; what it raises ends the computation.
    **settings
        Those that the method declares.

    Returns
    -------
    ClassHeatmap
        On the grid of the network's input, not scaled: per unit of that input for slopes, in
        units of S for the others, in probability for RISE.

    Raises
    ------
    InvalidParameterError, UnknownLayerError, AnalysisError
        As for `class_activation_map`.
    """
    chosen = method_named(method, METHODS)
    target = target_or_class(model, image, target, class_index)
    layer = layer_name or (model.default_cam_layer if "layer" in chosen.sees else IMAGE)
    case = observe(model, image, target, chosen.needs(layer))
    return explained(case, chosen, layer, settings, on_progress)
