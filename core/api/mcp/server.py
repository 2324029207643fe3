"""The server itself, by the SDK of the protocol: three tools, for every version of the specification that it speaks."""

import logging
from collections.abc import Awaitable
from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from core import __version__
from core.api.answers import Refused
from core.api.mcp.asking import LONGEST_WAIT, TROUBLE, TokenAsker, as_text, unavailable
from core.api.mcp.tasks import Tasks, asker_of

INSTRUCTIONS = (
    "People approve, deny or answer here. Go on only where the answer says approved; a denial is final, so do not try "
    "the same in another way."
)


def made() -> MCPServer:
    """A new server with its tools."""
    # One line of the log for each call of an older client says nothing.
    logging.getLogger("mcp").setLevel(logging.WARNING)
    server = MCPServer(
        "agent-telemetry",
        version=__version__,
        instructions=INSTRUCTIONS,
        log_level="WARNING",
        extensions=[Tasks()],
    )
    for tool in (approve, ask_human, wait_for_answer):
        server.add_tool(tool, structured_output=False)
    return server


async def approve(tool_name: str, input: dict[str, Any], ctx: Context, tool_use_id: str = "") -> str:
    """Ask people whether a tool may run. For `--permission-prompt-tool` of Claude Code; it waits until they answer."""
    return as_text(await _asker(ctx).approve(tool_name, input, tool_use_id))


async def ask_human(
    question: str,
    ctx: Context,
    details: dict[str, Any] | None = None,
    key: str | None = None,
    wait: float = LONGEST_WAIT,
) -> str:
    """Ask people a question and wait for at most 25 seconds.

    Where `status` is pending, call wait_for_answer with the `id`. `approved` says yes or no, `reason` holds what the
    person wrote. `details`: what they must see to answer. `key`: the same key is the same question, asked again.
    """
    return await _answered(_asker(ctx).ask(question, details, key, wait))


async def wait_for_answer(id: str, ctx: Context, wait: float = LONGEST_WAIT) -> str:
    """Wait for the answer to a question of ask_human, at most 25 seconds; call it again while `status` is pending."""
    return await _answered(_asker(ctx).wait(id, wait))


def _asker(ctx: Context) -> TokenAsker:
    return asker_of(ctx.request_context)


async def _answered(waiting: Awaitable[dict[str, Any]]) -> str:
    try:
        return as_text(await waiting)
    except Refused as refused:
        raise ToolError(str(refused)) from refused
    except TROUBLE as error:
        return as_text(unavailable(error))
