"""The supervisor, with real children that end at once."""

import signal
import sys

from core.management import supervisor
from core.management.supervisor import Part, Supervisor


def test_a_part_that_shall_pause_long_does_so_however_often_it_dies(monkeypatch):
    monkeypatch.setattr(supervisor, "LONGEST_PAUSE", 0.01)
    said: list[str] = []
    watched = Supervisor([Part("crashing", [sys.executable, "-c", ""], first_pause=0.05)], said.append)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        watched.run(each_round=lambda: len(said) >= 3 and watched.stop())
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert {text.rpartition(" in ")[2] for text in said} == {"0.05 s"}
