"""A model looked at, never edited: its layers, their activations, its logits, and gradients.

All computation runs in compiled functions that are made once per model and set of layers. Nothing
is attached to the model and nothing in it changes. Whatever the precision of the network, results
are float32.
"""

import os
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import tensorflow as tf
from scipy.special import expit, softmax

from cnnviz import zoo
from cnnviz.deprecated import warn_renamed
from cnnviz.errors import AnalysisError, CnnvizError, InvalidParameterError, UnknownLayerError
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE
from cnnviz.network.bounded_store import BoundedStore
from cnnviz.network.failures import TF_ERRORS, brief
from cnnviz.network.fair_slots import FairSlots
from cnnviz.network.forward import Change, ForwardPass, run_layers
from cnnviz.network.head import Head
from cnnviz.network.layers.map_layout import TokenGrid, to_maps
from cnnviz.network.prediction import Prediction
from cnnviz.zoo import InputScaling, ModelCard

MAX_FUNCTIONS = 32  # compiled functions kept for one model
HALF_LOSS_SCALE = 1024.0
BATCH_PIXELS = 400_000  # of the images that go through a network at once
_HEAVY = FairSlots(2)  # computations at once in this process; bounds memory


@dataclass(frozen=True, slots=True, eq=False)
class ModelGradients:
    """Layers, how a weighted sum of logits changes with them, and the logits; all batches."""

    activations: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    logits: np.ndarray

    def is_finite_at(self, name: str) -> bool:
        """Whether a layer, its gradient and the logits are all finite numbers."""
        values = (self.activations[name], self.gradients[name], self.logits)
        return all(bool(np.isfinite(part).all()) for part in values)

    @property
    def is_finite(self) -> bool:
        """Whether everything is a finite number."""
        return all(map(self.is_finite_at, self.gradients))


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True, repr=False)
class LoadedModel:
    """A network with its card, ready to be looked at from many threads at once.

    Attributes
    ----------
    name, card
        What it is called and what is known about it.
    keras_model : keras.Model
        The network itself, shared by everybody: read it, never change it.
    class_names : tuple of str
        One name per class. A network with one unit at its end has two classes, 0 and 1.
    input_shape : (h, w, C)
        Size of the image that the network is given.
    layer_shapes : dict
        Every layer in order of computation, with its output shape without the batch.
    grids : dict
        For each layer with maps the grid of its positions in the image.
    output_names : tuple of str
        All outputs of the network.
    output_name : str
        The output whose classes are explained.
    network_head : Head
        What the network does to its logits.
    logits_layer : str
        The layer whose output the logits are; empty if something lies in between.
    input_scaling : InputScaling
        What range of pixels the network is given, and how that is known.
    operations : dict
        For each of these layers the Keras layer or operation that computes it: read only.
    layer_inputs : dict
        For each of these layers the names of those that it takes its input from.
    loss
        What the network was trained with, as in ``compile``; None if it is not known.
    is_live : bool
        Whether the network is in its owner's hands, who may train it further.
    as_scores : str
        Why the outputs are taken as they are; empty if their logits are known.
    """

    name: str
    card: ModelCard
    keras_model: Any
    class_names: tuple[str, ...]
    input_shape: tuple[int, int, int]
    layer_shapes: dict[str, tuple[int, ...]]
    grids: dict[str, TokenGrid]
    output_names: tuple[str, ...]
    output_name: str
    network_head: Head
    logits_layer: str
    input_scaling: InputScaling
    operations: dict[str, Any]
    layer_inputs: dict[str, tuple[str, ...]]
    loss: Any = None
    is_live: bool = False
    as_scores: str = ""
    _functions: BoundedStore = field(default_factory=lambda: BoundedStore(MAX_FUNCTIONS))

    def __repr__(self) -> str:
        size = " × ".join(map(str, self.input_shape))
        output = f", output {self.output_name!r}" if len(self.output_names) > 1 else ""
        return (
            f"LoadedModel({self.name!r}: image {size}, input {self.input_scaling}, "
            f"{len(self.class_names)} classes{output}, {self.network_head.description})"
        )

    @property
    def head(self) -> str:
        """What the network does to its logits: ``softmax``, ``sigmoid``, ``linear``, ``scores``."""
        return self.network_head.kind

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every layer, in order of computation."""
        return tuple(self.layer_shapes)

    @property
    def map_layer_names(self) -> tuple[str, ...]:
        """The layers whose output is a stack of maps: rows, columns, channels."""
        return tuple(self.grids)

    @property
    def map_shapes(self) -> dict[str, tuple[int, int, int]]:
        """Rows, columns and channels of the layers with maps; of token layers those of the grid."""
        return {
            name: (grid.rows, grid.columns, self.layer_shapes[name][-1])
            for name, grid in self.grids.items()
        }

    @property
    def token_layer_names(self) -> tuple[str, ...]:
        """The layers with maps whose positions are tokens."""
        return tuple(name for name in self.grids if len(self.layer_shapes[name]) == 2)

    @property
    def default_cam_layer(self) -> str:
        """The last layer that still has maps of more than one position.

        Behind the last attention layer of a network that reads its classes off a class token only
        that token counts: there it is the last layer whose maps the classes depend on.
        """
        names = [name for name, grid in self.grids.items() if grid.rows * grid.columns > 1]
        if not names:
            raise AnalysisError(
                f"{self.name!r} has no layer with maps, so there is no grid to draw a heat map on. "
                "Choose a network with convolutions."
            )
        if all(self.grids[name].first == self.grids[name].last == 0 for name in names):
            return names[-1]
        return str(self._functions.get("default layer", lambda: self._last_that_counts(names)))

    def _last_that_counts(self, names: Sequence[str]) -> str:
        """Find the last layer whose positions have a gradient, on an image of noise."""
        noise = np.random.default_rng(0).integers(0, 256, (*self.input_shape[:2], 3), np.uint8)
        batch = self.preprocess(ImageInput(noise, "noise"))
        direction = np.eye(len(self.class_names), dtype=np.float32)[:1]
        _, gradients, _ = self.compute(
            ("gradient", (*self.layer_names, IMAGE)),
            lambda: _gradient(self, (*self.layer_names, IMAGE)),
            tf.constant(batch),
            tf.constant(direction),
        )
        for name in reversed(names):
            if name in gradients and np.asarray(gradients[name]).any():
                return name
        return names[-1]

    @property
    def first_convolution(self) -> str:
        """The first convolution over rows and columns, whose kernels meet the pixels."""
        for name in self.map_layer_names:
            if isinstance(self.operations[name], keras.layers.Conv2D):
                return name
        raise AnalysisError(
            f"{self.card.title} has no convolution, so there are no kernels to look at. Choose "
            "another network."
        )

    def preprocess(self, image: ImageInput) -> np.ndarray:
        """Turn an image into the network's input, float32 of shape (1, h, w, C)."""
        return zoo.preprocess(self.card, image)

    def predict(self, image: ImageInput, top: int = 5) -> tuple[Prediction, ...]:
        """Return the `top` classes with the largest logits, the largest first.

        The probability of each is None if the network gives none (`has_probabilities`).
        """
        return self._predictions(self.logits(image), top)

    def predict_by_scaling(
        self, image: ImageInput, top: int = 5
    ) -> dict[str, tuple[Prediction, ...]]:
        """Predict under every input scaling that fits the network, to see which one is right.

        Returns
        -------
        dict
            For each name of `zoo.PREPROCESSINGS` what `predict` gives.
        """
        predictions = {}
        for name, preprocessing in zoo.fitting_preprocessings(self.input_shape[2]).items():
            card = replace(self.card, preprocessing=preprocessing)
            logits = self.logits_of(zoo.preprocess(card, image))[0]
            predictions[name] = self._predictions(logits, top)
        return predictions

    def _predictions(self, logits: np.ndarray, top: int) -> tuple[Prediction, ...]:
        probabilities = self.probabilities(logits)
        order = np.argsort(-logits, kind="stable")[:top]
        return tuple(
            Prediction(
                int(i),
                self.class_names[i],
                float(probabilities[i]) if self.has_probabilities else None,
                float(logits[i]),
            )
            for i in order
        )

    @property
    def has_probabilities(self) -> bool:
        """Whether the network's outputs can be read as probabilities."""
        return self.network_head.has_probabilities

    @property
    def has_independent_probabilities(self) -> bool:
        """Whether each class has a probability of its own, so that they need not add up to 1."""
        return self.network_head.is_independent

    def logits(self, image: ImageInput) -> np.ndarray:
        """Return the logit of every class, float32 (num_classes,), before softmax or sigmoid.

        Of a network that ends in neither, these are its outputs.
        """
        return self.logits_of(self.preprocess(image))[0]

    def batches(self, images: Sequence[ImageInput]) -> Iterator[np.ndarray]:
        """Prepare many images, 1 to 64 at a time by their size: float32 (n, h, w, C)."""
        height, width, _ = self.input_shape
        size = int(np.clip(BATCH_PIXELS // (height * width), 1, 64))
        for start in range(0, len(images), size):
            yield np.concatenate([self.preprocess(image) for image in images[start : start + size]])

    def scores(self, image: ImageInput) -> np.ndarray:
        """Call `logits`, which this was called until version 0.1."""
        warn_renamed("LoadedModel.scores", "logits")
        return self.logits(image)

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Turn logits (…, num_classes) into probabilities the way this network does, float64.

        A network that ends in plain logits is read as if a softmax followed, one with a single
        unit as if a sigmoid did. Of a network without probabilities the outputs are given back.
        """
        logits = np.asarray(logits, dtype=np.float64)
        if not self.has_probabilities:
            return logits
        return expit(logits) if self.has_independent_probabilities else softmax(logits, axis=-1)

    def logits_of(self, batch: np.ndarray) -> np.ndarray:
        """Return the logits of preprocessed images (N, h, w, C), float32 (N, num_classes).

        Raises
        ------
        AnalysisError
            If the batch has not four axes, or the network itself fails.
        """
        if np.ndim(batch) != 4:  # on some processors TensorFlow would end Python
            raise AnalysisError(
                f"{self.name!r} cannot be computed here: a batch has the shape (N, h, w, C), got "
                f"{np.shape(batch)}."
            )
        _, logits = self.compute(("forward", ()), lambda: _forward(self, ()), tf.constant(batch))
        return np.asarray(logits)

    def logits_of_all(self, images: Sequence[ImageInput]) -> np.ndarray:
        """Return the logits for many images, in batches: float32 (N, num_classes)."""
        logits = [np.empty((0, len(self.class_names)), np.float32)]
        return np.concatenate([*logits, *map(self.logits_of, self.batches(images))])

    def activations(
        self, image: ImageInput, layer_names: Iterable[str]
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Compute any number of layers in one forward pass.

        Returns
        -------
        activations : dict of float32 ndarray
            For each layer its output for this image, without the batch axis; read-only. Of layers
            with maps (rows, columns, channels), also where the layer holds them as tokens.
        logits : float32 ndarray of shape (num_classes,)

        Raises
        ------
        UnknownLayerError
            If the model has no such layer.
        """
        names = self._checked(layer_names)
        taps, logits = self.compute(
            ("forward", names), lambda: _forward(self, names), tf.constant(self.preprocess(image))
        )
        return {name: np.asarray(taps[name])[0] for name in names}, logits[0].numpy()

    def activations_and_gradients(
        self, image: ImageInput, layer_name: str, class_index: int
    ) -> tuple[np.ndarray, np.ndarray, float]:
        """Compute a layer's output and d(logit of the class)/d(output), in one pass.

        Returns
        -------
        activations, gradients : float32 ndarray of the layer's shape
        logit : float

        Raises
        ------
        UnknownLayerError, InvalidParameterError, AnalysisError
            As for `gradients`; also if there is no such class.
        """
        self.check_class(class_index)
        direction = np.eye(len(self.class_names), dtype=np.float32)[class_index : class_index + 1]
        gradients = self.gradients(self.preprocess(image), direction, [layer_name])
        logit = float(gradients.logits[0, class_index])
        return gradients.activations[layer_name][0], gradients.gradients[layer_name][0], logit

    def gradients(
        self, batch: np.ndarray, directions: np.ndarray, layer_names: Iterable[str]
    ) -> "ModelGradients":
        """Compute layers and how a weighted sum of logits changes with them, in one pass.

        Parameters
        ----------
        batch : float32 ndarray of shape (N, h, w, C)
            Preprocessed images.
        directions : float32 ndarray of shape (N, num_classes)
            For each image the weights of the logits in that sum.
        layer_names : iterable of str
            Any layers; `IMAGE` stands for the network's input.

        Raises
        ------
        UnknownLayerError
            If there is no such layer.
        AnalysisError
            If no class depends on a layer, or a value is not finite.
        """
        names = tuple(layer_names)
        self._checked(name for name in names if name != IMAGE)
        computed = names if self._is_often_asked(names) else (*self.layer_names, IMAGE)
        scaled = self._scaled_gradients(batch, directions, names, computed, self.loss_scale)
        if self.loss_scale != 1 and not scaled.is_finite:  # too large a number in half precision
            scaled = self._scaled_gradients(batch, directions, names, computed, 1.0)
        for name in names:
            if not scaled.is_finite_at(name):
                raise AnalysisError(
                    f"{self.name!r} gives values that are not numbers at layer {name!r} for this "
                    "image. Try another image or layer."
                )
        return scaled

    def _scaled_gradients(
        self,
        batch: np.ndarray,
        directions: np.ndarray,
        names: Sequence[str],
        computed: tuple[str, ...],
        scale: float,
    ) -> "ModelGradients":
        """Go back with so many times the directions, and divide what comes out by it again."""
        activations, gradients, logits = self.compute(
            ("gradient", computed),
            lambda: _gradient(self, computed),
            tf.constant(batch),
            tf.constant(directions * np.float32(scale), tf.float32),
        )
        for name in names:
            if name not in gradients:
                raise AnalysisError(
                    f"No class of {self.name!r} depends on layer {name!r}. Choose another layer."
                )
        return ModelGradients(
            {name: np.asarray(activations[name]) for name in names},
            {name: np.asarray(gradients[name]) / np.float32(scale) for name in names},
            np.asarray(logits),
        )

    @property
    def loss_scale(self) -> float:
        """Factor that keeps gradients within the range of half precision; 1 for other networks.

        The gradient of a mean over many positions is smaller than the smallest float16 number.
        See Micikevicius et al., "Mixed precision training", ICLR 2018, arXiv:1710.03740, 3.2.
        """
        dtypes = {
            getattr(operation, "compute_dtype", None) for operation in self.operations.values()
        }
        return HALF_LOSS_SCALE if "float16" in dtypes else 1.0

    def _is_often_asked(self, names: tuple[str, ...]) -> bool:
        """Whether these layers have a function of their own; all others share one for all layers.

        Compiling takes about a second: nobody shall wait for it at every layer they look at.
        """
        often: list[tuple[str, ...]] = [(), (IMAGE,)]
        if any(grid.rows * grid.columns > 1 for grid in self.grids.values()):
            often.append((self.default_cam_layer,))
        return names in often

    def check_class(self, class_index: int) -> None:
        """Refuse a class that the network does not know.

        Raises
        ------
        InvalidParameterError
        """
        if not 0 <= class_index < len(self.class_names):
            raise InvalidParameterError(
                f"class {class_index} does not exist: {self.name!r} has the classes "
                f"0 to {len(self.class_names) - 1}."
            )

    def compute(self, key: Hashable, make: Callable[[], Callable[..., Any]], *args: Any) -> Any:
        """Run a compiled function that is made once per model and key; the last few are kept.

        Only so many run at once in one process, which bounds its memory.

        Raises
        ------
        AnalysisError
            If the network itself fails.
        """
        try:
            function = self._functions.get(key, make)
            with _HEAVY:
                return function(*args)
        except CnnvizError:
            raise
        except TF_ERRORS as error:
            raise AnalysisError(
                f"{self.name!r} cannot be computed here: {brief(error)} Try a smaller image or "
                "another layer."
            ) from error

    @property
    def batch_spec(self) -> tf.TensorSpec:
        """Shape and type of a batch of preprocessed images."""
        return tf.TensorSpec((None, *self.input_shape), tf.float32)

    def run(
        self,
        batch: Any,
        change: Change | None = None,
        *,
        pre_activations: Collection[str] = (),
        until: Collection[str] = (),
    ) -> ForwardPass:
        """Run a tensor of preprocessed images through all layers, as `run_layers` does."""
        place = self.output_names.index(self.output_name)
        return run_layers(
            self.keras_model,
            batch,
            change,
            output=place,
            pre_activations=pre_activations,
            until=until,
            as_scores=self.as_scores,
        )

    def as_maps(self, layer_name: str, values: Any) -> Any:
        """Return a layer's output, an array or tensor with a batch, as maps (N, h, w, K)."""
        grid = self.grids.get(layer_name)
        return values if grid is None else to_maps(values, grid)

    def maps_of(self, forward: ForwardPass, layer_name: str) -> Any:
        """Return the maps of a layer out of a forward pass, float32 tensor (N, h, w, K)."""
        return self.as_maps(layer_name, tf.cast(forward.outputs[layer_name], tf.float32))

    def checked_maps(self, layer_name: str) -> str:
        """Return the name back if the model has such a layer and it has maps.

        Raises
        ------
        UnknownLayerError, InvalidParameterError
        """
        (name,) = self._checked([layer_name])
        if name not in self.grids:
            raise InvalidParameterError(
                f"Layer {name!r} has no feature maps: its output of shape "
                f"{self.layer_shapes[name]} has no rows and columns of the image."
            )
        return name

    def _checked(self, layer_names: Iterable[str]) -> tuple[str, ...]:
        names = tuple(layer_names)
        for name in names:
            if name not in self.layer_shapes:
                raise UnknownLayerError(
                    f"{self.name!r} has no layer {name!r}. "
                    f"Choose one of: {', '.join(self.layer_names)}.",
                    layer_name=name,
                    available=self.layer_names,
                )
        return names


def _forward(model: LoadedModel, names: tuple[str, ...]) -> Callable[..., Any]:
    def forward(batch: Any) -> Any:
        done = model.run(batch)
        return {name: model.maps_of(done, name) for name in names}, done.logits

    return compiled(forward, model.batch_spec)


def _gradient(model: LoadedModel, names: tuple[str, ...]) -> Callable[..., Any]:
    def gradient(batch: Any, directions: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)  # before the forward pass; afterwards there would be no gradient
            done = model.run(batch)
            weighted = tf.reduce_sum(done.logits * directions, axis=1)
        outputs = {name: batch if name == IMAGE else done.outputs[name] for name in names}
        derivatives = tape.gradient(weighted, outputs)
        gradients = {
            name: model.as_maps(name, tf.cast(slope, tf.float32))
            for name, slope in derivatives.items()
            if slope is not None
        }
        activations = {
            name: batch if name == IMAGE else model.maps_of(done, name) for name in names
        }
        return activations, gradients, done.logits

    directions = tf.TensorSpec((None, len(model.class_names)), tf.float32)
    return compiled(gradient, model.batch_spec, directions)


_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function, *signature: Any) -> Callable[..., Any]:
    """Trace now, so that the first caller pays and everybody after is fast."""
    return tf.function(function, autograph=False).get_concrete_function(*signature)


_fingerprints: "WeakKeyDictionary[LoadedModel, str]" = WeakKeyDictionary()


def fingerprint(model: LoadedModel) -> str:
    """Return a fingerprint of all weights of a network, 32 hexadecimal digits."""
    if model.is_live:  # its weights may change
        return _digest(model)
    if model not in _fingerprints:
        _fingerprints[model] = _digest(model)
    return _fingerprints[model]


def _digest(model: LoadedModel) -> str:
    digest = blake2b(digest_size=16)
    for weights in model.keras_model.get_weights():
        digest.update(np.ascontiguousarray(weights).tobytes())
    return digest.hexdigest()
