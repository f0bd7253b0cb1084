"""Orientation tuning, and learned kernels against designed ones."""

import math
from collections.abc import Mapping

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.errors import CnnvizError
from cnnviz.filter_banks import (
    grating,
    kernel_tuning,
)
from cnnviz.filter_banks.gabor_fit import SMALLEST_SIDE, GaborFit
from cnnviz.filter_banks.settings import GaborSettings
from cnnviz.ui import shared
from cnnviz.ui.gabor import cached, one_filter
from cnnviz.ui.shared import code
from cnnviz.ui.shell import address, frame, results
from cnnviz.ui.shell.display import number, show_chart, show_map

_NUM_THETAS = 24
_LEARNED_PARTS = {"one-kernel": "One kernel", "all-kernels": "All kernels"}


def show_tuning(model_name: str) -> None:
    """Compare a Gabor filter with a channel of a network on gratings of all orientations."""
    column, stage = frame.columns()
    with column:
        chosen = one_filter.filter_settings()
    with stage:
        _show_tuning(chosen, model_name)


def _show_tuning(chosen: GaborSettings, model_name: str) -> None:
    model = shared.model(model_name)
    left, right = st.columns(2)
    shapes = model.layer_shapes
    with left:
        layer_name = address.selectbox(
            "Layer",
            {name: f"{name} ({shapes[name][-1]} channels)" for name in model.map_layer_names},
            key="tuned_layer",
            default=model.first_convolution,
        )
    frequency = chosen.frequency
    thetas = np.arange(_NUM_THETAS) * np.pi / _NUM_THETAS
    answers = cached.network_tuning(model_name, layer_name, frequency, _NUM_THETAS)
    spread = answers.max(axis=0) - answers.min(axis=0)
    channel = right.selectbox(
        "Channel",
        ["the most selective", *range(answers.shape[1])],
        key="tuned_channel",
        bind="query-params",
    )
    place = int(spread.argmax()) if channel == "the most selective" else int(channel)
    kernel = cached.filter_kernel(chosen)
    designed = kernel_tuning(kernel, frequency, thetas.tolist())
    figure = figures.polar_tuning(
        thetas, {"Gabor filter": designed, f"{layer_name}, channel {place}": answers[:, place]}
    )
    plot, wave = st.columns([2, 1])
    with plot:
        show_chart(figure, "Tuning curves of filter and channel", key="tune")
    with wave:
        best = float(thetas[answers[:, place].argmax()])
        stripes = grating(64, frequency, best)
        show_map(
            stripes,
            figures.Scale(0, 1, "gray"),
            f"A grating of {math.degrees(best):.0f}°, the channel's preferred orientation",
            "A grating of the channel's preferred orientation",
        )
    frame.explain(
        f"**What you see.** Responses to gratings with a period of {1 / frequency:.1f} pixels in "
        f"{_NUM_THETAS} orientations, as a fraction of each curve's maximum "
        f"({number(float(designed.max()))} for the filter, "
        f"{number(float(answers[:, place].max()))} for the channel). Orientations repeat after "
        "180°. A narrow figure eight is selective, a circle is not.\n\n"
        "**Try this.** Increase sigma: the filter becomes more selective. Then look for a channel "
        "with the same curve."
    )


