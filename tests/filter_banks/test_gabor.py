"""Gabor filters against scikit-image, scipy and gratings whose answer is known."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from skimage import filters
from skimage.filters import _gabor as skimage_gabor

from cnnviz import filter_banks
from cnnviz.errors import InvalidImageError, InvalidParameterError
from cnnviz.filter_banks import (
    GABOR_PRESETS,
    dc_leak,
    gabor,
    gabor_bank,
    gabor_kernel,
    gabor_response,
    magnitude_spectrum,
    sigma_for_bandwidth,
    spectrum_frequencies,
)
from cnnviz.images import ImageInput

THETAS = [0.0, 0.3, np.pi / 4, 1.2, np.pi / 2, 2.5, -1.0, 4.0]
IMAGE = np.random.default_rng(11).random((45, 60)).astype(np.float32)


def middle(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Cut the center of that shape out of an array with odd sides."""
    starts = [(have - want) // 2 for have, want in zip(array.shape, shape, strict=True)]
    return array[tuple(slice(a, a + n) for a, n in zip(starts, shape, strict=True))]


def grating(frequency: float, theta: float, amplitude: float = 1.0) -> np.ndarray:
    y, x = np.mgrid[:81, :101]
    wave = np.cos(2 * np.pi * frequency * (x * np.cos(theta) + y * np.sin(theta)))
    return (amplitude * wave).astype(np.float32)


# ---- one kernel


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize(("aspect", "phase"), [(1.0, 0.0), (0.5, 0.7), (2.0, -2.0)])
def test_a_kernel_is_that_of_scikit_image_on_a_square_of_its_own(
    theta: float, aspect: float, phase: float
) -> None:
    ours = gabor_kernel(0.17, theta, 2.6, aspect=aspect, phase=phase)
    theirs = filters.gabor_kernel(
        0.17, theta=theta, sigma_x=2.6, sigma_y=2.6 / aspect, offset=phase
    )
    shape = tuple(map(min, ours.shape, theirs.shape))
    np.testing.assert_allclose(middle(ours, shape), middle(theirs, shape), atol=1e-12)
    assert min(shape) >= 9  # the comparison is not about a few pixels


def test_the_support_is_an_odd_square_that_does_not_depend_on_theta() -> None:
    assert {gabor_kernel(0.2, theta, 2.1).shape for theta in THETAS} == {(15, 15)}
    assert {gabor_kernel(0.2, t, 2.1, aspect=0.5).shape for t in THETAS} == {(27, 27)}
    assert {gabor_kernel(0.2, t, 2.1, aspect=2.0).shape for t in THETAS} == {(15, 15)}


@pytest.mark.parametrize("size_px", [3, 7, 51, 255])
def test_a_chosen_support_cuts_or_widens_the_same_kernel(size_px: int) -> None:
    chosen = gabor_kernel(0.2, 0.8, 2.1, size_px=size_px)
    assert chosen.shape == (size_px, size_px)
    shape = (min(size_px, 15),) * 2
    np.testing.assert_allclose(
        middle(chosen, shape), middle(gabor_kernel(0.2, 0.8, 2.1), shape), atol=1e-15
    )


def test_real_part_is_even_and_imaginary_part_is_odd() -> None:
    kernel = gabor_kernel(0.2, 0.8, 2.5, aspect=0.7, remove_dc=True)
    turned = kernel[::-1, ::-1]
    np.testing.assert_allclose(turned, kernel.conj(), atol=1e-15)


def test_the_wave_runs_along_theta_and_the_bell_is_wider_across_for_a_small_aspect() -> None:
    kernel = gabor_kernel(0.2, 0.0, 2.0, aspect=0.5, size_px=31)
    along, across = np.abs(kernel[15]), np.abs(kernel[:, 15])
    steps = np.arange(-15, 16)
    np.testing.assert_allclose(along / along[15], np.exp(-((steps / 2.0) ** 2) / 2), atol=1e-12)
    np.testing.assert_allclose(across / across[15], np.exp(-((steps / 4.0) ** 2) / 2), atol=1e-12)
    assert (kernel[:, 15].imag == 0).all()  # upright stripes: no wave downwards


def test_a_quarter_turn_of_the_phase_makes_a_sine_of_the_cosine() -> None:
    even, odd = gabor_kernel(0.2, 0.8, 2.5), gabor_kernel(0.2, 0.8, 2.5, phase=-np.pi / 2)
    np.testing.assert_allclose(odd.real, even.imag, atol=1e-15)


@pytest.mark.parametrize("phase", [0.0, 0.9, np.pi / 2])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(("frequency", "sigma"), [(0.05, 1.0), (0.2, 3.0), (0.5, 0.4)])
def test_without_dc_both_parts_sum_to_zero(
    frequency: float, sigma: float, phase: float, normalize: bool
) -> None:
    kernel = gabor_kernel(
        frequency, 0.4, sigma, phase=phase, remove_dc=True, normalize=normalize, aspect=0.8
    )
    assert abs(kernel.sum()) < 1e-12
    assert np.abs(kernel).max() > 1e-4


def test_removing_dc_takes_nothing_but_a_bell_away() -> None:
    plain, without = gabor_kernel(0.1, 0.4, 1.5), gabor_kernel(0.1, 0.4, 1.5, remove_dc=True)
    removed = plain - without
    bell = np.abs(plain)
    np.testing.assert_allclose(removed / bell, plain.sum() / bell.sum(), atol=1e-12)


def test_a_normalized_kernel_has_unit_norm_and_the_same_shape() -> None:
    plain, unit = gabor_kernel(0.2, 0.4, 2.0), gabor_kernel(0.2, 0.4, 2.0, normalize=True)
    assert np.linalg.norm(unit) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(unit * np.linalg.norm(plain), plain, atol=1e-15)


@pytest.mark.parametrize(("frequency", "sigma"), [(1e-9, 2.0), (0.2, 0.1), (5e-324, 1.0)])
def test_a_kernel_of_which_nothing_is_left_is_not_blown_up(frequency: float, sigma: float) -> None:
    with pytest.raises(InvalidParameterError, match="larger sigma or frequency"):
        gabor_kernel(frequency, 0.0, sigma, remove_dc=True, normalize=True)
    assert np.isfinite(gabor_kernel(frequency, 0.0, sigma, remove_dc=True)).all()


def test_at_the_ends_of_the_ranges_kernels_are_finite() -> None:
    for frequency in (1e-12, 0.5):
        for sigma, aspect in ((0.1, 10.0), (0.1, 0.1), (42.3, 1.0), (42.3, 10.0), (4.2, 0.1)):
            kernel = gabor_kernel(frequency, 1.0, sigma, aspect=aspect)
            assert np.isfinite(kernel).all()
            assert kernel.shape[0] <= 255


# ---- numbers outside their range


@pytest.mark.parametrize("frequency", [0, 0.0, -0.1, 0.5001, 0.6, math.nan, math.inf, "fast"])
def test_a_frequency_outside_the_grid_is_refused(frequency: Any) -> None:
    for ask in (
        lambda: gabor_kernel(frequency, 0.0, 2.0),
        lambda: sigma_for_bandwidth(frequency),
        lambda: dc_leak(frequency, 2.0),
        lambda: gabor_bank([frequency], [0.0], None),
    ):
        with pytest.raises(InvalidParameterError, match=f"frequency is {frequency}: .*0.5 cycles"):
            ask()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        *(({"sigma": bad}, "sigma is") for bad in (0, -1, 0.09, 43, 1e308, math.nan, math.inf)),
        *(({"aspect": bad}, "aspect is") for bad in (0, -1, 11, math.nan, math.inf)),
        ({"sigma": 20.0, "aspect": 0.2}, "sigma / aspect.* is 100.0: .* to 42.33"),
        *(({"theta": bad}, "theta or phase is") for bad in (math.nan, math.inf, None)),
        *(({"phase": bad}, "theta or phase is") for bad in (math.nan, -math.inf)),
        *(({"size_px": bad}, "odd whole number") for bad in (0, 1, -3, 8, 257, 10**9, 7.0)),
    ],
)
def test_other_numbers_outside_their_range_are_refused(
    change: dict[str, Any], message: str
) -> None:
    settings = {"frequency": 0.2, "theta": 0.0, "sigma": 2.0} | change
    with pytest.raises(InvalidParameterError, match=message):
        gabor_kernel(**settings)
    with pytest.raises(InvalidParameterError, match=message):
        gabor_response(IMAGE, **settings)


