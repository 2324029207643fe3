"""Starts the parts of a site as child processes, restarts one that dies, and leaves none behind."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from core.store.embedded import die_with_parent

STOP_SECONDS = 8.0
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 20.0


@dataclass
class Part:
    """One child: its name, its command, and how its restarts went."""

    name: str
    command: list[str]
    first_pause: float = 0.5
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restart_at: float = 0.0
    pause: float = 0.0


class Supervisor:
    """Use it in the main thread: children are told to die with the thread that started them."""

    def __init__(self, parts: list[Part], say: Callable[[str], None]) -> None:
        self._parts = parts
        self._say = say
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

    def _start(self, part: Part) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which stops its children in order.
        part.process = subprocess.Popen(
            part.command, start_new_session=True, preexec_fn=die_with_parent(os.getpid())
        )
        part.started = time.monotonic()

    def _revive(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is not None:
            if part.process.poll() is None:
                return
            steady = now - part.started > STEADY_SECONDS
            longest = max(LONGEST_PAUSE, part.first_pause)
            part.pause = part.first_pause if steady or not part.pause else min(longest, part.pause * 2)
            self._say(f"{part.name} ended ({part.process.returncode}); starting it again in {part.pause:g} s")
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
