"""From a person's answer to the agent that waits for it, and the answering call alone.

The floor of a hand-over is LPUSH to a BLPOP: as many clients wait in it as agents wait for approval, as
threads of one other process each, and every hand-over is timed from the call to the return of the wait.

The floor is one trip; ours is one script that decides and, once the agent woke, one that marks the outcome as
collected. Three times is about what two trips and their scripts cost. The p99 of both is when a processor was free.
"""

import multiprocessing
import statistics
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from core import ApprovalGate
from tests.bench.measure import Bench, Row, medians, percentile, plain_client, store_in, time_row

CONTEXT = {
    "command": "kubectl rollout restart deployment/checkout --namespace production",
    "why": "the new price table is only read at start",
    "cluster": "eu-central-1",
    "pods": ["checkout-7d9f", "checkout-8c1a", "checkout-b02e"],
    "estimated_downtime_seconds": 0,
}
ROUND = 200
ROUNDS = 9
ANSWERS = 1_500

# The writes of a decision and none of its checks.
WRITES = """
redis.call('HSET', KEYS[1], 'status', 'approved', 'approved', '1', 'responder', ARGV[2], 'reason', ARGV[3],
  'ended_ms', '1700000000000', 'decision_id', ARGV[4], 'channel', 'direct')
redis.call('PEXPIRE', KEYS[1], 604800000)
redis.call('XADD', KEYS[2], '*', 'status', 'approved', 'approved', '1', 'responder', ARGV[2],
  'reason', ARGV[3], 'ended_ms', '1700000000000')
redis.call('PEXPIRE', KEYS[2], 604800000)
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('XADD', KEYS[4], 'MAXLEN', '~', 100000, '*', 'type', 'ended', 'request_id', ARGV[1],
  'status', 'approved', 'responder', ARGV[2], 'reason', ARGV[3], 'ended_ms', '1700000000000',
  'decision_id', ARGV[4], 'channel', 'direct')
redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10000, '*', 'event_type', 'approval_decided', 'data', ARGV[1])
redis.call('PEXPIRE', KEYS[5], 604800000)
return 1
"""


def rows(bench: Bench) -> Iterator[Row]:
    for waiting in (4, 100):
        ours, floor = _handovers(bench.url, waiting)
        for percent in (50, 99):
            here, there = _percentile(ours, percent), _percentile(floor, percent)
            yield time_row(f"decision to agent, p{percent}", f"{waiting} waiting", here, there, 3)
    ours_call, floor_call = _answers(bench.url)
    yield time_row("respond_to_approval, the call", "", ours_call, floor_call, 1.5)


def _percentile(samples: list[float], percent: int) -> float:
    """The median of each round's own, so that one stall of the machine does not make the p99 of the run."""
    rounds = [samples[start : start + ROUND] for start in range(0, len(samples), ROUND)]
    return statistics.median(percentile(round_, percent) for round_ in rounds)


def _handovers(url: str, waiting: int) -> tuple[list[float], list[float]]:
    namespace = f"handover-{waiting}"
    gate, client = ApprovalGate(store_in(url, namespace)), plain_client(url)
    ours: list[float] = []
    floor: list[float] = []
    with (
        _waiting(_agents, url, namespace, waiting) as agents,
        _waiting(_poppers, url, "pop", waiting) as pops,
    ):
        asked: list[str] = []
        for number in range(ROUND * ROUNDS):
            _all_blocked(client, 2 * waiting)
            asked = asked or [request.request_id for request in gate.get_pending_approvals()]
            start = time.monotonic()
            gate.respond_to_approval(asked.pop(), True, "bench")
            ours.append(agents.recv() - start)
            _all_blocked(client, 2 * waiting)
            start = time.monotonic()
            client.lpush(f"pop:{number % waiting}", "approved")
            floor.append(pops.recv() - start)
    return ours, floor


def _all_blocked(client: Any, count: int) -> None:
    while client.info("clients")["blocked_clients"] != count:
        time.sleep(0.0005)


@contextmanager
def _waiting(target: Any, *args: Any) -> Iterator[Connection]:
    here, there = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=target, args=(*args, there), daemon=True)
    process.start()
    try:
        yield here
    finally:
        process.terminate()
        process.join()


def _agents(url: str, namespace: str, count: int, reports: Connection) -> None:
    store = store_in(url, namespace)

    def wait(number: int) -> float:
        answer = ApprovalGate(store, agent_id=f"agent-{number}").request_approval("deploy", CONTEXT, 600)
        returned = time.monotonic()
        assert answer.approved, answer
        return returned

    _repeat_in_threads(wait, count, reports)


def _poppers(url: str, prefix: str, count: int, reports: Connection) -> None:
    client = plain_client(url)

    def wait(number: int) -> float:
        client.blpop(f"{prefix}:{number}", 0)
        return time.monotonic()

    _repeat_in_threads(wait, count, reports)


def _repeat_in_threads(wait: Any, count: int, reports: Connection) -> None:
    """Waits again after every hand-over; only one is under way at a time, so reports never mix."""

    def repeat(number: int) -> None:
        while True:
            reports.send(wait(number))

    threads = [threading.Thread(target=repeat, args=(number,), daemon=True) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _answers(url: str) -> tuple[float, float]:
    gate, client = ApprovalGate(store_in(url, "answers"), agent_id="asker"), plain_client(url)
    asked = [gate.open_request("deploy", CONTEXT).request_id for _ in range(ANSWERS + 1)]
    plain = [str(uuid.uuid4()) for _ in asked]
    for id_ in plain:
        client.hset(
            f"plain:{id_}", mapping={"agent_id": "asker", "status": "pending", "context": str(CONTEXT)}
        )
        client.zadd("plain-pending", {id_: 1})
    sha = client.script_load(WRITES)

    def floor() -> None:
        id_ = plain.pop()
        keys = [f"plain:{id_}", f"plain-ended:{id_}", "plain-pending", "plain-outbox", "plain-events"]
        client.evalsha(sha, len(keys), *keys, id_, "mara", "looks right", str(uuid.uuid4()))

    def ours() -> None:
        assert gate.respond_to_approval(asked.pop(), True, "mara", "looks right")

    answer, write = medians(ANSWERS, ours, floor)
    return answer, write
