"""Controls that the views of data augmentation share: presets and ranges."""

from dataclasses import asdict
from typing import Any

import streamlit as st

from cnnviz.training import LECTURE, RECIPES, UNCHANGED, Augmentation
from cnnviz.training.augmentation import (
    FILLS,
    MAX_BRIGHTNESS,
    MAX_CONTRAST,
    MAX_ROTATION_DEGREES,
    MAX_SHEAR_DEGREES,
    MAX_SHIFT,
    MAX_ZOOM,
)
from cnnviz.ui.shell import address

_SEED, _LAST_SEED = "augmentation_seed", 9999  # session key of the seed, and its largest value
TILE_PX = 224  # of an image on a sheet, at most
_FILL_TITLES = {
    "nearest": "the nearest pixel",
    "reflect": "reflected",
    "wrap": "wrapped around",
    "constant": "black",
}
_LECTURE = "The lecture's"
KEYS = {  # session key of each number of a recipe
    "rotation_degrees": "rotation",
    "shift": "shift",
    "shear_degrees": "shear",
    "zoom": "zoom",
    "flip": "flip",
    "contrast": "more_contrast",
    "brightness": "brightness",
    "fill": "fill",
}


def presets() -> dict[str, Augmentation]:
    """Collect the lecture's augmentation and those that networks here were trained with."""
    presets = {_LECTURE: LECTURE}
    for recipe in RECIPES.values():
        if recipe.augmentation not in (*presets.values(), UNCHANGED):
            presets[f"As for {recipe.title}"] = recipe.augmentation
    return {**presets, "None": UNCHANGED}


def settings() -> tuple[Augmentation, int, int]:
    """Ask for the ranges, the number of samples and their seed."""
    offered = presets()
    with st.popover("Presets", width="stretch"):
        for title, recipe in offered.items():
            st.button(title, on_click=_take, args=(recipe,), width="stretch")
    here = st.empty()
    numbers = _movements()
    st.button("New samples", on_click=_draw_again, width="stretch")
    with st.expander("More: contrast, brightness, border, seed"):
        numbers |= _light_and_border()
        num = st.slider("Samples", 12, 24, 12, 4, key="num_draws", bind="query-params")
        seed = st.number_input(
            "Seed",
            *(0, _LAST_SEED, 1),
            key=_SEED,
            bind="query-params",
            help="The same seed gives the same samples. *New samples* takes the next seed.",
        )
    augmentation = Augmentation(**numbers)
    names = [title for title, recipe in offered.items() if recipe == augmentation]
    here.caption(f"Now: {names[0] if names else 'your own'}, seed {seed}")
    return augmentation, num, seed


def _take(recipe: Augmentation) -> None:
    for name, value in asdict(recipe).items():
        st.session_state[KEYS[name]] = value if isinstance(value, bool | str) else float(value)


def _draw_again() -> None:
    st.session_state[_SEED] = (st.session_state.get(_SEED, 1) + 1) % (_LAST_SEED + 1)


def _movements() -> dict[str, Any]:
    """Ask for the ranges of the geometric transforms."""
    return {
        "rotation_degrees": _bound(
            "rotation_degrees", "Rotation", MAX_ROTATION_DEGREES, 1.0, "±%.0f°", "About the center."
        ),
        "shift": _bound(
            *("shift", "Shift", MAX_SHIFT, 0.01, "±%.2f"),
            "Fraction of the width and of the height.",
        ),
        "shear_degrees": _bound(
            *("shear_degrees", "Shear", MAX_SHEAR_DEGREES, 0.5, "±%.1f°"),
            "The tilt of vertical lines. The lecture's shear_range=0.2 was written when Keras took "
            "it in radians: 11.5°. Later versions take degrees, and 0.2° is invisible.",
        ),
        "zoom": _bound(
            *("zoom", "Zoom", MAX_ZOOM, 0.01, "±%.2f"),
            "0.2 shows 80 to 120 % of the field of view.",
        ),
        "flip": st.toggle(
            "Horizontal flip",
            LECTURE.flip,
            key=KEYS["flip"],
            bind="query-params",
            help="Applied to half of the samples. Unsuitable for digits: a mirrored 2 is not a 2.",
        ),
    }


def _light_and_border() -> dict[str, Any]:
    """Ask for the ranges of contrast and brightness, and for the filling of the border."""
    return {
        "contrast": _bound(
            *("contrast", "Contrast", MAX_CONTRAST, 0.01, "±%.2f"),
            "0.2 scales the distance to the mean color by 0.8 to 1.2.",
        ),
        "brightness": _bound(
            *("brightness", "Brightness", MAX_BRIGHTNESS, 0.01, "±%.2f"),
            "0.2 adds or subtracts up to 20 % of the range.",
        ),
        "fill": address.selectbox(
            "Border",
            {name: _FILL_TITLES[name] for name in FILLS},
            key=KEYS["fill"],
            default=LECTURE.fill,
            help="How pixels outside the image are filled.",
        ),
    }


def _bound(name: str, title: str, highest: float, step: float, text: str, explained: str) -> float:
    """Ask for one range; the default is the lecture's."""
    value = st.slider(
        title,
        *(0.0, highest, float(getattr(LECTURE, name)), step),
        format=text,
        key=KEYS[name],
        bind="query-params",
        help=f"{explained} Each sample draws a value between minus and plus this one.",
    )
    return round(value, 4)
