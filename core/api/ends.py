"""Word of every end, for as many as wait: one thread follows the outbox, and those who wait hold none."""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from core.errors import TelemetryError
from core.store.outbox import Watcher

logger = logging.getLogger(__name__)

READ_SECONDS = 20.0
PAUSE_SECONDS = 0.5


class Ends:
    """Wakes whoever waits for a request when something is told of it, and everybody when that cannot be known.

    What is heard is only a reason to look: Redis alone says how a request ended.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[_Waiter]] = defaultdict(set)
        self._thread: threading.Thread | None = None

    @contextmanager
    def heard(self, *request_ids: str) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set when it is time to look at one of these requests."""
        waiter = _Waiter(asyncio.get_running_loop(), asyncio.Event())
        with self._lock:
            for request_id in request_ids:
                self._waiting[request_id].add(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="ends", daemon=True)
                self._thread.start()
        try:
            yield waiter.event
        finally:
            with self._lock:
                for request_id in set(request_ids):
                    self._waiting[request_id].discard(waiter)
                    if not self._waiting[request_id]:
                        del self._waiting[request_id]

    def _follow(self) -> None:
        pause = threading.Event()
        while self._goes_on():
            try:
                watcher = Watcher()
                try:
                    self._wake_all()  # what came before the place at which it begins
                    self._hear(watcher)
                finally:
                    watcher.close()
            except TelemetryError as error:
                logger.warning("agents that wait over HTTP look again: %s", error)
                self._wake_all()
                pause.wait(PAUSE_SECONDS)

    def _hear(self, watcher: Watcher) -> None:
        while self._goes_on():
            for entry in watcher.wait(READ_SECONDS):
                self._wake(entry.fields.get("request_id", ""))

    def _goes_on(self) -> bool:
        """While somebody waits; decided under the lock, so that nobody begins to wait for a thread that ends."""
        with self._lock:
            if self._waiting:
                return True
            self._thread = None
            return False

    def _wake(self, request_id: str) -> None:
        with self._lock:
            for waiter in self._waiting.get(request_id, ()):
                waiter.wake()

    def _wake_all(self) -> None:
        with self._lock:
            for waiters in self._waiting.values():
                for waiter in waiters:
                    waiter.wake()


class _Waiter:
    """One who waits, in its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, event: asyncio.Event) -> None:
        self._loop, self.event = loop, event

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(self.event.set)
