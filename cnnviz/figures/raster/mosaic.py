"""Images for the screen: enlarged with hard pixels, set side by side, encoded."""

import textwrap
from collections.abc import Sequence
from math import ceil, sqrt

import cv2
import numpy as np

from cnnviz.errors import InvalidParameterError
from cnnviz.figures.raster import fonts
from cnnviz.figures.raster.colors import Scale, colorize

_PAPER = (38, 41, 51)  # behind a table of images
GAP_PX = 4  # between the tiles of a mosaic and around them


def empty_tile(side_px: int = 16) -> np.ndarray:
    """Draw what stands for a map that holds the same number everywhere: a gray cross, uint8 RGB."""
    tile = np.full((side_px, side_px, 3), 205, np.uint8)
    diagonal = np.arange(side_px)
    tile[diagonal, diagonal] = tile[diagonal, diagonal[::-1]] = 150
    return tile


def enlarge(pixels: np.ndarray, side_px: int = 512) -> np.ndarray:
    """Enlarge a small image by a whole factor, pixels staying hard squares.

    The factor is the largest that keeps the longer side within `side_px`, and at least 1.
    """
    factor = max(1, side_px // max(pixels.shape[:2]))
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode an RGB or gray uint8 image without loss."""
    return _encode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def encode_jpeg(pixels: np.ndarray, quality: int = 92) -> bytes:
    """Encode an RGB or gray uint8 image for the screen: fast, with a small loss."""
    return _encode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_gif(images: Sequence[np.ndarray], frame_ms: int = 120) -> bytes:
    """Encode RGB images of one size as an animation that repeats; its end stays a while."""
    import imageio.v3

    durations = [frame_ms] * (len(images) - 1) + [12 * frame_ms]
    return bytes(
        imageio.v3.imwrite(
            "<bytes>", np.stack(images), extension=".gif", duration=durations, loop=0
        )
    )


def _encode(extension: str, pixels: np.ndarray, options: list[int]) -> bytes:
    if pixels.dtype != np.uint8:
        raise InvalidParameterError(f"expected uint8 pixels, got {pixels.dtype}.")
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)  # OpenCV's order ends with this function
    _, encoded = cv2.imencode(extension, pixels, options)
    return encoded.tobytes()


def kernel_images(kernels: np.ndarray, *, shared: bool = True) -> list[np.ndarray]:
    """Paint kernels that see colors: gray is zero, on a symmetric range.

    Parameters
    ----------
    kernels : float ndarray of shape (kh, kw, 3, K)
    shared : bool
        Whether all have one range; otherwise each its own, and weak ones look like strong ones.

    Returns
    -------
    list of uint8 ndarray of shape (kh, kw, 3)
    """
    if kernels.ndim != 4 or kernels.shape[2] != 3:
        raise InvalidParameterError(
            f"expected kernels of shape (kh, kw, 3, K), got {kernels.shape}."
        )
    reach = np.abs(kernels).max(axis=None if shared else (0, 1, 2))
    values = 0.5 + 0.5 * kernels / np.where(reach > 0, reach, 1)
    return list(np.rint(values * 255).astype(np.uint8).transpose(3, 0, 1, 2))


def mosaic(
    maps: Sequence[np.ndarray] | np.ndarray,
    scales: Sequence[Scale | None],
    *,
    columns: int | None = None,
    tile_px: int = 96,
    first_number: int | None = 0,
    numbers: Sequence[int | str] | None = None,
    strip_px: int = 0,
) -> np.ndarray:
    """Set many maps into one image, numbered, uint8 (H, W, 3).

    Parameters
    ----------
    maps : sequence of ndarray (h, w), or ndarray (num_maps, h, w)
        Where there is no scale: uint8 images (h, w, 3) as they are.
    scales : sequence of Scale or None
        One per map; give the same one often to make them comparable.
    columns : int, optional
        Tiles in a row; as square as possible if left out.
    tile_px : int
        Longer side of a tile in pixels. Maps smaller than that are enlarged by a whole factor.
    first_number : int or None
        Number written on the first tile; None writes none.
    numbers : sequence of int or str, optional
        What is written on the tiles, where it is not their numbers in order; ASCII.
    strip_px : int
        Height of a strip above each tile for its number, so that it covers nothing; 0 for none.
    """
    columns = columns or ceil(sqrt(len(maps)))
    rows = ceil(len(maps) / columns)
    gap, cell = GAP_PX, tile_px + GAP_PX
    sheet = np.full((rows * (cell + strip_px) + gap, columns * cell + gap, 3), 128, np.uint8)
    for place, (values, scale) in enumerate(zip(maps, scales, strict=True)):
        tile = _fit(values if scale is None else colorize(values, scale), tile_px)
        row, column = divmod(place, columns)
        top, left = gap + (cell + strip_px) * row, gap + cell * column
        below = top + strip_px
        sheet[below : below + tile.shape[0], left : left + tile.shape[1]] = tile
        if numbers is not None:
            _write_number(sheet, str(numbers[place]), top, left, strip_px or 15)
        elif first_number is not None:
            _write_number(sheet, str(first_number + place), top, left, strip_px or 15)
    return sheet


def in_a_row(images: Sequence[np.ndarray], title: str, *, height_px: int = 320) -> np.ndarray:
    """Set RGB images side by side at one height on white, under a line of text, uint8 RGB."""
    from PIL import Image, ImageDraw

    gap, line_px = 3 * GAP_PX, 34
    tiles = []
    for pixels in images:
        width = max(1, round(pixels.shape[1] * height_px / pixels.shape[0]))
        is_shrunk = pixels.shape[0] > height_px
        how = cv2.INTER_AREA if is_shrunk else cv2.INTER_NEAREST
        tiles += [cv2.resize(pixels, (width, height_px), interpolation=how)]
    width = sum(tile.shape[1] + gap for tile in tiles) + gap
    sheet = np.full((line_px + height_px + gap, width, 3), 255, np.uint8)
    left = gap
    for tile in tiles:
        sheet[line_px : line_px + height_px, left : left + tile.shape[1]] = tile
        left += tile.shape[1] + gap
    drawing = Image.fromarray(sheet)
    font = fonts.fitting_font(title, round(0.6 * line_px), width - 2 * gap)
    place = (gap, line_px // 2)
    ImageDraw.Draw(drawing).text(place, title, fill=(0, 0, 0), font=font, anchor="lm")
    return np.asarray(drawing)


def _fit(pixels: np.ndarray, side_px: int) -> np.ndarray:
    longer = max(pixels.shape[:2])
    if longer <= side_px:
        return enlarge(pixels, side_px)
    size = [max(1, round(length * side_px / longer)) for length in pixels.shape[:2]]
    return cv2.resize(pixels, (size[1], size[0]), interpolation=cv2.INTER_AREA)


def _write_number(sheet: np.ndarray, number: str, top: int, left: int, high_px: int) -> None:
    """White on black in the tile's corner, readable on every color."""
    size = 0.028 * high_px
    (width, _), _ = cv2.getTextSize(number, cv2.FONT_HERSHEY_SIMPLEX, size, 1)
    cv2.rectangle(sheet, (left, top), (left + width + 4, top + high_px - 1), (0, 0, 0), -1)
    place = (left + 2, top + round(0.8 * high_px))
    cv2.putText(
        sheet, number, place, cv2.FONT_HERSHEY_SIMPLEX, size, (255, 255, 255), 1, cv2.LINE_AA
    )


def number_grid(
    values: np.ndarray, scale: Scale | None = None, *, cell_px: int = 64, text: str = "{:g}"
) -> np.ndarray:
    """Draw a small table of numbers as colored cells with the numbers in them, uint8 RGB.

    Parameters
    ----------
    values : ndarray of shape (h, w)
    scale : Scale, optional
        Which number gets which color; gray from 0 to 255 if left out.
    cell_px : int
        Side of a cell.
    text : str
        How numbers are written, as for `str.format`.
    """
    from PIL import Image, ImageDraw

    scale = scale or Scale(0, 255, "gray")
    cells = colorize(values, scale)
    sheet = cells.repeat(cell_px, axis=0).repeat(cell_px, axis=1)
    sheet[::cell_px] = sheet[:, ::cell_px] = 128
    drawing = Image.fromarray(sheet)
    pen = ImageDraw.Draw(drawing)
    for (row, column), value in np.ndenumerate(values):
        written = text.format(round(float(value), 6) + 0.0).replace("-", "−")
        is_dark = cells[row, column] @ np.array([0.299, 0.587, 0.114]) < 128
        pen.text(
            (column * cell_px + cell_px // 2, row * cell_px + cell_px // 2),
            written,
            fill=(255, 255, 255) if is_dark else (0, 0, 0),
            font=fonts.fitting_font(written, round(0.45 * cell_px), 0.88 * cell_px),
            anchor="mm",
        )
    return np.asarray(drawing)


def enlarged_with_frame(
    pixels: np.ndarray, rows: range, columns: range, *, side_px: int = 512, width_px: int = 3
) -> np.ndarray:
    """Enlarge an image as `enlarge` does and draw a frame around some of its cells."""
    large = enlarge(pixels, side_px)
    factor = len(large) // len(pixels)
    sides = (range(side.start * factor, side.stop * factor) for side in (rows, columns))
    return framed(large, *sides, width_px=width_px)


def labeled_grid(
    tiles: Sequence[Sequence[np.ndarray | None]],
    row_names: Sequence[str],
    column_names: Sequence[str],
    captions: Sequence[Sequence[str]],
    *,
    tile_px: int = 128,
) -> np.ndarray:
    """Set images into a table with names for rows and columns and words below each, uint8 RGB.

    Parameters
    ----------
    tiles : rows of uint8 ndarray of shape (h, w, 3)
        None leaves a place empty.
    row_names, column_names : sequence of str
        Long ones are broken; a column's may have lines of its own.
    captions : rows of str
        One or two lines each.
    tile_px : int
        The longer side of a tile.
    """
    from PIL import Image, ImageDraw

    size_px = max(14, tile_px // 7)
    font = fonts.font(size_px)
    line = round(1.3 * size_px)

    def broken(name: str) -> list[str]:
        width = round(tile_px / (0.5 * size_px))
        return [part for line in name.splitlines() for part in textwrap.wrap(line, width)]

    heads = [broken(name) for name in column_names]
    left, top = tile_px + GAP_PX, max(map(len, heads), default=0) * line + GAP_PX
    cell_width, cell_height = tile_px + 2 * GAP_PX, tile_px + 2 * line + 2 * GAP_PX
    size = (left + cell_width * len(column_names), top + cell_height * len(row_names))
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)

    def write(parts: Sequence[str], x: int, y: int) -> None:
        for place, part in enumerate(parts):
            pen.text((x, y + place * line), part, fill=(255, 255, 255), font=font)

    for column, parts in enumerate(heads):
        write(parts, left + column * cell_width, GAP_PX)
    for row, name in enumerate(row_names):
        y = top + row * cell_height
        write(broken(name)[:5], GAP_PX, y + tile_px // 6)
        for column in range(len(column_names)):
            x = left + column * cell_width
            tile = tiles[row][column]
            if tile is not None:
                sheet.paste(Image.fromarray(_fit(tile, tile_px)), (x, y))
            for place, part in enumerate(captions[row][column].splitlines()[:2]):
                fitting = fonts.fitting_font(part, size_px, tile_px)
                pen.text((x, y + tile_px + place * line), part, fill=(235, 235, 235), font=fitting)
    return np.asarray(sheet)


def stacked(sheets: Sequence[np.ndarray]) -> np.ndarray:
    """Set tables of images below each other, aligned at the left, uint8 RGB."""
    width = max(sheet.shape[1] for sheet in sheets)
    return np.concatenate(
        [
            cv2.copyMakeBorder(
                sheet, 0, 0, 0, width - sheet.shape[1], cv2.BORDER_CONSTANT, value=_PAPER
            )
            for sheet in sheets
        ]
    )


def framed(pixels: np.ndarray, rows: range, columns: range, *, width_px: int = 2) -> np.ndarray:
    """Draw a frame around some rows and columns of an image; a copy is returned."""
    sheet = pixels.copy()
    start, end = (columns.start, rows.start), (columns.stop - 1, rows.stop - 1)
    cv2.rectangle(sheet, start, end, (46, 158, 107), width_px)
    return sheet


def with_border(
    pixels: np.ndarray, color: tuple[int, int, int], *, width_px: int = 6
) -> np.ndarray:
    """Put a border around an RGB image, outside its pixels; a new array is returned."""
    sides = (width_px,) * 4
    return cv2.copyMakeBorder(pixels, *sides, cv2.BORDER_CONSTANT, value=color)
