"""Five networks that share one base to different degrees."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cnnviz.images import ImageInput
from cnnviz.ui.shell import jobs
from cnnviz.ui.shell.server import keep_server_fast

if TYPE_CHECKING:
    from cnnviz.training.transfer_comparison import Anatomy, Evidence

_one_comparison = threading.Lock()


def reuse_anatomies() -> "tuple[Anatomy, ...] | None":
    """Tell which parts of the five networks were trained; None while that runs."""

    def work(report: jobs.Report) -> "tuple[Anatomy, ...]":
        keep_server_fast()
        from cnnviz.training.transfer_comparison import NETWORKS, take_apart

        found: list[Anatomy] = []
        for name in NETWORKS:
            report(len(found), len(NETWORKS))
            found.append(take_apart(name))
        return tuple(found)

    return jobs.result_of(("anatomies",), "Comparing the five networks", work)


def reuse_evidence(image: ImageInput, show: Callable[[Any], None]) -> "tuple[Evidence, ...] | None":
    """Compute predictions and heat maps of the five networks; None while that runs."""

    def work(report: jobs.Report) -> "tuple[Evidence, ...]":
        keep_server_fast()
        from cnnviz.training.transfer_comparison import NETWORKS, look_at

        while not _one_comparison.acquire(timeout=0.2):  # the networks are built and not kept
            report(0, len(NETWORKS))
        try:
            found: list[Evidence] = []
            for name in NETWORKS:
                report(len(found), len(NETWORKS), tuple(found))
                found.append(look_at(name, image))
            return tuple(found)
        finally:
            _one_comparison.release()

    title = "Computing predictions and maps of five networks"
    return jobs.result_of(("reuse evidence", image.digest), title, work, show)
