"""A small thread-safe store that makes each value once and forgets the least recently used."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any


class BoundedStore:
    """Keeps the last few values that were asked for, and always the very last one.

    Parameters
    ----------
    max_entries : int
    max_bytes : int, optional
        Of all values together.
    num_bytes : callable, optional
        Returns the size of a value; needed with ``max_bytes``.
    """

    def __init__(
        self,
        max_entries: int,
        max_bytes: int | None = None,
        num_bytes: Callable[[Any], int] = lambda value: 0,
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._num_bytes = num_bytes
        self._values: OrderedDict[Any, Any] = OrderedDict()
        self._making: dict[Any, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return the value of a key; make it if it is not there, others wait for it meanwhile."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
            making = self._making.setdefault(key, threading.Lock())
        with making:  # others may use and make other values meanwhile
            with self._lock:
                if key in self._values:
                    return self._values[key]
            try:
                value = make()
                with self._lock:
                    self._values[key] = value
                    while len(self._values) > 1 and self._is_full():
                        self._values.popitem(last=False)
            finally:
                with self._lock:
                    self._making.pop(key, None)
            return value

    def _is_full(self) -> bool:
        if len(self._values) > self._max_entries:
            return True
        sizes = map(self._num_bytes, self._values.values())
        return self._max_bytes is not None and sum(sizes) > self._max_bytes
