"""Settings of a filter and of a bank are the arguments of the functions they stand for."""

import numpy as np
import pytest

from cnnviz.errors import InvalidParameterError
from cnnviz.filter_banks import BANKS, gabor_bank, gabor_kernel, gabor_response
from cnnviz.filter_banks.settings import BankSettings, GaborSettings

IMAGE = np.random.default_rng(0).random((20, 24), np.float32)


def test_a_filter_is_that_of_its_arguments() -> None:
    settings = GaborSettings(0.2, 0.5, 2.0, 0.8, 0.3, True, "convolve")
    kernel = gabor_kernel(0.2, 0.5, 2.0, aspect=0.8, phase=0.3, remove_dc=True)
    np.testing.assert_array_equal(settings.kernel(), kernel)
    response = gabor_response(
        IMAGE, 0.2, 0.5, 2.0, aspect=0.8, phase=0.3, remove_dc=True, operation="convolve"
    )
    np.testing.assert_array_equal(settings.response(IMAGE).imaginary, response.imaginary)


def test_a_gabor_bank_goes_from_fine_to_coarse() -> None:
    bank = BankSettings(num_frequencies=3, num_thetas=2, lowest=0.1, sigmas=(1.5,)).make()
    expected = gabor_bank([0.4, 0.2, 0.1], [0, np.pi / 2], [1.5], remove_dc=True)
    np.testing.assert_allclose(bank.kernels, expected.kernels)
    assert [row.frequency for row in bank.parameters][::2] == pytest.approx([0.4, 0.2, 0.1])


@pytest.mark.parametrize("kind", [kind for kind in BANKS if kind != "gabor"])
def test_another_bank_is_that_of_the_table(kind: str) -> None:
    np.testing.assert_array_equal(BankSettings(kind).make().kernels, BANKS[kind].make().kernels)


def test_equal_settings_are_equal_and_can_be_keys() -> None:
    assert {BankSettings(): 1}[BankSettings("gabor", 4, 8)] == 1
    assert BankSettings() != BankSettings(lowest=0.14)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "wavelets"}, "kind must be one of: gabor, "),
        ({"num_frequencies": 0}, "num_frequencies must be from 1 to 16, got 0"),
        ({"num_thetas": 99}, "num_thetas must be from 1 to 32"),
        ({"lowest": 0.5}, "lowest must be from 0.02 to 0.4"),
    ],
)
def test_settings_outside_their_range_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidParameterError, match=said):
        BankSettings(**change)  # type: ignore[arg-type]
