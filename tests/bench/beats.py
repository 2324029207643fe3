"""Heartbeats a second of one agent; the floor is one script with a SET that expires and two ZADDs."""

import time
from collections.abc import Iterator

from core import HeartbeatCoordinator
from tests.bench.measure import Bench, Row, medians, plain_client, rate_row, store_in

BATCH = 200
ROUNDS = 25
RECORD = '{"agent_id":"a","status":"running","progress":0.5,"current_task":"indexing","metadata":{}}'
WRITES = """
redis.call('SET', KEYS[1], ARGV[2], 'PX', 30000)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1])
return 1
"""


def rows(bench: Bench) -> Iterator[Row]:
    client = plain_client(bench.url)
    sha = client.script_load(WRITES)

    def floor() -> None:
        for _ in range(BATCH):
            now = int(time.time() * 1000)
            client.evalsha(sha, 3, "plain-beat:a", "plain-changed", "plain-running", "a", RECORD, now)

    def beats(streaming: bool) -> HeartbeatCoordinator:
        agent = HeartbeatCoordinator(store_in(bench.url, "beats"), enable_streaming=streaming)
        agent.start_heartbeat("streaming" if streaming else "plain", {"model": "large", "host": "worker-7"})
        return agent

    plain, streaming = beats(False), beats(True)

    def send(agent: HeartbeatCoordinator) -> None:
        for _ in range(BATCH):
            agent.beat("running", 0.5, "indexing the repository")

    ours, streamed, base = medians(ROUNDS, lambda: send(plain), lambda: send(streaming), floor)
    yield rate_row("beat", "", ours, base, BATCH, 1.3)
    yield rate_row("beat, streaming", "", streamed, base, BATCH, 1.5)
