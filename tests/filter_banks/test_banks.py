"""Banks of every kind against SciPy, PyWavelets and closed forms; what their filters are worth."""

import math

import numpy as np
import pytest
import pywt
from scipy import ndimage

from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks import (
    BANKS,
    blob_bank,
    gabor_kernel,
    gaussian_derivative_bank,
    gradient_bank,
    haar_bank,
    haar_decomposition,
    leung_malik_bank,
    preferred_wave,
    redundancy,
)

IMAGE = np.random.default_rng(5).random((40, 48)).astype(np.float32)


@pytest.mark.parametrize("name", BANKS)
def test_every_bank_has_names_a_size_and_unit_norms(name: str) -> None:
    bank = BANKS[name].make()
    assert len(bank.names) == len(set(bank.names)) == len(bank.kernels)
    assert bank.kernels.shape[1] == bank.kernels.shape[2]
    assert bank.kernels.shape[1] % 2
    norms = np.linalg.norm(bank.kernels.reshape(len(bank.kernels), -1), axis=1)
    np.testing.assert_allclose(norms, 1, atol=1e-12)
    responses = bank.responses(IMAGE)
    assert responses.shape == (len(bank.kernels), *IMAGE.shape)
    assert responses.min() >= 0


@pytest.mark.parametrize("name", [name for name in BANKS if name != "leung-malik"])
def test_no_filter_answers_to_plain_brightness(name: str) -> None:
    kernels = BANKS[name].make().kernels
    assert np.abs(kernels.sum(axis=(1, 2))).max() < 2e-3


def test_slopes_of_any_direction_come_from_two() -> None:
    bank = gradient_bank("sobel", 4)
    across, diagonal, down = bank.kernels[0].real, bank.kernels[1].real, bank.kernels[2].real
    np.testing.assert_allclose(across * math.sqrt(12), [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    np.testing.assert_allclose(down, across.T, atol=1e-15)
    np.testing.assert_allclose(diagonal, (across + down) / math.sqrt(2), atol=1e-12)
    with pytest.raises(InvalidParameterError, match="no gradient 'roberts'"):
        gradient_bank("roberts")
    with pytest.raises(InvalidParameterError, match="Directions go from 2 to 32"):
        gradient_bank("sobel", 1)


def test_derivatives_of_gaussians_answer_as_scipys() -> None:
    bank = gaussian_derivative_bank((1.5,), 2)
    for kernel, order in zip(bank.kernels.real, [(0, 1), (1, 0), (0, 2), (2, 0)], strict=True):
        answer = ndimage.correlate(IMAGE, kernel)[8:-8, 8:-8]
        expected = ndimage.gaussian_filter(IMAGE, 1.5, order=order)[8:-8, 8:-8]
        similarity = np.corrcoef(answer.ravel(), expected.ravel())[0, 1]
        assert abs(similarity) > 0.9995


def test_blobs_answer_as_scipys_laplacian_and_the_difference_comes_close() -> None:
    bank = blob_bank((2.0,))
    expected = ndimage.gaussian_laplace(IMAGE, 2.0)[8:-8, 8:-8].ravel()
    for kernel, least in zip(bank.kernels.real, (0.9995, 0.97), strict=True):
        answer = ndimage.correlate(IMAGE, kernel)[8:-8, 8:-8].ravel()
        assert abs(np.corrcoef(answer, expected)[0, 1]) > least
    for sigma in (0.1, 50.0, float("nan")):
        with pytest.raises(InvalidParameterError, match="Widths go from"):
            blob_bank((sigma,))


@pytest.mark.parametrize("level", [1, 2, 3])
def test_haars_filters_give_the_coefficients_of_pywavelets(level: int) -> None:
    image = np.random.default_rng(1).random((32, 32))
    bank = haar_bank(level)
    across, down, diagonal = bank.kernels[-3:].real
    _, details, *_ = pywt.wavedec2(image, "haar", level=level)
    horizontal, vertical, both = details  # PyWavelets names them by what they keep
    block, start = 2**level, (len(across) - 2**level) // 2
    for kernel, expected in ((down, horizontal), (across, vertical), (diagonal, both)):
        inner = kernel[start : start + block, start : start + block]
        blocks = image.reshape(32 // block, block, 32 // block, block)
        answer = np.einsum("iajb,ab->ij", blocks, inner)
        np.testing.assert_allclose(np.abs(answer), np.abs(expected), atol=1e-12)
    with pytest.raises(InvalidParameterError, match="Levels go from 1 to 4"):
        haar_bank(5)


@pytest.mark.parametrize("levels", [1, 2, 4])
def test_a_image_taken_apart_comes_together_again(levels: int) -> None:
    image = np.random.default_rng(3).random((37, 50))
    parts = haar_decomposition(image, levels)
    block = 2**levels
    assert parts.coefficients.shape == (37 - 37 % block, 50 - 50 % block)
    assert parts.coarse == (37 // block, 50 // block)
    assert parts.error < 1e-12
    rows, columns = parts.coarse
    blocks = image[: rows * block, : columns * block].reshape(rows, block, columns, block)
    expected = blocks.mean(axis=(1, 3)) * block  # the coarse image is means, scaled
    np.testing.assert_allclose(parts.coefficients[:rows, :columns], expected, rtol=1e-6)
    for wrong in (0, 6, -1):
        with pytest.raises(InvalidParameterError, match=f"cannot be halved {wrong} times"):
            haar_decomposition(image, wrong)


def test_leung_and_malik_have_forty_eight_filters() -> None:
    bank = leung_malik_bank()
    assert bank.kernels.shape == (48, 49, 49)
    kinds = [name.split()[0] for name in bank.names]
    assert [kinds.count(kind) for kind in ("edge", "bar", "LoG", "Gaussian")] == [18, 18, 8, 4]
    edges = bank.kernels[:18].real
    np.testing.assert_allclose(edges, -edges[:, ::-1, ::-1], atol=1e-12)  # odd
    bars = bank.kernels[18:36].real
    np.testing.assert_allclose(bars, bars[:, ::-1, ::-1], atol=1e-12)  # even


@pytest.mark.parametrize("theta", [0.0, 0.6, 1.5, 2.8])
def test_the_preferred_wave_of_a_gabor_is_its_own(theta: float) -> None:
    frequency, direction = preferred_wave(gabor_kernel(0.2, theta, 4.0))
    assert frequency == pytest.approx(0.2, abs=0.01)
    assert math.cos(2 * (direction - theta)) > 0.99
    assert preferred_wave(np.ones((5, 5)))[0] == 0


def test_energy_and_similarity_have_hand_made_values() -> None:
    wave = np.tile([1.0, -1.0], (4, 4))
    other = wave.T.copy()[:4, :4].repeat(2, axis=1)
    measured = redundancy(np.stack([wave, -3 * wave, other, np.zeros_like(wave)]))
    np.testing.assert_allclose(measured.energy, [1, 9, 1, 0])
    assert measured.similarity[0, 1] == pytest.approx(-1)
    assert measured.similarity[0, 2] == pytest.approx(0, abs=1e-12)
    assert not measured.similarity[3].any()
    assert measured.twin(0) == (1, pytest.approx(1))
    # eigenvalues 2, 1, 0, 0: (2 + 1)² / (4 + 1)
    assert measured.effective_filters == pytest.approx(9 / 5)
    assert redundancy(np.zeros((3, 4, 4))).effective_filters == 0
