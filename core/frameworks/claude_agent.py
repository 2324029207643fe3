"""Claude Agent SDK: its tools are asked about, by a callback of permissions or by a hook that no rule passes by."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from claude_agent_sdk import HookMatcher, PermissionResultAllow, PermissionResultDeny

from ..approvals.request import ApprovalResponse
from ..gate import AsyncGate
from ..gate.conversion import seconds_of
from .asking import TIMEOUT_OF_PEOPLE, CallKeys, ToolCall, ask_once_async, key_of, why_not

EARLY_SECONDS = 60.0  # the client must not give up before people's time is up


def can_use_tool(
    gate: AsyncGate | None = None, *, thread: str | None = None, timeout: float | str = TIMEOUT_OF_PEOPLE
) -> Callable[[str, dict[str, Any], Any], Awaitable[Any]]:
    """For `ClaudeAgentOptions(can_use_tool=...)`: what the client itself would ask its user is asked here.

    thread: a name of this work, the same when its program is started again: then a call that waits is asked about
    once. The client gives a call another id each time, so it is known by tool, input and how often it came; a yes
    that was heard before is not heard again.
    """
    asked = _asker(gate, thread, timeout)

    async def ask(tool: str, given: dict[str, Any], context: Any) -> Any:
        answer = await asked(tool, given, key_of(context.tool_use_id or uuid.uuid4().hex))
        if not answer.approved:
            return PermissionResultDeny(message=why_not(answer))
        return PermissionResultAllow(updated_input=answer.edited or given)

    return ask


def before_tools(
    matcher: str | None = None,
    gate: AsyncGate | None = None,
    *,
    thread: str | None = None,
    timeout: float | str = TIMEOUT_OF_PEOPLE,
) -> dict[Any, Any]:
    """For `ClaudeAgentOptions(hooks=...)`: every tool that `matcher` names is asked about, whatever rules allow.

    matcher: as the SDK has it, such as "Bash|Write"; None for all. What cannot be asked does not run. thread: as for
    `can_use_tool`.
    """
    asked = _asker(gate, thread, timeout)

    async def ask(said: Any, tool_use_id: str | None, _context: Any) -> dict[str, Any]:
        use = key_of(said["session_id"], tool_use_id or uuid.uuid4().hex)
        answer = await asked(said["tool_name"], said["tool_input"], use)
        decision: dict[str, Any] = {"permissionDecision": "allow" if answer.approved else "deny"}
        if not answer.approved:
            decision["permissionDecisionReason"] = why_not(answer)
        if answer.edited:
            decision["updatedInput"] = answer.edited
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}}

    seconds = seconds_of(timeout) + EARLY_SECONDS
    return {"PreToolUse": [HookMatcher(matcher=matcher, hooks=[ask], timeout=seconds, on_failure="block")]}


def _asker(
    gate: AsyncGate | None, thread: str | None, timeout: float | str
) -> Callable[[str, dict[str, Any], str], Awaitable[ApprovalResponse]]:
    """Asks about one call, whose id is the last argument; one without is a call of its own."""
    asking, calls = gate or AsyncGate(), None if thread is None else CallKeys(thread)

    async def ask(tool: str, given: dict[str, Any], use: str) -> ApprovalResponse:
        call = ToolCall(tool, given, use)
        if calls is not None:
            return await calls.ask_async(asking, call, timeout)
        return await ask_once_async(asking, call, timeout)

    return ask
