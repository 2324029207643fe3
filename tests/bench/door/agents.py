"""Agents over HTTP: how soon they hear, what waiting and beating cost the server, and what a hook does.

Beside each the same over plain views of Django, in the same run; where thousands wait, of which each would be a thread
and a connection of such a view, over an ASGI application that does nothing but hold them. What the clients of thousands
need themselves is in both. Where a processor is named, it is the server's own.
"""

import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any

from core import ApprovalGate
from core.store.client import Store
from tests.bench.decisions import CONTEXT
from tests.bench.door import streams
from tests.bench.door.caller import OPENED_AT_ONCE, Caller
from tests.bench.live.serving import Server, served
from tests.bench.measure import Bench, Row, percentile, store_in
from tests.waiting import wait_until

NAMESPACE = "bench-door"
WAITING, MANY_WAITING, MANY_PLAIN = (4, 100), 5_000, 100
PRESSES, SETTLED_SECONDS = 100, 0.02
OPENING_SECONDS = 600.0
BEATING, BEATS, HOOKS = 16, 3_000, 300
WAIT_P99, MOST_KILOBYTES, LEAST_BEATS, HOOK_P99 = 50.0, 20.0, 2_000, 10.0
HOOK = {
    "session_id": "s-1", "cwd": "/home/ann/shop", "permission_mode": "default", "hook_event_name": "PreToolUse",
    "tool_name": "Read", "tool_input": {"file_path": "/home/ann/shop/till.py"}, "tool_use_id": "toolu_1",
}  # fmt: skip
TOKENS = """
import django; django.setup()
from django.contrib.auth.models import Group, User
from core.history.people import tokens
user = User.objects.create_user("owner"); user.groups.add(Group.objects.get(name="administrator"))
print(tokens.make(user, tokens.TokenSpec("fleet", "pod-", True, tokens.SCOPES, 30))[1])
print(tokens.make(user, tokens.TokenSpec("laptop", "laptop", False, tokens.SCOPES, 30, "prompted"))[1])
"""


def rows(bench: Bench) -> Iterator[Row]:
    with served(bench.url, NAMESPACE) as site:
        fleet, laptop = site.output("-c", TOKENS).split()
        ours, plain = site.web(), site.beside("tests.bench.door.plain", bench.url)
        bare = site.beside("tests.bench.door.bare", bench.url)
        yield from _beats(ours, plain, fleet)
        yield from _hooks(ours, plain, laptop)
        store = store_in(bench.url, NAMESPACE)
        for count in (*WAITING, MANY_WAITING) if bench.large else WAITING:
            yield from _decisions(store, ours, plain if count <= MANY_PLAIN else bare, fleet, count)
        yield from streams.rows(site, ours)


def _beats(ours: Server, plain: Server, token: str) -> Iterator[Row]:
    def told(number: int, turn: int) -> dict[str, Any]:
        task = f"file {turn} of {BEATS}"
        return {"agent": f"{number}", "status": "running", "progress": 0.5, "task": task}

    async def beat(caller: Caller, number: int, turn: int) -> None:
        status, _said = await caller.call("POST", "/api/v1/beat", told(number, turn))
        assert status == 200, status

    mine, floor = (_a_second(server, token, beat, BEATING, BEATS) for server in (ours, plain))
    size, aim = f"{BEATING} connections", f"over {LEAST_BEATS:,}"
    yield Row("beats over HTTP, a processor", size, mine, floor, "/s", floor / mine, aim, mine > LEAST_BEATS)


Act = Callable[[Caller, int, int], Awaitable[None]]


def _a_second(server: Server, token: str, act: Act, connections: int, count: int) -> float:
    """How many of these a second of the server's processor is enough for."""

    async def run() -> float:
        callers = [Caller(server.port, token) for _ in range(connections)]
        turns = iter(range(-connections, count))

        async def repeat(caller: Caller, number: int) -> None:
            for turn in turns:
                await act(caller, number, max(0, turn))

        for number, caller in enumerate(callers):  # what a first one opens and reads is not counted
            await act(caller, number, next(turns) + connections)
        before = server.seconds()
        await asyncio.gather(*(repeat(caller, number) for number, caller in enumerate(callers)))
        spent = server.seconds() - before
        for caller in callers:
            caller.close()
        return spent

    return count / asyncio.run(run())


