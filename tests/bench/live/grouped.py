"""The usual way of Channels, beside ours: each socket is a member of a group, and each change is sent to the group.

python -m tests.bench.live.grouped REDIS_URL PORT
"""

import sys
from typing import Any

import django
import uvicorn
from django.conf import settings

from tests.bench.live.names import GROUP, layer_options

if __name__ == "__main__":
    url, port = sys.argv[1], int(sys.argv[2])
    layer = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": layer_options(url)}
    settings.configure(CHANNEL_LAYERS={"default": layer})
    django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer  # settings first


class Told(AsyncWebsocketConsumer):
    groups = [GROUP]

    async def change_told(self, message: dict[str, Any]) -> None:
        await self.send(text_data=message["text"])


if __name__ == "__main__":
    options = {"ws_per_message_deflate": False, "lifespan": "off", "log_level": "error", "loop": "uvloop"}
    uvicorn.run(Told.as_asgi(), port=port, ws="websockets-sansio", **options)
