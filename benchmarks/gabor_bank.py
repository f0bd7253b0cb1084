"""Time a Gabor bank against scikit-image and OpenCV on the same image, side by side.

Run ``python benchmarks/gabor_bank.py``; most of its ten seconds are scikit-image's.
Each time is the best of a few runs, or of one where a run takes seconds.
"""

import time
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
from skimage import filters

from cnnviz.filter_banks import FilterBank, gabor_bank, gabor_response

UNCUT_PX = 87  # six standard deviations of the widest bell on each side


def oriented_bank(num_frequencies: int) -> FilterBank:
    """Eight directions for each frequency, sigma tied by one octave, scaled as scikit-image's."""
    frequencies = np.geomspace(0.4, 0.08, num_frequencies)
    return gabor_bank(frequencies, np.arange(8) * np.pi / 8, None, normalize=False)


def with_scikit_image(image: np.ndarray, bank: FilterBank) -> np.ndarray:
    """Call `skimage.filters.gabor` in a loop; its supports are rectangles that fit theta."""
    answers = [
        filters.gabor(image, p.frequency, p.theta, sigma_x=p.sigma, sigma_y=p.sigma)
        for p in bank.parameters
    ]
    return np.stack([np.hypot(*parts) for parts in answers])


def with_opencv(image: np.ndarray, bank: FilterBank) -> np.ndarray:
    """Call `cv2.filter2D` in a loop, with the kernels of the bank."""
    return np.stack(
        [
            np.hypot(
                *(
                    cv2.filter2D(image, cv2.CV_32F, part, borderType=cv2.BORDER_REFLECT)
                    for part in (kernel.real, kernel.imag)
                )
            )
            for kernel in bank.kernels
        ]
    )


def timed(call: Callable[[], np.ndarray], runs: int) -> tuple[np.ndarray, float]:
    """Give the answer and the shortest time of some runs, in milliseconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        answer = call()
        times.append(time.perf_counter() - start)
    return answer, 1000 * min(times)


def compare(image: np.ndarray, bank: FilterBank) -> None:
    """Print a line for each library: its time, and how far its answers are from ours."""
    ours, milliseconds = timed(lambda: bank.responses(image), 5)
    _, height, width = ours.shape
    print(f"{len(ours)} filters of {bank.kernels.shape[1]} px on {width} × {height} px")
    print(f"  {'cnnviz':34}{milliseconds:10.1f} ms   largest answer     {ours.max():.1e}")
    for name, way, runs in (
        ("cv2.filter2D in a loop", with_opencv, 3),
        ("skimage.filters.gabor in a loop", with_scikit_image, 1),
    ):
        theirs, milliseconds = timed(partial(way, image, bank), runs)
        difference = np.abs(theirs - ours).max()
        print(f"  {name:34}{milliseconds:10.1f} ms   largest difference {difference:.1e}")


def compare_uncut(image: np.ndarray) -> None:
    """Print how far scikit-image is from us where neither cuts the bells off."""
    bank = gabor_bank(
        np.geomspace(0.4, 0.08, 5), (0.0, 0.6), None, normalize=False, size_px=UNCUT_PX
    )
    ours = bank.responses(image)
    theirs = [
        np.hypot(*filters.gabor(image, p.frequency, p.theta, None, p.sigma, p.sigma, n_stds=6))
        for p in bank.parameters
    ]
    difference = np.abs(np.stack(theirs) - ours).max()
    print(f"  skimage.filters.gabor, bells of six sigma instead of three: {difference:.1e}")


def main() -> None:
    """Print the comparison, then the times of what the pages ask for."""
    rng = np.random.default_rng(0)
    large, small = (rng.random((side, side)).astype(np.float32) for side in (512, 32))
    compare(large, oriented_bank(5))
    compare_uncut(large)
    page_bank = oriented_bank(4)
    for name, call in {
        "one filter, sigma 4, on 512 × 512": lambda: gabor_response(large, 0.16, 1.2, 4.0).real,
        "one filter, sigma 8, on 512 × 512": lambda: gabor_response(large, 0.16, 1.2, 8.0).real,
        "bank of 4 × 8 on 512 × 512": lambda: page_bank.responses(large),
        "bank of 4 × 8 on 32 × 32": lambda: page_bank.responses(small),
    }.items():
        print(f"{name:36}{timed(call, 7)[1]:10.1f} ms")


if __name__ == "__main__":
    main()