def test_above_nyquist_scikit_image_gives_another_filter_than_asked_for() -> None:
    request, given_instead = (filters.gabor_kernel(f, sigma_x=3, sigma_y=3) for f in (0.6, 0.4))
    np.testing.assert_allclose(request, given_instead.conj(), atol=1e-12)  # why we refuse 0.6


# ---- bandwidth and brightness


@pytest.mark.parametrize("octaves", [0.5, 1.0, 2.0])
def test_sigma_is_tied_as_in_scikit_image(octaves: float) -> None:
    expected = skimage_gabor._sigma_prefactor(octaves) / 0.13
    assert sigma_for_bandwidth(0.13, octaves) == pytest.approx(expected, rel=1e-12)
    if octaves == 1.0:
        assert sigma_for_bandwidth(0.13) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("octaves", [0, -1, 0.05, 11, math.nan, math.inf])
def test_a_bandwidth_outside_its_range_is_refused(octaves: float) -> None:
    with pytest.raises(InvalidParameterError, match="bandwidth_octaves is"):
        sigma_for_bandwidth(0.2, octaves)


def test_half_of_the_answer_is_left_an_octave_apart() -> None:
    bell = np.exp(-((np.arange(-40, 41) / sigma_for_bandwidth(0.15)) ** 2) / 2)
    kernel = bell * np.exp(2j * np.pi * 0.15 * np.arange(-40, 41))
    low, high = (
        abs(np.exp(-2j * np.pi * f * np.arange(-40, 41)) @ kernel) / bell.sum() for f in (0.1, 0.2)
    )
    assert low == pytest.approx(0.5, abs=1e-3)
    assert high == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("frequency", "sigma", "expected"), [(0.1, 1.0, 0.82), (0.2, 1.0, 0.45), (0.2, 3.0, 0.001)]
)
def test_brightness_leaks_as_much_as_the_formula_says(
    frequency: float, sigma: float, expected: float
) -> None:
    assert dc_leak(frequency, sigma) == pytest.approx(expected, abs=0.005)
    for aspect in (0.5, 1.0):
        kernel = gabor_kernel(frequency, 0.6, sigma, aspect=aspect, size_px=51)
        assert kernel.sum() == pytest.approx(dc_leak(frequency, sigma), abs=1e-3)
        plain = gabor_response(
            *(np.full((30, 40), 0.7, np.float32), frequency, 0.6, sigma),
            aspect=aspect,
            size_px=51,
        )
        np.testing.assert_allclose(plain.real, 0.7 * dc_leak(frequency, sigma), atol=1e-3)
        np.testing.assert_allclose(plain.imaginary, 0, atol=1e-5)


