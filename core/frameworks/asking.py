"""What every framework needs: several calls of tools asked at once, and answers in words for a model."""

import asyncio
import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext, suppress
from typing import Any, NamedTuple

from ..approvals.request import ApprovalRequest, ApprovalResponse, is_away, refusal
from ..errors import AlreadyCollected, StoreUnavailable
from ..gate import AsyncGate, Gate
from ..gate.transport import Timeout
from ..values.approvals import EDITED, TIMEOUT, UNAVAILABLE
from ..values.names import NAME_LENGTH

TIMEOUT_OF_PEOPLE = "24h"
NO_MORE = "Do not try to do the same in another way."


class ToolCall(NamedTuple):
    """A call of a tool that people are asked about: the tool is the type of the request, its arguments the context."""

    tool: str
    arguments: Mapping[str, Any]
    key: str | None
    understands: tuple[str, ...] = (EDITED,)


def asking_with(gate: Gate | None) -> AbstractContextManager[Gate]:
    """This gate; without one, one of its own, which is closed at the end, however that comes."""
    return Gate() if gate is None else nullcontext(gate)


def asking_async_with(gate: AsyncGate | None) -> AbstractAsyncContextManager[AsyncGate]:
    """The same, awaited."""
    return AsyncGate() if gate is None else nullcontext(gate)


def key_of(*parts: object) -> str:
    """A key of these parts; of those that are too long together, their digest."""
    text = ":".join(map(str, parts))
    return text if len(text) <= NAME_LENGTH else hashlib.sha256(text.encode()).hexdigest()


class CallKeys:
    """Names for calls that have no id which the next process knows: by tool, arguments and how often it came.

    thread: a name of the work, the same when its program is started again. A yes is for one call in one process: where
    the program is started again after it heard one, that call is asked about anew.
    """

    def __init__(self, thread: str) -> None:
        self._thread, self._seen = thread, Counter[str]()
        self._process = uuid.uuid4().hex

    def key(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """Of the next such call."""
        call = json.dumps([tool, arguments], sort_keys=True, default=str)
        self._seen[call] += 1
        return key_of(self._thread, hashlib.sha256(call.encode()).hexdigest(), self._seen[call])

    def ask(self, gate: Gate, call: ToolCall, timeout: Timeout) -> ApprovalResponse:
        """What people say to the next such call; its key is made here."""
        while True:
            named = call._replace(key=self.key(call.tool, call.arguments))
            with suppress(AlreadyCollected):  # a yes for a call that ran in a process before this one
                return ask_once(gate, named, timeout, self._process)

    async def ask_async(self, gate: AsyncGate, call: ToolCall, timeout: Timeout) -> ApprovalResponse:
        """The same, awaited."""
        while True:
            named = call._replace(key=self.key(call.tool, call.arguments))
            with suppress(AlreadyCollected):
                return await ask_once_async(gate, named, timeout, self._process)


def ask_once(gate: Gate, call: ToolCall, timeout: Timeout, claim: str | None = None) -> ApprovalResponse:
    """What people say to this one call."""
    return gate.ask(call.tool, dict(call.arguments), timeout=timeout, claim=claim, **_options(call))


async def ask_once_async(
    gate: AsyncGate, call: ToolCall, timeout: Timeout, claim: str | None = None
) -> ApprovalResponse:
    """The same, awaited."""
    return await gate.ask(call.tool, dict(call.arguments), timeout=timeout, claim=claim, **_options(call))


def _options(call: ToolCall) -> dict[str, Any]:
    return {"key": call.key, "understands": call.understands}


def asked(gate: Gate, calls: Sequence[ToolCall], timeout: Timeout) -> list[ApprovalResponse]:
    """What people say to each: all are asked before the first is waited for."""
    opened = [_opened(gate, call, timeout) for call in calls]
    return [
        one if isinstance(one, ApprovalResponse) else gate.wait(one, understands=call.understands)
        for one, call in zip(opened, calls, strict=True)
    ]


def _opened(gate: Gate, call: ToolCall, timeout: Timeout) -> ApprovalRequest | ApprovalResponse:
    try:
        return gate.open(call.tool, dict(call.arguments), timeout=timeout, **_options(call))
    except StoreUnavailable as error:
        return refusal("", f"unavailable: {error}", UNAVAILABLE, away=is_away(error))


async def asked_async(
    gate: AsyncGate, calls: Sequence[ToolCall], timeout: Timeout, named: CallKeys | None = None
) -> list[ApprovalResponse]:
    """The same, awaited. Where one cannot be asked, nobody waits for the others any more. named: who makes the keys."""
    asks = [
        asyncio.ensure_future(
            ask_once_async(gate, call, timeout) if named is None else named.ask_async(gate, call, timeout)
        )
        for call in calls
    ]
    try:
        return await asyncio.gather(*asks)
    finally:
        for ask in asks:
            ask.cancel()
        await asyncio.gather(*asks, return_exceptions=True)


def why_not(answer: ApprovalResponse) -> str:
    """Why a call did not run, in words that keep a model from trying it in another way."""
    if answer.status == TIMEOUT:
        return f"Nobody answered in time, so it did not run. {NO_MORE}"
    if answer.status == UNAVAILABLE:
        return f"Nobody could be asked, so it did not run. {NO_MORE}"
    reason = f": {answer.reason}" if answer.reason else ""
    return f"Refused by {answer.responder}{reason}. {NO_MORE}"
