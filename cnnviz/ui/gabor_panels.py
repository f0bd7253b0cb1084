"""The parts of the Gabor page: sliders, kernel, response, bank, and the words beside them."""

from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.filter_banks import (
    ASPECT_RANGE,
    FREQUENCY_RANGE,
    GABOR_PRESETS,
    SIGMA_RANGE,
    FilterBank,
    dc_leak,
    magnitude_spectrum,
    sigma_for_bandwidth,
)
from cnnviz.results import GaborResponse, ImageInput
from cnnviz.ui import cached
from cnnviz.ui.pictures import number, show_map, show_painted, show_picture

_LEAK_WORTH_A_WARNING = 0.05


def _set_preset(frequency: float, theta: float, sigma: float) -> None:
    values = {"frequency": frequency, "theta": theta, "sigma": sigma, "tied": False}
    for key, value in values.items():
        st.session_state[key] = value


def filter_settings() -> dict[str, Any]:
    """Ask for one filter; gives the arguments of `cached.filter_response`."""
    with st.popover("Presets", width="stretch"):
        st.caption("frequency · theta · sigma")
        for preset in GABOR_PRESETS:
            values = (preset.frequency, preset.theta, preset.sigma)
            text = " · ".join(f"{value:g}" for value in values)
            st.button(text, on_click=_set_preset, args=values, help=preset.title, width="stretch")
    frequency = st.slider(
        "Frequency (cycles/px)",
        *FREQUENCY_RANGE,
        key="frequency",
        bind="query-params",
        help="How dense the stripes are. 0.5, a stripe a pixel, is the finest a grid can hold.",
    )
    theta = st.slider(
        "Theta (radians)",
        *(0.0, 3.1, 0.0, 0.05),
        key="theta",
        bind="query-params",
        help="The direction in which the wave runs. At 0 it runs across: upright stripes.",
    )
    tied = st.toggle("Tie sigma to f", key="tied", bind="query-params")
    sigma = st.slider(
        "Sigma (pixels)",
        *SIGMA_RANGE,
        key="sigma",
        bind="query-params",
        disabled=tied,
        help="How wide the bell is. A wide bell is choosier about frequency and direction.",
    )
    if tied:
        sigma = sigma_for_bandwidth(frequency)
        st.caption(f"Sigma is {sigma:.2f} px: a pass band of one octave.")
    return {"frequency": frequency, "theta": theta, "sigma": sigma, **_rare_settings()}


def _rare_settings() -> dict[str, Any]:
    with st.expander("More"):
        remove_dc = st.toggle("Remove the brightness leak", key="remove_dc", bind="query-params")
        aspect = st.slider("Aspect", *ASPECT_RANGE, key="aspect", bind="query-params")
        phase = st.slider("Phase (degrees)", 0, 90, 0, 15, key="phase", bind="query-params")
        operation = st.radio(
            "Operation",
            ["correlate", "convolve"],
            key="operation",
            bind="query-params",
            help="Convolving turns the kernel by 180° first: the odd part changes its sign.",
        )
    return {
        "aspect": aspect,
        "phase": float(np.deg2rad(phase)),
        "remove_dc": remove_dc,
        "operation": operation,
    }


def show_kernel(image: ImageInput, label: str, kernel: np.ndarray) -> None:
    """Show the picture, both parts of the kernel on one scale, and the kernel's spectrum."""
    scale = figures.signed_scale(kernel.real, kernel.imag)
    spectrum = magnitude_spectrum(kernel)
    size = f"{kernel.shape[0]} × {kernel.shape[1]} px"
    picture, even, odd, pass_band = st.columns(4)
    with picture:
        show_picture(_in_square(image.pixels), f"Input: {label}", f"The input: {label}")
    with even:
        show_map(kernel.real, scale, f"Kernel, real part, {size}", "Real part of the kernel")
    with odd:
        show_map(
            kernel.imag, scale, f"Kernel, imaginary part, {size}", "Imaginary part of the kernel"
        )
    with pass_band:
        show_map(
            spectrum,
            figures.unsigned_scale(spectrum),
            "Its spectrum: what it lets through",
            "Magnitude spectrum of the kernel from -0.5 to 0.5 cycles per pixel",
        )


