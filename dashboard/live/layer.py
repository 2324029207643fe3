"""The Channels layer of the site: all of its keys end by themselves."""

import asyncio
from typing import Any

from channels_redis.core import RedisChannelLayer


class Layer(RedisChannelLayer):  # type: ignore[misc]  # channels_redis has no types
    """As it is, but what a process had taken and not finished when it ended goes away, too."""

    async def _brpop_with_clean(self, index: int, channel: str, timeout: float) -> Any:
        """The next message. Until it is finished it stands in a key that has no lifetime by itself."""
        try:
            message = await super()._brpop_with_clean(index, channel, timeout)
            if message is not None:
                await self._give_lifetime(index, channel)
        except asyncio.CancelledError:
            await self._give_lifetime(index, channel)  # it may have been taken already
            raise
        return message

    async def _give_lifetime(self, index: int, channel: str) -> None:
        await self.connection(index).expire(self._backup_channel_name(channel), int(self.expiry))
