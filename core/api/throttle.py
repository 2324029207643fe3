"""How often something may be done: so many times in a minute under each name, in one web process."""

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable, Sequence

MINUTE = 60.0
KNOWN = 10_000


class Throttle:
    """Counts what was done under each name. Safe from several threads; the oldest names are forgotten."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._times: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def wait(self, name: Hashable) -> int:
        """In how many seconds it may be done again; 0 for now."""
        with self._lock:
            times: Sequence[float] = self._times.get(name, ())
            left = times[0] + MINUTE - time.monotonic() if len(times) == self._most else 0.0
        return max(1, round(left)) if left > 0 else 0

    def count(self, name: Hashable) -> None:
        """It was done just now."""
        with self._lock:
            self._times.setdefault(name, deque(maxlen=self._most)).append(time.monotonic())
            self._times.move_to_end(name)
            while len(self._times) > KNOWN:
                self._times.popitem(last=False)
