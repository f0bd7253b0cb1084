"""What a method is: its settings, its formula, where it applies, what it costs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.attribution.heatmap import ClassHeatmap
from cnnviz.attribution.observation import OBSERVATION, Observation
from cnnviz.errors import AnalysisError, CnnvizError, InvalidParameterError
from cnnviz.network import IMAGE
from cnnviz.network.cost import OnProgress, is_slow

if TYPE_CHECKING:  # TensorFlow is loaded when there is a model, not before
    from cnnviz.network.inspected_model import LoadedModel


@dataclass(frozen=True, slots=True)
class Setting:
    """A number, choice or switch of a method: page, command line and tests are built from it.

    Attributes
    ----------
    name, title, help : str
        In code, on the page, and what it does.
    default : float, int, bool or str
        Its type is the type of the setting.
    low, high, step : float
        Range of a number and how far a slider moves.
    choices : tuple of str
        All values of a str.
    """

    name: str
    title: str
    default: Any
    low: float = 0
    high: float = 0
    step: float = 0
    choices: tuple[str, ...] = ()
    help: str = ""

    def checked(self, value: Any) -> Any:
        """Bring a value, perhaps read from text, into the setting's type and refuse others.

        Raises
        ------
        InvalidParameterError
        """
        kind = type(self.default)
        if kind is bool:
            value = {"true": True, "yes": True, "false": False, "no": False}.get(str(value).lower())
            if value is None:
                raise InvalidParameterError(f"{self.name} must be true or false.")
            return value
        if kind is str:
            if value not in self.choices:
                raise InvalidParameterError(
                    f"{self.name} must be one of {', '.join(self.choices)}, got {value!r}."
                )
            return value
        try:
            number = kind(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InvalidParameterError(f"{self.name} must be a number, got {value!r}.") from error
        if not self.low <= number <= self.high:
            raise InvalidParameterError(
                f"{self.name} must be from {self.low:g} to {self.high:g}, got {value}."
            )
        return number


Explain = Callable[[Observation, str, Mapping[str, Any], OnProgress | None], "AttributionMap"]
NumPasses = Callable[["LoadedModel", str, Mapping[str, Any]], int]


SEED = Setting("seed", "Seed", 0, 0, 9999, 1, help="The same seed gives the same map.")


@dataclass(frozen=True, slots=True, eq=False)
class AttributionMap:
    """A map (h, w) and its diagnostics."""

    values: np.ndarray
    diagnostics: tuple[tuple[str, float], ...] = ()


def _fits(model: "LoadedModel", layer_name: str) -> str:
    return ""


def _no_passes(model: "LoadedModel", layer_name: str, settings: Mapping[str, Any]) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Method:
    """A method of attribution: what it computes, and how it is explained.

    Attributes
    ----------
    name, title, paper : str
    summary, formula : str
        What it computes, in a student's words and in LaTeX.
    explain : callable
        Computes the map from an observation, a layer, settings and a progress callback.
    settings : tuple of Setting
    unsupported_reason : callable
        Returns why the method cannot be used on a network and layer; empty if it can.
    needs : tuple of str
        What it needs of the common pass: ``layer``, ``image``, both or nothing.
    num_passes : callable
        Says for a network, a layer and checked settings how many images go through the network
        besides the one of the common pass; one that goes back, too, counts as 1 + `BACKWARD`, one
        that goes through the upper layers only as 1. The most there can be where it depends on the
        image. For targets that are no weighted sum of logits, an image that goes back goes forward
        twice, which is not counted.
    warning : str
        A known limitation.
    """

    name: str
    title: str
    paper: str
    summary: str
    formula: str
    explain: Explain
    settings: tuple[Setting, ...] = ()
    unsupported_reason: Callable[["LoadedModel", str], str] = _fits
    needs: tuple[str, ...] = ("layer",)
    num_passes: NumPasses = _no_passes
    warning: str = ""

    @property
    def is_on_a_layer(self) -> bool:
        """Whether the map has the grid of a layer, and not that of the image."""
        return self.needs == ("layer",)

    def needed_layers(self, layer_name: str) -> tuple[str, ...]:
        """Return the layers that the common pass must keep."""
        names = {"layer": layer_name, "image": IMAGE}
        return tuple(names[need] for need in self.needs)

    def is_slow(
        self, model: "LoadedModel", layer_name: str, settings: Mapping[str, Any] | None = None
    ) -> bool:
        """Whether a map takes noticeably long, the common pass included.

        Raises
        ------
        InvalidParameterError
            If a setting is out of range.
        """
        checked = self.checked(settings or {})
        return is_slow(model, OBSERVATION + self.num_passes(model, layer_name, checked))

    def checked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Check settings and fill in the defaults.

        Raises
        ------
        InvalidParameterError
        """
        known = {setting.name: setting for setting in self.settings}
        for name in settings:
            if name not in known:
                offered = f"It has: {', '.join(known)}." if known else "It has none."
                raise InvalidParameterError(f"{self.title} has no setting {name!r}. {offered}")
        return {
            name: setting.checked(settings.get(name, setting.default))
            for name, setting in known.items()
        }


def method_named(name: str, methods: Mapping[str, Method]) -> Method:
    """Return one of several methods by its name.

    Raises
    ------
    InvalidParameterError
        If there is none.
    """
    if name not in methods:
        raise InvalidParameterError(
            f"There is no method {name!r}. Choose one of: {', '.join(methods)}."
        )
    return methods[name]


def attribution_map(
    observation: Observation,
    method: Method,
    layer_name: str,
    settings: Mapping[str, Any] | None = None,
    on_progress: OnProgress | None = None,
) -> ClassHeatmap:
    """Compute the map of one method from an observation.

    Raises
    ------
    InvalidParameterError
        If a setting is out of range, or the method does not fit the network or layer.
    """
    checked = method.checked(settings or {})
    reason = method.unsupported_reason(observation.model, layer_name)
    if reason:
        raise InvalidParameterError(f"{method.title} cannot be used here: {reason}")
    try:
        raw_map = method.explain(observation, layer_name, checked, on_progress)
    except (ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as error:
        if isinstance(error, CnnvizError):
            raise
        raise AnalysisError(
            f"{method.title} failed for {observation.model.card.title} at {layer_name!r} "
            f"({type(error).__name__}). Choose another layer or method."
        ) from error
    return ClassHeatmap(
        values=raw_map.values,
        layer_name=layer_name if method.is_on_a_layer else IMAGE,
        class_index=observation.target.class_index,
        logit=float(observation.logits[observation.target.class_index]),
        method=method.name,
        target=observation.target.name,
        settings=tuple(checked.items()),
        diagnostics=(("score", observation.value), *raw_map.diagnostics),
    )


def positive_part(settings: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    """Set negative values to zero, unless the setting ``signed`` keeps them."""
    return values if settings.get("signed") else np.maximum(values, 0)


SIGNED = Setting(
    "signed",
    "Show opposing regions too",
    False,
    help="Omits the final ReLU: blue regions lower the logit.",
)
