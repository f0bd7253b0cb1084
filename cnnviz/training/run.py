"""Follow a recipe: epoch after epoch, resumable, and the same again for the same seed."""

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import tensorflow as tf

from cnnviz import zoo
from cnnviz.datasets import LabelledImages
from cnnviz.downloads import write_atomically
from cnnviz.errors import ModelLoadError
from cnnviz.training.augmentation import augmentation_layers
from cnnviz.training.recipes import DATA, Recipe
from cnnviz.zoo import trained
from cnnviz.zoo.architectures import build_architecture
from cnnviz.zoo.cards import UNIT, Preprocessing
from cnnviz.zoo.transfer import frozen_part

EARLY_STEPS = (0, 30, 100, 300, 1000)  # checkpoints while most happens
LATER_CHECKPOINTS = 6  # spread evenly over the rest, the last one at the end
EXAMPLES_A_CELL = 8
REPEATABILITY = (
    "The same seed gives the same weights to the bit on the same processor with the same number of "
    "threads and the same versions; elsewhere figures differ by a few tenths of a percent."
)

Report = Callable[[int, int, dict[str, float]], None]  # epochs done, epochs in all, figures


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How well a network does on held-out pictures.

    `confusion` is int64 (num_classes, num_classes): a row for each true class, a column for each
    answer. `answers` is int64 (N,): what the network said to each picture.
    """

    accuracy: float
    confusion: np.ndarray
    answers: np.ndarray


def train(recipe: Recipe, folder: Path, *, on_epoch: Report | None = None) -> Path:
    """Train a network and leave it with its card and history in `folder`.

    After each epoch the whole state is written; a run that was interrupted goes on there and ends
    with the same weights as one that was not. The order of the pictures and their augmentation
    follow from seed and epoch alone. On a frozen base without augmentation the maps are computed
    once. Trained weights are rounded to half precision at the end, so that files stay small; all
    figures on the card are those of the rounded network.

    Parameters
    ----------
    recipe : Recipe
    folder : Path
        Gets ``NAME.keras``, ``NAME.json`` (card) and ``NAME.history.json``, and
        ``NAME.checkpoints/`` where the recipe asks for them.
    on_epoch : callable, optional
        Called after each epoch with (epochs done, epochs in all, figures of this epoch). What it
        raises ends the run after what was done is safe.

    Returns
    -------
    Path
        The ``.keras`` file: with a base, of the part that was trained.

    Raises
    ------
    DatasetError
        If the data are not there.
    ModelLoadError
        If the network to start from has not been trained yet.
    DownloadError
        If the weights of the base are not here and cannot be downloaded.
    """
    training, validation = DATA[recipe.data]("train"), DATA[recipe.data](recipe.validation)
    stream = _Stream(recipe, training)
    measured = _Stream(recipe, validation, is_training=False).epoch(0)
    state = folder / f".{recipe.name}.state.keras"
    history_path = folder / f"{recipe.name}.history.json"
    num_steps = recipe.epochs * stream.steps_an_epoch
    resumed = _resumed(state, history_path, stream.steps_an_epoch)
    model, history = resumed or (_started(recipe, num_steps, folder), [])
    watchers = [_Checkpoints(recipe, folder, num_steps)] if recipe.keeps_checkpoints else []
    for epoch in range(len(history), recipe.epochs):
        started = time.monotonic()
        _reseed(model, recipe.seed, epoch)
        fitted = model.fit(
            stream.epoch(epoch),
            shuffle=False,  # the stream does that
            validation_data=measured,
            callbacks=watchers,
            verbose=0,
        )
        figures = {name: float(values[0]) for name, values in fitted.history.items()}
        history.append(figures | {"seconds": round(time.monotonic() - started, 1)})
        _write_json(history_path, history)  # first: a line too many is forgotten, see _resumed
        _write_model(state, model)
        if on_epoch is not None:
            on_epoch(epoch + 1, recipe.epochs, figures)
    path = folder / f"{recipe.name}.keras"
    _write_model(path, _finished(recipe, model))
    card = _card(recipe, path, training, sum(figures["seconds"] for figures in history))
    _write_json(folder / f"{recipe.name}.json", card)
    state.unlink(missing_ok=True)
    return path


def evaluate(recipe: Recipe, folder: Path) -> Evaluation:
    """Measure a network on the held-out pictures of its recipe, from its file.

    Raises
    ------
    DatasetError, ModelLoadError, DownloadError
        If the data, the file or the weights of the base are not there.
    """
    held_out = DATA[recipe.data]("test")
    model = zoo.load_model_file(folder / f"{recipe.name}.keras")
    outputs = model.predict(_Stream(recipe, held_out, is_training=False).epoch(0), verbose=0)
    answers = outputs.argmax(axis=1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0.5).astype(int)
    confusion = np.zeros((len(held_out.class_names),) * 2, np.int64)
    np.add.at(confusion, (held_out.labels, answers), 1)
    return Evaluation(float(np.mean(answers == held_out.labels)), confusion, answers)


class _Stream:
    """Batches of what a recipe's network takes: scaled pictures, or the maps of its base."""

    def __init__(
        self, recipe: Recipe, pictures: LabelledImages, *, is_training: bool = True
    ) -> None:
        images = pictures.images if pictures.images.ndim == 4 else pictures.images[..., np.newaxis]
        self._recipe, self._is_training = recipe, is_training
        self._changes = is_training and recipe.augmentation.changes_anything
        self._batch_size = recipe.batch_size
        self.steps_an_epoch = -(-len(images) // recipe.batch_size)
        self._base: Any = None
        scale: Preprocessing = UNIT
        if recipe.base:
            card = zoo.find_card(recipe.base.model)
            full = zoo.build_model(card)
            self._base = frozen_part(full, recipe.base.layer, recipe.base.size_px)
            scale = card.preprocessing
        self._mean, self._std = np.array(scale.mean, np.float32), np.array(scale.std, np.float32)
        self._is_bgr = scale.is_bgr
        inputs = tf.constant(images)
        if self._base is not None and not self._changes:
            inputs = self._maps(inputs)
        self._inputs, self._labels = inputs, tf.constant(pictures.labels)

    def epoch(self, number: int) -> Any:
        """Give one epoch; its order and its changes follow from the seed and its number."""
        order: np.ndarray = np.arange(len(self._labels))
        if self._is_training:
            order = np.random.default_rng([self._recipe.seed, number]).permutation(order)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(self._batch_size)
        is_raw = self._inputs.dtype == tf.uint8
        seed = _mixed(self._recipe.seed, number)
        changes = augmentation_layers(self._recipe.augmentation, seed) if self._changes else None

        def prepared(chosen: Any) -> Any:
            inputs, labels = tf.gather(self._inputs, chosen), tf.gather(self._labels, chosen)
            return (self._prepared(inputs, changes) if is_raw else inputs), labels

        return batches.map(prepared).prefetch(2)

    def _prepared(self, images: Any, changes: Any) -> Any:
        images = tf.cast(images, tf.float32)
        if changes is not None:
            images = changes(images, training=True)
        images = images[..., ::-1] if self._is_bgr else images
        images = (images - self._mean) / self._std
        return images if self._base is None else self._base(images, training=False)

    def _maps(self, images: Any) -> Any:
        """Run all pictures through the base, once."""
        compiled = tf.function(lambda batch: self._prepared(batch, None))
        starts = range(0, len(images), 50)
        return tf.concat([compiled(images[start : start + 50]) for start in starts], axis=0)


class _Checkpoints(keras.callbacks.Callback):
    """Keep the weights in half precision at certain steps."""

    def __init__(self, recipe: Recipe, folder: Path, num_steps: int) -> None:
        super().__init__()
        self._folder = trained.checkpoints_folder(folder, recipe.name)
        self._steps = checkpoint_steps(num_steps)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if int(self.model.optimizer.iterations) == 0:
            self._keep(0)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = int(self.model.optimizer.iterations)
        if step in self._steps:
            self._keep(step)

    def _keep(self, step: int) -> None:
        archive = BytesIO()
        weights = {
            f"{layer.name}/{i}": array.astype(np.float16)
            for layer in self.model.layers
            for i, array in enumerate(layer.get_weights())
        }
        np.savez_compressed(archive, **weights)
        self._folder.mkdir(parents=True, exist_ok=True)
        _write_bytes(self._folder / f"{step:06d}.npz", archive.getvalue())


def checkpoint_steps(num_steps: int) -> tuple[int, ...]:
    """Choose the steps at which weights are kept, for a run of `num_steps`.

    Examples
    --------
    >>> checkpoint_steps(5000)
    (0, 30, 100, 300, 1000, 1667, 2333, 3000, 3667, 4333, 5000)
    """
    early = [step for step in EARLY_STEPS if step < num_steps]
    later = np.linspace(early[-1], num_steps, LATER_CHECKPOINTS + 1)[1:]
    return tuple(sorted({*early, *(round(float(step)) for step in later)}))


def _examples(result: Evaluation, labels: np.ndarray) -> dict[str, list[int]]:
    """Give positions of a few held-out pictures for each cell of the confusion matrix."""
    return {
        f"{true}-{answer}": np.flatnonzero((labels == true) & (result.answers == answer))[
            :EXAMPLES_A_CELL
        ].tolist()
        for true, answer in np.argwhere(result.confusion)
    }


def _mixed(seed: int, epoch: int) -> int:
    return int(np.random.default_rng([seed, epoch]).integers(2**31))


def _reseed(model: keras.Model, seed: int, epoch: int) -> None:
    """Let dropout follow from seed and epoch alone, also after an interruption."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Dropout):
            layer.seed_generator.state.assign([_mixed(seed, epoch), 0])


def _started(recipe: Recipe, num_steps: int, folder: Path) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    model = build_architecture(recipe.architecture)
    if recipe.base:
        _copy_weights(model, zoo.build_model(zoo.find_card(recipe.base.model)))
    if recipe.starts_from:
        _copy_weights(model, zoo.load_model_file(_first_of(recipe, folder)))
    rate: Any = recipe.learning_rate
    if recipe.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(rate, num_steps)
    optimizer = {"adam": keras.optimizers.Adam, "rmsprop": keras.optimizers.RMSprop}
    loss = "binary" if model.output_shape[-1] == 1 else "sparse_categorical"
    model.compile(optimizer[recipe.optimizer](rate), f"{loss}_crossentropy", metrics=["accuracy"])
    return model


def _first_of(recipe: Recipe, folder: Path) -> Path:
    path = folder / f"{recipe.starts_from}.keras"
    if not path.is_file():
        raise ModelLoadError(
            f"{recipe.name} goes on from {recipe.starts_from}, which is not in {folder}. Train "
            f"that first: python -m cnnviz train {recipe.starts_from}.",
            path=path,
        )
    return path


def _copy_weights(model: keras.Model, other: keras.Model) -> None:
    """Take over the weights of layers that both networks have, by name."""
    sources = {layer.name: layer for layer in other.layers}
    for layer in model.layers:
        if layer.name in sources and layer.weights:
            layer.set_weights(sources[layer.name].get_weights())


def _resumed(
    state: Path, history_path: Path, steps_an_epoch: int
) -> tuple[keras.Model, list[dict]] | None:
    """Find where an interrupted run stopped; a state that cannot be read starts anew.

    The state counts: a power cut between history and state leaves a line of the history too many.
    """
    try:
        history = json.loads(history_path.read_text())
        model = keras.saving.load_model(state, safe_mode=True)
    except (OSError, ValueError):
        return None
    epochs, rest = divmod(int(model.optimizer.iterations), steps_an_epoch)
    return (model, history[:epochs]) if not rest and epochs <= len(history) else None


def _finished(recipe: Recipe, model: keras.Model) -> keras.Model:
    """Leave the optimiser behind and round what was trained; what was frozen stays to the bit."""
    bare = build_architecture(recipe.architecture)
    bare.set_weights(model.get_weights())
    for weight in bare.trainable_weights:
        weight.assign(np.asarray(weight).astype(np.float16))
    return bare


def _write_model(path: Path, model: keras.Model) -> None:
    """Write a `.keras` file anew with its parts compressed: rounded weights take half the space."""
    packed = BytesIO()
    part = path.with_name(f".part.{path.name}")
    model.save(part)
    with zipfile.ZipFile(part) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name), zipfile.ZIP_DEFLATED)
    _write_bytes(path, packed.getvalue())
    part.unlink()


def _write_bytes(path: Path, content: bytes) -> None:
    def write(file: BinaryIO) -> None:
        file.write(content)

    write_atomically(path, write)


def _write_json(path: Path, content: Any) -> None:
    _write_bytes(path, json.dumps(content, indent=1).encode())


def _card(recipe: Recipe, path: Path, training: LabelledImages, seconds: float) -> dict[str, Any]:
    model = zoo.load_model_file(path)
    held_out = DATA[recipe.data]("test")
    result = evaluate(recipe, path.parent)
    num_parameters = model.count_params()
    if recipe.base:
        full = zoo.build_model(zoo.find_card(recipe.base.model))
        num_parameters += frozen_part(full, recipe.base.layer, recipe.base.size_px).count_params()
    trained_weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {
        **asdict(recipe),
        "num_parameters": num_parameters,
        "num_trained_parameters": trained_weights,
        "input_shape": [*training.images.shape[1:3], 1 if training.images.ndim == 3 else 3],
        "class_names": list(held_out.class_names),
        "data_title": held_out.title,
        "data_origin": held_out.origin,
        "num_training_pictures": len(training.labels),
        "num_held_out_pictures": len(held_out.labels),
        "held_out_accuracy": result.accuracy,
        "confusion": result.confusion.tolist(),
        "examples": _examples(result, held_out.labels),
        "training_seconds": round(seconds),
        "command": f"python -m cnnviz train {recipe.name}",
        "repeatability": REPEATABILITY,
        "versions": {name: version(name) for name in ("keras", "numpy")}
        | {"tensorflow": tf.__version__},
        "date": datetime.now(UTC).date().isoformat(),
        "licence": "MIT",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
