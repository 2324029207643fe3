"""What every group of the benchmark uses: rows, medians of interleaved rounds, and the servers.

Machines drift, so ours and its floor are timed in turns within one run, and only the ratio is judged.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import redis

from core.store import embedded
from core.store.client import Store, open_store

OTHER_KEYS = 200_000


@dataclass(frozen=True)
class Row:
    """One line of the report. `ratio` is how many times ours costs what the floor costs."""

    work: str
    size: str
    ours: float
    floor: float | None
    unit: str
    ratio: float | None
    aim: str
    met: bool


def time_row(work: str, size: str, ours: float, floor: float, most: float) -> Row:
    """Seconds against the floor's seconds."""
    ratio = ours / floor
    return Row(work, size, ours * 1000, floor * 1000, "ms", ratio, f"ratio <= {most:g}", ratio <= most)


def rate_row(work: str, size: str, ours: float, floor: float, count: int, most: float) -> Row:
    """Seconds for `count` calls, shown as calls a second; the ratio stays one of time."""
    ratio = ours / floor
    return Row(work, size, count / ours, count / floor, "/s", ratio, f"ratio <= {most:g}", ratio <= most)


IN_DJANGO = """
import json, os, statistics, sys, time
os.environ["DJANGO_SETTINGS_MODULE"] = "telemetry_site.settings"
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""


def told_by(program: str, *words: object, **environment: str) -> Any:
    """What a program prints as JSON, in a process of its own: the other groups run without Django."""
    run = subprocess.run(
        [sys.executable, "-c", IN_DJANGO + program, *map(str, words)],
        env={**os.environ, "LOG_LEVEL": "ERROR", **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(run.stdout)


def interleaved(rounds: int, *works: Callable[[], object]) -> list[list[float]]:
    """The seconds of each work in each round. The order turns round, so that none always comes first."""
    seconds: list[list[float]] = [[] for _ in works]
    for work in works:
        work()
    turn = list(range(len(works)))
    for _ in range(rounds):
        for index in turn:
            start = time.perf_counter()
            works[index]()
            seconds[index].append(time.perf_counter() - start)
        turn.reverse()
    return seconds


def medians(rounds: int, *works: Callable[[], object]) -> list[float]:
    return [statistics.median(samples) for samples in interleaved(rounds, *works)]


def percentile(samples: list[float], percent: int) -> float:
    return statistics.quantiles(samples, n=100, method="inclusive")[percent - 1]


@dataclass(frozen=True)
class Bench:
    """Three servers of the run: an empty one, one with 200,000 keys of others, one for the idle waiters."""

    url: str
    crowded_url: str
    idle_url: str
    large: bool = False  # search and imports at the sizes that documents speak of

    @property
    def urls(self) -> tuple[str, str, str]:
        return self.url, self.crowded_url, self.idle_url


def plain_client(url: str) -> redis.Redis:
    """What the floors use: redis-py as it comes, with hiredis, and no limit on a blocking read."""
    return redis.Redis.from_url(url, socket_timeout=None)


def store_in(url: str, namespace: str) -> Store:
    """A store of its own, so that groups do not see each other's agents and requests."""
    before = os.environ.get("TELEMETRY_NAMESPACE")
    os.environ["TELEMETRY_NAMESPACE"] = namespace
    try:
        return open_store(url)
    finally:
        if before is None:
            del os.environ["TELEMETRY_NAMESPACE"]
        else:
            os.environ["TELEMETRY_NAMESPACE"] = before


@contextmanager
def started(*, large: bool = False) -> Iterator[Bench]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="bench")))
        urls = []
        for name in ("empty", "crowded", "idle"):
            server = embedded.start(folder / name, durable=False)
            stack.callback(server.stop)
            urls.append(server.url)
        _crowd(plain_client(urls[1]))
        yield Bench(*urls, large=large)


def _crowd(client: redis.Redis) -> None:
    for start in range(0, OTHER_KEYS, 10_000):
        client.mset({f"other:{number}": "x" for number in range(start, start + 10_000)})
