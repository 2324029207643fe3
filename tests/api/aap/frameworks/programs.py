"""Agents whose model wants one refund, gated by the unmodified client: `programs.py FRAMEWORK BASE TOKEN FILE`.

Each refund adds a line to FILE; what the agent says last is printed.
"""

import asyncio
import sys
from pathlib import Path

FRAMEWORK, BASE, TOKEN, TRACE = sys.argv[1:5]
TIMEOUT = sys.argv[5] if len(sys.argv) > 5 else "10m"
CALL, RUN = "call_1", "run-1"


def refund(amount: int) -> str:
    """Pay it back."""
    with Path(TRACE).open("a") as trace:
        trace.write(f"{amount}\n")
    return "paid back"


def with_langgraph() -> str:
    from agentapprovalprotocol.langgraph import ApprovalMiddleware
    from langchain.agents import create_agent
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, ToolMessage
    from langchain_core.outputs import ChatGeneration, ChatResult
    from langgraph.checkpoint.sqlite import SqliteSaver

    class Scripted(BaseChatModel):
        @property
        def _llm_type(self) -> str:
            return "scripted"

        def bind_tools(self, *_tools: object, **_options: object) -> "Scripted":
            return self

        def _generate(self, messages: list, *_more: object, **_options: object) -> ChatResult:
            wish = [{"name": "refund", "args": {"amount": 4900}, "id": CALL}]
            is_over = isinstance(messages[-1], ToolMessage)
            said = AIMessage("done") if is_over else AIMessage("Charged twice.", tool_calls=wish)
            return ChatResult(generations=[ChatGeneration(message=said)])

    gate = ApprovalMiddleware(BASE, TOKEN, timeout=TIMEOUT)
    with SqliteSaver.from_conn_string(f"{TRACE}.threads") as saver:
        agent = create_agent(Scripted(), [refund], middleware=[gate], checkpointer=saver)
        thread = {"configurable": {"thread_id": RUN}}
        begun = bool(agent.get_state(thread).next)  # it was killed while it waited, and goes on there
        asked = None if begun else {"messages": [{"role": "user", "content": "refund it"}]}
        # Whoever is killed finds the step it had come to: by default that is written while the next one runs.
        said = agent.invoke(asked, thread, durability="sync")["messages"]
    return str(said[-2].content)


def with_pydantic_ai() -> str:
    from agentapprovalprotocol.pydantic_ai import ApprovalCapability
    from pydantic_ai import Agent
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    def model(messages: list, _info: object) -> ModelResponse:
        if len(messages) == 1:
            return ModelResponse([TextPart("Charged twice."), ToolCallPart("refund", {"amount": 4900}, CALL)])
        return ModelResponse([TextPart(str(messages[-1].parts[0].content))])

    agent = Agent(FunctionModel(model), capabilities=[ApprovalCapability(BASE, TOKEN, timeout=TIMEOUT)])
    agent.tool_plain(refund)
    return str(agent.run_sync("refund it", conversation_id=RUN).output)


def with_openai_agents() -> str:
    from agentapprovalprotocol.openai_agents import Approvals
    from agents import Agent, Model, ModelResponse, RunConfig, Usage, function_tool
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    class Scripted(Model):
        async def get_response(self, *_given: object, **named: object) -> ModelResponse:
            last = named["input"][-1] if isinstance(named["input"], list) else {}
            if last.get("type") != "function_call_output":
                wish = ResponseFunctionToolCall(
                    name="refund", arguments='{"amount": 4900}', call_id=CALL, type="function_call"
                )
                return ModelResponse([wish], Usage(), None)
            text = ResponseOutputText(text=str(last["output"]), type="output_text", annotations=[])
            message = ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
            return ModelResponse([message], Usage(), None)

        def stream_response(self, *_given: object, **_named: object) -> None:
            raise NotImplementedError

    async def run() -> str:
        approvals = Approvals(BASE, TOKEN, timeout=TIMEOUT)
        agent = approvals.protect(Agent("refunder", model=Scripted(), tools=[function_tool(refund)]))
        options = RunConfig(tracing_disabled=True)
        return str((await approvals.run(agent, "refund it", run_id=RUN, run_config=options)).final_output)

    return asyncio.run(run())


if __name__ == "__main__":
    print(globals()[f"with_{FRAMEWORK}"]())
