"""Events: publishing one, reading a backlog, and handing one to another process.

Publishing is judged by one script with the writes that an event needs, and shown beside a bare XADD, which
sets no lifetime and announces no type. A backlog is judged by XREAD alone, whose reply stays unread bytes,
and shown beside XREAD with the JSON of each event decoded.
"""

import json
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from core import EventStreamer
from tests.bench.decisions import _all_blocked, _waiting
from tests.bench.measure import Bench, Row, medians, percentile, plain_client, rate_row, store_in, time_row

DATA = {"file": "core/store/keys.py", "action": "edited", "lines": 42, "seconds": 1.25, "ok": True}
PUBLISHED = 200
ROUNDS = 25
BACKLOG = 100_000
BATCH = 500
HANDOVERS = 1_000
WRITES = """
redis.call('XADD', KEYS[1], 'MAXLEN', '~', 10000, '*', 'event_type', ARGV[1], 'source', ARGV[2], 'data', ARGV[3])
redis.call('PEXPIRE', KEYS[1], 604800000)
return redis.call('XLEN', KEYS[1])
"""


def rows(bench: Bench) -> Iterator[Row]:
    yield from _publishing(bench.url)
    yield from _backlog(bench.url)
    ours, floor = _handovers(bench.url)
    yield time_row("event to another process, p50", "", percentile(ours, 50), percentile(floor, 50), 1.5)


def _fields() -> dict[str, str]:
    return {"event_type": "edited", "source": "agent", "data": json.dumps(DATA)}


def _publishing(url: str) -> Iterator[Row]:
    client, events = plain_client(url), EventStreamer(store_in(url, "events"))
    sha = client.script_load(WRITES)

    def ours() -> None:
        for _ in range(PUBLISHED):
            events.publish_event("edited", DATA, "agent")

    def script() -> None:
        for _ in range(PUBLISHED):
            client.evalsha(sha, 1, "plain-events", *_fields().values())

    def xadd() -> None:
        for _ in range(PUBLISHED):
            client.xadd("plain-xadd", _fields(), maxlen=10_000, approximate=True)

    mine, floor, bare = medians(ROUNDS, ours, script, xadd)
    yield rate_row("publish_event", "", mine, floor, PUBLISHED, 1.3)
    yield rate_row("publish_event beside a bare XADD", "", mine, bare, PUBLISHED, 1.3)


def _backlog(url: str) -> Iterator[Row]:
    client, store = plain_client(url), store_in(url, "backlog")
    stream = store.keys.event_stream("edited")
    for _ in range(BACKLOG // 10_000):
        pipe = client.pipeline(transaction=False)
        for _ in range(10_000):
            pipe.xadd(stream, _fields())
        pipe.execute()

    def ours() -> None:
        followed = EventStreamer(store).consume_events(["edited"], idle_timeout=0, start_id="0")
        assert sum(1 for _ in followed) == BACKLOG

    def floor(use: Callable[[bytes], Any] | None) -> None:
        last: bytes | str = "0"
        while reply := client.xread({stream: last}, count=BATCH):
            _stream, entries = reply.popitem() if isinstance(reply, dict) else reply[0]
            entries = entries[0] if isinstance(entries[0], list) else entries
            last = entries[-1][0]
            if use is not None:
                for _id, fields in entries:
                    use(fields[b"data"])

    mine, alone, decoded = medians(5, ours, lambda: floor(None), lambda: floor(json.loads))
    yield rate_row("consume_events", "100k backlog", mine, alone, BACKLOG, 1.5)
    yield rate_row("consume_events beside XREAD and JSON", "100k backlog", mine, decoded, BACKLOG, 1.5)
    client.delete(stream)


def _handovers(url: str) -> tuple[list[float], list[float]]:
    """Both listeners are other processes, timed from the call of the writer to the return of their wait."""
    client, events = plain_client(url), EventStreamer(store_in(url, "delivery"))
    ours: list[float] = []
    floor: list[float] = []
    with _waiting(_follow, url) as followed, _waiting(_read, url) as read:
        for _ in range(HANDOVERS):
            _all_blocked(client, 2)
            start = time.monotonic()
            events.publish_event("edited", DATA)
            ours.append(followed.recv() - start)
            _all_blocked(client, 2)
            start = time.monotonic()
            client.xadd("plain-delivery", _fields())
            floor.append(read.recv() - start)
    return ours, floor


def _follow(url: str, reports: Connection) -> None:
    for _ in EventStreamer(store_in(url, "delivery")).consume_events():
        reports.send(time.monotonic())


def _read(url: str, reports: Connection) -> None:
    client, last = plain_client(url), "$"
    while True:
        reply = client.xread({"plain-delivery": last}, block=0, count=10)
        now = time.monotonic()
        _stream, entries = reply.popitem() if isinstance(reply, dict) else reply[0]
        entries = entries[0] if isinstance(entries[0], list) else entries
        last = entries[-1][0]
        reports.send(now)
