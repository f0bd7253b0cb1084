"""What can be chosen for a network of one's own: input scaling, output, and grid of tokens."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from cnnviz import zoo
from cnnviz.images import ImageInput
from cnnviz.network.prediction import Prediction
from cnnviz.ui import shared
from cnnviz.ui.shell.display import likelihood
from cnnviz.zoo import ModelReference

if TYPE_CHECKING:
    from cnnviz.network.inspected_model import LoadedModel

PREPROCESSING, OUTPUT, GRID = "preprocessing", "output", "token_grid"  # widget keys
_AS_FOUND = ""  # stands for what is known or assumed


def forget() -> None:
    """Let go of choices that were made for another network."""
    for key in (PREPROCESSING, OUTPUT, GRID):
        st.session_state.pop(key, None)


def ask(name: str, image: ImageInput | None) -> str:
    """Show what the network is given and how that is known, and ask for what can be chosen.

    Parameters
    ----------
    name : str
        Of a network that is on this machine.
    image : ImageInput, optional
        For which predictions are compared; none are without it.

    Returns
    -------
    str
        The network's reference, the key of every cache.
    """
    reference = ModelReference(name, version=zoo.own_version(name))
    network = shared.model(str(reference))
    if network.card.preprocessing_source == "card":  # nothing is left to choose
        st.caption(f"Input: {network.input_scaling}.")
        return str(reference)
    output = _ask_output(network)
    grid = _ask_grid(network)
    with_scaling = _ask_scaling(str(reference), network, image)
    chosen = reference.with_choices(preprocessing=with_scaling, output=output, grid=grid)
    scaling = shared.model(str(chosen)).input_scaling
    note = f" {scaling.note}" if scaling.note else ""
    if scaling.is_assumed:
        st.warning(
            f"**Input scaling is assumed: {scaling.description}.** If it is wrong, predictions are "
            f"meaningless. Check it above.{note}"
        )
    else:
        st.caption(f"Input: {scaling}.{note}")
    return str(chosen)


def _ask_scaling(name: str, found: "LoadedModel", image: ImageInput | None) -> str:
    with st.popover("Input scaling", width="stretch"):
        known = found.input_scaling
        chosen = st.selectbox(
            "Pixel values of the input",
            [_AS_FOUND, *zoo.fitting_preprocessings(found.input_shape[2])],
            format_func=lambda key: _scaling_title(key, known.description, known.source),
            key=PREPROCESSING,
            bind="query-params",
            help="The range used in training. It cannot be inferred for every network.",
        )
        if image is not None:
            st.markdown("**Predictions for this image under each scaling**")
            st.dataframe(
                [
                    {"Input": zoo.PREPROCESSINGS[key].description, "Predictions": _written(given)}
                    for key, given in shared.predictions_by_scaling(name, image).items()
                ],
                hide_index=True,
                alt="Predictions under each input scaling",
            )
            st.markdown(":small[The right scaling usually gives a confident, sensible class.]")
    return chosen


def _scaling_title(key: str, known: str, source: str) -> str:
    if key == _AS_FOUND:
        return f"{known} ({zoo.SOURCES[source]})"
    return zoo.PREPROCESSINGS[key].description


def _written(predictions: Sequence[Prediction]) -> str:
    return ", ".join(f"{prediction.label} {likelihood(prediction)}" for prediction in predictions)


def _ask_output(model: "LoadedModel") -> str | None:
    if len(model.output_names) < 2:
        return None
    chosen = st.selectbox(
        "Output",
        model.output_names,
        index=model.output_names.index(model.output_name),
        key=OUTPUT,
        bind="query-params",
        help="The network has several outputs; the classes of one are explained.",
    )
    return None if chosen == model.output_name else chosen


def _ask_grid(model: "LoadedModel") -> str | None:
    if not model.token_layer_names:
        return None
    name = model.token_layer_names[-1]
    grid = model.grids[name]
    known = f"{grid.rows}x{grid.columns}"
    sizes = [
        f"{rows}x{columns}"
        for rows in range(1, grid.num_tokens + 1)
        for columns in (grid.rows * grid.columns // rows,)
        if rows * columns == grid.rows * grid.columns
    ]
    chosen = st.selectbox(
        "Grid of tokens (rows × columns)",
        sizes,
        index=sizes.index(known),
        format_func=lambda size: (
            size.replace("x", " × ") + (" (assumed)" if size == known and grid.is_assumed else "")
        ),
        key=GRID,
        bind="query-params",
        help=f"How the tokens of {name} lie in the image.",
    )
    return None if chosen == known else chosen
