"""Class activation maps: which positions of a layer support a class.

All of them are one sum, ``map = ReLU(Σ_k w_k ⊙ A_k)`` over the feature maps A_k of a layer. The
methods differ in the weights: one for each map, or one for each position of it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import softmax

from cnnviz.arrays import upsample
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.masking import BASELINES, baseline, masked_logits
from cnnviz.attribution.methods import (
    SIGNED,
    AttributionMap,
    Method,
    Setting,
    attribution_map,
    method_named,
    positive_part,
)
from cnnviz.attribution.observation import Observation, observe
from cnnviz.attribution.targets import Target, target_or_class
from cnnviz.errors import AnalysisError, InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network.cost import OnProgress
from cnnviz.network.layers.kinds import kind_of

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

Weigh = Callable[[Observation, str, Mapping[str, Any], OnProgress | None], np.ndarray]
_TINY = 1e-12
_MAX_CAM_GAP = 0.02  # between a CAM's mean plus bias and the logit; half precision has 0.1 %
_AVERAGES = ("GlobalAveragePooling2D", "GlobalAveragePooling1D")
_PASSING = {  # layers that leave every number as it is
    *("Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise"),
    *("Identity", "ActivityRegularization", "Flatten", "Reshape", "Cast", "Squeeze"),
}


def grad_cam(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Combine one layer's feature maps into a class heatmap, as Grad-CAM does.

    Each channel is weighted with its mean gradient: how much the logit rises when the whole map
    does. Negative values, which oppose the class, are set to zero.

    Parameters
    ----------
    activations, gradients : float32 ndarray of shape (h, w, K)
        Feature maps of the layer, and d(logit)/d(activation) on the same grid.

    Returns
    -------
    float32 ndarray of shape (h, w)
        In logits, never negative; all zero if no channel supports the class.

    Raises
    ------
    InvalidParameterError
        If the two shapes differ.

    References
    ----------
    Selvaraju et al., "Grad-CAM", ICCV 2017, arXiv:1610.02391, equations 1 and 2.

    Examples
    --------
    >>> grad_cam(np.ones((1, 1, 2), np.float32), np.float32([[[3, -1]]]))
    array([[2.]], dtype=float32)
    """
    if activations.shape != gradients.shape:
        raise InvalidParameterError(
            f"shapes must match, got {activations.shape} and {gradients.shape}."
        )
    return np.maximum(weighted_sum(activations, grad_cam_weights(activations, gradients)), 0)


