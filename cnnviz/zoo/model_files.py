"""Networks that somebody made: ``.keras`` files, and cards for models nobody described."""

import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.cards import UNIT, ModelCard, Preprocessing

if TYPE_CHECKING:
    import keras

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
    _check_file(path)
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


def _check_file(path: Path) -> None:
    """Refuse what cannot be a ``.keras`` file before Keras is asked."""
    advice = "Save the model in Keras 3 with model.save('name.keras') and use that file."
    if path.suffix != ".keras":
        message = f"{path.name!r} is not a .keras file. {advice}"
    elif not path.is_file():
        message = f"There is no file {path.name!r} in that folder. Check the path."
    elif not zipfile.is_zipfile(path):
        message = f"{path.name!r} is damaged or only partly copied. Copy it again, or: {advice}"
    else:
        return
    raise ModelLoadError(message, path=path)


def _explanation(path: Path, error: Exception) -> str:
    """Say in plain words why Keras refused a file."""
    reason = str(error)
    if "safe_mode" in reason or "unsafe" in reason:
        return (
            f"{path.name!r} holds Python code, such as a Lambda layer. Code from files is never "
            "run here: build the network from Keras' own layers and save it again."
        )
    if "Could not locate" in reason:
        return (
            f"{path.name!r} uses a layer or function that is not part of Keras. Build the network "
            "from Keras' own layers and save it again."
        )
    return (
        f"Keras cannot load {path.name!r}: the file is damaged or comes from another version "
        f"({type(error).__name__}). Save the model again with Keras 3."
    )
