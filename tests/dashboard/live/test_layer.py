"""What web processes tell each other leaves nothing in Redis."""

import asyncio
from collections.abc import Awaitable

import pytest
from channels.layers import get_channel_layer

from dashboard.live import control
from dashboard.live.group import GROUP
from tests.waiting import PATIENCE

pytestmark = pytest.mark.anywhere


async def _sent() -> None:
    await get_channel_layer().send("of-this-test", {"type": "vote.given"})


def _taking() -> Awaitable[object]:
    layer = get_channel_layer()
    return layer._brpop_with_clean(layer.consistent_hash("of-this-test"), f"{layer.prefix}of-this-test", 1)


def test_what_a_process_had_taken_when_it_was_killed_goes_away(clean_redis, raw):
    async def taken_twice() -> tuple[object, object]:
        await _sent()
        return await _taking(), await _taking()

    first, again = asyncio.run(taken_twice())  # and nothing more is done there
    assert first is not None
    assert first == again
    [taken] = raw.keys(f"{get_channel_layer().prefix}of-this-test*")
    assert 0 < raw.pttl(taken) <= 60_000


def test_a_receiver_that_is_cancelled_leaves_nothing_without_a_lifetime(clean_redis, raw):
    async def cancelled_after(steps: int) -> None:
        await _sent()
        receiver = asyncio.ensure_future(_taking())
        for _ in range(steps):
            await asyncio.sleep(0)
        receiver.cancel()
        await asyncio.sleep(0)
        receiver.cancel()  # as a loop that ends does, wherever the receiver is by now
        await asyncio.gather(receiver, return_exceptions=True)

    for steps in range(0, 90, 2):
        asyncio.run(cancelled_after(steps))
        assert all(raw.pttl(key) != -1 for key in raw.scan_iter())


def test_a_process_that_is_told_something_as_it_ends_ends_all_the_same(clean_redis, raw, monkeypatch):
    """Not when somebody speaks again, which may be in an hour."""

    async def ended_as_it_was_told() -> bool:
        layer, loop = get_channel_layer(), asyncio.get_running_loop()
        receive = layer.receive

        async def receive_and_end(channel: str) -> object:
            message = await receive(channel)
            loop.call_soon(listening.cancel)  # as the loop that ends does with every task
            return message

        monkeypatch.setattr(layer, "receive", receive_and_end)
        control.listen()
        listening = control._listeners[loop]
        while not raw.zcard(f"{layer.prefix}:group:{GROUP}"):
            await asyncio.sleep(0.005)
        await layer.group_send(GROUP, {"type": "vote.given"})
        await asyncio.wait([listening], timeout=PATIENCE)
        return listening.done()

    assert asyncio.run(ended_as_it_was_told())
