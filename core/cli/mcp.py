"""The command mcp: an MCP server on standard input and output, which hands every call on to that of the site."""

import asyncio
import importlib.util
import json
import os
import time
import uuid
from argparse import Namespace
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlencode

from .agents.shim import as_named
from .commands import DONE, command, option, whole

AGAIN_SECONDS = 0.5
AWAY_SECONDS = 60.0  # so long a site that does not answer is asked again; its own restart is shorter
CONNECT_SECONDS = 10.0
VERSION = "2026-07-28"  # each call by itself, which a restart of the site does not end
ASKS = "ask_human"
REFUSED = "Nobody could be asked: the site takes TELEMETRY_TOKEN for none that may ask."


@command(
    "mcp",
    "an MCP server for the agent that starts it, which asks people by the site",
    option(
        "--site", help="the address of the site, by default TELEMETRY_URL; the token is in TELEMETRY_TOKEN"
    ),
    option(
        "--agent", help="with the token of a fleet, what follows its beginning; by default TELEMETRY_AGENT"
    ),
    option(
        "--timeout",
        type=whole(10, 3600, " seconds"),
        default=600,
        help="seconds that the client waits for approve (600)",
    ),
)
def cmd_telemetry_mcp(args: Namespace) -> int:
    """Tools by which an agent asks people, over standard input and output (docs/agents/mcp.md)."""
    said = as_named(os.environ)
    site, token = args.site or said.get("TELEMETRY_URL", ""), said.get("TELEMETRY_TOKEN", "")
    if not site or not token:
        raise ValueError("TELEMETRY_URL and TELEMETRY_TOKEN must be set: the page Connect shows both")
    if importlib.util.find_spec("mcp") is None:
        raise ValueError("the package mcp is missing: install agent-telemetry[mcp]")
    query = {"agent": args.agent or said.get("TELEMETRY_AGENT", ""), "timeout": str(args.timeout)}
    address = f"{site.rstrip('/')}/mcp?{urlencode({name: said for name, said in query.items() if said})}"
    asyncio.run(_serve(McpSite(address, token)))
    return DONE


class McpSite:
    """The MCP server of the site, asked anew for each call, and again while it is away."""

    def __init__(self, address: str, token: str) -> None:
        self._address, self._headers = address, {"Authorization": f"Bearer {token}"}
        self._refused = False  # the token is not good, or may not ask: asked again, it would be the same

    async def list(self) -> Any:
        """Its tools."""
        return await self._patiently(lambda client: client.list_tools())

    async def call(self, name: str, arguments: dict[str, Any], takes_tasks: bool) -> Any:
        """What a tool of it says, or begins. A question gets a key, so that asked again it is the same."""
        from . import mcp_tasks as tasks

        said = {"key": uuid.uuid4().hex, **arguments} if name == ASKS else arguments
        if takes_tasks:
            return await self._patiently(lambda client: tasks.begin(client, name, said), tasks.TaskSupport())
        return await self._patiently(lambda client: client.call_tool(name, said))

    async def of_task(self, method: str, task_id: str) -> Any:
        """What it says of a task."""
        from . import mcp_tasks as tasks

        said = await self._patiently(lambda client: tasks.say(client, method, task_id), tasks.TaskSupport())
        if isinstance(said, Exception):
            raise said
        return said

    def why(self, error: Exception) -> str:
        """Why nobody could be asked, for a model."""
        return REFUSED if self._refused else f"Nobody could be asked: {type(error).__name__}."

    async def _patiently(self, ask: Any, *extensions: Any) -> Any:
        until = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                async with AsyncExitStack() as stack:
                    return await ask(await self._client(stack, extensions))
            except Exception:
                # What was asked under a key may be asked again.
                if time.monotonic() > until or self._refused:
                    raise
                await asyncio.sleep(AGAIN_SECONDS)

    async def _client(self, stack: AsyncExitStack, extensions: Any) -> Any:
        import httpx2
        from mcp.client import Client
        from mcp.client.streamable_http import streamable_http_client

        patience = httpx2.Timeout(CONNECT_SECONDS, read=None)
        made = httpx2.AsyncClient(
            headers=self._headers, timeout=patience, event_hooks={"response": [self._look]}
        )
        http = await stack.enter_async_context(made)
        transport = streamable_http_client(self._address, http_client=http)
        client = Client(transport, mode=VERSION, extensions=extensions)
        return await stack.enter_async_context(client)

    async def _look(self, response: Any) -> None:
        self._refused = self._refused or response.status_code in (401, 403)


async def _serve(site: McpSite) -> None:
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server
    from mcp.shared.exceptions import MCPError
    from mcp.types import INTERNAL_ERROR, CallToolResult, TextContent

    from . import mcp_tasks as tasks

    async def listed(_context: Any, _params: Any) -> Any:
        try:
            return await site.list()
        except Exception as error:
            raise MCPError(INTERNAL_ERROR, site.why(error)) from error

    async def called(context: Any, params: Any) -> Any:
        try:
            return await site.call(params.name, params.arguments or {}, tasks.are_taken(context))
        except Exception as error:  # whatever it is, nobody was asked
            why = site.why(error)
            text = json.dumps({"behavior": "deny", "message": why}) if params.name == "approve" else why
            return CallToolResult(
                content=[TextContent(type="text", text=text)], is_error=params.name != "approve"
            )

    server: Any = Server("agent-telemetry", on_list_tools=listed, on_call_tool=called)
    server.extensions[tasks.IDENTIFIER] = {}
    for method in tasks.METHODS:
        server.add_request_handler(method, tasks.TaskParams, _of_task(site, method))
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def _of_task(site: McpSite, method: str) -> Any:
    """What is answered to one method of tasks; an error of the site is the client's to read."""
    from mcp.server.mcpserver import require_client_extension

    from . import mcp_tasks as tasks

    async def answer(context: Any, params: Any) -> Any:
        require_client_extension(context, tasks.IDENTIFIER)
        return await site.of_task(method, params.task_id)

    return answer
