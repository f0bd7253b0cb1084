"""Views of data augmentation: random samples, each transform alone, learning curves."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.training import LECTURE, RECIPES, UNCHANGED, Augmentation, Invariance
from cnnviz.training.augmentation import (
    FILLS,
    MAX_BRIGHTNESS,
    MAX_CONTRAST,
    MAX_ROTATION_DEGREES,
    MAX_SHEAR_DEGREES,
    MAX_SHIFT,
    MAX_ZOOM,
)
from cnnviz.ui import shared
from cnnviz.ui.augmentation import cached
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.controls.recipe_words import described, difference_table
from cnnviz.ui.shell import frame
from cnnviz.ui.shell.display import download, number, show_chart, show_image
from cnnviz.zoo import TrainingRecord

_SAME, _OTHER = (11, 138, 143), (209, 96, 31)  # borders, in the colors of the bars
_SEED, _LAST_SEED = "augmentation_seed", 9999  # session key of the seed, and its largest value
_SHEET = (128, 128, 128)  # what a sheet is made of
_COLUMNS = 4  # of the sheet of draws
_TILE_PX = 224  # of an image on a sheet, at most
_FILL_TITLES = {
    "nearest": "the nearest pixel",
    "reflect": "reflected",
    "wrap": "wrapped around",
    "constant": "black",
}
_MAX_LABEL = 17  # letters of a class beside its bar
_LECTURE = "The lecture's"
_KEYS = {  # session key of each number of a recipe
    "rotation_degrees": "rotation",
    "shift": "shift",
    "shear_degrees": "shear",
    "zoom": "zoom",
    "flip": "flip",
    "contrast": "more_contrast",
    "brightness": "brightness",
    "fill": "fill",
}
_PAIRS = {
    "Cats vs. dogs CNN": ("cats-dogs-150", "cats-dogs-150-augmented"),
    "Few street-view digits": ("svhn-few", "svhn-few-augmented"),
    "Cats vs. dogs, frozen base": ("cats-dogs-features", "cats-dogs-features-augmented"),
}


def _presets() -> dict[str, Augmentation]:
    """Collect the lecture's augmentation and those that networks here were trained with."""
    presets = {_LECTURE: LECTURE}
    for recipe in RECIPES.values():
        if recipe.augmentation not in (*presets.values(), UNCHANGED):
            presets[f"As for {recipe.title}"] = recipe.augmentation
    return {**presets, "None": UNCHANGED}


def show_random_draws(model_name: str, picked: PickedImage) -> None:
    """Show random augmentations of the image, and the prediction for each."""
    column, stage = frame.columns()
    with column:
        augmentation, num, seed = settings()
    with stage:
        show_draws(model_name, picked, augmentation, num, seed)


def show_each_transform(model_name: str, picked: PickedImage) -> None:
    """Show each transform alone, at both ends of its range."""
    column, stage = frame.columns()
    with column:
        augmentation, _, _ = settings()
    with stage:
        show_extremes(model_name, picked, augmentation)


def settings() -> tuple[Augmentation, int, int]:
    """Ask for the ranges, the number of samples and their seed."""
    presets = _presets()
    with st.popover("Presets", width="stretch"):
        for title, recipe in presets.items():
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
    names = [title for title, recipe in presets.items() if recipe == augmentation]
    here.caption(f"Now: {names[0] if names else 'your own'}, seed {seed}")
    return augmentation, num, seed


def _take(recipe: Augmentation) -> None:
    for name, value in asdict(recipe).items():
        st.session_state[_KEYS[name]] = value if isinstance(value, bool | str) else float(value)


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
            key=_KEYS["flip"],
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
        "fill": st.selectbox(
            "Border",
            FILLS,
            FILLS.index(LECTURE.fill),
            format_func=lambda name: _FILL_TITLES[name],
            key=_KEYS["fill"],
            bind="query-params",
            help="How pixels outside the image are filled.",
        ),
    }


def _bound(name: str, title: str, highest: float, step: float, text: str, explained: str) -> float:
    """Ask for one range; the default is the lecture's."""
    value = st.slider(
        title,
        *(0.0, highest, float(getattr(LECTURE, name)), step),
        format=text,
        key=_KEYS[name],
        bind="query-params",
        help=f"{explained} Each sample draws a value between minus and plus this one.",
    )
    return round(value, 4)


