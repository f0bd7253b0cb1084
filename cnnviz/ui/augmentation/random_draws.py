"""Randomly augmented versions of an image, and whether the prediction stays."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import streamlit as st

from cnnviz import figures, zoo
from cnnviz.training import Augmentation, Invariance
from cnnviz.ui import shared
from cnnviz.ui.augmentation import cached
from cnnviz.ui.augmentation.controls import TILE_PX, settings
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.controls.recipe_words import described
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import download, show_chart, show_image

_SAME, _OTHER = (11, 138, 143), (209, 96, 31)  # borders, in the colors of the bars
_SHEET = (128, 128, 128)  # what a sheet is made of
_COLUMNS = 6  # of the sheet of draws
_PARTS = {"samples": "Samples", "probabilities": "Probabilities"}
_MAX_LABEL = 17  # letters of a class beside its bar


def show_random_draws(model_name: str, picked: PickedImage) -> None:
    """Show random augmentations of the image, and the prediction for each."""
    column, stage = frame.columns()
    with column:
        augmentation, num, seed = settings()
    with stage:
        show_draws(model_name, picked, augmentation, num, seed)


def show_draws(
    model_name: str, picked: PickedImage, augmentation: Augmentation, num: int, seed: int
) -> None:
    """Show the image, random augmentations of it, and the prediction for each."""
    versions = cached.augmented(model_name, picked.image, augmentation, num, seed)
    measured = cached.invariance(model_name, picked.image, augmentation, num, seed)
    network = shared.model(model_name)
    label = network.class_names[measured.class_index]
    sheet = _sheet(versions, measured)
    if address.tabs(_PARTS, key="draws_part") == "probabilities":
        _show_probabilities(network.class_names, measured, label)
        return
    _show_summary(zoo.model_view(network.card, picked.image), picked, measured, label)
    show_image(
        sheet,
        f"{num} samples as in training, seed {seed}, {_size(versions[0])} px, with the probability "
        f"of “{label}”. Thin blue-green border: same prediction as for the image. Thick orange "
        "border: another prediction.",
        f"{num} augmented versions of {picked.label}; {_kept(measured)} keep the prediction "
        f"{label}",
    )
    _explain_draws(measured, label, augmentation)
    _suggest(model_name, num)
    _offer_files(sheet, model_name, picked, augmentation, num, seed)


def _show_probabilities(class_names: Sequence[str], measured: Invariance, label: str) -> None:
    show_chart(
        figures.draws_figure(
            [_short(class_names[i]) for i in measured.predictions],
            *(measured.probabilities, measured.stays, measured.before),
        ),
        f"Probability of {label} for each sample",
        key="draws",
    )
    st.markdown(
        f":small[Probability of “{label}” for each sample, with the predicted class on the left. "
        f"Dotted: the image without augmentation, {measured.before:.0%}.]"
    )
    st.markdown(
        f"Probability of “{label}”: {measured.mean:.1%} on average, standard deviation "
        f"{100 * measured.spread:.1f} percentage points."
    )


def _show_summary(view: np.ndarray, picked: PickedImage, measured: Invariance, label: str) -> None:
    image, numbers = st.columns([1, 2.6], gap="medium")
    with image:
        show_image(
            view, f"{picked.label}, {_size(view)} px", f"{picked.label}, without augmentation"
        )
    with numbers:
        st.markdown(f"Prediction without augmentation: **{label}** ({measured.before:.1%}).")
        same, mean, spread = st.columns(3)
        same.metric("Same prediction", _kept(measured).replace(" of ", "/"))
        mean.metric("Mean", f"{measured.mean:.0%}", help="Mean probability of that class.")
        spread.metric(
            *("Spread", f"±{100 * measured.spread:.0f}%"),
            help="Standard deviation of that probability over the samples, in percentage points.",
        )
        st.progress(measured.share, f"Same prediction for {measured.share:.0%} of the samples")


def _sheet(versions: np.ndarray, measured: Invariance) -> np.ndarray:
    tiles = [
        _marked(figures.enlarge(pixels, TILE_PX), bool(stays))
        for pixels, stays in zip(versions, measured.stays, strict=True)
    ]
    return figures.mosaic(
        tiles,
        [None] * len(tiles),
        columns=_COLUMNS,
        tile_px=max(tiles[0].shape),
        numbers=[f"{i}: {100 * p:.0f}%" for i, p in enumerate(measured.probabilities, start=1)],
        strip_px=40,
    )


def _marked(pixels: np.ndarray, stays: bool) -> np.ndarray:
    """Put a thin border around an image that keeps its class, else a thick one; sizes are equal."""
    if not stays:
        return figures.with_border(pixels, _OTHER, width_px=16)
    return figures.with_border(figures.with_border(pixels, _SAME, width_px=5), _SHEET, width_px=11)


def _explain_draws(measured: Invariance, label: str, augmentation: Augmentation) -> None:
    frame.explain(
        f"**What you see.** Random augmentations of the image: {described(augmentation)}. "
        f"{_verdict(measured, label)} Training on such samples teaches a network that the class "
        "does not change."
    )


def _suggest(model_name: str, num: int) -> None:
    frame.explain(
        f"**Try this.** Press *New samples*: of {num} samples, one more or less is "
        f"{100 / num:.0f} percentage points. Choose the preset *None* and rotate by 90° only. "
        "Compare *Cats vs. dogs CNN* with *Cats vs. dogs CNN, augmented*."
        f"{_own_recipe(model_name)}\n\n"
        ":small[As in the training runs here, all geometric layers share one seed: flip, rotation, "
        "zoom and vertical shift of a sample come from one random number. The result holds for "
        f"{shared.model(model_name).card.title} and this image only. Azulay and Weiss, JMLR 2019, "
        "arXiv:1805.12177.]"
    )


def _verdict(measured: Invariance, label: str) -> str:
    if measured.share == 1:
        return f"The prediction “{label}” is the same for all samples."
    if measured.share >= 0.5:
        return f"The prediction “{label}” is the same for {_kept(measured)} samples."
    kept = f"only {_kept(measured)} samples" if measured.share else "no sample"
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
        "samples": num,
        "network": model_name,
        "image": picked.label,
        "use": "cnnviz.training.Augmentation(**augmentation)",
    }
    download(f"Samples (PNG, {_size(sheet)})", "samples.png", lambda: figures.encode_png(sheet))
    download("Settings (JSON)", "augmentation.json", lambda: json.dumps(recipe, indent=1).encode())


def _kept(measured: Invariance) -> str:
    return f"{int(measured.stays.sum())} of {len(measured.predictions)}"


def _size(pixels: np.ndarray) -> str:
    return f"{pixels.shape[0]} × {pixels.shape[1]}"


def _short(label: str) -> str:
    return label if len(label) <= _MAX_LABEL else f"{label[: _MAX_LABEL - 1]}…"
