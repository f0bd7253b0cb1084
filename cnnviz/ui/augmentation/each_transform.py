"""Both ends of the range of each transform."""

import streamlit as st

from cnnviz import figures
from cnnviz.training import Augmentation
from cnnviz.ui.augmentation import cached
from cnnviz.ui.augmentation.controls import TILE_PX, settings
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import number, show_image


def show_each_transform(model_name: str, picked: PickedImage) -> None:
    """Show each transform alone, at both ends of its range."""
    column, stage = frame.columns()
    with column:
        augmentation, _, _ = settings()
    with stage:
        show_extremes(model_name, picked, augmentation)


def show_extremes(model_name: str, picked: PickedImage, augmentation: Augmentation) -> None:
    """Show each transform alone, at both ends of its range."""
    extremes = cached.augmentation_extremes(model_name, picked.image, augmentation)
    if not extremes:
        st.info(
            "No augmentation: every sample is the image itself. Move a slider or choose a preset."
        )
        return
    captions = _extreme_captions(augmentation)
    places = [place for _ in range(-(-len(extremes) // 3)) for place in st.columns(3)]
    for place, (name, pair) in zip(places, extremes.items(), strict=False):
        with place:
            tiles = [figures.enlarge(pixels, TILE_PX) for pixels in pair]
            side = max(tiles[0].shape)
            sheet = figures.mosaic(tiles, [None, None], columns=2, tile_px=side, first_number=None)
            caption = f"**{name.capitalize()}**: {captions[name]}"
            show_image(sheet, caption, f"{picked.label}, {name} alone: {captions[name]}")
    frame.explain(
        "**What you see.** Each transform alone, at both ends of its range. A sample combines "
        "random values from all ranges."
        + (" Pixels from outside the image repeat the border." * (augmentation.fill == "nearest"))
    )


def _extreme_captions(augmentation: Augmentation) -> dict[str, str]:
    turn, lean = augmentation.rotation_degrees, augmentation.shear_degrees
    zoom, light = 100 * augmentation.zoom, 255 * augmentation.brightness
    contrast = augmentation.contrast
    return {
        "contrast": f"× {number(1 - contrast)} and × {number(1 + contrast)}",
        "brightness": f"−{number(light)} and +{number(light)} of 255",
        "flip": "original and mirrored",
        "rotation": f"{turn:g}° clockwise and counterclockwise",
        "shear": f"−{lean:g}° and +{lean:g}°",
        "zoom": f"{100 - zoom:.0f} % and {100 + zoom:.0f} % of the field of view",
        "shift": f"{100 * augmentation.shift:.0f} % up and left, down and right",
    }
