"""Chance changes of training pictures: the same thing, seen a little differently each time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cnnviz.errors import InvalidParameterError

if TYPE_CHECKING:
    import keras

FILLS = ("nearest", "reflect", "wrap", "constant")
MAX_ROTATION_DEGREES, MAX_SHEAR_DEGREES = 180.0, 45.0
MAX_SHIFT, MAX_ZOOM = 0.5, 0.9


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far pictures are changed by chance, each one anew every time it is shown.

    Every number is a bound: the change is drawn evenly between minus and plus that number.

    Attributes
    ----------
    rotation_degrees : float
        Turn about the middle, 0 to 180.
    shift : float
        Share of height and width that the picture is moved by, 0 to 0.5.
    shear_degrees : float
        Slant of upright lines, 0 to 45, about the top left corner as Keras does it.
    zoom : float
        0.2 shows the picture at 80 to 120 % of its field of view, 0 to 0.9.
    flip : bool
        Whether half of the pictures are mirrored left to right. Not for digits: a mirrored 2 is
        none.
    fill : str
        What comes in at the border, one of `FILLS`: the nearest pixel, the picture mirrored or
        repeated, or black (``constant``).

    Raises
    ------
    InvalidParameterError
        If a number is outside its range.
    """

    rotation_degrees: float = 0.0
    shift: float = 0.0
    shear_degrees: float = 0.0
    zoom: float = 0.0
    flip: bool = False
    fill: str = "nearest"

    def __post_init__(self) -> None:
        ranges = {
            "rotation_degrees": (self.rotation_degrees, MAX_ROTATION_DEGREES),
            "shift": (self.shift, MAX_SHIFT),
            "shear_degrees": (self.shear_degrees, MAX_SHEAR_DEGREES),
            "zoom": (self.zoom, MAX_ZOOM),
        }
        for name, (value, highest) in ranges.items():
            if not 0 <= value <= highest:
                raise InvalidParameterError(f"{name} must be from 0 to {highest:g}, got {value}.")
        if self.fill not in FILLS:
            raise InvalidParameterError(
                f"fill must be one of {', '.join(FILLS)}, got {self.fill!r}."
            )

    @property
    def changes_anything(self) -> bool:
        """Whether any picture comes out different."""
        return self.flip or any((self.rotation_degrees, self.shift, self.shear_degrees, self.zoom))


UNCHANGED = Augmentation()


def augmentation_layers(augmentation: Augmentation, seed: int) -> "keras.Sequential":
    """Build the layers that change a batch of pictures by chance.

    Call it with ``training=True``; otherwise it gives the pictures as they are. It can stand in
    front of any network or be used by itself.

    Parameters
    ----------
    augmentation : Augmentation
    seed : int
        The same seed gives the same changes in the same order.

    Returns
    -------
    keras.Sequential
        From float32 (N, h, w, C) to the same shape and range; C is 1 or 3.

    Examples
    --------
    >>> import numpy as np
    >>> mirror = augmentation_layers(Augmentation(flip=True), seed=0)
    >>> mirror(np.zeros((2, 8, 8, 3), np.float32), training=True).shape
    TensorShape([2, 8, 8, 3])
    """
    import math

    from keras import Sequential, layers

    how = {"fill_mode": augmentation.fill, "fill_value": 0.0, "seed": seed}
    steps: list[keras.Layer] = []
    if augmentation.flip:
        steps.append(layers.RandomFlip("horizontal", seed=seed, name="flip"))
    if augmentation.rotation_degrees:
        turn = augmentation.rotation_degrees / 360
        steps.append(layers.RandomRotation(turn, name="rotation", **how))
    if augmentation.shear_degrees:
        slant = math.tan(math.radians(augmentation.shear_degrees))
        steps.append(layers.RandomShear(x_factor=slant, name="shear", **how))
    if augmentation.zoom:
        steps.append(layers.RandomZoom(augmentation.zoom, name="zoom", **how))
    if augmentation.shift:
        shift = augmentation.shift
        steps.append(layers.RandomTranslation(shift, shift, name="shift", **how))
    return Sequential(steps or [layers.Identity(name="unchanged")], name="augmentation")
