"""A gate that a run of a framework opened for itself, since none was given, is let go with the run."""

import asyncio
import gc
import http.client
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest

from core.frameworks.asking import ToolCall, asked_async, asking_async_with, asking_with
from core.gate import Gate
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.anywhere]
CALLS = [ToolCall("pay", {"to": "ann"}, None), ToolCall("pay", {"to": "bob"}, None)]


@pytest.fixture(autouse=True)
def where(site, token, monkeypatch):
    """As the environment says it to a program."""
    monkeypatch.setenv("TELEMETRY_URL", site)
    monkeypatch.setenv("TELEMETRY_TOKEN", token)


def going_on() -> list[object]:
    """What asks some site in this process: open connections, and threads of gates."""
    # By its type: what something lazy says that it is, it may have to find out.
    held = [one for one in gc.get_objects() if issubclass(type(one), http.client.HTTPConnection)]
    threads = [one for one in threading.enumerate() if one.name in ("gate", "waits")]
    return [*(one for one in held if one.sock), *threads]


@pytest.fixture
def is_let_go(where: None) -> Callable[[], bool]:
    """Whether nothing goes on but what other tests have left."""
    before = going_on()
    return lambda: all(any(one is other for other in before) for one in going_on())


@pytest.mark.parametrize("fails", [False, True])
def test_with_the_end_of_a_run_that_blocks(is_let_go, fails):
    with suppress(ZeroDivisionError), asking_with(None) as made:
        made.open("pay", {})
        assert not is_let_go()
        if fails:
            raise ZeroDivisionError
    assert isinstance(made, Gate)  # it is still held here, so that closing it is what let go
    assert is_let_go()


@pytest.mark.parametrize("fails", [False, True])
def test_with_the_end_of_a_run_that_awaits(is_let_go, people, asked, fails):
    made = []

    async def work() -> list[bool]:
        async with asking_async_with(None) as gate:
            made.append(gate)
            asking = asyncio.ensure_future(asked_async(gate, CALLS, "1h"))
            await asyncio.to_thread(asked, 2)
            assert not is_let_go()
            if fails:
                asking.cancel()
            for request in people.get_pending_approvals():
                people.decide(request.request_id, True, "maria")
            return [answer.approved for answer in await asking]

    if fails:
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(work())
    else:
        assert asyncio.run(work()) == [True, True]
    wait_until(is_let_go, "its threads have ended")


def test_where_one_cannot_be_asked_nobody_waits_for_the_others(people):
    async def work() -> None:
        async with asking_async_with(None) as gate:
            await asked_async(gate, [*CALLS, ToolCall("", {}, None)], "1h")

    with pytest.raises(ValueError, match="approval_type"):
        asyncio.run(work())
    wait_until(lambda: not people.get_pending_approvals(), "what has no key is withdrawn")
