"""Sentences with numbers: each verdict is true for the numbers above it."""

import numpy as np
import pytest

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
