"""LangChain's middleware holds each call of `pay` by itself, in an event loop; each thread's state is in SQLite."""

import asyncio
import sys

from agent_telemetry.frameworks.langgraph import arun
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from programs.langgraph_model import Model, pay
from programs.outcome import note


async def act(name: str) -> None:
    async with AsyncSqliteSaver.from_conn_string(f"{name}.sqlite") as saver:
        allowed = {"pay": {"allowed_decisions": ["approve", "edit", "reject"]}}
        held = HumanInTheLoopMiddleware(allowed, interrupt_mode="per_call")
        agent = create_agent(Model(messages=iter([])), [pay], middleware=[held], checkpointer=saver)
        config = {"configurable": {"thread_id": name}}
        result = await arun(agent, {"messages": [("user", name)]}, config, timeout=note.timeout(name))
        note(name, result["messages"][-1].text)


async def main() -> None:
    await asyncio.gather(*map(act, sys.argv[1:]))


asyncio.run(main())
