"""Its own FunctionModel wants to pay; a toolset requires approval, and the capability asks within the run."""

import asyncio
import sys

from agent_telemetry.frameworks.pydantic_ai import approvals
from programs.outcome import note, ran
from programs.pydantic_ai_model import answer
from pydantic_ai import Agent, FunctionToolset
from pydantic_ai.models.function import FunctionModel

toolset = FunctionToolset()


@toolset.tool_plain
def pay(to: str, amount: int) -> str:
    return ran(to, amount)


async def act(name: str) -> None:
    asks = approvals(thread=name, timeout=note.timeout(name))
    agent = Agent(FunctionModel(answer), toolsets=[toolset.approval_required()], capabilities=[asks])
    note(name, (await agent.run(name)).output)


async def main() -> None:
    await asyncio.gather(*map(act, sys.argv[1:]))


asyncio.run(main())
