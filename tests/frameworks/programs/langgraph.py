"""LangChain's middleware holds `pay`; the state of each thread is in SQLite."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

from agent_telemetry.frameworks.langgraph import run
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.sqlite import SqliteSaver
from programs.outcome import note, ran


class Model(GenericFakeChatModel):
    """Wants to pay once, and then says what came of it."""

    def bind_tools(self, tools, **options):
        return self

    def _generate(self, messages, *rest, **options):
        last = messages[-1]
        call = {"name": "pay", "args": {"to": messages[0].content, "amount": 10}, "id": "call-1"}
        said = AIMessage(f"done: {last.text}") if last.type == "tool" else AIMessage("", tool_calls=[call])
        self.messages = iter([said])
        return super()._generate(messages, *rest, **options)


def pay(to: str, amount: int) -> str:
    """Pay somebody."""
    return ran(to, amount)


def act(name: str) -> None:
    saver = SqliteSaver(sqlite3.connect(f"{name}.sqlite", check_same_thread=False))
    held = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": ["approve", "edit", "reject"]}})
    agent = create_agent(Model(messages=iter([])), [pay], middleware=[held], checkpointer=saver)
    config = {"configurable": {"thread_id": name}}
    result = run(agent, {"messages": [("user", name)]}, config, timeout=note.timeout(name))
    note(name, result["messages"][-1].text)


with ThreadPoolExecutor() as pool:
    list(pool.map(act, sys.argv[1:]))
