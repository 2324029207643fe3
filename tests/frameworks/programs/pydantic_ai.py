"""Its own FunctionModel wants to pay; `pay` requires approval."""

import asyncio
import sys

from agent_telemetry.frameworks.pydantic_ai import run
from programs.outcome import note, ran
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel


def answer(messages, info):
    last = messages[-1].parts[-1]
    if last.part_kind == "tool-return":
        return ModelResponse([TextPart(f"done: {last.content}")])
    name = messages[0].parts[-1].content
    return ModelResponse([ToolCallPart("pay", {"to": name, "amount": 10}, tool_call_id=f"call-{name}")])


agent = Agent(FunctionModel(answer), output_type=[str, DeferredToolRequests])


@agent.tool_plain(requires_approval=True)
def pay(to: str, amount: int) -> str:
    return ran(to, amount)


async def act(name: str) -> None:
    result = await run(agent, name, keep=f"{name}.json", timeout=note.timeout(name))
    note(name, result.output)


async def main() -> None:
    await asyncio.gather(*map(act, sys.argv[1:]))


asyncio.run(main())
