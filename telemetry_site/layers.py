"""The Channels layer and the cache: only what may be lost without harm is there."""

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
    return {"default": {"BACKEND": "dashboard.live.layer.Layer", "CONFIG": config}}


def caches(url: str, namespace: str) -> dict[str, Any]:
    """The setting CACHES: tries are counted there. Without a URL each process counts by itself."""
    if not url:
        return {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    backend = "dashboard.sign_in.counters.Counters"
    return {"default": {"BACKEND": backend, "LOCATION": url, "KEY_PREFIX": f"{namespace}-site"}}
