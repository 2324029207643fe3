"""A graph that interrupts as the agent inbox wants it; the state of each thread is in SQLite."""

import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TypedDict

from agent_telemetry.frameworks.langgraph import run
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from programs.langgraph_model import pay
from programs.outcome import note

ALLOWED = {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True}


class State(TypedDict, total=False):
    name: str
    said: str


def act(state: State) -> State:
    request = {"action": "pay", "args": {"to": state["name"], "amount": 10}}
    [answer] = interrupt([{"action_request": request, "config": ALLOWED, "description": None}])
    if answer["type"] == "response":
        return {"said": answer["args"]}
    return {"said": pay(**(answer["args"] or request)["args"])}


def start(name: str) -> None:
    saver = SqliteSaver(sqlite3.connect(f"{name}.sqlite", check_same_thread=False))
    graph = StateGraph(State).add_node("act", act).add_edge(START, "act").compile(checkpointer=saver)
    config = {"configurable": {"thread_id": name}}
    note(name, run(graph, {"name": name}, config, timeout=note.timeout(name))["said"])


with ThreadPoolExecutor() as pool:
    list(pool.map(start, sys.argv[1:]))
