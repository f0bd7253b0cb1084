"""Feature maps compared: two pictures, filters switched off, pictures placed by their features."""

import re

import numpy as np
import streamlit as st

from cnnviz import datasets, figures, zoo
from cnnviz.errors import InvalidParameterError
from cnnviz.features.feature_maps import embed
from cnnviz.images import ImageInput
from cnnviz.ui import cached, controls, map_panels
from cnnviz.ui.controls import Picked
from cnnviz.ui.pictures import CHART, likelihood, number, show_chart, show_painted, show_picture

_PAIRS = 10
_OFF = "switched_off"


def _other_picture(model_name: str) -> tuple[ImageInput, str]:
    """Ask for a second picture."""
    titles = {source.name: source.title for source in datasets.SOURCES}
    kind, _ = controls.example_for(model_name)
    left, right = st.columns(2)
    source = left.selectbox(
        "Compare with",
        [*titles],
        index=[*titles].index(kind),
        format_func=titles.__getitem__,
        key="other_source",
        bind="query-params",
    )
    names = datasets.picture_names(source)
    name = right.selectbox(
        "Second picture",
        names,
        index=min(1, len(names) - 1),
        format_func=lambda one: datasets.picture_label(source, one),
        key=f"other_{source}",
        bind="query-params",
    )
    return datasets.picture(source, name), datasets.picture_label(source, name)


def show_pair(model_name: str, picked: Picked, layer_name: str) -> None:
    """Show the same filters for two pictures, those that differ most first."""
    other, label = _other_picture(model_name)
    first = cached.layer_maps(model_name, picked.image, layer_name)
    second = cached.layer_maps(model_name, other, layer_name)
    rank_by = st.radio(
        "Rank by",
        ["difference of the means", "difference in standard deviations"],
        key="rank_by",
        bind="query-params",
        horizontal=True,
        help="The second divides by how much the filter's mean varies over many pictures: what is "
        "large then is unusual for this filter.",
    )
    means = [maps.mean(axis=(0, 1), dtype=np.float64) for maps in (first, second)]
    difference = means[0] - means[1]
    rank, unit = difference, ""
    if rank_by != "difference of the means":
        found = cached.exemplars(model_name, cached.collection_for(model_name, full=False))
        if found is None:
            return
        spread = found[layer_name].mean.std(axis=0)
        rank = difference / np.where(spread > 0, spread, np.inf)
        unit = " standard deviations"
    order = np.argsort(-np.abs(rank), kind="stable")[:_PAIRS]
    _show_inputs(model_name, picked, other, label)
    _show_two_rows(
        first[..., order],
        second[..., order],
        order.tolist(),
        f"The {len(order)} filters of `{layer_name}` that separate them most: above "
        f"{picked.label}, below {label}, all on one scale.",
        f"Maps of {layer_name} for two pictures",
    )
    show_chart(
        figures.bars_figure([str(i) for i in order], rank[order], f"first − second{unit}"),
        "Differences of the filters' means",
        key="pair bars",
    )
    same = float(np.corrcoef(means)[0, 1]) if len(difference) > 1 and np.std(means) else 1.0
    st.markdown(
        "**What you see.** Each column is one filter. Its bar is the mean of its map for the first "
        f"picture minus that for the second{unit and ', in' + unit}. Over all {len(difference)} "
        f"filters the two lists of means have a correlation of **{same:.2f}**.\n\n"
        "**Try this.** Compare two pictures of one class, then of two classes: in late layers only "
        "the second pair differs much."
    )


def _show_two_rows(
    above: np.ndarray, below: np.ndarray, channels: list[int], caption: str, alt: str
) -> None:
    """Show the same channels (h, w, N) of two pictures in two rows, on one scale."""
    chosen = np.concatenate([above, below], axis=2)
    scale = map_panels.value_scale(chosen)
    sheet = figures.mosaic(
        chosen.transpose(2, 0, 1),
        [scale] * (2 * len(channels)),
        columns=len(channels),
        tile_px=112,
        numbers=[*channels, *channels],
        strip_px=20,
    )
    show_painted(sheet, scale, caption, alt)


