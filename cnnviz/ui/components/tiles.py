"""Many small images as one, of which a click or the arrow keys pick one."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.ui.shell import results

_FOLDER = Path(__file__).parent

_tiles = st.components.v2.component(
    "cnnviz.tiles",
    html="""
<div class="tiles">
  <div class="sheet"><img alt=""><div class="mark"></div></div>
</div>
<div class="said" aria-live="polite"></div>""",
    css=(_FOLDER / "tiles.css").read_text(),
    js=(_FOLDER / "tiles.js").read_text(),
)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the tiles of an image lie, in its own pixels.

    Attributes
    ----------
    columns, count : int
    width, height : int
        From one tile to the next, gap included.
    gap : int
        Before the first tile and behind each.
    """

    columns: int
    count: int
    width: int
    height: int
    gap: int


def pick_tile(
    sheet: np.ndarray,
    grid: Grid,
    *,
    key: str,
    picked: int,
    labels: Sequence[str],
    alt: str,
    on_pick: Callable[[int], None],
    max_height_px: int = 0,
    max_width_px: int = 0,
    is_whole: bool = False,
) -> None:
    """Show an image made of tiles; `on_pick` gets the number of the one that is picked.

    Parameters
    ----------
    sheet : uint8 ndarray of shape (h, w, 3)
    grid : Grid
    key : str
    picked : int
        The tile with the frame; -1 for none.
    labels : sequence of str
        What each tile is.
    alt : str
        What the whole image shows.
    on_pick : callable
        Called before the page is drawn again.
    max_height_px : int
        Higher images scroll; 0 for no limit.
    max_width_px : int
        Wider columns are not filled; 0 for no limit.
    is_whole : bool
        Fit the width, however small the tiles become.
    """
    results.note_image(alt, sheet)
    content = base64.b64encode(_encoded(sheet)).decode()

    def handed_over() -> None:
        tile = st.session_state[key].get("tile")
        if tile is not None:
            on_pick(int(tile))

    _tiles(
        key=key,
        data={
            "src": f"data:image/jpeg;base64,{content}",
            "columns": grid.columns,
            "count": grid.count,
            "cell": [grid.width, grid.height],
            "edge": grid.gap,
            "size": [sheet.shape[1], sheet.shape[0]],
            "picked": picked,
            "labels": list(labels),
            "alt": alt,
            "height": max_height_px,
            "width": max_width_px,
            "whole": is_whole,
        },
        on_tile_change=handed_over,
    )


def _encoded(sheet: np.ndarray) -> bytes:
    return figures.encode_jpeg(sheet, quality=82)
