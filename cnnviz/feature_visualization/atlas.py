"""Atlases: the images of all filters of some layers, in a folder that can be read at once.

``index.json`` names everything; each strip holds the images of some neighboring filters side by
side. Importing this loads no TensorFlow.
"""

import hashlib
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cnnviz import paths
from cnnviz.errors import AnalysisError

STRIP = 8  # filters in one strip, and in one batch
QUALITY = 82


@dataclass(frozen=True, slots=True)
class LayerAtlas:
    """The images of one layer.

    Attributes
    ----------
    layer_name : str
    num_filters : int
        How many the layer has; images may be of the first few only.
    seed : int
        Filter k was begun with seed + k.
    recipe : dict
        The fields of the `Recipe`.
    command : str
        How to make them again.
    start, reached : tuple of float
        The objective of each image at the beginning and at the end.
    files : tuple of Path
        A strip for every `STRIP` filters.
    """

    layer_name: str
    num_filters: int
    seed: int
    recipe: Mapping[str, Any]
    command: str
    start: tuple[float, ...]
    reached: tuple[float, ...]
    files: tuple[Path, ...]

    @property
    def size_px(self) -> int:
        """Side of an image; its height if it is not square."""
        return int(self.recipe["size_px"])

    @property
    def width_px(self) -> int:
        """Width of an image."""
        return int(self.recipe.get("width_px") or self.size_px)

    @property
    def count(self) -> int:
        """How many images there are: of the filters 0 to count - 1."""
        return len(self.reached)

    def images(self, first: int = 0, count: int | None = None) -> list[np.ndarray]:
        """Read images, each uint8 (h, w, 3).

        Raises
        ------
        AnalysisError
            If a file is missing or damaged.
        """
        wanted = range(first, self.count if count is None else min(first + count, self.count))
        strips = {place: _strip(self.files[place]) for place in {i // STRIP for i in wanted}}
        return [
            strips[i // STRIP][:, i % STRIP * self.width_px : (i % STRIP + 1) * self.width_px]
            for i in wanted
        ]


@dataclass(frozen=True, slots=True)
class Atlas:
    """What an index tells: the network and its layers."""

    model_name: str
    layers: Mapping[str, LayerAtlas]


def atlas_folders() -> tuple[Path, ...]:
    """Name the folders that are searched: ``CNNVIZ_ATLAS_DIR``, and the one that comes along."""
    chosen = os.environ.get("CNNVIZ_ATLAS_DIR")
    return (*((Path(chosen).expanduser(),) if chosen else ()), paths.ATLASES)


def find_atlas(model_name: str) -> Atlas | None:
    """Find the atlas of a network; None if nobody made one, or it cannot be read."""
    for folder in atlas_folders():
        path = folder / model_name / "index.json"
        if path.is_file():
            return _read(path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=8)
def _read(path: Path, version: int) -> Atlas | None:
    del version  # another one is another file
    try:
        facts = json.loads(path.read_text())
        layers = {
            name: LayerAtlas(
                name,
                layer["num_filters"],
                layer["seed"],
                layer["recipe"],
                layer["command"],
                tuple(value for strip in layer["strips"] for value in strip["start"]),
                tuple(value for strip in layer["strips"] for value in strip["reached"]),
                tuple(path.parent / strip["file"] for strip in layer["strips"]),
            )
            for name, layer in facts["layers"].items()
        }
        return Atlas(facts["model"], layers)
    except (OSError, ValueError, KeyError, TypeError):
        return None


@lru_cache(maxsize=64)
def _strip(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError) as error:
        raise AnalysisError(
            f"The image {path.name} of the atlas cannot be read. Make the atlas again: "
            "python -m cnnviz atlas."
        ) from error


def encode_strip(images: Sequence[np.ndarray]) -> bytes:
    """Set images side by side and encode them as WebP: the same bytes on every run."""
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate(images, axis=1)).save(buffer, "WEBP", quality=QUALITY, method=4)
    return buffer.getvalue()


def fingerprint(content: bytes) -> str:
    """Return the SHA-256 of a file's content."""
    return hashlib.sha256(content).hexdigest()