def test_without_dc_a_plain_image_gives_no_answer() -> None:
    plain = gabor_response(np.full((30, 40), 0.7, np.float32), 0.1, 0.6, 1.0, remove_dc=True)
    np.testing.assert_allclose(plain.magnitude, 0, atol=1e-6)


# ---- responses


@pytest.mark.parametrize("theta", THETAS)
@pytest.mark.parametrize(("aspect", "phase"), [(1.0, 0.0), (0.6, 0.8)])
def test_convolving_is_what_scikit_image_does(theta: float, aspect: float, phase: float) -> None:
    sigmas = {"sigma_x": 1.7, "sigma_y": 1.7 / aspect}
    # wide supports: what scikit-image's narrower rectangles cut off is below rounding
    real, imaginary = filters.gabor(IMAGE, 0.21, theta=theta, n_stds=8, offset=phase, **sigmas)
    ours = gabor_response(
        *(IMAGE, 0.21, theta, 1.7), aspect=aspect, phase=phase, size_px=47, operation="convolve"
    )
    np.testing.assert_allclose(ours.real, real, atol=1e-5)
    np.testing.assert_allclose(ours.imaginary, imaginary, atol=1e-5)


def test_at_theta_zero_even_the_default_support_is_that_of_scikit_image() -> None:
    real, imaginary = filters.gabor(IMAGE, 0.21, sigma_x=2.0, sigma_y=2.0)
    ours = gabor_response(IMAGE, 0.21, 0.0, 2.0, operation="convolve")
    np.testing.assert_allclose(ours.real, real, atol=1e-5)
    np.testing.assert_allclose(ours.imaginary, imaginary, atol=1e-5)


