"""Work that takes longer than a moment: outside the script, with progress and a stop button."""

import atexit
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakSet

import streamlit as st

from cnnviz.errors import CnnvizError
from cnnviz.ui.shell import visitors
from cnnviz.ui.shell.job_queue import JobQueue, Ticket
from cnnviz.ui.shell.visitors import session

Report = Callable[..., None]  # done, total, and perhaps what there is to see so far
MAX_JOBS = 12  # results kept by one server
_PATIENCE_S = 0.6  # work that ends within it shows no progress bar
_SHUTDOWN_S = 10.0  # for all jobs to end with the server
_ALONE_S = 4.0  # work that nobody has waited for so long ends
USUAL_S = 10.0  # what a job takes, where nothing else is known
_REDRAW_S = 0.5  # between two looks at a job, and a tenth of it more for each visitor who waits
_MAX_REDRAW_S = 4.0
_STOPPED = "stopped_jobs"  # session key: keys of the work that this session does not wait for
_jobs: "OrderedDict[Hashable, Job]" = OrderedDict()
_all_jobs: "WeakSet[Job]" = WeakSet()  # also those that a session or the downloads hold
_lock = threading.Lock()
_queue = JobQueue()


class _StopError(Exception):
    """Somebody pressed stop."""


class Job:
    """One piece of work in a thread of its own, shared by all who ask for the same.

    Parameters
    ----------
    work : callable
        Called with a function to report (done, total, what there is so far) to.
    queue : JobQueue, optional
        Where the work waits for its turn; without one it begins at once. What waits in a queue
        ends when nobody waits for it any more.
    cost_s : float
        About how many seconds it takes.
    """

    def __init__(
        self,
        work: Callable[[Report], Any],
        queue: JobQueue | None = None,
        cost_s: float = USUAL_S,
    ) -> None:
        self.value: Any = None
        self.error = ""
        self.is_stopped = False
        self.latest: Any = None  # what there is to see so far
        self._done, self._total = 0, 0
        self._started: float | None = None
        self._cost_s = cost_s
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._looked: dict[str, float] = {}  # session → when it looked last
        self._alone_since: float | None = None
        self._queue = queue
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._ticket = Ticket(session(), cost_s, self._start, self._seconds_left)
        _all_jobs.add(self)
        if queue is None:
            self._start()
        else:
            self.look(session())
            queue.add(self._ticket)

    def _start(self) -> None:
        self._started = time.monotonic()
        self._thread.start()

    def _run(self, work: Callable[[Report], Any]) -> None:
        try:
            if self._queue is not None and not self._is_awaited(_ALONE_S):
                self._stop.set()
            if self._stop.is_set():
                raise _StopError
            self.value = work(self._report)
        except CnnvizError as error:
            self.error = str(error)
        except _StopError:
            self.is_stopped = True
        except MemoryError:
            self.error = "There was not enough memory. Try a smaller network or fewer images."
        finally:
            self._ended.set()
            if self._queue is not None:
                self._queue.end(self._ticket)

    def _report(self, done: int, total: int, latest: Any = None) -> None:
        if self._queue is not None and self._is_abandoned():
            self._stop.set()  # whoever asks again begins it anew
        if self._stop.is_set():
            raise _StopError
        self._done, self._total, self.latest = done, total, latest

    def _is_awaited(self, grace_s: float = 0.0) -> bool:
        """Tell whether some session still shows this work.

        It does while its browser is connected and its latest run asked for the work, or began
        less than `grace_s` seconds ago and may still ask. A tab in the background asks rarely; it
        counts as long as it is connected.
        """
        now = time.monotonic()
        return any(
            visitors.is_connected(name)
            and (when >= visitors.latest_run(name) or now - visitors.latest_run(name) < grace_s)
            for name, when in list(self._looked.items())
        )

    def _is_abandoned(self) -> bool:
        now = time.monotonic()
        if self._is_awaited():
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = now
        return self._alone_since is not None and now - self._alone_since > _ALONE_S

    def _seconds_left(self) -> float:
        if self._started is None:
            return self._cost_s
        elapsed = time.monotonic() - self._started
        if self._total and self._done:
            return elapsed * (self._total - self._done) / self._done
        return max(1.0, self._cost_s - elapsed)

    @property
    def is_stopping(self) -> bool:
        """Whether the work was asked to end."""
        return self._stop.is_set()

    @property
    def is_running(self) -> bool:
        """Whether the work goes on, or waits for its turn."""
        return not self._ended.is_set()

    def wait(self, seconds: float) -> None:
        """Wait for the end, but not longer."""
        self._ended.wait(seconds)

    def stop(self) -> None:
        """Ask the work to end at its next report; what has not begun ends at once."""
        self._stop.set()
        if self._queue is not None and self._queue.remove(self._ticket):
            self.is_stopped = True
            self._ended.set()

    def look(self, session: str) -> None:
        """Note that a session waits for the result."""
        self._looked[session] = time.monotonic()

    def leave(self, session: str) -> None:
        """Stop waiting; the work ends if nobody else waits for it."""
        self._looked.pop(session, None)
        if not self._is_awaited():
            self.stop()

    @property
    def num_sessions(self) -> int:
        """How many sessions wait for it."""
        return len(self._looked)

    @property
    def progress(self) -> tuple[float, str]:
        """How far it is: share (0 to 1) and a sentence."""
        return self.progress_in()

    def progress_in(self, unit: str = "", size: float = 1) -> tuple[float, str]:
        """Say how far it is in other units, each of so many."""
        if self._queue is not None:
            number, wait_s = self._queue.place(self._ticket)
            if number:
                return 0.0, f"you are number {number} in line, about {max(1.0, wait_s):.0f} s"
        if not self._total or not self._done:
            return 0.0, "beginning…"
        share = min(1.0, self._done / self._total)
        left_s = self._seconds_left()
        done, total = f"{self._done / size:,.0f}", f"{self._total / size:,.0f}{unit}"
        return share, f"{done} of {total}, about {left_s:.0f} s left"


