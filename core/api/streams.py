"""Server-sent events: how a request ends, and what agents publish. Whoever reads holds no thread.

A stream is silent for a few seconds at most, so a client that is gone is noticed, and a token that is none any more
ends it.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from functools import partial
from typing import Any

from django.db import Error

from core.api import asking, living
from core.api.answers import Refused, Reply, server_sent
from core.api.desk import Desk, Stream
from core.errors import TelemetryError
from core.history.people.tokens import Bearer

SILENCE = 4.0  # seconds, in which a revoked token is noticed too
LOOK_SECONDS = 30.0  # so often Redis is asked although nothing was heard
OF_A_TOKEN = 32  # streams that are open, in one web process
AGAIN_SECONDS = 5
HEADERS = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
FIRST = b"retry: 2000\n\n"
ALIVE = b": alive\n\n"


async def of_request(
    desk: Desk, bearer: Bearer, agent: str, request_id: str, query: Mapping[str, str]
) -> Stream:
    """One event `outcome` when the request has ended, or `refused` where the claim is somebody else's."""
    await desk.run(partial(asking.own_request, agent, request_id))
    hearing = asking.hearing_of(query)

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield FIRST
        waiting = partial(asking.outcome, desk, bearer, agent, request_id, LOOK_SECONDS, hearing)
        try:
            async with aclosing(_heard(desk, bearer, waiting)) as heard:
                async for reply in heard:
                    if reply is not None and reply.status == 200:
                        yield server_sent("outcome", str(reply.body["ended_at"]), reply.body)
                        return
                    yield ALIVE
        except Refused as refused:
            yield server_sent("refused", "", Reply.of(refused).body)

    return _bounded(desk, bearer, pieces)


async def of_events(desk: Desk, bearer: Bearer, query: Mapping[str, str], last: str) -> Stream:
    """Every event as it is published, with its id; from `last`, or `after`, or from now on."""
    after = last or query.get("after") or await desk.run(living.now_as_id)
    kind = query.get("type", "")
    # A bad id or type is refused before it begins.
    told, after, more = await desk.run(partial(living.told_after, kind, after))

    async def pieces() -> AsyncGenerator[bytes, None]:
        nonlocal told, after, more
        yield FIRST + b"".join(told)
        with desk.happenings.box(kind) as box:
            while await desk.still(bearer):
                if more or box.is_behind:
                    box.begin()
                    told, after, more = await desk.run(partial(living.told_after, kind, after))
                    if not told:
                        continue
                else:
                    told, after = await box.after(after, SILENCE)
                yield b"".join(told) or ALIVE

    return _bounded(desk, bearer, pieces)


async def _heard(
    desk: Desk, bearer: Bearer, waiting: Callable[[], Awaitable[Any]]
) -> AsyncGenerator[Any, None]:
    """What is waited for, again and again while the token is good; None for each time that nothing came."""
    while await desk.still(bearer):
        work = asyncio.ensure_future(waiting())
        try:
            while not (await asyncio.wait((work,), timeout=SILENCE))[0]:
                yield None
                if not await desk.still(bearer):
                    return
            yield work.result()
        finally:
            work.cancel()


def _bounded(desk: Desk, bearer: Bearer, pieces: Callable[[], AsyncGenerator[bytes, None]]) -> Stream:
    """The stream, counted from its first piece on while it is open; Refused there for one too many."""
    digest = bearer.digest

    async def counted() -> AsyncGenerator[bytes, None]:
        if desk.streams[digest] >= OF_A_TOKEN:
            message = f"At most {OF_A_TOKEN} streams of one token are open at once."
            raise Refused(429, "streams", message, after=AGAIN_SECONDS)
        desk.streams[digest] += 1
        try:
            # Redis or the database is away: the client comes again, and says what it had.
            with suppress(TelemetryError, Error):
                async with aclosing(pieces()) as coming:
                    async for piece in coming:
                        yield piece
        finally:
            desk.streams[digest] -= 1
            if not desk.streams[digest]:
                del desk.streams[digest]

    return Stream(counted(), HEADERS)


async def handed(take: Callable[[], Awaitable[Any]], give_back: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `take` takes; where nobody waits for it any more when it is there, it is given back."""
    work = asyncio.ensure_future(take())
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        work.add_done_callback(partial(_unwanted, give_back))
        raise


def _unwanted(give_back: Callable[[Any], Awaitable[Any]], done: "asyncio.Future[Any]") -> None:
    if not done.cancelled() and done.exception() is None and done.result() is not None:
        task = asyncio.ensure_future(give_back(done.result()))
        _UNDER_WAY.add(task)
        task.add_done_callback(_UNDER_WAY.discard)


_UNDER_WAY: "set[asyncio.Future[Any]]" = set()
