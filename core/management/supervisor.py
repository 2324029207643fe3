"""Starts the parts of a site as child processes, restarts one that dies, and leaves none behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.store.embedded import EmbeddedServer, ServerDidNotStart, die_with_parent

STOP_SECONDS = 8.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 20.0


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
    """Use it in the main thread: children are told to die with the thread that started them."""

    def __init__(self, parts: list[ChildProcess], say: Callable[[str], None]) -> None:
        self._parts = parts
        self.say = say
        self._stop = threading.Event()

    def stop(self, *_signal: object) -> None:
        """End `run` soon; fit to be a signal handler."""
        self._stop.set()

    def run(
        self, on_start: Callable[[], bool] = lambda: True, each_round: Callable[[], object] = int
    ) -> None:
        """Start everything and keep it running until `stop`.

        `on_start` is called until it returns True, `each_round` ten times a second.
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.stop)
        try:
            for part in self._parts:
                self._start(part)
            ready = False
            while not self._stop.wait(0.1):
                each_round()
                ready = ready or on_start()
                for part in self._parts:
                    self._revive(part)
        finally:
            self._end_all()

    def _start(self, part: ChildProcess) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which stops its children in order.
        part.process = subprocess.Popen(
            part.command, start_new_session=True, preexec_fn=die_with_parent(os.getpid())
        )
        part.started = time.monotonic()

    def _revive(self, part: ChildProcess) -> None:
        now = time.monotonic()
        if part.process is not None:
            if part.process.poll() is None:
                return
            steady = now - part.started > STEADY_SECONDS
            longest = max(LONGEST_PAUSE, part.first_pause)
            part.pause = part.first_pause if steady or not part.pause else min(longest, part.pause * 2)
            self.say(f"{part.name} ended ({part.process.returncode}); starting it again in {part.pause:g} s")
            part.process, part.restart_at = None, now + part.pause
        elif now >= part.restart_at:
            self._start(part)

    def _end_all(self) -> None:
        running = [part.process for part in self._parts if part.process is not None]
        for process in running:
            process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Revival:
    """Starts the private Redis again when it has ended; one that ends again and again, after longer and longer pauses.

    On a full disk it starts, and ends with the first change that it cannot write.
    """

    def __init__(self, server: EmbeddedServer, say: Callable[[str], None]) -> None:
        self._server, self._say = server, say
        self._tried, self._pause = -STEADY_SECONDS, 0.0

    def look(self) -> None:
        """Start it if it has ended and its pause is over; fit to be called ten times a second."""
        if self._server.lives or time.monotonic() < self._tried + self._pause:
            return
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