def result_of(
    key: tuple[Hashable, ...],
    title: str,
    work: Callable[[Report], Any],
    show: Callable[[Any], None] | None = None,
    cost_s: float = USUAL_S,
) -> Any:
    """Return the result of some work; while it runs, draw its progress and return None.

    Parameters
    ----------
    key : tuple
        Names and digests: equal keys mean equal work, done once for the whole server.
    title : str
        What is being done.
    work : callable
        Called with a function to report (done, total, what there is so far) to. Runs outside the
        script: it must not draw anything.
    show : callable, optional
        Draws what there is so far, while the work goes on.
    cost_s : float
        About how many seconds it takes: short work need not wait for much longer work.
    """
    if key in st.session_state.get(_STOPPED, ()):
        st.info(f"{title}: stopped.")
        _offer_again(key)
        return None
    with _lock:
        job = _jobs.get(key)
        if job is None or job.is_stopping:
            job = _jobs[key] = Job(work, _queue, cost_s)
        job.look(session())
        _jobs.move_to_end(key)
        for old in [old for old, other in _jobs.items() if not other.is_running][:-MAX_JOBS]:
            del _jobs[old]
    job.wait(_PATIENCE_S)
    if job.is_running:
        st.fragment(_watch, run_every=_seconds_between_looks())(job, key, title, show)
        return None
    if job.error or job.value is None:
        st.error(job.error or "Something went wrong. Try again.")
        _offer_again(key)
        return None
    return job.value


def _offer_again(key: tuple[Hashable, ...]) -> None:
    st.button("Try again", on_click=_begin_again, args=(key,), key=f"again {key}")


def _begin_again(key: tuple[Hashable, ...]) -> None:
    st.session_state.get(_STOPPED, set()).discard(key)
    job = _jobs.get(key)
    if job is not None and not job.is_running and job.value is None:
        forget(key)


def _leave(job: Job, key: tuple[Hashable, ...]) -> None:
    st.session_state.setdefault(_STOPPED, set()).add(key)
    job.leave(session())


def _seconds_between_looks() -> float:
    """Look more rarely when many visitors wait: each look takes time from the work."""
    num_waiting = sum(job.num_sessions for job in list(_jobs.values()) if job.is_running)
    return min(_MAX_REDRAW_S, _REDRAW_S * (1 + num_waiting / 10))


@atexit.register
def _end_all() -> None:
    """Stop all work before Python ends.

    Python would freeze the threads where they are. One that was reading a network then keeps the
    lock of the HDF5 library, and the process waits for it for ever.
    """
    running = [job for job in list(_all_jobs) if job.is_running]
    deadline = time.monotonic() + _SHUTDOWN_S
    for job in running:
        job.stop()
    for job in running:
        job.wait(max(0.0, deadline - time.monotonic()))


def forget(key: Hashable) -> None:
    """Let go of a piece of work and its result, so that only who holds it has it."""
    _jobs.pop(key, None)


def _watch(
    job: Job, key: tuple[Hashable, ...], title: str, show: Callable[[Any], None] | None
) -> None:
    if not job.is_running or key in st.session_state.get(_STOPPED, ()):
        st.rerun()
    job.look(session())
    share, sentence = job.progress
    with st.container(key=f"progress_{id(job)}"):  # keeps the page as long as it was: frame.css
        st.progress(share, f"{title}: {sentence}")
        st.button("Stop", on_click=_leave, args=(job, key), key=f"stop {id(job)}")
        if show is not None and job.latest is not None:
            show(job.latest)
