"""Numbers to colors: perceptually even maps, and diverging ones with white at zero."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from cnnviz.arrays import upsample
from cnnviz.errors import InvalidParameterError

SEQUENTIAL = ("viridis", "inferno", "cividis", "gray")
DIVERGING = "blue-red"
_DIMMED = 0.35  # brightness of what the network did not see
_PLOTLY_NAMES = {DIVERGING: "RdBu_r"}


@dataclass(frozen=True, slots=True)
class Scale:
    """Which number gets which color: `low` the first color of `color_map`, `high` the last."""

    low: float
    high: float
    color_map: str

    def __post_init__(self) -> None:
        if self.color_map not in (*SEQUENTIAL, DIVERGING):
            raise InvalidParameterError(
                f"There is no color map {self.color_map!r}. "
                f"Choose one of: {', '.join((*SEQUENTIAL, DIVERGING))}."
            )
        if not self.low < self.high:
            raise InvalidParameterError(
                f"a scale must rise, got {self.low} to {self.high} for its ends."
            )


def signed_scale(*arrays: np.ndarray) -> Scale:
    """Symmetric scale about zero that holds all `arrays`: zero is white, red is positive.

    An empty image (all zero) gets the range -1 to 1 and is drawn white.
    """
    reach = max((float(np.abs(values).max()) for values in arrays), default=0.0)
    reach = reach or 1.0
    return Scale(-reach, reach, DIVERGING)


def unsigned_scale(*arrays: np.ndarray, color_map: str = "viridis") -> Scale:
    """Scale from zero to the largest value of all `arrays`; all zero gives the range 0 to 1."""
    top = max((float(values.max()) for values in arrays), default=0.0)
    return Scale(0.0, top if top > 0 else 1.0, color_map)


@lru_cache(maxsize=16)
def color_table(color_map: str) -> np.ndarray:
    """The 256 colors of a map, uint8 (256, 3) RGB, from the first to the last."""
    from plotly.colors import get_colorscale, sample_colorscale, unlabel_rgb

    if color_map == "gray":
        return np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    steps = np.linspace(0, 1, 256).tolist()
    scale = get_colorscale(_PLOTLY_NAMES.get(color_map, color_map.capitalize()))
    colors = [unlabel_rgb(color) for color in sample_colorscale(scale, steps)]
    return np.round(colors).astype(np.uint8)


def colorize(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Paint an array of numbers, uint8 (h, w, 3) RGB; what lies outside the scale is clipped."""
    span = scale.high - scale.low
    places = np.clip((np.asarray(values, np.float32) - scale.low) / span, 0, 1) * 255
    table = np.ascontiguousarray(color_table(scale.color_map)[None])
    return cv2.applyColorMap(np.rint(places).astype(np.uint8), table.reshape(256, 1, 3))


def overlay(pixels: np.ndarray, painted: np.ndarray, opacity: float) -> np.ndarray:
    """Lay a painted map over an image: (1 - opacity) image + opacity map, uint8 RGB.

    Parameters
    ----------
    pixels, painted : uint8 ndarray of shape (h, w, 3)
    opacity : float
        0 returns the image, 1 the map.
    """
    if pixels.shape != painted.shape:
        raise InvalidParameterError(
            f"image and map must have one size, got {pixels.shape} and {painted.shape}."
        )
    if not 0 <= opacity <= 1:
        raise InvalidParameterError(f"opacity must lie between 0 and 1, got {opacity}.")
    return cv2.addWeighted(pixels, 1 - opacity, painted, opacity, 0)


