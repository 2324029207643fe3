"""Signals: sending, looking into an empty mailbox, and the hand-over to an agent that waits.

The floors: one script with the writes of a signal and none of its checks; an LPOP and a script of one LPOP;
LPUSH to a BLPOP in another process, as for decisions.

Who waits for a signal reads twice: what wakes it, and then a script takes the signal. Both can be sent at once, as a
blocking read with the script behind it on the same connection, and that is about as quick as one. But then the server
takes the signal for whoever it believes to be there: for a machine that is gone without a word, up to half a minute
after, and its successor never hears it. So it stays at two.
"""

import time
import uuid
from collections.abc import Iterator
from multiprocessing.connection import Connection

from core import CoordinationSignals
from tests.bench.decisions import _all_blocked, _percentile, _poppers, _repeat_in_threads, _waiting
from tests.bench.measure import OTHER_KEYS, Bench, Row, medians, plain_client, rate_row, store_in, time_row

BATCH = 200
ROUNDS = 25
HANDOVERS = 1_800
PAYLOAD = {"commit": "9f1c22d4", "files": ["billing.py", "prices.py"], "tests": {"passed": 412, "failed": 0}}
ENCODED = '{"commit":"9f1c22d4","files":["billing.py","prices.py"],"tests":{"passed":412,"failed":0}}'

# What a signal writes, with the server's time in it.
WRITES = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expires = string.format('%.0f', now + 60000)
redis.call('SET', KEYS[3], time[2], 'PX', 86400000)
local entry = redis.call('XADD', KEYS[1], '*', 'signal_id', ARGV[1], 'type', ARGV[2], 'source', ARGV[3],
  'sent_ms', string.format('%.0f', now), 'expires_ms', expires, 'ttl_seconds', '60', 'payload', ARGV[4])
redis.call('ZADD', KEYS[2], expires, entry)
redis.call('PEXPIREAT', KEYS[1], expires)
redis.call('PEXPIREAT', KEYS[2], expires)
return entry
"""


def rows(bench: Bench) -> Iterator[Row]:
    yield _sending(bench)
    yield from _looking(bench)
    ours, floor = _handovers(bench.url)
    for percent in (50, 99):
        here, there = _percentile(ours, percent), _percentile(floor, percent)
        yield time_row(f"wait_for_signal, p{percent}", "1 waiting", here, there, 3)


def _sending(bench: Bench) -> Row:
    client, sender = plain_client(bench.url), CoordinationSignals(store_in(bench.url, "signals"), "writer")
    sha = client.script_load(WRITES)

    def floor() -> None:
        for _ in range(BATCH):
            keys = ("plain-inbox", "plain-expiry", "plain-order")
            client.evalsha(sha, 3, *keys, str(uuid.uuid4()), "done", "writer", ENCODED)

    def ours() -> None:
        for _ in range(BATCH):
            sender.signal("done", target_agent="reviewer", payload=PAYLOAD)

    sent, base = medians(ROUNDS, ours, floor)
    return rate_row("signal", "", sent, base, BATCH, 1.3)


def _looking(bench: Bench) -> Iterator[Row]:
    works = []
    for url in (bench.url, bench.crowded_url):
        client, reader = plain_client(url), CoordinationSignals(store_in(url, "signals"), "nobody")
        sha = client.script_load("return redis.call('LPOP', KEYS[1])")
        works += [
            lambda reader=reader: reader.check_signal("done"),
            lambda client=client: client.lpop("plain-nothing"),
            lambda client=client, sha=sha: client.evalsha(sha, 1, "plain-nothing"),
        ]
    ours, lpop, script, crowded, crowded_lpop, crowded_script = medians(2_000, *works)
    others = f"{OTHER_KEYS:,} other keys"
    yield time_row("check_signal : script, nothing there", "0 other keys", ours, script, 2)
    yield time_row("check_signal : LPOP, nothing there", "0 other keys", ours, lpop, 2)
    yield time_row("check_signal : script, nothing there", others, crowded, crowded_script, 2)
    yield time_row("check_signal : LPOP, nothing there", others, crowded, crowded_lpop, 2)
    yield time_row("check_signal, crowded : empty", others, crowded, ours, 1.3)


def _handovers(url: str) -> tuple[list[float], list[float]]:
    sender, client = CoordinationSignals(store_in(url, "wake"), "writer"), plain_client(url)
    ours: list[float] = []
    floor: list[float] = []
    with _waiting(_receivers, url, "wake", 1) as agents, _waiting(_poppers, url, "signal-pop", 1) as pops:
        for _ in range(HANDOVERS):
            _all_blocked(client, 2)
            start = time.monotonic()
            sender.signal("done", target_agent="agent-0", payload=PAYLOAD)
            ours.append(agents.recv() - start)
            _all_blocked(client, 2)
            start = time.monotonic()
            client.lpush("signal-pop:0", ENCODED)
            floor.append(pops.recv() - start)
    return ours, floor


def _receivers(url: str, namespace: str, count: int, reports: Connection) -> None:
    store = store_in(url, namespace)

    def wait(number: int) -> float:
        signal = CoordinationSignals(store, f"agent-{number}").wait_for_signal("done", timeout=600)
        returned = time.monotonic()
        assert signal is not None
        return returned

    _repeat_in_threads(wait, count, reports)
