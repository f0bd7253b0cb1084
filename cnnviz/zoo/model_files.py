"""Networks that somebody made: ``.keras`` files."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.vetting import check_archive

if TYPE_CHECKING:
    import keras


def load_model_file(
    path: str | Path, *, custom_objects: Mapping[str, Any] | None = None
) -> "keras.Model":
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
