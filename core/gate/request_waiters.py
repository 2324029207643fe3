"""One connection for all that wait: it hears which requests have ended, and wakes whose they are."""

import threading
from collections.abc import Callable

from ..errors import StoreUnavailable
from .transport import EndListener
from .waiters import PAUSE_SECONDS, Waiter, WaiterRegistry

READ_SECONDS = 25.0
GATHER_SECONDS = 0.005  # those who begin to wait together are read together


class RequestWaiters(WaiterRegistry):
    """By the ids of requests. Whoever begins to wait cuts the read that is under way: the next is for all."""

    NAME = "waits"

    def __init__(self, new_listener: Callable[[], EndListener]) -> None:
        super().__init__()
        self._new_listener = new_listener
        self._told: set[str] = set()
        self._listener: EndListener | None = None  # while somebody reads with it
        self._stale = False  # somebody came since the ids were taken

    def add(self, waiter: Waiter) -> None:
        """Wake it from now on."""
        super().add(waiter)
        with self._lock:
            self._told.difference_update(waiter.names)
            self._renew()

    def remove(self, waiter: Waiter) -> None:
        """It does not wait any more; the last one ends the read that is under way."""
        super().remove(waiter)
        with self._lock:
            self._told.intersection_update(self._waiting)
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
        if self._listener is not None:
            self._listener.cut()

    def listen(self) -> None:
        """One read after the other, each for those who wait as it begins."""
        listener, pause = self._new_listener(), threading.Event()
        try:
            while self.goes_on():
                self._stale = False
                pause.wait(GATHER_SECONDS)
                try:
                    listener.connect()
                    self._hear(listener)
                except StoreUnavailable:
                    listener.close()
                    if not self._stale:
                        raise
        finally:
            listener.close()

    def _hear(self, listener: EndListener) -> None:
        with self._lock:
            ids = [id_ for id_ in self._waiting if id_ not in self._told]
            self._listener, self._stale = listener, False
        try:
            ended = list(listener.ended(ids, READ_SECONDS)) if ids else []
        finally:
            with self._lock:
                self._listener, is_cut = None, self._stale
        if not ids:
            threading.Event().wait(PAUSE_SECONDS / 10)  # all were told, and are about to look
        self.hears()
        with self._lock:
            self._told.update(self._waiting.keys() & ended)
        for request_id in ended:
            self.wake(request_id)
        if is_cut:
            listener.close()  # just as it had heard
