"""Build a network from a file that was checked, without running code from it."""

import copy
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from cnnviz.zoo.admission.classes import MODELS
from cnnviz.zoo.admission.operations import OPERATIONS
from cnnviz.zoo.admission.rules import installed_keras
from cnnviz.zoo.user_models.keras_file import write_with_config
from cnnviz.zoo.user_models.legacy_h5 import load_weights
from cnnviz.zoo.user_models.refusals import Refused

if TYPE_CHECKING:
    import keras

_FAILURES = {  # what Keras says -> what a user reads
    r"Could not interpret activation function identifier: (\S+)": (
        "it uses the activation {0!r}, which Keras does not know. Use one that Keras knows by "
        "name, such as activation='relu', and save it again"
    ),
    r"Unrecognized keyword arguments passed to (\w+): (\{[^}]*\})": (
        "its layer {0} has settings that this version of Keras does not know: {1}. Save the "
        "network again with this version"
    ),
    r"Layer '([^']+)' expected \d+ variables, but received 0 variables": (
        "it holds no weights for its layer {0!r}; Keras does not find those of a layer that stands "
        "in two networks within it. Save the network again with each layer in one place"
    ),
    r"objects could not be loaded|Layer count mismatch|[Ss]hape mismatch": (
        "its weights do not fit its layers. Save the network again with model.save('name.keras')"
    ),
    r"Unable to (?:synchronously )?open|file signature not found|truncated file": (
        "its weights are damaged. Download or save the file again"
    ),
}


class CheckedFile(NamedTuple):
    """A file of which everything that Keras would build is admitted."""

    kind: Literal["archive", "keras 2 archive", "hdf5"]
    config: dict[str, Any]  # as Keras 3 saves it, without settings of training
    names: dict[str, str]  # of layers: as built -> in the file, where they may differ
    keras_version: str  # that saved it
    is_changed: bool  # whether the description is another than in the file


def loadable(path: Path, checked: CheckedFile, folder: Path) -> Path:
    """Find the file that `build` reads: the checked one, or what of it is written into a folder.

    Reading weights from within an archive takes minutes, so those of Keras 2 are unpacked.
    """
    if checked.kind == "keras 2 archive":
        with zipfile.ZipFile(path) as archive:
            return Path(archive.extract("model.weights.h5", folder))
    if checked.kind == "archive" and checked.is_changed:
        copied = folder / "network.keras"
        write_with_config(path, checked.config, copied)
        return copied
    return path


def build(
    source: Path, checked: CheckedFile, custom_objects: Mapping[str, Any] | None = None
) -> "keras.Model":
    """Build the network of a file; Keras raises all kinds of errors for what a file may hold.

    Parameters
    ----------
    source : Path
        What `loadable` gives.
    checked : CheckedFile
        What was found in the file.
    custom_objects : mapping, optional
        Classes and functions of the user's own code by name.

    Raises
    ------
    Refused
        If the weights do not fit the network.
    """
    import keras

    own = dict(custom_objects or {})
    if checked.kind == "archive":
        return keras.saving.load_model(source, custom_objects=own, compile=False, safe_mode=True)
    config = copy.deepcopy(checked.config)  # Keras takes it apart
    model = keras.saving.deserialize_keras_object(config, custom_objects=own, safe_mode=True)
    if checked.kind == "hdf5":
        load_weights(model, source, checked.names)
    else:
        _check_order(model, checked.config)
        model.load_weights(source)
    return model


def failure(error: Exception) -> str:
    """Say why Keras could not build a network, as far as its message tells."""
    text = str(error)
    for pattern, sentence in _FAILURES.items():
        if found := re.search(pattern, text):
            return sentence.format(*(each[:80] for each in found.groups()))
    return (
        "Keras cannot build its network: the file is damaged or comes from another version "
        f"({type(error).__name__}). Save the network again with Keras {installed_keras()}"
    )


def _check_order(model: "keras.Model", config: dict[str, Any]) -> None:
    """Check that layers stand in the order of the file: Keras 2 numbered its weights by that."""
    parts = {
        part["config"]["name"]: part
        for part in config["config"]["layers"]
        if part["module"] not in OPERATIONS
    }
    names = [layer.name for layer in model.layers]
    if names != [name for name in parts if name in names]:
        raise Refused(
            "its layers have another order in Keras 3, so its weights cannot be told apart"
        )
    for layer in model.layers:
        if parts[layer.name]["class_name"] in MODELS:
            _check_order(layer, parts[layer.name])