def _hooks(ours: Server, plain: Server, token: str) -> Iterator[Row]:
    async def run() -> list[list[float]]:
        callers = [Caller(server.port, token) for server in (ours, plain)]
        seconds: list[list[float]] = [[] for _ in callers]
        for _ in range(HOOKS):
            for caller, samples in zip(callers, seconds, strict=True):
                began = time.perf_counter()
                answer = await caller.call("POST", "/api/v1/hooks/claude-code", HOOK)
                samples.append(time.perf_counter() - began)
                assert answer == (200, {}), answer
        return seconds

    for percent in (50, 99):
        mine, floor = (percentile(samples, percent) * 1000 for samples in asyncio.run(run()))
        aim, met = (f"under {HOOK_P99:g} ms", mine < HOOK_P99) if percent == 99 else ("reported", True)
        yield Row(f"hook that asks nobody, p{percent}", "", mine, floor, "ms", mine / floor, aim, met)


def _decisions(store: Store, ours: Server, beside: Server, token: str, count: int) -> Iterator[Row]:
    found = [_heard(store, server, token, count) for server in (ours, beside)]
    size = f"{count:,} waiting"
    for percent in (50, 99):
        mine, floor = (percentile(seconds, percent) * 1000 for seconds, _kilobytes in found)
        aim, met = (f"under {WAIT_P99:g} ms", mine < WAIT_P99) if percent == 99 else ("reported", True)
        yield Row(f"decision to agent over HTTP, p{percent}", size, mine, floor, "ms", mine / floor, aim, met)
    mine, floor = (kilobytes for _seconds, kilobytes in found)
    met = count < MANY_WAITING or mine < MOST_KILOBYTES
    aim = "reported" if count < MANY_WAITING else f"under {MOST_KILOBYTES:g} kB"
    yield Row("  server's memory, an agent", size, mine, floor, "kB", None, aim, met)


def _heard(store: Store, server: Server, token: str, count: int) -> tuple[list[float], float]:
    """Seconds from each answer to the agent that waited for it, and the server's memory for each that waits."""
    gate, before = ApprovalGate(store), server.kilobytes()
    with _agents(server.port, token, count) as (agents, are_well):
        wait_until(lambda: are_well() and _waiting(store) == count, "all of them ask", OPENING_SECONDS)
        time.sleep(1.0)
        kilobytes = (server.kilobytes() - before) / count
        asked: list[str] = []
        seconds = []
        for _ in range(PRESSES):
            asked = asked or [request.request_id for request in gate.get_pending_approvals()]
            began = time.monotonic()
            assert gate.respond_to_approval(asked.pop(), True, "bench")
            seconds.append(agents.recv() - began)
            wait_until(lambda: _waiting(store) == count, "it asks again")
            time.sleep(SETTLED_SECONDS)
    for request in gate.get_pending_approvals():
        gate.decide(request.request_id, False, "bench")
    return seconds, kilobytes


def _waiting(store: Store) -> int:
    return int(store.read("ZCARD", store.keys.approvals_pending))


@contextmanager
def _agents(port: int, token: str, count: int) -> Iterator[tuple[Connection, Callable[[], bool]]]:
    """What they report, and a question whether they live, which raises where they do not."""
    here, there = multiprocessing.Pipe(duplex=False)
    of = multiprocessing.get_context("spawn").Process(
        target=_all_wait, args=(port, token, count, there), daemon=True
    )
    of.start()

    def are_well() -> bool:
        assert of.is_alive(), "the agents of the bench ended"
        return True

    try:
        yield here, are_well
    finally:
        of.terminate()
        of.join()


def _all_wait(port: int, token: str, count: int, reports: Connection) -> None:
    async def run() -> None:
        asking = asyncio.Semaphore(OPENED_AT_ONCE)
        callers = (Caller(port, token) for _ in range(count))
        await asyncio.gather(
            *(_wait(caller, number, asking, reports) for number, caller in enumerate(callers))
        )

    asyncio.run(run())


async def _wait(caller: Caller, number: int, asking: asyncio.Semaphore, reports: Connection) -> None:
    """Ask, wait for the answer, tell when it came, and ask again."""
    question = {"agent": f"{number}", "type": "deploy", "context": CONTEXT, "timeout": 3600}
    while True:
        async with asking:
            status, asked = await caller.call("POST", "/api/v1/requests", question)
        assert status == 201, asked
        status = 202
        while status == 202:
            path = f"/api/v1/requests/{asked['id']}/outcome?wait=30&agent={number}"
            with suppress(asyncio.IncompleteReadError, ConnectionError):  # a server closes what was idle
                status, said = await caller.call("GET", path)
        heard = time.monotonic()
        assert said["approved"], said
        reports.send(heard)
