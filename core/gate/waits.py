"""One connection for all that wait: it hears which requests have ended, and wakes whose they are."""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from ..errors import StoreUnavailable
from .way import Ear

logger = logging.getLogger(__name__)

READ_SECONDS = 25.0
PAUSE_SECONDS = 0.5
GATHER_SECONDS = 0.005  # those who begin to wait together are read together


class Waits:
    """Its thread lives while somebody waits. What it hears is only a reason to look."""

    def __init__(self, new_ear: Callable[[], Ear]) -> None:
        self._new_ear = new_ear
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Waiter]] = defaultdict(set)
        self._told: set[str] = set()
        self._thread: threading.Thread | None = None
        self._ear: Ear | None = None  # while somebody reads with it
        self._stale = False  # somebody came since the ids were taken

    @contextmanager
    def heard(self, request_id: str) -> Iterator[asyncio.Event]:
        """An event of the running loop that is set when it is time to look at this request."""
        waiter = Waiter(asyncio.get_running_loop())
        with self._lock:
            self._waiting[request_id].add(waiter)
            self._told.discard(request_id)
            self._renew()
        try:
            yield waiter.event
        finally:
            with self._lock:
                self._waiting[request_id].discard(waiter)
                if not self._waiting[request_id]:
                    del self._waiting[request_id]
                    self._told.discard(request_id)
                if not self._waiting:
                    self._renew()

    def again(self, request_id: str) -> None:
        """It was looked at, and has not ended: what was heard of it was too early."""
        with self._lock:
            if request_id in self._told:
                self._told.discard(request_id)
                self._renew()

    def _renew(self) -> None:
        """Under the lock: whoever reads begins anew, with those who wait now."""
        self._stale = True
        if self._ear is not None:
            self._ear.cut()
        if self._thread is None and self._waiting:
            self._thread = threading.Thread(target=self._follow, name="waits", daemon=True)
            self._thread.start()

    def _follow(self) -> None:
        ear, pause = self._new_ear(), threading.Event()
        try:
            while self._goes_on():
                pause.wait(GATHER_SECONDS)
                try:
                    ear.connect()
                    self._hear(ear)
                except Exception as error:  # whatever it is, nobody may wait for a thread that is gone
                    ear.close()
                    if not self._was_cut():
                        trace = None if isinstance(error, StoreUnavailable) else error
                        logger.warning("those who wait look again: %s", error, exc_info=trace)
                        self._wake_all()
                        pause.wait(PAUSE_SECONDS)
        finally:
            ear.close()

    def _hear(self, ear: Ear) -> None:
        with self._lock:
            ids = [id_ for id_ in self._waiting if id_ not in self._told]
            self._ear, self._stale = ear, False
        try:
            ended = list(ear.ended(ids, READ_SECONDS)) if ids else []
        finally:
            with self._lock:
                self._ear = None
        if not ids:
            threading.Event().wait(PAUSE_SECONDS / 10)  # all were told, and are about to look
        with self._lock:
            self._told.update(ended)
            for request_id in ended:
                for waiter in self._waiting.get(request_id, ()):
                    waiter.wake()

    def _goes_on(self) -> bool:
        """While somebody waits; decided under the lock, so that nobody begins to wait for a thread that ends."""
        with self._lock:
            self._stale = False
            if self._waiting:
                return True
            self._thread = None
            return False

    def _was_cut(self) -> bool:
        with self._lock:
            return self._stale

    def _wake_all(self) -> None:
        with self._lock:
            for waiters in self._waiting.values():
                for waiter in waiters:
                    waiter.wake()


class Waiter:
    """One who waits, in its loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self.event = loop, asyncio.Event()

    def wake(self) -> None:
        """From any thread."""
        with suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(self.event.set)
