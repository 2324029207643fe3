"""The Channels layer: only control messages whose loss is harmless travel there."""

from typing import Any


def channel_layers(url: str, namespace: str) -> dict[str, Any]:
    """The setting CHANNEL_LAYERS for a Redis URL; none without one.

    Both options undo defaults of redis-py 8: a socket timeout of 5 s ends the layer's own blocking read, and
    100 connections are soon used up.
    """
    if not url:
        return {}
    host = {"address": url, "socket_timeout": None, "max_connections": 10_000}
    config = {"hosts": [host], "prefix": f"{namespace}-site"}
    return {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": config}}
