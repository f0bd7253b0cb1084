"""A model looked at, never edited: its layers, their activations, its logits, and gradients.

All computation runs in compiled functions that are made once per model and set of layers. Nothing
is attached to the model and nothing in it changes.
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import tensorflow as tf
from scipy.special import softmax

from cnnviz import zoo
from cnnviz.errors import AnalysisError, InvalidParameterError, ModelLoadError, UnknownLayerError
from cnnviz.graph_walk import Walk, graph_of, walk_through
from cnnviz.results import PICTURE, ImageInput, Prediction
from cnnviz.zoo import ModelCard

MAX_MODELS = 3  # models kept in memory by one process
MAX_GUESTS = 6  # uploaded networks in one process
MAX_ADOPTED = 24  # networks made in this process that its sessions hold; 20 to 40 MB each
MAX_GUEST_BYTES = 150 << 20  # of one of them, unpacked
MAX_FUNCTIONS = 32  # compiled functions kept for one model
BATCH_PIXELS = 400_000  # of the pictures that go through a network at once
_TRIAL = threading.Lock()
_HEAVY = threading.BoundedSemaphore(2)  # computations at once in this process; bounds memory


class _Bounded:
    """A small thread-safe store that makes each value once and forgets the least recently used."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._making: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:  # others may use and make other values meanwhile
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > self._max_entries:
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Layers, how a weighted sum of logits changes with them, and the logits; all batches."""

    activations: dict[str, np.ndarray]
    gradients: dict[str, np.ndarray]
    scores: np.ndarray


_models = _Bounded(MAX_MODELS)
_guests: "WeakValueDictionary[str, LoadedModel]" = WeakValueDictionary()  # gone with their sessions
_adopted: "WeakValueDictionary[str, LoadedModel]" = WeakValueDictionary()  # these, too


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class LoadedModel:
    """A network with its card, ready to be looked at from many threads at once.

    Attributes
    ----------
    name, card
        What it is called and what is known about it.
    keras_model : keras.Model
        The network itself, shared by everybody: read it, never change it.
    class_names : tuple of str
        One name per class. A network with one sigmoid unit has two classes, 0 and 1.
    input_shape : (h, w, C)
        Size of the picture that the network is given.
    layer_shapes : dict
        Every tappable layer in order of computation, with its output shape without the batch.
    head : str
        What the network does to its logits: ``softmax``, ``sigmoid`` or ``linear``.
    operations : dict
        For each of these layers the Keras layer or operation that computes it: read only.
    layer_inputs : dict
        For each of these layers the names of those that it takes its input from.
    """

    name: str
    card: ModelCard
    keras_model: Any
    class_names: tuple[str, ...]
    input_shape: tuple[int, int, int]
    layer_shapes: dict[str, tuple[int, ...]]
    head: str
    operations: dict[str, Any] = field(repr=False)
    layer_inputs: dict[str, tuple[str, ...]] = field(repr=False)
    _functions: _Bounded = field(default_factory=lambda: _Bounded(MAX_FUNCTIONS), repr=False)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Every tappable layer, in order of computation."""
        return tuple(self.layer_shapes)

    @property
    def map_layer_names(self) -> tuple[str, ...]:
        """The layers whose output is a stack of maps: rows, columns, channels."""
        return tuple(self.map_shapes)

    @property
    def map_shapes(self) -> dict[str, tuple[int, int, int]]:
        """Their shapes."""
        return {
            name: (shape[0], shape[1], shape[2])
            for name, shape in self.layer_shapes.items()
            if len(shape) == 3
        }

    @property
    def default_cam_layer(self) -> str:
        """The last layer that still has maps of more than one cell."""
        for name in reversed(self.map_layer_names):
            if max(self.layer_shapes[name][:2]) > 1:
                return name
        raise AnalysisError(
            f"{self.name!r} has no layer with maps, so there is no grid to draw evidence on. "
            "Choose a network with convolutions."
        )

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
        """Turn a picture into the network's input, float32 of shape (1, h, w, C)."""
        return zoo.preprocess(self.card, image)

    def predict(self, image: ImageInput, top: int = 5) -> tuple[Prediction, ...]:
        """Name the `top` most probable classes, the most probable first."""
        scores = self.scores(image)
        probabilities = self.probabilities(scores)
        order = np.argsort(-scores, kind="stable")[:top]
        return tuple(
            Prediction(int(i), self.class_names[i], float(probabilities[i]), float(scores[i]))
            for i in order
        )

    def scores(self, image: ImageInput) -> np.ndarray:
        """Give the logit of every class, float32 (num_classes,), before softmax or sigmoid."""
        return self.scores_of(self.preprocess(image))[0]

    def batches(self, images: Sequence[ImageInput]) -> Iterator[np.ndarray]:
        """Prepare many pictures, 1 to 64 at a time by their size: float32 (n, h, w, C)."""
        height, width, _ = self.input_shape
        size = int(np.clip(BATCH_PIXELS // (height * width), 1, 64))
        for start in range(0, len(images), size):
            yield np.concatenate([self.preprocess(one) for one in images[start : start + size]])

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        """Turn logits (…, num_classes) into probabilities the way this network does, float64.

        A network that ends in plain logits is read as if a softmax followed.
        """
        scores = np.asarray(scores, dtype=np.float64)
        if self.head == "sigmoid":
            return 0.5 * (1 + np.tanh(scores / 2))
        return softmax(scores, axis=-1)

    def scores_of(self, batch: np.ndarray) -> np.ndarray:
        """Give the logits of preprocessed pictures (N, h, w, C), float32 (N, num_classes)."""
        _, scores = self.compute(("forward", ()), lambda: _forward(self, ()), tf.constant(batch))
        return np.asarray(scores)

    def scores_of_all(self, images: Sequence[ImageInput]) -> np.ndarray:
        """Give the logits for many pictures, in batches: float32 (N, num_classes)."""
        found = [np.empty((0, len(self.class_names)), np.float32)]
        return np.concatenate([*found, *map(self.scores_of, self.batches(images))])

    def activations(
        self, image: ImageInput, layer_names: Iterable[str]
    ) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Compute any number of layers in one forward pass.

        Returns
        -------
        activations : dict of float32 ndarray
            For each layer its output for this picture, without the batch axis; read-only.
        scores : float32 ndarray of shape (num_classes,)

        Raises
        ------
        UnknownLayerError
            If the model has no such layer.
        """
        names = self._checked(layer_names)
        taps, scores = self.compute(
            ("forward", names), lambda: _forward(self, names), tf.constant(self.preprocess(image))
        )
        return {name: np.asarray(taps[name])[0] for name in names}, scores[0].numpy()

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
        found = self.gradients(self.preprocess(image), direction, [layer_name])
        logit = float(found.scores[0, class_index])
        return found.activations[layer_name][0], found.gradients[layer_name][0], logit

    def gradients(
        self, batch: np.ndarray, directions: np.ndarray, layer_names: Iterable[str]
    ) -> "Slopes":
        """Compute layers and how a weighted sum of logits changes with them, in one pass.

        Parameters
        ----------
        batch : float32 ndarray of shape (N, h, w, C)
            Preprocessed pictures.
        directions : float32 ndarray of shape (N, num_classes)
            For each picture the weights of the logits in that sum.
        layer_names : iterable of str
            Any layers; `PICTURE` stands for the network's input.

        Raises
        ------
        UnknownLayerError
            If there is no such layer.
        AnalysisError
            If no class depends on a layer, or a value is not finite.
        """
        names = tuple(layer_names)
        self._checked(name for name in names if name != PICTURE)
        computed = names if self._is_often_asked(names) else (*self.layer_names, PICTURE)
        activations, gradients, scores = self.compute(
            ("gradient", computed),
            lambda: _gradient(self, computed),
            tf.constant(batch),
            tf.constant(directions, tf.float32),
        )
        for name in names:
            if name not in gradients:
                raise AnalysisError(
                    f"No class of {self.name!r} depends on layer {name!r}. Choose another layer."
                )
        found = Slopes(
            {name: np.asarray(activations[name]) for name in names},
            {name: np.asarray(gradients[name]) for name in names},
            np.asarray(scores),
        )
        for name in names:
            values = (found.activations[name], found.gradients[name], found.scores)
            if not all(np.isfinite(part).all() for part in values):
                raise AnalysisError(
                    f"{self.name!r} gives values that are not numbers at layer {name!r} for this "
                    "picture. Try another picture or layer."
                )
        return found

    def _is_often_asked(self, names: tuple[str, ...]) -> bool:
        """Whether these layers have a function of their own; all others share one for all layers.

        Compiling takes about a second: nobody shall wait for it at every layer they look at.
        """
        often: list[tuple[str, ...]] = [(), (PICTURE,)]
        if any(max(shape[:2]) > 1 for shape in self.map_shapes.values()):
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
        """
        function = self._functions.get(key, make)
        with _HEAVY:
            return function(*args)

    def checked_maps(self, layer_name: str) -> str:
        """Give the name back if the model has such a layer and it has maps.

        Raises
        ------
        UnknownLayerError, InvalidParameterError
        """
        (name,) = self._checked([layer_name])
        if name not in self.map_layer_names:
            raise InvalidParameterError(
                f"Layer {name!r} has no maps: its output is a plain list of numbers."
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


def load_model(
    name_or_path: str | Path, *, on_progress: Callable[[int, int], None] | None = None
) -> LoadedModel:
    """Load a network of the zoo by its name, or a ``.keras`` file by its path.

    The model is kept for the whole process and shared; only the last few are kept. The functions
    for predictions and class evidence are compiled here, so that nobody waits for them later.

    Parameters
    ----------
    name_or_path : str or Path
        A name from `list_models`, or the path of a ``.keras`` file.
    on_progress : callable, optional
        Called with (bytes done, bytes in all) while weights are downloaded.

    Raises
    ------
    ModelLoadError
        If there is no such model or file, or it does not take one picture.
    DownloadError
        If the weights must be downloaded and cannot be.
    """
    guest = _guests.get(str(name_or_path)) or _adopted.get(str(name_or_path))
    if guest is not None:
        return guest
    path = Path(name_or_path)
    version = path.stat().st_mtime_ns if path.is_file() else 0  # a file saved anew is read anew
    return _models.get((str(path), version), lambda: _load(name_or_path, on_progress))


_fingerprints: "WeakKeyDictionary[LoadedModel, str]" = WeakKeyDictionary()  # they never change


def fingerprint(model: LoadedModel) -> str:
    """Give a fingerprint of all weights of a network, 32 hexadecimal digits."""
    if model not in _fingerprints:
        digest = blake2b(digest_size=16)
        for weights in model.keras_model.get_weights():
            digest.update(np.ascontiguousarray(weights).data)
        _fingerprints[model] = digest.hexdigest()
    return _fingerprints[model]


def load_checkpoint(name: str, step: int) -> LoadedModel:
    """Load a network trained here with the weights that it had after some steps of its training.

    Raises
    ------
    ModelLoadError
        If there is no such network.
    InvalidParameterError
        If nothing was kept at this step.
    """

    def load() -> LoadedModel:
        card = zoo.find_card(name)
        keras_model = zoo.build_model(card)
        for layer_name, weights in zoo.checkpoint(name, step).items():
            keras_model.get_layer(layer_name).set_weights(weights)
        return wrap_model(keras_model, card)

    return _models.get((name, "step", step), load)


def load_guest(path: Path, name: str, *, on_wait: Callable[[float], None] | None = None) -> Any:
    """Load a stranger's ``.keras`` file with every precaution, for as long as somebody holds it.

    The file is looked at, then loaded in a process that is thrown away, and only then here.
    `load_model` finds the network by `name` until nobody holds it any more.

    Parameters
    ----------
    path : Path
        May be deleted afterwards.
    name : str
        Must not be that of another network.
    on_wait : callable, optional
        Called with the seconds so far while the file is tried; what it raises ends that.

    Returns
    -------
    LoadedModel

    Raises
    ------
    ModelLoadError
        If the file cannot be used, or too many such networks are in use.
    """
    guest = _guests.get(name)
    if guest is not None:
        return guest
    if len(_guests) >= MAX_GUESTS:
        raise ModelLoadError(
            f"{MAX_GUESTS} networks of visitors are open on this server already. Try again later."
        )
    zoo.check_picture(path, max_unpacked_bytes=MAX_GUEST_BYTES)
    while not _TRIAL.acquire(timeout=0.2):  # one at a time: each may take gigabytes
        if on_wait is not None:
            on_wait(0.0)
    try:
        zoo.try_in_child(path, on_wait=on_wait)
    finally:
        _TRIAL.release()
    keras_model = zoo.load_model_file(path)
    card = replace(zoo.card_for_model(keras_model, name), title=path.stem)
    model = wrap_model(keras_model, card)
    _warm_up(model)
    return _guests.setdefault(name, model)


def adopt(keras_model: Any, card: ModelCard) -> LoadedModel:
    """Let `load_model` find a network that was made here, for as long as somebody holds it.

    Parameters
    ----------
    keras_model : keras.Model
        Nobody else may change it.
    card : ModelCard
        Its name must not be that of another network; of two equal names the first one counts.

    Raises
    ------
    ModelLoadError
        If it cannot be looked at (see `wrap_model`), or too many such networks are held.
    """
    known = _adopted.get(card.name)
    if known is not None:
        return known
    if len(_adopted) >= MAX_ADOPTED:
        raise ModelLoadError(
            f"{MAX_ADOPTED} networks of visitors are open on this server already. Try again later."
        )
    model = wrap_model(keras_model, card)
    _warm_up(model)
    return _adopted.setdefault(card.name, model)


def wrap_model(keras_model: Any, card: ModelCard) -> LoadedModel:
    """Make a network of your own ready to be looked at; it is not changed.

    Raises
    ------
    ModelLoadError
        If it does not take one picture (h, w, 1 or 3), or ends in something else than one list
        of class scores.
    """
    _check_shape(keras_model)
    input_shape = (card.input_height, card.input_width, card.channels)
    batch = tf.TensorSpec((None, *input_shape), tf.float32)
    found: list[Walk] = []
    tf.function(
        lambda x: found.append(walk_through(keras_model, x)), autograph=False
    ).get_concrete_function(batch)
    walk = found[0]
    num_classes = walk.scores.shape[-1]
    return LoadedModel(
        name=card.name,
        card=card,
        keras_model=keras_model,
        class_names=zoo.class_names(card, num_classes),
        input_shape=input_shape,
        layer_shapes={name: tuple(tap.shape[1:]) for name, tap in walk.taps.items()},
        head=walk.head,
        operations=walk.operations,
        layer_inputs=walk.inputs,
    )


def _load(name_or_path: str | Path, on_progress: Callable[[int, int], None] | None) -> LoadedModel:
    path = Path(name_or_path)
    if isinstance(name_or_path, Path) or path.suffix or path.exists():
        keras_model = zoo.load_model_file(path)
        card = zoo.card_for_model(keras_model, path.stem)
    else:
        card = zoo.find_card(str(name_or_path))
        keras_model = zoo.build_model(card, on_progress=on_progress)
    model = wrap_model(keras_model, card)
    _warm_up(model)
    return model


def _warm_up(model: LoadedModel) -> None:
    """Compile what every page asks for first."""
    blank = ImageInput(np.zeros((*model.input_shape[:2], 3), np.uint8), digest="blank")
    model.scores(blank)
    if model.map_layer_names:
        model.activations_and_gradients(blank, model.default_cam_layer, 0)


def _check_shape(keras_model: Any) -> None:
    if graph_of(keras_model) is None:
        raise ModelLoadError(
            "The model must be a Sequential or functional Keras model that has been built: "
            "of a class of its own nobody can list the layers."
        )
    inputs, outputs = keras_model.inputs, keras_model.outputs
    if not inputs or len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ModelLoadError(
            "The model must take one picture (height, width, channels). "
            f"This one takes {[tuple(x.shape) for x in inputs or ()]}."
        )
    if inputs[0].shape[-1] not in (1, 3):
        raise ModelLoadError(
            f"The model must take pictures with 1 or 3 channels, not {inputs[0].shape[-1]}."
        )
    if len(outputs) != 1:
        raise ModelLoadError(
            f"The model must have one output, the class scores; this one has {len(outputs)}."
        )


def _forward(model: LoadedModel, names: tuple[str, ...]) -> Callable[..., Any]:
    def forward(batch: Any) -> Any:
        walk = walk_through(model.keras_model, batch)
        return {name: walk.taps[name] for name in names}, walk.scores

    return compiled(forward, tf.TensorSpec((None, *model.input_shape), tf.float32))


def _gradient(model: LoadedModel, names: tuple[str, ...]) -> Callable[..., Any]:
    def gradient(batch: Any, directions: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(batch)  # before the forward pass; afterwards there would be no gradient
            scores = (walk := walk_through(model.keras_model, batch)).scores
            weighted = tf.reduce_sum(scores * directions, axis=1)
        taps = {name: batch if name == PICTURE else walk.taps[name] for name in names}
        found = tape.gradient(weighted, taps)
        gradients = {name: slope for name, slope in found.items() if slope is not None}
        return taps, gradients, scores

    batch = tf.TensorSpec((None, *model.input_shape), tf.float32)
    directions = tf.TensorSpec((None, len(model.class_names)), tf.float32)
    return compiled(gradient, batch, directions)


_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function, *signature: Any) -> Callable[..., Any]:
    """Trace now, so that the first caller pays and everybody after is fast."""
    return tf.function(function, autograph=False).get_concrete_function(*signature)
