"""A training as a timeline: what one network made of one image at every step that was kept."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from math import ceil
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from cnnviz import zoo
from cnnviz.arrays import frozen_arrays
from cnnviz.attribution.cam import class_activation_map
from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks.gabor_fit import SMALLEST_SIDE, fit_gabor
from cnnviz.images import ImageInput
from cnnviz.training.weight_drift import LayerDrift, layer_drift

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

Progress = Callable[[int, int], None]  # frames or fits done, and in all


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(
    kernels=np.float32,
    maps=np.float32,
    heatmap=np.float32,
    logits=np.float32,
    probabilities=np.float64,
)
class TimelineFrame:
    """A network at one step of its training, and what it made of the image then.

    Attributes
    ----------
    step : int
        Batches of images that it had learned from; 0 is before training.
    epoch : float
        The same in looks at all training images.
    kernels : float32 ndarray of shape (kh, kw, C, K)
        Of the first convolution.
    maps : float32 ndarray of shape (h, w, K)
        Activations of the chosen layer.
    heatmap : float32 ndarray of shape (h, w)
        Grad-CAM for the chosen class, in logits, on the grid of its layer.
    logits : float32 ndarray of shape (num_classes,)
        Logits.
    probabilities : float64 ndarray of shape (num_classes,)
    drift : dict of LayerDrift
        For every layer that has weights.
    """

    step: int
    epoch: float
    kernels: np.ndarray
    maps: np.ndarray
    heatmap: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray
    drift: Mapping[str, LayerDrift]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingTimeline:
    """All frames for one image, the first before training, and what they show.

    Attributes
    ----------
    name : str
        The network.
    image_digest : str
        Fingerprint of the image.
    kernel_layer_name, layer_name, cam_layer_name : str
        Where kernels, maps and heatmaps come from.
    class_index : int
        The target class of the heat maps.
    class_names : tuple of str
    frames : tuple of TimelineFrame
    """

    name: str
    image_digest: str
    kernel_layer_name: str
    layer_name: str
    cam_layer_name: str
    class_index: int
    class_names: tuple[str, ...]
    frames: tuple[TimelineFrame, ...]

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What all frames follow from."""
        place = self.layer_name, self.cam_layer_name, self.class_index
        return self.name, self.image_digest, *place


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(fitted=np.float32, r_squared=np.float64)
class KernelFits:
    """The Gabor function nearest to each first kernel at every step that was kept.

    Attributes
    ----------
    name : str
        The network.
    fitted : float32 ndarray of shape (num_steps, kh, kw, C, K)
        The functions in the color of their kernels; NaN where nothing could be fitted.
    r_squared : float64 ndarray of shape (num_steps, K)
        Share of a kernel's variance (of its strongest color) that the fit explains.
    """

    name: str
    fitted: np.ndarray
    r_squared: np.ndarray


def networks_with_timelines() -> tuple[str, ...]:
    """Name the networks whose weights were kept on the way."""
    return tuple(card.name for card in zoo.list_models() if zoo.checkpoint_steps(card.name))


def training_timeline(
    name: str,
    image: ImageInput,
    layer_name: str,
    class_index: int | None = None,
    *,
    cam_layer_name: str | None = None,
    on_progress: Progress | None = None,
) -> TrainingTimeline:
    """Show one image to a network as it was at every step that was kept.

    Parameters
    ----------
    name : str
        One of `networks_with_timelines`.
    image : ImageInput
    layer_name : str
        The layer whose maps are kept.
    class_index : int, optional
        The target class of the heat maps; the one predicted at the end if left out.
    cam_layer_name : str, optional
        The layer on whose grid they lie; the last one with maps if left out.
    on_progress : callable, optional
        Called with (frames done, frames in all); what it raises ends the work.

    Raises
    ------
    InvalidParameterError
        If no weights were kept, a layer has no maps, or there is no such class.
    UnknownLayerError
        If the network has no such layer.
    AnalysisError
        If the class does not depend on the layer of the heatmaps.
    """
    steps = _steps(name)
    private = _private_copy(name)
    model = private.model
    model.checked_maps(layer_name)
    cam_layer_name = model.checked_maps(cam_layer_name or model.default_cam_layer)
    weights = [zoo.checkpoint(name, step) for step in steps]
    per_epoch = steps_per_epoch(name)
    frames = []
    with private.lock:
        if class_index is None:
            _load_weights(model, weights[-1])
            class_index = int(model.logits(image).argmax())
        for step, then in zip(steps, weights, strict=True):
            _load_weights(model, then)
            drift = {
                layer_change.name: layer_change for layer_change in layer_drift(weights[0], then)
            }
            shown = _shown(model, image, layer_name, cam_layer_name, class_index)
            frames.append(TimelineFrame(step=step, epoch=step / per_epoch, drift=drift, **shown))
            if on_progress is not None:
                on_progress(len(frames), len(steps))
    return TrainingTimeline(
        name=name,
        image_digest=image.digest,
        kernel_layer_name=model.first_convolution,
        layer_name=layer_name,
        cam_layer_name=cam_layer_name,
        class_index=class_index,
        class_names=model.class_names,
        frames=tuple(frames),
    )


def _shown(
    model: "LoadedModel", image: ImageInput, layer_name: str, cam_layer_name: str, class_index: int
) -> dict[str, np.ndarray]:
    """Return the parts of a frame that follow from the weights that the network has now."""
    activations, logits = model.activations(image, [layer_name])
    heatmap = class_activation_map(model, image, layer_name=cam_layer_name, class_index=class_index)
    return {
        "kernels": _first_kernels(model),
        "maps": activations[layer_name],
        "heatmap": heatmap.values,
        "logits": logits,
        "probabilities": model.probabilities(logits),
    }


