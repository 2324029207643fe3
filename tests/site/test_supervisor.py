"""The supervisor, with real children that end at once."""

import signal
import sys

from core.management import supervisor
from core.management.supervisor import ChildProcess, Revival, Supervisor
from core.store import embedded
from tests.waiting import wait_until


def test_a_part_that_shall_pause_long_does_so_however_often_it_dies(monkeypatch):
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.01)
    said: list[str] = []
    watched = Supervisor(
        [ChildProcess("crashing", [sys.executable, "-c", ""], first_pause=0.05)], said.append
    )
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        watched.run(each_round=lambda: len(said) >= 3 and watched.stop())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert {text.rpartition(" in ")[2] for text in said} == {"0.05 s"}


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
