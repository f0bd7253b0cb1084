"""House-number digits drawn by the program: cousins of the street-view crops, free of any photo.

A glyph is drawn four times too large, set between parts of its neighbors on a wall or a plate,
and then seen through a bad camera: slanted, unevenly lit, blurred, noisy and JPEG-compressed.
"""

from functools import lru_cache
from io import BytesIO

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cnnviz.errors import InvalidParameterError

SIZE_PX = 32
OVERSAMPLING = 4
SCENE_PX = 192  # what is drawn; the camera looks at about the middle two thirds
GLYPH_PX = 96
LUMINANCE = np.array([0.299, 0.587, 0.114])

# (font, weight): three fonts of OpenCV and the one of Pillow, which has a single weight
FONTS = (
    *(("uni", 400), ("uni", 400), ("aileron", 400), ("aileron", 400), ("aileron", 400)),
    *(("sans", 200), ("sans", 400), ("sans", 600), ("sans", 800)),
    *(("italic", 300), ("italic", 500)),
)


def draw_house_number(digit: int, *, seed: int) -> np.ndarray:
    """Draw one digit as a street-view camera might have seen it.

    Parameters
    ----------
    digit : int
        0 to 9, the digit in the middle; its neighbors may show at the left and right edge.
    seed : int
        0 or more. The same digit and seed give the same image.

    Returns
    -------
    uint8 ndarray of shape (32, 32, 3)
        RGB.

    Raises
    ------
    InvalidParameterError
        If `digit` or `seed` is outside its range.

    Notes
    -----
    The look (size, contrast, blur, clutter) follows the crops of Netzer et al., "Reading digits
    in natural images with unsupervised feature learning", 2011; no image of theirs is used.
    """
    if digit not in range(10):
        raise InvalidParameterError(f"A digit is a whole number from 0 to 9, not {digit!r}.")
    if seed < 0:
        raise InvalidParameterError(f"A seed is 0 or more, not {seed}.")
    random = np.random.default_rng([seed, digit])
    wall_color, ink_color = _colors(random)
    mask, height_px = _number_mask(random, digit)
    scene = _wall(random, wall_color, height_px)
    scene = _with_shadow(random, scene, mask)
    scene += mask[..., None] * (ink_color - scene)
    return _photographed(random, scene)


