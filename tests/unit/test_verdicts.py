"""Sentences that pages compute from numbers, on both sides of each threshold."""

import numpy as np
import pytest

from cnnviz.attribution.evaluation.faithfulness import CENTER, RANDOM
from cnnviz.ui.class_activation.words import (
    MAP,
    faithfulness_verdict,
    masked_change,
    signed,
)
from cnnviz.ui.live_training.words import progress_verdict
from cnnviz.ui.networks.words import curves_verdict


@pytest.mark.parametrize(
    ("training", "validation", "loss", "validation_loss", "expected"),
    [
        (0.95, 0.84, 0.1, 0.4, "overfits"),
        (0.95, 0.86, 0.1, 0.12, "ends at 95.0%, validation accuracy at 86.0%."),
        (0.90, 0.92, 0.3, 0.2, "mean over the epoch"),
        (0.90, 0.905, 0.3, 0.3, "ends at 90.0%, validation accuracy at 90.5%."),
        (0.97, 0.95, 0.10, 0.16, "0.16 in validation and 0.10 in"),
        (0.97, 0.95, 0.10, 0.14, "ends at 97.0%, validation accuracy at 95.0%."),
        (1.0, 0.962, 0.0, 0.2, "0.20 in validation and 0.00 in"),
    ],
)
def test_the_verdict_on_learning_curves_follows_from_their_ends(
    training: float, validation: float, loss: float, validation_loss: float, expected: str
) -> None:
    history = {
        "accuracy": np.array([0.1, training]),
        "val_accuracy": np.array([0.1, validation]),
        "loss": np.array([2.3, loss]),
        "val_loss": np.array([2.3, validation_loss]),
    }
    said = curves_verdict(history)
    assert expected in said
    assert said.startswith("training accuracy ends at")


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
    ("training", "validation", "expected"),
    [
        (0.3, 0.24, "hardly better than chance"),
        (0.3, 0.26, "After epoch 2, accuracy is 30% in training and 26% in validation."),
        (0.9, 0.84, "begins to overfit"),
        (0.9, 0.86, "After epoch 2, accuracy is 90% in training and 86% in validation."),
        (1.0, 0.962, "accuracy is 100% in training and 96% in validation."),
    ],
)
def test_the_verdict_on_a_running_training_compares_finished_epochs(
    training: float, validation: float, expected: str
) -> None:
    history = {
        "accuracy": np.array([0.1, training, 0.99]),
        "val_accuracy": np.array([0.1, validation]),
    }
    assert expected in progress_verdict(history, 0.25)
