"""How an image is optimized: its basis, the transforms that regularize it, the steps."""

import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from cnnviz.errors import InvalidParameterError

if TYPE_CHECKING:
    from cnnviz.feature_visualization.objectives import Objective
    from cnnviz.network.inspected_model import LoadedModel

MIN_SIZE_PX, MAX_SIZE_PX, MAX_STEPS = 8, 512, 4096
COLOR_SPACES = ("none", "imagenet", "svhn")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that an image depends on besides network, objective and seed.

    Attributes
    ----------
    size_px : int
        Side of the image, 8 to 512; its height where `width_px` is given.
    steps : int
        1 to 4096.
    basis : {"fourier", "pixels"}
        What is optimized: frequencies, scaled so that all matter alike, or the pixels themselves.
    colors : {"none", "imagenet", "svhn"}
        Colors in which the pixels of those images are uncorrelated; none for single channels.
    jitter_px : float
        The image is moved by up to this many pixels before each step,
    scale : float
        enlarged or reduced by up to this share,
    rotation_degrees : float
        and turned by up to this angle, so that it must be good however it lies.
    optimizer : {"adam", "normalized"}
        Adam, or steps along the gradient divided by its root mean square.
    learning_rate : float
        Of Adam; or the step in gray levels (root mean square) from 0 to 1.
    l2, total_variation : float
        Penalties: mean square distance from gray, mean absolute difference of neighbors.
    blur_every : int
        Blur the pixels slightly after so many steps; 0 never. Pixels only.
    clip_share : float
        With each blur, set this share of the pixels, the faintest, to gray. Pixels only.
    decay_power : float
        How much low frequencies are preferred; 1 as in natural images. Frequencies only.
    patience : int
        End early if so many steps brought nothing better than before; 0 never.
    stretches : bool
        Whether the contrast of the result is stretched to a standard deviation of 0.15.
    width_px : int or None
        Width of an image that is not square, 8 to 512.
    """

    size_px: int = 128
    steps: int = 128
    basis: str = "fourier"
    colors: str = "imagenet"
    jitter_px: float = 8.0
    scale: float = 0.1
    rotation_degrees: float = 10.0
    optimizer: str = "adam"
    learning_rate: float = 0.05
    l2: float = 0.0
    total_variation: float = 0.0
    blur_every: int = 0
    clip_share: float = 0.0
    decay_power: float = 1.0
    patience: int = 0
    stretches: bool = False
    width_px: int | None = None

    def __post_init__(self) -> None:
        if self.width_px == self.size_px:  # equal images have equal recipes
            object.__setattr__(self, "width_px", None)
        if self.optimizer == "normalised":
            warnings.warn(
                "The optimizer is called 'normalized' now.", DeprecationWarning, stacklevel=3
            )
            object.__setattr__(self, "optimizer", "normalized")
        for name, value, allowed in (
            ("basis", self.basis, ("fourier", "pixels")),
            ("colors", self.colors, COLOR_SPACES),
            ("optimizer", self.optimizer, ("adam", "normalized")),
        ):
            if value not in allowed:
                raise InvalidParameterError(
                    f"There is no {name} {value!r}. Choose one of: {', '.join(allowed)}."
                )
        for name, low, high in (
            ("size_px", MIN_SIZE_PX, MAX_SIZE_PX),
            ("width_px", MIN_SIZE_PX, MAX_SIZE_PX),
            ("steps", 1, MAX_STEPS),
            ("jitter_px", 0, 64),
            ("scale", 0, 0.5),
            ("rotation_degrees", 0, 180),
            ("learning_rate", 1e-6, 100),
            ("l2", 0, 1e6),
            ("total_variation", 0, 1e6),
            ("blur_every", 0, MAX_STEPS),
            ("patience", 0, MAX_STEPS),
            ("clip_share", 0, 0.9),
            ("decay_power", 0, 4),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InvalidParameterError(
                    f"{name} must be from {low:g} to {high:g}, got {value}."
                )

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image in pixels."""
        return self.size_px, self.width_px or self.size_px

    def changed(
        self, steps: int | None = None, size_px: int | None = None, width_px: int | None = None
    ) -> "Recipe":
        """Return the recipe with other steps or another size; None leaves them as they are.

        A side alone is that of a square.
        """
        recipe = self if steps is None else replace(self, steps=steps)
        if size_px is None and width_px is None:
            return recipe
        side = self.size_px if size_px is None else size_px
        return replace(recipe, size_px=side, width_px=width_px)

    @property
    def graph_key(self) -> tuple[object, ...]:
        """What the compiled graph depends on: all but the number of steps."""
        told = asdict(self).items()
        return tuple(value for name, value in told if name not in ("steps", "patience"))


LUCID = Recipe()
SMALL = Recipe(
    size_px=32, jitter_px=2, scale=0.05, rotation_degrees=5, colors="none", decay_power=1.0
)
LECTURE = Recipe(
    steps=40,
    basis="pixels",
    colors="none",
    jitter_px=0,
    scale=0,
    rotation_degrees=0,
    optimizer="normalized",
    learning_rate=1 / 255,
    stretches=True,
)
PRESETS = {"lucid": LUCID, "small": SMALL, "lecture": LECTURE}


def size_text(height: int, width: int) -> str:
    """Say a size in pixels, such as ``28 × 28`` or ``64 × 32 (height × width)``."""
    return f"{height} × {width}" + ("" if height == width else " (height × width)")


def suggested_recipe(model: "LoadedModel", objective: "Objective | None" = None) -> Recipe:
    """Return the recipe that suits a network: lucid's, or a gentler one for small images.

    Parameters
    ----------
    model : LoadedModel
    objective : Objective, optional
        What the image is for. The recipe has a size at which it can be computed: the network's own,
        or else the smallest, where the usual size does not work. If left out, a size at which the
        class scores and all layers with maps can be computed.
    """
    side = max(model.input_shape[:2])
    if model.input_shape[2] == 1:
        recipe = replace(SMALL, size_px=min(max(side, MIN_SIZE_PX), MAX_SIZE_PX))
    elif side <= 64:
        recipe = replace(SMALL, size_px=max(side, MIN_SIZE_PX), colors="svhn")
    else:
        recipe = LUCID
    return _in_a_size_that_works(model, objective, recipe)


def _in_a_size_that_works(
    model: "LoadedModel", objective: "Objective | None", recipe: Recipe
) -> Recipe:
    from cnnviz.feature_visualization.sizes import can_compute, smallest_size, working_sizes

    if can_compute(model, objective, *recipe.shape):
        return recipe
    own = working_sizes(model, objective, ())
    if own:
        return replace(recipe, size_px=own[0][0], width_px=own[0][1])
    smallest = smallest_size(model, objective)
    return recipe if smallest is None else replace(recipe, size_px=smallest)