def test_the_default_correlates_with_a_mirrored_border() -> None:
    kernel = gabor_kernel(0.2, 0.7, 2.5)
    ours = gabor_response(IMAGE, 0.2, 0.7, 2.5)
    for part, weights in ((ours.real, kernel.real), (ours.imaginary, kernel.imag)):
        expected = ndimage.correlate(IMAGE.astype(float), weights, mode="reflect")
        np.testing.assert_allclose(part, expected, atol=1e-5)


def test_only_the_imaginary_part_tells_correlation_from_convolution() -> None:
    one = gabor_response(IMAGE, 0.2, 0.7, 2.5)
    other = gabor_response(IMAGE, 0.2, 0.7, 2.5, operation="convolve")
    np.testing.assert_allclose(one.real, other.real, atol=1e-6)
    np.testing.assert_allclose(one.imaginary, -other.imaginary, atol=1e-6)
    assert np.abs(one.imaginary).max() > 0.01


@pytest.mark.parametrize("theta", THETAS)
def test_a_grating_answers_half_its_amplitude_to_its_own_filter_and_none_when_crossed(
    theta: float,
) -> None:
    image = grating(0.2, theta, amplitude=0.8)
    own, crossed = (
        gabor_response(image, 0.2, theta + turn, 4.0, size_px=41) for turn in (0, np.pi / 2)
    )
    inside = (slice(20, -20), slice(20, -20))
    np.testing.assert_allclose(own.magnitude[inside], 0.4, atol=1e-3)
    np.testing.assert_allclose(crossed.magnitude[inside], 0, atol=1e-3)


def test_an_edge_speaks_in_the_imaginary_part_and_a_bar_in_the_real_part() -> None:
    step = np.zeros((41, 41), np.float32)
    step[:, 21:] = 1
    bar = np.zeros((41, 41), np.float32)
    bar[:, 19:22] = 1
    at_step = gabor_response(step, 0.15, 0.0, 3.0, remove_dc=True)
    at_bar = gabor_response(bar, 0.15, 0.0, 3.0, remove_dc=True)
    assert at_step.imaginary[20, 20] > 5 * abs(at_step.real[20, 20:22].mean())
    assert at_bar.real[20, 20] > 0.1
    assert abs(at_bar.imaginary[20, 20]) < 1e-6


@pytest.mark.parametrize("theta", THETAS)
def test_half_a_turn_of_theta_flips_the_imaginary_part_alone(theta: float) -> None:
    one = gabor_response(IMAGE, 0.2, theta, 2.0)
    turned = gabor_response(IMAGE, 0.2, theta + np.pi, 2.0)
    np.testing.assert_allclose(one.magnitude, turned.magnitude, atol=1e-6)
    np.testing.assert_allclose(one.real, turned.real, atol=1e-6)
    np.testing.assert_allclose(one.imaginary, -turned.imaginary, atol=1e-6)


