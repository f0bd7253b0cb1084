"""Pictures for the screen: enlarged with hard pixels, set side by side, encoded."""

from collections.abc import Sequence
from math import ceil, sqrt

import cv2
import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.figures.colours import Scale, colourize


def enlarge(pixels: np.ndarray, side_px: int = 512) -> np.ndarray:
    """Enlarge a small picture by a whole factor, pixels staying hard squares.

    The factor is the largest that keeps the longer side within `side_px`, and at least 1.
    """
    factor = max(1, side_px // max(pixels.shape[:2]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode an RGB or grey uint8 picture without loss."""
    return _encode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def encode_jpeg(pixels: np.ndarray, quality: int = 92) -> bytes:
    """Encode an RGB or grey uint8 picture for the screen: fast, with a small loss."""
    return _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])


def _encode(extension: str, pixels: np.ndarray, options: list[int]) -> bytes:
    if pixels.dtype != np.uint8:
        raise InvalidParameterError(f"expected uint8 pixels, got {pixels.dtype}.")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # OpenCV's order ends with this function
    _, encoded = cv2.imencode(extension, pixels, options)
    return encoded.tobytes()


def mosaic(
    maps: Sequence[np.ndarray] | np.ndarray,
    scales: Sequence[Scale],
    *,
    columns: int | None = None,
    tile_px: int = 96,
    first_number: int = 0,
) -> np.ndarray:
    """Set many maps into one picture, numbered, uint8 (H, W, 3).

    Parameters
    ----------
    maps : sequence of ndarray (h, w), or ndarray (num_maps, h, w)
    scales : sequence of Scale
        One per map; give the same one often to make them comparable.
    columns : int, optional
        Tiles in a row; as square as possible if left out.
    tile_px : int
        Longer side of a tile in pixels. Maps smaller than that are enlarged by a whole factor.
    first_number : int
        Number written on the first tile.
    """
    columns = columns or ceil(sqrt(len(maps)))
    rows = ceil(len(maps) / columns)
    gap, cell = 4, tile_px + 4
    sheet = np.full((rows * cell + gap, columns * cell + gap, 3), 128, np.uint8)
    for place, (values, scale) in enumerate(zip(maps, scales, strict=True)):
        tile = _fit(colourize(values, scale), tile_px)
        top, left = (gap + cell * i for i in divmod(place, columns))
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
        _write_number(sheet, str(first_number + place), top, left)
    return sheet


def _fit(pixels: np.ndarray, side_px: int) -> np.ndarray:
    longer = max(pixels.shape[:2])
    if longer <= side_px:
        return enlarge(pixels, side_px)
    size = [max(1, round(length * side_px / longer)) for length in pixels.shape[:2]]
    return cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def _write_number(sheet: np.ndarray, number: str, top: int, left: int) -> None:
    """White on black in the tile's corner, readable on every colour."""
    cv2.rectangle(sheet, (left, top), (left + 9 * len(number) + 4, top + 15), (0, 0, 0), -1)
    place = (left + 2, top + 12)
    cv2.putText(
        sheet, number, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, (255, 255, 255), 1, cv2.LINE_AA
    )