def _show_inputs(model_name: str, picked: Picked, other: ImageInput, label: str) -> None:
    card = cached.model(model_name).card
    columns = st.columns([1, 2, 1, 2], vertical_alignment="center")
    for place, (image, name) in enumerate(((picked.image, picked.label), (other, label))):
        best = cached.predictions(model_name, image)[0]
        with columns[2 * place]:
            st.image(
                figures.encode_png(figures.enlarge(zoo.model_view(card, image), 224)), alt=name
            )
        columns[2 * place + 1].markdown(
            f"{name}\n\nThe network says **{best.label}** ({likelihood(best, 0)})."
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
                f"{part!r} is no number and no range. Write channels like this: 1, 5-9."
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last >= num_channels or first > last:
            raise InvalidParameterError(
                f"{part!r}: this layer has the channels 0 to {num_channels - 1}."
            )
        chosen |= set(range(first, last + 1))
    return tuple(sorted(chosen))


def show_ablation(model_name: str, picked: Picked, layer_name: str) -> None:
    """Switch filters off and watch the classes; rank all filters by their effect."""
    model = cached.model(model_name)
    num_channels = model.layer_shapes[layer_name][-1]
    before = cached.ablated(model_name, picked.image, layer_name, ())
    best = cached.predictions(model_name, picked.image)[0]
    target = controls.class_picker(model_name, best)
    alone = cached.ablation(model_name, picked.image, layer_name)
    mode = st.radio(
        "Filters named below are",
        ["switched off", "the only ones left on"],
        key="off_mode",
        bind="query-params",
        horizontal=True,
    )
    if alone is not None:
        effect = before[target] - alone[:, target]
        top = np.argsort(-effect, kind="stable")[:5]
        st.button(
            "Name the five that this class needs most",
            on_click=lambda: st.session_state.update({_OFF: ", ".join(map(str, sorted(top)))}),
        )
    text = st.text_input(
        "Filters", key=_OFF, bind="query-params", placeholder="numbers and ranges, such as 1, 5-9"
    )
    named = parse_channels(text, num_channels)
    off = named
    if mode != "switched off":
        off = tuple(sorted(set(range(num_channels)) - set(named))) if named else ()
    after = cached.ablated(model_name, picked.image, layer_name, off)
    _show_classes(model_name, before, after, target, len(off), num_channels)
    if alone is None:
        return
    st.subheader("Which filters does this class need?")
    order = np.argsort(-np.abs(effect), kind="stable")[:24]
    label = model.class_names[target]
    show_chart(
        figures.bars_figure([str(i) for i in order], effect[order], f"logit of «{label}» lost"),
        "Effect of each filter on the class",
        key="effects",
    )
    helpful, harmful = int((effect > 1e-6).sum()), int((effect < -1e-6).sum())
    st.markdown(
        f"**What you see.** Each bar is one filter of `{layer_name}`, switched off alone: by how "
        f"much the logit of «{label}» falls. Of {num_channels} filters {helpful} argue for the "
        f"class, {harmful} against it, and {num_channels - helpful - harmful} do not matter here. "
        "The effects of several do not simply add up.\n\n"
        "**Try this.** Name the five most needed ones, switch them off, and see which class wins "
        "then.\n\n:small[Ablation, as in Desai and Ramaswamy, Ablation-CAM, WACV 2020.]"
    )


def _show_classes(
    model_name: str,
    before: np.ndarray,
    after: np.ndarray,
    target: int,
    num_off: int,
    num_channels: int,
) -> None:
    model = cached.model(model_name)
    was, now = model.probabilities(before), model.probabilities(after)
    shown = list(dict.fromkeys([*np.argsort(-was)[:4], *np.argsort(-now)[:4], target]))
    show_chart(
        figures.before_after_figure([model.class_names[i] for i in shown], was[shown], now[shown]),
        "Class probabilities before and after",
        key="before after",
    )
    st.markdown(
        f"With **{num_off}** of {num_channels} filters switched off, «{model.class_names[target]}» "
        f"goes from {was[target]:.1%} to **{now[target]:.1%}**, its logit from "
        f"{number(float(before[target]))} to **{number(float(after[target]))}**."
    )


def show_embedding(model_name: str, picked: Picked, layer_name: str) -> None:
    """Place pictures by what a layer says about them."""
    full = st.toggle("Use the whole held-out part", key="full_search", bind="query-params")
    pictures = cached.collection_for(model_name, full)
    found = cached.exemplars(model_name, pictures)
    if found is None:
        return
    here = cached.layer_maps(model_name, picked.image, layer_name).mean(axis=(0, 1))
    layer = found[layer_name]
    places, shares = embed(np.vstack([layer.mean, here[None]]))
    figure = figures.embedding_figure(places[:-1], pictures.labels, places[-1], picked.label)
    plot, seen = st.columns([2.6, 1], gap="medium")
    with plot:
        event = st.plotly_chart(
            figure,
            config=CHART,
            alt=f"Pictures placed by {layer_name}",
            key="embedding",
            on_select="rerun",
            selection_mode="points",
        )
    points = event.selection.points if event else []
    with seen:
        chosen = next((p["customdata"] for p in points if p.get("customdata") is not None), None)
        place = int(chosen[0] if isinstance(chosen, list) else chosen) if chosen is not None else -1
        if 0 <= place < len(pictures.images):
            view = zoo.model_view(cached.model(model_name).card, pictures.images[place])
            best = cached.predictions(model_name, pictures.images[place])[0]
            show_picture(
                view,
                f"{pictures.labels[place]}; the network says {best.label} ({likelihood(best, 0)})",
                pictures.labels[place],
            )
        else:
            st.info("Click a point to see its picture. The star is yours.")
    st.markdown(
        f"**What you see.** Each point is one of {pictures.title}, placed by the means of the "
        f"{layer.mean.shape[1]} maps of `{layer_name}`, each brought to spread 1 (principal "
        f"components: {shares[0]:.0%} and {shares[1]:.0%} of the variance). Points near each other "
        "excite the same filters.\n\n"
        "**Try this.** Go from an early layer to a late one: the colours, mixed at first, part "
        "into groups, because late filters answer to what things are."
    )
