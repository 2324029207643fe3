"""The Channels layer of the site: all of its keys end by themselves."""

from typing import Any

from channels_redis.core import RedisChannelLayer


class Layer(RedisChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    """As it is, but what a process had taken and not finished when it ended goes away, too."""

    async def _brpop_with_clean(self, index: int, channel: str, timeout: float) -> Any:
        """The next message, once those that were taken and not finished stand in front again; None if none came.

        Until it is finished it stands in a key that gets its lifetime in the same transaction: a process that ends
        just here, or a receiver that is cancelled, leaves none without.
        """
        backup = self._backup_channel_name(channel)
        connection = self.connection(index)
        await connection.eval(_PUT_BACK, 2, channel, backup)
        taken = await connection.bzpopmin(channel, timeout=timeout)
        if taken is None:
            return None
        _, message, sent_at = taken
        marked = connection.pipeline(transaction=True).zadd(backup, {message: float(sent_at)})
        await marked.expire(backup, int(self.expiry)).execute()
        return message


_PUT_BACK = """
local taken = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
for i = 1, #taken, 2 do
    redis.call('ZADD', KEYS[1], taken[i + 1], taken[i])
end
redis.call('DEL', KEYS[2])
"""
