"""A whole program for each framework, as the page Connect shows it; a test runs every one as it stands."""

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


async def main():
    async with AsyncGate() as gate:
        answer = await gate.ask("deploy", {"version": "1.10"}, timeout="2h")
        print("go on" if answer.approved else answer.reason)


asyncio.run(main())""",
        "import asyncio",
    ),
    Snippet(
        "LangGraph, LangChain",
        """\
from agent_telemetry.frameworks.langgraph import run

held = HumanInTheLoopMiddleware({"pay": {"allowed_decisions": ["approve", "edit", "reject"]}})
agent = create_agent(model, [pay], middleware=[held], checkpointer=saver)
result = run(agent, {"messages": [("user", "Pay Ann")]}, {"configurable": {"thread_id": "7"}})
for message in result["messages"]:
    message.pretty_print()""",
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
result = asyncio.run(run(agent, "Pay Ann", keep="pay-ann.json"))
print(result.output)""",
        '''\
import asyncio

from pydantic_ai import Agent, DeferredToolRequests
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


def answer(messages, info):
    """In the place of your model, so that this runs without a key: it wants to pay once."""
    last = messages[-1].parts[-1]
    if last.part_kind == "tool-return":
        return ModelResponse([TextPart(f"The tool said: {last.content}")])
    return ModelResponse([ToolCallPart("pay", {"to": "Ann", "euros": 10})])


model = FunctionModel(answer)''',
        "pydantic-ai-slim",
    ),
    Snippet(
        "OpenAI Agents SDK",
        """\
from agent_telemetry.frameworks.openai_agents import run

agent = Agent("payer", model=model, tools=[function_tool(needs_approval=True)(pay)])
result = asyncio.run(run(agent, "Pay Ann", keep="pay-ann.json"))
print(result.final_output)""",
        '''\
import asyncio

from agents import Agent, Model, ModelResponse, Usage, function_tool
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


class Fake(Model):
    """In the place of yours, so that this runs without a key: it wants to pay once."""

    async def get_response(self, system_instructions, input, *rest, **options):
        if isinstance(input, list) and input[-1].get("type") == "function_call_output":
            text = f"The tool said: {input[-1]['output']}"
            part = ResponseOutputText(text=text, type="output_text", annotations=[])
            of_it = {"id": "m", "role": "assistant", "status": "completed", "type": "message"}
            said = ResponseOutputMessage(content=[part], **of_it)
        else:
            arguments = '{"to": "Ann", "euros": 10}'
            said = ResponseFunctionToolCall(call_id="1", name="pay", type="function_call", arguments=arguments)
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *rest, **options):
        raise NotImplementedError


model = Fake()''',
        "openai-agents",
    ),
    Snippet(
        "Claude Agent SDK",
        """\
from agent_telemetry.frameworks.claude_agent import before_tools


async def main():
    options = ClaudeAgentOptions(hooks=before_tools("Bash|Write"))
    async for message in query(prompt="Write hello.txt", options=options):
        print(message)


asyncio.run(main())""",
        """\
import asyncio

from claude_agent_sdk import ClaudeAgentOptions, query  # it asks Claude: sign in, or set ANTHROPIC_API_KEY""",
        "claude-agent-sdk",
    ),
    Snippet(
        "Microsoft Agent Framework",
        """\
from agent_telemetry.frameworks.agent_framework import run

agent = Agent(client, tools=[tool(approval_mode="always_require")(pay)])
response = asyncio.run(run(agent, "Pay Ann", keep="pay-ann.json"))
print(response.text)""",
        '''\
import asyncio

from agent_framework import Agent, BaseChatClient, ChatResponse, Content, FunctionInvocationLayer, Message, tool


def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


class Client(FunctionInvocationLayer, BaseChatClient):
    """In the place of yours, so that this runs without a key: it wants to pay once."""

    async def _inner_get_response(self, *, messages, stream, options, **more):
        said = Content.from_function_call("1", "pay", arguments='{"to": "Ann", "euros": 10}')
        for content in (content for message in messages for content in message.contents):
            if content.type == "function_result":
                said = Content.from_text(f"The tool said: {content.result}")
        return ChatResponse(messages=[Message("assistant", [said])], response_id="r")


client = Client()''',
        "agent-framework-core",
    ),
    Snippet(
        "CrewAI",
        """\
from agent_telemetry.frameworks.crewai import hold

hold("pay", thread="payday 7")  # from now on the tool `pay` of every crew is held
print(crew.kickoff().raw)""",
        '''\
from crewai import Agent, BaseLLM, Crew, Task
from crewai.tools import tool


@tool("pay")
def pay(to: str, euros: int) -> str:
    """Pay somebody."""
    return f"{to} got {euros} euros"


class Model(BaseLLM):
    """In the place of yours, so that this runs without a key: it wants to pay once."""

    def call(self, messages, *rest, **options):
        wanted = '{"to": "Ann", "euros": 10}'
        if wanted in str(messages):
            return f"Thought: I know it now\\nFinal Answer: {messages[-2]['content'].split('Observation: ')[-1]}"
        return f"Thought: pay\\nAction: pay\\nAction Input: {wanted}"

    def supports_function_calling(self):
        return False


agent = Agent(role="payer", goal="pay", backstory="pays", llm=Model(model="none"), tools=[pay])
task = Task(description="Pay Ann", expected_output="what came of it", agent=agent)
crew = Crew(agents=[agent], tasks=[task])''',
        "crewai",
    ),
    Snippet(
        "TypeScript, Node",
        """\
// Node 22.18 or later, with the client of this site:
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
