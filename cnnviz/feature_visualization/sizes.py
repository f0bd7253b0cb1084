"""The image sizes at which layers and class scores of a network can be computed.

Found by Keras' own arithmetic of shapes: no pixel goes through the network and nothing is compiled.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import keras

from cnnviz.errors import InvalidParameterError
from cnnviz.feature_visualization.recipe import MAX_SIZE_PX, MIN_SIZE_PX, size_text
from cnnviz.network.failures import TF_ERRORS
from cnnviz.network.forward import graph_of
from cnnviz.network.layers.kinds import kind_of

if TYPE_CHECKING:
    from cnnviz.feature_visualization.objectives import Objective
    from cnnviz.feature_visualization.recipe import Recipe
    from cnnviz.network.inspected_model import LoadedModel

_RESHAPING = ("Flatten", "Reshape", "Ravel")
Size = tuple[int, int]  # height, width


@dataclass(frozen=True, slots=True)
class _Computable:
    """What a network can compute for images of one size."""

    layer_names: Collection[str]
    has_logits: bool


_known: "WeakKeyDictionary[LoadedModel, dict[Size, _Computable]]" = WeakKeyDictionary()
_references: "WeakKeyDictionary[LoadedModel, _ShapeRun | None]" = WeakKeyDictionary()


def can_compute(
    model: "LoadedModel", objective: "Objective | None", height: int, width: int
) -> bool:
    """Whether an objective can be computed for images of a size.

    Parameters
    ----------
    model : LoadedModel
    objective : Objective or None
        None stands for every layer with maps and the class scores.
    height, width : int
        In pixels.
    """
    return _obstacle(model, objective, height, width) is None


def smallest_size(model: "LoadedModel", objective: "Objective | None" = None) -> int | None:
    """Find the smallest square image for which an objective can be computed.

    Parameters
    ----------
    model : LoadedModel
    objective : Objective, optional
        Every layer with maps and the class scores, if left out.

    Returns
    -------
    int or None
        Side in pixels, 8 to 512. Where the objective is bound to the network's own size, because of
        a dense layer behind a Flatten or of fixed position embeddings, that size; None if it is
        not square or not from 8 to 512.

    Examples
    --------
    >>> from cnnviz.feature_visualization import channel, smallest_size
    >>> from cnnviz.network.loading import load_model
    >>> model = load_model("mnist-cnn")
    >>> smallest_size(model, channel(model, "conv3", 0))
    18
    """
    if not can_compute(model, objective, MAX_SIZE_PX, MAX_SIZE_PX):
        height, width = model.input_shape[:2]
        return height if height == width and _is_drawable((height, width)) else None
    return _next_size(model, objective, MIN_SIZE_PX)


def working_sizes(
    model: "LoadedModel", objective: "Objective | None", sides: Iterable[int]
) -> tuple[Size, ...]:
    """Choose from some square sizes, and the network's own, those that work.

    Parameters
    ----------
    model : LoadedModel
    objective : Objective or None
        None stands for every layer with maps and the class scores.
    sides : iterable of int
        In pixels.

    Returns
    -------
    tuple of (int, int)
        Heights and widths, the smallest first.
    """
    height, width = model.input_shape[:2]
    sizes = {(side, side) for side in sides} | {(height, width)}
    return tuple(
        size
        for size in sorted(sizes, key=lambda size: (size[0] * size[1], size))
        if _is_drawable(size) and can_compute(model, objective, *size)
    )


def check_size(model: "LoadedModel", objective: "Objective", recipe: "Recipe") -> None:
    """Refuse a recipe whose size the network cannot take, and name a size that works.

    Raises
    ------
    InvalidParameterError
        Names the layer, the size asked for, and the smallest, the next or the only size that works.
    """
    height, width = recipe.shape
    obstacle = _obstacle(model, objective, height, width)
    if obstacle is not None:
        raise InvalidParameterError(
            f"{obstacle} cannot be computed for images of {size_text(height, width)} pixels. "
            f"{_advice(model, objective, min(height, width))}"
        )


def _advice(model: "LoadedModel", objective: "Objective", side: int) -> str:
    own = model.input_shape[:2]
    if can_compute(model, objective, MAX_SIZE_PX, MAX_SIZE_PX):
        smallest = _next_size(model, objective, MIN_SIZE_PX)
        if side < smallest:
            return f"The smallest size that works is {size_text(smallest, smallest)}."
        larger = _next_size(model, objective, side)
        return f"The next size that works is {size_text(larger, larger)}."
    if not _is_drawable(own):
        return (
            f"It works only at the network's own size, {size_text(*own)}, and feature "
            f"visualization makes images of {MIN_SIZE_PX} to {MAX_SIZE_PX} pixels. Choose a layer "
            "closer to the image."
        )
    settings = f" (size_px={own[0]}, width_px={own[1]})" if own[0] != own[1] else ""
    return f"The network is made for images of {size_text(*own)}: choose this size{settings}."


def _next_size(model: "LoadedModel", objective: "Objective | None", side: int) -> int:
    """Find the next side from this one on; there must be one up to the largest."""
    sides = range(side, MAX_SIZE_PX)
    return next(
        (side_px for side_px in sides if can_compute(model, objective, side_px, side_px)),
        MAX_SIZE_PX,
    )


def _is_drawable(size: Size) -> bool:
    return min(size) >= MIN_SIZE_PX and max(size) <= MAX_SIZE_PX


def _obstacle(
    model: "LoadedModel", objective: "Objective | None", height: int, width: int
) -> str | None:
    """Name the first thing that cannot be computed at a size; None if all can."""
    names = model.map_layer_names if objective is None else objective.layer_names
    computable = _computable(model, (height, width))
    for name in names:
        if name not in computable.layer_names:
            return f"Layer {name!r} of {model.card.title}"
    if (objective is None or objective.needs_logits) and not computable.has_logits:
        return f"The class scores of {model.card.title}"
    return None


def _computable(model: "LoadedModel", size: Size) -> _Computable:
    known = _known.setdefault(model, {})
    if size not in known:
        known[size] = _found_computable(model, size)
    return known[size]


def _found_computable(model: "LoadedModel", size: Size) -> _Computable:
    if size == model.input_shape[:2]:  # it was run at this size when it was loaded
        return _Computable(model.map_layer_names, True)
    if model not in _references:
        _references[model] = _reference(model)
    reference = _references[model]
    if reference is None:
        return _Computable((), False)
    run = _shapes_at(model, size, reference)
    layers = {
        name
        for name, shape, own, is_sound in zip(
            model.layer_names, run.shapes, reference.shapes, run.are_sound, strict=False
        )
        if is_sound and name in model.grids and _is_alike(shape, own)
    }
    return _Computable(frozenset(layers), run.output == reference.output)


def _reference(model: "LoadedModel") -> "_ShapeRun | None":
    """Compute the shapes at the network's own size; None if they are not those of a real run."""
    run = _shapes_at(model, model.input_shape[:2], None)
    is_right = [shape[1:] for shape in run.shapes] == list(model.layer_shapes.values())
    return run if is_right and run.output is not None else None


