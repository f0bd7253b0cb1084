"""Feature maps compared: two images, ablated channels, and an embedding of many images."""

import re

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from cnnviz import datasets, figures, zoo
from cnnviz.errors import InvalidParameterError
from cnnviz.features.feature_maps import embed
from cnnviz.images import ImageInput
from cnnviz.ui import controls, shared
from cnnviz.ui.controls import PickedImage, layer_strip
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import (
    CHART,
    likelihood,
    number,
    show_chart,
    show_image,
    show_painted,
)

_PAIRS = 10
_OFF = "switched_off"


def _other_image(model_name: str) -> tuple[ImageInput, str]:
    """Ask for a second image."""
    titles = {source.name: source.title for source in datasets.SOURCES}
    kind, _ = controls.example_for(model_name)
    source = address.selectbox("Compare with", titles, key="other_source", default=kind)
    images = controls.image_titles(source)
    second = [*images][min(1, len(images) - 1)]
    name = address.selectbox(
        "Second image", images, key=f"other_{source}", default=second, parameter="other_image"
    )
    return datasets.sample_image(source, name), datasets.sample_label(source, name)


def show_pair(model_name: str, picked: PickedImage) -> None:
    """Show the same filters for two images, those that differ most first."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        _draw_pair(model_name, picked, layer_name, column)


def _draw_pair(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    with column:
        other, label = _other_image(model_name)
    first = shared.layer_maps(model_name, picked.image, layer_name)
    second = shared.layer_maps(model_name, other, layer_name)
    rank_by = column.radio(
        "Rank by",
        ["difference of the means", "difference in standard deviations"],
        key="rank_by",
        bind="query-params",
        horizontal=True,
        help="The second divides by the standard deviation of the filter's mean over many images.",
    )
    means = [maps.mean(axis=(0, 1), dtype=np.float64) for maps in (first, second)]
    difference = means[0] - means[1]
    rank, unit = difference, ""
    if rank_by != "difference of the means":
        examples = shared.examples(model_name, shared.collection_for(model_name, full=False))
        if examples is None:
            return
        spread = examples[layer_name].mean.std(axis=0)
        rank = difference / np.where(spread > 0, spread, np.inf)
        unit = " standard deviations"
    order = np.argsort(-np.abs(rank), kind="stable")[:_PAIRS]
    _show_inputs(model_name, picked, other, label)
    _show_two_rows(
        first[..., order],
        second[..., order],
        order.tolist(),
        f"The {len(order)} filters of `{layer_name}` that differ most. Top: {picked.label}; "
        f"bottom: {label}; common scale.",
        f"Feature maps of {layer_name} for two images",
    )
    show_chart(
        figures.bars_figure([str(i) for i in order], rank[order], f"first − second{unit}"),
        "Difference of the mean activations",
        key="pair bars",
    )
    same = float(np.corrcoef(means)[0, 1]) if len(difference) > 1 and np.std(means) else 1.0
    frame.explain(
        "**What you see.** Each column is a filter. Its bar is its mean activation for the first "
        f"image minus that for the second{unit and ', in' + unit}. Over all {len(difference)} "
        f"filters the mean activations correlate by **{same:.2f}**.\n\n"
        "**Try this.** Compare two images of one class, then of two classes. In late layers only "
        "the second pair differs much."
    )


def _show_two_rows(
    above: np.ndarray, below: np.ndarray, channels: list[int], caption: str, alt: str
) -> None:
    """Show the same channels (h, w, N) of two images in two rows, on one scale."""
    chosen = np.concatenate([above, below], axis=2)
    scale = layer_strip.value_scale(chosen)
    sheet = figures.mosaic(
        chosen.transpose(2, 0, 1),
        [scale] * (2 * len(channels)),
        columns=len(channels),
        tile_px=112,
        numbers=[*channels, *channels],
        strip_px=20,
    )
    show_painted(sheet, scale, caption, alt)


def _show_inputs(model_name: str, picked: PickedImage, other: ImageInput, label: str) -> None:
    card = shared.model(model_name).card
    columns = st.columns([1, 2, 1, 2], vertical_alignment="center")
    for place, (image, name) in enumerate(((picked.image, picked.label), (other, label))):
        best = shared.predictions(model_name, image)[0]
        with columns[2 * place]:
            st.image(
                figures.encode_png(figures.enlarge(zoo.model_view(card, image), 224)), alt=name
            )
        columns[2 * place + 1].markdown(
            f"{name}\n\nPrediction: **{best.label}** ({likelihood(best, 0)})."
        )


def parse_channels(text: str, num_channels: int) -> tuple[int, ...]:
    """Read numbers and ranges such as ``1, 5-9``.

    Raises
    ------
    InvalidParameterError
        If the text holds anything else, or a channel that does not exist.
    """
    chosen: set[int] = set()
    for part in filter(None, re.split(r"[,;\s]+", text.strip())):
        match = re.fullmatch(r"(\d{1,6})(?:[-–](\d{1,6}))?", part)
        if match is None:
            raise InvalidParameterError(
                f"{part!r} is neither a number nor a range. Write channels like this: 1, 5-9."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last >= num_channels or first > last:
            raise InvalidParameterError(
                f"{part!r}: this layer has the channels 0 to {num_channels - 1}."
            )
        chosen |= set(range(first, last + 1))
    return tuple(sorted(chosen))


def show_ablation(model_name: str, picked: PickedImage) -> None:
    """Switch filters off and watch the classes; rank all filters by their effect."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        _draw_ablation(model_name, picked, layer_name, column)


