"""Numbers as they stand on the pages."""

import pytest

from cnnviz.ui.shell.display import number


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (-0.527, "−0.527"),
        (7e-7, "7 × 10⁻⁷"),
        (-5.25e-5, "−5.25 × 10⁻⁵"),
        (1.5e12, "1.5 × 10¹²"),
        (1234.5, "1,234"),
        (99.96, "100"),
    ],
)
def test_a_number_has_its_minus_sign_and_its_power_of_ten(value: float, written: str) -> None:
    assert number(value) == written
