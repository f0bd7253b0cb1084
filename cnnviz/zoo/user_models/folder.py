"""Networks of the user's own: in the folder ``CNNVIZ_MODELS_DIR``, or ``CNNVIZ_MODEL_FILES``."""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.errors import CnnvizError
from cnnviz.zoo import trained
from cnnviz.zoo.cards import ModelCard
from cnnviz.zoo.user_models.model_files import load_model_file
from cnnviz.zoo.user_models.sidecar import card_for_file, file_version, read_sidecar

if TYPE_CHECKING:
    import keras


_ENDINGS = (".keras", ".h5")


@dataclass(frozen=True, slots=True)
class OwnFile:
    """One of these files: its card, or a sentence that says why there is none."""

    path: Path
    card: ModelCard | None
    problem: str = ""


def own_files(taken_names: Collection[str]) -> tuple[OwnFile, ...]:
    """Look at all files; empty if there are none.

    Networks that `cnnviz train` left there have their whole card. `taken_names` are names that the
    user's networks must not have. A file that cannot be used costs nobody but itself.
    """
    taken = set(taken_names)
    files = []
    for path in _paths():
        file = _own_file(path, taken)
        if file.card is not None:
            taken.add(file.card.name)
        files.append(file)
    return tuple(files)


def _paths() -> list[Path]:
    named = os.environ.get("CNNVIZ_MODEL_FILES", "")
    files = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    folder = trained.own_folder()
    try:
        if folder is not None:
            paths = [path for ending in _ENDINGS for path in folder.glob(f"*{ending}")]
            files += sorted(path for path in paths if _is_network(path))
    except OSError:
        return files
    return list(dict.fromkeys(files))


def _is_network(path: Path) -> bool:
    """Whether a file's name is that of a network, and not hidden or of weights alone."""
    return path.name[0] != "." and not path.name.endswith(".weights.h5")


def build_own(file: OwnFile) -> "keras.Model":
    """Load the network of a file that has a card; errors as in `load_model_file`."""
    if file.card is not None and trained.was_trained(file.path):
        return trained.build(file.card, file.path.parent)
    return load_model_file(file.path)


def own_choices(file: OwnFile) -> dict[str, Any]:
    """Return what the JSON beside a file says about its output and its grid of tokens."""
    return {} if trained.was_trained(file.path) else read_sidecar(file.path).choices


def _own_file(path: Path, taken_names: Collection[str]) -> OwnFile:
    if path.stem in taken_names:
        problem = f"{path.name!r} has the name of another network here. Rename the file."
        return OwnFile(path, None, problem)
    if set(path.stem) & set("?&#/"):
        problem = f"{path.name!r} has a ?, & or # in its name. Rename the file."
        return OwnFile(path, None, problem)
    try:
        if trained.was_trained(path):
            return OwnFile(path, trained.trained_card(path.with_suffix(".json")))
        return OwnFile(path, card_for_file(path, file_version(path)))
    except (CnnvizError, OSError) as error:
        return OwnFile(path, None, str(error))
    except Exception as error:  # noqa: BLE001 - one odd file must not cost all other networks
        problem = (
            f"{path.name!r} cannot be used ({type(error).__name__}). Save it again with Keras 3."
        )
        return OwnFile(path, None, problem)
