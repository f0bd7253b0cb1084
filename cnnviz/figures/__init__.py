"""Result to picture or plotly figure: no analysis and no model in here."""

from cnnviz.figures.colours import (
    DIVERGING,
    SEQUENTIAL,
    Scale,
    colour_table,
    colourize,
    overlay,
    overlay_part,
    signed_scale,
    unsigned_scale,
)
from cnnviz.figures.export import heatmap_npz
from cnnviz.figures.pictures import encode_jpeg, encode_png, enlarge, mosaic

__all__ = [
    "DIVERGING",
    "SEQUENTIAL",
    "Scale",
    "colour_table",
    "colourize",
    "encode_jpeg",
    "encode_png",
    "enlarge",
    "heatmap_npz",
    "mosaic",
    "overlay",
    "overlay_part",
    "signed_scale",
    "unsigned_scale",
]
