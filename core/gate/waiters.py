"""Those who wait hold a coroutine each; one thread listens for all of them, and only while somebody waits."""

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from ..errors import TelemetryError
from ..values.trouble import Trouble

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 0.5


class WaiterRegistry:
    """Wakes whoever waits under a name when something is heard of it, and everybody when that cannot be known.

    What is heard is only a reason to look: whoever is woken asks Redis. A subclass says how to listen.
    """

    NAME = "wakes"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Waiter]] = {}
        self._thread: threading.Thread | None = None
        self._trouble = Trouble(logger)

    def listen(self) -> None:
        """Call `wake` for what is heard until it no longer `goes_on`, and `wake_all` first, once nothing is missed.

        `hears` says that it can.
        """
        raise NotImplementedError

    def heard(self, *names: str) -> "Waiter":
        """One who waits in the running loop under these names, while its context lasts."""
        return Waiter(self, names)

    def add(self, waiter: "Waiter") -> None:
        """Wake it from now on."""
        with self._lock:
            for name in waiter.names:
                self._waiting.setdefault(name, set()).add(waiter)
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name=self.NAME, daemon=True)
                self._thread.start()

    def remove(self, waiter: "Waiter") -> None:
        """It does not wait any more."""
        with self._lock:
            for name in set(waiter.names):
                self._waiting[name].discard(waiter)
                if not self._waiting[name]:
                    del self._waiting[name]

    def _follow(self) -> None:
        pause, again = threading.Event(), True
        while again:
            try:
                self.listen()
                again = False  # it was told so, under the lock: another thread may listen already
            except Exception as error:  # whatever it is, nobody may wait for a thread that is gone
                trace = None if isinstance(error, TelemetryError) else error
                self._trouble.begins("those who wait look for themselves: %s", error, trace=trace)
                self.wake_all()
                pause.wait(PAUSE_SECONDS)
                again = self.goes_on()

    def goes_on(self) -> bool:
        """While somebody waits; decided under the lock, so that nobody begins to wait for a thread that ends."""
        with self._lock:
            if self._waiting:
                return True
            self._thread = None
            return False

    def hears(self) -> None:
        """It was listened, and nothing went wrong."""
        self._trouble.ends("those who wait are woken again")

    def names(self) -> set[str]:
        """For what somebody waits now."""
        with self._lock:
            return set(self._waiting)

    def wake(self, name: str) -> None:
        """Those who wait under this name."""
        with self._lock:
            for waiter in self._waiting.get(name, ()):
                waiter.wake()

    def each(self, name: str, act: Callable[[list["Waiter"]], None]) -> None:
        """Let each loop act once upon those of it who wait under this name."""
        with self._lock:
            waiters = list(self._waiting.get(name, ()))
        for loop in {waiter.loop for waiter in waiters}:
            with suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(act, [waiter for waiter in waiters if waiter.loop is loop])

    def wake_all(self) -> None:
        """Everybody."""
        with self._lock:
            for waiters in self._waiting.values():
                for waiter in waiters:
                    waiter.wake()


class Waiter:
    """One who waits, in its loop. Thousands do, so there is a future and a timer, and no more."""

    __slots__ = ("_heard", "_registry", "_rest", "loop", "names")

    def __init__(self, registry: WaiterRegistry, names: tuple[str, ...]) -> None:
        self._registry, self.names = registry, names
        self.loop = asyncio.get_running_loop()
        self._heard = False
        self._rest: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._registry.add(self)
        return self

    def __exit__(self, *_error: object) -> None:
        self._registry.remove(self)

    def forget(self) -> None:
        """What was heard until now is no reason to look any more."""
        self._heard = False

    async def rest(self, seconds: float) -> None:
        """Until something is heard, or was since it was forgotten; at most so long."""
        if self._heard or seconds <= 0:
            return
        self._rest = self.loop.create_future()
        timer = self.loop.call_later(seconds, self._rise)
        try:
            await self._rest
        finally:
            self._rest = None
            timer.cancel()

    def wake(self) -> None:
        """From any thread."""
        self._soon(self._hear)

    def _soon(self, act: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # its loop is closed
            self.loop.call_soon_threadsafe(act)

    def _hear(self) -> None:
        self._heard = True
        self._rise()

    def _rise(self) -> None:
        if self._rest is not None and not self._rest.done():
            self._rest.set_result(None)
