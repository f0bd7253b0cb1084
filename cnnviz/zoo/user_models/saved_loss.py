"""The loss that a saved network was trained with: its linear outputs are read by it."""

import json
import zipfile
from pathlib import Path
from typing import Any

from cnnviz.zoo.user_models.keras_file import MAX_CONFIG_BYTES, parsed


def saved_loss(path: Path | None) -> Any:
    """Read the loss out of a network's file, without building anything.

    Parameters
    ----------
    path : Path or None
        A ``.keras`` archive, or a whole network in HDF5; vetted before.

    Returns
    -------
    A name, a description as Keras saves it, or a list or dictionary of these for several outputs;
    None if the file tells none.
    """
    if path is None or not path.is_file():
        return None
    try:
        told = _compiled_with(path)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile):
        return None
    return told.get("loss") if isinstance(told, dict) else None


def _compiled_with(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > MAX_CONFIG_BYTES:
                return None
            config = parsed(archive.read("config.json").decode("utf-8"))
        return config.get("compile_config") if isinstance(config, dict) else None
    import h5py

    with h5py.File(path, "r") as file:
        return json.loads(file.attrs["training_config"])
