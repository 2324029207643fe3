"""Listing agents and approvals, with and without 200,000 keys of others on the server.

The floor reads an index and, in one pipeline, a JSON value for each member, and parses it.

A request is a hash of ten fields and more, of which each is checked, and its context is JSON beside them, which msgspec
reads where it is installed. A thousand are read in parts, since each may have 256 KiB; the server gathers the next part
while one is gone through.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import redis

from core import ApprovalGate, HeartbeatCoordinator
from tests.bench.decisions import CONTEXT
from tests.bench.measure import OTHER_KEYS, Bench, Row, medians, plain_client, store_in, time_row

ROUNDS = {10: 300, 1_000: 30}
METADATA = {"model": "large", "host": "worker-7", "labels": ["nightly", "billing"]}
FLEET = 10_000
NOON = "2026-05-04T12:00:00+00:00"

Setup = Callable[[str, str, int], Callable[[], int]]


def rows(bench: Bench) -> Iterator[Row]:
    for name, listing in (("get_active_agents", _agents), ("get_pending_approvals", _approvals)):
        for count in ROUNDS:
            yield from _listing(bench, name, listing, count)
    yield _stale(bench)


def _listing(bench: Bench, name: str, listing: Setup, count: int) -> Iterator[Row]:
    namespace = f"list-{count}"
    works = []
    for url in (bench.url, bench.crowded_url):
        works += [listing(url, namespace, count), _floor(url, name, count)]
    for work in works:
        assert work() == count
    ours, floor, crowded, crowded_floor = medians(ROUNDS[count], *works)
    yield time_row(name, f"{count:,}", ours, floor, 1)
    yield time_row(name, f"{count:,} + {OTHER_KEYS:,} keys", crowded, crowded_floor, 1)
    yield time_row(f"{name}, crowded : empty", f"{count:,}", crowded, ours, 1.3)


def _agents(url: str, namespace: str, count: int) -> Callable[[], int]:
    store = store_in(url, namespace)
    for number in range(count):
        agent = HeartbeatCoordinator(store)
        agent.start_heartbeat(f"agent-{number}", METADATA, f"Agent {number}")
        agent.beat("running", 0.5, "indexing the repository")
    reader = HeartbeatCoordinator(store)
    return lambda: len(reader.get_active_agents())


def _approvals(url: str, namespace: str, count: int) -> Callable[[], int]:
    gate = ApprovalGate(store_in(url, namespace), agent_id="asker")
    for _ in range(count):
        gate.open_request("deploy", CONTEXT)
    return lambda: len(gate.get_pending_approvals())


def _floor(url: str, name: str, count: int) -> Callable[[], int]:
    client, index = plain_client(url), f"plain:{name}:{count}"
    values: dict[str, dict[str, Any]] = {
        "get_active_agents": {
            "agent_id": "agent-1", "display_name": "Agent 1", "metadata": METADATA, "status": "running",
            "progress": 0.5, "current_task": "indexing the repository", "last_beat": NOON,
        },
        "get_pending_approvals": {
            "request_id": "c5bd0a0e-94dd-4e45-9d9c-7d7a7a8b4c51", "agent_id": "asker", "status": "pending",
            "approval_type": "deploy", "context": CONTEXT, "timestamp": NOON, "timeout_seconds": 300.0,
        },
    }  # fmt: skip
    value = json.dumps(values[name])
    client.mset({f"{index}:{number}": value for number in range(count)})
    client.zadd(index, {str(number): number for number in range(count)})
    return lambda: len(_read(client, index))


def _read(client: redis.Redis, index: str) -> list[dict[str, Any]]:
    pipeline = client.pipeline(transaction=False)
    members: Any = client.zrange(index, 0, -1)
    for member in members:
        pipeline.get(f"{index}:{member.decode()}")
    return [json.loads(value) for value in pipeline.execute()]


def _stale(bench: Bench) -> Row:
    store, client = store_in(bench.url, "fleet"), plain_client(bench.url)
    agent = HeartbeatCoordinator(store)
    for number in range(FLEET):
        agent.start_heartbeat(f"agent-{number}")
    assert client.zcard(store.keys.agents_running) == FLEET
    reader = HeartbeatCoordinator(store)
    ours, floor = medians(
        300,
        lambda: reader.get_stale_agents(),
        lambda: client.zrange(store.keys.agents_running, "-inf", 0, byscore=True),
    )
    return Row(
        "get_stale_agents, none stale", f"{FLEET:,}", ours * 1000, floor * 1000, "ms", ours / floor,
        "under 1 ms", ours < 0.001,
    )  # fmt: skip