def _is_alike(shape: tuple[int, ...], own: tuple[int, ...]) -> bool:
    """Whether an output is one of the same maps as at the network's own size, larger or smaller.

    Where a layer's tokens lie in the image is known for the network's own size only.
    """
    if len(own) == 3:
        return shape == own
    return len(shape) == len(own) and (shape[0], shape[-1]) == (own[0], own[-1])


@dataclass(slots=True, eq=False)
class _ShapeRun:
    """The shapes that a network's layers give for images of one size, with the batch.

    Attributes
    ----------
    shapes : list of tuple of int
        Of the layers of `LoadedModel.layer_names`, as far as they can be computed.
    are_sound : list of bool
        For each of them whether it is made of something, and of what it is made of at the
        network's own size.
    reshapes : list of (shape, shape)
        What went into every reshape, and what came out.
    output : tuple of int or None
        Shape of the network's output; None if it cannot be computed or is not sound.
    """

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    are_sound: list[bool] = field(default_factory=list)
    reshapes: list[tuple[Any, Any]] = field(default_factory=list)
    output: tuple[int, ...] | None = None


def _shapes_at(model: "LoadedModel", size: Size, reference: _ShapeRun | None) -> _ShapeRun:
    """Take the shape of an image through the network until it does not fit any more."""
    image = model.keras_model.inputs[0]
    channels = (model.input_shape[2],) if len(image.shape) == 4 else ()
    start = keras.KerasTensor((image.shape[0] or 1, *size, *channels), image.dtype)
    run = _ShapeRun()
    unsound: list[Any] = []

    def take(operation: Any, sources: list[Any], outputs: list[Any]) -> None:
        is_sound = not any(source is layer_name for source in sources for layer_name in unsound)
        if kind_of(operation) in _RESHAPING:
            run.reshapes.append((sources[0].shape, outputs[0].shape))
            is_sound &= not _mixes_up(run.reshapes, reference)
        is_sound &= all(size is None or size > 0 for output in outputs for size in output.shape)
        if not is_sound:
            unsound.extend(outputs)
        if outputs and len(outputs[0].shape) > 1:
            run.shapes.append(tuple(outputs[0].shape))
            run.are_sound.append(is_sound)

    try:
        outputs = _outputs_of(model.keras_model, [start], take)
    except TF_ERRORS:
        return run
    output = outputs[model.output_names.index(model.output_name)]
    if not any(output is layer_name for layer_name in unsound):
        run.output = tuple(output.shape)
    return run


