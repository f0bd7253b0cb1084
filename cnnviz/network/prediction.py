"""What a network predicts; apart from the network, so that pages start without TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class with its name, probability (0 to 1) and logit.

    The probability is None if the network gives none; the logit is then its raw score.
    """

    class_index: int
    label: str
    probability: float | None
    logit: float
