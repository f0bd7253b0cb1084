"""What must be fetched: offered with its size, with progress, and with a stop button."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import streamlit as st

from cnnviz.errors import CnnvizError, DownloadCancelled

Progress = Callable[[int, int], None]
_jobs: dict[str, "Job"] = {}  # one download of each thing for the whole server
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Wanted:
    """Something that can be fetched.

    Attributes
    ----------
    name, title : str
        What the server and what people call it.
    num_bytes : int or None
        Size of the download, if it is known.
    is_here : callable
        Whether it is on this machine.
    fetch : callable
        Fetches it; called with ``on_progress=``.
    """

    name: str
    title: str
    num_bytes: int | None
    is_here: Callable[[], bool]
    fetch: Callable[..., object]


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

    def run(self, wanted: Wanted) -> None:
        """Fetch, and keep what went wrong as a sentence."""
        try:
            wanted.fetch(on_progress=self.report)
        except CnnvizError as error:
            self.error = str(error)

    @property
    def is_running(self) -> bool:
        """Whether the download still goes on."""
        return self.thread is not None and self.thread.is_alive()

    @property
    def progress(self) -> tuple[float, str]:
        """How far it is: share (0 to 1) and a sentence."""
        if not self.bytes_total:
            return 0.0, "asking for the file…"
        share = min(1.0, self.bytes_done / self.bytes_total)
        left_s = (time.monotonic() - self.started) * (1 - share) / max(share, 1e-9)
        done, total = self.bytes_done / 1e6, self.bytes_total / 1e6
        return share, f"{done:.0f} of {total:.0f} MB, about {left_s:.0f} s left"


def start(wanted: Wanted) -> Job:
    """Begin a download, or join the one that runs."""
    with _lock:
        job = _jobs.get(wanted.name)
        if job is None or not job.is_running:
            job = _jobs[wanted.name] = Job()
            job.thread = threading.Thread(target=job.run, args=(wanted,), daemon=True)
            job.thread.start()
        return job


def offer(wanted: Wanted) -> None:
    """Offer to fetch something; draws itself anew every second while it comes."""
    job = _jobs.get(wanted.name)
    running = job is not None and job.is_running
    st.fragment(_offer, run_every=1.0 if running else None)(wanted)


def _offer(wanted: Wanted) -> None:
    job = _jobs.get(wanted.name)
    if job is not None and job.is_running:
        share, sentence = job.progress
        st.progress(share, text=f"Fetching {wanted.title}: {sentence}")
        st.button("Stop", on_click=job.stop.set, key=f"stop {wanted.name}")
        return
    if wanted.is_here():
        st.rerun()
    if job is not None and job.error:
        st.error(job.error)
    size = f" ({wanted.num_bytes / 1e6:.0f} MB)" if wanted.num_bytes else ""
    if st.button(f"Download {wanted.title}{size}", key=f"download {wanted.name}"):
        start(wanted)
        st.rerun()
