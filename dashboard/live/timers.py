"""When each periodic thing is due."""

import time


class Timers:
    """When each thing was done last. A thing is named by a word: two of them may have the same period."""

    def __init__(self) -> None:
        self._last: dict[str, float] = {}

    def left(self, word: str, period: float) -> float:
        """Seconds until it is due; a whole period when it is asked for the first time."""
        return max(0.0, self._last.setdefault(word, time.monotonic()) + period - time.monotonic())

    def begin(self, word: str) -> None:
        """It is done now, due or not."""
        self._last[word] = time.monotonic()

    def due(self, word: str, period: float) -> bool:
        """Whether it is to be done now; its next period starts then."""
        if self.left(word, period) > 0:
            return False
        self.begin(word)
        return True
