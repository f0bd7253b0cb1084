"""Five networks that share one base to different degrees."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnnviz.images import ImageInput
from cnnviz.ui.shell.cache import in_background
from cnnviz.ui.shell.jobs import Report
from cnnviz.ui.shell.server import keep_server_fast

if TYPE_CHECKING:
    from cnnviz.training.transfer_comparison import Anatomy, NetworkView

_one_comparison = threading.Lock()


@in_background("Comparing the five networks")
def network_anatomies(report: Report) -> "tuple[Anatomy, ...]":
    """Tell which parts of the five networks were trained."""
    keep_server_fast()
    from cnnviz.training.transfer_comparison import NETWORKS, take_apart

    anatomies: list[Anatomy] = []
    for name in NETWORKS:
        report(len(anatomies), len(NETWORKS))
        anatomies.append(take_apart(name))
    return tuple(anatomies)


@in_background("Computing predictions and maps of five networks")
def network_views(
    report: Report, image: ImageInput, show: Callable[[Any], None]
) -> "tuple[NetworkView, ...]":
    """Compute predictions and heat maps of the five networks; `show` draws the first ones."""
    keep_server_fast()
    from cnnviz.training.transfer_comparison import NETWORKS, view_of

    while not _one_comparison.acquire(timeout=0.2):  # the networks are built and not kept
        report(0, len(NETWORKS))
    try:
        views: list[NetworkView] = []
        for name in NETWORKS:
            report(len(views), len(NETWORKS), tuple(views))
            views.append(view_of(name, image))
        return tuple(views)
    finally:
        _one_comparison.release()
