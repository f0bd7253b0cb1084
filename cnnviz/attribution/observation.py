"""What all ways to explain an answer share: settings, what is argued for, and one common pass."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.errors import AnalysisError, CnnvizError, InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network import IMAGE
from cnnviz.network.cost import BACKWARD, OnProgress, batch_size, is_slow

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel

BASELINES = ("black", "mean", "blurred", "noise")
OBSERVATION = 1 + BACKWARD  # passes of `observe`


@dataclass(frozen=True, slots=True)
class Setting:
    """One number, choice or switch of a method: page, command line and tests are built from it.

    Attributes
    ----------
    name, title, help : str
        In code, on the page, and what it does.
    default : float, int, bool or str
        Its type is the type of the setting.
    low, high, step : float
        Range of a number and how far a slider moves.
    choices : tuple of str
        All values of a str.
    """

    name: str
    title: str
    default: Any
    low: float = 0
    high: float = 0
    step: float = 0
    choices: tuple[str, ...] = ()
    help: str = ""

    def checked(self, value: Any) -> Any:
        """Bring a value, perhaps read from text, into the setting's type and refuse others.

        Raises
        ------
        InvalidParameterError
        """
        kind = type(self.default)
        if kind is bool:
            value = {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())
            if value is None:
                raise InvalidParameterError(f"{self.name} must be true or false.")
            return value
        if kind is str:
            if value not in self.choices:
                raise InvalidParameterError(
                    f"{self.name} must be one of {', '.join(self.choices)}, got {value!r}."
                )
            return value
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidParameterError(f"{self.name} must be a number, got {value!r}.") from error
        if not self.low <= number <= self.high:
            raise InvalidParameterError(
                f"{self.name} must be from {self.low:g} to {self.high:g}, got {value}."
            )
        return number


@dataclass(frozen=True, slots=True)
class Target:
    """What is argued for: a number S made of the scores of all classes.

    Attributes
    ----------
    name : str
        In words.
    class_index : int
        The class in question in the first place.
    weights : tuple of (int, float)
        Classes and their weights: S is the weighted sum of their logits.
    is_probability : bool
        Sum up probabilities instead of logits.
    function : callable, optional
        S as TensorFlow computes it from logits (N, num_classes), of shape (N,); then `weights` and
        `is_probability` do not matter.
    """

    name: str
    class_index: int
    weights: tuple[tuple[int, float], ...] = ()
    is_probability: bool = False
    function: Callable[[Any], Any] | None = None

    def check(self, model: "LoadedModel") -> None:
        """Refuse classes that the network does not know.

        Raises
        ------
        InvalidParameterError
        """
        for class_index, _ in ((self.class_index, 1.0), *self.weights):
            model.check_class(class_index)

    def values(self, model: "LoadedModel", scores: np.ndarray) -> np.ndarray:
        """Compute S of logits (N, num_classes), float64 (N,)."""
        if self.function is not None:
            return np.asarray(self.function(_constant(scores)), np.float64)
        shown = model.probabilities(scores) if self.is_probability else scores
        return np.asarray(shown, np.float64) @ self._vector(scores.shape[1])

    def confidences(self, model: "LoadedModel", scores: np.ndarray) -> np.ndarray:
        """Compute the same of probabilities, as methods need it that compare pictures."""
        if self.function is not None:
            return self.values(model, scores)
        return model.probabilities(scores) @ self._vector(scores.shape[1])

    def slopes(self, model: "LoadedModel", scores: np.ndarray) -> np.ndarray:
        """Compute ∂S/∂logit at logits (N, num_classes), float32 of that shape."""
        if self.function is not None:
            return _tape(self.function, scores)
        weights = np.broadcast_to(self._vector(scores.shape[1]), scores.shape)
        if self.is_probability:
            shares = model.probabilities(scores)
            if not model.has_probabilities:
                return weights.astype(np.float32)
            if model.has_independent_probabilities:
                weights = weights * shares * (1 - shares)
            else:
                weights = shares * (weights - (weights * shares).sum(axis=1, keepdims=True))
        return weights.astype(np.float32)

    @property
    def is_linear(self) -> bool:
        """Whether ∂S/∂logit is the same everywhere."""
        return self.function is None and not self.is_probability

    def _vector(self, num_classes: int) -> np.ndarray:
        vector = np.zeros(num_classes)
        for class_index, weight in self.weights:
            vector[class_index] += weight
        return vector


def _constant(scores: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(scores, tf.float32)


def _tape(function: Callable[[Any], Any], scores: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    given = _constant(scores)
    with tf.GradientTape() as tape:
        tape.watch(given)
        values = function(given)
    slopes = tape.gradient(values, given)
    if slopes is None or slopes.shape != given.shape:
        raise InvalidParameterError("The function does not depend on the logits it was given.")
    return np.asarray(slopes)


def one_class(class_index: int) -> Target:
    """Argue for a class: its logit."""
    return Target(f"class {class_index}", class_index, ((class_index, 1.0),))


def probability(class_index: int) -> Target:
    """Argue for the probability of a class: behind softmax or sigmoid its slope may be tiny."""
    return Target(f"probability of {class_index}", class_index, ((class_index, 1.0),), True)


def contrast(class_index: int, others: Sequence[int], gamma: float = 1.0) -> Target:
    """Argue for one class and not for others: its logit minus `gamma` times their mean logit.

    References
    ----------
    "Finer-CAM", CVPR 2025, arXiv:2501.11309.
    """
    if not others:
        raise InvalidParameterError("At least one class to compare with is needed.")
    against = ", ".join(map(str, others))
    weights = tuple((other, -gamma / len(others)) for other in others)
    name = f"class {class_index} and not {against}"
    return Target(name, class_index, ((class_index, 1.0), *weights))


def sum_of(class_indices: Sequence[int]) -> Target:
    """Argue for several classes at once: the sum of their logits."""
    if not class_indices:
        raise InvalidParameterError("At least one class is needed.")
    name = "classes " + " + ".join(map(str, class_indices))
    return Target(name, class_indices[0], tuple((index, 1.0) for index in class_indices))


def target_or_class(
    model: "LoadedModel", image: ImageInput, target: Target | None, class_index: int | None
) -> Target:
    """Argue for the target that was given, else for the class, else for the most probable one."""
    if target is not None:
        return target
    if class_index is None:
        class_index = model.predict(image, top=1)[0].class_index
    return one_class(class_index)


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A network's answer to a picture, looked at once for all methods.

    Attributes
    ----------
    batch : float32 ndarray of shape (1, h, w, C)
        The picture as the network gets it.
    scores : float32 ndarray of shape (num_classes,)
    value : float
        S, what is argued for.
    activations, gradients : mapping
        Of the layers asked for their outputs, and ∂S/∂(output), without the batch.
    """

    model: "LoadedModel"
    image: ImageInput
    target: Target
    batch: np.ndarray
    scores: np.ndarray
    value: float
    activations: Mapping[str, np.ndarray]
    gradients: Mapping[str, np.ndarray]


