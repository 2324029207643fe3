"""LangChain's middleware holds `pay`; the state of each thread is in SQLite."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

from agent_telemetry.frameworks.langgraph import run
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.sqlite import SqliteSaver
from programs.langgraph_model import Model, pay
from programs.outcome import note


def act(name: str) -> None:
    saver = SqliteSaver(sqlite3.connect(f"{name}.sqlite", check_same_thread=False))
    held = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": ["approve", "edit", "reject"]}})
    agent = create_agent(Model(messages=iter([])), [pay], middleware=[held], checkpointer=saver)
    config = {"configurable": {"thread_id": name}}
    result = run(agent, {"messages": [("user", name)]}, config, timeout=note.timeout(name))
    note(name, result["messages"][-1].text)


with ThreadPoolExecutor() as pool:
    list(pool.map(act, sys.argv[1:]))
