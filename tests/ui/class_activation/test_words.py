"""Sentences with numbers: each verdict is true for the numbers above it."""

import pytest

from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM
from cnnviz.ui.class_activation.words import (
    MAP,
    faithfulness_verdict,
    masked_change,
    signed,
)


@pytest.mark.parametrize(
    ("of_map", "of_random", "of_center", "expected"),
    [
        (0.01, 0.0, -0.2, "no better than a random order"),
        (0.03, 0.0, -0.2, "better than both baselines"),
        (0.15, 0.008, 0.282, "centered Gaussian is better still"),
        (0.15, 0.008, 0.171, "centered Gaussian is better still"),
        (0.15, 0.008, 0.169, "as good as a centered Gaussian"),
        (0.15, 0.008, 0.131, "as good as a centered Gaussian"),
        (0.15, 0.008, 0.129, "better than both baselines"),
    ],
)
def test_the_verdict_on_faithfulness_follows_from_the_baselines(
    of_map: float, of_random: float, of_center: float, expected: str
) -> None:
    differences = {MAP: of_map, RANDOM: of_random, CENTER: of_center}
    assert expected in faithfulness_verdict(differences)


def test_a_masked_image_is_said_to_drop_only_if_it_does() -> None:
    assert masked_change(0.8, 0.4, "cat").endswith("from 80.0% to 40.0%, a drop of 50%.")
    assert masked_change(0.8, 0.795, "cat").endswith("from 80.0% to 79.5%, a drop of 1%.")
    assert masked_change(0.8, 0.797, "cat").endswith("from 80.0% to 79.7%, hardly at all.")
    assert masked_change(0.8, 0.803, "cat").endswith("from 80.0% to 80.3%, hardly at all.")
    assert masked_change(0.8, 0.9, "cat").endswith("from 80.0% to 90.0%, an increase.")
    assert masked_change(0.0, 0.0, "cat").endswith("from 0.0% to 0.0%, hardly at all.")
    assert masked_change(0.0, 0.4, "cat").endswith("from 0.0% to 40.0%, an increase.")


def test_a_difference_of_zero_has_no_sign() -> None:
    assert signed(-0.0001) == signed(0.0) == "0"
    assert signed(0.1502) == "+0.150"
    assert signed(-0.25) == "−0.250"