def _draw_ablation(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    model = shared.model(model_name)
    num_channels = model.layer_shapes[layer_name][-1]
    before = shared.ablated(model_name, picked.image, layer_name, ())
    best = shared.predictions(model_name, picked.image)[0]
    with column:
        target = controls.class_picker(model_name, best)
    alone = shared.ablation(model_name, picked.image, layer_name)
    mode = column.radio(
        "Channels listed below are",
        ["ablated", "the only ones kept"],
        key="off_mode",
        bind="query-params",
        horizontal=True,
    )
    if alone is not None:
        effect = before[target] - alone[:, target]
        top = np.argsort(-effect, kind="stable")[:5]
        column.button(
            "Select the five channels with the largest effect",
            on_click=lambda: st.session_state.update({_OFF: ", ".join(map(str, sorted(top)))}),
        )
    text = column.text_input(
        "Channels", key=_OFF, bind="query-params", placeholder="numbers and ranges, such as 1, 5-9"
    )
    named = parse_channels(text, num_channels)
    off = named
    if mode != "ablated":
        off = tuple(sorted(set(range(num_channels)) - set(named))) if named else ()
    after = shared.ablated(model_name, picked.image, layer_name, off)
    results.note_code(
        code.program(
            f"logits = cnnviz.ablated_logits(model, image, {layer_name!r}, {[*off]})\n"
            "print(logits.shape, logits.max())",
            model_name=model_name,
            image=picked.code,
        )
    )
    _show_classes(model_name, before, after, target, len(off), num_channels)
    if alone is None:
        return
    st.subheader("Effect of ablating each channel")
    order = np.argsort(-np.abs(effect), kind="stable")[:24]
    label = model.class_names[target]
    show_chart(
        figures.bars_figure(
            [str(i) for i in order], effect[order], f"drop of the logit of {label}"
        ),
        "Effect of each channel on the class",
        key="effects",
    )
    helpful, harmful = int((effect > 1e-6).sum()), int((effect < -1e-6).sum())
    frame.explain(
        f"**What you see.** Each bar is the drop of the logit of *{label}* when one channel of "
        f"`{layer_name}` is set to zero. Of {num_channels} channels, {helpful} support the class, "
        f"{harmful} oppose it, and {num_channels - helpful - harmful} have no effect. The effects "
        "of several channels do not simply add.\n\n"
        "**Try this.** Ablate the five channels with the largest effect. Which class is "
        "predicted then?\n\n:small[Ablation, as in Desai and Ramaswamy, Ablation-CAM, WACV 2020.]"
    )


def _show_classes(
    model_name: str,
    before: np.ndarray,
    after: np.ndarray,
    target: int,
    num_off: int,
    num_channels: int,
) -> None:
    model = shared.model(model_name)
    was, now = model.probabilities(before), model.probabilities(after)
    shown = list(dict.fromkeys([*np.argsort(-was)[:4], *np.argsort(-now)[:4], target]))
    show_chart(
        figures.before_after_figure([model.class_names[i] for i in shown], was[shown], now[shown]),
        "Class probabilities before and after",
        key="before after",
    )
    st.markdown(
        f"With **{num_off}** of {num_channels} channels ablated, *{model.class_names[target]}* "
        f"changes from {was[target]:.1%} to **{now[target]:.1%}**, its logit from "
        f"{number(float(before[target]))} to **{number(float(after[target]))}**."
    )


def show_embedding(model_name: str, picked: PickedImage) -> None:
    """Place images by what a layer says about them."""
    layer_name, column, stage = layer_strip.columns(model_name, picked)
    with stage:
        _draw_embedding(model_name, picked, layer_name, column)


def _draw_embedding(
    model_name: str, picked: PickedImage, layer_name: str, column: DeltaGenerator
) -> None:
    full = column.toggle("Use the whole test set", key="full_search", bind="query-params")
    images = shared.collection_for(model_name, full)
    examples = shared.examples(model_name, images)
    if examples is None:
        return
    here = shared.layer_maps(model_name, picked.image, layer_name).mean(axis=(0, 1))
    layer = examples[layer_name]
    places, shares = embed(np.vstack([layer.mean, here[None]]))
    figure = figures.embedding_figure(places[:-1], images.labels, places[-1], picked.label)
    plot, seen = st.columns([2.6, 1], gap="medium")
    with plot:
        event = st.plotly_chart(
            figure,
            config=CHART,
            alt=f"Embedding of images by {layer_name}",
            key="embedding",
            on_select="rerun",
            selection_mode="points",
        )
    points = event.selection.points if event else []
    with seen:
        chosen = next((p["customdata"] for p in points if p.get("customdata") is not None), None)
        place = int(chosen[0] if isinstance(chosen, list) else chosen) if chosen is not None else -1
        if 0 <= place < len(images.images):
            view = zoo.model_view(shared.model(model_name).card, images.images[place])
            best = shared.predictions(model_name, images.images[place])[0]
            show_image(
                view,
                f"{images.labels[place]}; prediction: {best.label} ({likelihood(best, 0)})",
                images.labels[place],
            )
        else:
            st.info("Click a point to see its image. The star is your image.")
    frame.explain(
        f"**What you see.** Each point is one of {images.title}: the mean activations of the "
        f"{layer.mean.shape[1]} channels of `{layer_name}`, standardized, projected onto two "
        f"principal components ({shares[0]:.0%} and {shares[1]:.0%} of the variance). Nearby "
        "images "
        "activate similar filters.\n\n"
        "**Try this.** Compare an early layer with a late one: classes mix in early layers and "
        "form "
        "clusters in late ones."
    )
