"""What a test started in the background ends with it: nothing of it talks to the servers of the next test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from unittest.mock import patch

import pytest

from core import usage_tracker
from core.approvals import asking
from core.store.client import Store
from core.usage_tracker import UsageTracker
from tests.waiting import PATIENCE


class TestIsOver(Exception):
    """Ends a thread quietly."""

    __test__ = False


class WhileItLasts:
    """The store of a thread that takes back what was asked: when the test is over, the thread is too."""

    def __init__(self, store: Store, over: threading.Event) -> None:
        self._store, self._over = store, over
        self.keys = store.keys

    def run(self, command: Any) -> Any:
        if self._over.is_set():
            raise TestIsOver
        return self._store.run(command)


@contextmanager
def ended_afterwards() -> Iterator[None]:
    """Trackers that were not closed, and threads that take back what was asked of a server that is away."""
    before, over, withdraw = set(usage_tracker._trackers), threading.Event(), asking._withdraw

    def withdraw_while_it_lasts(store: Store, *about: Any) -> None:
        with suppress(TestIsOver):
            withdraw(WhileItLasts(store, over), *about)

    with patch.object(asking, "_withdraw", withdraw_while_it_lasts):
        yield
    over.set()
    UsageTracker._instance = None  # whoever asks for it in the next test gets one that ships
    for tracker in set(usage_tracker._trackers) - before:
        give_up(tracker)


@pytest.fixture(autouse=True)
def nothing_goes_on() -> Iterator[None]:
    """Around every test."""
    with ended_afterwards():
        yield


def give_up(tracker: UsageTracker) -> None:
    """Its thread ends, and the end of the run ships nothing: what it holds goes with the directory of the test."""
    usage_tracker._trackers.discard(tracker)
    shipper = tracker._shipper
    shipper._ship_all = lambda adopt: None
    for event in (shipper._stop, shipper._wake, shipper._full, shipper._hurry):
        event.set()
    if shipper._thread is not None:
        shipper._thread.join(PATIENCE)
        assert not shipper._thread.is_alive()
