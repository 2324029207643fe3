"""Tasks, the extension by which a client comes back for what takes long: a task is the request that people answer.

Names are those of https://github.com/modelcontextprotocol/ext-tasks (2026-07-28). The SDK has none of it, and lets an
extension add its methods. Nothing is kept beside the request, so a restart of the site is not seen.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding
from mcp.server.mcpserver import require_client_extension
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, CallToolRequestParams

from core.api.answers import Refused
from core.api.mcp.asking import TROUBLE, TokenAsker, ToolTask, as_text, why
from core.approvals.request import ApprovalRequest
from core.cli.mcp_tasks import IDENTIFIER, VERSION, TaskParams, are_taken
from core.values.approvals import CANCELLED, PENDING

ASKER = "telemetry.asker"  # in the scope of a call over HTTP
POLL_SECONDS = 2.0
Context = ServerRequestContext[Any, Any]


class Tasks(Extension):
    """`approve` and `ask_human` begin a task, where the client says that it takes one."""

    identifier = IDENTIFIER

    def methods(self) -> list[MethodBinding]:
        """What a client says of its task."""
        ways = {"tasks/get": _get, "tasks/update": _update, "tasks/cancel": _cancel}
        return [
            MethodBinding(name, TaskParams, _handler(way), frozenset({VERSION})) for name, way in ways.items()
        ]

    async def intercept_tool_call(
        self, params: CallToolRequestParams, ctx: Context, call_next: CallNext
    ) -> HandlerResult:
        """The result of the tool, or the task that it began."""
        asker = asker_of(ctx)
        asker.takes_tasks = are_taken(ctx)
        said = await call_next(ctx)
        if asker.begun is None:
            return said
        begun = _state(asker.begun, await asker.request_of(asker.begun), "working")
        asker.comes_back(asker.begun)
        return {**begun, "resultType": "task"}


def asker_of(ctx: Context) -> TokenAsker:
    """Who asks for the one that calls."""
    found: TokenAsker = ctx.request.scope[ASKER]  # type: ignore[union-attr]
    return found


Way = Callable[[TokenAsker, ToolTask, ApprovalRequest], Awaitable[dict[str, Any]]]


def _handler(way: Way) -> Callable[[Context, TaskParams], Awaitable[HandlerResult]]:
    async def answer(ctx: Context, params: TaskParams) -> HandlerResult:
        require_client_extension(ctx, IDENTIFIER)
        asker = asker_of(ctx)
        try:
            task = ToolTask.of(params.task_id)
            return await way(asker, task, await asker.request_of(task))
        except Refused as refused:
            raise MCPError(INVALID_PARAMS, str(refused)) from refused
        except TROUBLE as error:
            raise MCPError(INTERNAL_ERROR, why(error)) from error

    return answer


async def _get(asker: TokenAsker, task: ToolTask, request: ApprovalRequest) -> dict[str, Any]:
    if request.status == CANCELLED:
        return _state(task, request, "cancelled")
    said = None if request.status == PENDING else await asker.came_of(task, request)
    if said is None:
        asker.comes_back(task)
        return _state(task, request, "working")
    result = {
        "content": [{"type": "text", "text": as_text(said)}],
        "isError": False,
        "resultType": "complete",
    }
    return {**_state(task, request, "completed"), "result": result}


async def _update(_asker: TokenAsker, _task: ToolTask, _request: ApprovalRequest) -> dict[str, Any]:
    return {}  # nothing is asked of the client, so whatever it answers is passed over


async def _cancel(asker: TokenAsker, task: ToolTask, _request: ApprovalRequest) -> dict[str, Any]:
    await asker.cancel(task)
    return {}


def _state(task: ToolTask, request: ApprovalRequest, status: str) -> dict[str, Any]:
    asked = request.timestamp.isoformat()
    return {
        "taskId": str(task),
        "status": status,
        "createdAt": asked,
        "lastUpdatedAt": asked,
        "ttlMs": round(request.timeout_seconds * 1000),
        "pollIntervalMs": round(POLL_SECONDS * 1000),
    }
