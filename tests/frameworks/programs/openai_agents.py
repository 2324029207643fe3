"""A model of ours, as the SDK's own tests have one, wants to pay; `pay` needs approval."""

import asyncio
import json
import sys

from agent_telemetry.frameworks.openai_agents import run
from agents import Agent, Model, ModelResponse, Usage, function_tool, set_tracing_disabled
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from programs.outcome import note, ran

set_tracing_disabled(True)


class Fake(Model):
    """Wants to pay once, and then says what came of it."""

    async def get_response(self, system_instructions, input, *rest, **options):
        items = input if isinstance(input, list) else [{"role": "user", "content": input}]
        last = items[-1]
        if last.get("type") == "function_call_output":
            text = ResponseOutputText(text=f"done: {last['output']}", type="output_text", annotations=[])
            said = ResponseOutputMessage(
                id="m", content=[text], role="assistant", status="completed", type="message"
            )
        else:
            name = items[0]["content"]
            said = ResponseFunctionToolCall(
                call_id=f"call-{name}", name="pay", type="function_call",
                arguments=json.dumps({"to": name, "amount": 10}),
            )  # fmt: skip
        return ModelResponse(output=[said], usage=Usage(), response_id=None)

    def stream_response(self, *rest, **options):
        raise NotImplementedError


@function_tool(needs_approval=True)
def pay(to: str, amount: int) -> str:
    """Pay somebody."""
    return ran(to, amount)


async def act(name: str) -> None:
    result = await run(
        Agent("payer", model=Fake(), tools=[pay]), name, f"{name}.json", timeout=note.timeout(name)
    )
    note(name, result.final_output)


async def main() -> None:
    await asyncio.gather(*map(act, sys.argv[1:]))


if __name__ == "__main__":
    asyncio.run(main())
