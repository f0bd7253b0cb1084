"""The font of text inside images."""

import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

_WEIGHT = 500  # medium: readable on colors; the file begins with the thinnest
_APP_FONT = "static/static/media/SourceSansVF-Upright*.woff2"  # in the package of Streamlit


@lru_cache(maxsize=32)
def font(size_px: int) -> "FreeTypeFont | ImageFont":
    """Return the font of the app: it has minus signs, superscripts, Greek and accented letters.

    It is Source Sans 3 (SIL Open Font License 1.1), which Streamlit installs. Without it, Pillow's
    own font serves, which has ASCII only.

    Parameters
    ----------
    size_px : int
        Height of a line's letters, from the highest to the lowest.
    """
    from PIL import ImageFont

    package = importlib.util.find_spec("streamlit")
    if package is not None and package.origin:
        for path in sorted(Path(package.origin).parent.glob(_APP_FONT)):
            lettering = ImageFont.truetype(path, size_px)
            lettering.set_variation_by_axes([_WEIGHT])
            return lettering
    return ImageFont.load_default(size_px)


def fitting_font(text: str, size_px: int, width_px: float) -> "FreeTypeFont | ImageFont":
    """Return the font in the given size, or in the largest one in which the text fits."""
    length = font(size_px).getlength(text)
    return font(size_px if length <= width_px else max(6, int(size_px * width_px / length)))
