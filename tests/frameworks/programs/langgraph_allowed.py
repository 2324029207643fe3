"""Graphs that allow some decisions alone, answered by a fake gate: what each of them is told."""

import json
from pathlib import Path

from agent_telemetry import Gate
from agent_telemetry.frameworks.langgraph import run
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from programs.langgraph_model import Model, pay

CONFIG = {"configurable": {"thread_id": "1"}}
START_WITH = {"messages": [("user", "ann")]}


def middleware(mode: str, allowed: list[str], approve: bool) -> str:
    held = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": allowed}}, interrupt_mode=mode)
    agent = create_agent(Model(messages=iter([])), [pay], middleware=[held], checkpointer=InMemorySaver())
    return run(agent, START_WITH, CONFIG, Gate.fake(approve=approve))["messages"][-1].text


def inbox(allowed: list[str], approve: bool) -> str:
    names = ("allow_accept", "allow_edit", "allow_respond", "allow_ignore")
    asks = {
        "action_request": {"action": "pay", "args": {"to": "ann"}},
        "config": {name: name in allowed for name in names},
    }

    def act(state: MessagesState) -> MessagesState:
        return {"messages": [("ai", interrupt([asks])[0]["type"])]}

    graph = StateGraph(MessagesState).add_node("act", act).add_edge(START, "act")
    compiled = graph.compile(checkpointer=InMemorySaver())
    return run(compiled, START_WITH, CONFIG, Gate.fake(approve=approve))["messages"][-1].text


Path("told").write_text(
    json.dumps(
        {
            "batched, words alone": middleware("batched", ["respond"], True),
            "per call, words alone": middleware("per_call", ["respond"], True),
            "batched, no words": middleware("batched", ["approve", "reject"], False),
            "per call, no words": middleware("per_call", ["approve", "reject"], False),
            "per call, one word": middleware("per_call", ["approve"], True),
            "inbox, words alone": inbox(["allow_respond"], True),
            "inbox, no words": inbox(["allow_accept", "allow_ignore"], False),
            "inbox, words": inbox(["allow_accept", "allow_respond"], False),
        }
    )
)
