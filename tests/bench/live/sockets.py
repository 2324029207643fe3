"""From a request stored in Redis to the word of it at N open websockets, beside a bare relay of a stream.

With 500 agents that wait it is measured beside the groups of Channels too, in the same run. What a socket hears is
all that is looked at, not how it is written.
"""

import asyncio
import gc
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack

from channels_redis.core import RedisChannelLayer

from core import ApprovalGate
from tests.bench.decisions import _agents, _waiting
from tests.bench.live.names import GROUP, STREAM, layer_options
from tests.bench.live.readers import IDLE_SECONDS, Readers, Side, Tell
from tests.bench.live.serving import served
from tests.bench.measure import Bench, Row, percentile, plain_client, store_in
from tests.waiting import wait_until

NAMESPACE = "bench-live"
WAITING = 500
WARM_UP, PAUSE_SECONDS = 5, 0.025
BUDGET_SECONDS, LEAST_MARKS = 12.0, 10  # of a size: a way that takes a second needs no more to be known
AIMS = {1: (3.0, 6.0), 50: (9.0, 22.0), 200: (30.0, 100.0)}  # sockets: p50 and p99 in ms
MARKS = {1: 200, 50: 200, 200: 100, 1000: 40}
GROUPED_EVERY = {
    1: 1,
    50: 2,
    200: 5,
    1000: 20,
}  # of so many marks one: it takes seconds for a thousand sockets


def rows(bench: Bench) -> Iterator[Row]:
    """To the sockets of a site where nobody waits, and of one where five hundred do."""
    with served(bench.url, NAMESPACE) as site:
        ours = Side(site.web(), "/ws/live/", site.session, _asked(bench.url), changes=2, greets=True)
        relay = Side(site.beside("tests.bench.live.relay", bench.url), "/", "", _added(bench.url))
        grouped = Side(site.beside("tests.bench.live.grouped", bench.url), "/", "", _sent(bench.url))
        for count in (1, 50):
            yield from _rows(count, "", asyncio.run(_measured([ours, relay], count)))
        with _waiting(_agents, bench.url, NAMESPACE, WAITING):
            store = store_in(bench.url, NAMESPACE)
            wait_until(
                lambda: store.read("ZCARD", store.keys.approvals_pending) == WAITING, "all of them wait"
            )
            for count in MARKS:
                rare = Side(**{**vars(grouped), "every": GROUPED_EVERY[count]})
                sides = asyncio.run(_measured([ours, relay, rare], count))
                yield from _rows(count, f", {WAITING} wait", sides)


def _asked(url: str) -> Tell:
    gate = ApprovalGate(store_in(url, NAMESPACE), "bench-agent")

    async def tell(mark: str) -> Callable[[], object]:
        request = gate.open_request(mark)  # its kind is what sockets are told
        return lambda: gate.decide(request.request_id, False, "bench")

    return tell


def _added(url: str) -> Tell:
    plain = plain_client(url)

    async def tell(mark: str) -> Callable[[], object]:
        plain.xadd(STREAM, {"text": mark}, maxlen=100)
        return lambda: None

    return tell


def _sent(url: str) -> Tell:
    async def tell(mark: str) -> Callable[[], object]:
        layer = RedisChannelLayer(**layer_options(url))
        await layer.group_send(GROUP, {"type": "change.told", "text": mark})
        return lambda: None

    return tell


async def _measured(sides: list[Side], count: int) -> list[tuple[Readers, float]]:
    """Each side's sockets, and the seconds of its server's processor for a change."""
    found = [Readers(side, count) for side in sides]
    async with AsyncExitStack() as stack:
        for readers in found:
            await stack.enter_async_context(readers.connected())
        for number in range(WARM_UP):
            for readers in found[:2] if number else found:
                await readers.timed(f"warm-{number:06d}", counts=False)
        # Its own search through thousands of connections would take 200 ms in the midst of one change.
        gc.collect()
        gc.freeze()
        idle = await _idle(sides)
        before, began = [side.server.seconds() for side in sides], time.monotonic()
        for number in range(MARKS[count]):
            if number >= LEAST_MARKS and time.monotonic() - began > BUDGET_SECONDS:
                break
            for readers in found:
                if number % readers.side.every == 0:
                    await readers.timed(f"mark-{number:06d}", counts=True)
                    await asyncio.sleep(PAUSE_SECONDS)
        took = time.monotonic() - began
        spent = [side.server.seconds() - at for side, at in zip(sides, before, strict=True)]
    costs = [seconds - rate * took for seconds, rate in zip(spent, idle, strict=True)]
    return [(one, cost / (one.told * one.side.changes)) for one, cost in zip(found, costs, strict=True)]


async def _idle(sides: list[Side]) -> list[float]:
    """Seconds of a processor a second, of each server while nobody says anything."""
    before = [side.server.seconds() for side in sides]
    await asyncio.sleep(IDLE_SECONDS)
    return [(side.server.seconds() - at) / IDLE_SECONDS for side, at in zip(sides, before, strict=True)]


def _rows(count: int, beside: str, sides: list[tuple[Readers, float]]) -> Iterator[Row]:
    size = f"{count:,} socket{'s' if count > 1 else ''}{beside}"
    (ours, cost), (relay, least), *others = sides
    yield Row("change to socket, lost", size, ours.lost, relay.lost, "", None, "none", ours.lost == 0)
    for place, percent in enumerate((50, 99)):
        mine, floor = percentile(ours.seconds, percent) * 1000, percentile(relay.seconds, percent) * 1000
        aim = AIMS[count][place] if count in AIMS else None
        said = "reported" if aim is None else f"under {aim:g} ms"
        met = aim is None or mine < aim
        yield Row(f"change to socket, p{percent}", size, mine, floor, "ms", mine / floor, said, met)
        for other, _cost in others:
            theirs = percentile(other.seconds, percent) * 1000
            yield _reported(f"  beside group_send, p{percent}", size, mine, theirs, "ms")
    yield _reported("  server's processor, a change", size, cost * 1000, least * 1000, "ms")
    for _other, theirs in others:
        yield _reported("  beside group_send, its processor", size, cost * 1000, theirs * 1000, "ms")
    if count >= 200:
        yield _reported("  server's memory, a socket", size, ours.kilobytes, relay.kilobytes, "kB")


def _reported(work: str, size: str, ours: float, floor: float, unit: str) -> Row:
    return Row(work, size, ours, floor, unit, ours / floor if floor > 0 else None, "reported", True)