def show_draws(
    model_name: str, picked: PickedImage, augmentation: Augmentation, num: int, seed: int
) -> None:
    """Show the image, random augmentations of it, and the prediction for each."""
    versions = cached.augmented(model_name, picked.image, augmentation, num, seed)
    measured = cached.invariance(model_name, picked.image, augmentation, num, seed)
    network = shared.model(model_name)
    label = network.class_names[measured.class_index]
    _show_summary(zoo.model_view(network.card, picked.image), picked, measured, label)
    sheet = _sheet(versions, measured)
    show_image(
        sheet,
        f"{num} samples as in training, seed {seed}, {_size(versions[0])} px, with the probability "
        f"of “{label}”. Thin blue-green border: same prediction as for the image. Thick orange "
        "border: another prediction.",
        f"{num} augmented versions of {picked.label}; {_kept(measured)} keep the prediction "
        f"{label}",
    )
    bars, words = st.columns([1.1, 1], gap="medium")
    with bars:
        show_chart(
            figures.draws_figure(
                [_short(network.class_names[i]) for i in measured.answers],
                *(measured.probabilities, measured.stays, measured.before),
            ),
            f"Probability of {label} for each sample",
            key="draws",
        )
        st.markdown(
            f":small[Probability of “{label}” for each sample, with the predicted class on the "
            f"left. Dotted: the image without augmentation, {measured.before:.0%}.]"
        )
    with words:
        _explain_draws(measured, label, augmentation)
    _suggest(model_name, num)
    _offer_files(sheet, model_name, picked, augmentation, num, seed)


def _show_summary(view: np.ndarray, picked: PickedImage, found: Invariance, label: str) -> None:
    image, numbers = st.columns([1, 2.6], gap="medium")
    with image:
        show_image(
            view, f"{picked.label}, {_size(view)} px", f"{picked.label}, without augmentation"
        )
    with numbers:
        st.markdown(f"Prediction without augmentation: **{label}** ({found.before:.1%}).")
        same, mean, spread = st.columns(3)
        same.metric("Same prediction", _kept(found).replace(" of ", "/"))
        mean.metric("Mean", f"{found.mean:.0%}", help="Mean probability of that class.")
        spread.metric(
            *("Spread", f"±{100 * found.spread:.0f}%"),
            help="Standard deviation of that probability over the samples, in percentage points.",
        )
        st.progress(found.share, f"Same prediction for {found.share:.0%} of the samples")


def _sheet(versions: np.ndarray, found: Invariance) -> np.ndarray:
    tiles = [
        _marked(figures.enlarge(pixels, _TILE_PX), bool(stays))
        for pixels, stays in zip(versions, found.stays, strict=True)
    ]
    return figures.mosaic(
        tiles,
        [None] * len(tiles),
        columns=_COLUMNS,
        tile_px=max(tiles[0].shape),
        numbers=[f"{i}: {100 * p:.0f}%" for i, p in enumerate(found.probabilities, start=1)],
        strip_px=40,
    )


def _marked(pixels: np.ndarray, stays: bool) -> np.ndarray:
    """Put a thin border around an image that keeps its class, else a thick one; sizes are equal."""
    if not stays:
        return figures.with_border(pixels, _OTHER, width_px=16)
    return figures.with_border(figures.with_border(pixels, _SAME, width_px=5), _SHEET, width_px=11)


def _explain_draws(found: Invariance, label: str, augmentation: Augmentation) -> None:
    st.markdown(
        f"**What you see.** Random augmentations of the image: {described(augmentation)}. "
        f"{_verdict(found, label)} Training on such samples teaches a network that the class does "
        "not change.\n\n"
        f"Probability of “{label}”: {found.mean:.1%} on average, standard deviation "
        f"{100 * found.spread:.1f} percentage points."
    )


def _suggest(model_name: str, num: int) -> None:
    st.markdown(
        f"**Try this.** Press *New samples*: of {num} samples, one more or less is "
        f"{100 / num:.0f} percentage points. Choose the preset *None* and rotate by 90° only. "
        "Compare *Cats vs. dogs CNN* with *Cats vs. dogs CNN, augmented*."
        f"{_own_recipe(model_name)}\n\n"
        ":small[As in the training runs here, all geometric layers share one seed: flip, rotation, "
        "zoom and vertical shift of a sample come from one random number. The result holds for "
        f"{shared.model(model_name).card.title} and this image only. Azulay and Weiss, JMLR 2019, "
        "arXiv:1805.12177.]"
    )


def _verdict(found: Invariance, label: str) -> str:
    if found.share == 1:
        return f"The prediction “{label}” is the same for all samples."
    if found.share >= 0.5:
        return f"The prediction “{label}” is the same for {_kept(found)} samples."
    kept = f"only {_kept(found)} samples" if found.share else "no sample"
    return (
        f"The prediction “{label}” is the same for {kept}: the network is not invariant to these "
        "transforms."
    )


def _own_recipe(model_name: str) -> str:
    """Say with which augmentation the network was trained, where that is known."""
    if not zoo.has_training_record(model_name):
        return ""
    record = shared.training_record(model_name)
    own = described(Augmentation(**record.facts["augmentation"]))
    return f" {record.facts['title']} was trained with: {own}."


