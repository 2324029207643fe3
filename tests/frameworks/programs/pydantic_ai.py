"""Its own FunctionModel wants to pay; `pay` requires approval."""

import asyncio
import sys

from agent_telemetry.frameworks.pydantic_ai import run
from programs.outcome import note, ran
from programs.pydantic_ai_model import answer
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.models.function import FunctionModel

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
