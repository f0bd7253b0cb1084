"""Verdicts about units, on both sides of their thresholds."""

import pytest

from cnnviz.ui.feature_maps.words import gradient_spread, same_value


@pytest.mark.parametrize(
    ("num_strongest", "num_windows", "is_smaller"),
    [(25, 2, True), (26, 2, False), (25, 1, False), (1, 40, True), (100, 40, False)],
)
def test_only_a_deep_concentrated_unit_has_a_smaller_effective_field(
    num_strongest: int, num_windows: int, is_smaller: bool
) -> None:
    text = gradient_spread(num_strongest, 100, num_windows)
    assert ("effective receptive field is smaller" in text) is is_smaller
    assert f"**{num_strongest}** of them (**{num_strongest}%**)" in text


def test_a_gradient_of_zero_is_explained() -> None:
    assert "zero at every pixel" in gradient_spread(0, 9, 1)


def test_equal_values_have_no_rounding_error() -> None:
    assert same_value(5.5, 5.5).endswith("**5.5**. They are equal.")
    assert same_value(5.5, 5.5000001).endswith("They differ by 1 × 10⁻⁷, a rounding error.")