@pytest.mark.parametrize("theta", [0.0, 0.4, 1.9])
def test_a_turned_image_answers_to_the_turned_filter(theta: float) -> None:
    upright = gabor_response(IMAGE, 0.2, theta, 2.0)
    # theta runs clockwise on the screen (y points down), np.rot90 turns the other way
    turned = gabor_response(np.rot90(IMAGE), 0.2, theta - np.pi / 2, 2.0)
    np.testing.assert_allclose(turned.real, np.rot90(upright.real), atol=1e-6)
    np.testing.assert_allclose(turned.imaginary, np.rot90(upright.imaginary), atol=1e-6)
    other_way = gabor_response(np.rot90(IMAGE), 0.2, theta + np.pi / 2, 2.0)
    np.testing.assert_allclose(other_way.magnitude, np.rot90(upright.magnitude), atol=1e-6)


@given(
    first=st.floats(-3, 3, width=32),
    second=st.floats(-3, 3, width=32),
    theta=st.floats(-7, 7),
    seed=st.integers(0, 2**32 - 1),
)
def test_both_parts_are_linear_in_the_image(
    first: float, second: float, theta: float, seed: int
) -> None:
    one, other = np.random.default_rng(seed).normal(size=(2, 14, 11)).astype(np.float32)
    mixture = (first * one + second * other).astype(np.float32)
    a, b, mixed = (gabor_response(image, 0.2, theta, 2.0) for image in (one, other, mixture))
    np.testing.assert_allclose(mixed.real, first * a.real + second * b.real, atol=1e-4)
    np.testing.assert_allclose(
        mixed.imaginary, first * a.imaginary + second * b.imaginary, atol=1e-4
    )


def test_whole_numbers_are_refused_because_answers_are_negative_too() -> None:
    pixels = (IMAGE * 255).astype(np.uint8)
    assert filters.gabor(pixels, 0.2)[0].dtype == np.uint8  # what happens without the refusal
    with pytest.raises(InvalidImageError, match=r"uint8 numbers.*image / 255"):
        gabor_response(pixels, 0.2, 0.0, 2.0)
    with pytest.raises(InvalidImageError, match="uint8"):
        gabor_bank([0.2], [0.0], None).responses(pixels)
    response = gabor_response(pixels / 255, 0.2, 0.0, 2.0)
    assert response.imaginary.min() < 0 < response.imaginary.max()


def test_of_a_color_image_the_luminance_is_taken(image: ImageInput) -> None:
    from cnnviz.images import as_gray

    gray = as_gray(image)
    assert gray.shape == image.pixels.shape[:2]
    assert gray.max() <= 1
    from_image, from_array = (gabor_response(given, 0.2, 0.5, 1.5) for given in (image, gray))
    np.testing.assert_array_equal(from_image.real, from_array.real)
    bank = gabor_bank([0.2], [0.5], [1.5], normalize=False)
    np.testing.assert_allclose(bank.responses(image)[0], from_array.magnitude, atol=1e-6)


def test_an_unknown_operation_or_part_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidParameterError, match=r"'blur'. Choose one of: correlate, convolve"):
        gabor_response(IMAGE, 0.2, 0.0, 2.0, operation="blur")
    with pytest.raises(InvalidParameterError, match=r"'phase'. Choose one of: magnitude, real"):
        gabor_bank([0.2], [0.0], None).responses(IMAGE, "phase")


# ---- banks


def test_a_bank_is_the_grid_of_its_parameters_in_order() -> None:
    bank = gabor_bank([0.1, 0.3], [0.0, 0.5, 1.0], [1.0, 2.0], aspect=0.8, phase=0.2)
    triples = [(p.frequency, p.theta, p.sigma) for p in bank.parameters]
    assert triples[:3] == [(0.1, 0.0, 1.0), (0.1, 0.0, 2.0), (0.1, 0.5, 1.0)]
    assert triples[-1] == (0.3, 1.0, 2.0)
    assert len(set(triples)) == len(triples) == 12
    assert {(p.aspect, p.phase) for p in bank.parameters} == {(0.8, 0.2)}


