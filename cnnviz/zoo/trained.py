"""Networks trained here: a ``.keras`` file, its card, its history and perhaps checkpoints."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz import paths
from cnnviz.arrays import frozen_arrays
from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.zoo.cards import UNIT, ModelCard, Preprocessing
from cnnviz.zoo.frozen_base import frozen_part, joined
from cnnviz.zoo.published.offers import build_published, published_card
from cnnviz.zoo.reference import plain_name
from cnnviz.zoo.user_models.model_files import load_model_file

if TYPE_CHECKING:
    import keras


_NEW_KEYS = {  # of cards that an earlier version wrote
    "most_pictures": "most_images",
    "num_training_pictures": "num_training_images",
    "num_held_out_pictures": "num_test_images",
    "held_out_accuracy": "test_accuracy",
    "licence": "license",
}


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(confusion=np.int64)
class TrainingRecord:
    """How a network came about and what it can do.

    Attributes
    ----------
    accuracy : float
        Share of the test images that it classifies correctly.
    confusion : int64 ndarray of shape (num_classes, num_classes)
        Held-out images: a row for each true class, a column for each predicted class.
    examples : dict
        For (true class, predicted class) positions of a few such images in the test set.
    class_names : tuple of str
    history : dict of float64 ndarray of shape (epochs,)
        ``loss``, ``accuracy``, ``val_loss``, ``val_accuracy`` and ``seconds`` of every epoch.
    facts : dict
        Everything else on the card: data, augmentation, command, seed, versions and so on.
    """

    accuracy: float
    confusion: np.ndarray
    examples: Mapping[tuple[int, int], tuple[int, ...]]
    class_names: tuple[str, ...]
    history: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]


@lru_cache(maxsize=4)
def trained_cards(folder: Path, version: str = "") -> tuple[ModelCard, ...]:
    """Read the cards of all networks in a folder, in the order of their names.

    `version` is the cache's key to their content, as from `folder_version`.

    Raises
    ------
    ModelLoadError
        If a card cannot be read or lacks something.
    """
    return tuple(
        trained_card(path)
        for path in sorted(folder.glob("*.json"), key=lambda path: path.stem)
        if "." not in path.stem
    )


def folder_version(folder: Path) -> str:
    """Say when the cards of a folder were last changed."""
    return repr([(path.name, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.json"))])


def own_folder() -> Path | None:
    """Name the folder of the user's own networks; None if ``CNNVIZ_MODELS_DIR`` names none."""
    chosen = os.environ.get("CNNVIZ_MODELS_DIR")
    return Path(chosen).expanduser() if chosen else None


