"""Lines for each framework, as the page Connect shows them; a test runs every one of Python."""

import re
from typing import NamedTuple


class Snippet(NamedTuple):
    """At most ten lines of ours. `name`: of what they are for.

    before: what a program of that framework has anyway, so that what is shown runs. needs: what is installed first.
    """

    name: str
    text: str
    before: str = ""
    needs: str = ""

    @property
    def whole(self) -> str:
        """As it is shown, and runs."""
        return "\n\n".join(part for part in (self.before, self.text) if part)

    @property
    def awaits(self) -> bool:
        """Whether it stands in a coroutine."""
        return re.search(r"\b(await|async) ", self.text) is not None and ".ts" not in self.text


SNIPPETS = (
    Snippet(
        "Python",
        """\
from agent_telemetry import Gate

answer = Gate().ask("deploy", {"version": "1.10"}, key="release-7", timeout="2h")
print("go on" if answer.approved else answer.reason)""",
    ),
    Snippet(
        "Python, asyncio",
        """\
from agent_telemetry import AsyncGate

async with AsyncGate() as gate:
    answer = await gate.ask("deploy", {"version": "1.10"}, timeout="2h")
    print("go on" if answer.approved else answer.reason)""",
    ),
    Snippet(
        "LangGraph, LangChain",
        """\
from agent_telemetry.frameworks.langgraph import run

held = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": ["approve", "edit", "reject"]}})
agent = create_agent(model, [pay], middleware=[held], checkpointer=saver)
result = run(agent, {"messages": [("user", "Pay Ann")]}, {"configurable": {"thread_id": "7"}})
print(result["messages"][-1].text)""",
        '''\
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


class Model(GenericFakeChatModel):
    """In the place of yours, so that this runs without a key: it wants to pay once."""

    def bind_tools(self, tools, **options):
        return self


call = {"name": "pay", "args": {"to": "Ann", "euros": 10}, "id": "call-1"}
model = Model(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("It is done.")]))
saver = InMemorySaver()  # one that lasts, such as SqliteSaver, goes on after a restart''',
        "langchain langgraph",
    ),
    Snippet(
        "Pydantic AI",
        """\
from agent_telemetry.frameworks.pydantic_ai import run

agent = Agent(model, output_type=[str, DeferredToolRequests])
agent.tool_plain(requires_approval=True)(pay)
result = await run(agent, "Pay Ann", keep="pay-ann.json")""",
        '''\
from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.models.test import TestModel


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


model = TestModel()  # in the place of yours, so that this runs without a key''',
        "pydantic-ai-slim",
    ),
    Snippet(
        "OpenAI Agents SDK",
        """\
from agent_telemetry.frameworks.openai_agents import run

agent = Agent("payer", tools=[function_tool(needs_approval=True)(pay)])
result = await run(agent, "Pay Ann", keep="pay-ann.json")""",
        '''\
from agents import Agent, function_tool


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"''',
        "openai-agents",
    ),
    Snippet(
        "Claude Agent SDK",
        """\
from agent_telemetry.frameworks.claude_agent import before_tools

options = ClaudeAgentOptions(hooks=before_tools("Bash|Write"))
async for message in query(prompt="Write hello.txt", options=options):
    print(message)""",
        "from claude_agent_sdk import ClaudeAgentOptions, query",
        "claude-agent-sdk",
    ),
    Snippet(
        "Microsoft Agent Framework",
        """\
from agent_telemetry.frameworks.agent_framework import run

agent = Agent(client, tools=[tool(approval_mode="always_require")(pay)])
response = await run(agent, "Pay Ann", keep="pay-ann.json")""",
        '''\
from agent_framework import Agent, tool


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


client = ...  # of your model, such as OpenAIChatClient()''',
        "agent-framework-core",
    ),
    Snippet(
        "CrewAI",
        """\
from agent_telemetry.frameworks.crewai import hold

hold("pay", thread="payday 7")  # before crew.kickoff(): the tool `pay` of every agent is held""",
        needs="crewai",
    ),
    Snippet(
        "TypeScript, Node",
        """\
// curl -sO "$TELEMETRY_URL/static/clients/agent-telemetry.ts"
import { Gate } from "./agent-telemetry.ts";

const answer = await new Gate().ask("deploy", { version: "1.10" }, { timeout: "2h" });
console.log(answer.approved ? "go on" : answer.reason);""",
    ),
    Snippet(
        "Shell",
        """\
agent-telemetry ask deploy --context '{"version": "1.10"}' --timeout 2h && ./deploy.sh""",
    ),
)


def environment(address: str, secret: str, is_fleet: bool) -> str:
    """What each of them finds in its environment."""
    fleet = "\nexport TELEMETRY_AGENT=1" if is_fleet else ""
    return f"export TELEMETRY_URL={address}\nexport TELEMETRY_TOKEN={secret}{fleet}"


CURL = """\
ID=$(curl -s {site}/api/v1/requests -H "Authorization: Bearer $TELEMETRY_TOKEN" -H "Content-Type: application/json" \\
  -d '{"type": "deploy", "context": {"version": "1.10"}, "timeout": 600{body}}' | cut -d '"' -f 4)
curl -s "{site}/api/v1/requests/$ID/outcome?wait=30{query}" -H "Authorization: Bearer $TELEMETRY_TOKEN\""""


def curl(site: str, is_fleet: bool) -> str:
    """The lines that ask and wait in a shell; the token of a fleet is told the rest of the name."""
    body, query = (', "agent": "1"', "&agent=1") if is_fleet else ("", "")
    return CURL.replace("{site}", site).replace("{body}", body).replace("{query}", query)
