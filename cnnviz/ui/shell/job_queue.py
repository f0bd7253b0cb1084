"""The line in which long work waits for its turn."""

import heapq
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_RUNNING = 2  # jobs at once on one server


@dataclass(eq=False, slots=True)
class Ticket:
    """A place in the line.

    Attributes
    ----------
    owner : str
        The session that asked first; one job of a session runs at a time. Empty: nobody's.
    cost_s : float
        About how many seconds the work takes.
    start : callable
        Begins the work and returns at once.
    seconds_left : callable
        About how many seconds the work still takes, once it runs.
    arrived : float
        When it came, by the clock of the queue.
    """

    owner: str
    cost_s: float
    start: Callable[[], None]
    seconds_left: Callable[[], float]
    arrived: float = field(default=0.0)

    @property
    def rank(self) -> float:
        """The lowest rank starts first.

        Short work overtakes long work, but only what came so many seconds earlier as it is
        longer: nothing waits for ever.
        """
        return self.arrived + self.cost_s


class JobQueue:
    """Starts at most so many jobs at once, and the next one when one ends.

    Parameters
    ----------
    max_running : int
    clock : callable
        Returns seconds.
    """

    def __init__(
        self, max_running: int = MAX_RUNNING, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_running = max_running
        self._clock = clock
        self._running: list[Ticket] = []
        self._waiting: list[Ticket] = []  # by rank
        self._lock = threading.RLock()

    def add(self, ticket: Ticket) -> None:
        """Start some work, now or when its turn has come."""
        ticket.arrived = self._clock()
        with self._lock:
            self._waiting.append(ticket)
            self._waiting.sort(key=lambda other: other.rank)
            self._start_next()

    def remove(self, ticket: Ticket) -> bool:
        """Take work out of the line; return whether it was still waiting."""
        with self._lock:
            if ticket not in self._waiting:
                return False
            self._waiting.remove(ticket)
            self._start_next()
            return True

    def end(self, ticket: Ticket) -> None:
        """Note that some work has ended."""
        with self._lock:
            if ticket in self._running:
                self._running.remove(ticket)
            self._start_next()

    def place(self, ticket: Ticket) -> tuple[int, float]:
        """Return the number in the line, from 1, and about how many seconds are left to wait.

        Both are 0 for what does not wait.
        """
        with self._lock:
            if ticket not in self._waiting:
                return 0, 0.0
            number = self._waiting.index(ticket) + 1
            free_at = [max(0.0, other.seconds_left()) for other in self._running]
            free_at += [0.0] * (self._max_running - len(free_at))
            heapq.heapify(free_at)
            for other in self._waiting[: number - 1]:
                heapq.heappush(free_at, heapq.heappop(free_at) + other.cost_s)
            return number, free_at[0]

    def _start_next(self) -> None:
        while len(self._running) < self._max_running:
            busy = {ticket.owner for ticket in self._running if ticket.owner}
            ready = next((ticket for ticket in self._waiting if ticket.owner not in busy), None)
            if ready is None:
                return
            self._waiting.remove(ready)
            self._running.append(ready)
            ready.start()
