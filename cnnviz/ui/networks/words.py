"""Sentences of the page: numbers in, Markdown out."""

from collections.abc import Mapping

import numpy as np

_OVERFITS, _IS_HIGHER = 0.1, -0.01  # differences of accuracy
_LOSS_RATIO = 1.5


def curves_verdict(history: Mapping[str, np.ndarray]) -> str:
    """Compare the last epoch in training and validation.

    Parameters
    ----------
    history : mapping
        With ``accuracy``, ``val_accuracy``, ``loss`` and ``val_loss``, one value an epoch.
    """
    training, validation = float(history["accuracy"][-1]), float(history["val_accuracy"][-1])
    loss, validation_loss = float(history["loss"][-1]), float(history["val_loss"][-1])
    gap = training - validation
    ends = f"training accuracy ends at {training:.1%}, validation accuracy at {validation:.1%}"
    if gap > _OVERFITS:
        return f"{ends}: the network overfits."
    if gap < _IS_HIGHER:
        return (
            f"{ends}. Training accuracy is a mean over the epoch, with augmentation and dropout "
            "where they are used."
        )
    if validation_loss > _LOSS_RATIO * loss:
        return (
            f"{ends}, but the loss is {validation_loss:.2f} in validation and {loss:.2f} in "
            "training, where overfitting shows first."
        )
    return f"{ends}."
