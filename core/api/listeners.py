"""Those who wait for a request over HTTP are known to wait, and known to be gone when nobody came back for it."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial

from django.dispatch import Signal

from core.agents.heartbeat import LOST_SECONDS
from core.api.answers import Reply
from core.api.asking import Run
from core.errors import TelemetryError
from core.store.approvals import listen
from core.store.client import open_store

SAID_SECONDS = 10.0  # so often Redis hears that a call waits

left = Signal()  # nobody has waited for `request_id` for as long as that counts: pages say so

_telling: set[asyncio.Task[None]] = set()


async def heard_out(run: Run, request_id: str, waiting: Awaitable[Reply]) -> Reply:
    """What is waited for; meanwhile it is known that somebody waits for this request."""
    task, ended = asyncio.ensure_future(_listen(run, request_id)), False
    try:
        reply = await waiting
        ended = reply.status == 200
        return reply
    finally:
        task.cancel()
        if not ended:
            telling = asyncio.ensure_future(_tell_left(run, request_id))
            _telling.add(telling)  # a task that nobody keeps may vanish
            telling.add_done_callback(_telling.discard)


async def _listen(run: Run, request_id: str) -> None:
    while True:
        with suppress(TelemetryError):  # the call waits all the same
            await run(partial(_note, request_id))
        await asyncio.sleep(SAID_SECONDS)


def _note(request_id: str) -> None:
    listen(open_store(), request_id)


async def _tell_left(run: Run, request_id: str) -> None:
    """Pages look again once it counts; where somebody came back meanwhile they see that."""
    await asyncio.sleep(LOST_SECONDS + 1)
    await run(partial(left.send, None, request_id=request_id))
