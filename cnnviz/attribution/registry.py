"""All methods of attribution in one table: class activation maps, then saliency maps."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnnviz.attribution import cam, gradients
from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.methods import Method, method_named
from cnnviz.attribution.targets import Target, contrast, one_class, probability, sum_of
from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput
from cnnviz.network.cost import OnProgress

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

METHODS: dict[str, Method] = {**cam.METHODS, **gradients.METHODS}


def find_method(name: str) -> Method:
    """Return a method by its name.

    Raises
    ------
    InvalidParameterError
        If there is none.
    """
    return method_named(name, METHODS)


def explain(
    model: "LoadedModel",
    image: ImageInput,
    method: str,
    *,
    layer_name: str,
    target: Target,
    on_progress: OnProgress | None = None,
    **settings: Any,
) -> ClassHeatmap:
    """Compute the map of any method.

    Parameters
    ----------
    model : LoadedModel
    image : ImageInput
    method : str
        One of `METHODS`.
    layer_name : str
        A layer with maps.
    target : Target
        What the map explains, such as ``cnnviz.attribution.targets.one_class(3)``.
    on_progress : callable, optional
        Called by slow methods with (done, total); an exception it raises stops the computation.
    **settings
        Those that the method declares.

    Returns
    -------
    ClassHeatmap
        On the grid of the layer, or of the network's input.

    Raises
    ------
    InvalidParameterError, UnknownLayerError, AnalysisError
        As for `class_activation_map` and `saliency_map`.
    """
    find_method(method)
    function: Callable[..., ClassHeatmap] = (
        cam.class_activation_map if method in cam.METHODS else gradients.saliency_map
    )
    return function(
        model,
        image,
        method,
        layer_name=layer_name,
        target=target,
        on_progress=on_progress,
        **settings,
    )


def target_code(target: Target) -> str:
    """Write a target as Python.

    Raises
    ------
    InvalidParameterError
        If it is a function of the user's own, which cannot be written.
    """
    indices = [index for index, _ in target.weights]
    if target == one_class(target.class_index):
        return f"cnnviz.attribution.targets.one_class({target.class_index})"
    if target == probability(target.class_index):
        return f"cnnviz.attribution.targets.probability({target.class_index})"
    if target == sum_of(indices or [0]):
        return f"cnnviz.attribution.targets.sum_of({indices})"
    gamma = -sum(weight for _, weight in target.weights[1:])
    if len(indices) > 1 and target == contrast(indices[0], indices[1:], gamma):
        return f"cnnviz.attribution.targets.contrast({indices[0]}, {indices[1:]}, {gamma:g})"
    raise InvalidParameterError("A function of your own cannot be written as Python.")
