"""What must be fetched: offered with its size, with progress, and with a stop button."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from cnnviz.ui.shell.jobs import Job, session

_jobs: dict[str, Job] = {}  # one download of each thing for the whole server
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


def start(wanted: Wanted) -> Job:
    """Begin a download, or join the one that runs."""
    with _lock:
        job = _jobs.get(wanted.name)
        if job is None or not job.is_running:
            job = _jobs[wanted.name] = Job(lambda report: wanted.fetch(on_progress=report))
        return job


def progress(job: Job) -> tuple[float, str]:
    """How far a download is: share (0 to 1) and a sentence."""
    return job.progress_in(" MB", 1e6)


def offer(wanted: Wanted) -> None:
    """Offer to fetch something; draws itself anew every second while it comes."""
    job = _jobs.get(wanted.name)
    running = job is not None and job.is_running
    st.fragment(_offer, run_every=1.0 if running else None)(wanted)


def _offer(wanted: Wanted) -> None:
    job = _jobs.get(wanted.name)
    if job is not None and job.is_running:
        share, sentence = progress(job)
        st.progress(share, text=f"Fetching {wanted.title}: {sentence}")
        job.look(session())
        st.button("Stop", on_click=job.leave, args=(session(),), key=f"stop {wanted.name}")
        return
    if wanted.is_here():
        st.rerun()
    if job is not None and job.is_stopped:
        st.info("The download was stopped.")
    elif job is not None and job.error:
        st.error(job.error)
    size = f" ({wanted.num_bytes / 1e6:.0f} MB)" if wanted.num_bytes else ""
    if st.button(f"Download {wanted.title}{size}", key=f"download {wanted.name}"):
        start(wanted)
        st.rerun()
