"""Sentences of the page: numbers in, Markdown out."""

from collections.abc import Mapping

import numpy as np

_OVERFITS = 0.05  # difference of accuracies


def progress_verdict(history: Mapping[str, np.ndarray], least: float) -> str:
    """Say how training goes after the last finished epoch.

    Parameters
    ----------
    history : mapping
        With ``accuracy`` and ``val_accuracy``; training may be an epoch ahead.
    least : float
        Validation accuracy below which the network has hardly learned.
    """
    epochs = len(history["val_accuracy"])
    validation = float(history["val_accuracy"][-1])
    training = float(history["accuracy"][epochs - 1])
    ends = f"After epoch {epochs}, accuracy is {training:.0%} in training and {validation:.0%} in "
    ends += "validation"
    if validation < least:
        return (
            f"{ends}, hardly better than chance: use more images or epochs, or a smaller learning "
            "rate if the loss does not fall."
        )
    if training - validation > _OVERFITS:
        return f"{ends}: the network begins to overfit."
    return f"{ends}."
