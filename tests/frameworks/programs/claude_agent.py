"""The real client behind the SDK, with a model of ours at ANTHROPIC_BASE_URL that wants to run a command."""

import asyncio
import sys

from agent_telemetry.frameworks.claude_agent import before_tools, can_use_tool
from claude_agent_sdk import ClaudeAgentOptions, query


async def prompt():
    yield {"type": "user", "message": {"role": "user", "content": "leave a trace"}}


async def main(client: str, way: str, timeout: str) -> None:
    said = {"thread": "traces", "timeout": timeout}
    held = (
        {"hooks": before_tools("Bash", **said)} if way == "hook" else {"can_use_tool": can_use_tool(**said)}
    )
    async for message in query(prompt=prompt(), options=ClaudeAgentOptions(cli_path=client, **held)):
        print(type(message).__name__, flush=True)


asyncio.run(main(*sys.argv[1:]))
