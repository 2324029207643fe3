"""Texts that a web server writes at once: in the order they were told in, also where it takes none for a while."""

import asyncio

import pytest

from core.history.approvals.policy import Powers
from dashboard.access import Audience
from dashboard.live import consumers
from dashboard.live.doorbells import LIVE
from dashboard.live.follower import follower
from dashboard.live.subscription import SIGNED_OUT, Subscription
from telemetry_site import connections
from tests.dashboard.live.frames import next_partial

pytestmark = pytest.mark.anywhere


@pytest.mark.django_db(transaction=True)
def test_our_web_server_writes_to_sockets_at_once(signed_in, open_socket):
    next_partial(open_socket(signed_in("viewer")), "live")
    assert consumers.WRITE == connections.WRITE
    assert [one.write is not None for one in follower._watching()] == [True]


def test_what_cannot_be_written_waits_and_what_comes_after_it_waits_behind_it():
    asyncio.run(_told_in_order())


async def _told_in_order() -> None:
    written: list[str] = []
    takes = True

    def write(texts: list[str]) -> bool:
        written.extend(texts if takes else [])
        return takes

    socket = Subscription(LIVE, Audience(Powers()), "key", asyncio.get_running_loop(), 0.0, write=write)
    socket.put(["one", "two"])
    assert (written, socket.queue.qsize()) == (["one", "two"], 0)

    takes = False
    socket.put(["three", "four"])
    takes = True
    socket.put(["five"])  # the sender has not looked yet
    assert socket.queue.get_nowait() == "three"
    socket.sending = True  # it holds that one
    assert [socket.queue.get_nowait(), socket.queue.get_nowait()] == ["four", "five"]
    socket.put(["six"])
    assert (written, socket.queue.get_nowait()) == (["one", "two"], "six")

    socket.sending = False
    socket.put(["seven"])
    assert written == ["one", "two", "seven"]
    socket.put(["eight", SIGNED_OUT])
    socket.put(["nine"])
    assert [socket.queue.get_nowait(), socket.queue.get_nowait()] == ["eight", SIGNED_OUT]
    assert (written, socket.queue.empty()) == (["one", "two", "seven"], True)
