"""Cards for networks that came without one: from their input, and the JSON file beside them."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz.errors import InvalidParameterError, ModelLoadError
from cnnviz.zoo.cards import UNIT, ModelCard, Preprocessing, find_preprocessing
from cnnviz.zoo.vetting.checking import check_image

if TYPE_CHECKING:
    import keras

FREE_SIZE_PX = 224  # what a network is given that takes images of any size
MAX_SIDECAR_BYTES = 1 << 20
_KEYS = ("title", "class_names", "preprocessing", "output", "token_grid")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What ``NAME.json`` beside a network says; everything is optional.

    Attributes
    ----------
    title : str
    class_names : tuple of str
    preprocessing : Preprocessing or None
    choices : dict
        ``output`` and ``token_grid`` as `load_model` takes them.
    """

    title: str = ""
    class_names: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    choices: dict[str, Any] = field(default_factory=dict)


def read_sidecar(path: Path) -> Sidecar:
    """Read the JSON file beside a network, ``NAME.json`` beside ``NAME.keras``.

    Parameters
    ----------
    path : Path
        Of the network.

    Raises
    ------
    ModelLoadError
        If the file is there and cannot be read, or says something that cannot be used.
    """
    path = path.with_suffix(".json")
    if not path.is_file():
        return Sidecar()
    try:
        if path.stat().st_size > MAX_SIDECAR_BYTES:
            raise ValueError(f"it is larger than {MAX_SIDECAR_BYTES >> 20} MB")
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelLoadError(
            f"{path.name} cannot be read: {error}. Correct the file or delete it.", path=path
        ) from error
    if not isinstance(told, dict):
        raise _unusable(path, "it holds no object")
    return _sidecar(path, told)


def _sidecar(path: Path, told: Mapping[str, Any]) -> Sidecar:
    names, grid, output = (told.get(key) for key in ("class_names", "token_grid", "output"))
    if names is not None and not (isinstance(names, list) and all(map(_is_text, names))):
        raise _unusable(path, "class_names is no list of names")
    if grid is not None and not (
        isinstance(grid, list) and len(grid) == 2 and all(type(size) is int for size in grid)
    ):
        raise _unusable(path, "token_grid is no list of two whole numbers")
    if output is not None and not _is_text(output):
        raise _unusable(path, "output is neither a name nor a number")
    if not _is_text(told.get("title", "")):
        raise _unusable(path, "title is no text")
    try:
        preprocessing = told.get("preprocessing")
        scaling = None if preprocessing is None else find_preprocessing(preprocessing)
    except InvalidParameterError as error:
        raise _unusable(path, str(error).rstrip(".")) from error
    choices: dict[str, Any] = {} if output is None else {"output": output}
    choices |= {} if grid is None else {"token_grid": tuple(grid)}
    title = str(told.get("title", ""))
    return Sidecar(title, tuple(map(str, names or ())), scaling, choices)


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _unusable(path: Path, reason: str) -> ModelLoadError:
    return ModelLoadError(
        f"{path.name} cannot be used: {reason}. It is an object with any of {', '.join(_KEYS)}.",
        path=path,
    )


def card_for_model(
    model: "keras.Model", name: str, *, preprocessing: Preprocessing | None = None
) -> ModelCard:
    """Make a card for a network that has none, from the shape of its input.

    Parameters
    ----------
    model : keras.Model
        Takes one image (h, w), (h, w, 1) or (h, w, 3). Where it leaves the size free, 224 is used.
    name : str
        What to call it.
    preprocessing : Preprocessing, optional
        How pixels become its input. If left out, 0 to 1 is assumed, and the card says so.

    Raises
    ------
    ModelLoadError
        If it does not take one image.
    """
    inputs = getattr(model, "inputs", None) or ()
    shapes = [tuple(tensor.shape) for tensor in inputs]
    is_image = len(shapes) == 1 and (
        len(shapes[0]) == 3 or (len(shapes[0]) == 4 and shapes[0][3] in (1, 3))
    )
    if not is_image:
        raise ModelLoadError(
            f"{name!r} takes inputs of shape {shapes or 'unknown'}, but one image is needed: "
            "(batch, height, width, 1 or 3 channels). Build the network for images, "
            "with an Input layer."
        )
    _, height, width, *channels = shapes[0]
    return ModelCard(
        name=name,
        title=name,
        summary="A network of your own.",
        num_parameters=model.count_params(),
        input_height=height or FREE_SIZE_PX,
        input_width=width or FREE_SIZE_PX,
        channels=channels[0] if channels else 1,
        preprocessing=UNIT if preprocessing is None else preprocessing,
        preprocessing_source="assumed" if preprocessing is None else "chosen",
    )


def card_beside(path: Path, model: "keras.Model") -> tuple[ModelCard, dict[str, Any]]:
    """Make a card for a network out of a file, and give the choices that stand beside it.

    Raises
    ------
    ModelLoadError
        If it does not take one image, or what stands beside it cannot be used.
    """
    from dataclasses import replace

    told = read_sidecar(path)
    card = card_for_model(model, path.stem, preprocessing=told.preprocessing)
    source = "file" if told.preprocessing is not None else card.preprocessing_source
    title = told.title or path.stem
    card = replace(card, title=title, labels=told.class_names, preprocessing_source=source)
    return card, told.choices


@lru_cache(maxsize=64)
def card_for_file(path: Path, version: str) -> ModelCard:
    """Make a card for a file without loading it; `version` is the cache's key to its content.

    Raises
    ------
    ModelLoadError
        If the file cannot be used, or what stands beside it cannot be read.
    """
    height, width, channels = check_image(path)
    told = read_sidecar(path)
    return ModelCard(
        name=path.stem,
        title=told.title or path.stem,
        summary=f"A network of your own, from {path.name}.",
        num_parameters=None,
        input_height=height or FREE_SIZE_PX,
        input_width=width or FREE_SIZE_PX,
        channels=channels,
        preprocessing=told.preprocessing or UNIT,
        labels=told.class_names,
        license="yours",
        preprocessing_source="assumed" if told.preprocessing is None else "file",
    )


def file_version(path: str | Path) -> str:
    """Return a fingerprint of a network's file and the JSON beside it; empty if there is no file.

    A file saved again has another one, even within the resolution of the file system's clock: of
    a ``.keras`` archive the checksums of its parts count.
    """
    path = Path(path)
    try:
        if not path.is_file():
            return ""
    except (OSError, ValueError):
        return ""
    digest = blake2b(digest_size=8)
    for part in (path, path.with_suffix(".json")):
        try:
            stat = part.stat()
        except OSError:
            continue
        digest.update(f"{part.name} {stat.st_size} {stat.st_mtime_ns} ".encode())
    digest.update(_checksums(path))
    sidecar = path.with_suffix(".json")
    if sidecar.is_file() and sidecar.stat().st_size <= MAX_SIDECAR_BYTES:
        digest.update(sidecar.read_bytes())
    return digest.hexdigest()


def _checksums(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            return repr([(part.filename, part.CRC) for part in archive.infolist()]).encode()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return b""
