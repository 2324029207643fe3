"""Claude Agent SDK: its tools are asked about, by a callback of permissions or by a hook that no rule passes by."""

from collections.abc import Awaitable, Callable
from typing import Any

from claude_agent_sdk import HookMatcher, PermissionResultAllow, PermissionResultDeny

from ..gate import AsyncGate
from ..gate.forms import seconds_of
from ..values.approvals import EDITED
from .asking import TIMEOUT_OF_PEOPLE, key_of, why_not

EARLY_SECONDS = 60.0  # the client must not give up before people's time is up


def can_use_tool(
    gate: AsyncGate | None = None, *, timeout: float | str = TIMEOUT_OF_PEOPLE
) -> Callable[[str, dict[str, Any], Any], Awaitable[Any]]:
    """For `ClaudeAgentOptions(can_use_tool=...)`: what the client itself would ask its user is asked here."""
    asking = gate or AsyncGate()

    async def ask(tool: str, given: dict[str, Any], context: Any) -> Any:
        answer = await asking.ask(
            tool, given, key=key_of(context.tool_use_id), timeout=timeout, understands=(EDITED,)
        )
        if not answer.approved:
            return PermissionResultDeny(message=why_not(answer))
        return PermissionResultAllow(updated_input=answer.edited or given)

    return ask


def before_tools(
    matcher: str | None = None, gate: AsyncGate | None = None, *, timeout: float | str = TIMEOUT_OF_PEOPLE
) -> dict[Any, Any]:
    """For `ClaudeAgentOptions(hooks=...)`: every tool that `matcher` names is asked about, whatever rules allow.

    matcher: as the SDK has it, such as "Bash|Write"; None for all. What cannot be asked does not run.
    """
    asking = gate or AsyncGate()

    async def ask(said: Any, tool_use_id: str | None, _context: Any) -> dict[str, Any]:
        key = key_of(said["session_id"], tool_use_id)
        answer = await asking.ask(
            said["tool_name"], said["tool_input"], key=key, timeout=timeout, understands=(EDITED,)
        )
        decision: dict[str, Any] = {"permissionDecision": "allow" if answer.approved else "deny"}
        if not answer.approved:
            decision["permissionDecisionReason"] = why_not(answer)
        if answer.edited:
            decision["updatedInput"] = answer.edited
        return {"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}}

    seconds = seconds_of(timeout) + EARLY_SECONDS
    return {"PreToolUse": [HookMatcher(matcher=matcher, hooks=[ask], timeout=seconds, on_failure="block")]}
