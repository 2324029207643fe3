"""Lines of the document as they stand, with the models of the other programs: `document langgraph "from ..."`."""

import ast
import asyncio
import inspect
import sys
from typing import Any

from programs.outcome import note

BEFORE = {
    "langgraph": """
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from programs.langgraph_model import Model, pay
model, saver = Model(messages=iter([])), InMemorySaver()
""",
    "pydantic_ai": """
from programs.outcome import ran
from programs.pydantic_ai_model import answer
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.models.function import FunctionModel
model = FunctionModel(answer)
def pay(to: str, amount: int) -> str:
    return ran(to, amount)
""",
    "openai_agents": """
from functools import partial
import agents
from agents import function_tool
from programs.openai_agents import Fake
from programs.outcome import ran
Agent = partial(agents.Agent, model=Fake())
def pay(to: str, amount: int) -> str:
    return ran(to, amount)
""",
    "agent_framework": """
from agent_framework import Agent, tool
from programs.agent_framework import Fake
from programs.outcome import ran
client = Fake()
def pay(to: str, amount: int) -> str:
    return ran(to, amount)
""",
}
AFTER = {
    "langgraph": "said = result['messages'][-1].text",
    "pydantic_ai": "said = result.output",
    "openai_agents": "said = result.final_output",
    "agent_framework": "said = response.text",
}


async def main(framework: str, lines: str) -> None:
    names: dict[str, Any] = {}
    program = compile(
        BEFORE[framework] + lines + AFTER[framework], framework, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    running = eval(program, names)
    if inspect.isawaitable(running):
        await running
    note("it", names["said"])


asyncio.run(main(*sys.argv[1:]))
