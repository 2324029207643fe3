"""A few threads for calls that are short. They hold no process back at its end, whatever they wait for."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")
MOST = 8
Work = tuple[Callable[[], Any], "Future[Any]"]


class DaemonThreadPool:
    """Like a `ThreadPoolExecutor`, but Ctrl-C ends the process at once: nobody joins these threads."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Work | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = self._busy = 0

    def run(self, action: Callable[[], Result]) -> "Future[Result]":
        """The call's future; its thread is the next that is free."""
        future: Future[Result] = Future()
        with self._lock:
            if self._threads < min(self._busy + 1, MOST):
                threading.Thread(target=self._labour, args=(self._work,), name="gate", daemon=True).start()
                self._threads += 1  # only one that has begun
            self._busy += 1
            self._work.put((action, future))
        return future

    def close(self) -> None:
        """Its threads end when what was asked is done; what is asked from then on is for new ones."""
        with self._lock:
            for _ in range(self._threads):
                self._work.put(None)
            self._threads, self._work = 0, SimpleQueue()

    def _labour(self, asked: "SimpleQueue[Work | None]") -> None:
        while (work := asked.get()) is not None:
            action, future = work
            _do(action, future)
            with self._lock:
                self._busy -= 1
            del work, action, future  # nothing of a call is held until the next one


def _do(action: Callable[[], Any], future: "Future[Any]") -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = action()
    except BaseException as error:  # whoever asked gets it
        future.set_exception(error)
    else:
        future.set_result(result)
