"""Weights that must be fetched: offered with their size, with progress, and with a stop button."""

import threading
import time
from dataclasses import dataclass, field

import streamlit as st

from cnnviz import zoo
from cnnviz.errors import CnnvizError, DownloadCancelled
from cnnviz.zoo import ModelCard

_jobs: dict[str, "Job"] = {}  # one download per network for the whole server
_lock = threading.Lock()


@dataclass(slots=True, eq=False)
class Job:
    """A download that runs outside the script, and how far it is."""

    started: float = field(default_factory=time.monotonic)
    bytes_done: int = 0
    bytes_total: int = 0
    error: str = ""
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def report(self, bytes_done: int, bytes_total: int) -> None:
        """Take a progress report; raises if somebody pressed stop."""
        if self.stop.is_set():
            raise DownloadCancelled("The download was stopped.")
        self.bytes_done, self.bytes_total = bytes_done, bytes_total

    @property
    def is_running(self) -> bool:
        """Whether the download still goes on."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def progress(self) -> tuple[float, str]:
        """How far it is: share (0 to 1) and a sentence."""
        if not self.bytes_total:
            return 0.0, "Asking for the file…"
        share = min(1.0, self.bytes_done / self.bytes_total)
        left = (time.monotonic() - self.started) * (1 - share) / max(share, 1e-9)
        done, total = self.bytes_done / 1e6, self.bytes_total / 1e6
        return share, f"{done:.0f} of {total:.0f} MB, about {left:.0f} s left"


def start(card: ModelCard) -> Job:
    """Begin the download of a network's weights, or join the one that runs."""
    with _lock:
        job = _jobs.get(card.name)
        if job is None or not job.is_running:
            job = _jobs[card.name] = Job()
            job.thread = threading.Thread(target=_run, args=(card, job), daemon=True)
            job.thread.start()
        return job


def _run(card: ModelCard, job: Job) -> None:
    try:
        zoo.download_weights(card, on_progress=job.report)
    except CnnvizError as error:
        job.error = str(error)


def offer(card: ModelCard) -> None:
    """Say what is missing and offer to fetch it; runs again every second while it comes."""
    job = _jobs.get(card.name)
    running = job is not None and job.is_running
    st.fragment(_offer, run_every=1.0 if running else None)(card)


def _offer(card: ModelCard) -> None:
    job = _jobs.get(card.name)
    if job is not None and job.is_running:
        share, sentence = job.progress
        st.progress(share, text=f"Fetching {card.title}: {sentence}")
        st.button("Stop", on_click=job.stop.set)
        return
    if zoo.is_ready(card):
        st.rerun()
    if job is not None and job.error:
        st.error(job.error)
    size = f"{card.download_bytes / 1e6:.0f} MB" if card.download_bytes else "some megabytes"
    st.info(
        f"{card.title} is not on this computer yet. It can be fetched once ({size}); "
        "the networks without «download» behind their name work at once."
    )
    if st.button(f"Download {card.title} ({size})", type="primary"):
        start(card)
        st.rerun()
