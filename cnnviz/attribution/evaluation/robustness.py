"""Images changed a little on purpose: does the prediction stay, does the map follow?"""

from dataclasses import dataclass

import cv2
import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.images import ImageInput, image_from_pixels

_RANGES = {
    "shift_x": (-0.5, 0.5),
    "shift_y": (-0.5, 0.5),
    "rotation_degrees": (-180.0, 180.0),
    "scale": (0.25, 4.0),
    "contrast": (0.0, 3.0),
    "noise": (0.0, 1.0),
    "square": (0.0, 0.9),
    "square_x": (0.0, 1.0),
    "square_y": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Stress:
    """What is done to an image, in this order: move, contrast, noise, cover.

    Attributes
    ----------
    shift_x, shift_y : float
        To the right and down, as a share of width and height, -0.5 to 0.5.
    rotation_degrees : float
        Counter-clockwise about the middle, -180 to 180.
    scale : float
        0.25 to 4; above 1 things get larger. What comes in at the border is the image mirrored.
    contrast : float
        0 (even gray) to 3, about middle gray.
    noise : float
        Standard deviation as a share of the full range, 0 to 1.
    square : float
        Side of a gray square as a share of the shorter side, 0 to 0.9.
    square_x, square_y : float
        Its middle, 0 to 1 from the left and the top.
    seed : int
        Of the noise.

    Raises
    ------
    InvalidParameterError
        If a number is outside its range.
    """

    shift_x: float = 0.0
    shift_y: float = 0.0
    rotation_degrees: float = 0.0
    scale: float = 1.0
    contrast: float = 1.0
    noise: float = 0.0
    square: float = 0.0
    square_x: float = 0.5
    square_y: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InvalidParameterError(
                    f"{name} must be from {low:g} to {high:g}, got {value}."
                )


def stressed(image: ImageInput, stress: Stress) -> ImageInput:
    """Change an image as `stress` says; unchanged if it says nothing."""
    pixels = _covered(_noisy(_moved(image.pixels, stress), stress), stress)
    return image_from_pixels(np.ascontiguousarray(pixels))


def _moved(pixels: np.ndarray, stress: Stress) -> np.ndarray:
    height, width = pixels.shape[:2]
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, stress.rotation_degrees, stress.scale)
    matrix[:, 2] += (stress.shift_x * width, stress.shift_y * height)
    if np.array_equal(matrix, [[1, 0, 0], [0, 1, 0]]):
        return pixels
    return cv2.warpAffine(pixels, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def _noisy(pixels: np.ndarray, stress: Stress) -> np.ndarray:
    if stress.contrast == 1 and not stress.noise:
        return pixels
    values = 127.5 + stress.contrast * (pixels.astype(np.float32) - 127.5)
    if stress.noise:
        rng = np.random.default_rng(stress.seed)
        values += 255 * stress.noise * rng.standard_normal(values.shape, np.float32)
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _covered(pixels: np.ndarray, stress: Stress) -> np.ndarray:
    side = round(stress.square * min(pixels.shape[:2]))
    if not side:
        return pixels
    top, left = (
        round(place * length - side / 2)
        for place, length in zip((stress.square_y, stress.square_x), pixels.shape[:2], strict=True)
    )
    covered = pixels.copy()
    covered[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = 128
    return covered