def observe(
    model: "LoadedModel", image: ImageInput, target: Target, layer_names: Iterable[str]
) -> Case:
    """Run a picture through a network and back, once for all methods and layers.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    target : Target
    layer_names : iterable of str
        Layers with maps; `IMAGE` stands for the network's input.

    Raises
    ------
    InvalidParameterError
        If a class does not exist, or a layer has no maps.
    UnknownLayerError
        If there is no such layer.
    AnalysisError
        If nothing depends on a layer, or values are not finite.
    """
    names = tuple(dict.fromkeys(layer_names))
    target.check(model)
    for name in names:
        if name != IMAGE:
            model.checked_maps(name)
    batch = model.preprocess(image)
    unknown = np.zeros((1, len(model.class_names)), np.float32)
    scores = unknown if target.is_linear else model.scores_of(batch)
    found = model.gradients(batch, target.slopes(model, scores), names)
    return Case(
        model=model,
        image=image,
        target=target,
        batch=batch,
        scores=found.scores[0],
        value=float(target.values(model, found.scores)[0]),
        activations={name: values[0] for name, values in found.activations.items()},
        gradients={name: values[0] for name, values in found.gradients.items()},
    )


Explain = Callable[[Case, str, Mapping[str, Any], OnProgress | None], "Found"]
NumPasses = Callable[["LoadedModel", str, Mapping[str, Any]], int]


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A map (h, w), and numbers that come with it."""

    values: np.ndarray
    facts: tuple[tuple[str, float], ...] = ()


def _fits(model: "LoadedModel", layer_name: str) -> str:
    return ""


def _no_passes(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Method:
    """One way to say which parts of a picture argue for an answer, and what to say about it.

    Attributes
    ----------
    name, title, paper : str
    summary, formula : str
        What it does, in a student's words, and in LaTeX.
    explain : callable
        From a case, a layer, settings and a progress report to the map.
    settings : tuple of Setting
    misfit : callable
        Says for a network and layer why the method cannot be used; empty if it can.
    sees : tuple of str
        What it needs of the common pass: ``layer``, ``picture``, both or nothing.
    num_passes : callable
        Says for a network, a layer and checked settings how many images go through the network
        besides the one of the common pass; one that goes back, too, counts as 1 + `BACKWARD`, one
        that goes through the upper layers only as 1. The most there can be where it depends on the
        image. For targets that are no weighted sum of logits, an image that goes back goes forward
        twice, which is not counted.
    warning : str
        What it is known not to show.
    """

    name: str
    title: str
    paper: str
    summary: str
    formula: str
    explain: Explain
    settings: tuple[Setting, ...] = ()
    misfit: Callable[["LoadedModel", str], str] = _fits
    sees: tuple[str, ...] = ("layer",)
    num_passes: NumPasses = _no_passes
    warning: str = ""

    @property
    def is_on_a_layer(self) -> bool:
        """Whether the map has the grid of a layer, and not that of the picture."""
        return self.sees == ("layer",)

    def needs(self, layer_name: str) -> tuple[str, ...]:
        """Name what the common pass must hold."""
        names = {"layer": layer_name, "picture": IMAGE}
        return tuple(names[one] for one in self.sees)

    def is_slow(
        self, model: "LoadedModel", layer_name: str, settings: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether a map takes longer than a moment, the common pass included.

        Raises
        ------
        InvalidParameterError
            If a setting is out of range.
        """
        checked = self.checked(settings or {})
        return is_slow(model, OBSERVATION + self.num_passes(model, layer_name, checked))

    def checked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Check settings and fill in the defaults.

        Raises
        ------
        InvalidParameterError
        """
        known = {setting.name: setting for setting in self.settings}
        for name in settings:
            if name not in known:
                offered = f"It has: {', '.join(known)}." if known else "It has none."
                raise InvalidParameterError(f"{self.title} has no setting {name!r}. {offered}")
        return {
            name: setting.checked(settings.get(name, setting.default))
            for name, setting in known.items()
        }


def method_named(name: str, methods: Mapping[str, Method]) -> Method:
    """Give one of several methods by its name.

    Raises
    ------
    InvalidParameterError
        If there is none.
    """
    if name not in methods:
        raise InvalidParameterError(
            f"There is no method {name!r}. Choose one of: {', '.join(methods)}."
        )
    return methods[name]


def explained(
    case: Case,
    method: Method,
    layer_name: str,
    settings: Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> ClassHeatmap:
    """Make the map of one method for a case that has been looked at.

    Raises
    ------
    InvalidParameterError
        If a setting is out of range, or the method does not fit the network or layer.
    """
    checked = method.checked(settings or {})
    reason = method.misfit(case.model, layer_name)
    if reason:
        raise InvalidParameterError(f"{method.title} cannot be used here: {reason}")
    try:
        found = method.explain(case, layer_name, checked, on_progress)
    except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as error:
        if isinstance(error, CnnvizError):
            raise
        raise AnalysisError(
            f"{method.title} failed for {case.model.card.title} at {layer_name!r} "
            f"({type(error).__name__}). Choose another layer or method."
        ) from error
    return ClassHeatmap(
        values=found.values,
        layer_name=layer_name if method.is_on_a_layer else IMAGE,
        class_index=case.target.class_index,
        logit=float(case.scores[case.target.class_index]),
        method=method.name,
        target=case.target.name,
        settings=tuple(checked.items()),
        facts=(("score", case.value), *found.facts),
    )


def baseline(model: "LoadedModel", image: ImageInput, kind: str, *, seed: int = 0) -> np.ndarray:
    """Make a picture that says little, as the network's input, float32 (1, h, w, C).

    Parameters
    ----------
    kind : str
        One of `BASELINES`: black; the picture's mean colour; the picture blurred with a standard
        deviation of an eighth of its shorter side; even noise over the whole range.
    seed : int
        Of the noise.

    Raises
    ------
    InvalidParameterError
        If there is no such kind.
    """
    from cnnviz import zoo

    view = zoo.model_view(model.card, image)
    if kind == "black":
        pixels = np.zeros_like(view)
    elif kind == "mean":
        pixels = np.broadcast_to(np.rint(view.mean(axis=(0, 1))).astype(np.uint8), view.shape)
    elif kind == "blurred":
        sigma = max(1.0, min(view.shape[:2]) / 8)
        pixels = cv2.GaussianBlur(view, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    elif kind == "noise":
        pixels = np.random.default_rng(seed).integers(0, 256, view.shape, dtype=np.uint8)
    else:
        raise InvalidParameterError(
            f"There is no baseline {kind!r}. Choose one of: {', '.join(BASELINES)}."
        )
    return model.preprocess(image_from_pixels(np.ascontiguousarray(pixels)))


def masked_scores(
    case: Case,
    masks: Iterable[np.ndarray],
    num_masks: int,
    base: np.ndarray,
    on_progress: OnProgress | None = None,
) -> np.ndarray:
    """Ask a network about the picture seen through masks.

    Where a mask is 1 the picture stays, where it is 0 `base` stands in its place. Preprocessing
    is the same straight line for every pixel, so this is masking in what people see.

    Parameters
    ----------
    case : Case
    masks : iterable of float32 ndarray of shape (n, h', w')
        From 0 to 1, enlarged bilinearly to the network's input.
    num_masks : int
        Masks in all.
    base : float32 ndarray of shape (1, h, w, C)
        As from `baseline`.

    Returns
    -------
    float32 ndarray of shape (num_masks, num_classes)
    """
    import tensorflow as tf

    model = case.model
    picture, base = tf.constant(case.batch), tf.constant(base)
    found: list[np.ndarray] = []
    done, size = 0, batch_size(model)
    for group in masks:
        for start in range(0, len(group), size):
            chunk = tf.constant(np.ascontiguousarray(group[start : start + size]), tf.float32)
            scores = model.compute(("masked",), lambda: _masked(model), picture, base, chunk)
            found.append(np.asarray(scores))
            done += len(found[-1])
            if on_progress is not None:
                on_progress(done, num_masks)
    return np.concatenate(found)


def _masked(model: "LoadedModel") -> Callable[..., Any]:
    import tensorflow as tf

    from cnnviz.network.inspected_model import compiled

    def masked(picture: Any, base: Any, masks: Any) -> Any:
        large = tf.image.resize(masks[..., None], model.input_shape[:2])
        return model.run(base + large * (picture - base)).logits

    one = tf.TensorSpec((1, *model.input_shape), tf.float32)
    return compiled(masked, one, one, tf.TensorSpec((None, None, None), tf.float32))


def without_negatives(settings: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    """Cut off what is negative, unless the setting ``signed`` asks for it."""
    return values if settings.get("signed") else np.maximum(values, 0)


SIGNED = Setting(
    "signed",
    "Show what speaks against, too",
    False,
    help="Leaves out the last ReLU: blue parts lower the score.",
)
