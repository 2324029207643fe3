"""Pydantic AI: tools that require approval are asked about, within a run or over a restart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic_ai import DeferredToolRequests, DeferredToolResults, ToolApproved, ToolDenied
from pydantic_ai.capabilities import HandleDeferredToolCalls
from pydantic_ai.messages import ModelMessagesTypeAdapter

from ..approvals.request import ApprovalResponse
from ..gate import AsyncGate
from ..gate.transport import Timeout
from .asking import TIMEOUT_OF_PEOPLE, CallKeys, ToolCall, asked_async, asking_async_with, key_of, why_not
from .run_file import RunFile


def approvals(
    gate: AsyncGate | None = None, *, thread: str | None = None, timeout: Timeout = TIMEOUT_OF_PEOPLE
) -> Any:
    """A capability for `Agent(capabilities=[approvals()])`: the run waits for people.

    A run that is cancelled withdraws what it asked. thread: a name of this work, the same when its program is started
    again: then a call that waits is the same request, known by tool, arguments and how often it came; a yes that was
    heard before is not heard again. `run` keeps what the model said, too.
    """
    asking, seen = gate or AsyncGate(), None if thread is None else CallKeys(thread)

    async def handle(_context: Any, requests: DeferredToolRequests) -> DeferredToolResults:
        calls = [ToolCall(call.tool_name, call.args_as_dict(), None) for call in requests.approvals]
        return _results(requests, await asked_async(asking, calls, timeout, seen))

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
    async with RunFile(keep) as kept, asking_async_with(gate) as asking:
        begun = await kept.begun()
        if begun is None:
            result = await agent.run(prompt, **options)
        else:
            result = await agent.run(message_history=ModelMessagesTypeAdapter.validate_json(begun), **options)
        while isinstance(result.output, DeferredToolRequests):
            await kept.write(result.all_messages_json())
            calls = [
                ToolCall(call.tool_name, call.args_as_dict(), key_of(kept.name, call.tool_call_id))
                for call in result.output.approvals
            ]
            results = _results(result.output, await asked_async(asking, calls, timeout))
            result = await agent.run(
                message_history=result.all_messages(), deferred_tool_results=results, **options
            )
    return result


def _results(requests: DeferredToolRequests, answers: Sequence[ApprovalResponse]) -> DeferredToolResults:
    return requests.build_results(
        approvals={
            call.tool_call_id: ToolApproved(override_args=answer.edited or None)
            if answer.approved
            else ToolDenied(why_not(answer))
            for call, answer in zip(requests.approvals, answers, strict=True)
        }
    )
