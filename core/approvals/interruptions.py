"""What interrupts an asker: Ctrl-C, SIGTERM, SIGHUP, or the end of the asyncio task whose thread asks.

Nobody waits for the answer any more then, so the request is withdrawn before the asker goes.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

# By name: not every system has both. A program under nohup ignores SIGHUP, and then so do we.
ENDING = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
LOOK_SECONDS = 0.02  # a thread may begin before the event loop has put its mark on the call


class _Terminated(BaseException):
    """A signal that ends the process came while the asker waited."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class WithdrawalGuard:
    """While an asker waits: withdraws its request when it is interrupted. Without `withdraw` it stays out of it.

    Handlers of SIGTERM and SIGHUP are set only in the main thread and where none is; the process ends by the
    signal afterwards.
    """

    def __init__(self, withdraw: Callable[[], None] | None) -> None:
        self._withdraw = withdraw
        self._handled: list[signal.Signals] = []

    def __enter__(self) -> "WithdrawalGuard":
        if self._withdraw is not None and threading.current_thread() is threading.main_thread():
            self._handled = [number for number in ENDING if signal.getsignal(number) == signal.SIG_DFL]
            for number in self._handled:
                signal.signal(number, _terminate)
        return self

    def watch_task(self) -> None:
        """The request is stored: from now on the end of the task that asks withdraws it."""
        if self._withdraw is not None:
            _when_its_task_is_cancelled(self._withdraw)

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        for number in self._handled:
            signal.signal(number, signal.SIG_DFL)
        if error is not None and self._withdraw is not None:
            self._withdraw()
        if isinstance(error, _Terminated):
            os.kill(os.getpid(), error.number)


def _terminate(number: int, _frame: FrameType | None) -> None:
    raise _Terminated(number)


def _when_its_task_is_cancelled(act: Callable[[], None]) -> None:
    """Where an event loop waits for this thread's call, as `asyncio.to_thread` does: act when it no longer does.

    A loop tells a thread nothing of that. Its future stands beside the call in the thread's stack, which is where
    it is looked for; where it is not found, the request ends at its deadline.
    """
    call = _call_of_a_pool()
    if call is None:
        return
    end = time.monotonic() + LOOK_SECONDS
    while not call._done_callbacks and time.monotonic() < end:
        time.sleep(0.001)
    asyncio = sys.modules["asyncio"]
    for callback in call._done_callbacks:
        for cell in getattr(callback, "__closure__", None) or ():
            future = cell.cell_contents
            if asyncio.isfuture(future):
                _tell(future, act)


def _call_of_a_pool() -> Any:
    """The `concurrent.futures.Future` of the call that this thread of a pool runs, where there are event loops."""
    pools = sys.modules.get("concurrent.futures.thread")
    if pools is None or "asyncio" not in sys.modules:
        return None
    run = pools._WorkItem.run.__code__
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code is not run:
        frame = frame.f_back
    return None if frame is None else getattr(frame.f_locals["self"], "future", None)


def _tell(future: Any, act: Callable[[], None]) -> None:
    try:
        future.get_loop().call_soon_threadsafe(future.add_done_callback, partial(_act, act))
    except RuntimeError:  # the loop is closed
        act()


def _act(act: Callable[[], None], done: Any) -> None:
    if done.cancelled():
        threading.Thread(target=act, name="withdrawing", daemon=True).start()
