"""Sentences with numbers: each verdict is true for the numbers above it."""

import numpy as np
import pytest

from cnnviz.ui.live_training.words import progress_verdict


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
