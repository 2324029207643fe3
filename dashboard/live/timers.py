"""When each periodic thing is due."""

import time
from collections.abc import Callable


class Timers:
    """When each thing was done last. A thing is named by a word: two of them may have the same period."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: dict[str, float] = {}

    def left(self, word: str, period: float) -> float:
        """Seconds until it is due; a whole period when it is asked for the first time."""
        return max(0.0, self._last.setdefault(word, self._clock()) + period - self._clock())

    def due(self, word: str, period: float) -> bool:
        """Whether it is to be done now; its next period starts then."""
        if self.left(word, period) > 0:
            return False
        self._last[word] = self._clock()
        return True