def _mixes_up(reshapes: list[tuple[Any, Any]], reference: _ShapeRun | None) -> bool:
    """Whether the last reshape gives the network's own shape, but of maps of another shape.

    64 × 32 positions in a row are as many as 32 × 64, but the weights behind belong to others.
    """
    if reference is None or len(reshapes) > len(reference.reshapes):
        return False
    (before, after), (own_before, own_after) = reshapes[-1], reference.reshapes[len(reshapes) - 1]
    return bool(after == own_after and before != own_before)


def _outputs_of(
    keras_model: Any, inputs: list[Any], take: Callable[[Any, list[Any], list[Any]], None]
) -> list[Any]:
    """Compute the outputs of a model as Keras tensors, layer by layer in `run_layers`' order."""

    def spec_of(operation: Any) -> Callable[..., Any]:
        def spec(*args: Any, **kwargs: Any) -> Any:
            sources = _keras_tensors((args, kwargs))
            if isinstance(operation, keras.Model) and graph_of(operation) is not None:
                return _outputs_of(operation, sources, take)
            if isinstance(operation, keras.Layer):
                operation._assert_input_compatibility(args[0] if args else sources[0])
            outputs = _rule_of(operation, sources)(*args, **kwargs)
            take(operation, sources, _keras_tensors(outputs))
            return outputs

        return spec

    graph = graph_of(keras_model)
    return _keras_tensors(graph._run_through_graph(inputs, operation_fn=spec_of))


def _rule_of(operation: Any, sources: list[Any]) -> Callable[..., Any]:
    """Choose how an output's shape is found: by Keras' rule, or by a trial run without numbers.

    Some rules do not look whether several inputs, or an input and the weights, fit together.
    """
    specs = keras.tree.flatten(getattr(operation, "input_spec", None))
    is_checked = any(spec is not None and spec.axes for spec in specs)  # against the weights
    if len(sources) > 1 or (getattr(operation, "weights", None) and not is_checked):
        return partial(keras.Operation.compute_output_spec, operation)
    return operation.compute_output_spec


def _keras_tensors(structure: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(structure) if isinstance(x, keras.KerasTensor)]
