"""Many maps side by side: methods against layers, classes or networks, each with a measure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.attribution.evaluation.faithfulness import pixel_curves
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.methods import attribution_map
from cnnviz.attribution.observation import Observation, observe
from cnnviz.attribution.registry import find_method
from cnnviz.attribution.targets import Target
from cnnviz.images import ImageInput
from cnnviz.network import IMAGE

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel


@dataclass(frozen=True, slots=True, eq=False)
class TableCell:
    """One map of the table.

    Attributes
    ----------
    heatmap : ClassHeatmap or None
    reason : str
        Why there is none.
    score : float or None
        Insertion minus deletion area of the map; None while it has not been measured.
    """

    heatmap: ClassHeatmap | None
    reason: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ComparisonTable:
    """Rows of cells: a row for each method, a column for each place asked for."""

    cells: tuple[tuple[TableCell, ...], ...]


def compare_methods(
    image: ImageInput,
    method_names: Sequence[str],
    places: Sequence[tuple["LoadedModel", str, Target]],
    *,
    on_progress: Callable[..., None] | None = None,
) -> ComparisonTable:
    """Make the map of every method at every place, then measure how faithful each is.

    All layers of one network and target come out of one pass; a method that needs no layer has
    one and the same cell for all of them.

    Parameters
    ----------
    image : ImageInput
    method_names : sequence of str
        Registered names; slow ones take their time.
    places : sequence of (LoadedModel, layer name, Target)
    on_progress : callable, optional
        Called with (done, in all, the table so far).
    """
    methods = [find_method(name) for name in method_names]
    total = 2 * len(methods) * len(places)
    cells: list[list[TableCell]] = [[] for _ in methods]
    done = 0

    def tell(part: float, in_all: int) -> None:
        if on_progress is not None:
            on_progress(done + part / in_all, total, ComparisonTable(tuple(map(tuple, cells))))

    observations = _cases(image, places, lambda: tell(0, 1))
    for row, method in zip(cells, methods, strict=True):
        for (model, layer_name, _), observation in zip(places, observations, strict=True):
            before = observations.index(observation)
            if "layer" not in method.needs and before < len(row):
                row.append(row[before])  # no layer matters: the same map again
            else:
                reason = method.unsupported_reason(model, layer_name)
                heatmap = (
                    None
                    if reason
                    else attribution_map(observation, method, layer_name, on_progress=tell)
                )
                row.append(TableCell(heatmap, reason))
            done += 1
            tell(0, 1)
    for row in cells:
        for cell, observation in zip(tuple(row), observations, strict=True):
            if cell in row and cell.heatmap is not None:  # not measured yet
                curves = pixel_curves(observation, cell.heatmap.values, on_progress=tell)
                measured = TableCell(cell.heatmap, score=curves.score)
                row[:] = [measured if table_row is cell else table_row for table_row in row]
            done += 1
            tell(0, 1)
    return ComparisonTable(tuple(map(tuple, cells)))


def _cases(
    image: ImageInput,
    places: Sequence[tuple["LoadedModel", str, Target]],
    tell: Callable[[], None],
) -> list[Observation]:
    layers: dict[tuple[int, Target], list[str]] = {}
    for model, layer_name, target in places:
        layers.setdefault((id(model), target), [IMAGE]).append(layer_name)
    seen: dict[tuple[int, Target], Observation] = {}
    for model, _, target in places:
        key = (id(model), target)
        if key not in seen:
            seen[key] = observe(model, image, target, layers[key])
            tell()
    return [seen[id(model), target] for model, _, target in places]
