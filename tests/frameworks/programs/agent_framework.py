"""A client of ours, as the framework's own documents have one, wants to pay; `pay` needs approval."""

import asyncio
import json
import sys

from agent_framework import (
    Agent,
    BaseChatClient,
    ChatResponse,
    Content,
    FunctionInvocationLayer,
    Message,
    tool,
)
from agent_telemetry.frameworks.agent_framework import run
from programs.outcome import note, ran


class Fake(FunctionInvocationLayer, BaseChatClient):
    """Wants to pay once, and then says what came of it."""

    async def _answer(self, messages):
        contents = [content for message in messages for content in message.contents]
        results = [str(one.result) for one in contents if one.type == "function_result"]
        if results:
            texts = [one.text for one in contents if one.type == "text"]
            said = Content.from_text(f"done: {results[-1]} {texts[-1]}")
        else:
            name = contents[0].text
            arguments = json.dumps({"to": name, "amount": 10})
            said = Content.from_function_call(f"call-{name}", "pay", arguments=arguments)
        return ChatResponse(messages=[Message("assistant", [said])], response_id="r")

    def _inner_get_response(self, *, messages, stream, options, **more):
        return self._answer(messages)


@tool(approval_mode="always_require")
def pay(to: str, amount: int) -> str:
    """Pay somebody."""
    return ran(to, amount)


async def act(name: str) -> None:
    agent = Agent(Fake(), tools=[pay])
    response = await run(agent, name, f"{name}.json", timeout=note.timeout(name))
    note(name, response.text)


async def main() -> None:
    await asyncio.gather(*map(act, sys.argv[1:]))


if __name__ == "__main__":
    asyncio.run(main())
