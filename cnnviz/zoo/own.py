"""Networks of the user's own: the ``.keras`` files in the folder ``CNNVIZ_MODELS_DIR``."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.errors import ModelLoadError
from cnnviz.zoo import trained
from cnnviz.zoo.cards import ModelCard
from cnnviz.zoo.model_files import card_for_file, load_model_file

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True, slots=True)
class OwnFile:
    """A file in that folder: its card, or a sentence that says why there is none."""

    path: Path
    card: ModelCard | None
    problem: str = ""


def own_files(taken_names: Collection[str]) -> tuple[OwnFile, ...]:
    """Look through the folder; empty if none is named.

    Networks that `cnnviz train` left there have their whole card. `taken_names` are names that the
    user's networks must not have.
    """
    folder = trained.own_folder()
    paths = sorted(folder.glob("*.keras")) if folder else []
    return tuple(_own_file(path, taken_names) for path in paths if path.name[0] != ".")


def build_own(file: OwnFile) -> "keras.Model":
    """Load the network of a file that has a card; errors as in `load_model_file`."""
    if file.card is not None and trained.was_trained(file.path):
        return trained.build(file.card, file.path.parent)
    return load_model_file(file.path)


def _own_file(path: Path, taken_names: Collection[str]) -> OwnFile:
    if path.stem in taken_names:
        problem = f"{path.name!r} has the name of another network here. Rename the file."
        return OwnFile(path, None, problem)
    try:
        if trained.was_trained(path):
            return OwnFile(path, trained.trained_card(path.with_suffix(".json")))
        return OwnFile(path, card_for_file(path, path.stat().st_mtime_ns))
    except (ModelLoadError, OSError) as error:
        return OwnFile(path, None, str(error))
