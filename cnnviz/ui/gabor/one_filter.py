"""The parts of the Gabor page: sliders, kernel, response, bank, and the words beside them."""

from typing import Any

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.filter_banks import (
    ASPECT_RANGE,
    FREQUENCY_RANGE,
    GABOR_PRESETS,
    NYQUIST,
    SIGMA_RANGE,
    THETA_RANGE,
    dc_leak,
    image_spectrum,
    magnitude_spectrum,
    sigma_for_bandwidth,
)
from cnnviz.filter_banks.gabor import GaborResponse
from cnnviz.filter_banks.settings import GaborSettings
from cnnviz.images import ImageInput
from cnnviz.ui import shared
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.gabor import cached
from cnnviz.ui.shared import code
from cnnviz.ui.shell import frame, results
from cnnviz.ui.shell.display import show_image, show_map, show_painted

_LEAK_WORTH_A_WARNING = 0.05
WANTED = "wanted_gabor"  # session key: settings that the sliders take over on the next run
MAX_SIDE_PX = 512  # larger images are reduced, so that a moved slider responds at once


def take_over() -> None:
    """Set the sliders to what was handed over; called before they are drawn."""
    wanted = st.session_state.pop(WANTED, None)
    if wanted is None:
        return
    for key, (low, high, step) in {
        "frequency": (*FREQUENCY_RANGE[:2], FREQUENCY_RANGE[3]),
        "theta": (*THETA_RANGE[:2], THETA_RANGE[3]),
        "sigma": (*SIGMA_RANGE[:2], SIGMA_RANGE[3]),
        "aspect": (*ASPECT_RANGE[:2], ASPECT_RANGE[3]),
    }.items():
        value = min(max(wanted[key], low), high)
        st.session_state[key] = round(low + round((value - low) / step) * step, 4)
    folded = min(wanted["phase"], 180 - wanted["phase"])  # 0 is a bar, 90° an edge
    st.session_state["phase"] = int(15 * round(max(folded, 0) / 15))
    st.session_state["tied"] = False


def show(picked: PickedImage) -> None:
    """Show one filter and its response to the image."""
    take_over()
    column, stage = frame.columns()
    with column:
        chosen = filter_settings()
    with stage:
        image = shared.smaller(picked.image, MAX_SIDE_PX)
        kernel = cached.filter_kernel(chosen)
        show_kernel(image, picked.label, kernel)
        show_response(cached.filter_response(image, chosen))
        explain_filter(chosen, kernel, image)
        results.note_code(_python_for(picked, chosen))


def _python_for(picked: PickedImage, chosen: GaborSettings) -> str:
    image, imports = code.reduced(picked.code, picked.image, MAX_SIDE_PX)
    return code.program(
        f"response = cnnviz.gabor_response(image, {code.arguments(chosen)})\n"
        "print(response.real.min(), response.real.max(), response.magnitude.max())",
        image=image,
        imports=imports,
    )


def show_frequency_domain(picked: PickedImage) -> None:
    """Show the spectra of image and filter, and their product."""
    column, stage = frame.columns()
    with column:
        chosen = filter_settings()
    with stage:
        show_frequencies(shared.smaller(picked.image, MAX_SIDE_PX), picked.label, chosen)
        results.note_code(_python_for(picked, chosen))


def _set_preset(frequency: float, theta: float, sigma: float) -> None:
    values = {"frequency": frequency, "theta": theta, "sigma": sigma, "tied": False}
    for key, value in values.items():
        st.session_state[key] = value


def filter_settings() -> GaborSettings:
    """Ask for one filter and how it is applied."""
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
        help="Cycles per pixel of the sinusoid. 0.5 is the Nyquist limit.",
    )
    theta = st.slider(
        "Theta (radians)",
        *THETA_RANGE,
        key="theta",
        bind="query-params",
        help="Direction of the sinusoid. 0: horizontal, so the stripes are vertical.",
    )
    tied = st.toggle("Tie sigma to frequency", key="tied", bind="query-params")
    sigma = st.slider(
        "Sigma (pixels)",
        *SIGMA_RANGE,
        key="sigma",
        bind="query-params",
        disabled=tied,
        help="Standard deviation of the Gaussian. Wider: more selective for frequency and angle.",
    )
    if tied:
        sigma = sigma_for_bandwidth(frequency)
        st.caption(f"Sigma is {sigma:.2f} px: a bandwidth of one octave.")
    return GaborSettings(frequency, theta, sigma, **_rare_settings())


def _rare_settings() -> dict[str, Any]:
    with st.expander("More"):
        remove_dc = st.toggle("Remove the DC response", key="remove_dc", bind="query-params")
        aspect = st.slider("Aspect ratio", *ASPECT_RANGE, key="aspect", bind="query-params")
        phase = st.slider("Phase (degrees)", 0, 90, 0, 15, key="phase", bind="query-params")
        operation = st.radio(
            "Operation",
            ["correlate", "convolve"],
            key="operation",
            bind="query-params",
            help="Convolution rotates the kernel by 180° first: the odd part changes sign.",
        )
    return {
        "aspect": aspect,
        "phase": float(np.deg2rad(phase)),
        "remove_dc": remove_dc,
        "operation": operation,
    }


