"""OpenAI Agents SDK: tools that need approval are asked about, and the run goes on, over a restart too."""

import json
from pathlib import Path
from typing import Any

from agents import Runner, RunState

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
    """What `Runner.run` gives, once people have answered for every tool that needs approval. The SDK takes no edits.

    keep: a file that has the run's state while people are asked, and goes when it has ended. Run the same program
    anew after a crash: it goes on there, and `input` is not sent again. options: of `Runner.run`.
    """
    async with RunFile(keep) as kept, asking_async_with(gate) as asking:
        text = await kept.begun()
        if text is None:
            result = await Runner.run(agent, input, **options)
            state = result.to_state()
        else:
            result, state = None, await RunState.from_string(agent, text.decode())
        while interruptions := state.get_interruptions():
            await kept.write(state.to_string().encode())
            calls = [_call(kept.name, item) for item in interruptions]
            for item, answer in zip(interruptions, await asked_async(asking, calls, timeout), strict=True):
                if answer.approved:
                    state.approve(item)
                else:
                    state.reject(item, rejection_message=why_not(answer))
            result = await Runner.run(agent, state, **options)
            state = result.to_state()
    return result


def _call(thread: str, item: Any) -> ToolCall:
    raw = item.raw_item
    said = raw if isinstance(raw, dict) else vars(raw)
    arguments = said.get("arguments") or "{}"
    found = json.loads(arguments) if isinstance(arguments, str) else arguments
    call_id = said.get("call_id") or said.get("id")
    return ToolCall(item.tool_name or "tool", found, key_of(thread, call_id), ())
