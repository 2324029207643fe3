"""The supervisor, with real children that end at once."""

import math
import os
import signal
import sys
from collections.abc import Iterator

import pytest

from core.management import supervisor
from core.management.supervisor import ChildProcess, Revival, Supervisor
from core.store import embedded
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def signals_as_they_were() -> Iterator[None]:
    """`run` takes those that end it."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_a_part_that_shall_pause_long_does_so_however_often_it_dies(monkeypatch):
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.01)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) >= 3:
            watched.stop()

    watched = Supervisor([ChildProcess("crashing", [sys.executable, "-c", ""], first_pause=0.05)], say)
    watched.run()
    assert {text.rpartition(" in ")[2] for text in said} == {"0.05 s"}


def test_it_sleeps_until_a_child_ends_and_ends_at_once_by_a_signal(background):
    sleeping = "import signal; signal.pause()"
    said: list[str] = []
    parts = [ChildProcess(name, [sys.executable, "-c", sleeping]) for name in ("one", "two")]
    watched, rounds = Supervisor(parts, said.append), []

    def each_round() -> float:
        rounds.append(len(said))
        return math.inf

    def kill_one_and_then_end() -> None:
        wait_until(lambda: all(part.process for part in parts), "both run")
        first = parts[0].process
        first.kill()
        wait_until(lambda: parts[0].process not in (None, first), "it runs again")
        os.kill(os.getpid(), signal.SIGTERM)

    ending = background(kill_one_and_then_end)
    watched.run(each_round=each_round)
    ending.result()
    assert said == ["one ended (-9); starting it again in 0.5 s"]
    assert len(rounds) <= 4  # at the start, at the end of one, after its pause
    assert all(part.process.returncode == -signal.SIGTERM for part in parts)


def test_a_private_server_that_ends_again_and_again_is_started_after_a_pause_and_its_log_is_named(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", supervisor.LONGEST_PAUSE)
    said: list[str] = []
    server = embedded.start(tmp_path)
    revival = Revival(server, said.append)
    try:
        for count in (1, 2):
            server.process.kill()
            wait_until(lambda: not server.lives, "the server has ended")
            revival.look()
            assert (server.lives, len(said)) == (True, count)
        server.process.kill()
        wait_until(lambda: not server.lives, "the server has ended")
        revival.look()
        assert not server.lives
    finally:
        server.stop()
    assert [str(tmp_path / "redis.log") in line for line in said] == [False, True]
