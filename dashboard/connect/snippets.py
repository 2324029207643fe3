"""Lines for each framework, as the page of a new token shows them; a test runs every one of Python."""

from typing import NamedTuple


class Snippet(NamedTuple):
    """At most ten lines. `name`: of what they are for."""

    name: str
    text: str


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
    answer = await gate.ask("deploy", {"version": "1.10"}, timeout="2h")""",
    ),
    Snippet(
        "LangGraph, LangChain",
        """\
from agent_telemetry.frameworks.langgraph import run

held = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": ["approve", "edit", "reject"]}})
agent = create_agent(model, [pay], middleware=[held], checkpointer=saver)
result = run(agent, {"messages": [("user", "Pay Ann")]}, {"configurable": {"thread_id": "7"}})""",
    ),
    Snippet(
        "Pydantic AI",
        """\
from agent_telemetry.frameworks.pydantic_ai import run

agent = Agent(model, output_type=[str, DeferredToolRequests])
agent.tool_plain(requires_approval=True)(pay)
result = await run(agent, "Pay Ann", keep="pay-ann.json")""",
    ),
    Snippet(
        "OpenAI Agents SDK",
        """\
from agent_telemetry.frameworks.openai_agents import run

agent = Agent("payer", tools=[function_tool(needs_approval=True)(pay)])
result = await run(agent, "Pay Ann", keep="pay-ann.json")""",
    ),
    Snippet(
        "Claude Agent SDK",
        """\
from agent_telemetry.frameworks.claude_agent import before_tools

options = ClaudeAgentOptions(hooks=before_tools("Bash|Write"))""",
    ),
    Snippet(
        "Microsoft Agent Framework",
        """\
from agent_telemetry.frameworks.agent_framework import run

agent = Agent(client, tools=[tool(approval_mode="always_require")(pay)])
response = await run(agent, "Pay Ann", keep="pay-ann.json")""",
    ),
    Snippet(
        "CrewAI",
        """\
from agent_telemetry.frameworks.crewai import hold

hold("pay", thread="payday 7")""",
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
agent-telemetry ask deploy --context @plan.json --timeout 2h && ./deploy.sh""",
    ),
)


def environment(address: str, secret: str, is_fleet: bool) -> str:
    """What each of them finds in its environment."""
    fleet = "\nexport TELEMETRY_AGENT=1" if is_fleet else ""
    return f"export TELEMETRY_URL={address}\nexport TELEMETRY_TOKEN={secret}{fleet}"


CURL = """\
ID=$(curl -s {site}/api/v1/requests -H "Authorization: Bearer $AGENT_TOKEN" -H "Content-Type: application/json" \\
  -d '{"type": "deploy", "context": {"version": "1.10"}, "timeout": 600{body}}' | cut -d '"' -f 4)
curl -s "{site}/api/v1/requests/$ID/outcome?wait=30{query}" -H "Authorization: Bearer $AGENT_TOKEN\""""


def curl(site: str, is_fleet: bool) -> str:
    """The lines that ask and wait in a shell; the token of a fleet is told the rest of the name."""
    body, query = (', "agent": "1"', "&agent=1") if is_fleet else ("", "")
    return CURL.replace("{site}", site).replace("{body}", body).replace("{query}", query)