def overlay_part(
    pixels: np.ndarray,
    values: np.ndarray,
    scale: Scale,
    opacity: float,
    part: tuple[slice, slice],
    *,
    is_smooth: bool = True,
    threshold: float = 0.0,
    has_contour: bool = False,
) -> np.ndarray:
    """Lay a map over the part of an image that the network saw; dim what it did not see.

    Parameters
    ----------
    pixels : uint8 ndarray of shape (h, w, 3)
    values : float ndarray
        The map on its own grid.
    part : two slices
        Rows and columns of `pixels` that the map stands for.
    is_smooth : bool
        Whether it is enlarged smoothly, or cell by cell.
    threshold : float
        Share of the scale's upper end; where the map is smaller than that, the image stays.
    has_contour : bool
        Whether a line is drawn where the map reaches the threshold, or half of the scale's upper
        end if that is 0.

    Returns
    -------
    uint8 ndarray of shape (h, w, 3)
    """
    seen = pixels[part]
    large = upsample(values, *seen.shape[:2]) if is_smooth else _in_cells(values, *seen.shape[:2])
    painted = overlay(seen, colorize(large, scale), opacity)
    if threshold > 0:
        painted = np.where((np.abs(large) < threshold * scale.high)[..., None], seen, painted)
    if has_contour:
        level = (threshold or 0.5) * scale.high
        region = (np.abs(large) >= level).astype(np.uint8)
        lines, _ = cv2.findContours(region, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        width = max(1, round(max(seen.shape) / 300))
        painted = np.ascontiguousarray(painted)
        cv2.drawContours(painted, lines, -1, (0, 0, 0), width + 2)
        cv2.drawContours(painted, lines, -1, (255, 255, 255), width)
    whole = (pixels * _DIMMED).astype(np.uint8)
    whole[part] = painted
    return whole


def _in_cells(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarge a map so that each pixel has the value of the cell it lies in."""
    rows = (np.arange(height) * values.shape[0]) // height
    columns = (np.arange(width) * values.shape[1]) // width
    return values[rows[:, None], columns]


def heatmap_scale(values: np.ndarray, color_map: str, *, percentile: float = 100.0) -> Scale:
    """Choose the scale of a map: from zero, or symmetric about zero where it has negative cells.

    With a percentile below 100 the strongest few pixels do not make all others look empty.
    """
    reach = float(np.percentile(np.abs(values), percentile)) or float(np.abs(values).max()) or 1.0
    if float(values.min()) < 0:
        return Scale(-reach, reach, DIVERGING)
    return Scale(0.0, reach, color_map)


def direction_image(thetas: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Paint directions as colors of the wheel, dark where there is no response, uint8 RGB.

    Parameters
    ----------
    thetas : ndarray of shape (h, w)
        Directions in radians; those half a turn apart get one color.
    strength : ndarray of shape (h, w)
        From 0 (black) to its maximum (full color).
    """
    top = float(strength.max()) or 1.0
    hue = (np.asarray(thetas) % np.pi) / np.pi * 180
    full = np.full(hue.shape, 255.0)
    hsv = np.stack([hue, 0.75 * full, np.clip(strength / top, 0, 1) * 255], axis=-1)
    return cv2.cvtColor(np.rint(hsv).astype(np.uint8), cv2.COLOR_HSV2RGB)


def direction_bar() -> str:
    """Return the key to `direction_image`: a bar from 0° to 180°, as HTML."""
    colors = direction_image(np.linspace(0, np.pi, 13)[None], np.ones((1, 13)))[0]
    gradient = ", ".join(f"rgb({r},{g},{b})" for r, g, b in colors)
    labels = "".join(f"<span>{degrees}°</span>" for degrees in (0, 45, 90, 135, 180))
    return (
        '<div role="img" aria-label="Colors from 0 to 180 degrees">'
        f'<div style="height:0.7rem;border-radius:3px;'
        f'background:linear-gradient(90deg,{gradient})"></div>'
        '<div style="display:flex;justify-content:space-between;font-size:0.8rem">'
        f"{labels}</div></div>"
    )


def outlined(pixels: np.ndarray, mask: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Draw the border of a region onto an enlarged copy of an image, uint8 RGB.

    Parameters
    ----------
    pixels : uint8 ndarray of shape (h, w, 3)
    mask : bool ndarray of shape (h, w)
        The region.
    """
    factor = max(1, 512 // max(pixels.shape[:2]))
    large = pixels.repeat(factor, axis=0).repeat(factor, axis=1)
    region = mask.astype(np.uint8).repeat(factor, axis=0).repeat(factor, axis=1)
    borders, _ = cv2.findContours(region, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(large, borders, -1, color, 2)
