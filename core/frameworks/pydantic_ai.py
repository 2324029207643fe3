"""Pydantic AI: tools that require approval are asked about, within a run or over a restart."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic_ai import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied
from pydantic_ai.capabilities import HandleDeferredToolCalls
from pydantic_ai.messages import ModelMessagesTypeAdapter

from ..gate import AsyncGate
from ..gate.way import Timeout
from .asking import TIMEOUT_OF_PEOPLE, Calls, ToolCall, asked_async, asking_async_with, key_of, why_not
from .keeping import Kept


def approvals(
    gate: AsyncGate | None = None, *, thread: str | None = None, timeout: Timeout = TIMEOUT_OF_PEOPLE
) -> Any:
    """A capability for `Agent(capabilities=[approvals()])`: the run waits for people.

    A run that is cancelled withdraws what it asked. thread: a name of this work, the same when its program is started
    again: then a call that was asked about before is the same request, known by tool, arguments and how often it
    came. `run` keeps what the model said, too.
    """
    asking, seen = gate or AsyncGate(), None if thread is None else Calls(thread)

    async def handle(_context: Any, requests: DeferredToolRequests) -> DeferredToolResults:
        def key(call: Any) -> str | None:
            return None if seen is None else seen.key(call.tool_name, call.args_as_dict())

        return await _results(asking, requests, key, timeout)

    return HandleDeferredToolCalls(handler=handle)


async def run(
    agent: Any,
    prompt: Any,
    keep: str | Path,
    gate: AsyncGate | None = None,
    *,
    timeout: Timeout = TIMEOUT_OF_PEOPLE,
    **options: Any,
) -> Any:
    """What `agent.run` gives, asked as often as it takes; `DeferredToolRequests` must be among its output types.

    keep: a file that has the messages while people are asked, and goes when the run has ended. Run the same program
    anew after a crash: it goes on there, and `prompt` is not sent again. options: of `agent.run`.
    """
    async with Kept(keep) as kept, asking_async_with(gate) as asking:
        begun = await kept.begun()
        if begun is None:
            result = await agent.run(prompt, **options)
        else:
            result = await agent.run(message_history=ModelMessagesTypeAdapter.validate_json(begun), **options)
        while isinstance(result.output, DeferredToolRequests):
            await kept.write(result.all_messages_json())
            results = await _results(
                asking, result.output, lambda call: key_of(kept.name, call.tool_call_id), timeout
            )
            result = await agent.run(
                message_history=result.all_messages(), deferred_tool_results=results, **options
            )
    return result


async def _results(
    gate: AsyncGate, requests: DeferredToolRequests, key: Callable[[Any], str | None], timeout: Timeout
) -> DeferredToolResults:
    calls = [ToolCall(call.tool_name, call.args_as_dict(), key(call)) for call in requests.approvals]
    answers = await asked_async(gate, calls, timeout)
    return requests.build_results(
        approvals={
            call.tool_call_id: ToolApproved(override_args=answer.edited or None)
            if answer.approved
            else ToolDenied(why_not(answer))
            for call, answer in zip(requests.approvals, answers, strict=True)
        }
    )