def house_numbers(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw many digits, each of the ten about equally often, for training and testing.

    Parameters
    ----------
    count : int
        How many, 1 or more.
    seed : int
        0 or more. Different seeds share no image.

    Returns
    -------
    images : uint8 ndarray of shape (count, 32, 32, 3)
    labels : int64 ndarray of shape (count,)

    Raises
    ------
    InvalidParameterError
        If `count` or `seed` is outside its range.
    """
    if count < 1:
        raise InvalidParameterError(f"Ask for 1 image or more, not {count}.")
    if seed < 0:
        raise InvalidParameterError(f"A seed is 0 or more, not {seed}.")
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(count) % 10)
    seeds = seed * 2**32 + np.arange(count, dtype=object)
    images = [
        draw_house_number(int(digit), seed=int(one))
        for digit, one in zip(labels, seeds, strict=True)
    ]
    return np.stack(images), labels


@lru_cache(maxsize=256)
def _glyph(character: str, font: str, weight: int) -> np.ndarray:
    """Mask of one character, uint8, cut to its edges, `GLYPH_PX` high."""
    if font == "aileron":
        sheet = Image.new("L", (3 * GLYPH_PX, 3 * GLYPH_PX))
        pen = ImageDraw.Draw(sheet)
        pen.text((GLYPH_PX, GLYPH_PX // 2), character, fill=255, font=ImageFont.load_default(128))
        canvas = np.array(sheet)
    else:
        canvas = np.zeros((3 * GLYPH_PX, 3 * GLYPH_PX), np.uint8)
        if character == "0" and font != "uni":
            character = "O"  # their zero is slashed, which no house number is
        face = cv2.FontFace(font)
        cv2.putText(canvas, character, (GLYPH_PX, 2 * GLYPH_PX), (255,), face, 128, weight)
    rows, columns = np.flatnonzero(canvas.any(1)), np.flatnonzero(canvas.any(0))
    cut = canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    width = cut.shape[1] * GLYPH_PX / cut.shape[0] * (0.75 if character == "O" else 1.0)
    return cv2.resize(cut, (max(1, round(width)), GLYPH_PX), interpolation=cv2.INTER_AREA)


def _number_mask(random: np.random.Generator, digit: int) -> tuple[np.ndarray, int]:
    """Mask (scene, float32 in [0, 1]) of the digit and its neighbors, and the digit's height."""
    font, weight = FONTS[random.integers(len(FONTS))]
    height = round(random.uniform(0.54, 0.9) * SIZE_PX * OVERSAMPLING)
    stretch = random.uniform(0.72, 1.1) * height / GLYPH_PX
    gap = np.zeros((height, round(random.uniform(0.08, 0.3) * height)), np.uint8)
    before, after = (random.integers(0, 10, random.integers(0, 3)).tolist() for _ in range(2))

    def line(characters: list[int]) -> np.ndarray:
        parts: list[np.ndarray] = [gap[:, :0]]
        for character in characters:
            glyph = _glyph(str(character), font, weight)
            width = max(3, round(glyph.shape[1] * stretch))
            parts += [gap, cv2.resize(glyph, (width, height), interpolation=cv2.INTER_AREA)]
        return np.hstack(parts)

    left, middle, right = line(before), line([digit])[:, gap.shape[1] :], line(after)
    strip = np.pad(np.hstack([left, gap, middle, right]), ((0, 0), (SCENE_PX, SCENE_PX)))
    center = SCENE_PX + left.shape[1] + gap.shape[1] + middle.shape[1] // 2
    mask = np.zeros((SCENE_PX, SCENE_PX), np.uint8)
    top = (SCENE_PX - height) // 2
    mask[top : top + height] = strip[:, center - SCENE_PX // 2 : center + SCENE_PX // 2]
    # a pen wider than high gives thick uprights and thin bars, as in the lettering of old signs
    pen = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, tuple(random.integers(3, 11, 2).tolist()))
    return cv2.dilate(mask, pen).astype(np.float32) / 255, height


def _colors(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colors (RGB, 0 to 255) of wall and digit; the contrast is seldom low."""
    wall_level = random.uniform(20, 222)
    contrast = 42 + random.gamma(1.5, 42)
    sign = 1 if random.uniform(0, 255) > wall_level else -1
    ink_level = np.clip(wall_level + sign * contrast, 8, 250)
    if abs(ink_level - wall_level) < 42:  # no room on that side
        ink_level = np.clip(wall_level - sign * contrast, 8, 250)
    return _tinted(random, wall_level), _tinted(random, float(ink_level))


def _tinted(random: np.random.Generator, level: float) -> np.ndarray:
    """Color of the brightness `level`: near gray, or blue or brown as doors and bricks are."""
    warmth = random.normal(0, 30 if random.random() < 0.25 else 9)
    tint = warmth * np.array([1.0, 0.05, -1.1]) + random.normal(0, 4, 3)
    return np.clip(level + tint - LUMINANCE @ tint, 0, 255).astype(np.float32)


def _wall(random: np.random.Generator, color: np.ndarray, height_px: int) -> np.ndarray:
    """Scene (float32) without the digits: blotchy, sometimes lined, sometimes with a plate."""
    scene = color + _blotches(random, 6, 5) + _blotches(random, 40, 4)
    kind = random.random()
    if kind < 0.15:  # boards or courses of brick
        spacing, offset = random.integers(18, 60), random.integers(60)
        for row in range(offset, SCENE_PX, spacing):
            scene[row : row + 4] -= random.uniform(10, 35)
    elif kind < 0.5:
        scene = _around_a_plate(random, scene, height_px)
    return scene


def _around_a_plate(random: np.random.Generator, scene: np.ndarray, height_px: int) -> np.ndarray:
    """Leave a plate of `scene` behind the number and put another wall round it."""
    reach = height_px * (0.5 + random.uniform(0.03, 0.4, 4))
    middle = SCENE_PX // 2
    top, bottom = max(0, round(middle - reach[0])), round(middle + reach[1])
    # the plate goes on behind neighboring digits on neither, one or both sides
    left = 0 if random.random() < 0.5 else max(0, round(middle - reach[2]))
    right = SCENE_PX if random.random() < 0.5 else round(middle + reach[3])
    wall = scene - scene.mean((0, 1)) + _tinted(random, random.uniform(20, 200))
    wall[top:bottom, left:right] = scene[top:bottom, left:right]
    if random.random() < 0.4:
        edge = _tinted(random, random.uniform(10, 240)).tolist()
        cv2.rectangle(wall, (left, top), (right, bottom), edge, int(random.integers(2, 6)))
    return wall


def _blotches(random: np.random.Generator, cells: int, strength: float) -> np.ndarray:
    """Soft gray noise of about `cells` blotches across the scene, float32 (scene, 1)."""
    grid = random.normal(0, strength, (cells, cells)).astype(np.float32)
    return cv2.resize(grid, (SCENE_PX, SCENE_PX), interpolation=cv2.INTER_CUBIC)[..., None]


def _with_shadow(random: np.random.Generator, scene: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Darken the wall beside raised digits, in one image of four."""
    if random.random() > 0.25:
        return scene
    down, right = random.integers(-6, 7, 2)
    shadow = cv2.GaussianBlur(np.roll(mask, (down, right), (0, 1)), (0, 0), 3)
    return scene * (1 - 0.5 * shadow[..., None])


def _photographed(random: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """See the scene through a bad camera: uint8 (32, 32, 3)."""
    view = _warped(random, scene)
    position = np.linspace(-0.5, 0.5, len(view), dtype=np.float32)
    slope = random.normal(0, 0.18, 2)
    light = 1 + slope[0] * position[:, None] + slope[1] * position
    view = view * (light / light.max())[..., None]  # nothing is lit to white: digits stay readable
    # far houses fill few pixels: the crop is made of 13 to 33 and enlarged
    num_pixels = int(random.triangular(13, 19, 34))
    view = cv2.GaussianBlur(view, (0, 0), random.uniform(1, 4))
    view = cv2.resize(view, (num_pixels, num_pixels), interpolation=cv2.INTER_AREA)
    view = cv2.resize(view, (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_CUBIC)
    view = view + random.normal(0, random.uniform(0.5, 4), view.shape)
    pixels = np.clip(np.rint(view), 0, 255).astype(np.uint8)
    return _jpeg_and_back(pixels, quality=int(random.integers(35, 96)))


def _jpeg_and_back(pixels: np.ndarray, *, quality: int) -> np.ndarray:
    """Add the marks of JPEG compression to an image."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    return np.array(Image.open(file))


def _warped(random: np.random.Generator, scene: np.ndarray) -> np.ndarray:
    """Cut the middle of the scene, seen a little from the side, at four times the final size."""
    size = SIZE_PX * OVERSAMPLING
    margin = (SCENE_PX - size) / 2
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    corners = margin + square * size + random.normal(0, 4, (4, 2)) + random.normal(0, 4, 2)
    lean = random.normal(0, 0.09) * size
    corners[:2, 0] += lean
    corners[2:, 0] -= lean
    camera = cv2.getPerspectiveTransform(corners.astype(np.float32), square * size)
    return cv2.warpPerspective(scene, camera, (size, size), borderMode=cv2.BORDER_REPLICATE)
