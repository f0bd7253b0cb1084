"""All that decides a Gabor filter, or a whole bank: records that can be kept and compared."""

from dataclasses import dataclass

import numpy as np

from cnnviz.checks import check_choice, check_range
from cnnviz.filter_banks.banks import BANKS
from cnnviz.filter_banks.gabor import (
    FilterBank,
    GaborResponse,
    gabor_bank,
    gabor_kernel,
    gabor_response,
)
from cnnviz.images import ImageInput

HIGHEST = 0.4  # cycles per pixel of the finest filters of a Gabor bank


@dataclass(frozen=True, slots=True)
class GaborSettings:
    """One Gabor filter and how it is applied; ranges and errors as for `gabor_kernel`.

    Attributes
    ----------
    frequency : float
        Cycles per pixel.
    theta : float
        Direction of the sinusoid, radians.
    sigma : float
        Standard deviation of the Gaussian envelope, pixels.
    aspect : float
    phase : float
        Radians.
    remove_dc : bool
    operation : {"correlate", "convolve"}
    """

    frequency: float
    theta: float
    sigma: float
    aspect: float = 1.0
    phase: float = 0.0
    remove_dc: bool = False
    operation: str = "correlate"

    def kernel(self) -> np.ndarray:
        """Make the complex kernel; `operation` does not change it."""
        return gabor_kernel(
            self.frequency,
            self.theta,
            self.sigma,
            aspect=self.aspect,
            phase=self.phase,
            remove_dc=self.remove_dc,
        )

    def response(self, image: ImageInput | np.ndarray) -> GaborResponse:
        """Compute the response to an image; see `gabor_response`."""
        return gabor_response(
            image,
            self.frequency,
            self.theta,
            self.sigma,
            aspect=self.aspect,
            phase=self.phase,
            remove_dc=self.remove_dc,
            operation=self.operation,
        )


@dataclass(frozen=True, slots=True)
class BankSettings:
    """A filter bank; all but `kind` counts for Gabor banks only.

    Attributes
    ----------
    kind : str
        A key of `BANKS`.
    num_frequencies : int
        1 to 16, in equal ratios from `HIGHEST` down to `lowest`.
    num_thetas : int
        Orientations from 0 to below π, 1 to 32.
    lowest : float
        Cycles per pixel, 0.02 to `HIGHEST`.
    sigmas : tuple of float
        Pixels; if empty, each filter has a bandwidth of one octave.
    """

    kind: str = "gabor"
    num_frequencies: int = 4
    num_thetas: int = 8
    lowest: float = 0.08
    sigmas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, BANKS)
        check_range("num_frequencies", self.num_frequencies, 1, 16)
        check_range("num_thetas", self.num_thetas, 1, 32)
        check_range("lowest", self.lowest, 0.02, HIGHEST)

    @property
    def is_gabor(self) -> bool:
        """Whether it is a Gabor bank."""
        return self.kind == "gabor"

    def make(self) -> FilterBank:
        """Make the bank; a Gabor bank goes from fine to coarse."""
        if not self.is_gabor:
            return BANKS[self.kind].make()
        frequencies = np.geomspace(HIGHEST, self.lowest, self.num_frequencies)
        thetas = np.arange(self.num_thetas) * np.pi / self.num_thetas
        return gabor_bank(frequencies, thetas, self.sigmas or None, remove_dc=True)
