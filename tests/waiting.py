"""One way to wait in tests: for a condition, with a deadline and a name. And one to say how long something took."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Self, TypeVar

Result = TypeVar("Result")


PATIENCE = 60.0  # a limit costs nothing where all is well, and a busy machine may be many times slower


def beside(call: Callable[[], Any]) -> "Future[Any]":
    """The call in a thread of its own."""
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def wait_until(
    predicate: Callable[[], Result], description: str, seconds: float = PATIENCE, every: float = 0.005
) -> Result:
    """Poll until `predicate` is true and return what it returned; fail saying what was awaited.

    `every`: seconds to the second look; then it looks more and more seldom, since it takes the processor from those
    that it waits for.
    """
    end, pause = time.monotonic() + seconds, every
    while True:
        result = predicate()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not true: {description}")
        time.sleep(pause)
        pause = max(every, min(1.2 * pause, 0.03))


class Stopwatch:
    """How long a block takes: `seconds` by the clock; `own` without what the machine was late.

    A thread beside the block only sleeps: as late as that one wakes, a busy machine lets everybody wait. So what
    must not take longer than so many seconds is measured by `own`, and what must take as many by `seconds`.
    """

    TICK = 0.01

    def __enter__(self) -> Self:
        self.seconds = self.own = self._late = 0.0
        self._over = threading.Event()
        self._sleeper = threading.Thread(target=self._sleep, daemon=True)
        self._began = time.monotonic()
        self._sleeper.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.seconds = time.monotonic() - self._began
        self._over.set()
        self._sleeper.join()
        self.own = self.seconds - self._late

    def _sleep(self) -> None:
        before = time.monotonic()
        while not self._over.wait(self.TICK):
            now = time.monotonic()
            self._late += max(0.0, now - before - self.TICK)
            before = now
