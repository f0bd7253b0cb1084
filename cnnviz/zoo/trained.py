"""Networks trained here: a ``.keras`` file and a card beside it, in ``models/``."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.cards import UNIT, ModelCard

if TYPE_CHECKING:
    import keras

MODELS_FOLDER = Path(__file__).parents[2] / "models"


@lru_cache(maxsize=4)
def trained_cards(folder: Path) -> tuple[ModelCard, ...]:
    """Read the cards of all networks in a folder, in the order of their names.

    Raises
    ------
    ModelLoadError
        If a card cannot be read or lacks something.
    """
    return tuple(_card(path) for path in sorted(folder.glob("*.json")) if "." not in path.stem)


def build(card: ModelCard, folder: Path) -> "keras.Model":
    """Load the network of a card; its file must be the one that the card was written for.

    Raises
    ------
    ModelLoadError
        If the file is missing or another one.
    """
    from cnnviz.zoo.model_files import load_model_file

    path = folder / f"{card.name}.keras"
    expected = json.loads((folder / f"{card.name}.json").read_text())["sha256"]
    if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() != expected:
        raise ModelLoadError(
            f"{path.name} is not the file that its card describes. Train it again: "
            f"python -m cnnviz train {card.name}.",
            path=path,
        )
    return load_model_file(path)


def _card(path: Path) -> ModelCard:
    try:
        facts = json.loads(path.read_text())
        height, width, channels = facts["input_shape"]
        share = f"{facts['held_out_accuracy']:.1%} of {facts['num_held_out_pictures']:,}"
        return ModelCard(
            name=facts["name"],
            title=facts["title"],
            summary=f"{facts['summary']} Right for {share} held-out pictures.",
            num_parameters=facts["num_parameters"],
            input_height=height,
            input_width=width,
            channels=channels,
            preprocessing=UNIT,
            labels=tuple(facts["class_names"]),
            year=int(facts["date"][:4]),
            licence=facts["licence"],
            origin=f"Trained here ({facts['command']}) on: {facts['data_origin']}",
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelLoadError(
            f"The card {path.name} cannot be read: {error}. Train the network again.", path=path
        ) from error
