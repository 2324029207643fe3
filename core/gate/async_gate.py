"""The gate for programs with an event loop: who waits holds no thread, and all wait over one connection."""

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any, Self, TypeVar, Unpack, overload

from ..approvals.question import checked_claim
from ..approvals.request import ApprovalRequest, ApprovalResponse, is_away, refusal
from ..approvals.waiting import Pending
from ..errors import MalformedRecord, StoreUnavailable
from ..values.approvals import UNAVAILABLE
from ..values.numbers import checked_limit
from .conversion import seconds_of
from .gate import GateBase, by_default, checked_default, find_requests, id_of, pending_of
from .request_waiters import RequestWaiters
from .thread_pool import DaemonThreadPool
from .transport import MOVED_SECONDS, AnswerOptions, AskOptions, Timeout, question_of

Result = TypeVar("Result")
WITHDRAW_SECONDS = (
    10.0  # a cancelled task is held no longer, also where the server hangs; usually for milliseconds
)
LOOK_SECONDS = 60.0  # also where nothing was heard
PAUSE_SECONDS = 0.5
OVERTIME_SECONDS = 5.0


class AsyncGate(GateBase):
    """`Gate` for `asyncio`: the same arguments and answers, awaited.

    Cancelling the task that asks withdraws its request, unless that has a key. Use it with `async with`, or `close` it.
    """

    def __init__(self, where: object = None, *, token: str | None = None, agent: str | None = None) -> None:
        super().__init__(where, token=token, agent=agent)
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._threads = DaemonThreadPool()
        self._waits = RequestWaiters(self._transport.end_listener)
        self._withdrawals: set[Future[None]] = set()

    async def ask(
        self,
        approval_type: str,
        context: Any = None,
        *,
        key: str | None = None,
        timeout: Timeout = None,
        default: bool = False,
        understands: Iterable[str] = (),
        claim: str | None = None,
        revises: str | None = None,
        convert: Callable[[Any], Any] | None = None,
    ) -> ApprovalResponse:
        """Ask and wait: see `Gate.ask`."""
        checked_default(default)
        how = AskOptions(key=key, understands=understands, revises=revises)
        question = question_of(self._transport.agent, approval_type, context, timeout, convert, **how)
        opening = self._begun(partial(self._transport.open, question, checked_claim(claim)))
        try:
            answer = await self._end_of(await asyncio.wrap_future(opening))
        except (StoreUnavailable, MalformedRecord) as error:
            answer = refusal("", f"unavailable: {error}", UNAVAILABLE, away=is_away(error))
        except BaseException:
            if key is None:
                await self._withdraw(opening)
            raise
        return by_default(answer, default)

    async def open(
        self,
        approval_type: str,
        context: Any = None,
        *,
        key: str | None = None,
        timeout: Timeout = None,
        understands: Iterable[str] = (),
        revises: str | None = None,
        convert: Callable[[Any], Any] | None = None,
    ) -> ApprovalRequest:
        """Store a request, or find the one of this key: see `Gate.open`."""
        how = AskOptions(key=key, understands=understands, revises=revises)
        question = question_of(self._transport.agent, approval_type, context, timeout, convert, **how)
        opening = self._begun(partial(self._transport.open, question, ""))
        try:
            return (await asyncio.wrap_future(opening)).request
        except asyncio.CancelledError:
            if key is None:
                await self._withdraw(opening)  # nobody ever hears its id
            raise

    @overload
    async def wait(
        self, request: ApprovalRequest | str, timeout: None = None, **hearing: Unpack[AnswerOptions]
    ) -> ApprovalResponse: ...

    @overload
    async def wait(
        self,
        request: ApprovalRequest | str,
        timeout: float | str | timedelta,
        **hearing: Unpack[AnswerOptions],
    ) -> ApprovalResponse | None: ...

    async def wait(
        self,
        request: ApprovalRequest | str,
        timeout: Timeout = None,
        *,
        claim: str | None = None,
        digest: str | None = None,
        understands: Iterable[str] = (),
    ) -> ApprovalResponse | None:
        """Wait until it has ended, or for `timeout`: then None. See `Gate.wait`."""
        seconds = math.inf if timeout is None else checked_limit(seconds_of(timeout), "timeout")
        limit = None if timeout is None else time.monotonic() + seconds
        pending = await self._run(
            partial(pending_of, self._transport, request, digest, claim, understands, seconds)
        )
        return pending if isinstance(pending, ApprovalResponse) else await self._until(pending, limit)

    async def find(
        self, key: str | None = None, status: str | None = None, *, agent: str | None = None
    ) -> list[ApprovalRequest]:
        """This agent's requests, newest first."""
        return await self._run(partial(find_requests, self._transport, key, status, agent))

    async def claim(
        self, request: ApprovalRequest | str, name: str, *, digest: str | None = None
    ) -> ApprovalResponse | None:
        """One look at how it ended, for this name alone: see `Gate.claim`."""
        return await self.wait(request, 0, claim=name, digest=digest)

    async def cancel(self, request: ApprovalRequest | str) -> bool:
        """Withdraw it; False when it has ended or is unknown."""
        return await self._run(partial(self._transport.cancel, id_of(request)))

    async def close(self) -> None:
        """Let every connection go, once what is withdrawn is: a process may end then."""
        under_way = [asyncio.wrap_future(one) for one in list(self._withdrawals)]
        if under_way:
            await asyncio.wait(under_way, timeout=WITHDRAW_SECONDS)
        self._threads.close()
        self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    def _begun(self, action: Callable[[], Result]) -> "Future[Result]":
        if self._process != os.getpid():
            self._begin()  # a forked child has none of its parent's threads
        return self._threads.run(action)

    async def _run(self, action: Callable[[], Result]) -> Result:
        return await asyncio.wrap_future(self._begun(action))

    async def _end_of(self, pending: Pending) -> ApprovalResponse:
        answer = await self._until(pending, None)
        assert answer is not None  # without a limit it always ends
        return answer

    async def _until(self, pending: Pending, limit: float | None) -> ApprovalResponse | None:
        """How it ended; None when `limit` (monotonic) came first."""
        over = pending.deadline + OVERTIME_SECONDS
        with self._waits.heard(pending.request.request_id) as waiter:
            while True:
                waiter.forget()
                answer, due, over = await self._looked(pending, limit, over)
                if answer is not None:
                    return answer
                self._waits.again(pending.request.request_id)
                if limit is not None and time.monotonic() >= limit:
                    return None
                left = due if limit is None else min(due, limit - time.monotonic())
                await waiter.rest(min(left, LOOK_SECONDS))

    async def _looked(
        self, pending: Pending, limit: float | None, over: float
    ) -> tuple[ApprovalResponse | None, float, float]:
        """How it ended or None, in how many seconds it is due, and until when (monotonic) nobody need answer."""
        try:
            answer, due = await self._run(partial(self._transport.look, pending))
        except StoreUnavailable as error:
            now = time.monotonic()
            if now >= over:
                why = f"unavailable: no answer at the deadline. {error}"
                return refusal(pending.request.request_id, why, UNAVAILABLE, away=is_away(error)), 0.0, over
            if limit is not None and now >= limit:
                raise  # nobody can say whether it is pending
            return None, min(PAUSE_SECONDS, over - now), over
        if time.monotonic() > pending.deadline:
            over = time.monotonic() + max(due, MOVED_SECONDS)
        return answer, due, over

    async def _withdraw(self, opening: "Future[Pending]") -> None:
        """Nobody waits for it any more. Its thread does so, also where this task is cancelled again."""
        opening.cancel()
        if opening.cancelled():
            return

        def act() -> None:
            with suppress(StoreUnavailable, MalformedRecord, TypeError, ValueError):
                self._transport.cancel(opening.result().request.request_id)

        done = self._begun(act)
        self._withdrawals.add(done)
        done.add_done_callback(self._withdrawals.discard)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(done)), WITHDRAW_SECONDS)
