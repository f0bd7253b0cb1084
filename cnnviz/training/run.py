"""Follow a recipe: epoch after epoch, resumable, and the same again for the same seed."""

import hashlib
import json
import os
import time
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras
import tensorflow as tf

from cnnviz import paths, zoo
from cnnviz.datasets import LabeledImages, data_set
from cnnviz.errors import ModelLoadError
from cnnviz.files import write_atomically
from cnnviz.training.epochs import (
    Evaluation,
    Stream,
    compile_model,
    count_predictions,
    fit_epoch,
)
from cnnviz.training.recipes import Recipe, training_images
from cnnviz.zoo import trained
from cnnviz.zoo.architectures import build_architecture
from cnnviz.zoo.frozen_base import frozen_part

EARLY_STEPS = (0, 30, 100, 300, 1000)  # checkpoints while most happens
LATER_CHECKPOINTS = 6  # spread evenly over the rest, the last one at the end
EXAMPLES_A_CELL = 8
REPEATABILITY = (
    "The same seed gives the same weights to the bit on the same processor with the same number of "
    "threads and the same versions; elsewhere figures differ by a few tenths of a percent."
)

Report = Callable[[int, int, dict[str, float]], None]  # epochs done, epochs in all, figures


def train(recipe: Recipe, folder: Path, *, on_epoch: Report | None = None) -> Path:
    """Train a network and leave it with its card and history in `folder`.

    After each epoch the whole state is written; a run that was interrupted goes on there and ends
    with the same weights as one that was not. The order of the images and their augmentation
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
    training, validation = training_images(recipe), data_set(recipe.data).load(recipe.validation)
    stream = Stream(recipe, training)
    measured = Stream(recipe, validation, is_training=False).epoch(0)
    state = folder / f".{recipe.name}.state.keras"
    history_path = folder / f"{recipe.name}.history.json"
    num_steps = recipe.epochs * stream.steps_an_epoch
    resumed = _resumed(state, history_path, stream.steps_an_epoch)
    model, history = resumed or (_started(recipe, num_steps, folder), [])
    watchers: list[keras.callbacks.Callback] = []
    if recipe.keeps_checkpoints:
        watchers.append(_Checkpoints(recipe, folder, num_steps))
    for epoch in range(len(history), recipe.epochs):
        started = time.monotonic()
        figures = fit_epoch(model, stream, measured, epoch, watchers)
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
    """Measure a network on the test images of its recipe, from its file.

    Raises
    ------
    DatasetError, ModelLoadError, DownloadError
        If the data, the file or the weights of the base are not there.
    """
    test_set = data_set(recipe.data).load("test")
    model = zoo.load_model_file(folder / f"{recipe.name}.keras")
    outputs = model.predict(Stream(recipe, test_set, is_training=False).epoch(0), verbose=0)
    return count_predictions(outputs, test_set)


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
    """Return positions of a few test images for each cell of the confusion matrix."""
    return {
        f"{true}-{prediction}": np.flatnonzero(
            (labels == true) & (result.predictions == prediction)
        )[:EXAMPLES_A_CELL].tolist()
        for true, prediction in np.argwhere(result.confusion)
    }


def _started(recipe: Recipe, num_steps: int, folder: Path) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    model = build_architecture(recipe.architecture)
    if recipe.base:
        _copy_weights(model, zoo.build_model(zoo.find_card(recipe.base.model)))
    if recipe.starts_from:
        _copy_weights(model, zoo.load_model_file(_first_of(recipe, folder)))
    compile_model(model, recipe, num_steps)
    return model


def _first_of(recipe: Recipe, folder: Path) -> Path:
    path = folder / f"{recipe.starts_from}.keras"
    if folder == paths.NEW_MODELS and not path.is_file():
        path = paths.MODELS / path.name  # of an installed package
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
    """Leave the optimizer behind and round what was trained; what was frozen stays to the bit."""
    bare = build_architecture(recipe.architecture)
    bare.set_weights(model.get_weights())
    for weight in bare.trainable_weights:
        weight.assign(np.asarray(weight).astype(np.float16))
    return bare


def _write_model(path: Path, model: keras.Model) -> None:
    part = path.with_name(f".part.{path.name}")
    _write_bytes(path, packed(model, part))


def packed(model: keras.Model, part: Path) -> bytes:
    """Make a `.keras` file with its parts compressed: rounded weights take half the space.

    `part` is a file, ending in ``.keras``, that Keras may write to; it is gone afterwards.
    """
    content = BytesIO()
    model.save(part)
    with zipfile.ZipFile(part) as source, zipfile.ZipFile(content, "w") as target:
        for name in source.namelist():
            whole = source.read(name)
            small = shuffled(whole) if name.endswith(".h5") else whole
            target.writestr(name, small, zipfile.ZIP_DEFLATED)
    part.unlink()
    return content.getvalue()


def shuffled(content: bytes) -> bytes:
    """Write an HDF5 file anew with the bytes of all numbers sorted by place, then compressed.

    The last bytes of rounded numbers are zeros, the first ones alike: beside each other they take
    an eighth less space. Every HDF5 library reads it as before.
    """
    written = BytesIO()

    def copy(source: h5py.Group, target: h5py.Group) -> None:
        target.attrs.update(source.attrs)
        for name, item in source.items():
            if isinstance(item, h5py.Group):
                copy(item, target.create_group(name))
                continue
            how = {"shuffle": True, "compression": "gzip"} if item.shape else {}
            target.create_dataset(name, data=item[()], **how).attrs.update(item.attrs)

    with h5py.File(BytesIO(content)) as source, h5py.File(written, "w") as target:
        copy(source, target)
    return written.getvalue()


def _write_bytes(path: Path, content: bytes) -> None:
    def write(file: BinaryIO) -> None:
        file.write(content)

    write_atomically(path, write)


def _write_json(path: Path, content: Any) -> None:
    _write_bytes(path, written(content))


def written(content: Any) -> bytes:
    """Write cards and histories the way they are read."""
    return json.dumps(content, indent=1).encode()


def _card(recipe: Recipe, path: Path, training: LabeledImages, seconds: float) -> dict[str, Any]:
    model = zoo.load_model_file(path)
    test_set = data_set(recipe.data).load("test")
    facts = card_facts(recipe, model, training, test_set, evaluate(recipe, path.parent))
    if recipe.base:
        full = zoo.build_model(zoo.find_card(recipe.base.model))
        base = frozen_part(full, recipe.base.layer, recipe.base.size_px)
        facts["num_parameters"] += base.count_params()
    return facts | {
        "training_seconds": round(seconds),
        "command": f"python -m cnnviz train {recipe.name}",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


def card_facts(
    recipe: Recipe,
    model: keras.Model,
    training: LabeledImages,
    test_set: LabeledImages,
    result: Evaluation,
) -> dict[str, Any]:
    """Say how a network came about and what it can do, all but the file and the time it took."""
    trained_weights = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    return {
        **asdict(recipe),
        "num_parameters": model.count_params(),
        "num_trained_parameters": trained_weights,
        "input_shape": [*training.images.shape[1:3], 1 if training.images.ndim == 3 else 3],
        "class_names": list(test_set.class_names),
        "data_title": test_set.title,
        "data_origin": test_set.origin,
        "num_training_images": len(training.labels),
        "num_test_images": len(test_set.labels),
        "test_accuracy": result.accuracy,
        "confusion": result.confusion.tolist(),
        "examples": _examples(result, test_set.labels),
        "repeatability": REPEATABILITY,
        "versions": {name: version(name) for name in ("keras", "numpy")}
        | {"tensorflow": tf.__version__},
        "date": datetime.now(UTC).date().isoformat(),
        "license": "MIT",
    }
