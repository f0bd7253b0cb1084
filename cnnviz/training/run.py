"""Follow a recipe: epoch after epoch, resumable, and the same again for the same seed."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import keras

from cnnviz.datasets import LabelledImages
from cnnviz.downloads import write_atomically
from cnnviz.training.recipes import DATA, Recipe
from cnnviz.zoo.architectures import build_architecture

Report = Callable[[int, int, dict[str, float]], None]  # epochs done, epochs in all, figures


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """How well a network does on held-out pictures.

    `confusion` is int64 (num_classes, num_classes): a row for each true class, a column for each
    answer.
    """

    accuracy: float
    confusion: np.ndarray


def train(recipe: Recipe, folder: Path, *, on_epoch: Report | None = None) -> Path:
    """Train a network and leave it with its card and history in `folder`.

    After each epoch the whole state is written; a run that was interrupted goes on there and ends
    with the same weights as one that was not. The order of the pictures follows from seed and
    epoch alone.

    Parameters
    ----------
    recipe : Recipe
    folder : Path
        Gets ``NAME.keras``, ``NAME.json`` (card) and ``NAME.history.json``.
    on_epoch : callable, optional
        Called after each epoch with (epochs done, epochs in all, figures of this epoch). What it
        raises ends the run after what was done is safe.

    Returns
    -------
    Path
        The ``.keras`` file.

    Raises
    ------
    DatasetError
        If the data are not there.
    """
    training, held_out = DATA[recipe.data]("train"), DATA[recipe.data]("test")
    images, labels = as_batch(training), training.labels
    test_images, test_labels = as_batch(held_out), held_out.labels
    state = folder / f".{recipe.name}.state.keras"
    history_path = folder / f"{recipe.name}.history.json"
    model, history = _resumed(state, history_path) or (_started(recipe, len(images)), [])
    for epoch in range(len(history), recipe.epochs):
        order = np.random.default_rng([recipe.seed, epoch]).permutation(len(images))
        fitted = model.fit(
            images[order],
            labels[order],
            batch_size=recipe.batch_size,
            shuffle=False,
            validation_data=(test_images, test_labels),
            verbose=0,
        )
        history.append({name: float(values[0]) for name, values in fitted.history.items()})
        _write_json(history_path, history)
        _write_model(state, model)
        if on_epoch is not None:
            on_epoch(epoch + 1, recipe.epochs, history[-1])
    path = folder / f"{recipe.name}.keras"
    _write_model(path, _without_optimizer(recipe, model))
    _write_json(folder / f"{recipe.name}.json", _card(recipe, path, training, held_out))
    state.unlink(missing_ok=True)
    return path


def evaluate(path: Path, data: str) -> Evaluation:
    """Measure a network on the held-out pictures of a data set, from its file."""
    held_out = DATA[data]("test")
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    answers = model.predict(as_batch(held_out), batch_size=256, verbose=0).argmax(axis=1)
    confusion = np.zeros((len(held_out.class_names),) * 2, np.int64)
    np.add.at(confusion, (held_out.labels, answers), 1)
    return Evaluation(float(np.mean(answers == held_out.labels)), confusion)


def as_batch(pictures: LabelledImages) -> np.ndarray:
    """Scale pictures to 0..1 as float32 (N, h, w, C)."""
    images = pictures.images if pictures.images.ndim == 4 else pictures.images[..., np.newaxis]
    return images.astype(np.float32) / 255


def _started(recipe: Recipe, num_images: int) -> keras.Model:
    keras.utils.set_random_seed(recipe.seed)
    model = build_architecture(recipe.architecture)
    num_steps = recipe.epochs * -(-num_images // recipe.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(recipe.learning_rate, num_steps)
    model.compile(
        keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def _resumed(state: Path, history_path: Path) -> tuple[keras.Model, list[dict]] | None:
    """Find where an interrupted run stopped; a state that cannot be read starts anew."""
    try:
        history = json.loads(history_path.read_text())
        model = keras.saving.load_model(state, safe_mode=True)
    except (OSError, ValueError):
        return None
    steps_an_epoch = int(model.optimizer.iterations) / max(len(history), 1)
    return (model, history) if steps_an_epoch.is_integer() else None


def _without_optimizer(recipe: Recipe, model: keras.Model) -> keras.Model:
    bare = build_architecture(recipe.architecture)
    bare.set_weights(model.get_weights())
    return bare


def _write_model(path: Path, model: keras.Model) -> None:
    """Keras writes by name, so the finished file is moved into place."""
    part = path.with_name(f".part.{path.name}")
    model.save(part)
    part.replace(path)


def _write_json(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1).encode()

    def write(file: BinaryIO) -> None:
        file.write(text)

    write_atomically(path, write)


def _card(
    recipe: Recipe, path: Path, training: LabelledImages, held_out: LabelledImages
) -> dict[str, Any]:
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    result = evaluate(path, recipe.data)
    return {
        **asdict(recipe),
        "num_parameters": model.count_params(),
        "input_shape": [*training.images.shape[1:3], model.inputs[0].shape[-1]],
        "class_names": list(held_out.class_names),
        "data_origin": held_out.origin,
        "num_training_pictures": len(training.labels),
        "num_held_out_pictures": len(held_out.labels),
        "held_out_accuracy": result.accuracy,
        "confusion": result.confusion.tolist(),
        "command": f"python -m cnnviz train {recipe.name}",
        "versions": {name: version(name) for name in ("keras", "numpy")},
        "date": datetime.now(UTC).date().isoformat(),
        "licence": "MIT",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