def _in_square(pixels: np.ndarray) -> np.ndarray:
    """Centre a picture on a grey square, so that a row of pictures has one height."""
    side = max(pixels.shape[:2])
    sheet = np.full((side, side, 3), 128, np.uint8)
    top, left = ((side - length) // 2 for length in pixels.shape[:2])
    sheet[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    return sheet


def show_response(response: GaborResponse) -> None:
    """Show the signed parts on one scale with white at zero, and the magnitude."""
    scale = figures.signed_scale(response.real, response.imaginary)
    real, imaginary, magnitude = st.columns(3)
    with real:
        show_map(
            response.real, scale, "Response, real part: finds bars", "Real part of the response"
        )
    with imaginary:
        show_map(
            response.imaginary,
            scale,
            "Response, imaginary part: finds edges",
            "Imaginary part of the response",
        )
    with magnitude:
        show_map(
            response.magnitude,
            figures.unsigned_scale(response.magnitude),
            "Magnitude: how strongly, bar or edge",
            "Magnitude of the response",
        )


def explain_filter(chosen: dict[str, Any], kernel: np.ndarray, image: ImageInput) -> None:
    """Say what today's numbers mean, and warn where the filter is not what it seems."""
    frequency, theta, sigma = chosen["frequency"], chosen["theta"], chosen["sigma"]
    leak = dc_leak(frequency, sigma)
    if leak > _LEAK_WORTH_A_WARNING and not chosen["remove_dc"]:
        st.warning(
            f"Brightness leak {leak:.0%}: under so narrow a bell less than a whole wave fits, and "
            "the real part answers to plain brightness, as a blur would. Widen sigma, or switch "
            "«Remove the brightness leak» on under More."
        )
    height, width = image.pixels.shape[:2]
    if kernel.shape[0] > min(height, width):
        st.warning(
            f"The kernel ({kernel.shape[0]} px) is larger than the picture ({width} × {height} "
            "px): most of what it sees is the mirrored border. Make sigma smaller."
        )
    verb = "slid over the picture as it is (correlation, as in a convolutional network)"
    if chosen["operation"] == "convolve":
        verb = "turned by 180° and slid over the picture (convolution)"
    st.markdown(
        f"**What you see.** A wave of {1 / frequency:.1f} pixels a period that runs at "
        f"{np.rad2deg(theta):.0f}°, under a bell of {sigma:.1f} pixels, is {verb}; at the borders "
        "the picture is mirrored. Each answer is a sum of products. Red: the picture looks like "
        "the kernel; blue: like its negative; white: neither. The magnitude joins both parts: "
        "$\\sqrt{\\mathrm{Re}^2 + \\mathrm{Im}^2}$.\n\n"
        "$$g(x, y) = \\frac{1}{2\\pi\\sigma_x\\sigma_y} "
        "e^{-\\frac12\\left(x'^2/\\sigma_x^2 + y'^2/\\sigma_y^2\\right)}"
        "\\, e^{i(2\\pi f x' + \\varphi)}$$\n\n"
        "with $x' = x\\cos\\theta + y\\sin\\theta$ along the wave and "
        "$y' = y\\cos\\theta - x\\sin\\theta$ across it. "
        f"Brightness leak (answer to a plain white picture): {leak:.2%} of the bell's sum"
        f"{', removed' if chosen['remove_dc'] else ''}. Daugman 1985, as in scikit-image.\n\n"
        "**Try this.** Turn theta until an upright stroke of the digit vanishes. Then widen sigma "
        "and turn again: it vanishes sooner."
    )


def bank_settings() -> dict[str, Any]:
    """Ask for a bank of filters; gives the arguments of `show_bank`."""
    num_frequencies = st.slider("Frequencies", 1, 6, 4, key="frequencies", bind="query-params")
    num_thetas = st.slider("Directions", 2, 8, 8, key="directions", bind="query-params")
    shared = st.toggle(
        "One scale for all maps",
        True,
        key="shared",
        bind="query-params",
        help="Off: each map is stretched to its own maximum, so a weak one looks strong.",
    )
    tiles = st.radio("Tiles", ["responses", "kernels"], key="tiles", bind="query-params")
    enlarged = st.selectbox(
        "Enlarge number",
        ["strongest", *range(num_frequencies * num_thetas)],
        key="enlarged",
        bind="query-params",
    )
    return {
        "num_frequencies": num_frequencies,
        "num_thetas": num_thetas,
        "shared": shared,
        "tiles": tiles,
        "enlarged": None if enlarged == "strongest" else enlarged,
    }


def show_bank(
    image: ImageInput,
    label: str,
    *,
    num_frequencies: int,
    num_thetas: int,
    shared: bool,
    tiles: str,
    enlarged: int | None,
) -> None:
    """Show all responses in one picture, a row for each frequency, and one of them large."""
    filters = cached.filter_bank(num_frequencies, num_thetas)
    responses = cached.bank_responses(image, num_frequencies, num_thetas)
    maps = responses if tiles == "responses" else filters.kernels.real
    scale_of = figures.unsigned_scale if tiles == "responses" else figures.signed_scale
    common = scale_of(maps)
    scales = [common if shared else scale_of(one) for one in maps]
    what = f"Magnitudes of the {len(maps)} responses to {label}"
    if tiles == "kernels":
        what = f"Real parts of the {len(maps)} kernels"
    caption = (
        f"{what}. A row is a frequency, from {filters.parameters[0].frequency:.2f} down to "
        f"{filters.parameters[-1].frequency:.2f} cycles per pixel; a column is a direction, in "
        f"steps of {180 / num_thetas:g}°."
    )
    sheet = figures.mosaic(maps, scales, columns=num_thetas)
    if shared:
        show_painted(sheet, common, caption, what)
    else:
        show_picture(sheet, f"{caption} Each tile has a scale of its own.", what)
    if enlarged is None:
        enlarged = int(responses.max(axis=(1, 2)).argmax())
    _show_one(filters, responses[enlarged], enlarged)
    st.markdown(
        "**What you see.** Every filter has the same strength (unit norm) and a bell tied to its "
        "wave (one octave), so their answers can be compared. The magnitudes of a direction and "
        "its opposite are equal, therefore the columns stop before 180°.\n\n"
        "**Try this.** Find the brightest map and read off the digit's stroke width: about half "
        "a period of its wave."
    )


def _show_one(filters: FilterBank, response: np.ndarray, place: int) -> None:
    """Show one filter of the bank and its response, each on its own scale."""
    one, kernel = filters.parameters[place], filters.kernels[place].real
    left, right = st.columns(2)
    with left:
        show_map(
            kernel,
            figures.signed_scale(kernel),
            f"Filter {place}, real part: frequency {one.frequency:.2f}, theta {one.theta:.2f}, "
            f"sigma {one.sigma:.1f}",
            f"Real part of filter {place}",
        )
    with right:
        show_map(
            response,
            figures.unsigned_scale(response),
            f"Its response, maximum {number(float(response.max()))}",
            f"Magnitude of response {place}",
        )
