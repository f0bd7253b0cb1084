"""A fit finds the Gabor function that a kernel was made of, and says when it cannot."""

import math

import numpy as np
import pytest

from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks import gabor_kernel
from cnnviz.filter_banks.gabor_fit import fit_gabor


def turned_by(one: float, other: float) -> float:
    """Difference of two directions in degrees."""
    return abs((math.degrees(one - other) + 90) % 180 - 90)


@pytest.mark.parametrize("size", [9, 15, 21])
@pytest.mark.parametrize("seed", range(6))
def test_a_noisy_gabor_gives_its_own_parameters_back(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frequency, theta = rng.uniform(0.12, 0.3), rng.uniform(0, math.pi)
    sigma, aspect, phase = size / 6, rng.uniform(0.7, 1.3), rng.uniform(-math.pi, math.pi)
    clean = gabor_kernel(frequency, theta, sigma, aspect=aspect, phase=phase, size_px=size).real
    noisy = clean + 0.05 * clean.std() * rng.normal(size=clean.shape)
    fit = fit_gabor(noisy)
    assert fit.r_squared > 0.99
    assert turned_by(fit.theta, theta) < 1
    assert fit.frequency == pytest.approx(frequency, rel=0.08)
    assert fit.sigma == pytest.approx(sigma, rel=0.12)
    assert fit.aspect == pytest.approx(aspect, rel=0.15)
    np.testing.assert_allclose(fit.kernel - fit.fitted, fit.residual)


@pytest.mark.parametrize("phase", [0.0, 0.7, -2.0])
@pytest.mark.parametrize("theta", [0.3, 1.4, 3.0])
def test_the_fitted_numbers_make_the_fitted_kernel(theta: float, phase: float) -> None:
    kernel = gabor_kernel(0.18, theta, 2.2, aspect=0.8, phase=phase, size_px=13).real
    fit = fit_gabor(kernel)
    assert fit.r_squared > 0.999999
    again = gabor_kernel(
        fit.frequency, fit.theta, fit.sigma, aspect=fit.aspect, phase=fit.phase, size_px=13
    ).real
    scale = (
        fit.amplitude
        / np.abs(
            gabor_kernel(fit.frequency, fit.theta, fit.sigma, aspect=fit.aspect, size_px=13)
        ).max()
    )
    np.testing.assert_allclose(scale * again + fit.offset, kernel, atol=1e-5 * np.abs(kernel).max())


def test_a_bell_beside_the_middle_is_found() -> None:
    kernel = np.roll(gabor_kernel(0.2, 0.5, 1.8, size_px=15).real, (2, -1), axis=(0, 1))
    fit = fit_gabor(kernel)
    assert fit.r_squared > 0.99
    assert fit.center == pytest.approx((-1, 2), abs=0.2)


def test_of_colors_the_strongest_direction_is_fitted() -> None:
    kernel = gabor_kernel(0.2, 1.0, 2.0, size_px=9).real
    colors = kernel[..., None] * np.array([0.8, 0.6, -0.1])
    fit = fit_gabor(colors)
    assert fit.r_squared > 0.999
    assert turned_by(fit.theta, 1.0) < 0.5


def test_noise_is_not_taken_for_a_wave() -> None:
    noise = np.random.default_rng(0).normal(size=(15, 15))
    assert fit_gabor(noise).r_squared < 0.6


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        (np.ones((3, 3)), "A kernel of 3 × 3 has 9 numbers"),
        (np.ones((7, 9)), r"square kernel .* got shape \(7, 9\)"),
        (np.ones((7, 7)), "All weights of this kernel are equal"),
        (np.full((7, 7), np.nan), "NaN or infinite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(kernel: np.ndarray, message: str) -> None:
    with pytest.raises(InvalidParameterError, match=message):
        fit_gabor(kernel)
