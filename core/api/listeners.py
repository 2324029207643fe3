"""Those who wait for a request over HTTP are known to wait, and known to be gone when nobody came back for it.

One task of a process tells Redis of all that wait here, so thousands of calls cost neither a task nor a thread each.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any, Self

from django.dispatch import Signal

from core.agents.heartbeat import LOST_SECONDS
from core.errors import TelemetryError
from core.store.approvals import listen
from core.store.client import open_store
from core.values.pairs import in_parts

SAID_SECONDS = 10.0  # so often Redis hears that somebody waits, however often a client comes
LOOK_SECONDS = 0.5  # those who come meanwhile are told of together
AT_ONCE = 500  # requests of which Redis hears in one round trip
REMEMBERED = 10_000  # requests that nobody came back for: somebody may after all

left = (
    Signal()
)  # nobody has waited for `request_id` for as long as that counts, or somebody does again: pages say so


class Listeners:
    """The requests for which calls wait in this process, or did a moment ago. For its loop alone."""

    def __init__(self, run: Callable[[Callable[[], Any]], Any]) -> None:
        self._run = run
        self._task: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self._here: Counter[str] = Counter()
        self._said: dict[str, float] = {}  # when Redis heard last
        self._unsaid: set[str] = set()
        self._back_by: dict[str, float] = {}  # those of which nobody waits just now
        self._gone: dict[str, None] = {}
        self._changed = asyncio.Event()  # there is something to do sooner than was known

    def call(self) -> "WaitingCall":
        """A call that is answered now."""
        return WaitingCall(self)

    def came(self, request_id: str) -> None:
        """One more waits for it."""
        self._begin()
        self._here[request_id] += 1
        self._back_by.pop(request_id, None)
        if self._is_due(request_id, time.monotonic()):
            self._unsaid.add(request_id)
            self._changed.set()

    def went(self, request_id: str, *, heard: bool) -> None:
        """One less does; it heard how the request ended, or will be back if it lives."""
        self._here[request_id] -= 1
        if heard:
            for known in (self._here, self._said, self._back_by, self._gone):
                known.pop(request_id, None)
            self._unsaid.discard(request_id)
        elif self._here[request_id] <= 0:
            del self._here[request_id]
            self._back_by[request_id] = time.monotonic() + LOST_SECONDS + 1
            self._changed.set()

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        if self._task is not None and self._task.get_loop() is not loop:
            self._forget()  # that was the loop of a site that has ended
            self._task = None
        if self._task is None or self._task.done():
            self._task = loop.create_task(self._tell())

    async def _tell(self) -> None:
        while self._here or self._back_by or self._unsaid:
            self._changed.clear()
            now = time.monotonic()
            self._unsaid.update(id_ for id_ in self._here if self._is_due(id_, now))
            for some in in_parts(list(self._unsaid), AT_ONCE):
                with suppress(TelemetryError):  # their calls wait all the same
                    await self._run(partial(_note, some))
                    self._noted(some, now)
            await self._say([id_ for id_, by in self._back_by.items() if by <= now])
            await asyncio.sleep(LOOK_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._left()):
                    await self._changed.wait()

    def _left(self) -> float:
        """Seconds until something is due; what Redis did not hear is due now."""
        said = (self._said.get(request_id, -math.inf) + SAID_SECONDS for request_id in self._here)
        due = min(chain(said, self._back_by.values()), default=math.inf) - time.monotonic()
        return max(0.0, min(SAID_SECONDS, due))

    def _is_due(self, request_id: str, now: float) -> bool:
        return now - self._said.get(request_id, -math.inf) >= SAID_SECONDS

    def _noted(self, request_ids: Iterable[str], now: float) -> None:
        for request_id in request_ids:
            self._unsaid.discard(request_id)
            if request_id in self._here or request_id in self._back_by:
                self._said[request_id] = now

    async def _say(self, gone: list[str]) -> None:
        """Pages look again; where somebody came back meanwhile they see that."""
        back = [request_id for request_id in self._gone if request_id in self._said]
        for request_id in gone:
            self._back_by.pop(request_id, None)
            self._said.pop(request_id, None)
            self._gone[request_id] = None
        for request_id in [*back, *list(self._gone)[:-REMEMBERED]]:
            self._gone.pop(request_id, None)
        if gone or back:
            await self._run(partial(_tell_pages, [*gone, *back]))


class WaitingCall:
    """One call, while its context lasts. It waits for requests from `waits_for` on."""

    __slots__ = ("_heard", "_listeners", "_request_ids")

    def __init__(self, listeners: Listeners) -> None:
        self._listeners = listeners
        self._request_ids: tuple[str, ...] = ()
        self._heard: frozenset[str] = frozenset()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for request_id in self._request_ids:
            self._listeners.went(request_id, heard=request_id in self._heard)

    def waits_for(self, *request_ids: str) -> None:
        """For these, which are its agent's own and have not ended; said again, it is passed over."""
        if not self._request_ids:
            self._request_ids = request_ids
            for request_id in request_ids:
                self._listeners.came(request_id)

    def heard(self, *request_ids: str) -> None:
        """How these ended, so it comes back for none of them."""
        self._heard = frozenset(request_ids)


def _note(request_ids: Sequence[str]) -> None:
    listen(open_store(), request_ids)


def _tell_pages(request_ids: list[str]) -> None:
    for request_id in request_ids:
        left.send_robust(None, request_id=request_id)