def show_kernel(image: ImageInput, label: str, kernel: np.ndarray) -> None:
    """Show the image, both parts of the kernel on one scale, and the kernel's spectrum."""
    scale = figures.signed_scale(kernel.real, kernel.imag)
    spectrum = magnitude_spectrum(kernel)
    size = f"{kernel.shape[0]} × {kernel.shape[1]} px"
    drawing, even, odd, pass_band = st.columns(4)
    with drawing:
        show_image(_in_square(image.pixels), f"Input: {label}", f"The input: {label}")
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
            "Frequency response of the kernel",
            "Magnitude spectrum of the kernel from -0.5 to 0.5 cycles per pixel",
        )


def _in_square(pixels: np.ndarray) -> np.ndarray:
    """Center an image on a gray square, so that a row of images has one height."""
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
            response.real, scale, "Response, real part: detects bars", "Real part of the response"
        )
    with imaginary:
        show_map(
            response.imaginary,
            scale,
            "Response, imaginary part: detects edges",
            "Imaginary part of the response",
        )
    with magnitude:
        show_map(
            response.magnitude,
            figures.unsigned_scale(response.magnitude),
            "Magnitude: bars and edges alike",
            "Magnitude of the response",
        )


def explain_filter(chosen: GaborSettings, kernel: np.ndarray, image: ImageInput) -> None:
    """Say what today's numbers mean, and warn where the filter is not what it seems."""
    frequency, theta, sigma = chosen.frequency, chosen.theta, chosen.sigma
    leak = dc_leak(frequency, sigma)
    if leak > _LEAK_WORTH_A_WARNING and not chosen.remove_dc:
        st.warning(
            f"DC response {leak:.0%}: the envelope is narrower than one period, so the real part "
            "also "
            "responds to constant brightness. Increase sigma, or turn on *Remove the DC response* "
            "under More."
        )
    height, width = image.pixels.shape[:2]
    if kernel.shape[0] > min(height, width):
        st.warning(
            f"The kernel ({kernel.shape[0]} px) is larger than the image ({height} × {width} "
            "px), so it mostly covers the mirrored border. Decrease sigma."
        )
    verb = "correlated with the image, as in a convolutional network"
    if chosen.operation == "convolve":
        verb = "rotated by 180° and correlated with the image (convolution)"
    frame.explain(
        f"**What you see.** A sinusoid with a wavelength of {1 / frequency:.1f} pixels at "
        f"{np.rad2deg(theta):.0f}°, under a Gaussian with σ = {sigma:.1f} pixels, is {verb}; "
        "borders are mirrored. Red: the image resembles the kernel; blue: its negative; white: "
        "neither. The magnitude combines both parts: "
        "$\\sqrt{\\mathrm{Re}^2 + \\mathrm{Im}^2}$.\n\n"
        "$$g(x, y) = \\frac{1}{2\\pi\\sigma_x\\sigma_y} "
        "e^{-\\frac12\\left(x'^2/\\sigma_x^2 + y'^2/\\sigma_y^2\\right)}"
        "\\, e^{i(2\\pi f x' + \\varphi)}$$\n\n"
        "with $x' = x\\cos\\theta + y\\sin\\theta$ along the sinusoid and "
        "$y' = y\\cos\\theta - x\\sin\\theta$ across it. "
        f"DC response (to a constant image): {leak:.2%} of the sum of the Gaussian"
        f"{', removed' if chosen.remove_dc else ''}. Daugman 1985, as in scikit-image.\n\n"
        "**Try this.** Change theta until a vertical stroke of the digit disappears. Increase "
        "sigma "
        "and try again: it disappears sooner."
    )


def show_frequencies(image: ImageInput, label: str, chosen: GaborSettings) -> None:
    """Show the spectra of image and kernel, the pass band, and what gets through."""
    kernel = cached.filter_kernel(chosen)
    of_image, of_kernel = image_spectrum(image), magnitude_spectrum(kernel)
    passed = of_kernel >= 0.5 * of_kernel.max()
    logarithm = np.log10(1 + of_image)
    drawing, band, product = st.columns(3)
    with drawing:
        scale = figures.unsigned_scale(logarithm)
        painted = figures.outlined(
            figures.colorize(logarithm, scale), passed, figures.palette.CONTOUR_RGB
        )
        show_painted(
            painted,
            scale,
            f"Spectrum of {label}, logarithm of 1 + magnitude; outlined: the pass band",
            f"Spectrum of {label} with the pass band outlined",
        )
    with band:
        show_map(
            of_kernel,
            figures.unsigned_scale(of_kernel),
            "Frequency response of the kernel: bright passes",
            "Spectrum of the kernel",
        )
    with product:
        left = np.log10(1 + of_image * of_kernel)
        show_map(
            left,
            figures.unsigned_scale(left),
            "Their product: the spectrum of the response (log)",
            "Product of both spectra",
        )
    share = float((of_image[passed] ** 2).sum() / max((of_image**2).sum(), 1e-300))
    leak = dc_leak(chosen.frequency, chosen.sigma)
    frame.explain(
        "**What you see.** The center is constant brightness (DC); the borders are at the Nyquist "
        f"frequency, {NYQUIST} cycles per pixel. The spectrum of an image is symmetric. The "
        "outline "
        "is the pass band (at least half of the maximum gain): it holds "
        f"**{share:.1%}** of the image's energy. Convolution becomes multiplication in the "
        f"frequency domain, which is fast. DC response: {leak:.2%}"
        f"{', removed' if chosen.remove_dc else ''}.\n\n"
        "**Try this.** Increase sigma: the kernel grows, its pass band shrinks. No filter is "
        "narrow "
        "in both domains; Gabor filters come closest (Daugman 1985)."
    )
