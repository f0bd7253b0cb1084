"""Fit Gabor functions to first kernels anew: ``python tools/fit_kernels.py [NETWORK ...]``.

Writes ``models/NETWORK.fits.npz`` for every network whose weights were kept on the way, or for
those named; about 15 seconds each. Needed after such a network was trained again: without it the
pages fit while somebody waits.
"""

import sys

from cnnviz.training.timeline import keep_kernel_fits, kernel_fits, networks_with_timelines
from cnnviz.zoo import kernel_fits_path


def main(names: list[str]) -> None:
    """Fit and write, network by network."""
    for name in names or networks_with_timelines():
        kernel_fits_path(name).unlink(missing_ok=True)
        keep_kernel_fits(kernel_fits(name))


if __name__ == "__main__":
    main(sys.argv[1:])
