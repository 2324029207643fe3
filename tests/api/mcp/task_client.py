"""A client of MCP that takes tasks, made of the official one, which takes a second to load."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import httpx2
from mcp.client import Client
from mcp.client.extension import ClientExtension, ResultClaim, advertise
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, Request, RequestParams, Result

from tests.waiting import PATIENCE

TASKS = "io.modelcontextprotocol/tasks"
OTHER = advertise("org.example/other")  # an extension that is not that of tasks
Refused = MCPError


class Begun(Result):
    """A task that a call of a tool began."""

    result_type: Literal["task"] = "task"
    task_id: str
    status: str
    poll_interval_ms: int


class Named(RequestParams):
    task_id: str


class About(Request[Named, str]):
    """tasks/get and its siblings."""

    name_param = "taskId"


class Told(Result):
    """What a task has come to."""

    task_id: str = ""
    status: str = ""
    result: dict[str, Any] | None = None


Say = Callable[[str, str], Awaitable[Told]]
Act = Callable[[Client, Say], Awaitable[Any]]


async def told(session: Any, method: str, task_id: str) -> Told:
    return await session.send_request(About(method=method, params=Named(task_id=task_id)), Told)


class ByHand(ClientExtension):
    """Takes tasks, and leaves their answers to whoever called."""

    identifier = TASKS

    def claims(self) -> list[ResultClaim[Begun]]:
        return [ResultClaim(result_type="task", model=Begun, resolve=self.come_back)]

    async def come_back(self, begun: Begun, context: Any) -> CallToolResult:
        raise AssertionError("nobody came back")


class Patient(ByHand):
    """Comes back until there is an answer, as clients do."""

    async def come_back(self, begun: Begun, context: Any) -> CallToolResult:
        assert begun.status == "working"
        while (found := await told(context.session, "tasks/get", begun.task_id)).status == "working":
            await asyncio.sleep(begun.poll_interval_ms / 1000 / 20)
        assert found.status == "completed"
        return CallToolResult.model_validate(found.result)


def said(result: CallToolResult | dict[str, Any] | None) -> dict[str, Any]:
    return json.loads(CallToolResult.model_validate(result).content[0].text)


async def begin(client: Client, tool: str, arguments: dict[str, Any]) -> str:
    begun = await client.session.call_tool(tool, arguments, allow_claimed=True)
    assert isinstance(begun, Begun)
    return begun.task_id


def run(url: str, headers: dict[str, str], act: Act, extension: Any = None) -> Any:
    """What `act(client, say)` returns, with a client of the server at `url` that takes tasks."""

    async def connected() -> Any:
        async with httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as http:
            transport = streamable_http_client(url, http_client=http)
            async with Client(transport, mode="2026-07-28", extensions=[extension or ByHand()]) as client:
                return await act(client, saying(client))

    return asyncio.run(connected())


def saying(client: Client) -> Say:
    """`say("tasks/get", task_id)`, by this client."""
    return lambda method, task: told(client.session, method, task)
