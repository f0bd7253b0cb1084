"""Result to picture or plotly figure: no analysis and no model in here."""

from cnnviz.figures.architecture import Block, architecture_figure, blocks
from cnnviz.figures.charts import (
    confusion_figure,
    learning_curves,
    polar_fits,
    polar_tuning,
    smoothed,
    weight_histogram,
)
from cnnviz.figures.colours import (
    DIVERGING,
    SEQUENTIAL,
    Scale,
    colour_table,
    colourize,
    direction_bar,
    direction_picture,
    outlined,
    overlay,
    overlay_part,
    signed_scale,
    unsigned_scale,
)
from cnnviz.figures.export import array_npy, heatmap_npz
from cnnviz.figures.pictures import (
    encode_jpeg,
    encode_png,
    enlarge,
    framed,
    kernel_pictures,
    mosaic,
    number_grid,
)

__all__ = [
    "DIVERGING",
    "SEQUENTIAL",
    "Block",
    "Scale",
    "architecture_figure",
    "array_npy",
    "blocks",
    "colour_table",
    "colourize",
    "confusion_figure",
    "direction_bar",
    "direction_picture",
    "encode_jpeg",
    "encode_png",
    "enlarge",
    "framed",
    "heatmap_npz",
    "kernel_pictures",
    "learning_curves",
    "mosaic",
    "number_grid",
    "outlined",
    "overlay",
    "overlay_part",
    "polar_fits",
    "polar_tuning",
    "signed_scale",
    "smoothed",
    "unsigned_scale",
    "weight_histogram",
]
