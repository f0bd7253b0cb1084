"""Maps for files and whole folders: overlays, numbers, and a table of all of them."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cnnviz import figures, zoo
from cnnviz.attribution.evaluation.faithfulness import pixel_curves
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.registry import explain, find_method
from cnnviz.attribution.targets import one_class
from cnnviz.errors import CnnvizError, InvalidParameterError
from cnnviz.images import FILE_TYPES, ImageInput, read_image, shrink_to_fit
from cnnviz.network import IMAGE

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

ENDINGS = tuple(f".{name}" for name in FILE_TYPES)
COLUMNS = (
    *("image", "method", "layer", "class", "label", "probability", "logit"),
    *("minimum", "maximum", "insertion", "deletion", "overlay"),
)
_MAX_SIDE_PX, _OPACITY, _PERCENTILE = 768, 0.5, 99.0

Settings = dict[str, dict[str, Any]]  # of each method


def image_files(paths: Sequence[Path]) -> list[Path]:
    """List images, and those in folders, in order of their names.

    Raises
    ------
    InvalidParameterError
        If a path does not exist, or there is no image at all.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(file for file in path.rglob("*") if file.suffix.lower() in ENDINGS)
        elif path.exists():
            files.append(path)
        else:
            raise InvalidParameterError(f"There is no file or folder {str(path)!r}.")
    if not files:
        raise InvalidParameterError("There is no image in these folders.")
    return files


def parse_settings(method_names: Sequence[str], texts: Sequence[str]) -> Settings:
    """Read settings such as ``samples=16``; each goes to all methods that declare it.

    Raises
    ------
    InvalidParameterError
        If a text is none, or no method has such a setting, or the value is out of range.
    """
    methods = [find_method(name) for name in method_names]
    found: Settings = {method.name: {} for method in methods}
    for text in texts:
        name, sign, value = text.partition("=")
        takers = [
            method for method in methods if name in {setting.name for setting in method.settings}
        ]
        if not sign or not takers:
            known = sorted({setting.name for method in methods for setting in method.settings})
            raise InvalidParameterError(
                f"{text!r} is no setting of these methods. Write name=value with one of: "
                f"{', '.join(known) or 'none'}."
            )
        for method in takers:
            found[method.name][name] = value
    return {method.name: method.checked(found[method.name]) for method in methods}


def find_class(model: "LoadedModel", name: str) -> int:
    """Find a class by its number or name.

    Raises
    ------
    InvalidParameterError
        If there is none, or more than one.
    """
    if name.lstrip("-").isdigit():
        model.check_class(int(name))
        return int(name)
    exact = [i for i, one in enumerate(model.class_names) if one.lower() == name.lower()]
    alike = [i for i, one in enumerate(model.class_names) if name.lower() in one.lower()]
    matches = exact or alike
    if len(matches) != 1:
        some = ", ".join(f"{model.class_names[i]} ({i})" for i in matches[:8])
        said = f"means several: {some}" if matches else "is not known"
        raise InvalidParameterError(f"The class {name!r} {said}.")
    return matches[0]


def explain_files(
    model: "LoadedModel",
    files: Sequence[Path],
    settings: Mapping[str, Mapping[str, Any]],
    folder: Path,
    layer_name: str | None = None,
    class_index: int | None = None,
    *,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> tuple[Path, int]:
    """Make the maps of several methods for many images and write them down.

    An image that cannot be read is named and left out; the others go on.

    Parameters
    ----------
    model : LoadedModel
    files : sequence of Path
    settings : mapping
        For each method to use its settings, as from `parse_settings`.
    folder : Path
        Gets ``PICTURE.METHOD.png`` (overlay), ``PICTURE.METHOD.npz`` and ``cam.csv``.
    layer_name, class_index : optional
        The last layer with maps and the most probable class of each image if left out.
    on_progress : callable, optional
        Called after each image with (done, in all, what went wrong).

    Returns
    -------
    Path, int
        The table, and how many images could not be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if layer_name is None:
        has_layer = any("layer" in find_method(name).needs for name in settings)
        layer_name = model.default_cam_layer if has_layer else IMAGE
    for name in settings:
        reason = find_method(name).unsupported_reason(model, layer_name)
        if reason:
            raise InvalidParameterError(reason)
    path, failed = folder / "cam.csv", 0
    taken: set[str] = set()
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for done, source in enumerate(files, 1):
            problem = ""
            try:
                image = read_image(source)
                stem = _fresh(source.stem, taken)
                for name, chosen in settings.items():
                    table.writerow(
                        {"image": str(source)}
                        | _explain_one(
                            model, image, name, chosen, layer_name, class_index, folder / stem
                        )
                    )
            except (CnnvizError, OSError) as error:
                failed += 1
                problem = f"{source}: {error}"
            if on_progress is not None:
                on_progress(done, len(files), problem)
    return path, failed


def _fresh(stem: str, taken: set[str]) -> str:
    """Number the second and later images of one name: ``cat``, ``cat-2``."""
    name, place = stem, 1
    while name in taken:
        place += 1
        name = f"{stem}-{place}"
    taken.add(name)
    return name


def _explain_one(
    model: "LoadedModel",
    image: ImageInput,
    method_name: str,
    settings: Mapping[str, Any],
    layer_name: str,
    class_index: int | None,
    stem: Path,
) -> dict[str, Any]:
    from cnnviz.attribution.observation import observe

    if class_index is None:
        class_index = model.predict(image, top=1)[0].class_index
    target = one_class(class_index)
    layer = "" if layer_name == IMAGE else layer_name
    heatmap = explain(model, image, method_name, layer_name=layer, target=target, **settings)
    observation = observe(model, image, target, [])
    curves = pixel_curves(observation, heatmap.values)
    overlay = stem.with_name(f"{stem.name}.{method_name}.png")
    overlay.write_bytes(figures.encode_png(_overlay(model, image, heatmap)))
    overlay.with_suffix(".npz").write_bytes(figures.heatmap_npz(heatmap))
    return {
        "method": method_name,
        "layer": heatmap.layer_name,
        "class": class_index,
        "label": model.class_names[class_index],
        "probability": f"{model.probabilities(observation.logits)[class_index]:.6f}",
        "logit": f"{heatmap.logit:.6f}",
        "minimum": f"{heatmap.values.min():.6g}",
        "maximum": f"{heatmap.maximum:.6g}",
        "insertion": f"{curves.insertion_area:.4f}",
        "deletion": f"{curves.deletion_area:.4f}",
        "overlay": overlay.name,
    }


def _overlay(model: "LoadedModel", image: ImageInput, heatmap: ClassHeatmap) -> Any:
    small = shrink_to_fit(image, _MAX_SIDE_PX)
    percentile = _PERCENTILE if heatmap.layer_name == IMAGE else 100.0
    scale = figures.heatmap_scale(heatmap.values, "inferno", percentile=percentile)
    seen = zoo.seen_part(model.card, small)
    return figures.overlay_part(small.pixels, heatmap.values, scale, _OPACITY, seen)
