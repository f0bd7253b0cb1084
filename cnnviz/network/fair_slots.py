"""Bounds how many computations run at once, first come, first served."""

import threading
from collections import deque
from types import TracebackType


class FairSlots:
    """A semaphore whose slots go to those who wait for them, in the order in which they came.

    A thread that gives its slot back and asks again at once goes to the end of the line. With
    Python's own semaphores it would often get the slot back, and the others would wait.

    Parameters
    ----------
    count : int
        Number of slots.
    """

    def __init__(self, count: int) -> None:
        self._num_free = count
        self._waiting: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def num_waiting(self) -> int:
        """How many threads wait for a slot."""
        return len(self._waiting)

    def __enter__(self) -> None:
        with self._lock:
            if self._num_free:
                self._num_free -= 1
                return
            turn = threading.Event()
            self._waiting.append(turn)
        try:
            turn.wait()
        except BaseException:  # Ctrl+C in the main thread
            with self._lock:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                    raise
            self._release()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._release()

    def _release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()  # hands the slot over
            else:
                self._num_free += 1
