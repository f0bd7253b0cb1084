"""Filters by formula: Gabor filters, banks, and what of them is in a network."""

import numpy as np

from cnnviz import datasets
from cnnviz.classifiers.filter_bank import (
    BankClassifier,
    feature_bank,
    gray_images,
    load_classifier,
)
from cnnviz.filter_banks import (
    FilterBank,
    Redundancy,
    bank_features,
    preferred_wave,
    redundancy,
)
from cnnviz.filter_banks.gabor import GaborResponse
from cnnviz.filter_banks.gabor_fit import GaborFit, fit_gabor
from cnnviz.filter_banks.settings import BankSettings, GaborSettings
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell.cache import remembered


@remembered(64)
def filter_kernel(settings: GaborSettings) -> np.ndarray:
    """Make one complex Gabor kernel."""
    return settings.kernel()


@remembered(32)
def filter_response(image: ImageInput, settings: GaborSettings) -> GaborResponse:
    """Compute the response of one Gabor filter."""
    return settings.response(image)


@remembered(16)
def filter_bank(settings: BankSettings) -> FilterBank:
    """Make a bank."""
    return settings.make()


@remembered(2, "Applying all filters…", is_shared=True)
def bank_responses(image: ImageInput, settings: BankSettings) -> np.ndarray:
    """Magnitude of all responses of a bank, float32 (num_filters, h, w): shared, read-only."""
    responses = filter_bank(settings).responses(image)
    responses.flags.writeable = False
    return responses


@remembered(4, "Applying all filters to ten images…")
def responses_to_ten(
    digits: bool, settings: BankSettings
) -> tuple[list[ImageInput], list[str], list[np.ndarray]]:
    """Ten digits or ten kinds of clothing, their names, and the responses of a bank to each."""
    samples = datasets.fashion_mnist_samples()
    images = [image_from_pixels(samples.images[samples.labels == i][0]) for i in range(10)]
    names = list(samples.class_names)
    if digits:
        images = [datasets.sample_image("house-numbers", f"digit-{digit}-1") for digit in range(10)]
        names = [str(digit) for digit in range(10)]
    bank = filter_bank(settings)
    return images, names, [bank.responses(image) for image in images]


@remembered(32)
def bank_redundancy(image: ImageInput, settings: BankSettings) -> Redundancy:
    """Measure how redundant the filters of a bank are for an image."""
    return redundancy(bank_responses(image, settings))


@remembered(16)
def preferred_waves(settings: BankSettings) -> list[tuple[float, float]]:
    """Frequency and direction to which each filter of a bank responds most."""
    return [preferred_wave(kernel) for kernel in filter_bank(settings).kernels]


@remembered(1, "Computing filter responses of the samples…")
def sample_features() -> np.ndarray:
    """Features of the bundled pieces of clothing by the feature bank, float32 (200, 48)."""
    return bank_features(feature_bank(), gray_images(datasets.fashion_mnist_samples()))


@remembered(1)
def bank_classifier() -> BankClassifier:
    """The classifier of clothing on those features alone."""
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
    """Response of each channel of a layer to gratings of every direction."""
    from cnnviz.features.orientation_tuning import network_tuning as measure

    thetas = np.arange(num_thetas) * np.pi / num_thetas
    return measure(model(model_name), layer_name, frequency, thetas.tolist())
