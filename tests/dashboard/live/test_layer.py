"""What web processes tell each other leaves nothing in Redis."""

import asyncio
from collections.abc import Awaitable

import pytest
from channels.layers import get_channel_layer

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