def steps_per_epoch(name: str) -> int:
    """Count the batches in one look at all training images; the last one may be smaller.

    Raises
    ------
    ModelLoadError
        If the network's card cannot be read.
    """
    facts = zoo.training_record(name).facts
    return ceil(facts["num_training_images"] / facts["batch_size"])


def can_be_fitted(kernels: np.ndarray) -> bool:
    """Whether kernels (kh, kw, C, K) are square and wide enough for a Gabor function."""
    return kernels.shape[0] == kernels.shape[1] >= SMALLEST_SIDE


def kernel_fits(name: str, on_progress: Progress | None = None) -> KernelFits:
    """Fit a Gabor function to each first kernel at every step that was kept.

    What `keep_kernel_fits` left is taken if it belongs to these very kernels. A new fit takes about
    50 ms, so a timeline of 11 frames with 24 kernels takes 13 s. The process
    remembers every fit: begun again after an interruption, the work goes on where it was.

    Parameters
    ----------
    name : str
        One of `networks_with_timelines`.
    on_progress : callable, optional
        Called with (fits done, fits in all); what it raises ends the work.

    Raises
    ------
    InvalidParameterError
        If no weights were kept, or the kernels are not square or too small for a fit.

    References
    ----------
    As for `cnnviz.filter_banks.gabor_fit.fit_gabor`.
    """
    stack = _kernels_at_all_steps(name)
    if not can_be_fitted(stack[0]):
        side = " × ".join(map(str, stack.shape[1:3]))
        raise InvalidParameterError(
            f"Kernels of {side} are not fitted: a square of {SMALLEST_SIDE} × {SMALLEST_SIDE} "
            "or more is needed."
        )
    kept = _kept_fits(name, stack)
    if kept is not None:
        return kept
    fitted, quality = np.empty_like(stack), np.empty((len(stack), stack.shape[-1]))
    for done, place in enumerate(np.ndindex(quality.shape), start=1):
        frame, channel = place
        fitted[frame, ..., channel], quality[place] = _fit(
            stack[frame, ..., channel].tobytes(), stack.shape[1:4]
        )
        if on_progress is not None:
            on_progress(done, quality.size)
    return KernelFits(name, fitted, quality)


def keep_kernel_fits(fits: KernelFits) -> None:
    """Write fits beside their network, in half precision, for `kernel_fits` to find."""
    np.savez_compressed(
        zoo.kernel_fits_path(fits.name),
        fitted=fits.fitted.astype(np.float16),
        r_squared=fits.r_squared.astype(np.float32),
        digest=_digest(_kernels_at_all_steps(fits.name)),
    )


def _kept_fits(name: str, kernels: np.ndarray) -> KernelFits | None:
    """Read fits that were kept; None if there are none, or they belong to other kernels."""
    try:
        with np.load(zoo.kernel_fits_path(name), allow_pickle=False) as arrays:
            if str(arrays["digest"]) != _digest(kernels):
                return None
            return KernelFits(name, arrays["fitted"], arrays["r_squared"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _digest(kernels: np.ndarray) -> str:
    return blake2b(np.ascontiguousarray(kernels).data, digest_size=16).hexdigest()


def _kernels_at_all_steps(name: str) -> np.ndarray:
    """Stack the first kernels, float32 (num_steps, kh, kw, C, K)."""
    private, kernels = _private_copy(name), []
    with private.lock:
        for step in _steps(name):
            _load_weights(private.model, zoo.checkpoint(name, step))
            kernels.append(_first_kernels(private.model))
    return np.stack(kernels)


@lru_cache(maxsize=2048)
def _fit(kernel_bytes: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, float]:
    """Fit one kernel and paint the fit in the kernel's own color."""
    kernel = np.frombuffer(kernel_bytes, np.float32).reshape(shape)
    try:
        fit = fit_gabor(kernel if shape[2] > 1 else kernel[..., 0])
    except InvalidParameterError:  # a dead kernel: all its numbers are equal
        return np.full(shape, np.nan, np.float32), float("nan")
    color = np.tensordot(fit.kernel, kernel, axes=2) / (fit.kernel**2).sum()
    return (fit.fitted[..., np.newaxis] * color).astype(np.float32), fit.r_squared


@dataclass(frozen=True, slots=True, eq=False)
class _PrivateCopy:
    """A network that nobody else sees, so that its weights may be exchanged under the lock."""

    model: "LoadedModel"
    lock: threading.Lock = field(default_factory=threading.Lock)


@lru_cache(maxsize=3)
def _private_copy(name: str) -> _PrivateCopy:
    """Build the network once; what is compiled for it serves all its weights."""
    from cnnviz.network.inspection import wrap_model

    card = zoo.find_card(name)
    return _PrivateCopy(wrap_model(zoo.build_model(card), card))


def _load_weights(model: "LoadedModel", weights: Mapping[str, list[np.ndarray]]) -> None:
    for layer_name, arrays in weights.items():
        model.keras_model.get_layer(layer_name).set_weights(arrays)


def _first_kernels(model: "LoadedModel") -> np.ndarray:
    return np.asarray(model.operations[model.first_convolution].get_weights()[0], np.float32)


def _steps(name: str) -> tuple[int, ...]:
    """List the steps that were kept; the network must have some."""
    steps = zoo.checkpoint_steps(name)
    if not steps:
        raise InvalidParameterError(
            f"{name!r} kept no weights on the way. Choose one of: "
            f"{', '.join(networks_with_timelines())}."
        )
    return steps
