"""Chance changes of training images: the same thing, seen a little differently each time."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.errors import InvalidParameterError

if TYPE_CHECKING:
    import keras

FILLS = ("nearest", "reflect", "wrap", "constant")
MAX_ROTATION_DEGREES, MAX_SHEAR_DEGREES = 180.0, 45.0
MAX_SHIFT, MAX_ZOOM = 0.5, 0.9
MAX_CONTRAST, MAX_BRIGHTNESS = 0.9, 0.9
WHITE = 255.0  # pixels go from 0 to this


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far images are changed by chance, each one anew every time it is shown.

    Every number is a bound: the change is drawn evenly between minus and plus that number.

    Attributes
    ----------
    rotation_degrees : float
        Turn about the middle, 0 to 180.
    shift : float
        Share of height and width that the image is moved by, 0 to 0.5.
    shear_degrees : float
        Slant of upright lines, 0 to 45, about the top left corner as Keras does it.
    zoom : float
        0.2 shows the image at 80 to 120 % of its field of view, 0 to 0.9.
    flip : bool
        Whether half of the images are mirrored left to right. Not for digits: a mirrored 2 is
        none.
    fill : str
        What comes in at the border, one of `FILLS`: the nearest pixel, the image mirrored or
        repeated, or black (``constant``).
    contrast : float
        0.2 multiplies the distance of every pixel from the mean of its color by 0.8 to 1.2; 0 to
        0.9.
    brightness : float
        0.2 adds up to a fifth of white to every pixel or takes it away, 0 to 0.9.

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
    contrast: float = 0.0
    brightness: float = 0.0

    def __post_init__(self) -> None:
        ranges = {
            "rotation_degrees": (self.rotation_degrees, MAX_ROTATION_DEGREES),
            "shift": (self.shift, MAX_SHIFT),
            "shear_degrees": (self.shear_degrees, MAX_SHEAR_DEGREES),
            "zoom": (self.zoom, MAX_ZOOM),
            "contrast": (self.contrast, MAX_CONTRAST),
            "brightness": (self.brightness, MAX_BRIGHTNESS),
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
        """Whether any image comes out different."""
        bounds = (self.rotation_degrees, self.shift, self.shear_degrees, self.zoom)
        return self.flip or any((*bounds, self.contrast, self.brightness))


UNCHANGED = Augmentation()

# The lecture's shear_range=0.2 was written when Keras read it in radians: 11.5 degrees. Later
# versions of ImageDataGenerator read the same number in degrees, which nobody can see.
LECTURE = Augmentation(rotation_degrees=40, shift=0.2, shear_degrees=11.5, zoom=0.2, flip=True)


def augmentation_layers(augmentation: Augmentation, seed: int) -> "keras.Sequential":
    """Build the layers that change a batch of images by chance.

    Call it with ``training=True``; otherwise it gives the images as they are. It can stand in
    front of any network or be used by itself. Light is changed before the image is moved. All
    layers that move it are given the same seed: of one image, flip, rotation, zoom and vertical
    shift come from the same random number.

    Parameters
    ----------
    augmentation : Augmentation
    seed : int
        The same seed gives the same changes in the same order.

    Returns
    -------
    keras.Sequential
        From float32 (N, h, w, C), 0 to 255 where light is changed, to the same shape and range;
        C is 1 or 3.

    Examples
    --------
    >>> import numpy as np
    >>> mirror = augmentation_layers(Augmentation(flip=True), seed=0)
    >>> mirror(np.zeros((2, 8, 8, 3), np.float32), training=True).shape
    TensorShape([2, 8, 8, 3])
    """
    from keras import Sequential, layers

    how = {"fill_mode": augmentation.fill, "fill_value": 0.0, "seed": seed}
    steps: list[keras.Layer] = []
    if augmentation.contrast:
        both = (augmentation.contrast,) * 2  # of one number Keras only takes the upper side
        steps.append(layers.RandomContrast(both, seed=seed + 1, name="contrast"))
    if augmentation.brightness:
        light = augmentation.brightness
        steps.append(layers.RandomBrightness(light, seed=seed + 2, name="brightness"))
    if augmentation.flip:
        steps.append(layers.RandomFlip("horizontal", seed=seed, name="flip"))
    if augmentation.rotation_degrees:
        turn = augmentation.rotation_degrees / 360
        steps.append(layers.RandomRotation(turn, name="rotation", **how))
    if augmentation.shear_degrees:
        slant = _slant(augmentation)
        steps.append(layers.RandomShear(x_factor=slant, name="shear", **how))
    if augmentation.zoom:
        steps.append(layers.RandomZoom(augmentation.zoom, name="zoom", **how))
    if augmentation.shift:
        shift = augmentation.shift
        steps.append(layers.RandomTranslation(shift, shift, name="shift", **how))
    return Sequential(steps or [layers.Identity(name="unchanged")], name="augmentation")


def draws(pixels: np.ndarray, augmentation: Augmentation, num: int, seed: int) -> np.ndarray:
    """Draw changed versions of one image, as a training that starts with this seed would.

    Parameters
    ----------
    pixels : uint8 ndarray of shape (h, w, C)
        C is 1 or 3. A training changes images that already have the network's input size.
    augmentation : Augmentation
    num : int
        At least 1.
    seed : int
        The same seed gives the same changes.

    Returns
    -------
    uint8 ndarray of shape (num, h, w, C)
        Rounded to whole numbers, which a training does not do.

    Raises
    ------
    InvalidParameterError
        If there is no such image or number.
    """
    if num < 1:
        raise InvalidParameterError(f"num must be at least 1, got {num}.")
    batch = np.repeat(_as_batch(pixels), num, axis=0)
    return _as_pixels(augmentation_layers(augmentation, seed)(batch, training=True))


def extremes(pixels: np.ndarray, augmentation: Augmentation) -> dict[str, np.ndarray]:
    """Change an image by one thing at a time, as far as it goes.

    Parameters
    ----------
    pixels : uint8 ndarray of shape (h, w, C)
        C is 1 or 3.
    augmentation : Augmentation

    Returns
    -------
    dict of uint8 ndarray of shape (2, h, w, C)
        For each change that is made (``contrast``, ``brightness``, ``flip``, ``rotation``,
        ``shear``, ``zoom``, ``shift``) the image at minus and at plus its bound; at ``flip`` as
        it is and mirrored.

    Raises
    ------
    InvalidParameterError
        If it is no such image.
    """
    batch = np.repeat(_as_batch(pixels), 2, axis=0)
    if not augmentation.changes_anything:
        return {}
    settings = {}
    for layer in augmentation_layers(augmentation, seed=0).layers:
        ends = _both_ends(layer.name, augmentation, batch)
        settings[layer.name] = _as_pixels(layer.transform_images(batch, ends, training=True))
    return settings


def _both_ends(name: str, augmentation: Augmentation, batch: np.ndarray) -> dict[str, Any]:
    """Say to a layer what it would else draw, at minus and at plus its bound."""
    _, height, width, _ = batch.shape
    signs: np.ndarray = np.array([[-1], [1]], np.float32)
    everywhere = signs[..., np.newaxis, np.newaxis]
    zoomed = 1 + signs * augmentation.zoom
    ends: dict[str, dict[str, Any]] = {
        "contrast": {"contrast_factor": 1 + everywhere * augmentation.contrast},
        "brightness": {"rgb_delta": everywhere * WHITE * augmentation.brightness},
        "flip": {"flips": everywhere > 0},
        "shear": {"shear_factor": signs @ np.array([[_slant(augmentation), 0]], np.float32)},
        "zoom": {"height_zoom": zoomed, "width_zoom": zoomed},
        "shift": {
            "translations": signs @ np.array([[width, height]], np.float32) * augmentation.shift
        },
    }
    chosen = ends.get(name) or {"rotation_matrix": _turned(augmentation, batch)}
    return {**chosen, "input_shape": batch.shape}


def _turned(augmentation: Augmentation, batch: np.ndarray) -> np.ndarray:
    """Return the matrices of the two rotations, float32 (2, 8)."""
    from keras import layers

    turn = augmentation.rotation_degrees / 360
    fixed = [layers.RandomRotation((end, end)) for end in (-turn, turn)]
    ways = [layer.get_random_transformation(batch[:1]) for layer in fixed]
    return np.concatenate([np.asarray(way["rotation_matrix"]) for way in ways])


def _slant(augmentation: Augmentation) -> float:
    return float(np.tan(np.radians(augmentation.shear_degrees)))


def _as_batch(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise InvalidParameterError(
            f"expected uint8 pixels (h, w, 1 or 3), got {pixels.dtype} {pixels.shape}."
        )
    return pixels[np.newaxis].astype(np.float32)


def _as_pixels(images: Any) -> np.ndarray:
    return np.rint(np.clip(np.asarray(images), 0, WHITE)).astype(np.uint8)
