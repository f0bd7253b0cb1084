"""Filters made by hand: small named kernels, Gabor waves, and banks of them."""

from cnnviz.filter_banks.gabor import (
    ASPECT_RANGE,
    FREQUENCY_RANGE,
    GABOR_PRESETS,
    SIGMA_RANGE,
    FilterBank,
    GaborParameters,
    dc_leak,
    gabor_bank,
    gabor_kernel,
    gabor_response,
    magnitude_spectrum,
    sigma_for_bandwidth,
    spectrum_frequencies,
)
from cnnviz.filter_banks.named import (
    KERNELS,
    NamedKernel,
    box_kernel,
    gaussian_kernel,
    normalised,
    resized,
    zero_mean,
)

__all__ = [
    "ASPECT_RANGE",
    "FREQUENCY_RANGE",
    "GABOR_PRESETS",
    "KERNELS",
    "SIGMA_RANGE",
    "FilterBank",
    "GaborParameters",
    "NamedKernel",
    "box_kernel",
    "dc_leak",
    "gabor_bank",
    "gabor_kernel",
    "gabor_response",
    "gaussian_kernel",
    "magnitude_spectrum",
    "normalised",
    "resized",
    "sigma_for_bandwidth",
    "spectrum_frequencies",
    "zero_mean",
]
