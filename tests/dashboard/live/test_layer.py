"""What web processes tell each other leaves nothing in Redis."""

import asyncio

import pytest
from channels.layers import get_channel_layer

pytestmark = pytest.mark.anywhere


def test_what_a_process_had_taken_when_it_was_killed_goes_away(clean_redis, raw):
    layer = get_channel_layer()
    key = f"{layer.prefix}of-this-test"

    async def take() -> None:
        await layer.send("of-this-test", {"type": "vote.given"})
        assert await layer._brpop_with_clean(layer.consistent_hash("of-this-test"), key, 1)

    asyncio.run(take())  # and nothing more is done there
    [taken] = raw.keys(f"{key}*")
    assert 0 < raw.pttl(taken) <= 60_000
