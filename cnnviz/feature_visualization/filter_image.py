"""An image that was made to activate something in a network."""

from dataclasses import dataclass

import numpy as np

from cnnviz.arrays import frozen_arrays


@dataclass(frozen=True, slots=True, eq=False)
@frozen_arrays(pixels=np.uint8, objective_history=np.float32)
class FilterImage:
    """An image that was optimized to activate something in a network.

    Attributes
    ----------
    pixels : uint8 ndarray of shape (size, size, 3)
        RGB; all channels equal for a network that takes gray images.
    objective_history : float32 ndarray of shape (steps,)
        What was maximized, before each step, for the image as it was moved.
    seed : int
    name : str
        What it activates.
    frames : tuple of (int, uint8 ndarray)
        Steps, and the image after so many; the first is the beginning.
    start, reached : float
        The objective for the first and the last image, not moved.
    """

    pixels: np.ndarray
    objective_history: np.ndarray
    seed: int
    name: str
    frames: tuple[tuple[int, np.ndarray], ...]
    start: float
    reached: float

    @property
    def is_dead(self) -> bool:
        """Whether nothing that was drawn changed the objective: a filter whose weights are zero."""
        reach = float(np.abs(self.objective_history).max())
        return float(np.ptp(self.objective_history)) <= 1e-5 * reach
