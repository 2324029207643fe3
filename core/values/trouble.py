"""Trouble that lasts and is tried again all the time: the log tells of it once, and once of its end."""

import logging
import threading
import time


class Trouble:
    """One trouble, such as a server that is away."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger
        self._lasts = False

    def begins(
        self, text: str, *args: object, level: int = logging.WARNING, trace: Exception | None = None
    ) -> None:
        """It is there, or there still: say so unless that was said. `trace`: an error whose stack is wanted too."""
        if not self._lasts:
            self._logger.log(level, text, *args, exc_info=trace)
        self._lasts = True

    def ends(self, text: str, *args: object) -> None:
        """All is well: say so where it was not."""
        if self._lasts:
            self._logger.warning(text, *args)
        self._lasts = False


class OnceAMinute:
    """What is said again and again: once a minute for each name. Of many names the log may hear a few more often."""

    SECONDS, KEPT = 60.0, 1_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[object, float] = {}

    def may_say(self, name: object) -> bool:
        """Whether it was not said within the last minute; it counts as said now."""
        now = time.monotonic()
        with self._lock:
            if now - self._said.get(name, -self.SECONDS) < self.SECONDS:
                return False
            if len(self._said) >= self.KEPT:
                self._said.clear()
            self._said[name] = now
        return True
