"""Filters made by hand: small named kernels, Gabor waves, and banks of them."""

from typing import Any

from cnnviz.deprecated import moved_attribute
from cnnviz.filter_banks.banks import (
    BANKS,
    BankKind,
    Redundancy,
    blob_bank,
    gaussian_derivative_bank,
    gradient_bank,
    haar_bank,
    leung_malik_bank,
    preferred_wave,
    redundancy,
)
from cnnviz.filter_banks.features import bank_features
from cnnviz.filter_banks.gabor import (
    ASPECT_RANGE,
    FREQUENCY_RANGE,
    GABOR_PRESETS,
    NYQUIST,
    SIGMA_RANGE,
    THETA_RANGE,
    FilterBank,
    GaborParameters,
    dc_leak,
    gabor_bank,
    gabor_kernel,
    gabor_response,
    sigma_for_bandwidth,
)
from cnnviz.filter_banks.named import (
    KERNELS,
    NamedKernel,
    box_kernel,
    gaussian_kernel,
    normalized,
    resized,
    zero_mean,
)
from cnnviz.filter_banks.settings import BankSettings, GaborSettings
from cnnviz.filter_banks.spectra import (
    image_spectrum,
    magnitude_spectrum,
    spectrum_frequencies,
)
from cnnviz.filter_banks.tuning import grating, kernel_tuning
from cnnviz.filter_banks.wavelets import Decomposition, haar_decomposition

__all__ = [
    "ASPECT_RANGE",
    "BANKS",
    "FREQUENCY_RANGE",
    "GABOR_PRESETS",
    "KERNELS",
    "NYQUIST",
    "SIGMA_RANGE",
    "THETA_RANGE",
    "BankKind",
    "BankSettings",
    "Decomposition",
    "FilterBank",
    "GaborParameters",
    "GaborSettings",
    "NamedKernel",
    "Redundancy",
    "bank_features",
    "blob_bank",
    "box_kernel",
    "dc_leak",
    "gabor_bank",
    "gabor_kernel",
    "gabor_response",
    "gaussian_derivative_bank",
    "gaussian_kernel",
    "gradient_bank",
    "grating",
    "haar_bank",
    "haar_decomposition",
    "image_spectrum",
    "kernel_tuning",
    "leung_malik_bank",
    "magnitude_spectrum",
    "normalized",
    "preferred_wave",
    "redundancy",
    "resized",
    "sigma_for_bandwidth",
    "spectrum_frequencies",
    "zero_mean",
]

_RENAMED = {
    "Usefulness": "Redundancy",
    "slope_bank": "gradient_bank",
    "usefulness": "redundancy",
}


def __getattr__(name: str) -> Any:
    return moved_attribute(__name__, name, _RENAMED)
