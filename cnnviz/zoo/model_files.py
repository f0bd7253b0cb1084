"""Networks that somebody made: ``.keras`` files, and cards for models nobody described."""

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.cards import CAFFE, LITE, RAW, TF, TORCH, UNIT, ModelCard, Preprocessing
from cnnviz.zoo.vetting import check_archive, check_picture

if TYPE_CHECKING:
    import keras

PREPROCESSINGS = {each.name: each for each in (UNIT, RAW, TF, LITE, CAFFE, TORCH)}
FREE_SIZE_PX = 224  # what a network is given that takes pictures of any size


def load_model_file(path: str | Path) -> "keras.Model":
    """Load a network from a ``.keras`` file.

    Code in the file is not run: files with Lambda layers or layers of somebody's own are refused.

    Parameters
    ----------
    path : str or Path
        A file that ``model.save("name.keras")`` wrote with Keras 3.

    Raises
    ------
    ModelLoadError
        If the file is missing, has another format, is damaged, or cannot be loaded without
        running code from it.
    """
    path = Path(path)
    _check_name(path)
    check_archive(path)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises all kinds for what a file may hold
        raise ModelLoadError(_explanation(path, error), path=path) from error


def card_for_model(
    model: "keras.Model", name: str, *, preprocessing: Preprocessing = UNIT
) -> ModelCard:
    """Make a card for a network that has none, from the shape of its input.

    Parameters
    ----------
    model : keras.Model
        Takes one picture (h, w, 1 or 3). Where it leaves the size free, 224 is used.
    name : str
        What to call it.
    preprocessing : Preprocessing
        How pixels become its input; 0 to 1 unless you know better.

    Raises
    ------
    ModelLoadError
        If it does not take one picture.
    """
    inputs = getattr(model, "inputs", None) or ()
    shapes = [tuple(tensor.shape) for tensor in inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4 or shapes[0][3] not in (1, 3):
        raise ModelLoadError(
            f"{name!r} takes inputs of shape {shapes or 'unknown'}, but one picture is needed: "
            "(batch, height, width, 1 or 3 channels). Build the network for pictures, "
            "with an Input layer."
        )
    _, height, width, channels = shapes[0]
    return ModelCard(
        name=name,
        title=name,
        summary="A network of your own.",
        num_parameters=model.count_params(),
        input_height=height or FREE_SIZE_PX,
        input_width=width or FREE_SIZE_PX,
        channels=channels,
        preprocessing=preprocessing,
    )


@lru_cache(maxsize=64)
def card_for_file(path: Path, modified_ns: int) -> ModelCard:
    """Make a card for a file without loading it; time is the cache's key to the file.

    ``NAME.json`` beside ``NAME.keras`` may name ``title``, ``class_names`` and ``preprocessing``
    (one of `PREPROCESSINGS`), all optional.

    Raises
    ------
    ModelLoadError
        If the file cannot be used, or what stands beside it cannot be read.
    """
    height, width, channels = check_picture(path)
    told = _beside(path.with_suffix(".json"))
    return ModelCard(
        name=path.stem,
        title=str(told.get("title", path.stem)),
        summary=f"A network of your own, from {path.name}.",
        num_parameters=None,
        input_height=height or FREE_SIZE_PX,
        input_width=width or FREE_SIZE_PX,
        channels=channels,
        preprocessing=PREPROCESSINGS[told.get("preprocessing", "unit")],
        labels=tuple(map(str, told.get("class_names", ()))),
        licence="yours",
    )


def _beside(path: Path) -> dict[str, Any]:
    """Read what the owner of a network says of it."""
    try:
        told = json.loads(path.read_text()) if path.is_file() else {}
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{path.name} cannot be read: {error}.", path=path) from error
    names = told.get("class_names", []) if isinstance(told, dict) else None
    if not isinstance(names, list) or told.get("preprocessing", "unit") not in PREPROCESSINGS:
        raise ModelLoadError(
            f"{path.name} must hold an object with title, class_names (a list) and preprocessing "
            f"(one of {', '.join(PREPROCESSINGS)}), all optional.",
            path=path,
        )
    return told


def _check_name(path: Path) -> None:
    """Refuse what is plainly something else."""
    advice = "Save the model in Keras 3 with model.save('name.keras') and use that file."
    if path.suffix != ".keras":
        message = f"{path.name!r} is not a .keras file. {advice}"
    elif not path.is_file():
        message = f"There is no file {path.name!r} in that folder. Check the path."
    else:
        return
    raise ModelLoadError(message, path=path)


def _explanation(path: Path, error: Exception) -> str:
    return (
        f"Keras cannot load {path.name!r}: the file is damaged or comes from another version "
        f"({type(error).__name__}). Save the model again with Keras 3."
    )
