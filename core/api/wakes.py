"""Those who wait hold a coroutine each; one thread listens for all of them, and only while somebody waits."""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from core.errors import TelemetryError

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5


class Wakes:
    """Wakes whoever waits under a name when something is heard of it, and everybody when that cannot be known.

    What is heard is only a reason to look: whoever is woken asks Redis. A subclass says how to listen.
    """

    NAME = "wakes"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[_Waiter]] = defaultdict(set)
        self._thread: threading.Thread | None = None

    def listen(self) -> None:
        """Call `wake` for what is heard while it `goes_on`, and `wake_all` first, once nothing more can be missed."""
        raise NotImplementedError

    @contextmanager
    def heard(self, *names: str) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set when it is time to look."""
        waiter = _Waiter(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            for name in names:
                self._waiting[name].add(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name=self.NAME, daemon=True)
                self._thread.start()
        try:
            yield waiter.event
        finally:
            with self._lock:
                for name in set(names):
                    self._waiting[name].discard(waiter)
                    if not self._waiting[name]:
                        del self._waiting[name]

    def _follow(self) -> None:
        pause = threading.Event()
        while self.goes_on():
            try:
                self.listen()
            except TelemetryError as error:
                logger.warning("agents that wait over HTTP look again: %s", error)
                self.wake_all()
                pause.wait(PAUSE_SECONDS)

    def goes_on(self) -> bool:
        """While somebody waits; decided under the lock, so that nobody begins to wait for a thread that ends."""
        with self._lock:
            if self._waiting:
                return True
            self._thread = None
            return False

    def names(self) -> set[str]:
        """For what somebody waits now."""
        with self._lock:
            return set(self._waiting)

    def wake(self, name: str) -> None:
        """Those who wait under this name."""
        with self._lock:
            for waiter in self._waiting.get(name, ()):
                waiter.wake()

    def wake_all(self) -> None:
        """Everybody."""
        with self._lock:
            for waiters in self._waiting.values():
                for waiter in waiters:
                    waiter.wake()


class _Waiter:
    """One who waits, in its loop."""

    __slots__ = ("_loop", "event")

    def __init__(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
        self._loop, self.event = loop, event

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(self.event.set)
