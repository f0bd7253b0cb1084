"""Sentences with numbers: each verdict is true for the numbers above it."""

import numpy as np
import pytest

from cnnviz import figures
from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM
from cnnviz.attribution.evaluation.several_images import METHOD
from cnnviz.ui.class_activation.words import (
    MAP,
    color_note,
    faithfulness_verdict,
    masked_change,
    mean_verdict,
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


@pytest.mark.parametrize(
    ("values", "is_on_a_layer", "expected"),
    [
        (
            [0, 0.5, 1],
            True,
            "Bright regions support the class. The colors end at the largest value",
        ),
        ([0, 0, 0], True, "The map is zero everywhere."),
        ([-2, 0.5, 1], True, "Red regions support the class, blue ones oppose it"),
        ([-2, 0.5, 1], False, "Red regions support the class, blue ones oppose it"),
        (
            [0.0] * 198 + [1, 1, 9],
            False,
            "Bright pixels matter most for the target. The colors end at "
            "the 99th percentile, 1; the largest value is 9.",
        ),
    ],
)
def test_the_note_on_colors_holds_for_every_kind_of_map(
    values: list[float], is_on_a_layer: bool, expected: str
) -> None:
    heat = np.array([values], np.float32)
    scale = figures.heatmap_scale(heat, "inferno", percentile=100 if is_on_a_layer else 99)
    assert expected in color_note(heat, scale, is_on_a_layer=is_on_a_layer)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([0.5, 0.6, 0.55], "is better than a random order. It is better than a centered Gaussian."),
        ([0.2, 0.3, 0.25], "is better than a random order. It cannot be told apart from a"),
        ([-0.5, -0.6, -0.55], "is worse than a random order. It is worse than"),
        ([0.9, -0.9, 0.1], "cannot be told apart from a random order with so few images. It"),
    ],
)
def test_the_verdict_on_several_images_needs_a_clear_difference(
    scores: list[float], expected: str
) -> None:
    baselines = {RANDOM: [0.0, 0.01, 0.0], CENTER: [0.3, 0.2, 0.25]}
    assert expected in mean_verdict({METHOD: scores, **baselines})