def _offer_files(
    sheet: np.ndarray,
    model_name: str,
    picked: PickedImage,
    augmentation: Augmentation,
    num: int,
    seed: int,
) -> None:
    recipe = {
        "augmentation": asdict(augmentation),
        "seed": seed,
        "draws": num,
        "network": model_name,
        "picture": picked.label,
        "use": "cnnviz.training.Augmentation(**augmentation)",
    }
    left, right = st.columns(2)
    with left:
        download(f"Samples (PNG, {_size(sheet)})", "samples.png", lambda: figures.encode_png(sheet))
    with right:
        download(
            "Settings (JSON)", "augmentation.json", lambda: json.dumps(recipe, indent=1).encode()
        )


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
            tiles = [figures.enlarge(pixels, _TILE_PX) for pixels in pair]
            side = max(tiles[0].shape)
            sheet = figures.mosaic(tiles, [None, None], columns=2, tile_px=side, first_number=None)
            caption = f"**{name.capitalize()}**: {captions[name]}"
            show_image(sheet, caption, f"{picked.label}, {name} alone: {captions[name]}")
    st.markdown(
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


@dataclass(frozen=True, slots=True)
class _Ends:
    """The last values of the smoothed curves of a training run."""

    training: float
    validation: float

    @property
    def gap(self) -> float:
        return abs(self.training - self.validation)


def show_curves() -> None:
    """Show the learning curves of two networks, one without and one with augmentation."""
    left, right = frame.columns()
    with left:
        pair = st.selectbox("Networks", [*_PAIRS], key="curves_of", bind="query-params")
        measures = {"accuracy": "accuracy", "loss": "loss"}
        key = st.radio("Curve", [*measures], key="curve", bind="query-params", horizontal=True)
        smoothing = st.slider(
            "Smoothing",
            *(0.0, 0.9, 0.6, 0.1),
            key="curve_smoothing",
            bind="query-params",
            help="Exponential moving average with this weight of the past. Points are raw values.",
        )
    names = ("without", "with augmentation")
    records = {
        name: shared.training_record(model) for name, model in zip(names, _PAIRS[pair], strict=True)
    }
    histories = {name: record.history for name, record in records.items()}
    with right:
        show_chart(
            figures.compared_curves(histories, key, measures[key], smoothing),
            f"Curves of the {key} for training and validation, without and with augmentation",
            key="compared",
        )
        ends = {name: _ends(record, key, smoothing) for name, record in records.items()}
        _explain_curves(records, ends, key)
        _show_differences(records)


def _ends(record: TrainingRecord, key: str, smoothing: float) -> _Ends:
    training, validation = (
        float(figures.smoothed(record.history[source], smoothing)[-1])
        for source in (key, f"val_{key}")
    )
    return _Ends(training, validation)


def _explain_curves(
    records: Mapping[str, TrainingRecord], ends: Mapping[str, _Ends], key: str
) -> None:
    without, changed = ends.values()
    first, second = records.values()
    is_share = key == "accuracy"
    written = "{:.1%}".format if is_share else number
    gaps = [
        f"{100 * e.gap:.1f} percentage points" if is_share else number(e.gap) for e in ends.values()
    ]
    st.markdown(
        f"**What you see.** Without augmentation, the {key} ends at {written(without.training)} in "
        f"training and {written(without.validation)} in validation: a gap of **{gaps[0]}**, on "
        f"{first.facts['num_training_images']:,} training images. With augmentation, no sample "
        f"occurs twice, and the gap is **{gaps[1]}** ({written(changed.training)} and "
        f"{written(changed.validation)}). Accuracy on held-out images: {first.accuracy:.1%} "
        f"without, {second.accuracy:.1%} with.\n\n"
        r"$$\text{gap} = \big|\,\text{training} - \text{validation}\,\big|"
        f" = |{without.training:.3f} - {without.validation:.3f}| = {without.gap:.3f}$$\n\n"
        f"**Try this.** {_advice(first)}"
    )


def _advice(without: TrainingRecord) -> str:
    if without.facts["base"]:
        return (
            "Compare the gaps with those of the networks trained from scratch: only the head on "
            "the frozen base can overfit."
        )
    losses = without.history["val_loss"]
    best = int(losses.argmin())
    after = "rises" if losses[-1] > 1.05 * losses[best] else "does not improve"
    return (
        f"Look at the loss: without augmentation, validation loss is lowest after epoch {best + 1} "
        f"and then {after}. Then choose the networks on a frozen base."
    )


def _show_differences(records: Mapping[str, TrainingRecord]) -> None:
    """List how the two training runs differ: augmentation is not always the only change."""
    st.markdown("**Differences**\n\n" + difference_table(records))
    second = [*records.values()][1].facts
    st.markdown(
        ":small[With augmentation, the training curve is measured on augmented images"
        + (", with dropout," if "dropout" in second["architecture"] else "")
        + " and the validation curve on original images, which alone reduces the gap. One run "
        "each. Simard, Steinkraus and Platt, ICDAR 2003; Chollet, "
        "Deep Learning with Python, 2017, section 5.2.]"
    )


def _kept(found: Invariance) -> str:
    return f"{int(found.stays.sum())} of {len(found.answers)}"


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} × {pixels.shape[1]}"


def _short(label: str) -> str:
    return label if len(label) <= _MAX_LABEL else f"{label[: _MAX_LABEL - 1]}…"