def was_trained(path: Path) -> bool:
    """Whether a recipe wrote the card of this ``.keras`` or ``.json`` file."""
    try:
        told = json.loads(path.with_suffix(".json").read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and "sha256" in told


def has_training_record(name: str) -> bool:
    """Whether a network was trained by a recipe and left its card in one of the two folders."""
    return was_trained(_home(name) / f"{plain_name(name)}.json")


def _home(name: str) -> Path:
    """Find the folder of a network: the one that comes with cnnviz, or the user's own."""
    name = plain_name(name)
    own = own_folder()
    is_own = own is not None and not (paths.MODELS / f"{name}.json").is_file()
    return own if own is not None and is_own else paths.MODELS


def training_record(name: str, folder: Path | None = None) -> TrainingRecord:
    """Read how a network was trained; without a folder both are searched.

    Raises
    ------
    ModelLoadError
        If its card or its history is missing or cannot be read.
    """
    folder, name = folder or _home(name), plain_name(name)
    facts = _read_json(folder / f"{name}.json")
    epochs = _read_json(folder / f"{name}.history.json")
    try:
        examples = {
            (int(cell.split("-")[0]), int(cell.split("-")[1])): tuple(places)
            for cell, places in facts.pop("examples").items()
        }
        history = {key: np.array([epoch[key] for epoch in epochs]) for key in epochs[0]}
        confusion, names = np.array(facts.pop("confusion")), tuple(facts["class_names"])
        accuracy = facts["test_accuracy"]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise _unreadable(folder / f"{name}.json", error) from error
    return TrainingRecord(accuracy, confusion, examples, names, history, facts)


def build(card: ModelCard, folder: Path) -> "keras.Model":
    """Load the network of a card; its file must be the one that the card was written for.

    Of a transfer the file holds the trained part only: the base is built and joined to it.

    Raises
    ------
    ModelLoadError
        If the file is missing or another one.
    DownloadError
        If the base must be downloaded and cannot be.
    """
    path = folder / f"{card.name}.keras"
    facts = _read_json(folder / f"{card.name}.json")
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
        raise ModelLoadError(
            f"{path.name} is not the file that its card describes. Train it again: "
            f"python -m cnnviz train {card.name}.",
            path=path,
        )
    model = load_model_file(path)
    if facts["base"] is None:
        return model
    full = build_published(published_card(facts["base"]["model"]))
    return joined(frozen_part(full, facts["base"]["layer"], facts["base"]["size_px"]), model)


def checkpoints_folder(folder: Path, name: str) -> Path:
    """Say where the weights are that a network had on the way."""
    return folder / f"{plain_name(name)}.checkpoints"


def checkpoint_steps(name: str, folder: Path | None = None) -> tuple[int, ...]:
    """List the training steps at which a network's weights were kept; step 0 is before the first.

    Empty if none were.
    """
    kept = checkpoints_folder(folder or _home(name), name).glob("*.npz")
    return tuple(sorted(int(path.stem) for path in kept))


def kernel_fits_path(name: str) -> Path:
    """Say where Gabor fits to a network's first kernels lie, if somebody kept them."""
    return _home(name) / f"{plain_name(name)}.fits.npz"


def checkpoint(name: str, step: int, folder: Path | None = None) -> dict[str, list[np.ndarray]]:
    """Read the weights that a network had after a number of steps.

    Returns
    -------
    dict
        For each layer its arrays in Keras' order, float32; they were kept in half precision.

    Raises
    ------
    InvalidParameterError
        If nothing was kept at this step; the message lists the steps there are.
    """
    folder = folder or _home(name)
    steps = checkpoint_steps(name, folder)
    if step not in steps:
        raise InvalidParameterError(
            f"{name!r} has no weights of step {step}. Choose one of: {', '.join(map(str, steps))}."
        )
    weights: dict[str, list[np.ndarray]] = {}
    path = checkpoints_folder(folder, name) / f"{step:06d}.npz"
    with np.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:  # a layer's arrays stand in their order
            weights.setdefault(key.rsplit("/", 1)[0], []).append(arrays[key].astype(np.float32))
    return weights


def trained_card(path: Path) -> ModelCard:
    """Read one card; errors as in `trained_cards`."""
    facts = _read_json(path)
    try:
        height, width, channels = facts["input_shape"]
        share = f"{facts['test_accuracy']:.1%} of {facts['num_test_images']:,}"
        return ModelCard(
            name=facts["name"],
            title=facts["title"],
            summary=f"{facts['summary']} Correct on {share} test images.",
            num_parameters=facts["num_parameters"],
            input_height=height,
            input_width=width,
            channels=channels,
            preprocessing=_preprocessing(facts["base"]),
            labels=tuple(facts["class_names"]),
            year=int(facts["date"][:4]),
            license=facts["license"],
            origin=f"Trained here ({facts['command']}) on: {facts['data_origin']}",
        )
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, error) from error


def _preprocessing(base: Mapping[str, Any] | None) -> Preprocessing:
    return published_card(base["model"]).preprocessing if base else UNIT


def _read_json(path: Path) -> Any:
    try:
        told = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    return {_NEW_KEYS.get(key, key): told[key] for key in told} if isinstance(told, dict) else told


def _unreadable(path: Path, error: Exception) -> ModelLoadError:
    return ModelLoadError(
        f"The card {path.name} cannot be read: {error!r}. Train the network again.", path=path
    )
