"""Microsoft Agent Framework: tools that need approval are asked about, and the run goes on, over a restart too."""

import json
from pathlib import Path
from typing import Any

from agent_framework import AgentSession, Content, Message

from ..approvals.request import ApprovalResponse
from ..gate import AsyncGate
from ..gate.transport import Timeout
from .asking import TIMEOUT_OF_PEOPLE, ToolCall, asked_async, asking_async_with, key_of, why_not
from .run_file import RunFile


async def run(
    agent: Any,
    input: Any,
    keep: str | Path,
    gate: AsyncGate | None = None,
    *,
    timeout: Timeout = TIMEOUT_OF_PEOPLE,
    **options: Any,
) -> Any:
    """What `agent.run` gives, once people have answered for every tool with `approval_mode="always_require"`.

    A denial's reason follows as a message, since the framework has no place for it, and it takes no edits. keep: a
    file that has the session while people are asked, and goes when the run has ended. Run the same program anew
    after a crash: it goes on there, and `input` is not sent again. options: of `agent.run`.
    """
    async with RunFile(keep) as kept, asking_async_with(gate) as asking:
        begun = await kept.begun()
        if begun is None:
            session = agent.create_session()
            response = await agent.run(input, session=session, **options)
            requests = response.user_input_requests
        else:
            response, state = None, json.loads(begun)
            session = AgentSession.from_dict(state["session"])
            requests = [Content.from_dict(one) for one in state["requests"]]
        while requests:
            state = {"session": session.to_dict(), "requests": [one.to_dict() for one in requests]}
            await kept.write(json.dumps(state).encode())
            calls = [_call(kept.name, one) for one in requests]
            answers = await asked_async(asking, calls, timeout)
            response = await agent.run(_replies(requests, answers), session=session, **options)
            requests = response.user_input_requests
    return response


def _call(thread: str, request: Any) -> ToolCall:
    call = request.function_call
    arguments = call.parse_arguments() or {}
    return ToolCall(call.name, arguments, key_of(thread, call.call_id), ())


def _replies(requests: list[Any], answers: list[ApprovalResponse]) -> list[Any]:
    said = [
        request.to_function_approval_response(answer.approved)
        for request, answer in zip(requests, answers, strict=True)
    ]
    why = [Content.from_text(why_not(answer)) for answer in answers if not answer.approved]
    return [Message("user", said), *([Message("user", why)] if why else [])]