def weighted_sum(activations: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Add up feature maps (h, w, K), weighted with (K,) or (h, w, K) numbers, float32 (h, w)."""
    if weights.ndim == 1:
        return np.asarray(activations @ weights, np.float32)
    return np.einsum("hwk,hwk->hw", activations, weights)


def grad_cam_weights(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Weigh each map with its mean gradient (Grad-CAM), float32 (K,)."""
    return gradients.mean(axis=(0, 1))


def grad_cam_plus_plus_weights(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Weigh each map as Grad-CAM++ does, float32 (K,).

    The paper takes exp(S) for the score; its second and third derivatives are then powers of the
    gradient G, and exp(S) only scales the map. Without it nothing can overflow. Where G > 0 the
    weight of a position is α·G with α = G² / (2G² + G³·ΣA) = 1 / (2 + G·ΣA); elsewhere it is zero.

    Parameters
    ----------
    activations, gradients : float32 ndarray of shape (h, w, K)

    References
    ----------
    Chattopadhay et al., "Grad-CAM++", WACV 2018, arXiv:1710.11063, equations 10 and 19.

    Examples
    --------
    >>> grad_cam_plus_plus_weights(np.full((1, 1, 1), 2.0), np.full((1, 1, 1), 3.0)).tolist()
    [0.375]
    """
    rising = np.maximum(gradients, 0)
    below = 2 + rising * activations.sum(axis=(0, 1))
    shares = np.divide(rising, below, out=np.zeros_like(rising), where=np.abs(below) > _TINY)
    return shares.sum(axis=(0, 1))


def xgrad_cam_weights(activations: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Weigh each map with its mean gradient, averaged by activation (XGrad-CAM).

    Maps that sum to zero get no weight.

    Parameters
    ----------
    activations, gradients : float32 ndarray of shape (h, w, K)

    References
    ----------
    Fu et al., "Axiom-based Grad-CAM", BMVC 2020, arXiv:2008.02312, equation 7.

    Examples
    --------
    >>> xgrad_cam_weights(np.float32([[[1], [3]]]), np.float32([[[4], [0]]])).tolist()
    [1.0]
    """
    totals = activations.sum(axis=(0, 1))
    products = np.einsum("hwk,hwk->k", activations, gradients)
    return np.divide(products, totals, out=np.zeros_like(totals), where=np.abs(totals) > _TINY)


def principal_direction(activations: np.ndarray) -> np.ndarray:
    """Find the direction (K,) along which the positions of a layer vary most (Eigen-CAM).

    The first right singular vector of the positions × channels matrix, not centered. Its sign is
    arbitrary; here the projection correlates positively with the sum of all maps.

    Parameters
    ----------
    activations : float32 ndarray of shape (h, w, K)

    References
    ----------
    Muhammad and Yeasin, "Eigen-CAM", IJCNN 2020, arXiv:2008.00299.
    """
    positions = activations.reshape(-1, activations.shape[-1]).astype(np.float64)
    if not positions.any():
        return np.zeros(positions.shape[1], np.float32)
    if len(positions) < positions.shape[1]:  # the smaller matrix is faster
        direction = np.linalg.eigh(positions @ positions.T)[1][:, -1] @ positions
    else:
        direction = np.linalg.eigh(positions.T @ positions)[1][:, -1]
    length = float(np.linalg.norm(direction))
    along = float((positions @ direction) @ positions.sum(axis=1))
    return (np.where(along < 0, -1, 1) * direction / length).astype(np.float32)


def fused(maps: Sequence[np.ndarray], gamma: float = 2.0) -> np.ndarray:
    """Fuse maps of several layers on the finest of their grids: the maximum at each position.

    Each is first scaled by tanh(γ · map / maximum), so that no layer dominates the others.

    Parameters
    ----------
    maps : sequence of float32 ndarray (h, w), never negative
    gamma : float
        Above 0; large values amplify weak positions.

    Returns
    -------
    float32 ndarray, from 0 to 1

    References
    ----------
    Jiang et al., "LayerCAM", IEEE TIP 30, 2021, section III-C.
    """
    height, width = max(
        (layer_map.shape for layer_map in maps), key=lambda shape: shape[0] * shape[1]
    )
    scaled = [
        np.tanh(gamma * upsample(layer_map, height, width) / max(float(layer_map.max()), _TINY))
        for layer_map in maps
    ]
    return np.max(scaled, axis=0).astype(np.float32)


def _from_gradients(rule: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Weigh:
    def weigh(
        observation: Observation,
        layer_name: str,
        settings: Mapping[str, Any],
        on_progress: OnProgress | None,
    ) -> np.ndarray:
        return rule(observation.activations[layer_name], observation.gradients[layer_name])

    return weigh


def gap_head(model: "LoadedModel") -> tuple[tuple[str, ...], np.ndarray, np.ndarray] | None:
    """Find the head that CAM needs: global average pooling and one linear layer, nothing else.

    Returns
    -------
    layer_names : tuple of str
        The layers whose maps are averaged: the last that computes, and those that pass it on.
    kernel : float32 ndarray of shape (K, num_classes)
    bias : float32 ndarray of shape (num_classes,)
        One unit z counts as the two classes -z and z. None if there is no such head.
    """
    name = model.logits_layer
    if not name or kind_of(model.operations[name]) != "Dense":
        return None
    pooling = _handed_on(model, model.layer_inputs[name])
    pooling = [layer for layer in pooling if kind_of(model.operations[layer]) in _AVERAGES]
    if not pooling or model.operations[pooling[0]].data_format != "channels_last":
        return None
    averaged = _handed_on(model, model.layer_inputs[pooling[0]])
    grids = [model.grids.get(layer) for layer in averaged]
    if not averaged or any(grid is None or grid.first or grid.last for grid in grids):
        return None
    kernel, bias = _linear_part(model, name, model.layer_shapes[averaged[0]][-1])
    if kernel.shape[1] == 1:
        kernel, bias = np.concatenate([-kernel, kernel], axis=1), np.concatenate([-bias, bias])
    return tuple(averaged), kernel, bias


def _linear_part(
    model: "LoadedModel", layer_name: str, num_inputs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Compute kernel and bias of a dense layer as it is used, quantized or adapted by LoRA, too."""
    from keras import activations

    from cnnviz.network.layers.operations import called, with_attributes

    layer = with_attributes(model.operations[layer_name], activation=activations.linear)
    inputs = np.concatenate([np.zeros((1, num_inputs)), np.eye(num_inputs)]).astype(np.float32)
    outputs = np.asarray(called(layer, [inputs], {}), np.float32)
    return outputs[1:] - outputs[0], outputs[0]


def _handed_on(model: "LoadedModel", names: Sequence[str]) -> list[str]:
    """Go back over layers that leave every number as it is; the first that computes comes last."""
    branches = list(names)
    while (
        branches
        and _leaves_numbers(model.operations[branches[-1]])
        and model.layer_inputs[branches[-1]]
    ):
        branches += model.layer_inputs[branches[-1]]
    return branches


def _leaves_numbers(operation: Any) -> bool:
    from cnnviz.network.layers.operations import activation_name

    kind = kind_of(operation)
    return kind in _PASSING or (kind == "Activation" and not activation_name(operation))


def _no_gap_head(model: "LoadedModel", layer_name: str) -> str:
    head = gap_head(model)
    if head is None:
        return (
            "CAM needs global average pooling followed directly by one dense layer; "
            f"{model.card.title} ends differently. Use Grad-CAM, which works for any network."
        )
    if layer_name not in head[0]:
        return f"CAM applies to the layer that is averaged: choose {head[0][0]!r}."
    return ""


def _class_weights(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> np.ndarray:
    head = gap_head(observation.model)
    if head is None:
        raise InvalidParameterError(_no_gap_head(observation.model, layer_name))
    gradient = observation.target.logit_gradient(observation.model, observation.logits[np.newaxis])[
        0
    ]
    return np.asarray(head[1] @ gradient, np.float32)


def _score_weights(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> np.ndarray:
    maps = observation.activations[layer_name]
    order = np.argsort(-maps.var(axis=(0, 1)), kind="stable")[: settings["channels"]]
    order = order[np.ptp(maps, axis=(0, 1))[order] > 0]  # a constant map masks nothing
    weights = np.zeros(maps.shape[-1], np.float32)
    if not len(order):
        return weights
    base = baseline(observation.model, observation.image, settings["baseline"])
    masks = _unit_masks(observation, maps[..., order])
    logits = masked_logits(observation, masks, len(order), base, on_progress)
    nothing = observation.target.confidences(observation.model, observation.model.logits_of(base))
    gained = observation.target.confidences(observation.model, logits) - nothing
    if settings["weighting"] == "softmax":
        gained = softmax(gained)
    weights[order] = np.maximum(gained, 0)
    return weights


def _num_masked_images(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    """At most one image for each map, and the baseline image."""
    return 1 + min(settings["channels"], model.layer_shapes[layer_name][-1])


def _unit_masks(observation: Observation, maps: np.ndarray) -> Any:
    """Upsample maps to the image, rescale each to 0 to 1, and yield them in groups."""
    size = observation.batch.shape[1:3]
    for start in range(0, maps.shape[-1], 16):
        group = np.moveaxis(maps[..., start : start + 16], -1, 0)
        large = np.stack([upsample(channel, *size) for channel in group])
        low = large.min(axis=(1, 2), keepdims=True)
        yield (large - low) / np.maximum(np.ptp(large, axis=(1, 2), keepdims=True), _TINY)


def _ablation_weights(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> np.ndarray:
    from cnnviz.features.channel_ablation import ablation_logits

    logits = ablation_logits(
        observation.model, observation.image, layer_name, on_progress=on_progress
    )
    without = observation.target.values(observation.model, logits)
    return ((observation.value - without) / max(abs(observation.value), _TINY)).astype(np.float32)


def _explain_with(weigh: Weigh) -> Callable[..., AttributionMap]:
    def explain(
        observation: Observation,
        layer_name: str,
        settings: Mapping[str, Any],
        on_progress: OnProgress | None,
    ) -> AttributionMap:
        weights = weigh(observation, layer_name, settings, on_progress)
        values = weighted_sum(observation.activations[layer_name], weights)
        return AttributionMap(positive_part(settings, values))

    return explain


WEIGHTS: dict[str, Weigh] = {
    "cam": _class_weights,
    "grad-cam": _from_gradients(grad_cam_weights),
    "grad-cam++": _from_gradients(grad_cam_plus_plus_weights),
    "hires-cam": _from_gradients(lambda activations, gradients: gradients),
    "layer-cam": _from_gradients(lambda activations, gradients: np.maximum(gradients, 0)),
    "xgrad-cam": _from_gradients(xgrad_cam_weights),
    "eigen-cam": _from_gradients(lambda activations, gradients: principal_direction(activations)),
    "score-cam": _score_weights,
    "ablation-cam": _ablation_weights,
}


def _explain_cam(
    observation: Observation,
    layer_name: str,
    settings: Mapping[str, Any],
    on_progress: OnProgress | None,
) -> AttributionMap:
    """Keep negative values: only then the mean plus the bias is the logit."""
    values = weighted_sum(
        observation.activations[layer_name],
        _class_weights(observation, layer_name, settings, on_progress),
    )
    mean = float(values.mean(dtype=np.float64))
    head = gap_head(observation.model)
    if head is not None and observation.target.is_linear:
        bias = float(observation.logit_gradient @ head[2])
        if abs(mean + bias - observation.value) > _MAX_CAM_GAP * max(1.0, abs(observation.value)):
            raise AnalysisError(
                f"The mean of the map plus the bias is {mean + bias:.3g}, but the logit is "
                f"{observation.value:.3g}: more than averaging and one dense layer lies between "
                "them. Use Grad-CAM."
            )
    return AttributionMap(values, (("mean", mean),))


METHODS = {
    method.name: method
    for method in [
        Method(
            "cam",
            "CAM",
            "Zhou et al., CVPR 2016, arXiv:1512.04150",
            "The dense layer after global average pooling has one weight for each feature map and "
            "class. The map is the sum of the feature maps with these weights. Red supports the "
            "class, blue opposes it. The mean of the map plus the bias is exactly the logit.",
            r"M_c = \sum_k w_{kc} A_k, \qquad \overline{M_c} + b_c = \mathrm{logit}_c",
            _explain_cam,
            unsupported_reason=_no_gap_head,
        ),
        Method(
            "grad-cam",
            "Grad-CAM",
            "Selvaraju et al., ICCV 2017, arXiv:1610.02391",
            "Each feature map is weighted with the mean gradient of the logit over its positions: "
            "how much the logit rises when the map does. The weighted maps are summed, and "
            "negative values are set to zero.",
            r"L = \mathrm{ReLU}\Big(\sum_k \alpha_k A_k\Big), \qquad \alpha_k = \frac{1}{Z} "
            r"\sum_{ij} \frac{\partial S}{\partial A_k(i,j)}",
            _explain_with(WEIGHTS["grad-cam"]),
            (SIGNED,),
        ),
        Method(
            "grad-cam++",
            "Grad-CAM++",
            "Chattopadhay et al., WACV 2018, arXiv:1710.11063",
            "Like Grad-CAM, but only positive gradients count, and each counts less the more "
            "active the map is elsewhere. Several objects of one class are all highlighted.",
            r"L = \mathrm{ReLU}\Big(\sum_k w_k A_k\Big), \qquad w_k = \sum_{ij} "
            r"\frac{G_k^+(i,j)}{2 + G_k^+(i,j) \sum_{ab} A_k(a,b)}",
            _explain_with(WEIGHTS["grad-cam++"]),
        ),
        Method(
            "hires-cam",
            "HiResCAM",
            "Draelos and Carin 2020, arXiv:2011.08891",
            "Every position is weighted with its own gradient instead of the mean over the map. If "
            "one dense layer follows, the map sums to the logit minus the bias: only positions "
            "that the network used are highlighted.",
            r"L = \mathrm{ReLU}\Big(\sum_k G_k \odot A_k\Big)",
            _explain_with(WEIGHTS["hires-cam"]),
            (SIGNED,),
        ),
        Method(
            "layer-cam",
            "LayerCAM",
            "Jiang et al., IEEE TIP 30, 2021, doi:10.1109/TIP.2021.3089943",
            "Every position is weighted with its own gradient if that is positive. It works on "
            "early, fine layers too, and maps of several layers can be fused.",
            r"L = \mathrm{ReLU}\Big(\sum_k \mathrm{ReLU}(G_k) \odot A_k\Big)",
            _explain_with(WEIGHTS["layer-cam"]),
        ),
        Method(
            "xgrad-cam",
            "XGrad-CAM",
            "Fu et al., BMVC 2020, arXiv:2008.02312",
            "Like Grad-CAM, but gradients are averaged in proportion to the activation.",
            r"w_k = \frac{\sum_{ij} G_k(i,j)\, A_k(i,j)}{\sum_{ij} A_k(i,j)}",
            _explain_with(WEIGHTS["xgrad-cam"]),
            (SIGNED,),
        ),
        Method(
            "eigen-cam",
            "Eigen-CAM",
            "Muhammad and Yeasin, IJCNN 2020, arXiv:2008.00299",
            "The first principal component of the feature maps: where the layer is most active. It "
            "uses no class information.",
            r"L = \mathrm{ReLU}(A\, v_1), \qquad A = U \Sigma V^\top",
            _explain_with(WEIGHTS["eigen-cam"]),
            (SIGNED,),
            warning="This map is the same for every class.",
        ),
        Method(
            "score-cam",
            "Score-CAM",
            "Wang et al., CVPR workshops 2020, arXiv:1910.01279",
            "Without gradients. Each feature map masks the image in turn. Its weight is how much "
            "the probability rises compared with the baseline image.",
            r"w_k = \mathrm{ReLU}\big(p(x \odot H_k) - p(x_0)\big), \qquad H_k = "
            r"\mathrm{stretch}_{0..1}(\mathrm{enlarge}(A_k))",
            _explain_with(WEIGHTS["score-cam"]),
            (
                Setting(
                    "channels",
                    "Number of feature maps",
                    32,
                    1,
                    4096,
                    1,
                    help="Those with the largest variance. More take longer; the paper uses all.",
                ),
                Setting(
                    "weighting",
                    "Weight of a map",
                    "difference",
                    choices=("difference", "softmax"),
                    help="The rise itself, or a softmax over all maps as in the authors' code.",
                ),
                Setting("baseline", "Replace masked pixels with", "black", choices=BASELINES),
            ),
            num_passes=_num_masked_images,
        ),
        Method(
            "ablation-cam",
            "Ablation-CAM",
            "Desai and Ramaswamy, WACV 2020, doi:10.1109/WACV45572.2020.9093360",
            "Without gradients. Each feature map is ablated (set to zero) in turn. Its weight is "
            "the relative drop of the logit. A negative logit is divided by its absolute "
            "value, which keeps the sign of the map.",
            r"w_k = \frac{S - S_{A_k = 0}}{|S|}",
            _explain_with(WEIGHTS["ablation-cam"]),
            (SIGNED,),
            num_passes=lambda model, layer_name, settings: model.layer_shapes[layer_name][-1],
        ),
    ]
}


def channel_weights(
    observation: Observation,
    method: str,
    layer_name: str,
    settings: Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Compute the weights of a method's sum: (K,), or (h, w, K) if every position has its own.

    Raises
    ------
    InvalidParameterError
        If there is no such method, or it does not fit.
    """
    chosen = method_named(method, METHODS)
    reason = chosen.unsupported_reason(observation.model, layer_name)
    if reason:
        raise InvalidParameterError(reason)
    return WEIGHTS[method](observation, layer_name, chosen.checked(settings or {}), on_progress)


def class_activation_map(
    model: "LoadedModel",
    image: ImageInput,
    method: str = "grad-cam",
    *,
    layer_name: str | Sequence[str] | None = None,
    class_index: int | None = None,
    target: Target | None = None,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> ClassHeatmap:
    """Compute which regions of an image support a class.

    The gradient is that of the logit, before softmax or sigmoid: that of a confident softmax
    vanishes. A network with one sigmoid unit z has two classes: 1 with the logit z, and 0
    with the logit -z.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    method : str
        One of `METHODS`.
    layer_name : str or sequence of str, optional
        A layer with maps; default: the last one. Several are fused, for LayerCAM only.
    class_index : int, optional
        The target class; default: the predicted class.
    target : Target, optional
        Another target, such as `cnnviz.attribution.targets.contrast` of two classes.
    on_progress : callable, optional
        Called by slow methods with (done, total); an exception it raises stops the computation.
    **settings
        Those that the method declares.

    Returns
    -------
    ClassHeatmap
        On the layer's own grid, not scaled.

    Raises
    ------
    InvalidParameterError
        If the method or class does not exist, the method does not fit, or the layer has no maps.
    UnknownLayerError
        If the model has no such layer.
    AnalysisError
        If the class does not depend on the layer, or values are not finite.
    """
    chosen = method_named(method, METHODS)
    names = [layer_name] if isinstance(layer_name, str) else list(layer_name or ())
    names = names or [model.default_cam_layer]
    if len(names) > 1 and method != "layer-cam":
        raise InvalidParameterError(f"{chosen.title} takes one layer; only LayerCAM fuses several.")
    target = target_or_class(model, image, target, class_index)
    observation = observe(model, image, target, names)
    maps = [attribution_map(observation, chosen, name, settings, on_progress) for name in names]
    return maps[0] if len(maps) == 1 else fuse(maps)


def fuse(maps: Sequence[ClassHeatmap], gamma: float = 2.0) -> ClassHeatmap:
    """Fuse heat maps of one class and several layers as `fused` does."""
    first = maps[0]
    return ClassHeatmap(
        values=fused([heatmap.values for heatmap in maps], gamma),
        layer_name=" + ".join(heatmap.layer_name for heatmap in maps),
        class_index=first.class_index,
        logit=first.logit,
        method=first.method,
        target=first.target,
        settings=(*first.settings, ("gamma", gamma)),
    )
