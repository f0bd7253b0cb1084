"""Images kept on disk by all that they depend on; the oldest go when there are too many."""

import contextlib
import json
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from zipfile import BadZipFile

import numpy as np

from cnnviz.feature_visualization.filter_image import FilterImage
from cnnviz.feature_visualization.objectives import Target
from cnnviz.feature_visualization.recipe import Recipe
from cnnviz.files import cache_dir, write_atomically

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

MAX_FILES = 400
MAX_BYTES = 400 << 20


def image_key(model: "LoadedModel", target: Target, recipe: Recipe, seed: int) -> str:
    """Return a fingerprint of all that an image begun with noise depends on, weights included."""
    from cnnviz.network.inspected_model import fingerprint

    digest = blake2b(digest_size=16)
    scaling, output = asdict(model.card.preprocessing), model.output_name
    told = [asdict(target), asdict(recipe), seed, scaling, output]
    digest.update(json.dumps(told, sort_keys=True).encode())
    digest.update(fingerprint(model).encode())
    return digest.hexdigest()


def load_image(key: str) -> FilterImage | None:
    """Read an image; None if it was never kept, or its file is damaged."""
    path = _folder() / f"{key}.npz"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            image = FilterImage(
                pixels=arrays["pixels"],
                objective_history=arrays["history"],
                seed=int(arrays["seed"]),
                name=str(arrays["name"]),
                frames=tuple(zip(arrays["steps"].tolist(), list(arrays["frames"]), strict=True)),
                start=float(arrays["start"]),
                reached=float(arrays["reached"]),
            )
        path.touch()  # it was wanted: it goes last
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return image


def keep_image(key: str, image: FilterImage) -> None:
    """Keep an image; where the disk is full or read-only nothing happens."""

    def write(file: BinaryIO) -> None:
        np.savez_compressed(
            file,
            pixels=image.pixels,
            history=image.objective_history,
            seed=image.seed,
            name=image.name,
            steps=np.array([step for step, _ in image.frames]),
            frames=np.stack([pixels for _, pixels in image.frames]),
            start=image.start,
            reached=image.reached,
        )

    with contextlib.suppress(OSError):
        write_atomically(_folder() / f"{key}.npz", write)
        _forget_the_oldest()


def _folder() -> Path:
    return cache_dir() / "pictures"


def _forget_the_oldest() -> None:
    files = [(path, path.stat()) for path in _folder().glob("*.npz")]
    files.sort(key=lambda one: one[1].st_mtime_ns, reverse=True)
    total = 0
    for place, (path, facts) in enumerate(files):
        total += facts.st_size
        if place >= MAX_FILES or total > MAX_BYTES:
            path.unlink(missing_ok=True)