def test_all_kernels_of_a_bank_have_the_support_of_the_widest() -> None:
    bank = gabor_bank([0.1, 0.3], [0.0, 0.7], [1.0, 2.6], normalize=False)
    assert bank.kernels.shape == (8, 17, 17)
    for kernel, p in zip(bank.kernels, bank.parameters, strict=True):
        expected = gabor_kernel(p.frequency, p.theta, p.sigma, size_px=17)
        np.testing.assert_array_equal(kernel, expected)
    assert gabor_bank([0.1], [0.0], [2.6], size_px=7).kernels.shape == (1, 7, 7)


def test_a_bank_has_unit_norms_unless_told_otherwise_and_can_do_without_dc() -> None:
    bank = gabor_bank([0.1, 0.3], [0.0, 0.7], [1.0, 2.6], remove_dc=True)
    np.testing.assert_allclose(np.linalg.norm(bank.kernels, axis=(1, 2)), 1, atol=1e-12)
    assert np.abs(bank.kernels.sum(axis=(1, 2))).max() < 1e-12


def test_sigma_left_out_is_tied_to_each_frequency() -> None:
    bank = gabor_bank(np.array([0.1, 0.2]), np.array([0.0, 1.0]), None)
    assert [p.sigma for p in bank.parameters] == pytest.approx(
        [sigma_for_bandwidth(f) for f in (0.1, 0.1, 0.2, 0.2)]
    )


def test_the_answers_of_a_bank_are_those_of_its_filters() -> None:
    bank = gabor_bank([0.1, 0.3], np.arange(5) * np.pi / 5, None, remove_dc=True)
    parts = {name: bank.responses(IMAGE, name) for name in ("magnitude", "real", "imaginary")}
    for index, p in enumerate(bank.parameters):
        alone = gabor_response(
            *(IMAGE, p.frequency, p.theta, p.sigma),
            size_px=bank.kernels.shape[1],
            remove_dc=True,
            normalize=True,
        )
        for name, answers in parts.items():
            assert (answers.dtype, answers.shape) == (np.float32, (10, *IMAGE.shape))
            np.testing.assert_allclose(answers[index], getattr(alone, name), atol=1e-5)


def test_the_filter_that_fits_a_grating_answers_strongest() -> None:
    thetas = np.arange(8) * np.pi / 8
    bank = gabor_bank([0.1, 0.2, 0.4], thetas, None, remove_dc=True)
    for index in (0, 3, 9, 14, 18, 23):
        p = bank.parameters[index]
        energies = bank.responses(grating(p.frequency, p.theta)).mean(axis=(1, 2))
        amplitudes = energies / np.abs(bank.kernels).sum(axis=(1, 2))
        assert amplitudes.argmax() == index


def test_a_bank_cannot_be_changed() -> None:
    bank = gabor_bank([0.2], [0.0], None)
    with pytest.raises(ValueError, match="read-only"):
        bank.kernels[0, 0, 0] = 1
    with pytest.raises(AttributeError):
        bank.parameters = ()  # type: ignore[misc]


@pytest.mark.parametrize(("num_thetas", "says"), [(0, "0 filters"), (129, "129 filters")])
def test_an_empty_or_huge_bank_is_refused(num_thetas: int, says: str) -> None:
    with pytest.raises(InvalidParameterError, match=f"{says} asked for: expected 1 to 128"):
        gabor_bank([0.2], np.linspace(0, 3, num_thetas), [2.0])
    assert len(gabor_bank([0.2], np.linspace(0, 3, 128), [2.0], size_px=3).parameters) == 128


def test_answers_that_do_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = gabor_bank([0.2], [0.0, 1.0], [2.0])
    monkeypatch.setattr(gabor, "MAX_RESPONSE_VALUES", 2 * 20 * 20)
    assert bank.responses(IMAGE[:20, :20]).shape == (2, 20, 20)
    with pytest.raises(InvalidParameterError, match=r"2 responses of 20 × 21 .* at most 20 × 20"):
        bank.responses(IMAGE[:20, :21])


# ---- spectra, presets, ranges


