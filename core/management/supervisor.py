"""Starts the parts of a site as child processes, restarts one that dies, and leaves none behind."""

import math
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from core.store.embedded import EmbeddedServer, ServerDidNotStart, die_with_parent

STOP_SECONDS = 8.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 20.0
READY_SECONDS = 0.1  # between two looks whether the site answers, until it does


@dataclass
class ChildProcess:
    """One child: its name, its command, and how its restarts went."""

    name: str
    command: list[str]
    first_pause: float = FIRST_PAUSE
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    pause: float = 0.0


class Supervisor:
    """Use it in the main thread: children are told to die with the thread that started them, and signals wake it.

    It sleeps until a child ends, a signal comes or a pause is over.
    """

    def __init__(self, parts: list[ChildProcess], say: Callable[[str], None]) -> None:
        self._parts = parts
        self.say = say
        self._stopped = False
        self._wakes, self._wake = socket.socketpair()
        for end in (self._wakes, self._wake):
            end.setblocking(False)

    def stop(self, *_signal: object) -> None:
        """End `run` soon; fit to be a signal handler, and for any thread."""
        self._stopped = True
        with suppress(BlockingIOError):  # full: it is awake
            self._wake.send(b"\0")

    def run(
        self, on_start: Callable[[], bool] = lambda: True, each_round: Callable[[], float] = lambda: math.inf
    ) -> None:
        """Start everything and keep it running until `stop`.

        `on_start` is called until it returns True. `each_round` is called whenever a child of this process has ended,
        and says in how many seconds it wants to be called again without that.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.stop)
        # A signal without a handler in Python writes nothing to the descriptor.
        before = signal.signal(signal.SIGCHLD, lambda *_: None)
        descriptor = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        try:
            self._keep_running(on_start, each_round)
        finally:
            self._end_all()
            signal.set_wakeup_fd(descriptor)
            signal.signal(signal.SIGCHLD, before)

    def _keep_running(self, on_start: Callable[[], bool], each_round: Callable[[], float]) -> None:
        for part in self._parts:
            self._start(part)
        ready = False
        while not self._stopped:
            due = each_round()
            ready = ready or on_start()
            due = min([due, *map(self._revive, self._parts)])
            self._sleep(due if ready else min(due, READY_SECONDS))

    def _sleep(self, seconds: float) -> None:
        """Until something has come since the last time; at most so long."""
        select.select([self._wakes], [], [], None if seconds == math.inf else max(0.0, seconds))
        with suppress(BlockingIOError):
            while self._wakes.recv(4096):
                pass

    def _start(self, part: ChildProcess) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which stops its children in order.
        part.process = subprocess.Popen(
            part.command, start_new_session=True, preexec_fn=die_with_parent(os.getpid())
        )
        part.started = time.monotonic()

    def _revive(self, part: ChildProcess) -> float:
        """Start it again where its time has come; in how many seconds that will be."""
        now = time.monotonic()
        if part.process is not None:
            if part.process.poll() is None:
                return math.inf
            steady = now - part.started > STEADY_SECONDS
            longest = max(LONGEST_PAUSE, part.first_pause)
            part.pause = part.first_pause if steady or not part.pause else min(longest, part.pause * 2)
            self.say(f"{part.name} ended ({part.process.returncode}); starting it again in {part.pause:g} s")
            part.process, part.restart_at = None, now + part.pause
        elif now >= part.restart_at:
            self._start(part)
            return math.inf
        return part.restart_at - now

    def _end_all(self) -> None:
        running = [part.process for part in self._parts if part.process is not None]
        for process in running:
            process.terminate()
        end = time.monotonic() + STOP_SECONDS
        while any(process.poll() is None for process in running) and time.monotonic() < end:
            self._sleep(end - time.monotonic())
        for process in running:
            process.kill()  # passed over where it has ended
            process.wait()


class Revival:
    """Starts the private Redis again when it has ended; one that ends again and again, after longer and longer pauses.

    On a full disk it starts, and ends with the first change that it cannot write.
    """

    def __init__(self, server: EmbeddedServer, say: Callable[[str], None]) -> None:
        self._server, self._say = server, say
        self._tried, self._pause = -STEADY_SECONDS, 0.0

    def look(self) -> float:
        """Start it if it has ended and its pause is over; in how many seconds to look again although nothing ended."""
        if self._server.lives or time.monotonic() < self._tried + self._pause:
            return self._left()
        steady = time.monotonic() - self._tried > STEADY_SECONDS + self._pause
        self._pause = 0.0 if steady else min(LONGEST_PAUSE, max(FIRST_PAUSE, self._pause * 2))
        said = "the embedded Redis server ended; it runs again with its data"
        if self._pause:
            said = (
                "the embedded Redis server ended again and was started once more: is the disk full? "
                f"See {self._server.data_dir / 'redis.log'}. The next time not before {self._pause:g} s"
            )
        try:
            self._server.revive()
        except ServerDidNotStart as error:
            said = str(error)
        self._tried = time.monotonic()
        self._say(said)
        return self._left()

    def _left(self) -> float:
        return math.inf if self._server.lives else max(0.0, self._tried + self._pause - time.monotonic())
