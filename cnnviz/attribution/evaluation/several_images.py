"""Faithfulness of a method on several images: a single one can mislead."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cnnviz.attribution.evaluation.faithfulness import curves_with_controls
from cnnviz.attribution.observation import observe
from cnnviz.attribution.registry import explain
from cnnviz.attribution.targets import one_class
from cnnviz.images import ImageInput
from cnnviz.network.cost import OnProgress, part_of

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

METHOD = "method"  # the name of the measured method among the scores


def scores_of_images(
    model: "LoadedModel",
    images: Sequence[ImageInput],
    method_name: str,
    layer_name: str,
    *,
    kind: str = "blurred",
    settings: Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, list[float]]:
    """Measure insertion minus deletion of a method on images, each for its predicted class.

    Parameters
    ----------
    model : LoadedModel
    images : sequence of ImageInput
        Parts of one photograph are not independent of each other.
    method_name : str
        One of ``cnnviz.attribution.registry.METHODS``.
    layer_name : str
    kind : str
        What removed pixels are replaced with, one of ``cnnviz.attribution.masking.BASELINES``.
    settings : mapping, optional
        Of the method.
    on_progress : callable, optional
        Called with (done, total); an exception it raises stops the computation.

    Returns
    -------
    dict of list of float
        The difference of the two areas, -1 to 1, one for each image: of `METHOD`, and of the
        baselines ``RANDOM`` and ``CENTER`` of the module ``faithfulness``.

    Raises
    ------
    InvalidParameterError
        If there is no such method, layer, setting or replacement.

    References
    ----------
    Petsiuk et al., "RISE", BMVC 2018, arXiv:1806.07421.
    """
    scores: dict[str, list[float]] = {}
    for place, image in enumerate(images):
        tell = part_of(on_progress, place, len(images))

        def report(done: float, total: int, _: Any, tell: OnProgress | None = tell) -> None:
            if tell is not None:
                tell(done, total)

        target = one_class(model.predict(image, top=1)[0].class_index)
        heatmap = explain(
            model, image, method_name, layer_name=layer_name, target=target, **(settings or {})
        )
        curves = curves_with_controls(
            observe(model, image, target, ()),
            {METHOD: heatmap.values},
            kind=kind,
            on_progress=report,
        )
        for name, measured in curves.items():
            scores.setdefault(name, []).append(measured.score)
    return scores
