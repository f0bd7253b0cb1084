"""A training beside everything else: one at a time, the others in a queue, ended when unwanted."""

import gc
import threading
import time
from collections import deque
from collections.abc import Callable

from cnnviz.errors import CnnvizError
from cnnviz.training.live.settings import LiveLook, LiveSettings, LiveTrained

WAITING, TRAINING, PAUSED = "waiting", "training", "paused"
FINISHED, STOPPED, ABANDONED, FAILED = "finished", "stopped", "abandoned", "failed"
ACTIVE = (WAITING, TRAINING, PAUSED)
PAUSE_SECONDS = 60.0  # longest pause while others wait
_MOMENT_S = 0.05
_ASK_SECONDS = 0.5  # between two questions whether somebody still wants it


class _EndError(Exception):
    """Somebody pressed stop, or nobody is there any more; says in which state the run ends."""


class Turns:
    """A queue of those who want the only place. Joining and leaving never waits."""

    def __init__(self) -> None:
        self._queue: deque[object] = deque()
        self._lock = threading.Lock()

    def join(self, ticket: object) -> None:
        """Stand at the end of the queue."""
        with self._lock:
            self._queue.append(ticket)

    def num_before(self, ticket: object) -> int:
        """How many come first; 0 means that it is this one's turn."""
        with self._lock:
            return self._queue.index(ticket)

    def leave(self, ticket: object) -> None:
        """Leave the queue."""
        with self._lock:
            self._queue.remove(ticket)

    def __len__(self) -> int:
        with self._lock:
            return len(self._queue)


TURNS = Turns()  # of this process


class LiveRun:
    """One training in a thread of its own.

    Parameters
    ----------
    settings : LiveSettings
    is_wanted : callable, optional
        AttributionRequest about twice a second; once it says no, the run ends.
    turns : Turns
        Runs that share it train one at a time, in the order in which they were made.
    """

    def __init__(
        self,
        settings: LiveSettings,
        *,
        is_wanted: Callable[[], bool] = lambda: True,
        turns: Turns = TURNS,
    ) -> None:
        self.settings = settings
        self.look: LiveLook | None = None
        self.trained: LiveTrained | None = None
        self.error = ""
        self._is_wanted, self._turns = is_wanted, turns
        self._state = WAITING
        self._stop, self._pause = threading.Event(), threading.Event()
        self._paused_at = self._next_ask = 0.0
        self._thread = threading.Thread(target=self._run, name=settings.name, daemon=True)
        self._turns.join(self)
        self._thread.start()

    @property
    def state(self) -> str:
        """One of `WAITING`, `TRAINING`, `PAUSED`, `FINISHED`, `STOPPED`, `ABANDONED`, `FAILED`."""
        if self._state in ACTIVE and self._stop.is_set():
            return STOPPED  # the thread may need a moment more, and keeps its turn until then
        is_held = self._state == TRAINING and self._pause.is_set()
        return PAUSED if is_held else self._state

    @property
    def is_active(self) -> bool:
        """Whether it waits, trains or pauses."""
        return self.state in ACTIVE

    @property
    def num_before(self) -> int:
        """How many trainings come first."""
        try:
            return self._turns.num_before(self)
        except ValueError:  # it has just ended
            return 0

    @property
    def num_behind(self) -> int:
        """How many trainings wait for this one."""
        return max(0, len(self._turns) - self.num_before - 1)

    @property
    def pause_left_s(self) -> float:
        """How long a pause may still last while others wait, in seconds."""
        return max(0.0, self._paused_at + PAUSE_SECONDS - time.monotonic())

    def pause(self) -> None:
        """Hold after the batch that runs. While others wait, for a minute at most."""
        self._paused_at = time.monotonic()
        self._pause.set()

    def go_on(self) -> None:
        """End the pause."""
        self._pause.clear()

    def stop(self) -> None:
        """End after the batch that runs; what whole epochs have reached is kept."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the end, but not longer."""
        self._thread.join(seconds)

    def _run(self) -> None:
        end = FAILED
        try:
            end = self._train()
        except _EndError as reason:
            end = str(reason)
        except CnnvizError as error:
            self.error = str(error)
        except MemoryError:
            self.error = "There was not enough memory. Choose a smaller network or fewer images."
        finally:
            if end == FAILED and not self.error:
                self.error = "Something went wrong. Start again, perhaps with other settings."
            self._state = end
            gc.collect()  # Keras' models stand in circles; free them before the next one begins
            self._turns.leave(self)

    def _train(self) -> str:
        while self.num_before:
            self._check()
            time.sleep(_MOMENT_S)
        self._check()
        self._state = TRAINING
        from cnnviz.training.live.loop import train_live

        train_live(self.settings, on_batch=self._hold, on_look=self._see, on_epoch=self._keep)
        return FINISHED

    def _hold(self) -> None:
        """Stay here while paused; raise where the run is to end."""
        self._check()
        while self._pause.is_set():
            time.sleep(_MOMENT_S)
            self._check()
            if self.num_behind and not self.pause_left_s:
                self.go_on()

    def _check(self) -> None:
        if self._stop.is_set():
            raise _EndError(STOPPED)
        now = time.monotonic()
        if now >= self._next_ask:
            self._next_ask = now + _ASK_SECONDS
            if not self._is_wanted():
                raise _EndError(ABANDONED)

    def _see(self, look: LiveLook) -> None:
        self.look = look

    def _keep(self, trained: LiveTrained) -> None:
        self.trained = trained
