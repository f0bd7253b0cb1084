"""Filters by formula: Gabor filters, banks, and what of them is in a network."""

from typing import Any

import numpy as np

from cnnviz import datasets
from cnnviz.classifiers.filter_bank import (
    BankClassifier,
    feature_bank,
    gray_images,
    load_classifier,
)
from cnnviz.filter_banks import (
    BANKS,
    FilterBank,
    Redundancy,
    bank_features,
    gabor_bank,
    gabor_kernel,
    gabor_response,
    preferred_wave,
    redundancy,
)
from cnnviz.filter_banks.gabor import GaborResponse
from cnnviz.filter_banks.gabor_fit import GaborFit, fit_gabor
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell.cache import remembered


@remembered(64)
def filter_kernel(
    frequency: float,
    theta: float,
    sigma: float,
    aspect: float,
    phase: float,
    remove_dc: bool,
    operation: str,
) -> np.ndarray:
    """One complex Gabor kernel; `operation` says how it is used and does not change it."""
    return gabor_kernel(frequency, theta, sigma, aspect=aspect, phase=phase, remove_dc=remove_dc)


@remembered(32)
def filter_response(image: ImageInput, **settings: Any) -> GaborResponse:
    """Answer of one Gabor filter; the settings are those of `gabor_response`."""
    return gabor_response(image, **settings)


@remembered(16)
def filter_bank(
    kind: str, num_frequencies: int, num_thetas: int, lowest: float, sigmas: tuple[float, ...]
) -> FilterBank:
    """A bank of a kind; a Gabor bank goes from fine to coarse; without sigmas they are tied."""
    if kind != "gabor":
        return BANKS[kind].make()
    frequencies = np.geomspace(0.4, lowest, num_frequencies)
    thetas = np.arange(num_thetas) * np.pi / num_thetas
    return gabor_bank(frequencies, thetas, sigmas or None, remove_dc=True)


@remembered(2, "Applying all filters…", is_shared=True)
def bank_responses(
    image: ImageInput,
    kind: str,
    num_frequencies: int,
    num_thetas: int,
    lowest: float,
    sigmas: tuple[float, ...],
) -> np.ndarray:
    """Strength of all responses of a bank, float32 (num_filters, h, w): shared, read-only."""
    bank = filter_bank(kind, num_frequencies, num_thetas, lowest, sigmas)
    responses = bank.responses(image)
    responses.flags.writeable = False
    return responses


@remembered(4, "Applying all filters to ten images…")
def responses_to_ten(
    digits: bool,
    kind: str,
    num_frequencies: int,
    num_thetas: int,
    lowest: float,
    sigmas: tuple[float, ...],
) -> tuple[list[ImageInput], list[str], list[np.ndarray]]:
    """Ten digits or ten kinds of clothing, their names, and what a bank answers to each."""
    samples = datasets.fashion_mnist_samples()
    images = [image_from_pixels(samples.images[samples.labels == i][0]) for i in range(10)]
    names = list(samples.class_names)
    if digits:
        images = [datasets.sample_image("house-numbers", f"digit-{digit}-1") for digit in range(10)]
        names = [str(digit) for digit in range(10)]
    bank = filter_bank(kind, num_frequencies, num_thetas, lowest, sigmas)
    return images, names, [bank.responses(image) for image in images]


@remembered(32)
def bank_usefulness(
    image: ImageInput,
    kind: str,
    num_frequencies: int,
    num_thetas: int,
    lowest: float,
    sigmas: tuple[float, ...],
) -> Redundancy:
    """How much each filter of a bank says about an image."""
    return redundancy(bank_responses(image, kind, num_frequencies, num_thetas, lowest, sigmas))


@remembered(16)
def preferred_waves(
    kind: str, num_frequencies: int, num_thetas: int, lowest: float, sigmas: tuple[float, ...]
) -> list[tuple[float, float]]:
    """Frequency and direction that each filter of a bank answers to most."""
    kernels = filter_bank(kind, num_frequencies, num_thetas, lowest, sigmas).kernels
    return [preferred_wave(kernel) for kernel in kernels]


@remembered(1, "Computing filter responses of the samples…")
def sample_features() -> np.ndarray:
    """What the feature bank says about the bundled pieces of clothing, float32 (200, 48)."""
    return bank_features(feature_bank(), gray_images(datasets.fashion_mnist_samples()))


@remembered(1)
def bank_classifier() -> BankClassifier:
    """The classifier of clothing that sees nothing but those features."""
    return load_classifier("fashion-mnist")


@remembered(256)
def kernel_fit(model_name: str, layer_name: str, place: int) -> GaborFit:
    """The Gabor function nearest to a kernel of a network."""
    weights = model(model_name).operations[layer_name].get_weights()[0]
    return fit_gabor(np.asarray(weights)[..., place])


@remembered(32, "Measuring responses to gratings…")
def network_tuning(
    model_name: str, layer_name: str, frequency: float, num_thetas: int
) -> np.ndarray:
    """How strongly each channel of a layer answers to gratings of every direction."""
    from cnnviz.features.orientation_tuning import network_tuning as measure

    thetas = np.arange(num_thetas) * np.pi / num_thetas
    return measure(model(model_name), layer_name, frequency, thetas.tolist())
