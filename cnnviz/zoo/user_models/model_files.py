"""Networks that somebody made: ``.keras`` files, and whole networks in HDF5 (``.h5``)."""

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.admission.rules import is_newer, saved_by_newer
from cnnviz.zoo.user_models.opening import CheckedFile, build, failure, loadable
from cnnviz.zoo.user_models.refusals import Refused, refusal
from cnnviz.zoo.vetting.checking import check_file

if TYPE_CHECKING:
    import keras


def load_model_file(
    path: str | Path, *, custom_objects: Mapping[str, Any] | None = None
) -> "keras.Model":
    """Load a network from a ``.keras`` file, or from a whole network in HDF5 (``.h5``).

    Code in the file is not run. Layers and functions of your own work if your code brings them:
    as `custom_objects`, or registered with ``keras.saving.register_keras_serializable``. A
    stranger's file goes through `check_image` and `try_in_child` first, which use neither.

    Parameters
    ----------
    path : str or Path
        A file that ``model.save`` wrote with Keras 3 or Keras 2.
    custom_objects : mapping, optional
        Classes and functions of your own by the names that the file gives them.

    Raises
    ------
    ModelLoadError
        If the file is missing, has another format, is damaged, or cannot be loaded without
        running code from it.
    """
    path = Path(path)
    if not path.exists():
        message = f"There is no file {path.name!r} in that folder. Check the path."
        raise ModelLoadError(message, path=path)
    checked = check_file(path, own_names={*(custom_objects or {}), *_registered_names()})
    if checked.kind != "hdf5" and path.suffix != ".keras":
        raise refusal(path, f"its name does not end in .keras. Rename it to {path.stem}.keras")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with tempfile.TemporaryDirectory() as folder:
            return build(loadable(path, checked, Path(folder)), checked, custom_objects)
    except Refused as reason:
        raise refusal(path, reason) from reason
    except Exception as error:  # Keras raises all kinds for what a file may hold
        raise refusal(path, _explanation(checked, error)) from error


def _registered_names() -> set[str]:
    """Names of the classes and functions that this process has registered with Keras."""
    keras = sys.modules.get("keras")
    return set(keras.saving.get_custom_objects()) if keras else set()


def _explanation(checked: CheckedFile, error: Exception) -> str:
    version = checked.keras_version
    return saved_by_newer(version) if is_newer(version) else failure(error)