def show_learned(model_name: str) -> None:
    """Fit a Gabor function to every first kernel of a network and show the fits."""
    model = shared.model(model_name)
    layer_name = model.first_convolution
    weights = np.asarray(model.operations[layer_name].get_weights()[0])
    if len(weights) < SMALLEST_SIDE:
        raise CnnvizError(
            f"The first kernels of {model.card.title} have {weights.shape[0]} × {weights.shape[1]} "
            f"= {weights.shape[0] * weights.shape[1]} numbers, and a Gabor function has nine "
            "parameters: it would fit anything. Choose a network with kernels of "
            "7 × 7 or more, such as Fashion Gabor CNN or SVHN Gabor CNN."
        )
    fits = _all_fits(model_name, layer_name, weights)
    results.note_code(
        code.program(
            f"kernels = model.operations[{layer_name!r}].get_weights()[0]\n"
            "for channel in range(kernels.shape[-1]):\n"
            "    fit = cnnviz.fit_gabor(kernels[..., channel])\n"
            "    print(channel, fit.frequency, fit.theta, fit.r_squared)",
            model_name=model_name,
        )
    )
    if address.tabs(_LEARNED_PARTS, key="learned_part") == "one-kernel":
        channel = _choose_kernel(fits)
        _show_fit(fits[channel], channel)
    else:
        _show_all_fits(fits, weights.shape[-1])


def _choose_kernel(fits: Mapping[int, GaborFit]) -> int:
    ordered = sorted(fits, key=lambda channel: -fits[channel].r_squared)
    titles = {str(channel): f"{channel}: R² {fits[channel].r_squared:.2f}" for channel in ordered}
    return int(address.selectbox("Kernel", titles, key="fitted_kernel"))


def _show_all_fits(fits: Mapping[int, GaborFit], num_kernels: int) -> None:
    figure = figures.polar_fits(
        [(channel, fit.theta, fit.frequency, fit.r_squared) for channel, fit in fits.items()]
    )
    show_chart(figure, "Orientation and frequency of all fits", key="fits")
    good = sum(fit.r_squared > 0.8 for fit in fits.values())
    frame.explain(
        "**What you see.** Each point is a kernel: its angle is the orientation of the fitted "
        "sinusoid, its radius the frequency in cycles per pixel; larger points are better fits. "
        f"**{good} of {num_kernels}** kernels are Gabor functions for more than 80 % "
        "of their variance, learned from labels alone. Jones and Palmer found similar receptive "
        "fields in the visual cortex of cats (1987).\n\n"
        "**Try this.** Copy a fit to the sliders and apply it to an image."
    )


def _all_fits(model_name: str, layer_name: str, weights: np.ndarray) -> dict[int, GaborFit]:
    """Fit every kernel that is not empty; progress while it takes time."""
    energy = (weights**2).sum(axis=(0, 1, 2))
    alive = np.flatnonzero(energy > 1e-4 * energy.max())
    bar = st.empty()
    fits = {}
    for done, place in enumerate(alive.tolist()):
        if done % 4 == 0:
            bar.progress(done / len(alive), f"Fitting kernel {done + 1} of {len(alive)}…")
        fits[place] = cached.kernel_fit(model_name, layer_name, place)
    bar.empty()
    return fits


def _show_fit(fit: GaborFit, place: int) -> None:
    scale = figures.signed_scale(fit.kernel, fit.fitted, fit.residual)
    columns = st.columns(3)
    for column, title, values in zip(
        columns,
        (f"Kernel {place}", f"Nearest Gabor function, R² {fit.r_squared:.3f}", "Residual"),
        (fit.kernel, fit.fitted, fit.residual),
        strict=True,
    ):
        with column:
            show_map(values, scale, title, title)
    right, down = fit.center
    st.markdown(
        f"Frequency **{fit.frequency:.3f}** cycles per pixel · theta **{fit.theta:.2f}** "
        f"({math.degrees(fit.theta):.0f}°) · sigma **{fit.sigma:.1f}** px · aspect "
        f"**{fit.aspect:.2f}** · phase **{math.degrees(fit.phase):.0f}°** · center "
        f"{number(right, 2)} px right, {number(down, 2)} px down"
    )
    if st.button("Copy to the sliders", key="hand_over"):
        st.session_state[address.wanted("gabor_view")] = "one-filter"
        st.session_state[one_filter.WANTED] = {
            "frequency": fit.frequency,
            "theta": fit.theta,
            "sigma": fit.sigma,
            "aspect": fit.aspect,
            "phase": abs(math.degrees(fit.phase)),
        }
        st.rerun()
