"""Tasks of MCP beside the agent: one that the site begins is handed on, and what a client then says of it.

Nothing is kept here: the site knows its tasks, also after a restart of either side. Names are those of the extension.
"""

from typing import Any, Literal

from mcp.client.extension import ClientExtension, ResultClaim
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, Request, RequestParams, Result
from pydantic import ConfigDict

IDENTIFIER = "io.modelcontextprotocol/tasks"
METHODS = ("tasks/get", "tasks/update", "tasks/cancel")
VERSION = "2026-07-28"  # of a client to which the SDK hands them on


class TaskParams(RequestParams):
    """Which task."""

    task_id: str


class SiteResult(Result):
    """What the site says, with whatever is in it."""

    model_config = ConfigDict(extra="allow")


class CreatedTask(SiteResult):
    """A task that a call of a tool began."""

    result_type: Literal["task"] = "task"


class _TaskRequest(Request[TaskParams, str]):
    name_param = "taskId"


class TaskSupport(ClientExtension):
    """Says to the site that tasks are taken; whoever called has them as they are."""

    identifier = IDENTIFIER

    def claims(self) -> list[ResultClaim[CreatedTask]]:
        """The one result that is none of the tool's own."""
        return [ResultClaim(result_type="task", model=CreatedTask, resolve=_nobody_waits)]


async def _nobody_waits(_begun: CreatedTask, _context: Any) -> Any:
    raise AssertionError("a task is handed on, and not waited for here")


def are_taken(context: Any) -> bool:
    """Whether the client of this call comes back for what takes long."""
    capabilities = context.session.client_capabilities
    known = (capabilities.extensions if capabilities else None) or {}
    return context.protocol_version == VERSION and IDENTIFIER in known


async def begin(client: Any, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a tool says, or the task that it began, as it goes over the wire."""
    return _wire(await client.session.call_tool(name, arguments, allow_claimed=True))


async def say(client: Any, method: str, task_id: str) -> dict[str, Any] | MCPError:
    """What the site says to one of the methods. That there is no such task is an answer too, and not asked again."""
    asked = _TaskRequest(method=method, params=TaskParams(task_id=task_id))
    try:
        return _wire(await client.session.send_request(asked, SiteResult))
    except MCPError as error:
        if error.error.code != INVALID_PARAMS:
            raise
        return error


def _wire(result: Result) -> dict[str, Any]:
    said: dict[str, Any] = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return said
