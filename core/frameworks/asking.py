"""What every framework needs: several calls of tools asked at once, and answers in words for a model."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..approvals.request import ApprovalRequest, ApprovalResponse, is_away, refusal
from ..errors import StoreUnavailable
from ..gate import AsyncGate, Gate
from ..gate.way import Timeout
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


def key_of(*parts: object) -> str:
    """A key of these parts; of those that are too long together, their digest."""
    text = ":".join(map(str, parts))
    return text if len(text) <= NAME_LENGTH else hashlib.sha256(text.encode()).hexdigest()


def asked(gate: Gate, calls: Sequence[ToolCall], timeout: Timeout) -> list[ApprovalResponse]:
    """What people say to each: all are asked before the first is waited for."""
    opened = [_opened(gate, call, timeout) for call in calls]
    return [
        one if isinstance(one, ApprovalResponse) else gate.wait(one, understands=call.understands)
        for one, call in zip(opened, calls, strict=True)
    ]


def _opened(gate: Gate, call: ToolCall, timeout: Timeout) -> ApprovalRequest | ApprovalResponse:
    try:
        return gate.open(
            call.tool, dict(call.arguments), key=call.key, timeout=timeout, understands=call.understands
        )
    except StoreUnavailable as error:
        return refusal("", f"unavailable: {error}", UNAVAILABLE, away=is_away(error))


async def asked_async(gate: AsyncGate, calls: Sequence[ToolCall], timeout: Timeout) -> list[ApprovalResponse]:
    """The same, awaited."""
    import asyncio

    return await asyncio.gather(
        *(
            gate.ask(
                call.tool, dict(call.arguments), key=call.key, timeout=timeout, understands=call.understands
            )
            for call in calls
        )
    )


def why_not(answer: ApprovalResponse) -> str:
    """Why a call did not run, in words that keep a model from trying it in another way."""
    if answer.status == TIMEOUT:
        return f"Nobody answered in time, so it did not run. {NO_MORE}"
    if answer.status == UNAVAILABLE:
        return f"Nobody could be asked, so it did not run. {NO_MORE}"
    reason = f": {answer.reason}" if answer.reason else ""
    return f"Refused by {answer.responder}{reason}. {NO_MORE}"
