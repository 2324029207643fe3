"""The cache in which tries are counted: in Redis, so that all web processes count together."""

import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

P = ParamSpec("P")
R = TypeVar("R")

AWAY_SECONDS = 30.0  # so long this process counts by itself after Redis failed


def _or_alone(name: str) -> Callable[Concatenate["Counters", ...], Any]:
    def method(self: "Counters", *args: Any, **options: Any) -> Any:
        if time.monotonic() >= self.alone_until:
            try:
                return getattr(RedisCache, name)(self, *args, **options)
            except ValueError:
                raise  # such as a number of which there is none to raise
            except Exception:
                self.alone_until = time.monotonic() + AWAY_SECONDS
        return getattr(self.alone, name)(*args, **options)

    return method


class Counters(RedisCache):
    """Django's, but a Redis that is away keeps nobody from signing in: this process counts alone meanwhile."""

    alone_until = 0.0

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        options = {"socket_timeout": 1.0, "socket_connect_timeout": 1.0}
        super().__init__(server, {**params, "OPTIONS": {**options, **params.get("OPTIONS", {})}})
        self.alone = LocMemCache("counters", params)

    add = _or_alone("add")
    get = _or_alone("get")
    set = _or_alone("set")
    incr = _or_alone("incr")
    delete = _or_alone("delete")