def direct_spectrum(kernel: np.ndarray) -> np.ndarray:
    return np.abs(np.fft.fftshift(np.fft.fft2(kernel, (128, 128))))


def test_a_spectrum_is_the_shifted_fourier_transform() -> None:
    kernel = gabor_kernel(0.2, 0.7, 2.0)
    spectrum = magnitude_spectrum(kernel)
    assert (spectrum.dtype, spectrum.shape) == (np.float32, (128, 128))
    np.testing.assert_allclose(spectrum, direct_spectrum(kernel), atol=1e-6)
    assert spectrum[64, 64] == pytest.approx(dc_leak(0.2, 2.0), abs=0.005)


def test_a_kernel_larger_than_the_spectrum_is_not_cut() -> None:
    kernel = gabor_kernel(0.05, 0.7, 30.0)
    assert kernel.shape == (181, 181)
    whole = np.abs(np.fft.fftshift(np.fft.fft2(kernel, (256, 256))))[::2, ::2]
    np.testing.assert_allclose(magnitude_spectrum(kernel), whole, atol=1e-6)


def test_the_spot_of_a_spectrum_stands_at_the_frequency_in_the_direction_of_theta() -> None:
    axis = spectrum_frequencies(200)
    assert (axis[0], axis[100]) == (-0.5, 0)
    spectrum = magnitude_spectrum(gabor_kernel(0.25, math.atan2(4, 3), 4.0), 200)
    row, column = np.unravel_index(spectrum.argmax(), spectrum.shape)
    assert (axis[row], axis[column]) == pytest.approx((0.2, 0.15))


@pytest.mark.parametrize("size_px", [0, 1, -5, 1025, 2.5, math.nan])
def test_a_spectrum_of_no_or_huge_size_is_refused(size_px: Any) -> None:
    for ask in (
        spectrum_frequencies,
        lambda size_px: magnitude_spectrum(np.ones((3, 3)), size_px),
    ):
        with pytest.raises(InvalidParameterError, match="from 2 to 1024"):
            ask(size_px)


@pytest.mark.parametrize("kernel", [np.ones(3), np.full((3, 3), np.nan), np.array([["a"]])])
def test_what_is_no_kernel_has_no_spectrum(kernel: np.ndarray) -> None:
    with pytest.raises(InvalidParameterError, match="finite numbers in rows and columns"):
        magnitude_spectrum(kernel)


def test_the_presets_are_the_three_of_the_lecture_and_lie_in_the_sliders_ranges() -> None:
    settings = [(p.frequency, p.theta, p.sigma) for p in GABOR_PRESETS]
    assert settings == [(0.16, 1.2, 4.0), (0.31, 0.0, 3.6), (0.36, 1.6, 1.3)]
    assert len({p.title for p in GABOR_PRESETS}) == 3
    for frequency, _, sigma in settings:
        lowest, highest, *_ = filter_banks.FREQUENCY_RANGE
        assert lowest <= frequency <= highest
        lowest, highest, *_ = filter_banks.SIGMA_RANGE
        assert lowest <= sigma <= highest


def slider_corners() -> list[tuple[float, float, float]]:
    """All combinations of the ends of the three sliders."""
    sliders = (filter_banks.FREQUENCY_RANGE, filter_banks.SIGMA_RANGE, filter_banks.ASPECT_RANGE)
    (f0, f1, *_), (s0, s1, *_), (a0, a1, *_) = sliders
    return [(f, s, a) for f in (f0, f1) for s in (s0, s1) for a in (a0, a1)]


@pytest.mark.parametrize(("frequency", "sigma", "aspect"), slider_corners())
def test_every_corner_of_the_sliders_gives_a_filter(
    frequency: float, sigma: float, aspect: float
) -> None:
    for width in (sigma, sigma_for_bandwidth(frequency)):
        kernel = gabor_kernel(frequency, 1.0, width, aspect=aspect, remove_dc=True, normalize=True)
        assert np.linalg.norm(kernel) == pytest.approx(1)
