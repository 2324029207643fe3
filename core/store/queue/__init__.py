"""The queue of background jobs, as RQ keeps it: keys of its own, outside of our prefix.

Pages read the few numbers that they show with our own connections, which never wait long.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..client import Store, open_store, store_at
from ..configuration import configured_url, setting
from ..connections import COMMAND_TIMEOUT, CONNECT_TIMEOUT
from ..script import refuse_errors

PREFIX = "rq"
Unreachable = (redis.RedisError, OSError)
"""What RQ raises when its Redis is away."""
Overtaken = redis.WatchError
"""What it raises where somebody changed meanwhile what it looked at."""


@dataclass(frozen=True)
class QueueState:
    """One queue: jobs that wait, run, failed; and the workers that serve it.

    A failed job counts until a later one of the same series succeeds, as `series_id` names them.
    """

    name: str
    waiting: int
    running: int
    failed: int
    workers: int


def queue_url() -> str:
    """Where the queue is: TELEMETRY_SITE_REDIS_URL, else the configured Redis. StoreUnavailable without any."""
    return setting("TELEMETRY_SITE_REDIS_URL") or configured_url()


def new_client(url: str) -> Any:
    """A client for RQ. It repeats nothing: a job put in twice would run twice."""
    return redis.Redis.from_url(
        url,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=COMMAND_TIMEOUT,
        socket_connect_timeout=CONNECT_TIMEOUT,
    )


client_of = lru_cache(maxsize=8)(new_client)  # shared by this process


def queue_store() -> Store:
    """Where the queue is, by our own connections."""
    url = setting("TELEMETRY_SITE_REDIS_URL")
    return store_at(url, "TELEMETRY_SITE_REDIS_URL") if url else open_store()


def read_queue(name: str) -> QueueState:
    """How a queue stands: one round trip. StoreUnavailable when its Redis is away."""
    waiting, running, workers, failed, finished = read_replies(
        ["LLEN", f"{PREFIX}:queue:{name}"],
        ["ZCARD", f"{PREFIX}:wip:{name}"],
        ["SCARD", f"{PREFIX}:workers:{name}"],
        ["ZRANGE", f"{PREFIX}:failed:{name}", "0", "-1"],
        ["ZRANGE", f"{PREFIX}:finished:{name}", "0", "-1"],
    )
    standing = _not_made_good(failed, finished)
    return QueueState(name, int(waiting), int(running), standing, int(workers))


def failed_ids(name: str) -> set[str]:
    """The ids of the failed jobs of a queue. StoreUnavailable when its Redis is away."""
    [failed] = read_replies(["ZRANGE", f"{PREFIX}:failed:{name}", "0", "-1"])
    return {job_id.decode(errors="replace") for job_id in failed}


def had_failed(name: str, job_id: str) -> bool:
    """Whether of the series of this job the last one before it that ended had failed. StoreUnavailable as above."""
    series, number = _of_series(job_id.encode())
    failed, finished = (
        max((of for its, of in map(_of_series, ids) if its == series and of < number), default=-1)
        for ids in read_replies(
            *(["ZRANGE", f"{PREFIX}:{kind}:{name}", "0", "-1"] for kind in ("failed", "finished"))
        )
    )
    return failed > finished


def read_replies(*commands: list[str]) -> list[Any]:
    """Replies in one round trip. StoreUnavailable when Redis is away, or refuses one of these."""
    replies = queue_store().read_many(commands)
    refuse_errors("the queue", *replies)
    return replies


def series_id(series: str, number: int) -> str:
    """The id of one job of those that run by the clock."""
    return f"{series}-{number}"


def _not_made_good(failed: list[bytes], finished: list[bytes]) -> int:
    done: dict[str, int] = {}
    for series, number in map(_of_series, finished):
        done[series] = max(number, done.get(series, 0))
    return sum(number > done.get(series, -1) for series, number in map(_of_series, failed))


def _of_series(job_id: bytes) -> tuple[str, int]:
    """Series and number of a job; one that runs once is a series of its own."""
    series, _, number = job_id.decode(errors="replace").rpartition("-")
    return (series, int(number)) if number.isascii() and number.isdecimal() else (f"{series}-{number}", 0)


def server_ms() -> int:
    """The time of the queue's Redis, in ms, so that workers on several machines agree on it."""
    return queue_store().time_ms()
